"""Keep freed memory in the process: on a CPU, convolutions otherwise spend a good part of their time on page faults.

glibc hands big blocks straight back to the kernel, which zeroes them again at the next layer.
"""

from __future__ import annotations

import ctypes
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
