# Two commands do everything on a fresh machine with Python 3.11: `make report` and `make test`.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
OUT    ?= out/report
WORKERS ?= $(shell nproc)

.PHONY: help install report test lint fmt serve bench memory drives weights pictures study-picture clean
.DEFAULT_GOAL := help

help:  ## Say what each target does
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1|/' | column -t -s '|'

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable '.[test,lint]'
	@touch $@

install: $(VENV)/.installed  ## Make .venv with everything in it (about 3 minutes, 7 GB)

report: install  ## Play the scenarios, attack and audit the reference model, write $(OUT)/report.html
	@$(BIN)/whiteout report --out $(OUT) --workers $(WORKERS); verdict=$$?; \
	case $$verdict in 0|1|3) echo "verdict code $$verdict (0 pass, 1 fail, 3 inconclusive): open $(OUT)/report.html";; *) exit $$verdict;; esac

test: install  ## Run the tests
	$(BIN)/python -m pytest

lint: install  ## What CI checks besides the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

fmt: install  ## Format and mend what can be mended by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

serve: install  ## A CARLA server on port 2000, for any carla 0.9.16 client
	$(BIN)/whiteout serve --port 2000

bench: install  ## Frames, ticks and attack steps per second
	$(BIN)/python -m tests.bench

memory: install  ## Resident memory of a renderer after 100 and after 2,000 frames (about 5 minutes)
	$(BIN)/python -m tests.memory

drives: install  ## Render the drives that the reference model learns from and is held against (about 40 minutes)
	$(BIN)/python -m scenarios.reference_drives --out drives --workers $(WORKERS)

weights: drives  ## Train the shipped reference weights anew (about an hour), score them on drives kept for this alone
	$(BIN)/whiteout train drives/train/* --val drives/val/* --out drives/reference.safetensors \
	    --size 384x224 --steps 6000 --batch 8 --seed 0 --threads 2 --resume
	$(BIN)/whiteout evaluate --model drives/reference.safetensors drives/test/* --json drives/test.json
	cp drives/reference.safetensors drives/reference.json perception/weights/

pictures: install  ## Draw contact sheets of all weathers into docs/pictures (MAPS=... for OpenDRIVE files besides our own)
	$(BIN)/python -m robustness.studies.contact_sheet country_road small_town $(MAPS)

study-picture: install  ## Let public models read our pictures: MODELS=folder [MAPS=files] [PHOTOS=folder]; about an hour
	$(BIN)/pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable '.[study]'
	$(BIN)/python -m robustness.studies.picture --models $(MODELS) --workers $(WORKERS) $(if $(MAPS),--maps $(MAPS)) $(if $(PHOTOS),--photos $(PHOTOS))

clean:  ## Remove what the targets made, the virtual environment included
	rm -rf $(VENV) out drives build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
