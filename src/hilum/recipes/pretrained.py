"""What the recipes that start from a pretrained language model share.

from hilum.recipes.pretrained import LANGUAGE, shares
"""

from __future__ import annotations

from collections.abc import Mapping

from hilum.study import Task
from hilum.training import FitConfig
from hilum.training.config import ENCODER_LEFT_OUT

BRIDGE = (r".*(multi_modal_projector|language_projection|qformer|query_tokens).*",)
BODY = (
    r"(?!.*(vision_tower|vision_model|multi_modal_projector|language_projection|qformer|embed|lm_head)).*",
)
"""The language model without its tables of tokens: what it knows of words stays as it is."""
LANGUAGE = FitConfig(
    steps=1500,
    lr=3e-4,
    warmup=50,
    final_lr=0.05,
    weight_decay=0.01,
    trainable=(ENCODER_LEFT_OUT,),
    precision="auto",
    description="language",
)


def shares(weights: Mapping[Task, float], text: float) -> dict[str, float]:
    """The weight of every task, text alone making up a share `text` of all; tasks not named have none."""
    mass = sum(weights.values())
    named = {task.value: weights.get(task, 0.0) for task in Task}
    return {**named, Task.TEXT.value: mass * text / (1 - text) if text else 0.0}
