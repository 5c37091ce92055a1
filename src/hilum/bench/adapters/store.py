"""Answers kept in a file and used again, so that a run killed half-way goes on and a rerun asks nothing.

adapter = Stored(HilumRun(model), Path("bench/answers.jsonl"))     # itself an adapter

One JSON line an answer, appended as batches are done, under a key of the content: what identifies the
model, the method, and the question with its images' bytes. Where a file was and how a question was numbered
are no part of it. What crashed is not kept, and so is asked again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from hilum.bench.adapters import checked
from hilum.bench.adapters.base import Adapter, Failure, Question, Reply
from hilum.kept import Kept

BATCH = 64
"""Questions asked between two writings: what a kill loses at most."""

Given = TypeVar("Given")


class Stored:
    """An adapter that asks another only what it has not answered before.

    Args:
        adapter: who is asked.
        path: the file; several models may share it.

    Raises:
        UsageError: a file stands there that Hilum did not write.
        DataError: a line of it is damaged; a last line that was never finished is dropped.
    """

    def __init__(self, adapter: Adapter, path: Path) -> None:
        self.adapter, self.path = adapter, Path(path)
        self._known = Kept(self.path)
        self._digests: dict[tuple[str, int, int], str] = {}

    def answer(self, questions: Sequence[Question]) -> list[Reply]:
        """Stored replies, and those of the adapter to the rest."""
        return self._through("answer", questions, checked.replies, _reply_row, _reply_of)

    def loglikelihood(self, questions: Sequence[Question]) -> list[tuple[float, ...]]:
        """The same for likelihoods."""
        return self._through(
            "loglikelihood", questions, checked.likelihoods, lambda row: list(row) or None, tuple
        )

    def describe(self) -> dict[str, str]:
        """The adapter's own description."""
        return checked.description(self.adapter)

    def _through(
        self,
        method: str,
        questions: Sequence[Question],
        ask: Callable[[Adapter, Sequence[Question]], list[Given]],
        to_row: Callable[[Given], Any],
        of_row: Callable[[Any], Given],
    ) -> list[Given]:
        """Args: to_row: what is kept of an answer, None for what is asked again next time."""
        who = json.dumps([self.describe(), method], sort_keys=True)
        keys = [self._key(who, question) for question in questions]
        new = {key: q for key, q in zip(keys, questions, strict=True) if key not in self._known}
        passing: dict[str, Given] = {}
        waiting = list(new.items())
        for start in range(0, len(waiting), BATCH):
            some = waiting[start : start + BATCH]
            given = ask(self.adapter, [question for _, question in some])
            rows = {}
            for (key, _), one in zip(some, given, strict=True):
                row = to_row(one)
                if row is None:
                    passing[key] = one
                else:
                    rows[key] = row
            self._known.add(rows)
        return [of_row(self._known[key]) if key in self._known else passing[key] for key in keys]

    def _key(self, who: str, question: Question) -> str:
        asked = [
            question.kind.value,
            question.prompt,
            question.options,
            question.task,
            sorted(question.fields.items()),
            [self._digest(image) for image in question.images],
        ]
        return hashlib.sha256(f"{who}\n{json.dumps(asked)}".encode()).hexdigest()[:32]

    def _digest(self, image: Path) -> str:
        """Of a file's bytes; a file that cannot be read is known by its name."""
        try:
            status = image.stat()
            known = (str(image), status.st_size, status.st_mtime_ns)
            if known not in self._digests:
                self._digests[known] = hashlib.sha256(image.read_bytes()).hexdigest()
            return self._digests[known]
        except OSError:
            return f"unreadable {image}"


def _reply_row(reply: Reply) -> dict[str, Any] | None:
    if reply.failure is Failure.CRASHED:
        return None
    return {name: value for name, value in asdict(reply).items() if value}


def _reply_of(row: dict[str, Any]) -> Reply:
    boxes = tuple((x1, y1, x2, y2) for x1, y1, x2, y2 in row.get("boxes", ()))
    failure = Failure(row["failure"]) if "failure" in row else None
    return Reply(row.get("text", ""), boxes, failure, row.get("detail", ""))
