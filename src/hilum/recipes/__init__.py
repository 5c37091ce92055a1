"""Full runs as functions that return a typed configuration, and the one call that runs them.

quickstart(Path("quickstart"), seed=0)
"""

from hilum.recipes.config import Recipe, TextStage
from hilum.recipes.films import report_folder
from hilum.recipes.nano import nano
from hilum.recipes.run import Run
from hilum.recipes.whole import bench_run, quickstart

__all__ = ["Recipe", "Run", "TextStage", "bench_run", "nano", "quickstart", "report_folder"]
