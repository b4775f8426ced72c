"""Boxes from the raw outputs of the YOLO family, and detections from boxes.

Every layout becomes an `ObjectEvidence`: YOLOX (Ge et al. 2021; rows relative to the cells of strides 8, 16, 32),
YOLOv5 and YOLOP (x, y, w, h in input pixels, objectness, classes), YOLOv8 (the same transposed, without objectness).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torchvision.ops import batched_nms

from perception.adapters.description import Objects
from perception.adapters.picture import Placement
from perception.errors import WhiteoutError
from perception.evidence import ObjectEvidence
from perception.prediction import Detection

LEAST_CONFIDENCE = 1e-12
"""Confidences are held above this before their logarithm is taken."""

MOST_CANDIDATES, MOST_DETECTIONS = 1000, 100
"""Boxes that enter non-maximum suppression, and that are kept, per picture."""


def read_objects(raw: Tensor, how: Objects, place: Placement, where: str) -> ObjectEvidence:
    """The evidence for objects in a raw output.

    Raises:
        WhiteoutError: the output has another shape than the decoder takes; `where` names the file and field.
    """
    rows = _rows(raw, how, where)
    with_objectness = how.decoder != "yolov8"
    first_class = 5 if with_objectness else 4
    _check_classes(rows.shape[2] - first_class, how, raw, where)
    centre, size = rows[..., :2], rows[..., 2:4]
    if how.decoder == "yolox":
        centre, size = _from_cells(centre, size, how, place, where)
    low, high = centre - size / 2, centre + size / 2
    boxes = torch.stack([place.x(low[..., 0]), place.y(low[..., 1]), place.x(high[..., 0]), place.y(high[..., 1])], -1)
    confidence = rows[..., first_class:]
    if with_objectness:
        confidence = confidence * rows[..., 4:5]
    by_class = [
        confidence[..., [number for number, name in how.places.items() if name == label]].amax(-1)
        for label in how.known
    ]
    return ObjectEvidence(boxes, torch.stack(by_class, -1).clamp(min=LEAST_CONFIDENCE).log(), how.known)


def decode_boxes(
    evidence: ObjectEvidence, index: int, picture_size: tuple[int, int], score: float, nms_iou: float
) -> tuple[Detection, ...]:
    """Detections in picture `index`, best first, after non-maximum suppression by class; clipped to the picture."""
    confidence = evidence.log_confidence[index].exp()
    values, place = confidence.flatten().sort(descending=True, stable=True)
    kept = min(int((values > score).sum()), MOST_CANDIDATES)
    values, place = values[:kept], place[:kept]
    location, label = place // len(evidence.classes), place % len(evidence.classes)
    corners = evidence.boxes[index][location]
    best = batched_nms(corners, values, label, nms_iou)[:MOST_DETECTIONS]
    height, width = picture_size
    clipped = corners[best].clamp(min=0).minimum(corners.new_tensor([width, height, width, height]))
    return tuple(
        Detection(evidence.classes[number], (box[0], box[1], box[2], box[3]), value)
        for number, box, value in zip(label[best].tolist(), clipped.tolist(), values[best].tolist(), strict=True)
        if box[2] > box[0] and box[3] > box[1]
    )


def box_evidence(evidence: ObjectEvidence, index: int, detection: Detection) -> Float[Tensor, ""]:
    """The log-confidence behind a detection: of the surest location whose box is the detection's."""
    label = evidence.classes.index(detection.label)
    with torch.no_grad():
        wanted = evidence.boxes.new_tensor(detection.xyxy)
        away = (evidence.boxes[index] - wanted).abs().amax(-1)
        fits = away <= away.min() + 1.0
        location = int(evidence.log_confidence[index, :, label].masked_fill(~fits, -torch.inf).argmax())
    return evidence.log_confidence[index, location, label]


def _rows(raw: Tensor, how: Objects, where: str) -> Float[Tensor, "batch n values"]:
    """One row per box: a transposed output is turned."""
    if raw.ndim != 3:
        raise WhiteoutError(
            f"{where}: the output has the shape {list(raw.shape)}, but decoder {how.decoder} takes three axes; name"
            " another output or decoder"
        )
    return raw.transpose(1, 2) if how.decoder == "yolov8" else raw


def _check_classes(found: int, how: Objects, raw: Tensor, where: str) -> None:
    wanted = how.class_count
    least = max(how.places) + 1
    if found < least or (wanted is not None and found != wanted):
        asked = f"{wanted}" if wanted is not None else f"at least {least}"
        raise WhiteoutError(
            f"{where}: the output has the shape {list(raw.shape)}, which holds {max(found, 0)} classes for decoder"
            f" {how.decoder}, but {asked} are described; correct classes, decoder or output"
        )


def _from_cells(
    offset: Tensor, log_size: Tensor, how: Objects, place: Placement, where: str
) -> tuple[Float[Tensor, "batch n 2"], Float[Tensor, "batch n 2"]]:
    """YOLOX's centre and size [input px] from offsets and logarithms relative to the cells of all strides."""
    grids, strides = [], []
    for stride in how.strides:
        rows, columns = place.canvas[0] // stride, place.canvas[1] // stride
        ys, xs = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        grids.append(torch.stack([xs, ys], -1).reshape(-1, 2))
        strides.append(torch.full((rows * columns, 1), stride))
    grid, stride_of = torch.cat(grids).to(offset), torch.cat(strides).to(offset)
    if len(grid) != offset.shape[1]:
        raise WhiteoutError(
            f"{where}: the output has {offset.shape[1]} rows, but strides {list(how.strides)} of a"
            f" {place.canvas[1]} x {place.canvas[0]} input make {len(grid)}; correct strides or the input's size"
        )
    return (offset + grid) * stride_of, log_size.exp() * stride_of
