"""The settings that fix a model's shape; they travel in the card beside its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from perception.errors import WhiteoutError

STRIDES: tuple[int, int, int] = (8, 16, 32)
"""Input pixels per cell of the three pyramid levels."""

SLOTS: tuple[int, ...] = (-2, -1, 1, 2)
"""Lane slots that a model tells apart, left to right; see `Lane.slot`."""


@dataclass(frozen=True)
class ModelConfig:
    """The shape of a `LaneDetectionModel`.

    Attributes:
        backbone: a name in `perception.backbones.BACKBONES`.
        input_width: width to which pictures are resized inside the model [px], a multiple of 32.
        input_height: the same for the height [px].
        pyramid_channels: channels of the pyramid and the heads, a multiple of 16.
        tower_convs: 3 x 3 convolutions in each of the object head's two towers.
        score_threshold: least confidence of a predicted box.
        lane_threshold: least existence probability of a lane line in a row.
        object_attributes: whether objects get a distance band and an occlusion.
        lane_attributes: whether lines get a kind, a colour and a visibility.
        score_temperature: of the boxes' confidences, see `perception.calibration`; 1 leaves them as they are.
    """

    backbone: str = "mobilenet_v3_large"
    input_width: int = 480
    input_height: int = 288
    pyramid_channels: int = 96
    tower_convs: int = 2
    score_threshold: float = 0.05
    lane_threshold: float = 0.5
    object_attributes: bool = False
    lane_attributes: bool = False
    score_temperature: float = 1.0

    def __post_init__(self) -> None:
        """Refuse sizes that the pyramid cannot have."""
        for name in ("input_width", "input_height"):
            if getattr(self, name) < 64 or getattr(self, name) % STRIDES[-1]:
                raise WhiteoutError(
                    f"model configuration: {name} is {getattr(self, name)}; use a multiple of 32 from 64."
                )
        if self.pyramid_channels < 16 or self.pyramid_channels % 16:
            raise WhiteoutError(
                f"model configuration: pyramid_channels is {self.pyramid_channels}; use a multiple of 16."
            )
        if not self.score_temperature > 0:
            raise WhiteoutError(
                f"model configuration: score_temperature is {self.score_temperature}; use a number above 0."
            )

    @property
    def rows(self) -> int:
        """Lane row anchors, one per row of stride-8 cells."""
        return self.input_height // STRIDES[0]

    @property
    def columns(self) -> int:
        """Cells of a lane row."""
        return self.input_width // STRIDES[0]

    def to_dict(self) -> dict[str, str | bool | int | float]:
        """As plain values, for the card."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, object], where: str) -> ModelConfig:
        """From a card's values; a missing, unknown or wrong one is a `WhiteoutError` that names `where` and the key."""
        kinds = {entry.name: type(entry.default) for entry in fields(cls)}
        for key, value in values.items():
            if key not in kinds:
                raise WhiteoutError(f"{where}: config.{key} is not known to this version; use weights made for it.")
            if not isinstance(value, kinds[key]):
                raise WhiteoutError(
                    f"{where}: config.{key} is {value!r} but must be {kinds[key].__name__}; correct it."
                )
        return cls(**values)  # type: ignore[arg-type]
