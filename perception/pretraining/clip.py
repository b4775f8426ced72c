"""Pictures and sentences in one space: a tower for each, and what belongs together nearer than all else in a batch.

Radford et al. 2021, "Learning transferable visual models from natural language supervision" (CLIP).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate, normalize

from perception.backbones import make_backbone
from perception.config import STRIDES
from perception.descriptions import vocabulary, words_of
from perception.errors import WhiteoutError
from perception.model import MEAN, STD
from perception.pretraining.sizes import check_size
from perception.vit import encoder_block
from perception.weights import load_tensors

PADDING, END, FIRST_WORD = 0, 1, 2
"""Tokens: behind the end of a sentence, its end, and the vocabulary's first word."""

LONGEST_SENTENCE = 48
"""Words that a sentence may have."""

POOLINGS = ("attention", "average")

FIRST_TEMPERATURE, LEAST_TEMPERATURE = 0.07, 0.01
"""Radford et al. 2021, section 2.5: where the temperature begins, and that logits are never scaled by more than 100."""


@dataclass(frozen=True)
class ClipConfig:
    """The shape of a `Clip`.

    Attributes:
        backbone: of the image tower, a name in `perception.backbones.BACKBONES`.
        pooling: how its last map becomes one vector, "attention" or "average".
        input_width: width to which pictures are resized [px], a multiple of 32.
        input_height: the same for the height [px].
        width: of the shared space.
        text_width: of the text tower, a multiple of 64, its heads' width.
        text_layers: its blocks.
        words: the vocabulary, separated by spaces.
    """

    backbone: str = "mobilenet_v3_large"
    pooling: str = "attention"
    input_width: int = 480
    input_height: int = 288
    width: int = 128
    text_width: int = 128
    text_layers: int = 3
    words: str = " ".join(vocabulary())

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.pooling not in POOLINGS:
            raise WhiteoutError(f"clip: pooling is '{self.pooling}'; use one of {', '.join(POOLINGS)}.")
        check_size(self.input_width, self.input_height)


class AttentionPooling(nn.Module):
    """CLIP's without its positions: the mean of all cells asks, and it and all cells answer.

    Radford et al. 2021, section 2.4.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(channels, max(channels // 64, 1), batch_first=True)

    def forward(self, features: Float[Tensor, "batch channels rows columns"]) -> Float[Tensor, "batch channels"]:
        """One vector a picture."""
        cells = features.flatten(2).mT
        mean = cells.mean(1, keepdim=True)
        asked = torch.cat([mean, cells], 1)
        pooled: Tensor = self.attention(mean, asked, asked, need_weights=False)[0]
        return pooled[:, 0]


class TextTower(nn.Module):
    """A causal transformer over words; a sentence is what it has read when the end comes."""

    def __init__(self, words: int, width: int, layers: int, out: int) -> None:
        super().__init__()
        self.words = nn.Embedding(FIRST_WORD + words, width)
        self.positions = nn.Parameter(torch.empty(LONGEST_SENTENCE + 1, width))
        self.blocks = nn.Sequential(*(encoder_block(width, max(width // 64, 1), causal=True) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, out, bias=False)
        nn.init.normal_(self.words.weight, std=0.02)
        nn.init.normal_(self.positions, std=0.01)

    def forward(self, tokens: Int[Tensor, "batch length"]) -> Float[Tensor, "batch dimensions"]:
        """One vector a sentence; what lies behind its end changes nothing."""
        read = self.norm(self.blocks(self.words(tokens) + self.positions[: tokens.shape[1]]))
        ends = (tokens == END).int().argmax(1)
        projected: Tensor = self.project(read[torch.arange(len(tokens), device=tokens.device), ends])
        return projected


class Clip(nn.Module):
    """Two towers and a temperature.

    Attributes:
        config: the model's shape.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: ClipConfig | None = None) -> None:
        super().__init__()
        self.config = config or ClipConfig()
        self.vocabulary = tuple(self.config.words.split())
        self.backbone = make_backbone(self.config.backbone)
        channels = self.backbone.channels[-1]
        average = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.pool = AttentionPooling(channels) if self.config.pooling == "attention" else average
        self.project = nn.Linear(channels, self.config.width, bias=False)
        shape = self.config.text_width, self.config.text_layers, self.config.width
        self.text = TextTower(len(self.vocabulary), *shape)
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / FIRST_TEMPERATURE)))
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)

    def forward(
        self, images: Float[Tensor, "batch 3 height width"], tokens: Int[Tensor, "batch length"]
    ) -> Float[Tensor, ""]:
        """The loss of pictures in [0, 1] and their sentences."""
        with torch.no_grad():
            self.log_scale.clamp_(max=math.log(1 / LEAST_TEMPERATURE))
        vectors = self.image_vectors(images), self.text_vectors(tokens)
        with torch.autocast(images.device.type, enabled=False):  # cosines differ in digits that bfloat16 lacks
            return contrastive_loss(*vectors, self.log_scale)

    def image_vectors(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch dimensions"]:
        """Unit vectors of RGB pictures in [0, 1] of any size."""
        size = (self.config.input_height, self.config.input_width)
        if images.shape[2:] != size:
            images = interpolate(images, size, mode="bilinear", align_corners=False, antialias=True)
        last = self.backbone((images - self.mean) / self.std)[str(STRIDES[-1])]
        return normalize(self.project(self.pool(last)).float(), dim=-1)

    def text_vectors(self, tokens: Int[Tensor, "batch length"]) -> Float[Tensor, "batch dimensions"]:
        """Unit vectors of sentences."""
        return normalize(self.text(tokens).float(), dim=-1)

    def tokens(self, texts: Sequence[str]) -> Int[Tensor, "batch length"]:
        """Sentences as numbers; words that are not in the vocabulary are left out."""
        places = {word: FIRST_WORD + index for index, word in enumerate(self.vocabulary)}
        known = [[places[word] for word in words_of(text) if word in places] for text in texts]
        rows = [[*row[:LONGEST_SENTENCE], END] for row in known]
        longest = max(len(row) for row in rows)
        return torch.tensor([[*row, *[PADDING] * (longest - len(row))] for row in rows])

    def unknown(self, text: str) -> list[str]:
        """The words of a text that this model never saw."""
        return [word for word in words_of(text) if word not in self.vocabulary]

    def encode_images(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch dimensions"]:
        """Unit vectors of pictures, without a gradient."""
        with torch.no_grad():
            return self.image_vectors(images)

    def encode_texts(self, texts: Sequence[str]) -> Float[Tensor, "batch dimensions"]:
        """Unit vectors of sentences, without a gradient.

        Raises:
            WhiteoutError: a sentence of unknown words alone.
        """
        for text in texts:
            if len(self.unknown(text)) == len(words_of(text)):
                raise WhiteoutError(f"no word of '{text}' is known to the model; its words are: {self.config.words}.")
        with torch.no_grad():
            return self.text_vectors(self.tokens(texts))


def contrastive_loss(
    images: Float[Tensor, "batch dimensions"], texts: Float[Tensor, "batch dimensions"], log_scale: Float[Tensor, ""]
) -> Float[Tensor, ""]:
    """Radford et al. 2021, figure 3: each picture among the texts, and each text among the pictures."""
    logits = log_scale.exp() * images @ texts.mT
    own = torch.arange(len(images), device=images.device)
    return (cross_entropy(logits, own) + cross_entropy(logits.mT, own)) / 2


def load_clip(path: Path) -> Clip:
    """A model in evaluation mode from a .safetensors file with its card."""
    card, tensors = load_tensors(path)
    values = {key: value for key, value in card.config.items() if key != "method"}
    if card.config.get("method") != "clip" or values.keys() != asdict(ClipConfig()).keys():
        raise WhiteoutError(f"{path}: these weights are no model of pictures and words; make one with --method clip.")
    model = Clip(ClipConfig(**values))  # type: ignore[arg-type]
    wanted = model.state_dict()
    if wanted.keys() != tensors.keys() or any(tensors[key].shape != value.shape for key, value in wanted.items()):
        raise WhiteoutError(f"{path}: the weights do not fit their card; restore both files.")
    model.load_state_dict(tensors)
    return model.eval()
