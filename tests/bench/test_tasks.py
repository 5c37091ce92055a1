"""Every figure is measured by the rule its entry names."""

from __future__ import annotations

import re

import numpy as np
import pytest

from hilum.bench.answers import Item, chosen_names, item_of, normal, polarity
from hilum.bench.intervals import Bootstrap
from hilum.bench.metrics import box_counts
from hilum.bench.tasks import MEANINGS, TASKS, UNRANKED, judged, select
from hilum.errors import UsageError
from hilum.judge import score
from hilum.model.answer import Answer
from hilum.study import (
    BoxPart,
    Conversation,
    Fact,
    Finding,
    ImageIn,
    Message,
    Severity,
    Side,
    Split,
    Task,
    Text,
)

EFFUSION = Fact(Finding.PLEURAL_EFFUSION, side=Side.LEFT, severity=Severity.MILD)
BOX = (0.1, 0.1, 0.5, 0.5)


def item(task: Task, reference: str = "", *, boxes=(), truth=(), patient: str = "p") -> Item:
    asked = (Message("user", (Text("?"),)),)
    return Item("c", "s", patient, "phantom", task, asked, reference, boxes, truth)


def entry(name: str):
    return next(task for task in TASKS if task.name == name)


def value(name: str, items: list[Item], answers: list[str | Answer]) -> float:
    given = [Answer(a) if isinstance(a, str) else a for a in answers]
    scored = entry(name).score(items, given)
    return float(scored.statistic(np.ones((1, len(items))))[0])


@pytest.mark.parametrize(
    ("text", "plain"),
    [("(a) PA", "pa"), ("The left side.", "left side"), ("b) AP", "ap"), ("LATERAL", "lateral"), ("a", "")],
)
def test_words_are_compared_without_letters_articles_and_punctuation(text, plain):
    assert normal(text) == plain


@pytest.mark.parametrize(
    ("text", "says"),
    [("Yes, mild.", True), ("No.", False), ("no effusion", False), ("maybe", None), ("", None)],
)
def test_yes_and_no_are_read_off_the_first_word(text, says):
    assert polarity(text) is says


def test_a_closed_question_is_right_by_its_polarity_and_an_open_one_by_its_words():
    items = [item(Task.VQA_CLOSED, "Yes"), item(Task.VQA_CLOSED, "No"), item(Task.VQA_OPEN, "left")]
    assert value("vqa", items, ["Yes, mild.", "Yes", "Left."]) == pytest.approx(2 / 3)
    assert value("vqa_closed", items[:2], ["perhaps", "no"]) == 0.5
    assert value("vqa_open", items[2:], ["left lung"]) == 0


def test_a_closed_question_between_two_things_is_compared_by_words():
    assert value("vqa_closed", [item(Task.VQA_CLOSED, "left")], ["Left"]) == 1
    assert value("vqa_closed", [item(Task.VQA_CLOSED, "left")], ["Yes"]) == 0


def test_options_chosen_too_many_and_too_few_cost():
    items = [item(Task.DISEASES, "edema, mass"), item(Task.DISEASES, "none")]
    assert value("diseases", items, ["Mass and edema.", "none"]) == 1
    assert value("diseases", items, ["mass, nodule", "none"]) == 0.5
    assert value("diseases", items, ["none", "mass"]) == 0
    assert chosen_names("No finding") == frozenset()


def test_grounding_is_the_mean_overlap_and_needs_a_true_box():
    items = [item(Task.GROUND, boxes=(BOX,)), item(Task.GROUND, boxes=(BOX,)), item(Task.GROUND)]
    half = (0.1, 0.1, 0.5, 0.3)
    scored = entry("grounding").score(items, [Answer("", (BOX,)), Answer("", (half,)), Answer("", (BOX,))])
    assert scored.values is not None
    np.testing.assert_allclose(scored.values, [1, 0.5, np.nan])


def test_a_detected_box_is_right_from_an_overlap_of_0_4_on():
    far = (0.6, 0.6, 0.9, 0.9)
    assert box_counts([BOX], [BOX, far]).ravel().tolist() == [1, 1, 0]
    assert box_counts([BOX, far], [(0.1, 0.1, 0.5, 0.2)]).ravel().tolist() == [0, 1, 2]
    assert box_counts([], []).ravel().tolist() == [0, 0, 0]
    items = [item(Task.DETECT, boxes=(BOX,)), item(Task.DETECT, "none")]
    assert value("detection", items, [Answer("", (BOX,)), Answer("none")]) == 1
    assert value("detection", items, [Answer("", (BOX,)), Answer("", (far,))]) == pytest.approx(2 / 3)


def test_a_report_is_counted_by_its_facts():
    items = [item(Task.FINDINGS, "Small left pleural effusion.", truth=(EFFUSION,))]
    assert value("fact_f1", items, ["There is a small left pleural effusion."]) == 1
    assert value("fact_f1", items, ["There is a large right pleural effusion."]) == 0
    assert value("finding_f1", items, ["There is a large right pleural effusion."]) == 1
    assert value("finding_f1", items, ["No pleural effusion."]) == 0


def test_the_judge_prefers_the_right_report_and_gives_nothing_for_silence():
    items = [item(Task.FINDINGS, "Small left pleural effusion.", truth=(EFFUSION,))] * 3
    answers = ["There is a small left pleural effusion.", "Right pneumothorax.", "  "]
    scored = judged(items, [Answer(text) for text in answers])
    values = scored.values
    assert values is not None
    assert values[0] == 1
    assert values[0] > values[1]
    assert values[2] == 0
    assert scored.unusable == {"candidates": 1, "references": 0}


def test_what_the_judge_cannot_read_counts_nought_for_the_model_and_nothing_for_the_reference():
    reference = "Small left pleural effusion."
    items = [
        item(Task.FINDINGS, text)
        for text in (reference, reference, "", "Hjärtat är normalt stort.", "Hello.")
    ]
    answers = [
        Answer(text) for text in ("Hjärtat är normalt stort.", "Nothing more.", reference, reference, "")
    ]
    scored = judged(items, answers)
    np.testing.assert_array_equal(scored.values, [0, 0, np.nan, np.nan, np.nan])
    assert scored.unusable == {"candidates": 1, "references": 3}
    assert scored.estimate(Bootstrap(list("abcde"))).n == 2


@pytest.mark.parametrize("name", [task.name for task in TASKS])
def test_every_answer_belongs_to_a_question(name):
    with pytest.raises((ValueError, UsageError)):
        entry(name).score([item(Task.VIEW, "PA")] * 2, [Answer("PA")])


def test_the_figure_is_the_judges_own_mean():
    references = ["Small left pleural effusion."] * 4 + ["", "Kein Erguss, die Lunge ist frei."]
    answers = [
        references[0],
        "",
        "Kein Erguss, die Lunge ist frei.",
        "Pneumothorax.",
        references[0],
        references[0],
    ]
    items = [item(Task.FINDINGS, text) for text in references]
    scored = judged(items, [Answer(text) for text in answers])
    assert scored.values is not None
    assert scored.values.tolist()[:4] == [1, 0, 0, 0]
    assert np.isnan(scored.values[4:]).all()
    boot = Bootstrap([f"p{n}" for n in range(6)])
    assert scored.estimate(boot).value == score(references, answers).mean == 1 / 4


def test_length_is_measured_against_the_reference():
    assert value("length", [item(Task.FINDINGS, "one two")], ["one two three"]) == 1.5
    assert value("length", [item(Task.FINDINGS, "")], ["one"]) == 1


def test_task_names_are_unique_and_tasks_select_their_figures():
    assert len({task.name for task in TASKS}) == len(TASKS)
    assert select(None) == TASKS
    assert {task.name for task in select([Task.VIEW])} == {"view"}
    assert "vqa" not in {task.name for task in select([Task.VQA_OPEN])}
    assert "vqa" in {task.name for task in select([Task.VQA_OPEN, Task.VQA_CLOSED])}
    assert select([Task.DRAW]) == ()
    with pytest.raises(UsageError, match="text_instruction"):
        select([Task.TEXT])


REPORT, YES_OR_NO = (Task.FINDINGS,), "accuracy of yes and no"
DEFINED = [
    ("finding_f1", "Findings in reports", REPORT, "micro F1 of the findings in generated reports"),
    ("fact_f1", "Facts in reports", REPORT, "micro F1 of finding + side + site + severity"),
    ("judge_score", "Judge's score of reports", REPORT, "mean score of the judge"),
    ("length", "Length of reports", REPORT, "words written over words of the reference"),
    (
        "impression_finding_f1",
        "Findings in impressions",
        (Task.IMPRESSION,),
        "micro F1 of the findings in impressions",
    ),
    (
        "summary_finding_f1",
        "Findings in summaries",
        (Task.SUMMARIZE,),
        "micro F1 of the findings in summaries",
    ),
    ("vqa", "All questions", (Task.VQA_CLOSED, Task.VQA_OPEN), "accuracy, closed and open questions"),
    ("vqa_closed", "Closed questions", (Task.VQA_CLOSED,), YES_OR_NO),
    ("vqa_open", "Open questions", (Task.VQA_OPEN,), "accuracy, same normalised words"),
    ("view", "View", (Task.VIEW,), "accuracy of PA, AP, lateral"),
    ("binary_disease", "Is this disease there?", (Task.BINARY,), YES_OR_NO),
    ("diseases", "Which of four diseases", (Task.DISEASES,), "micro F1 of the chosen options"),
    ("grounding", "Box of a phrase", (Task.GROUND,), "mean IoU of the box"),
    ("detection", "Boxes of all findings", (Task.DETECT,), "F1 of boxes at IoU 0.4"),
    ("progression", "Change since the prior", (Task.PROGRESSION,), "accuracy, same normalised words"),
]


def test_every_figure_is_defined_as_it_is_published():
    assert [(task.name, task.title, task.tasks, task.metric) for task in TASKS] == DEFINED
    assert {task.name for task in TASKS if task.judged} == {"finding_f1", "fact_f1", "judge_score", "length"}
    assert {"length"} == UNRANKED
    assert list(MEANINGS) == [name for name, *_ in DEFINED]
    assert all(
        meaning.endswith(".") and meaning == MEANINGS[task.name]
        for task in TASKS
        for meaning in [task.meaning]
    )


@pytest.mark.parametrize(
    ("name", "task", "reference", "right", "wrong"),
    [
        ("vqa", Task.VQA_CLOSED, "Yes", "yes, mild", "no"),
        ("vqa", Task.VQA_OPEN, "Yes", "Yes", "yes, mild"),
        ("vqa_closed", Task.VQA_CLOSED, "No", "No effusion", "none"),
        ("vqa_open", Task.VQA_OPEN, "Left lung", "left lung", "left"),
        ("view", Task.VIEW, "(a) PA", "pa", "AP"),
        ("binary_disease", Task.BINARY, "Yes", "Yes, there is", "there is"),
        ("progression", Task.PROGRESSION, "worsening", "Worsening.", "stable"),
        ("diseases", Task.DISEASES, "edema, mass", "mass, edema", "nodule"),
        ("impression_finding_f1", Task.IMPRESSION, "Large left pleural effusion.", "Effusion.", "Edema."),
        ("summary_finding_f1", Task.SUMMARIZE, "Large left pleural effusion.", "Right effusion.", "Edema."),
    ],
)
def test_an_answer_is_right_by_the_rule_of_its_figure(name, task, reference, right, wrong):
    questions = [item(task, reference, truth=(EFFUSION,) if task is Task.IMPRESSION else ())] * 2
    scored = entry(name).score(questions, [Answer(right), Answer(wrong)])
    if scored.values is not None:
        assert scored.values.tolist() == [1, 0]
    assert value(name, questions[:1], [right]) == 1
    assert value(name, questions[:1], [wrong]) == 0


@pytest.mark.parametrize(
    ("name", "asked", "answer"),
    [
        ("fact_f1", item(Task.FINDINGS, truth=(EFFUSION,)), "Edema. There is a pneumothorax."),
        ("finding_f1", item(Task.FINDINGS, truth=(EFFUSION,)), "Edema. There is a pneumothorax."),
        ("summary_finding_f1", item(Task.SUMMARIZE, "Left effusion."), "Edema. There is a pneumothorax."),
        ("diseases", item(Task.DISEASES, "mass"), "edema, nodule"),
        ("detection", item(Task.DETECT, boxes=((0.6, 0.6, 0.9, 0.9),)), Answer("", (BOX, BOX))),
    ],
)
def test_what_is_made_up_and_what_is_missed_are_told_apart(name, asked, answer):
    scored = entry(name).score([asked], [answer if isinstance(answer, Answer) else Answer(answer)])
    counts = scored.counts
    assert [side.sum() for side in (counts.right, counts.wrong, counts.missed)] == [0, 2, 1]


def test_an_impression_is_counted_by_its_truth_and_a_summary_by_the_words_of_its_reference():
    told = item(Task.IMPRESSION, "Edema.", truth=(EFFUSION,))
    assert value("impression_finding_f1", [told], ["There is an effusion."]) == 1
    assert value("summary_finding_f1", [told], ["There is an effusion."]) == 0
    assert value("summary_finding_f1", [told], ["There is edema."]) == 1


@pytest.mark.parametrize(
    ("reference", "written", "ratio"), [("", "", 0), ("", "a b", 2), ("a", "a b c", 3), ("a b", "a", 0.5)]
)
def test_the_length_of_no_reference_is_taken_for_one_word(reference, written, ratio):
    assert value("length", [item(Task.FINDINGS, reference)], [written]) == ratio


def test_all_is_chosen_but_what_some_of_the_asked_tasks_are_wanting_for():
    assert [task.name for task in select([Task.DRAW, Task.GROUND, Task.FINDINGS])] == [
        "finding_f1",
        "fact_f1",
        "judge_score",
        "length",
        "grounding",
    ]
    assert [task.name for task in select([Task.VQA_CLOSED])] == ["vqa_closed"]
    assert select([]) == ()
    with pytest.raises(UsageError) as refused:
        select([Task.DRAW, Task.TEXT])
    known = refused.value.remedy.removeprefix("choose from ").split(", ")
    assert known == sorted({task.value for entry in TASKS for task in entry.tasks} | {Task.DRAW.value})


def test_a_figure_that_is_measured_otherwise_has_another_version():
    assert {task.name: task.version for task in TASKS if task.version > 1} == {"judge_score": 2}
    assert {task.version for task in TASKS} == {1, 2}


def test_titles_are_words_and_told_apart():
    titles = [task.title for task in TASKS]
    assert all(re.fullmatch(r"[A-Z][\w ']+\w\??", title) for title in titles), titles
    assert len({title.lower() for title in titles}) == len(titles)


def test_an_item_is_the_last_exchange_of_a_conversation():
    turns = (
        Message("user", (ImageIn("a"), Text("Find it."))),
        Message("assistant", (BoxPart(BOX), Text("Mild left pleural effusion."))),
    )
    talk = Conversation("c", "s", "p", "folder", Task.GROUND, Split.TEST, turns)
    found = item_of(talk, None)
    assert (found.question, found.reference, found.boxes) == (
        "Find it.",
        "Mild left pleural effusion.",
        (BOX,),
    )
    assert [fact.finding for fact in found.truth] == [Finding.PLEURAL_EFFUSION]
    prompt = found.prompt(lambda image: np.zeros((4, 4), np.float32))
    assert (prompt.locate, prompt.draw, len(prompt.images)) == (True, False, 1)
