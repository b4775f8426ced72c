"""The texts that name a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from perception.adapters.description import read_description
from perception.adapters.spec import DESCRIPTIONS, anchored_spec, checked_spec, parse_spec
from perception.errors import WhiteoutError


@pytest.mark.parametrize(
    ("text", "kind", "name", "files"),
    [
        ("reference", "ours", "reference", ()),
        ("mine/w.safetensors", "ours", "w", ("mine/w.safetensors",)),
        ("mine/car-int8.onnx", "ours", "car-int8", ("mine/car-int8.onnx",)),
        ("car.xml", "ours", "car", ("car.xml",)),
        ("onnx:m/best.onnx", "onnx", "best", ("m/best.onnx",)),
        ("onnx:m/best.onnx,twinlitenet", "onnx", "best", ("m/best.onnx",)),
        ("onnx:m/best.onnx,other/d.yaml", "onnx", "best", ("m/best.onnx", "other/d.yaml")),
        ("torchvision:ssd300_vgg16", "torchvision", "ssd300_vgg16", ()),
        ("torchvision:ssd300_vgg16,w.pth", "torchvision", "ssd300_vgg16", ("w.pth",)),
        ("python:pkg.models:make", "python", "pkg.models:make", ()),
        ("python:here/models.py:make", "python", "models:make", ("here/models.py",)),
    ],
)
def test_a_text_is_taken_apart_and_put_together(text: str, kind: str, name: str, files: tuple[str, ...]) -> None:
    spec = parse_spec(text)
    assert (spec.kind, spec.name, spec.files) == (kind, name, files)
    assert str(spec) == text
    moved = str(spec.moved(Path("/there")))
    assert moved.count("/there") == len(files)
    assert anchored_spec(text, Path("/there")) == moved
    assert str(parse_spec(moved).named()) == str(spec.named())
    assert "/" not in str(spec.named())


@pytest.mark.parametrize("text", ["", "onnx:", "tensorflow:x.pb", "python:make", "python:pkg:1x"])
def test_a_text_of_no_form_is_a_sentence(text: str) -> None:
    with pytest.raises(WhiteoutError, match="write "):
        parse_spec(text)


def test_missing_files_and_descriptions_are_named(tmp_path: Path) -> None:
    with pytest.raises(WhiteoutError, match=r"there is no model file .*none\.onnx"):
        checked_spec(f"onnx:{tmp_path}/none.onnx")
    (tmp_path / "m.onnx").write_bytes(b"x")
    with pytest.raises(WhiteoutError, match=r"description .*m\.yaml is missing.*twinlitenet"):
        checked_spec(f"onnx:{tmp_path}/m.onnx")
    with pytest.raises(WhiteoutError, match=r"description .*nothing\.yaml is missing"):
        checked_spec(f"onnx:{tmp_path}/m.onnx,nothing")
    assert checked_spec(f"onnx:{tmp_path}/m.onnx,yolov8").description == DESCRIPTIONS / "yolov8.yaml"


def test_every_bundled_description_is_valid() -> None:
    names = {file.stem for file in DESCRIPTIONS.glob("*.yaml")}
    assert {"yolox", "yolov5", "yolov8", "yolop", "twinlitenet", "ufld_culane", "ufld_tusimple"} <= names
    for name in names:
        described = read_description(DESCRIPTIONS / f"{name}.yaml")
        assert described.objects or described.lanes


def test_the_examples_in_the_docs_are_valid(tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / "docs" / "models.md").read_text()
    examples = [block.removeprefix("yaml\n") for block in text.split("```") if block.startswith("yaml\ninput")]
    assert len(examples) >= 2
    for example in examples:
        (tmp_path / "d.yaml").write_text(example)
        read_description(tmp_path / "d.yaml")
