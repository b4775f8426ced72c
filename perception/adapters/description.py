"""The YAML beside an ONNX file: what the network takes and how its outputs read. Plain values; nothing in it runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from perception.box import CLASSES
from perception.yaml_file import read_yaml

COCO: Mapping[int, str] = {0: "pedestrian", 1: "bicycle", 2: "car", 3: "motorcycle", 5: "bus", 7: "truck"}
"""Our classes among COCO's 80 (Lin et al. 2014), by their places in an 80-class output."""

BDD100K: Mapping[int, str] = {0: "pedestrian", 2: "car", 3: "truck", 4: "bus", 6: "motorcycle", 7: "bicycle"}
"""Our classes among BDD100K's ten (Yu et al. 2020) in the order of its label format; 1 is "rider"."""

CLASS_LISTS: Mapping[str, tuple[Mapping[int, str], int]] = {"coco": (COCO, 80), "bdd100k": (BDD100K, 10)}
"""Class lists by name, each with how many classes an output must have."""

TUSIMPLE_ROWS: tuple[float, ...] = tuple(float(row) for row in range(64, 288, 4))
CULANE_ROWS: tuple[float, ...] = (
    121.0, 131.0, 141.0, 150.0, 160.0, 170.0, 180.0, 189.0, 199.0,
    209.0, 219.0, 228.0, 238.0, 248.0, 258.0, 267.0, 277.0, 287.0,
)  # fmt: skip
ROW_LISTS: Mapping[str, tuple[float, ...]] = {"tusimple": TUSIMPLE_ROWS, "culane": CULANE_ROWS}
"""Row anchors of Ultra-Fast-Lane-Detection's published models [px of a 288 px high picture], from the top down."""

ROWS_HEIGHT = 288.0
"""Height of the picture that row anchors are counted in [px]."""

Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Triple = Annotated[tuple[float, float, float], Field(strict=False)]


class Strict(BaseModel):
    """Base of every part: immutable, no unknown keys, no silent conversions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Input(Strict):
    """What the network takes.

    Attributes:
        name: of the ONNX input; the file's only one if left out.
        width, height: to which pictures are brought [px].
        channels: order of the colours.
        layout: order of the axes.
        range: the value of white before `mean` and `std`: 1 or 255.
        mean, std: subtracted, then divided by, per channel in the order of `channels`.
        resize: "stretch" to the size, or "letterbox": keep the shape and fill the rest with the grey level `pad` (0 to
            255).
        anchor: where a letterboxed picture lies.
        antialias: whether shrinking averages all pixels (Pillow's way) or only the nearest four (OpenCV's way).
    """

    name: str | None = None
    width: Positive
    height: Positive
    channels: Literal["RGB", "BGR"]
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    range: Literal[1, 255]
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)
    resize: Literal["stretch", "letterbox"] = "stretch"
    pad: Annotated[int, Field(ge=0, le=255)] = 114
    anchor: Literal["top_left", "center"] = "center"
    antialias: bool = False

    @model_validator(mode="after")
    def _can_divide(self) -> Input:
        if not all(value > 0 for value in self.std):
            raise ValueError(f"std is {list(self.std)}, but each must be above 0")
        return self


class Objects(Strict):
    """How boxes read.

    Attributes:
        decoder: "yolox": rows of x, y, w, h relative to cells, objectness, classes (1 x n x 5+classes); "yolov5": the
            same in input pixels; "yolov8": without objectness, 1 x 4+classes x n; "yolop": YOLOP's `det_out`, as
            "yolov5" with the one class car.
        output: the ONNX output's name; the file's only one if left out.
        classes: "coco", "bdd100k", or our class by its place among the model's own.
        strides: of yolox's levels, in the order of its rows [px].
        score: least confidence of a detection.
        nms_iou: of two boxes of one class that overlap more, the weaker one is dropped.
    """

    decoder: Literal["yolox", "yolov5", "yolov8", "yolop"]
    output: str | None = None
    classes: Literal["coco", "bdd100k"] | dict[Annotated[int, Field(ge=0)], str] | None = None
    strides: Annotated[tuple[Positive, ...], Field(min_length=1, strict=False)] = (8, 16, 32)
    score: Share = 0.05
    nms_iou: Share = 0.45

    @model_validator(mode="after")
    def _classes_known(self) -> Objects:
        if self.classes is None and self.decoder != "yolop":
            raise ValueError("classes is missing; write coco, bdd100k, or a place and our class such as {0: car}")
        if isinstance(self.classes, dict):
            if not self.classes:
                raise ValueError("classes is empty; write a place and our class such as {0: car}")
            wrong = next((name for name in self.classes.values() if name not in CLASSES), None)
            if wrong is not None:
                raise ValueError(f"classes names {wrong!r}, which is none of {', '.join(CLASSES)}")
        return self

    @property
    def places(self) -> Mapping[int, str]:
        """Our class by place among the model's own."""
        if self.classes is None:
            return {0: "car"}
        return self.classes if isinstance(self.classes, dict) else CLASS_LISTS[self.classes][0]

    @property
    def class_count(self) -> int | None:
        """How many classes the output must have; None if any number that holds all places will do."""
        if self.classes is None:
            return 1
        return CLASS_LISTS[self.classes][1] if isinstance(self.classes, str) else None

    @property
    def known(self) -> tuple[str, ...]:
        """Our classes that the model knows, in our order."""
        return tuple(name for name in CLASSES if name in self.places.values())


class Lanes(Strict):
    """How lane lines read.

    Attributes:
        decoder: "segmentation": a score per pixel (1 x 2 x h x w: logits of none and line; or 1 x 1 x h x w);
            "twinlitenet": the same, as that model gives it in `ll`; "yolop": YOLOP's `lane_line_seg`, which are the
            same two after a sigmoid each; "ufld": Ultra-Fast-Lane-Detection's 1 x cells+1 x rows x lines.
        output: the ONNX output's name; the file's only one if left out.
        activation: of a one-channel segmentation: "probability" 0 to 1, or "logit".
        row_anchors: of ufld: "tusimple", "culane", or heights from the top down [px of a 288 px high picture].
    """

    decoder: Literal["segmentation", "twinlitenet", "yolop", "ufld"]
    output: str | None = None
    activation: Literal["probability", "logit"] = "probability"
    row_anchors: Literal["tusimple", "culane"] | Annotated[tuple[float, ...], Field(strict=False)] | None = None

    @model_validator(mode="after")
    def _rows_known(self) -> Lanes:
        if (self.row_anchors is not None) != (self.decoder == "ufld"):
            raise ValueError(
                "row_anchors belongs to the decoder ufld and to no other; write tusimple, culane or heights"
            )
        if len(self.rows) > 1 and list(self.rows) != sorted(set(self.rows)):
            raise ValueError("row_anchors must rise from the top of the picture down")
        return self

    @property
    def rows(self) -> tuple[float, ...]:
        """Row anchors [px of a 288 px high picture]."""
        return ROW_LISTS[self.row_anchors] if isinstance(self.row_anchors, str) else self.row_anchors or ()


class GradCam(Strict):
    """Which layers Grad-CAM may use.

    Attributes:
        layers: names of ONNX nodes that give one feature map (1 x channels x h x w), the default first.
    """

    layers: Annotated[tuple[str, ...], Field(min_length=1, strict=False)]


class Description(Strict):
    """The whole file.

    Attributes:
        source: where the model comes from, for the report; may be left out.
        input: what the network takes.
        objects, lanes: how its outputs read; at least one.
        grad_cam: which layers may be explained; left out, the model is not audited.
    """

    source: str = ""
    input: Input
    objects: Objects | None = None
    lanes: Lanes | None = None
    grad_cam: GradCam | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Description:
        if self.objects is None and self.lanes is None:
            raise ValueError("neither objects nor lanes is described; add at least one")
        return self


PARTS: dict[str, type[BaseModel]] = {
    "": Description, "input": Input, "objects": Objects, "lanes": Lanes, "grad_cam": GradCam,
}  # fmt: skip
"""Which part of a description a key holds."""


def read_description(path: Path) -> Description:
    """Read and check a description.

    Raises:
        WhiteoutError: the file, the line and the field at fault, and what to write instead.
    """
    return read_yaml(path, Description, "a description", PARTS)
