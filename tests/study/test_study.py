import dataclasses
import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.study import (
    CHEXPERT_14,
    DEVICES,
    FACT_DETAILS,
    Acuity,
    BoxPart,
    Change,
    Conversation,
    Fact,
    Finding,
    ImageIn,
    ImageOut,
    Message,
    Position,
    Presence,
    Region,
    Report,
    Severity,
    Side,
    Site,
    Split,
    Study,
    Task,
    Text,
    Tip,
    View,
    parse_boxes,
    role_words,
    strictest,
    write_box,
)

facts = st.builds(
    Fact,
    st.sampled_from(Finding),
    st.sampled_from(Presence),
    st.none() | st.sampled_from(Side),
    st.none() | st.sampled_from(Site),
    st.none() | st.sampled_from(Severity),
    st.none() | st.sampled_from(Change),
    st.none() | st.floats(0.5, 200),
    st.lists(st.sampled_from(["5", "6", "T8", "L1"]), unique=True).map(tuple),
    st.none() | st.sampled_from(Acuity),
    st.none() | st.sampled_from(Tip),
    st.none() | st.booleans(),
    st.none() | st.tuples(st.integers(0, 99), st.integers(0, 99)),
)
fractions = st.floats(0, 1, allow_nan=False)
BOX_TEXT = re.compile(r"<\|box\|>\((\d+),(\d+)\),\((\d+),(\d+)\)<\|/box\|>")


def test_chexpert_labels_come_in_their_published_order():
    assert len(CHEXPERT_14) == 14
    assert CHEXPERT_14[0] == "No Finding"
    assert CHEXPERT_14[2] == "Cardiomegaly"
    assert CHEXPERT_14[-1] == "Support Devices"


def test_every_device_is_a_finding_beyond_the_labels():
    assert not set(DEVICES) & set(CHEXPERT_14)


@given(facts)
def test_a_fact_survives_json(fact):
    back = Fact.from_json(json.loads(json.dumps(fact.to_json())))
    assert back == fact
    assert back.span == fact.span


@given(facts, st.none() | st.tuples(st.integers(), st.integers()))
def test_a_fact_said_elsewhere_is_the_same_but_for_its_span(fact, span):
    moved = fact.at(span)
    assert (moved, moved.span) == (fact, span)
    assert dataclasses.replace(moved, span=fact.span).to_json() == fact.to_json()


def test_a_fact_prints_as_the_command_line_promises():
    fact = Fact(Finding.PLEURAL_EFFUSION, side=Side.LEFT, severity=Severity.MILD, span=(0, 27))
    assert fact.to_json() == {
        "finding": "Pleural Effusion",
        "presence": "present",
        "side": "left",
        "site": None,
        "severity": "mild",
        "change": None,
        "size_mm": None,
        "levels": [],
        "acuity": None,
        "tip": None,
        "malposition": None,
        "span": [0, 27],
    }


def test_the_details_are_all_that_a_fact_may_leave_unsaid():
    named = {"finding", "presence", "span"}
    assert set(FACT_DETAILS) == {f.name for f in dataclasses.fields(Fact)} - named


def test_a_row_without_a_detail_reads_as_unsaid():
    assert Fact.from_json({"finding": "Edema", "presence": "absent"}) == Fact(Finding.EDEMA, Presence.ABSENT)


def test_where_a_fact_is_said_does_not_tell_facts_apart():
    assert Fact(Finding.EDEMA, span=(0, 5)) == Fact(Finding.EDEMA, span=(9, 14))
    assert len({Fact(Finding.EDEMA, span=(0, 5)), Fact(Finding.EDEMA)}) == 1


def test_an_unknown_finding_is_refused():
    with pytest.raises(ValueError, match="Gout"):
        Fact.from_json({"finding": "Gout", "presence": "present"})


@pytest.mark.parametrize(
    ("report", "text"),
    [
        (Report(findings="Clear lungs.", impression="Normal."), "Clear lungs. Normal."),
        (Report(impression="Normal."), "Normal."),
        (Report(indication="Cough."), ""),
    ],
)
def test_a_reports_text_is_what_describes_the_image(report, text):
    assert report.text == text


@given(st.tuples(fractions, fractions, fractions, fractions))
def test_a_box_is_written_in_whole_percent_and_never_empty(corners):
    x1, y1, x2, y2 = corners
    box = (min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
    text = BoxPart(box).text
    found = BOX_TEXT.fullmatch(text)
    assert found is not None
    left, top, right, bottom = map(int, found.groups())
    assert 0 <= left < right <= 100
    assert 0 <= top < bottom <= 100
    assert all(abs(a - 100 * b) <= 1.51 for a, b in zip((left, top, right, bottom), box, strict=True))
    [read] = parse_boxes(f"Here: {text}.")
    assert write_box(read) == text
    assert read == (left / 100, top / 100, right / 100, bottom / 100)


@pytest.mark.parametrize("corners", ["(5,5),(3,8)", "(5,5),(8,5)", "(1,1),(2,101)", "(1,1),(2)"])
def test_boxes_that_cannot_be_are_not_read(corners):
    assert parse_boxes(f"<|box|>{corners}<|/box|>") == ()


def test_a_conversation_in_chat_format():
    conversation = Conversation(
        id="c1",
        study="s1",
        patient="p1",
        source="phantom",
        task=Task.GROUND,
        split=Split.TRAIN,
        messages=(
            Message("user", (ImageIn("abc"), Text("Where is the effusion?"))),
            Message("assistant", (BoxPart((0.1, 0.2, 0.3, 0.4)), ImageOut("def"))),
        ),
    )
    assert conversation.images_in == ("abc",)
    assert conversation.images_out == ("def",)
    user, assistant = conversation.to_chat()
    assert user == {
        "role": "user",
        "content": [{"type": "image", "id": "abc"}, {"type": "text", "text": "Where is the effusion?"}],
    }
    assert assistant["content"][0] == {"type": "text", "text": "<|box|>(10,20),(30,40)<|/box|>"}
    assert assistant["content"][1] == {"type": "image", "id": "def"}


@pytest.mark.parametrize(
    ("position", "prior", "words"),
    [
        (None, False, ""),
        (Position.UNKNOWN, False, ""),
        (Position.PA, False, "PA view: "),
        (Position.LATERAL, False, "Lateral view: "),
        (None, True, "Prior image: "),
        (Position.UNKNOWN, True, "Prior image: "),
        (Position.AP, True, "Prior AP view: "),
        (Position.LATERAL, True, "Prior lateral view: "),
    ],
)
def test_what_is_said_of_an_image_stands_in_words_before_it(position, prior, words):
    assert role_words(position, prior) == words
    image = ImageIn("a", position, prior)
    message = Message("user", (Text("Look: "), image, Text("Any change?")))
    said = (Text(words),) if words else ()
    assert message.in_words == (Text("Look: "), *said, image, Text("Any change?"))
    talk = Conversation("c", "s", "p", "phantom", Task.PROGRESSION, Split.TRAIN, (message,))
    assert talk.images_in == ("a",)
    texts = [{"type": "text", "text": part.text} for part in (Text("Look: "), *said)]
    [turn] = talk.to_chat()
    assert turn["content"] == [*texts, {"type": "image", "id": "a"}, {"type": "text", "text": "Any change?"}]


def test_a_view_reads_its_pixels_only_when_asked():
    calls = []

    def load():
        calls.append(1)
        return np.zeros((2, 2), np.float32)

    view = View("v1", load)
    study = Study("s1", "p1", "folder", (view,))
    assert calls == []
    study.views[0].load()
    assert calls == [1]
    assert dataclasses.replace(view, load=lambda: np.ones((1, 1), np.float32)) == view


def test_regions_are_compared_by_place_not_by_mask():
    box = (0.1, 0.1, 0.2, 0.2)
    assert Region(box, "nodule", mask=np.ones((2, 2), bool)) == Region(box, "nodule")


def test_the_vocabulary_cannot_be_changed_in_place():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Report().findings = "x"  # type: ignore[misc]


@given(st.lists(st.none() | st.sampled_from(Split)))
def test_the_strictest_split_wins(splits):
    order = [Split.TEST, Split.VAL, Split.TRAIN]
    assert strictest(*splits) == next((split for split in order if split in splits), None)
