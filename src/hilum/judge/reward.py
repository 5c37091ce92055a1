"""Any judge as a reward function of TRL.

GRPOTrainer(model, reward_funcs=as_reward(named_judge("facts")), train_dataset=rows)    # with a "reference"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hilum.errors import UsageError
from hilum.judge.base import Judge
from hilum.judge.score import counted

Reward = Callable[..., list[float | None]]


def as_reward(judge: Judge, *, column: str = "reference") -> Reward:
    """A function that TRL's trainers call with what was generated and the columns of the data.

    The reward is what the verdict counts in a mean: its value; 0 for a candidate that is empty or in another
    language; None, which TRL leaves out of what is learned, where the judge has failed or the reference is
    of no use. Where TRL gets no reward at all for a completion it warns and prints the row, the reference
    with it: keep such rows out of data that no log may hold.

    Args:
        column: of the data, which holds the reference report of each prompt.
    """

    def reward(prompts: Sequence[Any], completions: Sequence[Any], **given: Any) -> list[float | None]:
        if column not in given:
            raise UsageError(f"column {column}", "is not in the data", "name the column of the references")
        verdicts = judge([_text(one) for one in given[column]], [_text(one) for one in completions])
        return [counted(verdict) for verdict in verdicts]

    reward.__name__ = judge.name  # TRL logs rewards under it
    return reward


def _text(given: Any) -> str:
    """The words of a completion: as they are, or the last turn of a conversation."""
    if isinstance(given, str):
        return given
    turn = given[-1] if isinstance(given, list) and given else given
    content = (turn.get("content") or "") if isinstance(turn, Mapping) else None
    if isinstance(content, list):
        content = "".join(part.get("text", "") for part in content if part.get("type") == "text")
    if not isinstance(content, str):
        kind = type(given).__name__
        raise UsageError("a completion", f"is a {kind} without text", "give a text or chat messages")
    return content
