"""One build serves models of any size: images are squared when they are read, and places move with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.files import Problems
from hilum.images import Fit, Frame, fit, fit_box, image_id
from hilum.images.png import to_bytes
from hilum.instruct import build
from hilum.instruct.frames import framed, framed_record
from hilum.sources import SOURCES, Source, SourceSpec
from hilum.study import (
    BoxPart,
    Conversation,
    Finding,
    ImageIn,
    Message,
    Presence,
    Region,
    RunLengths,
    Split,
    Task,
    Text,
)
from instruct.helpers import Film, record, study, view
from instruct.tasks.made import region

HIGH, WIDE = (80, 40), (40, 80)
INSIDE, BEYOND = (0.4, 0.4, 0.6, 0.6), (0.0, 0.4, 0.2, 0.6)
"""Boxes of a wide image, of which the crop keeps the middle half."""
SHAPES = {"wide": WIDE, "high": HIGH}


def said(*messages: Message) -> Conversation:
    return Conversation("c", "s", "p", "phantom", Task.DETECT, Split.TEST, messages)


WHERE = (Text("Where?"),)


def asked(*answer, question=WHERE) -> Conversation:
    return said(Message("user", (ImageIn("wide"), *question)), Message("assistant", answer))


def in_square(conversation: Conversation, how: Fit = Fit.CROP) -> Conversation | None:
    return framed(conversation, Frame(32, how), SHAPES.__getitem__)


@pytest.mark.parametrize("how", Fit)
def test_a_box_is_carried_into_the_square_of_its_image(how):
    (answer,) = in_square(asked(BoxPart(INSIDE)), how).messages[1].parts
    assert answer == BoxPart(fit_box(INSIDE, WIDE, how))
    assert answer != BoxPart(INSIDE)


def test_a_box_is_one_in_the_image_shown_last():
    both = said(
        Message("user", (ImageIn("wide"), Text("Where?"))),
        Message("assistant", (BoxPart(INSIDE),)),
        Message("user", (ImageIn("high"), Text("And here?"))),
        Message("assistant", (BoxPart(INSIDE),)),
    )
    boxes = [message.parts[0] for message in in_square(both).messages[1::2]]
    assert boxes == [BoxPart(fit_box(INSIDE, shape)) for shape in (WIDE, HIGH)]


def test_of_listed_boxes_those_beyond_the_crop_are_left_out():
    (answer,) = in_square(asked(BoxPart(BEYOND), BoxPart(INSIDE))).messages[1].parts
    assert answer == BoxPart(fit_box(INSIDE, WIDE))


@pytest.mark.parametrize(
    "conversation",
    [
        asked(BoxPart(BEYOND)),
        asked(Text("mass "), BoxPart(BEYOND), Text("; nodule "), BoxPart(INSIDE)),
        asked(Text("mass"), question=(Text("What is in "), BoxPart(BEYOND), Text("?"))),
    ],
    ids=["nothing else", "named", "asked about"],
)
def test_what_would_be_wrong_without_its_box_is_left_out(conversation):
    assert in_square(conversation) is None
    assert in_square(conversation, Fit.PAD) is not None


def test_a_conversation_without_boxes_stays_as_it_is():
    whole = asked(Text("none"))
    assert in_square(whole) is whole


corners = st.tuples(*[st.floats(0, 1)] * 4)
fractions = corners.map(lambda v: (*map(min, v[:2], v[2:]), *map(max, v[:2], v[2:])))


@given(fractions, st.sampled_from(Fit))
def test_a_region_moves_as_its_box_does_or_goes(box, how):
    one = record(regions=(region("mass", Finding.MASS, box),), image_ids=("wide",))
    moved = framed_record(one, Frame(32, how), SHAPES.__getitem__).regions
    assert [r.box for r in moved] == [b for b in (fit_box(box, WIDE, how),) if b is not None]


def test_a_mask_is_squared_like_its_image():
    mask = np.zeros(WIDE, bool)
    mask[10:30, 30:50] = True
    place = replace(region("mass", Finding.MASS, INSIDE), mask=RunLengths.of_mask(mask))
    one = record(regions=(place,), image_ids=("wide",))
    (moved,) = framed_record(one, Frame(20, Fit.CROP), SHAPES.__getitem__).regions
    square = np.zeros((20, 20), bool)
    square[5:15, 5:15] = True
    assert np.array_equal(moved.mask.mask(), square)


@pytest.fixture
def wide_films(monkeypatch):
    """Films of many shapes, half of them with a mass in the middle, half with one at the left edge."""

    def films(_):
        for k in range(40):
            shape = (60 + k, 100)
            box = (0.45, 0.3, 0.6, 0.6) if k % 2 else (0.0, 0.3, 0.05, 0.6)
            places = (Region(box, "mass", Finding.MASS),)
            labels = {Finding.MASS: Presence.PRESENT}
            films = (view(f"{k}", Film(k, shape)),)
            one = study(f"s{k}", f"p{k}", views=films, regions=places, labels=labels, facts=(), report=None)
            yield replace(one, source="wide", facts_complete=False)

    monkeypatch.setitem(SOURCES, "wide", Source("wide", "made", "none", "free", "none", films, True))
    return [SourceSpec("wide")]


def test_one_build_serves_any_size_with_the_same_conversations(wide_films, tmp_path):
    shards = build(wide_films, tmp_path / "out", size=48, workers=1, progress=False)
    ids = [image for split in Split for image in shards.image_ids(split)]
    originals = {image_id(Film(k, (60 + k, 100))()): k for k in range(40)}
    assert set(ids) == set(originals)
    asked_of = [c.id for split in Split for c in shards.conversations(split)]
    for size in (16, 48, 96):
        padded = shards.framed(Frame(size, Fit.PAD))
        assert padded.pixels_many(ids).shape == (40, size, size)
        assert [c.id for split in Split for c in padded.conversations(split)] == asked_of
        assert np.array_equal(padded.pixels(ids[0]), padded.pixels_many(ids[:1])[0] / np.float32(255))
    square = to_bytes(fit(Film(originals[ids[0]], (60 + originals[ids[0]], 100))(), 24, Fit.CROP))
    seen = shards.framed(Frame(24, Fit.CROP)).pixels_many(ids[:1])[0]
    assert np.abs(seen.astype(int) - square.astype(int)).mean() < 6  # made smaller twice


def test_what_a_crop_leaves_out_is_counted(wide_films, tmp_path):
    shards = build(wide_films, tmp_path / "out", size=48, workers=1, progress=False)
    cropped, problems = shards.framed(Frame(48, Fit.CROP)), Problems()
    whole = [c for split in Split for c in shards.conversations(split, [Task.DETECT])]
    kept = [c for split in Split for c in cropped.conversations(split, [Task.DETECT], problems)]
    assert len(kept) + len(problems) == len(whole)
    assert dict(problems.counts) == {"points beyond the crop": len(problems)}
    assert 0 < len(kept) < len(whole)
    regions = [r for split in Split for one in cropped.records(split) for r in one.regions]
    assert len(regions) < 40
