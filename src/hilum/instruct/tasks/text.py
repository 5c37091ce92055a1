"""Annotated texts: inference, similarity, entities, questions on a report, errors of a report, explanations.

pairs = list(inference(case))
"""

from __future__ import annotations

from collections.abc import Iterator

from hilum.instruct.qa_pairs import Case, Maker, QAPair, qa_pair
from hilum.instruct.tasks.spec import Group, TaskSpec
from hilum.prompts import word
from hilum.study import Task, TextExample, TextKind


def _maker(kind: TextKind, task: Task, *slots: str) -> Maker:
    """What asks for the answer of each text of a kind.

    Args:
        slots: of the wording, filled by the example's texts in order.
    """

    def make(case: Case) -> Iterator[QAPair]:
        if not case.record.texts:
            return
        rng = case.rng(task.value)
        for index, example in enumerate(case.record.texts):
            if example.kind is not kind or len(example.texts) < len(slots):
                continue
            given = dict(zip(slots, example.texts, strict=False))
            if example.options:
                given["options"] = _either(rng.sample(example.options, len(example.options)))
            question = word(task, rng, **given)
            yield qa_pair(task, _image(case, example), question, example.answer, name=str(index))

    return make


def _either(options: list[str]) -> str:
    """Options as they are asked for: `a, b or c`."""
    return f"{', '.join(options[:-1])} or {options[-1]}" if len(options) > 1 else options[0]


def _image(case: Case, example: TextExample) -> list[str]:
    """The one image that the text is about, where it is about one."""
    there = example.view is not None and example.view < len(case.record.image_ids)
    return [case.record.image_ids[example.view]] if there and example.view is not None else []


inference = _maker(TextKind.INFERENCE, Task.INFER, "premise", "hypothesis")
similarity = _maker(TextKind.SIMILARITY, Task.COMPARE_SENTENCES, "first", "second")
entities = _maker(TextKind.ENTITIES, Task.ENTITIES, "text")
text_qa = _maker(TextKind.TEXT_QA, Task.TEXT_QA, "text", "question")
evaluation = _maker(TextKind.EVALUATION, Task.EVALUATE_REPORT, "reference", "candidate")


def explanation(case: Case) -> Iterator[QAPair]:
    """Why an image was diagnosed as it was, in a radiologist's sentence; only where the image is there."""
    if not case.record.texts:
        return
    rng = case.rng("explanation")
    for index, example in enumerate(case.record.texts):
        image = _image(case, example)
        if example.kind is TextKind.EXPLANATION and example.texts and image:
            question = word(Task.EXPLAIN, rng, diagnosis=example.texts[0].lower())
            yield qa_pair(Task.EXPLAIN, image, question, example.answer, name=str(index))


SPECS = (
    TaskSpec(
        Task.TEXT_QA,
        "Text QA",
        Group.QUESTION,
        (text_qa,),
        "a report and a question, answered by a span",
        ("radqa",),
    ),
    TaskSpec(
        Task.EVALUATE_REPORT,
        "Report Evaluation",
        Group.OTHER,
        (evaluation,),
        "two reports, the errors of the second by kind",
        ("rexval",),
    ),
    TaskSpec(
        Task.EXPLAIN,
        "Natural Language Explanation",
        Group.OTHER,
        (explanation,),
        "an image, a diagnosis, a sentence that explains it",
        ("mimic-nle",),
    ),
    TaskSpec(
        Task.INFER,
        "Natural Language Inference",
        Group.OTHER,
        (inference,),
        "two sentences, how they relate",
        ("radnli",),
    ),
    TaskSpec(
        Task.COMPARE_SENTENCES,
        "Temporal Sentence Similarity",
        Group.OTHER,
        (similarity,),
        "two sentences, whether they tell the same course",
        ("ms-cxr-t",),
    ),
    TaskSpec(
        Task.ENTITIES,
        "Named Entity Recognition",
        Group.OTHER,
        (entities,),
        "a text with its entities",
        ("radgraph",),
    ),
)
