"""Pictures of unknown origin: read with every check, or refused in one sentence."""

from __future__ import annotations

import io
import re
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image, UnidentifiedImageError

from perception.errors import WhiteoutError
from perception.raster import encode_png

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
"""Endings of what counts as a picture."""

SMALLEST, LARGEST = 16, 16384
"""Least and greatest width and height [px]: smaller is no street, larger does not fit the renderers and networks."""

MOST_PIXELS = 128_000_000
"""Largest area [px]. PIL has a limit too, but any package may change it, and nuScenes' devkit lifts it."""

ORIENTATION = 0x0112
"""EXIF's tag; 1 is upright."""

ENCODINGS = ("BMP", "JPEG", "PNG", "WEBP")
"""What is decoded, in PIL's names, whatever a file's ending says."""

PLAIN = {"JPEG": ".jpg", "PNG": ".png"}
"""Encodings whose bytes are passed on unchanged."""

COLOURS = {"1": "black and white", "L": "grey", "LA": "grey", "P": "palette", "RGB": "", "RGBA": "", "PA": "palette"}
"""PIL's modes of 8 bits that turn into RGB without a choice, and what is said of them."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture that was read.

    Attributes:
        image: RGB.
        encoded: PNG or JPEG bytes that decode to it.
        suffix: ".png" or ".jpg".
        dropped: what the file held beyond RGB, such as "alpha channel"; empty where nothing.
    """

    image: UInt8[ndarray, "height width 3"]
    encoded: bytes
    suffix: str
    dropped: str


def read_picture(path: Path) -> Picture:
    """Read a picture; a `WhiteoutError` tells what is wrong with it."""
    try:
        str(path).encode()
        data = path.read_bytes()
    except UnicodeEncodeError as error:
        raise WhiteoutError(f"{str(path)!r}: the file's name is not UTF-8; rename it.") from error
    except OSError as error:
        raise WhiteoutError(f"{path}: the picture cannot be read ({error.strerror}); restore it.") from error
    return decode_picture(data, str(path))


def decode_picture(data: bytes, where: str) -> Picture:
    """The picture in `data`, which came from `where`."""
    if not data:
        raise WhiteoutError(f"{where}: the picture's file is empty (0 bytes); restore it.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(data), formats=ENCODINGS)
        _check(picture, data, where)
        picture.load()
    except Image.DecompressionBombError as error:
        raise WhiteoutError(f"{where}: {_too_large()}") from error
    except UnidentifiedImageError as error:
        raise WhiteoutError(f"{where}: this is no picture in a known encoding; restore it.") from error
    except (OSError, EOFError, SyntaxError, ValueError, struct.error, zlib.error) as error:
        raise WhiteoutError(f"{where}: the picture is broken or cut short ({error}); restore it.") from error
    dropped = "alpha channel" if picture.has_transparency_data else ""
    image = np.asarray(picture.convert("RGB"))
    suffix = PLAIN.get(str(picture.format))
    if picture.mode == "RGB" and suffix and not dropped:
        return Picture(image, data, suffix, "")
    return Picture(image, encode_png(image), ".png", dropped)


def _check(picture: Image.Image, data: bytes, where: str) -> None:
    """Refuse what cannot be taken for an upright 8-bit RGB picture without guessing."""
    width, height = picture.size
    if min(width, height) < SMALLEST:
        raise WhiteoutError(
            f"{where}: {width} x {height} px are too few; give a picture of at least {SMALLEST} x {SMALLEST}."
        )
    if max(width, height) > LARGEST or width * height > MOST_PIXELS:
        raise WhiteoutError(f"{where}: the picture has {width} x {height} px; {_too_large()}")
    deep_png = picture.format == "PNG" and data[24] > 8
    if deep_png or (picture.mode not in COLOURS and picture.mode.startswith(("I", "F"))):
        raise WhiteoutError(f"{where}: the picture has more than 8 bits a channel; convert it to 8 bits.")
    if picture.mode not in COLOURS:
        raise WhiteoutError(f"{where}: the picture's colours are {picture.mode}; convert it to RGB.")
    turned = picture.getexif().get(ORIENTATION, 1)
    if turned != 1:
        raise WhiteoutError(
            f"{where}: EXIF orientation {turned} turns the picture, and labels may mean either way; "
            "save it upright, with the orientation tag removed."
        )


def _too_large() -> str:
    area = MOST_PIXELS // 10**6
    return f"scale it down to at most {LARGEST} px a side and {area} million px in all, its labels with it."


def pictures_in(folder: Path) -> list[Path]:
    """All pictures below `folder`, sorted by path."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def inside(root: Path, name: str, where: str) -> Path:
    """The file `name` below `root`; a path that leaves the folder is a `WhiteoutError` of the field `where`."""
    path = PurePosixPath(name)
    try:
        within = (root / path).resolve().is_relative_to(root.resolve())
    except (ValueError, RuntimeError):  # a NUL, half a character, or a link to itself
        within = False
    if not (within and name) or path.is_absolute() or ".." in path.parts or "\\" in name:
        raise WhiteoutError(f"{where} is {name!r}, which leaves the folder {root}; use a path inside it.")
    return root / path


LONGEST = 200
"""Letters of a frame's name at most, before its number: file systems take 255 with endings."""


class Names:
    """Frame names for files: letters, digits, '_', '-' and '.', no two alike."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, file: str) -> str:
        """A name for the picture `file` ("a/b.jpg" becomes "a-b")."""
        stem = file.rpartition(".")[0] or file
        base = re.sub(r"[^A-Za-z0-9_.-]", "_", stem.strip("/").replace("/", "-"))
        base = (base if re.match(r"[A-Za-z0-9_]", base) else f"_{base}")[:LONGEST]
        name, number = base, 1
        while name in self._taken:
            number += 1
            name = f"{base}-{number}"
        self._taken.add(name)
        return name
