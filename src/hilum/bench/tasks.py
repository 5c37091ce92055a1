"""What is measured: one versioned entry per figure, each naming its questions and how answers are scored.

chosen = select([Task.VIEW])                              # the entries that ask for the view
scored = chosen[0].score(items, answers)                  # Scored: one value per item, or counts for F1
Bootstrap([i.cluster for i in items]).mean(scored.values)

A changed task is a new version: figures of two versions of one task are not comparable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hilum.bench.answers import Item, chosen_names, normal, polarity, words
from hilum.bench.metrics import Counts, box_counts, fact_counts, finding_counts, matched_iou, set_counts
from hilum.bench.scored import Scored
from hilum.errors import UsageError
from hilum.judge import score as judge_reports
from hilum.model.answer import Answer
from hilum.reports import extract_facts
from hilum.study import Task

Scorer = Callable[[Sequence[Item], Sequence[Answer]], Scored]


@dataclass(frozen=True)
class BenchTask:
    """One figure of the benchmark.

    Args:
        name: unique; with `version` it says what the figure can be compared with.
        title: its name for people.
        tasks: the conversations it is measured on.
        metric: what the figure is, in words.
        score: answers to figures.
        meaning: what it says and what it does not, in a line for whoever reads the number.
        ranked: whether more of it is better.
        judged: True when a report's wording is scored, so that before and after alignment are compared.
    """

    name: str
    version: int
    title: str
    tasks: tuple[Task, ...]
    metric: str
    score: Scorer
    meaning: str
    judged: bool = False
    ranked: bool = True


def each(rule: Callable[[Item, Answer], float]) -> Scorer:
    """Score answers one by one; the figure is their mean."""

    def score(items: Sequence[Item], answers: Sequence[Answer]) -> Scored:
        pairs = zip(items, answers, strict=True)
        return Scored(values=np.array([rule(item, answer) for item, answer in pairs], dtype=np.float64))

    return score


def counted(rule: Callable[[Item, Answer], np.ndarray[tuple[int, ...], np.dtype[np.int64]]]) -> Scorer:
    """Count right, wrong and missed answer by answer; the figure is the F1 of the sums."""

    def score(items: Sequence[Item], answers: Sequence[Answer]) -> Scored:
        pairs = zip(items, answers, strict=True)
        return Scored(counts=Counts.of([rule(item, answer) for item, answer in pairs]))

    return score


def same_words(item: Item, answer: Answer) -> float:
    """1 when the normalised answers are equal."""
    return float(normal(answer.text) == normal(item.reference))


def same_polarity(item: Item, answer: Answer) -> float:
    """1 when both say yes or both say no; an answer that says neither is wrong.

    A closed question whose answer is neither (another choice) is compared word for word.
    """
    wanted = polarity(item.reference)
    return same_words(item, answer) if wanted is None else float(polarity(answer.text) == wanted)


def same_answer(item: Item, answer: Answer) -> float:
    """Closed questions by yes and no, open ones by their words."""
    return (same_polarity if item.task is Task.VQA_CLOSED else same_words)(item, answer)


def overlap(item: Item, answer: Answer) -> float:
    """IoU of the boxes; NaN when the truth has none."""
    return matched_iou(item.boxes, answer.boxes) if item.boxes else float("nan")


def judged(items: Sequence[Item], answers: Sequence[Answer]) -> Scored:
    """The judge's score against the reference report.

    An answer that the judge cannot read is the model's failure and counts 0; a reference it cannot read says
    nothing about the model and is left out. How many there are of either is told.
    """
    verdicts = judge_reports([item.reference for item in items], [answer.text for answer in answers])
    unusable = {"candidates": verdicts.failed, "references": verdicts.left_out}
    return Scored(values=np.array(verdicts.values), unusable=unusable)


def length(items: Sequence[Item], answers: Sequence[Answer]) -> Scored:
    """Words written over words of the reference, answer by answer."""
    pairs = zip(items, answers, strict=True)
    return Scored(values=np.array([words(a.text) / max(1, words(i.reference)) for i, a in pairs]))


facts_f1 = counted(lambda item, answer: fact_counts(item.truth, extract_facts(answer.text)))
findings_f1 = counted(lambda item, answer: finding_counts(item.truth, extract_facts(answer.text)))
summary_f1 = counted(
    lambda item, answer: finding_counts(extract_facts(item.reference), extract_facts(answer.text))
)
names_f1 = counted(lambda item, answer: set_counts(chosen_names(item.reference), chosen_names(answer.text)))
boxes_f1 = counted(lambda item, answer: box_counts(item.boxes, answer.boxes))

_REPORT = (Task.FINDINGS,)
TASKS: tuple[BenchTask, ...] = (
    BenchTask(
        "finding_f1",
        1,
        "Findings in reports",
        _REPORT,
        "micro F1 of the findings in generated reports",
        findings_f1,
        "Which findings a report states, whatever their side or grade. Frequent findings weigh most, and "
        "what the reference leaves out counts as absent.",
        judged=True,
    ),
    BenchTask(
        "fact_f1",
        1,
        "Facts in reports",
        _REPORT,
        "micro F1 of finding + side + site + severity",
        facts_f1,
        "A finding counts only with the right side, site and severity. A grade next to the right one is as "
        "wrong as an invented finding.",
        judged=True,
    ),
    BenchTask(
        "judge_score",
        2,
        "Judge's score of reports",
        _REPORT,
        "mean score of the judge",
        judged,
        "How far a rule-based judge finds a report factual. Alignment optimises this very score: trust a "
        "gain only where the facts gain too.",
        judged=True,
    ),
    BenchTask(
        "length",
        1,
        "Length of reports",
        _REPORT,
        "words written over words of the reference",
        length,
        "1 is as long as the reference. It says nothing about quality, but other gains may rest on it.",
        judged=True,
        ranked=False,
    ),
    BenchTask(
        "impression_finding_f1",
        1,
        "Findings in impressions",
        (Task.IMPRESSION,),
        "micro F1 of the findings in impressions",
        findings_f1,
        "Which findings an impression states. What a radiologist would rightly leave out of one counts as "
        "missed.",
    ),
    BenchTask(
        "summary_finding_f1",
        1,
        "Findings in summaries",
        (Task.SUMMARIZE,),
        "micro F1 of the findings in summaries",
        summary_f1,
        "Which findings survive the summary of a given text. No image is read: it says nothing about seeing.",
    ),
    BenchTask(
        "vqa",
        1,
        "All questions",
        (Task.VQA_CLOSED, Task.VQA_OPEN),
        "accuracy, closed and open questions",
        each(same_answer),
        "Closed and open questions together: the mix of the two moves it as much as the model does.",
    ),
    BenchTask(
        "vqa_closed",
        1,
        "Closed questions",
        (Task.VQA_CLOSED,),
        "accuracy of yes and no",
        each(same_polarity),
        "Half is chance only where yes and no are equally frequent: read it beside the usual answer.",
    ),
    BenchTask(
        "vqa_open",
        1,
        "Open questions",
        (Task.VQA_OPEN,),
        "accuracy, same normalised words",
        each(same_words),
        "The same words as the reference. A right answer in other words counts as wrong.",
    ),
    BenchTask(
        "view",
        1,
        "View",
        (Task.VIEW,),
        "accuracy of PA, AP, lateral",
        each(same_words),
        "Whether the projection is recognised: an easy task that shows the model looks at the image, not "
        "that it sees disease.",
    ),
    BenchTask(
        "binary_disease",
        1,
        "Is this disease there?",
        (Task.BINARY,),
        "accuracy of yes and no",
        each(same_polarity),
        "Right answers about single diseases at the ratio of yes to no in this set. In a population with "
        "fewer ill, more of its yes would be wrong: see sensitivity and specificity.",
    ),
    BenchTask(
        "diseases",
        1,
        "Which of four diseases",
        (Task.DISEASES,),
        "micro F1 of the chosen options",
        names_f1,
        "Which of the offered diseases are chosen. What is not offered is not asked for.",
    ),
    BenchTask(
        "grounding",
        1,
        "Box of a phrase",
        (Task.GROUND,),
        "mean IoU of the box",
        each(overlap),
        "How well a box covers what a phrase names, of phrases that are true. Whether a false phrase gets a "
        "box as well is not asked; on a small finding a slight shift costs most of the score.",
    ),
    BenchTask(
        "detection",
        1,
        "Boxes of all findings",
        (Task.DETECT,),
        "F1 of boxes at IoU 0.4",
        boxes_f1,
        "Boxes found without being told what to look for; the names beside them are not compared.",
    ),
    BenchTask(
        "progression",
        1,
        "Change since the prior",
        (Task.PROGRESSION,),
        "accuracy, same normalised words",
        each(same_words),
        "Better, worse or the same since the prior film. Where one answer is frequent it is easily guessed: "
        "read it beside the usual answer.",
    ),
)
"""Every figure read off words and boxes; pictures are measured in `hilum.bench.drawing`."""

MEANINGS = {entry.name: entry.meaning for entry in TASKS}
"""What a figure means and what it does not say, by its name."""

UNRANKED = frozenset(entry.name for entry in TASKS if not entry.ranked)
"""Figures of which more is not better."""


def select(tasks: Sequence[Task] | None) -> tuple[BenchTask, ...]:
    """The entries that can be measured on these tasks' conversations; all of them for None.

    Raises:
        UsageError: a task has no figure.
    """
    if tasks is None:
        return TASKS
    wanted = set(tasks)
    measured = {task for entry in TASKS for task in entry.tasks} | {Task.DRAW}
    for task in tasks:
        if task not in measured:
            known = ", ".join(sorted(task.value for task in measured))
            raise UsageError(task.value, "has no figure in the benchmark", f"choose from {known}")
    return tuple(entry for entry in TASKS if set(entry.tasks) <= wanted)
