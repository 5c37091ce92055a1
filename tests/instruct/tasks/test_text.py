"""Annotated texts are asked in words of their kind, and answered as they were annotated."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hilum.study import Split, Task, TextExample, TextKind
from instruct.tasks.made import BARE, answer, asked, question

RELATIONS = ("entailment", "neutral", "contradiction")
EXAMPLES = {
    Task.INFER: TextExample(TextKind.INFERENCE, ("Clear lungs.", "No opacity."), "entailment", RELATIONS),
    Task.COMPARE_SENTENCES: TextExample(
        TextKind.SIMILARITY,
        ("Edema is worse.", "Edema improves."),
        "contradiction",
        ("paraphrase", "contradiction"),
    ),
    Task.ENTITIES: TextExample(TextKind.ENTITIES, ("clear lungs",), "observation: clear; anatomy: lungs"),
    Task.TEXT_QA: TextExample(TextKind.TEXT_QA, ("The lungs are clear.", "Any opacity?"), "not answerable"),
    Task.EVALUATE_REPORT: TextExample(
        TextKind.EVALUATION, ("No edema.", "Mild edema."), "false prediction of finding: 1"
    ),
    Task.EXPLAIN: TextExample(
        TextKind.EXPLANATION, ("Pneumonia", "Consolidation"), "Consolidation suggests it.", view=0
    ),
}
STUDY = replace(BARE, texts=tuple(EXAMPLES.values()))
WORDS_ALONE = replace(STUDY, image_ids=(), positions=())


@pytest.mark.parametrize("split", Split)
@pytest.mark.parametrize("task", EXAMPLES)
def test_each_kind_is_asked_by_its_task_alone(task, split):
    [one] = asked(STUDY, task, split)
    assert answer(one) == EXAMPLES[task].answer
    assert one.images_in == (STUDY.image_ids if task is Task.EXPLAIN else ())
    given = EXAMPLES[task].texts[:1] if task is Task.EXPLAIN else EXAMPLES[task].texts
    assert all(text.lower().rstrip(".") in question(one).lower() for text in given)


@pytest.mark.parametrize("task", [Task.INFER, Task.COMPARE_SENTENCES])
def test_options_are_shuffled_and_the_answer_is_among_them(task):
    options = EXAMPLES[task].options
    orders = set()
    for seed in range(20):
        text = question(asked(STUDY, task, seed=seed)[0])
        assert all(option in text for option in options)
        orders.add(tuple(sorted(options, key=text.rindex)))
    assert len(orders) > 1


def test_texts_need_no_image_but_an_explanation_does():
    assert not asked(WORDS_ALONE, Task.EXPLAIN)
    assert all(asked(WORDS_ALONE, task) for task in EXAMPLES if task is not Task.EXPLAIN)


def test_an_explanation_shows_the_image_that_it_is_about():
    study = replace(
        STUDY,
        image_ids=("first", "second"),
        positions=STUDY.positions * 2,
        texts=(replace(EXAMPLES[Task.EXPLAIN], view=1),),
    )
    assert asked(study, Task.EXPLAIN)[0].images_in == ("second",)
