"""The usual answer is the most frequent, and noise tells nothing of its image."""

from __future__ import annotations

import numpy as np
import pytest

from bench.helpers import item, pixels_of
from hilum.bench.baselines import ENOUGH, Majority, Noise
from hilum.study import BoxPart, Conversation, Message, Split, Task, Text


def talk(task: Task, *turns: tuple[str, object]) -> Conversation:
    messages = []
    for question, answer in turns:
        part = Text(answer) if isinstance(answer, str) else BoxPart(answer)
        messages += [Message("user", (Text(question),)), Message("assistant", (part,))]
    return Conversation("c", "s", "p", "phantom", task, Split.TRAIN, tuple(messages))


def test_the_usual_answer_is_that_of_the_question_once_it_was_asked_often_enough():
    often = [talk(Task.VQA_CLOSED, ("Edema?", "No"))] * ENOUGH
    rarely = [talk(Task.VQA_CLOSED, ("Mass?", "No."))] * (ENOUGH - 1)
    usual = Majority.learn(
        [*often, *rarely, *[talk(Task.VQA_CLOSED, ("Other?", "Yes"))] * 20], Task.VQA_CLOSED
    )
    assert usual.answer(item(Task.VQA_CLOSED, question="edema")).text == "No"
    assert usual.answer(item(Task.VQA_CLOSED, question="Mass?")).text == "Yes"
    assert usual.answer(item(Task.VQA_CLOSED, question="Never asked?")).text == "Yes"


def test_answers_that_differ_in_dress_alone_are_one():
    texts = ["PA", "PA.", "the PA", "AP", "AP"]
    usual = Majority.learn([talk(Task.VIEW, (f"{i}?", text)) for i, text in enumerate(texts)], Task.VIEW)
    assert usual.usual.text == "PA"


def test_further_turns_count_for_their_own_question_but_not_for_the_task():
    bundle = talk(Task.VIEW, ("View?", "PA"), ("Edema?", "No"), ("Mass?", "No"))
    usual = Majority.learn([bundle] * ENOUGH, Task.VIEW)
    assert usual.usual.text == "PA"
    assert usual.answer(item(Task.VIEW, question="Edema?")).text == "No"


def test_the_usual_box_is_the_median_of_each_corner():
    boxes = [(0.0, 0.1, 0.5, 0.6), (0.2, 0.3, 0.7, 0.8), (0.1, 0.2, 0.9, 1.0)]
    usual = Majority.learn([talk(Task.GROUND, ("Where?", box)) for box in boxes], Task.GROUND).usual
    assert usual.boxes == (pytest.approx((0.1, 0.2, 0.7, 0.8)),)
    assert usual.text
    mostly_none = [talk(Task.DETECT, ("All?", boxes[0])), talk(Task.DETECT, ("All?", "none"))]
    assert Majority.learn(mostly_none, Task.DETECT).usual.text == "none"


def test_the_usual_report_is_the_shortest_with_the_most_frequent_findings():
    texts = [
        "There is a small left pleural effusion today.",
        "Large right effusion.",
        "No pneumothorax at all, and the heart is normal.",
    ]
    usual = Majority.learn([talk(Task.FINDINGS, ("Report.", text)) for text in texts], Task.FINDINGS)
    assert usual.usual.text == "Large right effusion."
    assert usual.answer(item(Task.FINDINGS, question="Report.")).text == "Large right effusion."


def test_without_examples_nothing_is_usual():
    assert Majority.learn([], Task.VIEW).usual.text == Majority.learn([], Task.FINDINGS).usual.text == ""


def test_noise_is_the_shuffled_pixels_of_another_image():
    ids = ["a", "b", "c", "d", "e"]
    noise = Noise(pixels_of, [*ids, "a"], seed=1)
    originals = {image: np.sort(pixels_of(image), axis=None) for image in ids}
    sources = []
    for image in ids:
        shown = noise(image)
        assert shown.shape == (16, 16)
        [source] = [i for i in ids if np.array_equal(np.sort(shown, axis=None), originals[i])]
        assert source != image
        assert not np.array_equal(shown, pixels_of(source))
        sources.append(source)
    assert sorted(sources) == ids
    np.testing.assert_array_equal(noise("a"), Noise(pixels_of, ids, seed=1)("a"))
    assert not np.array_equal(noise("a"), Noise(pixels_of, ids, seed=2)("a"))


def test_with_one_image_alone_its_own_pixels_are_shuffled():
    shown = Noise(pixels_of, ["a"])("a")
    assert not np.array_equal(shown, pixels_of("a"))
    np.testing.assert_array_equal(np.sort(shown, axis=None), np.sort(pixels_of("a"), axis=None))


def test_two_images_of_one_source_are_not_shuffled_alike():
    flat = np.arange(256, dtype=np.float32).reshape(16, 16)
    noise = Noise(lambda _: flat, ["a", "b"])
    assert not np.array_equal(noise("a"), noise("b"))
