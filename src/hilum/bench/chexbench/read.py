"""CheXbench's JSON as questions with their right answers; what cannot be asked is counted with its reason.

bench = read(Path("data.json"), Path("images"))
bench.items[0].question, bench.items[0].answer
bench.problems.counts           # reason → items left out

The file is an object of ten lists, one a task (`hilum.bench.chexbench.tasks`). Beside CheXbench's own keys an
item may have `id`, which names it, and `patient`, whose items are drawn together when an interval is
computed; without it, items are that share a film or, by the layout of MIMIC-CXR or CheXpert, a patient.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from hilum.bench.adapters import Kind, Question
from hilum.bench.chexbench.tasks import FINDINGS, GROUNDING, OPTIONS, SUMMARY, TASKS, ChexbenchTask, select
from hilum.bench.items import digest
from hilum.errors import DataError
from hilum.files import Problems
from hilum.study import Box, parse_boxes

_PHRASE = re.compile(r"\s*Please locate the following phrase:\s*(.+?)\s*$", re.IGNORECASE | re.DOTALL)
_DISEASE = re.compile(r"\b(?:contain|progression of)\s+(?:an?\s+)?([^?:.\n]+)[?:]", re.IGNORECASE)
_FOLDER = re.compile(r"(?:.*?/)?(?:p\d{8}|patient\d+)/")
"""From the path of a film that of its patient's folder, as MIMIC-CXR and CheXpert name it."""
_MEND = "mend the item, or leave it out"


@dataclass(frozen=True)
class Item:
    """One question and what a right answer to it is.

    Args:
        task: its task's key in the JSON.
        source: `data_source`; `part`: `slice`, the subgroup; both empty where the item has none.
        cluster: whose it is: a hash of the patient, or of the films that its items have in common.
        answer: the right option's position, for a choice.
        boxes: the right boxes, for grounding.
        reference: the right text, for free text; else the right option or the answer as it is in the file.
    """

    question: Question
    task: str
    source: str = ""
    part: str = ""
    cluster: str = ""
    answer: int = -1
    boxes: tuple[Box, ...] = ()
    reference: str = ""


@dataclass(frozen=True)
class Chexbench:
    """What was read.

    Args:
        items: in the file's order, by task.
        problems: what was left out, and why.
        left_out: the same, counted by task and reason.
        missing: chosen tasks that the file has no list of, or an empty one, by name: which of the two it is.
        sha256: of the file's bytes: which version of the benchmark this is.
    """

    items: tuple[Item, ...]
    problems: Problems
    left_out: Mapping[str, Mapping[str, int]]
    missing: Mapping[str, str]
    sha256: str

    def of(self, task: str) -> list[Item]:
        """The items of one task."""
        return [item for item in self.items if item.task == task]


class _LeftOut(Exception):
    """Why one item cannot be asked."""


def read(path: Path, images: Path, tasks: Sequence[str] = ()) -> Chexbench:
    """Read CheXbench's JSON.

    Args:
        images: the folder that the items' image paths are relative to.
        tasks: read these alone, by the names `hilum.bench.chexbench.tasks.select` knows.

    Raises:
        DataError: the file is no CheXbench JSON, the folder is not there, or no item can be asked.
        UsageError: an unknown task.
    """
    chosen = select(tasks)
    if not images.is_dir():
        raise DataError(images, "is no folder", "give the folder that the image paths are relative to")
    document, sha256 = _document(path)
    reading = _Reading(images, path.name)
    for key in sorted(document.keys() - TASKS.keys()):
        if isinstance(document[key], list):
            name = key.encode(errors="replace").decode()
            reading.leave_out(name, name, "is no task of CheXbench", "name it as CheXbench does")
    missing = {
        task.name: "the file does not hold it" if task.name not in document else "its list is empty"
        for task in chosen
        if document.get(task.name, []) == []
    }
    for task in chosen:
        if task.name in document:
            reading.take(task, document[task.name])
    if not reading.items:
        worst = reading.problems.counts.most_common(1)
        reasons = [f"most often an item {worst[0][0]}"] if worst else []
        reasons += [f"{name}: {why}" for name, why in missing.items() if tasks or name in document]
        reason = f" ({'; '.join(reasons)})" if reasons else ""
        raise DataError(path, f"holds no item that can be asked{reason}", "check the file and --images")
    items = _clustered(reading.items, reading.owners)
    left_out = {task: dict(sorted(counts.items())) for task, counts in reading.left_out.items()}
    return Chexbench(tuple(items), reading.problems, left_out, missing, sha256)


class _Twice(Exception):
    """A task that has two lists, of which JSON would keep the last alone."""


def _each_task_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for key, count in Counter(key for key, _ in pairs).items():
        if count > 1 and key in TASKS:
            raise _Twice(key)
    return dict(pairs)


def _document(path: Path) -> tuple[dict[str, Any], str]:
    remedy = "give CheXbench's data.json: one JSON object with a list of items for each task"
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})", remedy) from error
    try:
        document = json.loads(raw, object_pairs_hook=_each_task_once)
    except _Twice as error:
        raise DataError(path, f"holds the task {error} twice", "bring its items into one list") from error
    except (ValueError, RecursionError) as error:
        raise DataError(path, "is not JSON", remedy) from error
    if not isinstance(document, dict) or not document.keys() & TASKS.keys():
        raise DataError(path, "has none of CheXbench's tasks", remedy)
    return document, hashlib.sha256(raw).hexdigest()


@dataclass
class _Reading:
    images: Path
    file: str
    items: list[Item] = field(default_factory=list)
    owners: list[tuple[str, ...]] = field(default_factory=list)
    problems: Problems = field(default_factory=Problems)
    left_out: dict[str, Counter[str]] = field(default_factory=dict)

    def leave_out(self, task: str, thing: str, reason: str, remedy: str = _MEND) -> None:
        """Count one item that cannot be asked."""
        self.problems.add(DataError(f"{self.file}: {thing}", reason, remedy))
        self.left_out.setdefault(task, Counter())[reason] += 1

    def take(self, task: ChexbenchTask, rows: Any) -> None:
        """All items of one task."""
        if not isinstance(rows, list):
            self.leave_out(task.name, task.name, "is no list of items")
            return
        found: dict[str, tuple[int, Item, tuple[str, ...]]] = {}
        ids: dict[tuple[Any, ...], str] = {}
        contrary = set()
        for number, row in enumerate(rows):
            try:
                item = _item(task, row, self.images)
            except _LeftOut as problem:
                self.leave_out(task.name, f"{task.name} [{number}]", str(problem))
                continue
            # The same question in another slice, or by another id, is still the same question.
            named = ids.setdefault(_asked(item), item.question.id)
            id = item.question.id if item.question.id in found else named
            before, first, _ = found.setdefault(id, (number, item, _owners(row)))
            if before == number:
                continue
            same = (_asked(first), _right(first)) == (_asked(item), _right(item))
            reason = "is there twice" if same else "is there twice, with different content"
            self.leave_out(task.name, f"{task.name} [{number}]", reason)
            if not same and id not in contrary:
                # Which of the two is right, nobody can tell.
                contrary.add(id)
                self.leave_out(task.name, f"{task.name} [{before}]", reason)
        for id, (_, item, owners) in found.items():
            if id not in contrary:
                self.items.append(item)
                self.owners.append(owners)


def _item(task: ChexbenchTask, row: Any, folder: Path) -> Item:
    if not _is_unicode(row):
        raise _LeftOut("holds text that is not Unicode")
    if not isinstance(row, dict):
        raise _LeftOut("is no JSON object")
    names = _paths(row.get("image_path"))
    if not names and task.name != SUMMARY:
        raise _LeftOut("lacks image_path")
    shown = () if task.name == SUMMARY else tuple(_image(folder, name) for name in names)
    asked: dict[str, Any]
    if task.kind is Kind.CHOICE:
        asked, right = _choice(row)
    elif task.name == GROUNDING:
        asked, right = _grounding(row)
    else:
        asked, right = _writing(task.name, row)
    id = _text(row.get("id")) or digest([task.name, *names, asked["prompt"], *asked.get("options", ())])
    question = Question(f"{task.slug}/{id}", task.kind, images=shown, task=task.name, **asked)
    source, part = _text(row.get("data_source")), _text(row.get("slice"))
    return Item(question, task.name, source, part, **right)


def _asked(item: Item) -> tuple[Any, ...]:
    return item.question.images, item.question.prompt, item.question.options


def _right(item: Item) -> tuple[Any, ...]:
    return item.answer, item.boxes, item.reference


def _choice(row: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    slots = [_text(row.get(key)) for key in OPTIONS]
    options = tuple(slot for slot in slots if slot)
    if slots[: len(options)] != list(options):
        # `answer` counts the options that are there, so a hole before the last of them makes it ambiguous.
        raise _LeftOut("has a hole between its options")
    if len(options) < 2:
        raise _LeftOut("has fewer than two options")
    if len({option.casefold() for option in options}) < len(options):
        raise _LeftOut("has two options alike")
    answer = row.get("answer")
    if isinstance(answer, float) and answer.is_integer():
        answer = int(answer)  # what a data frame with holes makes of a whole number
    if not isinstance(answer, int) or isinstance(answer, bool):
        raise _LeftOut("lacks answer, the right option's number")
    if not 0 <= answer < len(options):
        raise _LeftOut("has an answer out of range")
    prompt = _required(row, "question")
    disease = _DISEASE.search(prompt)
    asked = {
        "prompt": prompt,
        "options": options,
        "fields": {"disease": disease.group(1).strip()} if disease else {},
    }
    return asked, {"answer": answer, "reference": options[answer]}


def _grounding(row: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    prompt, answer = _required(row, "question"), _required(row, "answer")
    boxes = parse_boxes(answer)
    if not boxes:
        raise _LeftOut("has no box in its answer")
    phrase = _PHRASE.match(prompt)
    fields = {"phrase": phrase.group(1)} if phrase else {}
    return {"prompt": prompt, "fields": fields}, {"boxes": boxes, "reference": answer}


def _writing(task: str, row: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    findings = _required(row, "section_findings")
    if task == SUMMARY:
        asked = {"prompt": f"Summarize the following Findings: {findings}", "fields": {"findings": findings}}
        return asked, {"reference": _required(row, "section_impression")}
    assert task == FINDINGS
    indication = _text(row.get("section_indication"))
    given = f'Given the indication: "{indication}", write' if indication else "Write"
    asked = {
        "prompt": f"{given} a structured findings section for the CXR.",
        "fields": {"indication": indication} if indication else {},
    }
    return asked, {"reference": findings}


def _is_unicode(row: Any) -> bool:
    """Whether all its texts can be written: half a surrogate pair, which JSON can escape, is no UTF-8."""
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(value: Any) -> str:
    """A text without blanks around it; a number as its digits; nothing for null, NaN and the like."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.strip() if isinstance(value, str) else ""


def _required(row: Mapping[str, Any], key: str) -> str:
    text = _text(row.get(key))
    if not text:
        raise _LeftOut(f"lacks {key}")
    return text


def _paths(value: Any) -> list[str]:
    """Paths as a list, as one text, or several in one text joined by "|"."""
    given = value if isinstance(value, list) else [value]
    return [
        part.strip() for text in given if isinstance(text, str) for part in text.split("|") if part.strip()
    ]


def _image(folder: Path, name: str) -> Path:
    path = folder / name
    # What is shown may be sent to an endpoint: nothing but the films of this folder.
    if not path.is_relative_to(folder) or ".." in PurePosixPath(name).parts:
        raise _LeftOut("names an image outside --images")
    try:
        there = path.is_file()
    except (OSError, ValueError):  # a name no file can have
        there = False
    if not there:
        raise _LeftOut("names an image that is not there")
    return path


def _owners(row: Mapping[str, Any]) -> tuple[str, ...]:
    """What an item may have in common with others: its patient, else its patients' folders or its films."""
    patient = _text(row.get("patient"))
    if patient:
        return (f"patient {patient}",)
    paths = _paths(row.get("image_path"))
    return tuple(found[0] if (found := _FOLDER.match(path)) else path for path in paths)


def _clustered(items: Sequence[Item], owners: Sequence[tuple[str, ...]]) -> list[Item]:
    """Items with the cluster they belong to: one patient's, or those joined by films they share."""
    own = [some or (item.question.id,) for item, some in zip(items, owners, strict=True)]
    place = {name: i for i, name in enumerate(dict.fromkeys(name for some in own for name in some))}
    pairs = [(place[some[0]], place[name]) for some in own for name in some]
    table = coo_array((np.ones(len(pairs)), tuple(zip(*pairs, strict=True))), shape=(len(place), len(place)))
    _, group = connected_components(table, directed=False)
    first: dict[int, str] = {}
    for name, i in place.items():
        first.setdefault(int(group[i]), name)
    return [
        replace(item, cluster=digest([first[int(group[place[some[0]]])]]))
        for item, some in zip(items, own, strict=True)
    ]
