"""What is shown is the first of each kind, those with findings before normal ones."""

from __future__ import annotations

import numpy as np
import pytest

from bench.helpers import BOX, EFFUSION, item, pixels_of, record
from hilum.bench.gallery import Shown, gallery
from hilum.bench.image_metrics import Encoder
from hilum.bench.training_films import TrainingFilms
from hilum.model.answer import Answer
from hilum.study import Position, Task


def test_reports_with_findings_come_before_normal_ones_in_the_order_of_the_split():
    items = [
        item(
            Task.FINDINGS,
            f"r{i}",
            study=f"s{i}",
            truth=(EFFUSION,) if i in (2, 4, 5) else (),
            images=(f"i{i}",),
        )
        for i in range(6)
    ]
    answers, before = [Answer(f"a{i}") for i in range(6)], [Answer(f"b{i}") for i in range(6)]
    shown = gallery(Shown({Task.FINDINGS: (items, answers, before)}), pixels_of, {}, few=4)
    assert [r.study for r in shown.reports] == ["s0", "s2", "s4", "s5"]
    first = shown.reports[1]
    assert (first.reference, first.written, first.before, first.truth) == ("r2", "a2", "b2", (EFFUSION,))
    np.testing.assert_array_equal(first.images[0], pixels_of("i2"))
    plain = gallery(Shown({Task.FINDINGS: (items, answers, [])}), pixels_of, {})
    assert len(plain.reports) == 6
    assert plain.reports[0].before is None


def test_boxes_show_the_true_and_the_given_one():
    half = (0.1, 0.1, 0.5, 0.3)
    items = [item(Task.GROUND, question="the effusion", boxes=(BOX,), images=("i",))] * 3
    shown = gallery(Shown({Task.GROUND: (items, [Answer("", (half,))] * 3, [])}), pixels_of, {}, few=2)
    assert len(shown.boxes) == 2
    assert (shown.boxes[0].phrase, shown.boxes[0].truth, shown.boxes[0].given) == (
        "the effusion",
        (BOX,),
        (half,),
    )
    assert shown.boxes[0].iou == pytest.approx(0.5)


def test_only_frontal_pictures_that_were_drawn_are_shown_beside_the_real_ones():
    records = {
        ("phantom", f"s{i}"): record(f"s{i}", Position.LATERAL if i == 1 else Position.PA) for i in range(4)
    }
    items = [item(Task.DRAW, study=f"s{i}", question=f"q{i}", drawn=(f"s{i}-image",)) for i in range(4)]
    answers = [Answer("", image=None if i == 2 else np.full((2, 2), i, np.float32)) for i in range(4)]
    drawn = items, answers
    shown = gallery(Shown({}, drawn), pixels_of, records).drawn
    assert [(d.study, d.text, d.drawn[0, 0]) for d in shown] == [("s0", "q0", 0), ("s3", "q3", 3)]
    np.testing.assert_array_equal(shown[1].real, pixels_of("s3-image"))
    assert shown[1].nearest is None
    encoder = Encoder("brightness", lambda pictures: np.array([[one.mean()] for one in pictures]))
    known = TrainingFilms.made(np.stack([np.full((2, 2), grey, np.uint8) for grey in (0, 250)]), encoder)
    [dark, bright] = gallery(Shown({}, drawn, training=known), pixels_of, records).drawn
    white = np.float32(250) / 255
    assert [film[0, 0] for one in (dark, bright) for film in one.nearest] == [0, 0, white, white]


def test_three_questions_of_each_kind_are_shown_as_answered():
    closed = [item(Task.VQA_CLOSED, "Yes", images=("first", "last"))] * 4
    text = [item(Task.DISEASES, "edema")]
    asked = {
        Task.DISEASES: (text, [Answer("mass")], []),
        Task.VQA_CLOSED: (closed, [Answer("Yes, mild."), *[Answer("No")] * 3], []),
        Task.VIEW: (closed, [Answer("PA")] * 4, []),
    }
    shown = gallery(Shown(asked), pixels_of, {}).questions
    assert [(q.task, q.right) for q in shown] == [
        ("vqa closed", True),
        ("vqa closed", False),
        ("vqa closed", False),
        ("disease identification", False),
    ]
    np.testing.assert_array_equal(shown[0].image, pixels_of("last"))
    assert shown[3].image is None
    assert (shown[3].reference, shown[3].given) == ("edema", "mass")
