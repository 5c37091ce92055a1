"""Rad-ReStruct: structured reports of Open-i's films, asked for question by question.

hilum build --source rad-restruct=FOLDER --out DIR

Access: open. Licence: MIT (its repository); the films are Open-i's, CC BY-NC-ND 4.0. Pellegrini et al.,
"Rad-ReStruct: A Novel VQA Benchmark and Method for Structured Radiology Reporting", MICCAI 2023.

The folder is the repository, or its `data/radrestruct`: `{train,val,test}_qa_pairs/REPORT.json`, each a list
of `[question, [answers], history, {answer_type, options, path}]`; `{train,val,test}_ids.json` (the reports
of a split; without it, those that have a file); `id_to_img_mapping_frontal_reports.json`; and Open-i's PNG
files (`NLMCXR_png.tgz` unpacked) in any folder within.

Every question has its options and the earlier questions with their answers. The published split is by report
and is kept; CheXinstruct fills its validation list from the test questions. A report's patient is Open-i's
(`open-i/CXR1`), so the leak guard keeps both sources' parts of a patient together.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hilum.errors import DataError
from hilum.images import view_of
from hilum.sources.base import SPLITS, Request, Seen, Source
from hilum.sources.json_rows import json_document, json_value, words_of
from hilum.sources.open_i import images_below
from hilum.study import Question, Study, View

_PARTS = ("train", "val", "test")
_MAPPING = "id_to_img_mapping_frontal_reports.json"
_SEVERAL = "; "
"""Between answers, because options hold commas ("aorta, thoracic")."""


def read(request: Request) -> Iterator[Study]:
    """One study per report, split by split, in the order of the lists."""
    inner = request.folder / "data" / "radrestruct"
    folder = inner if inner.is_dir() else request.folder
    mapping = json_document(folder / _MAPPING)
    images = images_below(request.folder)
    seen = Seen(request.problems)
    for name in _PARTS:
        for report in _reports(folder, name, request):
            if seen.again(f"report {report}"):
                continue
            views = tuple(_views(report, mapping.get(report), images, request))
            questions = _questions(folder / f"{name}_qa_pairs" / f"{report}.json", request)
            if views and questions:
                yield Study(
                    id=f"rad-restruct/{report}",
                    patient=f"open-i/CXR{report}",
                    source="rad-restruct",
                    views=views,
                    questions=questions,
                    split=SPLITS[name],
                )


def _reports(folder: Path, name: str, request: Request) -> list[str]:
    """The reports of a split; a split that is not there at all is a problem."""
    listed, pairs = folder / f"{name}_ids.json", folder / f"{name}_qa_pairs"
    if listed.is_file():
        reports = json_value(listed)
        if not isinstance(reports, list):
            raise DataError(listed, "is no list of reports", "download it again")
        return [words_of(report) for report in reports]
    if not pairs.is_dir():
        request.problems.add(DataError(pairs.name, "is missing", "its split is left out"))
    return sorted((path.stem for path in pairs.glob("*.json")), key=lambda stem: (len(stem), stem))


def _views(report: str, names: Any, images: dict[str, Path], request: Request) -> Iterator[View]:
    """The frontal films of a report: PA or AP, which the mapping does not tell apart."""
    if not isinstance(names, list) or not names:
        problem = f"has no image in {_MAPPING}"
        request.problems.add(DataError(f"report {report}", problem, "it is left out"))
        return
    for name in map(words_of, names):
        if name in images:
            yield view_of(images[name], id=f"{name}.png")
        else:
            problem = "has questions but no image file"
            request.problems.add(DataError(name, problem, "download NLMCXR_png.tgz"))


def _questions(path: Path, request: Request) -> tuple[Question, ...]:
    try:
        items = json_value(path)
    except DataError as error:
        request.problems.add(DataError(f"{path.parent.name}/{path.name}", error.problem, "it is left out"))
        return ()
    questions = []
    for number, item in enumerate(items if isinstance(items, list) else [items], start=1):
        question = _question(item)
        if question is not None:
            questions.append(question)
        else:
            where = f"{path.parent.name}/{path.name}, question {number}"
            problem = "is no question with an answer among its options"
            request.problems.add(DataError(where, problem, "it is left out"))
    return tuple(questions)


def _question(item: Any) -> Question | None:
    """One item; None when it is not as published. Neither its path nor its words are unique in a report."""
    try:
        question, answers, history, about = item
        options = tuple(words_of(option) for option in about["options"])
        given = [words_of(answer) for answer in answers]
        earlier = tuple(
            (words_of(asked), _SEVERAL.join(words_of(answer) for answer in answered))
            for asked, answered in history
        )
        several = about["answer_type"] == "multi_choice"
        kind = words_of(about["path"])
    except (TypeError, ValueError, KeyError):
        return None
    if (
        not words_of(question)
        or not given
        or not set(given) <= set(options)
        or (len(given) > 1 and not several)
    ):
        return None
    answer = _SEVERAL.join(given)
    return Question(words_of(question), answer, True, 0, kind, options, several=several, history=earlier)


SOURCE = Source(
    name="rad-restruct",
    summary="176,855 questions with options that fill a structured report, on 3,597 reports of Open-i",
    files="data/radrestruct/: {train,val,test}_qa_pairs/, id_to_img_mapping_frontal_reports.json; Open-i's "
    "PNG files; optional: {train,val,test}_ids.json",
    terms="MIT; images CC BY-NC-ND 4.0 (Open-i)",
    citation="Pellegrini et al., Rad-ReStruct, MICCAI 2023",
    read=read,
    access="open",
)
