"""How a process that works hard treats its memory: keep freed blocks, and look at long-lived objects no more.

glibc hands big blocks straight back to the kernel, which zeroes them again at the next layer: convolutions on a CPU
spend a good part of their time on page faults. Python's collector goes through every object alive again and again.
"""

from __future__ import annotations

import ctypes
import gc
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # glibc's malloc.h


def keep_memory() -> bool:
    """Tell glibc's allocator not to return freed blocks to the kernel; a process calls this once, early.

    Returns:
        Whether the C library took the settings (false where it is not glibc; nothing is changed then).
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return False
    settings = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, 64 * 2**20))
    taken = [mallopt(option, value) == 1 for option, value in settings]
    return all(taken)


def settle() -> None:
    """Take all that is alive now out of the garbage collector's rounds; a process calls this once it is set up.

    A scene of a few thousand instances otherwise costs a tenth of a second every few pictures.
    """
    gc.collect()
    gc.freeze()
