"""Keeping freed memory changes how fast a step is, never what it computes."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import resource, sys
import torch
from hilum.training.memory import keep_memory
if sys.argv[1] == "keep":
    keep_memory()
total = 0.0
for step in range(12):
    block = torch.full((16, 1024, 1024), float(step))
    total += float(block.sum())
print(total, resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


def faults(way: str) -> tuple[float, int]:
    found = subprocess.run([sys.executable, "-c", CODE, way], check=True, capture_output=True, text=True)
    total, count = found.stdout.split()
    return float(total), int(count)


def test_a_block_is_taken_from_the_system_once() -> None:
    """Twelve blocks of 64 MiB, more than glibc ever learns to keep: faulted in each time, or once."""
    kept, default = faults("keep"), faults("default")
    assert kept[0] == default[0] == 16 * 1024 * 1024 * sum(range(12))
    if sys.platform.startswith("linux"):
        assert default[1] - kept[1] > 80_000


def test_another_allocator_is_left_alone(monkeypatch) -> None:
    from hilum.training import memory

    class Bare:
        """A C library without `mallopt`."""

    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: Bare())
    memory.keep_memory()
    monkeypatch.setattr(memory.sys, "platform", "darwin")
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: 1 / 0)
    memory.keep_memory()


def test_glibc_is_asked_to_keep_what_is_freed(monkeypatch) -> None:
    from hilum.training import memory

    asked = []

    class Libc:
        """Notes what `mallopt` is told: the threshold of mapping, of trimming, and what is kept on top."""

        @staticmethod
        def mallopt(parameter: int, value: int) -> None:
            asked.append((parameter, value))

    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: Libc())
    monkeypatch.setattr(memory.sys, "platform", "linux")
    memory.keep_memory()
    assert asked == [(-3, 2**30), (-1, 2**31 - 1), (-2, 2**26)]
