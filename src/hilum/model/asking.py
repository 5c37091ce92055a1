"""What people ask, as prompts: a report, an answer, a place, a picture.

[[answer]] = model.answer([question_prompt(images, "Is there a pleural effusion?")])

The words are the first wording of each task in `hilum.instruct`, which training has seen most.
"""

from __future__ import annotations

from collections.abc import Sequence

from hilum.errors import UsageError
from hilum.instruct import UNTOLD, canonical
from hilum.model.answer import Prompt
from hilum.reports import in_brief
from hilum.study import ImageIn, Message, Part, Pixels, Position, Study, Task, Text

Images = Study | Sequence[Pixels]
"""A study, or the pixels of its images; each (H, W) float32 in [0, 1], bone white."""


ANY_PICTURE = (Message("user", (Text(UNTOLD),)),)
"""Asks for a picture without saying of what."""


def pixels_of(images: Images) -> tuple[Pixels, ...]:
    """The images' pixels.

    Raises:
        UsageError: there are none.
    """
    found = tuple(view.load() for view in images.views) if isinstance(images, Study) else tuple(images)
    if not found:
        raise UsageError("images", "are missing", "give at least one")
    return found


def shown(images: Sequence[Pixels], words: str, *, locate: bool = False) -> Prompt:
    """A question about images."""
    parts: tuple[Part, ...] = (*(ImageIn(str(number)) for number in range(len(images))), Text(words))
    return Prompt((Message("user", parts),), tuple(images), locate=locate)


def findings_prompt(images: Sequence[Pixels], indication: str | None) -> Prompt:
    """Asks for the findings section."""
    return shown(images, canonical(Task.FINDINGS, indication=indication or ""))


def impression_prompt(images: Sequence[Pixels], indication: str | None) -> Prompt:
    """Asks for the impression, from the images themselves."""
    return shown(images, canonical(Task.IMPRESSION, indication=indication or ""))


def locate_prompt(image: Pixels, phrase: str) -> Prompt:
    """Asks where a phrase is; the answer is one box."""
    return shown((image,), canonical(Task.GROUND, phrase=phrase), locate=True)


def draw_prompt(text: str, position: Position) -> Prompt:
    """Asks for the picture of a report, by its facts in brief as in training."""
    words = canonical(Task.DRAW, report=in_brief(text), position=position.value)
    return Prompt((Message("user", (Text(words),)),), draw=True)
