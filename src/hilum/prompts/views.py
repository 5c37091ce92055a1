"""Which of a study's images a question shows, in what order, and what it says of them: in training and after.

report_views(["a", "b"], [Position.LATERAL, Position.PA], 3)
# (ImageIn("b", Position.PA), ImageIn("a", Position.LATERAL))
"""

from __future__ import annotations

from collections.abc import Sequence

from hilum.study import ImageIn, Position

VIEWS = 3
"""Most images of a study that its report is asked for with, where nobody says otherwise."""

_RANKS = {Position.PA: 0, Position.AP: 0, Position.UNKNOWN: 1, Position.LATERAL: 2}


def frontal_first(positions: Sequence[Position]) -> list[int]:
    """The places of views in the order they are shown: PA and AP, then unknown, then lateral ones."""
    return sorted(range(len(positions)), key=lambda view: _RANKS[positions[view]])


def frontal(positions: Sequence[Position]) -> int | None:
    """The place of the first PA or AP view, else of the first unknown one; None where all are lateral."""
    first = next(iter(frontal_first(positions)), None)
    return None if first is None or positions[first] is Position.LATERAL else first


def report_views(ids: Sequence[str], positions: Sequence[Position], most: int) -> tuple[ImageIn, ...]:
    """A study's images as a request for its report shows them, the frontal ones first.

    Args:
        positions: how each was taken.
        most: how many are shown at most; 0: the first alone, and nothing is said of it, as it was before
            images had roles.
    """
    order = frontal_first(positions)[: max(1, most)]
    return tuple(ImageIn(ids[view], positions[view] if most else None) for view in order)


def change_views(ids: Sequence[str], positions: Sequence[Position], most: int) -> tuple[ImageIn, ...]:
    """An earlier image and the present one as a question about change shows them.

    Args:
        ids, positions: of the earlier and of the present image.
        most: as in `report_views`; with 0 nothing is said of either.
    """
    if not most:
        return tuple(map(ImageIn, ids))
    (before, now), (then, taken) = ids, positions
    return ImageIn(before, then, prior=True), ImageIn(now, taken)
