"""Pictures of unknown origin: each fault is one sentence, and the rest of the folder is converted."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from perception.drive import Drive
from perception.errors import WhiteoutError
from perception.formats.convert import convert
from perception.formats.item import Item, store
from perception.formats.pictures import Names, decode_picture, inside, read_picture
from perception.formats.table import guess
from robustness.cli import main
from tests.perception.formats import samples
from tests.perception.scenes import frame


def deep(path: Path) -> None:
    done, data = cv2.imencode(".png", np.full((32, 32, 3), 40000, np.uint16))
    assert done
    path.write_bytes(bytes(data))


def turned(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    samples.picture(path, exif=exif)


def encoded(path: Path, mode: str, size: tuple[int, int] = (32, 32)) -> None:
    Image.new(mode, size).save(path)


def cut(path: Path, share: float) -> None:
    whole = samples.picture(path)
    path.write_bytes(whole[: int(len(whole) * share)])


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "corrupt.png": (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"no picture" * 9), "broken or cut short"),
    "text.jpg": (lambda path: path.write_text("no picture"), "no picture in a known encoding"),
    "cut.png": (lambda path: cut(path, 0.5), "broken or cut short"),
    "cut.jpg": (lambda path: cut(path, 0.6), "broken or cut short"),
    "empty.png": (lambda path: path.write_bytes(b""), "0 bytes"),
    "deep.png": (deep, "more than 8 bits a channel; convert it to 8 bits"),
    "deepgrey.png": (lambda path: encoded(path, "I;16"), "more than 8 bits a channel"),
    "cmyk.jpg": (lambda path: encoded(path, "CMYK"), "colours are CMYK; convert it to RGB"),
    "turned.jpg": (turned, "EXIF orientation 6"),
    "dot.png": (lambda path: encoded(path, "RGB", (1, 1)), "1 x 1 px"),
    "vast.png": (lambda path: encoded(path, "1", (30000, 30000)), "scale it down to at most 16384"),
    "script.jpg": (lambda path: path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 32 32\n"), "no picture"),
    "wide.png": (lambda path: encoded(path, "1", (16000, 16000)), "million px in all"),
    "long.png": (lambda path: encoded(path, "RGB", (30000, 20)), "30000 x 20 px; scale it down"),
}


@pytest.mark.parametrize("name", BAD)
def test_each_fault_is_one_sentence(tmp_path: Path, name: str) -> None:
    make, words = BAD[name]
    make(tmp_path / name)
    with pytest.raises(WhiteoutError) as caught:
        read_picture(tmp_path / name)
    assert words in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)


def test_a_folder_goes_on_with_the_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "photos"
    good = samples.picture(folder / "town/good.jpg")
    for name, (make, _) in BAD.items():
        make(folder / name)
    assert guess(folder) == "images"
    assert main(["convert", str(folder), "--to", "drive", "--out", str(tmp_path / "drive")]) == 0
    printed = capsys.readouterr().out
    assert printed.count("left out: ") == len(BAD)
    assert all(f"{folder / name}" in printed for name in BAD)
    drive = Drive.open(tmp_path / "drive")
    assert drive.names == ["town-good"]
    np.testing.assert_array_equal(drive[0].image, np.asarray(Image.open(io.BytesIO(good))))
    convert(folder, tmp_path / "copy", "images")
    assert (tmp_path / "copy/town/good.jpg").read_bytes() == good


def test_nothing_usable_is_an_error_and_leaves_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    encoded(folder / "dot.png", "RGB", (1, 1))
    assert main(["convert", str(folder), "--out", str(tmp_path / "drive")]) == 2
    assert "no picture could be read as images" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_odd_file_names_are_read_or_left_out(tmp_path: Path) -> None:
    samples.picture(tmp_path / "photos/good.jpg")
    (tmp_path / "photos" / os.fsdecode(b"caf\xe9.jpg")).write_bytes(samples.picture(tmp_path / "photos/b.jpg"))
    report = convert(tmp_path / "photos", tmp_path / "drive", "drive")
    assert report.written == 2
    assert "name is not UTF-8; rename it" in report.left_out[0].encode().decode()


def test_stored_pictures_never_replace_one_another(tmp_path: Path) -> None:
    base = frame(1)
    kept = [store(Item(replace(base, name=name, meta={"file": file}), b"x", ".png"), tmp_path) for name, file in FILES]
    assert kept == ["q.png", "q-2.png", "q-3.png", "a.b/c.png"]


FILES = (("p", "q"), ("q", "q.jpg"), ("r", "q.png"), ("s", "a.b/c"))


def test_grey_palette_and_alpha_become_rgb() -> None:
    for mode, dropped in (("L", ""), ("P", ""), ("RGBA", "alpha channel")):
        data = io.BytesIO()
        Image.new(mode, (32, 16), 7).save(data, "PNG")
        picture = decode_picture(data.getvalue(), mode)
        assert (picture.image.shape, picture.dropped, picture.suffix) == ((16, 32, 3), dropped, ".png")
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(picture.encoded))), picture.image)


def test_names_are_unique_and_paths_stay_inside(tmp_path: Path) -> None:
    names = Names()
    assert [names.take(file) for file in ("a/b.jpg", "a-b.png", "ä b.png", ".x.png")] == ["a-b", "a-b-2", "__b", "_.x"]
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner/link").symlink_to(tmp_path)
    assert inside(tmp_path / "inner", "x/y.png", "field") == tmp_path / "inner/x/y.png"
    (tmp_path / "inner/loop.png").symlink_to("loop.png")
    assert names.take("x" * 300 + ".png") == "x" * 200
    for path in ("loop.png", "\0.png", "../a.png", "/a.png", "x/../../a.png", "link/a.png", "..\\a.png", ""):
        with pytest.raises(WhiteoutError, match="leaves the folder"):
            inside(tmp_path / "inner", path, "field")
