"""What a compressed file says about itself; it travels inside the file."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from perception.box import CLASSES
from perception.config import SLOTS
from perception.errors import WhiteoutError

KEY = "whiteout"
"""Where the imprint stands among a file's metadata."""

INPUT = "images"
"""Name of the network's input: RGB in [0, 1], batch x 3 x height x width at the model's input size."""

Form = Literal["onnx", "int8 dynamic", "int8 static", "openvino", "tensorrt"]


class Imprint(BaseModel):
    """The card of a compressed model.

    Attributes:
        format: version of the imprint.
        form: what was made of the model.
        config: see `ModelConfig`.
        weights_hash: of the model that it was made from.
        classes, slots: what the outputs stand for, in order.
        facts: how it was made and how far its outputs are from the model's.
    """

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    form: Form
    config: dict[str, str | bool | int | float]
    weights_hash: str
    classes: tuple[str, ...] = CLASSES
    slots: tuple[int, ...] = SLOTS
    facts: dict[str, JsonValue] = {}


def read_imprint(text: str | None, where: str) -> Imprint:
    """The imprint in a file's metadata; none, a broken one or one with other classes is a `WhiteoutError`."""
    if not text:
        raise WhiteoutError(
            f"{where}: this file was not made by `whiteout compress` (its metadata has no entry {KEY!r});"
            " make one from weights with `whiteout compress`."
        )
    try:
        imprint = Imprint.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise WhiteoutError(
            f"{where}: {KEY}.{field} in its metadata is wrong ({first['msg']}); make it anew."
        ) from error
    if (imprint.classes, imprint.slots) != (CLASSES, SLOTS):
        raise WhiteoutError(f"{where}: it was made for other classes or lane slots; make it anew from its weights.")
    return imprint
