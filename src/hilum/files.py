"""Writing files so that nothing half-written is ever left behind, and remembering what went wrong.

with atomic_path(path) as tmp:      # tmp becomes path only when the block ends well
    table.write_parquet(tmp)
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hilum.errors import HilumError


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary sibling of `path` that replaces it in one step when the block succeeds.

    Works for a file or a folder. When the block raises, also on Ctrl-C or a full disk, the temporary
    is removed and whatever stood at `path` before still stands. The system's errors name `path`, not
    the temporary, of which the user has never heard.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    # The suffix is kept because writers choose their format by it.
    scratch = Path(tempfile.mkdtemp(prefix=f".{final.name}.", dir=final.parent))
    tmp = scratch / final.name
    aside = scratch / ".replaced"
    try:
        yield tmp
        if tmp.is_dir() and final.is_dir():
            final.replace(aside)
        tmp.replace(final)
    except OSError as error:
        if isinstance(error.filename, str | os.PathLike) and tmp in (at := Path(error.filename), *at.parents):
            error.filename = str(final / at.relative_to(tmp))
        raise
    finally:
        if aside.exists() and not final.exists():  # interrupted between the two moves
            aside.replace(final)
        shutil.rmtree(scratch, ignore_errors=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_path(path) as tmp:
        tmp.write_text(text, encoding="utf-8")


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write one JSON document atomically, keys in their given order."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


@dataclass
class Problems:
    """What was skipped and why, so that one bad row never stops a build yet none is lost from sight.

    Every problem is counted by kind; the first `keep` are kept whole.
    """

    keep: int = 1000
    kept: list[HilumError] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, error: HilumError) -> None:
        """Count a problem and keep it if there is room."""
        self.counts[error.problem] += 1
        if len(self.kept) < self.keep:
            self.kept.append(error)

    def __len__(self) -> int:
        return sum(self.counts.values())
