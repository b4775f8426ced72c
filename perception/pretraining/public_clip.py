"""A model of pictures and words that the user has on disk, in the formats of open_clip and of transformers.

Both packages are optional and imported here alone; nothing is downloaded, and pickled weights are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn.functional import normalize

from perception.errors import WhiteoutError
from perception.pretraining.clip import load_clip
from perception.pretraining.retrieval import PictureWords

OPEN_CLIP, TRANSFORMERS = "open_clip:", "transformers:"
"""What the name of such a model begins with; its folder follows."""


class OpenClip:
    """A folder with `open_clip_config.json` and `open_clip_model.safetensors`."""

    def __init__(self, folder: Path) -> None:
        package = _package("open_clip", "open_clip_torch")
        _require(folder, "open_clip_config.json")
        _refuse_pickles(folder, "open_clip_model.safetensors")  # beside others, open_clip takes a pickle first
        self._model, self._prepare = package.create_model_from_pretrained(f"local-dir:{folder}")
        self._model.eval()
        self._tokens = package.get_tokenizer(f"local-dir:{folder}")

    @torch.no_grad()
    def encode_images(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch dimensions"]:
        """Unit vectors of RGB pictures in [0, 1]."""
        pictures = torch.stack([self._prepare(picture) for picture in _pictures(images)])
        return normalize(self._model.encode_image(pictures).float(), dim=-1)

    @torch.no_grad()
    def encode_texts(self, texts: Sequence[str]) -> Float[Tensor, "batch dimensions"]:
        """Unit vectors of sentences."""
        return normalize(self._model.encode_text(self._tokens(list(texts))).float(), dim=-1)


class TransformersClip:
    """A folder as `CLIPModel.save_pretrained` and `CLIPProcessor.save_pretrained` write it."""

    def __init__(self, folder: Path) -> None:
        package = _package("transformers", "transformers")
        _require(folder, "config.json")
        _refuse_pickles(folder, "*.safetensors")
        offline = {"local_files_only": True}
        towers = (package.CLIPVisionModelWithProjection, package.CLIPTextModelWithProjection)
        self._vision, self._text = (
            kind.from_pretrained(str(folder), use_safetensors=True, **offline).eval() for kind in towers
        )
        self._processor = package.CLIPProcessor.from_pretrained(str(folder), **offline)

    @torch.no_grad()
    def encode_images(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch dimensions"]:
        """Unit vectors of RGB pictures in [0, 1]."""
        given = self._processor(images=_pictures(images), return_tensors="pt")
        return normalize(self._vision(**given).image_embeds.float(), dim=-1)

    @torch.no_grad()
    def encode_texts(self, texts: Sequence[str]) -> Float[Tensor, "batch dimensions"]:
        """Unit vectors of sentences."""
        given = self._processor(text=list(texts), return_tensors="pt", padding=True, truncation=True)
        return normalize(self._text(**given).text_embeds.float(), dim=-1)


def load_picture_words(name: str) -> PictureWords:
    """A model by `open_clip:FOLDER`, by `transformers:FOLDER`, or by a weights file of our own."""
    if name.startswith(OPEN_CLIP):
        return OpenClip(Path(name.removeprefix(OPEN_CLIP)))
    if name.startswith(TRANSFORMERS):
        return TransformersClip(Path(name.removeprefix(TRANSFORMERS)))
    return load_clip(Path(name))


def _pictures(images: Float[Tensor, "batch 3 height width"]) -> list[Image.Image]:
    pixels = images.mul(255).round().clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()
    return [Image.fromarray(np.ascontiguousarray(picture)) for picture in pixels]


def _package(module: str, install: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise WhiteoutError(f"{module}: this kind of model needs a package; run `pip install {install}`.") from error


def _require(folder: Path, file: str) -> None:
    if not (folder / file).is_file():
        raise WhiteoutError(f"{folder}: there is no {file}; name the folder of a saved model.")


def _refuse_pickles(folder: Path, weights: str) -> None:
    if not list(folder.glob(weights)):
        raise WhiteoutError(f"{folder}: there are no weights {weights}, and pickles run code; convert them.")
