"""Which images of a study are shown: the frontal ones first, none twice, no more than were asked for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hilum.prompts import change_views, frontal, report_views
from hilum.study import ImageIn, Position

positions = st.lists(st.sampled_from(Position), min_size=1, max_size=8)
FRONTAL = (Position.PA, Position.AP)


def names(count: int) -> list[str]:
    return [f"image {number}" for number in range(count)]


@given(positions, st.integers(0, 9))
def test_views_are_the_frontal_ones_first_and_otherwise_in_their_order(taken, most):
    ids = names(len(taken))
    shown = [image.image_id for image in report_views(ids, taken, most)]
    assert len(shown) == len(set(shown)) == min(len(taken), max(1, most))
    groups = (FRONTAL, (Position.UNKNOWN,), (Position.LATERAL,))
    order = [id for group in groups for id, position in zip(ids, taken, strict=True) if position in group]
    assert shown == order[: len(shown)]


@given(positions, st.integers(0, 9))
def test_each_view_says_how_it_was_taken_unless_none_is_to(taken, most):
    known = dict(zip(names(len(taken)), taken, strict=True))
    for image in report_views(list(known), taken, most):
        assert image.position == (known[image.image_id] if most else None)
        assert not image.prior


@given(positions)
def test_the_frontal_view_is_the_first_shown_unless_all_are_lateral(taken):
    [first] = report_views(names(len(taken)), taken, 1)
    place = frontal(taken)
    if set(taken) == {Position.LATERAL}:
        assert place is None
    else:
        assert first.image_id == f"image {place}"
    assert frontal([]) is None


def test_the_earlier_image_is_marked():
    pair = (["before", "now"], [Position.AP, Position.PA])
    assert change_views(*pair, 3) == (ImageIn("before", Position.AP, prior=True), ImageIn("now", Position.PA))
    assert change_views(*pair, 0) == (ImageIn("before"), ImageIn("now"))
