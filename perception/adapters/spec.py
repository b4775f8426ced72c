"""Which model is meant: the texts that `--model` and a plan's `models` take.

reference                       our shipped weights
FILE.safetensors                our network with other weights
FILE.onnx, FILE.xml             such a network as `whiteout compress` wrote it
onnx:FILE[,DESCRIPTION]         any ONNX file; DESCRIPTION is a YAML file (FILE's name with .yaml if left out) or the
                                name of a bundled one
torchvision:NAME[,WEIGHTS]      a torchvision detector with weights on disk; nothing is downloaded
python:MODULE:FACTORY           what FACTORY() of an importable module, or of a .py file, returns: runs that code
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from perception.errors import WhiteoutError

REFERENCE = "reference"
"""Name of the weights that are shipped with this package."""

DESCRIPTIONS = Path(__file__).parent / "descriptions"
"""Where the bundled descriptions of ONNX files lie, a YAML file each."""

FORMS = (
    "reference, FILE.safetensors, a file of `whiteout compress`, onnx:FILE[,DESCRIPTION], torchvision:NAME[,WEIGHTS]"
    " or python:MODULE:FACTORY"
)
"""Every form that a model's text may have."""

SHORT_HELP = (
    "the model: 'reference', FILE.safetensors, a file of `whiteout compress`, onnx:FILE[,YAML],"
    " torchvision:NAME[,WEIGHTS] or python:MODULE:FACTORY (this last one runs the module's code)"
)
"""For the command line."""


@dataclass(frozen=True)
class Spec:
    """A model's text, taken apart.

    Attributes:
        kind: what opens it.
        subject: weights file, ONNX file, torchvision's name, or Python module.
        detail: description or weights, or the factory; "" if left out.
    """

    kind: Literal["ours", "onnx", "torchvision", "python"]
    subject: str
    detail: str = ""

    def __str__(self) -> str:
        """The text again."""
        if self.kind == "ours":
            return self.subject
        mark = ":" if self.kind == "python" else ","
        return f"{self.kind}:{self.subject}" + (f"{mark}{self.detail}" if self.detail else "")

    @property
    def name(self) -> str:
        """What tables and reports call the model."""
        stem = Path(self.subject).stem if self.files else self.subject
        return f"{stem}:{self.detail}" if self.kind == "python" else stem

    @property
    def files(self) -> tuple[str, ...]:
        """The files that it names."""
        subject = (
            self.kind == "onnx" or self.subject.endswith(".py") or (self.kind == "ours" and self.subject != REFERENCE)
        )
        detail = self.detail and self.kind != "python" and not self._bundled
        return (*([self.subject] if subject else []), *([self.detail] if detail else []))

    @property
    def description(self) -> Path:
        """The YAML file that describes an ONNX file."""
        if not self.detail:
            return Path(self.subject).with_suffix(".yaml")
        return DESCRIPTIONS / f"{self.detail}.yaml" if self._bundled else Path(self.detail)

    def moved(self, folder: Path) -> Spec:
        """The same with relative paths starting from `folder`."""
        return self._with_files({file: str(folder / file) for file in self.files})

    def named(self) -> Spec:
        """The same with files by their names, without folders."""
        return self._with_files({file: Path(file).name for file in self.files})

    @property
    def _bundled(self) -> bool:
        return self.kind == "onnx" and bool(self.detail) and Path(self.detail).suffix not in (".yaml", ".yml")

    def _with_files(self, paths: dict[str, str]) -> Spec:
        return replace(self, subject=paths.get(self.subject, self.subject), detail=paths.get(self.detail, self.detail))


def parse_spec(text: str) -> Spec:
    """Take a model's text apart; whether its files are there is not looked at.

    Raises:
        WhiteoutError: it has none of the forms.
    """
    scheme, colon, rest = text.partition(":")
    if not colon or "/" in scheme or scheme.endswith(".safetensors"):
        if not text:
            raise WhiteoutError(f"the model's name is empty; write {FORMS}")
        return Spec("ours", text)
    if scheme == "python":
        module, mark, factory = rest.rpartition(":")
        if not (mark and module and factory.isidentifier()):
            raise WhiteoutError(f"{text}: write python:MODULE:FACTORY, such as python:my_package.models:make_detector")
        return Spec("python", module, factory)
    subject, _, detail = rest.partition(",")
    if scheme not in ("onnx", "torchvision") or not subject:
        raise WhiteoutError(f"{text}: this names no model; write {FORMS}")
    return Spec("onnx" if scheme == "onnx" else "torchvision", subject, detail)


def checked_spec(text: str) -> Spec:
    """Take a model's text apart, with absolute paths; every file that it names must be there.

    Raises:
        WhiteoutError: it has none of the forms, or a file is missing.
    """
    spec = parse_spec(text).moved(Path.cwd())
    for file in spec.files:
        if not Path(file).is_file():
            raise WhiteoutError(f"there is no model file {file}; train one with `whiteout train`, or name one of yours")
    if spec.kind == "onnx" and not spec.description.is_file():
        known = ", ".join(sorted(file.stem for file in DESCRIPTIONS.glob("*.yaml")))
        raise WhiteoutError(
            f"{spec.subject}: its description {spec.description} is missing; write one (docs/models.md says how), or"
            f" name it behind a comma: onnx:FILE,DESCRIPTION.yaml, or onnx:FILE,NAME with one of {known}"
        )
    return spec


def anchored_spec(text: str, folder: Path) -> str:
    """A model's text with relative paths starting from `folder`; as it is where it has none of the forms."""
    try:
        return str(parse_spec(text).moved(folder))
    except WhiteoutError:
        return text
