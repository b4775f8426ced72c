"""What a scenario file offers, and where to find it."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from perception.errors import WhiteoutError
from scenarios import library
from scenarios.stage import STEP, Stage


@dataclass(frozen=True)
class Scenario:
    """A scenario: a script of plain CARLA calls, and what it is played with unless asked otherwise.

    Attributes:
        name: what it is called.
        run: the script; sets the stage, then yields once before every tick.
        map: name of the map it is meant for.
        period: simulated time between pictures [s].
        frames: number of pictures.
        stretch: "train" or "test", see `Stretches`.
        endless: whether asking for more or fewer pictures makes it longer or shorter; otherwise they are taken more
            or less often, so that what the scenario promises is in them.
        counterfactuals: whether each picture comes with its twin without glare.
    """

    name: str
    run: Callable[[Stage], Iterator[None]]
    map: str
    period: float
    frames: int
    stretch: str = "test"
    endless: bool = False
    counterfactuals: bool = True

    def ticks_per_picture(self, frames: int) -> int:
        """Ticks from one picture to the next if there are to be `frames` of them."""
        period = self.period if self.endless else self.period * self.frames / frames
        return max(1, round(period / STEP))

    @property
    def source_hash(self) -> str:
        """SHA-256 of the file that the script is in."""
        return hashlib.sha256(Path(inspect.getfile(inspect.unwrap(self.run))).read_bytes()).hexdigest()


def scenario_names() -> tuple[str, ...]:
    """The scenarios that come with the package."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(library.__path__)))


def load_scenario(name_or_path: str) -> Scenario:
    """A scenario of the library by name, or that of any Python file with a `SCENARIO` in it.

    Raises:
        WhiteoutError: there is none, or its file is broken.
    """
    if name_or_path in scenario_names():
        module = importlib.import_module(f"{library.__name__}.{name_or_path}")
    elif name_or_path.endswith(".py"):
        module = _module(Path(name_or_path))
    else:
        known = ", ".join(scenario_names())
        raise WhiteoutError(f"there is no scenario {name_or_path!r}; the library has {known}, or name a .py file")
    found = getattr(module, "SCENARIO", None)
    if not isinstance(found, Scenario):
        raise WhiteoutError(f"{name_or_path}: the file defines no SCENARIO; add SCENARIO = Scenario(name, run, ...)")
    return found


def _module(path: Path) -> ModuleType:
    if not path.is_file():
        raise WhiteoutError(f"{path}: there is no such scenario file; check the path")
    name = f"whiteout_scenario_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise WhiteoutError(f"{path}: the file cannot be loaded as Python; give a .py file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise WhiteoutError(
            f"{path}: the scenario cannot be loaded ({type(error).__name__}: {error}); mend it"
        ) from error
    return module
