"""CheXbench from its own JSON, for any model: ten tasks, two protocols, every figure with its interval.

from hilum.bench.chexbench import read, run, write
result = run(adapter, read(Path("data.json"), Path("images")), keep=lambda r: write(r, Path("out")))
"""

from hilum.bench.chexbench.page import require_writable, write
from hilum.bench.chexbench.read import Chexbench, Item, read
from hilum.bench.chexbench.result import COLUMNS, ChexbenchResult, Figure, Pooled, TaskResult
from hilum.bench.chexbench.run import run
from hilum.bench.chexbench.tasks import TASKS, ChexbenchTask, select

__all__ = [
    "COLUMNS",
    "TASKS",
    "Chexbench",
    "ChexbenchResult",
    "ChexbenchTask",
    "Figure",
    "Item",
    "Pooled",
    "TaskResult",
    "read",
    "require_writable",
    "run",
    "select",
    "write",
]
