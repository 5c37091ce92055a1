"""Which studies and images a stage of training does without: follow-ups, reports of findings alone, laterals.

left_out(Shards("data"), Split.TRAIN, earliest_study=True).studies
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hilum.instruct.shards import Shards
from hilum.instruct.splits import kept_for_alignment
from hilum.study import Position, Split


@dataclass(frozen=True)
class LeftOut:
    """Ids of the studies that no conversation may be about, and of the images that none may show."""

    studies: frozenset[str] = frozenset()
    images: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.studies or self.images)


def left_out(
    shards: Shards,
    split: Split,
    *,
    earliest_study: bool = False,
    frontal: bool = False,
    impression: bool = False,
    align_share: float = 0.0,
) -> LeftOut:
    """What a split is without under some conditions.

    Args:
        earliest_study: of each patient only the earliest study stays.
        frontal: no lateral image is shown. One of unknown view stays; an image to be drawn is frontal anyway.
        impression: a study whose report has no impression is left out; one without a report is not.
        align_share: the part of the patients that is kept for alignment: their studies are left out, and what
            shows one of their images.
    """
    studies: set[str] = set()
    if earliest_study:
        studies.update(_later_studies(shards, split))
    if impression:
        studies.update(_without_impression(shards, split))
    images = set(_laterals(shards, split)) if frontal else set()
    if align_share:
        kept = kept_back(shards, split, align_share)
        studies |= kept.studies
        images |= kept.images
    return LeftOut(frozenset(studies), frozenset(images))


def kept_back(shards: Shards, split: Split, share: float) -> LeftOut:
    """The studies of the patients that are kept for alignment, and their images, see `kept_for_alignment`."""
    studies: set[str] = set()
    images: set[str] = set()
    for source, patient, study, shown in shards.columns(
        "studies", split, ("source", "patient", "id", "image_ids")
    ):
        if kept_for_alignment(source, patient, share):
            studies.add(study)
            images.update(shown)
    return LeftOut(frozenset(studies), frozenset(images))


def _later_studies(shards: Shards, split: Split) -> Iterator[str]:
    """All studies but each patient's earliest.

    By the time that the source gives them; where it gives none, the first without a prior study in the order
    in which the source lists them, or, where each has a prior, the first. A prior whose film could not be
    read counts as none, and so does one that is a lateral film alone.
    """
    earliest: dict[tuple[str, str], tuple[tuple[bool, str, bool], str]] = {}
    wanted = ("source", "patient", "id", "prior_image_ids", "taken")
    for source, patient, study, priors, taken in shards.columns("studies", split, wanted):
        rank = (not taken, taken, bool(priors))
        held = earliest.setdefault((source, patient), (rank, study))
        if rank < held[0]:
            earliest[source, patient] = (rank, study)
            yield held[1]
        elif held[1] != study:
            yield study


def _without_impression(shards: Shards, split: Split) -> Iterator[str]:
    for study, report in shards.columns("studies", split, ("id", "report")):
        if report is not None and not report["impression"]:
            yield study


def _laterals(shards: Shards, split: Split) -> Iterator[str]:
    for image, position in shards.columns("images", split, ("id", "position")):
        if position == Position.LATERAL.value:
            yield image
