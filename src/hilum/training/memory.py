"""Memory that a training step frees is kept for the next one.

keep_memory()

glibc gives large blocks back to the system at once and takes them again as pages that must be zeroed: on a
CPU that costs a training step a fifth of its time (`python benchmarks/memory.py`).
"""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
"""`mallopt`'s parameters, as <malloc.h> numbers them."""


def keep_memory() -> None:
    """Tell glibc to hold on to freed memory; where another allocator is in use nothing happens."""
    if not sys.platform.startswith("linux"):
        return
    tune = getattr(ctypes.CDLL(None), "mallopt", None)
    if tune is not None:
        tune(_MMAP_THRESHOLD, 1 << 30)
        tune(_TRIM_THRESHOLD, (1 << 31) - 1)
        tune(_TOP_PAD, 64 << 20)
