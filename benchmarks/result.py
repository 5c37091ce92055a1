"""What every benchmark prints: one JSON object, or with no `--json` a line for people.

print_result(Result("resume", ours=31.0, peer=28.5, unit="s"), as_json=True)
skip("Open-i is not there")        # exit status 77
"""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import torch

SKIPPED = 77
"""The exit status of a benchmark that lacks its data (as automake counts it)."""


@dataclass(frozen=True)
class Result:
    """A measured figure beside its peer's, None where the peer is not there; `ratio` is ours over peer's."""

    name: str
    ours: float
    peer: float | None
    unit: str
    details: dict[str, Any] = field(default_factory=dict)


def machine() -> dict[str, Any]:
    """What the figure was measured on."""
    info = Path("/proc/cpuinfo")  # only Linux has it
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    model = (names or [platform.processor() or platform.machine()])[0]
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def skip(reason: str) -> NoReturn:
    """End without a figure, saying why, with a status of its own."""
    print(f"skipped: {reason}", file=sys.stderr)
    raise SystemExit(SKIPPED)


def print_result(result: Result, *, as_json: bool) -> None:
    """Print the object, or its gist."""
    ratio = result.ours / result.peer if result.peer else None
    if as_json:
        print(
            json.dumps(
                {
                    "name": result.name,
                    "ours": result.ours,
                    "peer": result.peer,
                    "ratio": ratio,
                    "unit": result.unit,
                    **result.details,
                    "machine": machine(),
                }
            )
        )
        return
    beside = "no peer" if ratio is None else f"peer {result.peer:.4g}, ratio {ratio:.3g}"
    print(f"{result.name}: ours {result.ours:.4g} {result.unit}, {beside}")
    for name, value in result.details.items():
        print(f"  {name}: {value}")
