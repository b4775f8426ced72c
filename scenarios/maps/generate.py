"""Write the bundled maps: `python -m scenarios.maps.generate`. The same roadgen gives the same bytes every time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from scenarios.maps import country_road, small_town

BUILDERS: dict[str, Callable[[], str]] = {"country_road": country_road.build, "small_town": small_town.build}


def generate(folder: Path) -> list[Path]:
    """Write every bundled map into a folder and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{name}.xodr" for name in BUILDERS]
    for file, build in zip(files, BUILDERS.values(), strict=True):
        file.write_bytes(build().encode())
    return files


def main() -> None:
    """Write the maps beside this file."""
    for file in generate(Path(__file__).parent):
        print(f"{file} ({file.stat().st_size / 1000:.0f} kB)")


if __name__ == "__main__":
    main()
