"""Pictures and masks on disk: lossless PNG, written fast, read with checks."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy import ndarray
from PIL import Image, UnidentifiedImageError

from perception.errors import WhiteoutError

PNG_FLAGS = [cv2.IMWRITE_PNG_COMPRESSION, 1]
"""zlib level 1: a 640 x 384 picture takes a few milliseconds and a third more room than level 9."""

PNG_END = b"IEND\xae\x42\x60\x82"


def encode_png(raster: ndarray) -> bytes:
    """PNG bytes of a raster: height x width (uint8, uint16 or integers that fit uint16) or height x width x 3 RGB."""
    if raster.dtype == np.bool_:
        raster = raster.astype(np.uint8) * 255
    if raster.dtype not in (np.uint8, np.uint16):
        if not np.issubdtype(raster.dtype, np.integer) or raster.min() < 0 or raster.max() > np.iinfo(np.uint16).max:
            raise ValueError(f"a raster of {raster.dtype} does not fit a PNG; use uint8 or uint16")
        raster = raster.astype(np.uint16)
    if raster.ndim == 3:
        raster = cv2.cvtColor(raster, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".png", np.ascontiguousarray(raster), PNG_FLAGS)
    if not done:
        raise ValueError(f"a raster of shape {raster.shape} cannot be encoded")
    return bytes(data)


def read_raster(path: Path) -> ndarray:
    """Read a picture (RGB) or mask (as stored); a broken file is a `WhiteoutError` that names it."""
    try:
        data = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise WhiteoutError(
            f"{path}: cannot be read ({error.strerror}); restore it or render the drive anew."
        ) from error
    return decode_raster(bytes(data), str(path))


def decode_raster(data: bytes, where: str) -> ndarray:
    """The picture (RGB) or mask in the file's bytes; `where` names the file, whose ending says how it is encoded."""
    whole = not where.endswith(".png") or data[-8:] == PNG_END
    raster = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if whole and data else None
    if raster is None:
        raise WhiteoutError(f"{where}: the picture is broken or cut short; restore it or render the drive anew.")
    if raster.ndim == 3:
        raster = cv2.cvtColor(raster, cv2.COLOR_BGRA2RGB if raster.shape[2] == 4 else cv2.COLOR_BGR2RGB)
    return np.asarray(raster)


def raster_size(path: Path) -> tuple[int, int]:
    """Width and height [px] from a file's header, without decoding it; also notices a PNG that was cut short."""
    try:
        with Image.open(path) as picture:
            size = picture.size
        with path.open("rb") as stream:
            stream.seek(-8, 2)
            tail = stream.read()
    except FileNotFoundError as error:
        raise WhiteoutError(f"{path}: the picture is missing; restore it or render the drive anew.") from error
    except (OSError, UnidentifiedImageError) as error:
        raise WhiteoutError(f"{path}: this is not a picture ({error}); restore it or render the drive anew.") from error
    if path.suffix == ".png" and tail != PNG_END:
        raise WhiteoutError(f"{path}: the picture is broken or cut short; restore it or render the drive anew.")
    return size
