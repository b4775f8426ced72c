"""The model under test: whatever a spec names, with what it can do and what it cannot, and why.

A candidate checks what the model says (one answer per picture, known classes, finite numbers) and marks each answer
with what the model looks for at all, so that silence is never taken for "nothing there".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from perception.adapters.spec import Spec, checked_spec
from perception.box import CLASSES
from perception.compress.compressed import SUFFIXES
from perception.errors import WhiteoutError
from perception.model import LaneDetectionModel
from perception.prediction import Prediction
from perception.protocols import Detector, Images, LaneDetector


@dataclass(frozen=True, eq=False)
class Candidate:
    """A model under test; a `perception.protocols.WhiteBox` where `no_gradients` is empty.

    Attributes:
        name: what tables and reports call it.
        model: a `Detector`, a `LaneDetector` or both.
        classes: object classes that it knows; empty for a model of lane lines alone.
        has_lanes: whether it looks for lane lines.
        network: what gives gradients; None without.
        no_gradients: why there are none; "" if there are.
        no_layers: why no layer can be explained; "" if one can.
        facts: where the model comes from, for the report.
    """

    name: str
    model: Any
    classes: tuple[str, ...]
    has_lanes: bool
    network: Any
    no_gradients: str
    no_layers: str
    facts: Mapping[str, str] = field(default_factory=dict)

    def predict(self, images: Images) -> list[Prediction]:
        """What the model says about each picture, checked, and marked with what it looks for.

        Raises:
            WhiteoutError: an answer is none.
        """
        answers = list(self.model.predict(images))
        if len(answers) != len(images):
            raise WhiteoutError(f"model {self.name}: predict gave {len(answers)} answers for {len(images)} pictures")
        return [self._checked(answer) for answer in answers]

    def weights_hash(self) -> str:
        """A hash that changes with any weight."""
        return str(self.model.weights_hash())

    def _checked(self, answer: object) -> Prediction:
        if not isinstance(answer, Prediction):
            raise WhiteoutError(
                f"model {self.name}: predict gave a {type(answer).__name__}; return one"
                " perception.prediction.Prediction for each picture"
            )
        for box in answer.boxes:
            if box.label not in self.classes:
                raise WhiteoutError(
                    f"model {self.name}: it found a {box.label!r}, which its classes ({', '.join(self.classes)}) lack"
                )
            if not all(math.isfinite(value) for value in (*box.xyxy, box.score)):
                raise WhiteoutError(f"model {self.name}: a box of it is not finite ({box})")
        return replace(
            answer, lanes=answer.lanes if self.has_lanes else (), classes=self.classes, has_lanes=self.has_lanes
        )


def open_model(text: str, provider: str = "cpu") -> Candidate:
    """The model that a text names; see `perception.adapters.spec`. `provider` runs files of `whiteout compress`.

    Raises:
        WhiteoutError: it cannot be opened, or does not fit its description: which file and field, and what to do.
    """
    spec = checked_spec(text)
    if spec.kind == "ours" and Path(spec.subject).suffix.lower() in SUFFIXES:
        return _compressed(spec, provider)
    if provider != "cpu":
        raise WhiteoutError(f"{text}: --provider {provider} is for files that `whiteout compress` wrote; leave it out")
    openers = {"ours": _ours, "onnx": _onnx, "torchvision": _torchvision, "python": _python}
    return openers[spec.kind](spec)


def candidate(name: str, model: object, facts: Mapping[str, str] | None = None) -> Candidate:
    """Any object that fits the protocols, as a model under test.

    Raises:
        WhiteoutError: it fits neither, or names a class that there is not.
    """
    if not callable(getattr(model, "predict", None)) or not callable(getattr(model, "weights_hash", None)):
        raise WhiteoutError(
            f"model {name}: a {_kind(model)} has no methods predict and weights_hash; see perception/protocols.py"
        )
    classes: Sequence[str] = tuple(model.classes) if isinstance(model, Detector) else ()
    has_lanes = isinstance(model, LaneDetector) and model.slots is not None
    if not classes and not has_lanes:
        raise WhiteoutError(
            f"model {name}: it is no detector (classes) and no lane detector (slots); give it either attribute"
        )
    wrong = next((label for label in classes if label not in CLASSES), None)
    if wrong is not None:
        raise WhiteoutError(f"model {name}: its class {wrong!r} is none of {', '.join(CLASSES)}; leave it out")
    network = getattr(model, "network", None)
    no_gradients = "" if network is not None else str(getattr(model, "no_gradients", "") or "it names no network")
    layers = {} if network is None else network.explainable_layers
    no_layers = "" if layers else str(getattr(model, "no_layers", "") or no_gradients or "its network names no layers")
    ordered = tuple(label for label in CLASSES if label in classes)
    return Candidate(name, model, ordered, has_lanes, network, no_gradients, no_layers, dict(facts or {}))


def _kind(model: object) -> str:
    """What an object is called, behind what a factory's result is wrapped in."""
    return type(getattr(model, "_holder", model)).__name__


def _ours(spec: Spec) -> Candidate:
    from perception.weights import load_model, read_card

    model: LaneDetectionModel = load_model(spec.subject).requires_grad_(False)
    facts = {
        name: str(value)
        for name, value in read_card(spec.subject).facts.items()
        if isinstance(value, str | int | float)
    }
    return candidate(spec.name, model, facts)


def _compressed(spec: Spec, provider: str) -> Candidate:
    from perception.compress.compressed import load_compressed

    model = load_compressed(spec.subject, provider)
    made = {"form": model.imprint.form, "made from": model.imprint.weights_hash}
    return candidate(spec.name, model, {**made, "provider": provider})


def _onnx(spec: Spec) -> Candidate:
    from perception.adapters.onnx_model import open_onnx

    model = open_onnx(spec)
    return candidate(spec.name, model, {"source": model.description.source or "not stated", "format": "ONNX"})


def _torchvision(spec: Spec) -> Candidate:
    from perception.adapters.torchvision_model import open_torchvision

    return candidate(spec.name, open_torchvision(spec), {"source": f"torchvision {spec.subject}"})


def _python(spec: Spec) -> Candidate:
    from perception.adapters.python_model import open_python

    return candidate(spec.name, open_python(spec), {"source": f"{spec.named()}"})
