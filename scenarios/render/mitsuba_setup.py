"""Mitsuba, set up once: the variant, the LLVM library it compiles with, the number of threads.

Every module of this package that renders takes `mi` and `dr` from here, never from `import mitsuba`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from perception.errors import WhiteoutError

LLVM_PACKAGE = "karellen-llvm-core"


def llvm_library() -> Path | None:
    """Path of the LLVM shared library that the package `karellen-llvm-core` brought, None if it is not installed."""
    try:
        files = importlib.metadata.files(LLVM_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    found = sorted((Path(str(f.locate())) for f in files if f.name.startswith("libLLVM")), key=lambda p: len(p.name))
    return next((path for path in found if path.exists()), None)


def has_gpu() -> bool:
    """Whether an NVIDIA driver answers on this machine."""
    return Path("/proc/driver/nvidia/version").exists() or Path("/dev/nvidia0").exists()


def variant() -> str:
    """The Mitsuba variant used here: `WHITEOUT_VARIANT` if set, else CUDA where there is a GPU, else LLVM."""
    return os.environ.get("WHITEOUT_VARIANT") or ("cuda_ad_rgb" if has_gpu() else "llvm_ad_rgb")


def _prepare_llvm() -> None:
    if os.environ.get("DRJIT_LIBLLVM_PATH"):
        return
    library = llvm_library()
    if library is None:
        raise WhiteoutError(
            f"Mitsuba compiles its kernels with LLVM, and no LLVM library was found; run `pip install {LLVM_PACKAGE}`, "
            "or set DRJIT_LIBLLVM_PATH to a libLLVM.so"
        )
    os.environ["DRJIT_LIBLLVM_PATH"] = str(library)


def set_threads(threads: int | None = None) -> None:
    """Limit the renderer to `threads` threads; None reads `WHITEOUT_THREADS`, and if that is unset changes nothing."""
    count = threads if threads is not None else int(os.environ.get("WHITEOUT_THREADS", "0"))
    if count > 0:
        dr.set_thread_count(count)


if importlib.util.find_spec("mitsuba") is None:
    raise WhiteoutError("the renderer needs the package mitsuba; run `pip install mitsuba`")
if variant().startswith("llvm"):
    _prepare_llvm()

dr: Any = importlib.import_module("drjit")
mi: Any = importlib.import_module("mitsuba")

mi.set_variant(variant())
mi.set_log_level(mi.LogLevel.Error)
set_threads()

ALIGNMENT = 64
"""Dr.Jit writes other code for data that do not lie at a multiple of this in memory [bytes]."""


_TYPES = {mi.Float: np.float32, mi.UInt32: np.uint32, mi.UInt64: np.uint64, mi.Bool: np.bool_}


def on_device(values: ndarray, kind: Any = mi.Float) -> Any:
    """Numbers as Dr.Jit's `kind` at an even place in memory: no kernel is then compiled again by chance."""
    flat = np.ascontiguousarray(values, _TYPES[kind]).ravel()
    room = np.empty(flat.size + ALIGNMENT // flat.itemsize, flat.dtype)
    start = -room.ctypes.data % ALIGNMENT // flat.itemsize
    room[start : start + flat.size] = flat
    return kind(room[start : start + flat.size])


def table(values: ndarray) -> Any:
    """Numbers that kernels look up, at least two of them: Dr.Jit writes other code for a table of one."""
    return on_device(np.pad(np.asarray(values, np.float32), (0, max(0, 2 - len(values)))))


def opaque(kind: Any, value: Any) -> Any:
    """A number that reaches a kernel as data, as `dr.opaque` gives it, but at an even place."""
    return on_device(np.array([value]), kind)


def vector(values: ndarray) -> Any:
    """Three numbers that reach a kernel as data, each by itself: a place, a direction or a colour."""
    return mi.Vector3f(*(opaque(mi.Float, float(v)) for v in values))
