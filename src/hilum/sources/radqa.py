"""RadQA: questions that physicians asked before reading a report, answered by spans of it.

hilum build --source radqa=FOLDER --out DIR

Full name: RadQA, A Question Answering Dataset to Improve Comprehension of Radiology Reports 1.0.0. Access:
credentialed (PhysioNet). Licence: PhysioNet Credentialed Health Data License 1.5.0. Files: `train.json`,
`dev.json`, `test.json` in the layout of SQuAD 2: data, title, paragraphs, document_id, context, qas, id,
question, is_impossible, answers, text, answer_start. Citation: Soni et al., LREC 2022.

An example is `TextExample(TEXT_QA, (context, question), answer)`: the answer is a span of the context, word
for word and over its line ends, or "not answerable". Findings and impression of a report are contexts of
their own. Of several answers the first is taken and the others are counted. The development set is for
validation (the original filled that with the test set). No patients are named: each document, whose title
groups its contexts, counts as one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from hilum.errors import DataError
from hilum.sources.base import PHYSIONET, SPLITS, Request, Seen, Source, parts_there
from hilum.sources.json_rows import json_document, words_of
from hilum.study import Study, TextExample, TextKind

FILES = ("train.json", "dev.json", "test.json")
UNANSWERABLE = "not answerable"


def read(request: Request) -> Iterator[Study]:
    """One study per document with all its questions, without images, in the order of the files."""
    files = parts_there(request, FILES, "download RadQA", "documents")
    asked = Seen(request.problems)
    studies: dict[tuple[str, str], list[TextExample]] = {}
    for path in files:
        documents = json_document(path).get("data")
        if not isinstance(documents, list):
            raise DataError(path, "has no list of data", "download it again")
        for number, document in enumerate(documents, start=1):
            where, part = f"{path.name}, document {number}", path.stem
            title = words_of(document.get("title")) if isinstance(document, dict) else ""
            key = part, title or f"{part}-{number}"
            studies.setdefault(key, []).extend(_examples(document, where, request, asked))
    for (part, title), texts in studies.items():
        if texts:
            identifier = f"radqa/{part}-{title}"
            yield Study(identifier, f"radqa/{title}", "radqa", (), texts=tuple(texts), split=SPLITS[part])


def _examples(document: Any, where: str, request: Request, asked: Seen) -> Iterator[TextExample]:
    for paragraph in _list(document, "paragraphs", where, request):
        context = paragraph.get("context") if isinstance(paragraph, dict) else None
        if not isinstance(context, str) or not context.strip():
            request.problems.add(DataError(where, "has a paragraph without context", "it is left out"))
            continue
        for qa in _list(paragraph, "qas", where, request):
            identifier = words_of(qa.get("id")) if isinstance(qa, dict) else ""
            thing = f"{where}, question {identifier}" if identifier else where
            try:
                example = _example(qa, context, request.left_out)
            except ValueError as error:
                request.problems.add(DataError(thing, str(error), "it is left out"))
                continue
            if not asked.again(f"{where.split(',')[0]}: question {identifier}"):
                yield example


def _list(parent: Any, key: str, where: str, request: Request) -> list[Any]:
    children = parent.get(key) if isinstance(parent, dict) else None
    if isinstance(children, list):
        return children
    request.problems.add(DataError(where, f"has no list of {key}", "it is left out"))
    return []


def _example(qa: Any, context: str, left_out: Counter[str]) -> TextExample:
    """A question with its answer.

    Raises:
        ValueError: it lacks something, or its answer is not in the context.
    """
    question = words_of(qa.get("question")) if isinstance(qa, dict) else ""
    if not question or not words_of(qa.get("id")):
        raise ValueError("has no question or id")
    answers = qa.get("answers")
    if qa.get("is_impossible") is True:
        return TextExample(TextKind.TEXT_QA, (context, question), UNANSWERABLE)
    if not isinstance(answers, list) or not answers or not isinstance(answers[0], dict):
        raise ValueError("has no answers")
    text, start = answers[0].get("text"), answers[0].get("answer_start")
    if not isinstance(text, str) or not text.strip() or not isinstance(start, int):
        raise ValueError("has an answer without text or place")
    if start < 0 or context[start : start + len(text)] != text:
        raise ValueError("has an answer that does not stand in its place")
    if len(answers) > 1:
        left_out["further answers to a question"] += len(answers) - 1
    return TextExample(TextKind.TEXT_QA, (context, question), text)


SOURCE = Source(
    name="radqa",
    summary="3,074 questions on report sections, answered by a span or not at all",
    files="train.json, dev.json, test.json",
    terms=PHYSIONET,
    citation="Soni et al., RadQA, LREC 2022",
    read=read,
    access="credentialed",
)
