"""The role of an image in a prompt, in words: how the view was taken, and whether it is an earlier one.

role_words(Position.AP, prior=True)     # "Prior AP view: "

The words stand here and not in `hilum.prompts`, which gives them on, because a conversation lays itself out.
"""

from __future__ import annotations

from hilum.study.terms import Position

_NAMES = {Position.PA: "PA", Position.AP: "AP", Position.LATERAL: "lateral"}


def role_words(position: Position | None = None, prior: bool = False) -> str:
    """What stands right before an image: "PA view: ", "Prior image: "; nothing where nothing is said.

    Args:
        position: how the view was taken; None and UNKNOWN say nothing of it.
        prior: whether it is of an earlier study.
    """
    view = f"{_NAMES[position]} view" if position in _NAMES else "image" if prior else ""
    words = f"prior {view}" if prior else view
    return f"{words[:1].upper()}{words[1:]}: " if words else ""
