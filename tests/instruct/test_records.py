"""Studies survive the trip through a table."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.instruct.records import grid_of_box, grid_of_mask, records_of, study_batch
from hilum.instruct.rows import CONVERSATIONS, conversation_batch, conversations_of
from hilum.instruct.tasks import conversations
from hilum.study import (
    Acuity,
    Conversation,
    Fact,
    Finding,
    ImageIn,
    Message,
    Position,
    Presence,
    Question,
    Sex,
    Side,
    Split,
    Task,
    Text,
    TextExample,
    TextKind,
    Tip,
)
from instruct.helpers import BOX, EFFUSION, balance_of, record

FULL = record(
    "full",
    EFFUSION,
    labels={Finding.EDEMA: Presence.ABSENT},
    questions=(
        Question("Why?", "Because", False, 0, "reason"),
        Question("Which?", "left", True, options=("left", "right"), compares=True),
        Question("Where?", "a; b", True, options=("a", "b"), several=True, history=(("Is it?", "yes"),)),
    ),
    race="Asian",
    device="Maker, model",
    taken="2180-05-06 21:30",
    caption="A chest.",
    terms={"Hypoexpansion": Presence.UNCERTAIN},
    texts=(TextExample(TextKind.INFERENCE, ("A.", "B."), "neutral", ("neutral",), 0),),
    sex=Sex.FEMALE,
    age=61.5,
    group="A",
    split=Split.VAL,
    prior_image_ids=("before",),
    prior_positions=(Position.AP,),
)


@pytest.mark.parametrize("one", [FULL, record("bare", report=None, image_ids=(), positions=(), facts=())])
def test_a_record_read_back_is_the_one_written(one):
    assert records_of(study_batch([one])) == [one]


def test_every_detail_of_a_fact_is_read_back():
    facts = (
        Fact(Finding.NODULE, size_mm=12.5, span=(3, 9)),
        Fact(Finding.FRACTURE, side=Side.LEFT, levels=("6", "7"), acuity=Acuity.HEALED),
        Fact(Finding.ENDOTRACHEAL_TUBE, tip=Tip.RIGHT_MAINSTEM_BRONCHUS, malposition=True),
        Fact(Finding.CENTRAL_LINE, malposition=False),
    )
    (one,) = records_of(study_batch([record("detailed", *facts)]))
    assert one.facts == facts
    assert one.facts[0].span == (3, 9)


@pytest.mark.parametrize("split", Split)
def test_conversations_read_back_are_those_written(split):
    said = list(conversations(FULL, split, balance_of(FULL)))
    batch = conversation_batch(said)
    assert batch.schema == CONVERSATIONS
    assert conversations_of(batch) == said


images_in = st.builds(ImageIn, st.text(max_size=4), st.none() | st.sampled_from(Position), st.booleans())
asked = st.lists(images_in | st.builds(Text, st.sampled_from(["", "PA view: ", "Prior image: ", "Why?"])))


@given(st.lists(asked, max_size=3))
def test_what_is_said_of_an_image_is_read_back_whatever_stands_before_it(turns):
    messages = tuple(Message("user", tuple(parts)) for parts in turns)
    one = Conversation("c", "s", "p", "phantom", Task.VIEW, Split.TEST, messages)
    assert conversations_of(conversation_batch([one])) == [one]


def test_the_frontal_view_is_the_first_pa_or_ap():
    views = (Position.LATERAL, Position.UNKNOWN, Position.AP, Position.PA)
    assert record("v", image_ids=("a", "b", "c", "d"), positions=views).frontal == 2
    assert record("v", image_ids=("a",), positions=(Position.UNKNOWN,)).frontal == 0
    assert record("v", image_ids=("a",), positions=(Position.LATERAL,)).frontal is None


corner = st.floats(0, 1)


@given(corner, corner, corner, corner)
def test_a_box_covers_its_own_area(a, b, c, d):
    box = (min(a, b), min(c, d), max(a, b), max(c, d))
    area = (box[2] - box[0]) * (box[3] - box[1])
    assert np.mean(grid_of_box(box)) == pytest.approx(area, abs=1e-3)


def test_box_and_mask_of_the_same_place_cover_the_same_cells():
    mask = np.zeros((80, 80), bool)
    mask[40:72, 40:72] = True
    assert grid_of_mask(mask) == pytest.approx(grid_of_box(BOX), abs=1e-3)
