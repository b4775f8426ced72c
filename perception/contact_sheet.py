"""Several pictures on one sheet, each with a line of text below."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from perception.errors import WhiteoutError
from perception.raster import encode_png, read_raster
from perception.weights import replace_file

CELL_WIDTH, TEXT_HEIGHT, COLUMNS = 320, 16, 4
"""Width of a picture, height of the line below, and pictures in a row [px, px, count]."""


def write_sheet(path: Path, pictures: Sequence[tuple[Path, str]]) -> None:
    """Write pictures with their lines to a PNG, row by row; all cells are as high as the first picture's."""
    if path.suffix != ".png":
        raise WhiteoutError(f"{path}: a sheet is written as PNG; let the name end in .png.")
    first = read_raster(pictures[0][0])
    height = round(CELL_WIDTH * first.shape[0] / first.shape[1])
    columns = min(COLUMNS, len(pictures))
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * CELL_WIDTH, rows * (height + TEXT_HEIGHT)), "white")
    pen = ImageDraw.Draw(sheet)
    for number, (file, line) in enumerate(pictures):
        left, top = number % columns * CELL_WIDTH, number // columns * (height + TEXT_HEIGHT)
        sheet.paste(Image.fromarray(read_raster(file)).resize((CELL_WIDTH, height)), (left, top))
        pen.text((left + 4, top + height + 2), line, fill="black")
    replace_file(path, encode_png(np.asarray(sheet)))
