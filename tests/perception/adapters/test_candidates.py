"""Models from Python and torchvision, and MAITE both ways, as its own checks see them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import maite.protocols.object_detection as od
import numpy as np
import pytest
import torch
from maite.spotcheck import SpotcheckError, spotcheck_component
from maite.tasks import predict
from torchvision.models.detection import ssdlite320_mobilenet_v3_large

from perception.adapters.candidate import candidate, open_model
from perception.adapters.maite import FromMaite, ToMaite, ToMaiteDataset
from perception.box import CLASSES
from perception.drive import Drive
from perception.errors import WhiteoutError
from perception.inference import evaluate_model
from perception.model import LaneDetectionModel
from perception.prediction import Detection, LanePrediction, Prediction

CODE = '''
import numpy as np
from perception.prediction import Detection, LanePrediction, Prediction

class Cars:
    """No base class; takes its pictures as arrays."""

    classes = ("car",)

    def predict(self, images):
        surest = [float(np.asarray(image).mean()) for image in images]
        return [Prediction((Detection("car", (0.0, 0.0, 4.0, 4.0), score),)) for score in surest]

class Lines:
    slots = ()

    def predict(self, images):
        return [Prediction((), (LanePrediction(np.array([[1.0, 9.0], [2.0, 1.0]]), 0.5),)) for _ in images]

class Liar(Cars):
    def predict(self, images):
        return [Prediction((Detection("truck", (0.0, 0.0, 4.0, 4.0), 0.5),)) for _ in images]

def fails():
    raise ValueError("no such file")

mute = object
'''

PICTURE = torch.full((1, 3, 32, 48), 0.25)


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A module of a user's."""
    path = tmp_path / "theirs.py"
    path.write_text(CODE)
    return path


def test_a_detector_needs_no_base_class(module: Path) -> None:
    model = open_model(f"python:{module}:Cars")
    said = model.predict(PICTURE)[0]
    assert said.boxes == (Detection("car", (0.0, 0.0, 4.0, 4.0), 0.25),)
    assert (said.classes, said.has_lanes) == (("car",), False)
    assert model.no_gradients == model.no_layers == "it names no network"
    assert model.predict(PICTURE.numpy())[0] == said


def test_a_lane_detector_says_nothing_of_objects(module: Path) -> None:
    said = open_model(f"python:{module}:Lines").predict(PICTURE)[0]
    assert (len(said.lanes), said.classes, said.has_lanes) == (1, (), True)


def test_the_hash_of_a_python_model_sees_its_source(module: Path) -> None:
    first = open_model(f"python:{module}:Cars").weights_hash()
    assert open_model(f"python:{module}:Cars").weights_hash() == first
    module.write_text(CODE + "\n# another line\n")
    assert open_model(f"python:{module}:Cars").weights_hash() != first


@pytest.mark.parametrize(
    ("factory", "words"),
    [
        ("Liar", "found a 'truck', which its classes .car. lack"),
        ("fails", r"the factory failed \(ValueError: no such file\)"),
        ("nothing", "has no function 'nothing'"),
        ("mute", "a object has no methods predict and weights_hash"),
    ],
)
def test_what_a_factory_does_wrong_is_a_sentence(module: Path, factory: str, words: str) -> None:
    with pytest.raises(WhiteoutError, match=words):
        open_model(f"python:{module}:{factory}").predict(PICTURE)


def test_a_module_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(WhiteoutError, match="the module cannot be imported"):
        open_model("python:no_such_module_anywhere:make")


def test_our_own_model_fits_the_protocols_and_keeps_its_answers() -> None:
    torch.manual_seed(0)
    network = LaneDetectionModel().eval()
    model = candidate("ours", network)
    picture = torch.rand(1, 3, 96, 160, generator=torch.Generator().manual_seed(0))
    mine, theirs = model.predict(picture)[0], network.predict(picture)[0]
    assert mine.boxes == theirs.boxes
    assert (model.classes, model.has_lanes, model.no_gradients, model.no_layers) == (CLASSES, True, "", "")
    assert network.predict(picture.numpy())[0].boxes == theirs.boxes


def test_torchvision_weights_come_from_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    name = "ssdlite320_mobilenet_v3_large"
    with pytest.raises(WhiteoutError, match=r"its weights .*ssdlite320.*\.pth are missing, and nothing is downloaded"):
        open_model(f"torchvision:{name}")
    with pytest.raises(WhiteoutError, match=r"there is no such detector; write one of .*ssd300_vgg16"):
        open_model("torchvision:resnet18")
    torch.manual_seed(0)
    network = ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None).eval()
    torch.save(network.state_dict(), tmp_path / "w.pth")
    model = open_model(f"torchvision:{name},{tmp_path / 'w.pth'}")
    assert model.classes == CLASSES
    assert model.predict(PICTURE)[0].has_lanes is False
    assert "finished boxes" in model.no_gradients
    with pytest.raises(
        WhiteoutError, match=r"w\.pth: these are not the weights of fcos_resnet50_fpn \(.* is missing or not known\)"
    ):
        open_model(f"torchvision:fcos_resnet50_fpn,{tmp_path / 'w.pth'}")
    torch.save(network, tmp_path / "whole.pth")
    with pytest.raises(WhiteoutError, match=r"whole\.pth: these are no plain weights"):
        open_model(f"torchvision:{name},{tmp_path / 'whole.pth'}")


class TheirModel:
    """A MAITE model of somebody's: one box, in corners, with a score for each of its labels."""

    def __init__(self) -> None:
        self.metadata = {"id": "theirs", "index2label": {0: "person", 1: "zebra", 2: "car"}}
        self.seen: list[np.ndarray] = []

    def __call__(self, batch: list[np.ndarray]) -> list[Any]:
        self.seen = list(batch)
        boxes = np.array([[0.0, 0.0, 4.0, 4.0], [1.0, 1.0, 9.0, 9.0], [2.0, 2.0, 8.0, 8.0]])
        scores = np.array([[0.1, 0.0, 0.7], [0.0, 0.9, 0.0], [0.8, 0.0, 0.1]])
        return [SimpleNamespace(boxes=boxes, labels=np.array([2, 1, 0]), scores=scores) for _ in batch]


def test_maite_checks_our_model_and_our_drives(drive: Drive) -> None:
    torch.manual_seed(0)
    model = ToMaite(LaneDetectionModel().eval(), "ours")
    dataset = ToMaiteDataset(drive)
    assert isinstance(model, od.Model)
    assert isinstance(dataset, od.Dataset)
    found, _ = predict(
        model=spotcheck_component(od.Model)(model), dataset=spotcheck_component(od.Dataset)(dataset), batch_size=2
    )
    assert sum(len(batch) for batch in found) == len(drive)
    picture, truth, facts = dataset[1]
    assert picture.shape == (3, *drive[1].image.shape[:2])
    assert facts["id"] == drive[1].name
    assert truth.boxes.shape == (len(truth.labels), 4)
    with pytest.raises(IndexError):
        dataset[len(drive)]


def test_a_model_with_another_shape_of_answer_fails_maites_check(drive: Drive) -> None:
    """The check can fail: scores of another number than boxes are told."""

    class Wrong(ToMaite):
        def __call__(self, batch: object, /) -> list[Any]:
            del batch
            return [SimpleNamespace(boxes=np.zeros((1, 4)), labels=np.zeros(1, np.int64), scores=np.zeros(3))]

    wrong = Wrong(LaneDetectionModel().eval(), "wrong")
    with pytest.raises(SpotcheckError):
        spotcheck_component(od.Model)(wrong)([ToMaiteDataset(drive)[0][0]])


def test_a_maite_model_is_tested_as_any_other(drive: Drive, tmp_path: Path) -> None:
    theirs = TheirModel()
    assert isinstance(theirs, od.Model)
    model = FromMaite(theirs)
    assert model.classes == ("car", "pedestrian")
    said = model.predict(PICTURE)[0]
    assert [(box.label, box.score) for box in said.boxes] == [("pedestrian", 0.8), ("car", 0.7)]
    assert theirs.seen[0].dtype == np.uint8
    assert theirs.seen[0].shape == (3, 32, 48)
    assert int(theirs.seen[0][0, 0, 0]) == 64
    figures = evaluate_model(model, [drive], progress=False).to_dict()
    assert figures["lane_tp"] is None
    (tmp_path / "m.py").write_text("from tests.perception.adapters.test_candidates import TheirModel as make\n")
    assert open_model(f"python:{tmp_path / 'm.py'}:make").classes == ("car", "pedestrian")


def test_there_and_back_a_model_says_the_same() -> None:
    class Cars:
        classes = CLASSES

        def predict(self, images: Any) -> list[Prediction]:
            return [Prediction((Detection("bus", (1.0, 2.0, 3.0, 4.0), float(one.mean())),)) for one in images]

    back = FromMaite(ToMaite(Cars(), "cars"))
    assert back.predict(PICTURE)[0].boxes[0].score == pytest.approx(64 / 255)
    assert back.predict(PICTURE)[0].boxes[0].xyxy == (1.0, 2.0, 3.0, 4.0)


@pytest.mark.parametrize(
    ("picture", "words"),
    [(np.full((3, 4, 4), 255.0), "reach 255"), (np.zeros((4, 4, 3), np.uint8), "3 x height x width")],
)
def test_pictures_of_another_kind_are_refused(picture: np.ndarray, words: str) -> None:
    with pytest.raises(WhiteoutError, match=words):
        ToMaite(LaneDetectionModel(), "ours")([picture])


def test_a_maite_model_without_labels_is_a_sentence() -> None:
    class Mute:
        def __init__(self) -> None:
            self.metadata = {"id": "mute"}

        def __call__(self, batch: object) -> list[Any]:
            del batch
            return []

    with pytest.raises(WhiteoutError, match="mute: its metadata lack index2label"):
        FromMaite(Mute())


def test_a_lane_prediction_of_a_detector_is_dropped() -> None:
    class Both:
        classes = ("car",)

        def predict(self, images: Any) -> list[Prediction]:
            return [Prediction((), (LanePrediction(np.zeros((2, 2)), 1.0),)) for _ in images]

        def weights_hash(self) -> str:
            return "0"

    assert candidate("both", Both()).predict(PICTURE)[0].lanes == ()
