"""Full runs as functions that return a typed configuration, and the one call that runs them.

quickstart(Path("quickstart"), seed=0)
"""

from collections.abc import Callable

from hilum.recipes.chexagent import chexagent
from hilum.recipes.config import Recipe, TextStage
from hilum.recipes.films import report_folder
from hilum.recipes.llm_cxr import llm_cxr
from hilum.recipes.nano import nano
from hilum.recipes.run import Run
from hilum.recipes.settings import with_settings
from hilum.recipes.small import small
from hilum.recipes.whole import audit_run, bench_run, quickstart, train

RECIPES: dict[str, Callable[[int, str | None], Recipe]] = {
    "nano": nano,
    "small": small,
    "llm_cxr": llm_cxr,
    "chexagent": chexagent,
}
"""Name → recipe, of a seed and a pretrained language model."""

__all__ = [
    "RECIPES",
    "Recipe",
    "Run",
    "TextStage",
    "audit_run",
    "bench_run",
    "chexagent",
    "llm_cxr",
    "nano",
    "quickstart",
    "report_folder",
    "small",
    "train",
    "with_settings",
]
