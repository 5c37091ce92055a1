"""What a run shows while it trains and what it leaves to look at: history.jsonl and TensorBoard.

    tensorboard --logdir RUN/tensorboard

`history.jsonl` is the truth: on resume it is cut back to the checkpoint's step and the TensorBoard
events are written anew from it, so that no step appears twice whoever reads them.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from torch.utils.tensorboard.writer import SummaryWriter

from hilum.files import require_ours, write_text
from hilum.progress import Progress

HISTORY = "history.jsonl"
_UNPLOTTED = {"step", "time"}
_EVENTS = ".hilum"
"""The end of the names of event files, by which ours are told from those another program put there."""


def read_history(path: Path) -> list[dict[str, Any]]:
    """The lines of a history, oldest first; a last line that was being written when killed is left out."""
    if not path.exists():
        return []
    rows: list[dict[str, Any]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows


def _is_history(path: Path) -> bool:
    """Whether every line is a history's, the last perhaps cut short by a kill."""
    *lines, rest = path.read_bytes().split(b"\n")
    try:
        ours = all({"step", "time", "lr"} <= json.loads(line).keys() for line in lines)
        return ours and (not rest or rest.startswith(b'{"step": '))
    except (ValueError, AttributeError, RecursionError):
        return False


class History:
    """Appends to `run_dir/history.jsonl` and mirrors it to `run_dir/tensorboard`."""

    def __init__(self, run_dir: Path, *, after_step: int) -> None:
        self.path = run_dir / HISTORY
        require_ours(self.path, ours=_is_history)
        rows = [row for row in read_history(self.path) if row["step"] <= after_step]
        write_text(self.path, "".join(json.dumps(row) + "\n" for row in rows), ours=_is_history)
        events = run_dir / "tensorboard"
        for old in events.glob(f"events.out.tfevents.*{_EVENTS}"):
            old.unlink()
        self._writer = SummaryWriter(str(events), filename_suffix=_EVENTS)
        self._file = self.path.open("a", encoding="utf-8")
        for row in rows:
            self._plot(row)

    def add(self, step: int, values: dict[str, float]) -> None:
        """Write one line for `step` steps done; flushed, so that a kill loses nothing before it."""
        row: dict[str, Any] = {"step": step, "time": time.time(), **values}
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()
        self._plot(row)

    def _plot(self, row: dict[str, Any]) -> None:
        for name, value in row.items():
            if name not in _UNPLOTTED:
                self._writer.add_scalar(name, value, row["step"], walltime=row["time"])

    def close(self) -> None:
        """Close both logs."""
        self._file.close()
        self._writer.close()


class Bar(Progress):
    """The bar of a stage; see `hilum.progress`."""

    def __init__(self, total: int, done: int, description: str, *, show: bool) -> None:
        super().__init__(show)
        self._stage = self.bar(description, total, done)

    def __enter__(self) -> Bar:
        super().__enter__()
        return self

    def update(self, done: int, loss: float, rates: dict[str, float]) -> None:
        """Show the steps done, the running loss and the throughput."""
        rest = "".join(f" · {rate:,.0f} {name}" for name, rate in rates.items())
        self._stage.update(done, f"loss {loss:.4g}{rest}")
