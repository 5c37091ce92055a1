"""A Hilum run answers every task of CheXbench, each in the words it was trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.adapters.helpers import every_kind
from hilum.bench.adapters import Adapter, Failure, Kind, Question
from hilum.bench.adapters.hilum_run import HilumRun, own_words, worded
from hilum.images import read_image, unfit_box, write_png
from hilum.model.asking import findings_prompt, locate_prompt
from hilum.model.wording import unrepeated
from model.helpers import picture, tiny

MODEL = tiny(context=512)
ADAPTER = HilumRun(MODEL, max_new_tokens=12)


def test_every_task_has_a_reply_of_its_kind(tmp_path) -> None:
    assert isinstance(ADAPTER, Adapter)
    questions = every_kind(tmp_path)
    for question, reply in zip(questions, ADAPTER.answer(questions), strict=True):
        assert reply.failure in (None, Failure.TOO_LONG, Failure.EMPTY), reply.detail
        if question.kind is Kind.CHOICE:
            assert reply.text in question.options
        if question.kind is Kind.BOX:
            assert len(reply.boxes) == 1


def test_a_batch_answers_as_one_by_one(tmp_path) -> None:
    questions = every_kind(tmp_path)
    assert ADAPTER.answer(questions) == [ADAPTER.answer([question])[0] for question in questions]


def test_answers_are_the_model_s_own(tmp_path) -> None:
    by_id = {question.id: question for question in every_kind(tmp_path)}
    box, text = ADAPTER.answer([by_id["box"], by_id["text"]])
    film = read_image(by_id["box"].images[0])
    [[own]] = MODEL.answer([locate_prompt(film.pixels, "left edema")])
    assert box.boxes == tuple(unfit_box(b, film.pixels.shape, MODEL.fit) for b in own.boxes)
    study = [read_image(path) for path in by_id["text"].images]
    [[report]] = MODEL.answer([findings_prompt(study, "Cough", MODEL.config.views)], max_new_tokens=12)
    assert text.text == unrepeated(report.text)
    assert (text.failure is Failure.TOO_LONG) == (not report.finished and bool(text.text.strip()))


def test_likelihoods_are_the_model_s_own(tmp_path) -> None:
    questions = every_kind(tmp_path)
    found = ADAPTER.loglikelihood(questions)
    for question, scores in zip(questions, found, strict=True):
        assert len(scores) == len(question.options)
        assert all(score < 0 for score in scores)


def test_questions_are_worded_as_in_training(tmp_path) -> None:
    words = {question.id: worded(question) for question in every_kind(tmp_path)}
    assert words["view"] == "Which view is this?"
    assert words["binary"] == "Does this image show a pleural effusion?"
    assert words["single"] == "Which of these are seen: edema, mass?"
    assert words["temporal"] == "How has the pulmonary edema changed since the first image?"
    assert words["box"] == "Where in the image is: left edema?"
    assert words["sum"] == "Sum up as an impression: Small left pleural effusion."
    assert words["vqa"] == "Is it normal?"


@pytest.mark.parametrize(
    ("task", "options", "own"),
    [
        ("View Classification", ("PA", "lateral", "frontal"), ["PA", "LATERAL", "frontal"]),
        ("Temporal Classification", ("Improving", "no change"), ["improved", "stable"]),
        ("Temporal Classification", ("stable", "no change"), ["stable", "no change"]),
        ("binary_disease", ("yes", "NO"), ["Yes", "No"]),
        ("Visual Question Answering", ("yes", "no"), ["Yes", "No"]),
        ("Visual Question Answering", ("yes", "no", "Unsure"), ["yes", "no", "Unsure"]),
        ("Single Disease Identification", ("Edema", "Lung Mass"), ["edema", "lung mass"]),
    ],
)
def test_options_are_the_words_of_training(task, options, own) -> None:
    assert own_words(Question("1", Kind.CHOICE, "?", (), options, task)) == own


def test_questions_without_their_images_are_answered(tmp_path) -> None:
    blind = [replace(question, images=()) for question in every_kind(tmp_path)]
    assert all(reply.failure is not Failure.CRASHED for reply in ADAPTER.answer(blind))


def test_a_bad_question_fails_alone(tmp_path) -> None:
    good = every_kind(tmp_path)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    bad = [
        replace(good[0], images=(Path("missing.png"),)),
        replace(good[1], images=(broken,)),
        replace(good[5], options=("same", "same")),
        replace(good[5], prompt="word " * 2000),
    ]
    mixed = [good[0], bad[0], good[1], bad[1], good[5], bad[2], bad[3], good[9]]
    replies = ADAPTER.answer(mixed)
    for question, reply in zip(mixed, replies, strict=True):
        assert (reply.failure is Failure.CRASHED) == (question in bad)
        assert bool(reply.detail) == (question in bad)
    for question, scores in zip(mixed, ADAPTER.loglikelihood(mixed), strict=True):
        assert len(scores) == (0 if question in bad else len(question.options))


def test_the_description_follows_the_weights(tmp_path) -> None:
    assert ADAPTER.describe() == HilumRun(MODEL, max_new_tokens=12).describe()
    assert ADAPTER.describe() != HilumRun(tiny(seed=1), max_new_tokens=12).describe()
    assert all(isinstance(value, str) for value in ADAPTER.describe().values())


def test_boxes_are_of_the_film_as_it_was_given(tmp_path) -> None:
    film = tmp_path / "wide.png"
    write_png(film, picture(3, 96)[:48])
    [reply] = ADAPTER.answer([Question("1", Kind.BOX, "Where?", (film,), fields={"phrase": "left lung"})])
    [(x1, _, x2, _)] = reply.boxes
    assert 0.25 - 1e-6 <= x1 < x2 <= 0.75 + 1e-6, "a crop to the square never shows the sides"
