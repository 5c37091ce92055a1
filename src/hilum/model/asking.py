"""What people ask, as prompts: a report, an answer, a place, a picture.

[[answer]] = model.answer([question_prompt(images, "Is there a pleural effusion?")])

The words are the first wording of each task in `hilum.prompts`, which training has seen most, and a study's
images are shown as training has shown them, see `hilum.prompts.report_views`.
"""

from __future__ import annotations

from collections.abc import Sequence

from hilum.errors import UsageError, a_text
from hilum.images import ImageLike, Radiograph, radiograph_from
from hilum.model.answer import Prompt
from hilum.prompts import UNCONDITIONAL, canonical, change_views, report_views
from hilum.reports import extract_facts, in_brief, names
from hilum.study import Finding, ImageIn, Message, Part, Pixels, Position, Presence, Study, Task, Text, member

Images = Study | ImageLike | Sequence[ImageLike]
"""A study, an image or several; see `hilum.images.ImageLike`."""


ANY_PICTURE = (Message("user", (Text(UNCONDITIONAL),)),)
"""Asks for a picture without saying of what: the negative prompt of classifier-free guidance."""


def pixels_of(images: Images) -> tuple[Pixels, ...]:
    """The images' pixels; see `radiographs_of`."""
    return tuple(radiograph.pixels for radiograph in radiographs_of(images))


def radiographs_of(images: Images) -> tuple[Radiograph, ...]:
    """The images, each with its position where it is known.

    Raises:
        UsageError: there are none, or one is no image.
    """
    if isinstance(images, Study):
        images = images.views
    several = images if isinstance(images, list | tuple) else [images]
    found = tuple(radiograph_from(image, f"image {number}") for number, image in enumerate(several, start=1))
    if not found:
        raise UsageError("images", "are missing", "give at least one")
    return found


def shown(
    images: Sequence[Pixels], words: str, *, locate: bool = False, options: Sequence[str] | None = None
) -> Prompt:
    """A question about images, of which nothing is said: it may be for their view."""
    parts: tuple[Part, ...] = (*(ImageIn(str(number)) for number in range(len(images))), Text(words))
    return Prompt((Message("user", parts),), tuple(images), locate=locate, options=options)


def views_of(study: Sequence[Radiograph], views: int) -> tuple[ImageIn, ...]:
    """Those of a study's images that a report is asked for with, by their numbers.

    Args:
        views: of the model's configuration.
    """
    return report_views(*_named(study), views)


def findings_prompt(study: Sequence[Radiograph], indication: str | None, views: int) -> Prompt:
    """Asks for the findings section."""
    a_text(indication or "", "indication", "give one text for the study")
    return _about(study, views_of(study, views), canonical(Task.FINDINGS, indication=indication or ""))


def impression_prompt(study: Sequence[Radiograph], indication: str | None, views: int) -> Prompt:
    """Asks for the impression, from the images themselves."""
    return _about(study, views_of(study, views), canonical(Task.IMPRESSION, indication=indication or ""))


def _named(study: Sequence[Radiograph]) -> tuple[list[str], list[Position]]:
    return [str(number) for number in range(len(study))], [image.position for image in study]


def _about(study: Sequence[Radiograph], images: Sequence[ImageIn], words: str) -> Prompt:
    """A question about some images of a study, named by their numbers."""
    pixels = tuple(study[int(image.image_id)].pixels for image in images)
    return Prompt((Message("user", (*images, Text(words))),), pixels)


def locate_prompt(image: Pixels, phrase: str) -> Prompt:
    """Asks where a phrase is; the answer is one box."""
    a_text(phrase, "phrase", "look for one phrase at a time")
    return shown((image,), canonical(Task.GROUND, phrase=phrase), locate=True)


def change_prompts(prior: Radiograph, image: Radiograph, findings: str, views: int) -> dict[str, Prompt]:
    """Asks what became of each finding that a report states, from the earlier and the present image."""
    pair = (prior, image)
    images = change_views(*_named(pair), views)
    stated = [
        fact.finding
        for fact in extract_facts(findings)
        if fact.presence is Presence.PRESENT and fact.finding is not Finding.NO_FINDING
    ]
    return {f.value: _about(pair, images, canonical(Task.PROGRESSION, **names(f))) for f in stated}


def draw_prompt(text: str, position: Position) -> Prompt:
    """Asks for the picture of a report, by its facts in brief as in training."""
    a_text(text, "report", "give the text of one report", blank=False)
    view = member(Position, position, "position").value
    words = canonical(Task.DRAW, report=in_brief(text), position=view)
    return Prompt((Message("user", (Text(words),)),), draw=True)
