"""Questions about studies and what can be read off an answer: yes or no, plain words, chosen options.

items = gather(population, Task.VIEW, limit=300, seed=0)
answers = ask(model, items, population.shards.pixels)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from hilum.bench.population import Population
from hilum.instruct import StudyRecord
from hilum.model.answer import Answer, Answerer, Prompt
from hilum.reports import extract_facts
from hilum.study import Box, BoxPart, Conversation, Fact, ImageIn, Message, Pixels, Task, Text

BATCH = 64
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_LETTER = re.compile(r"^\(?[a-z]\)\s+")
_KEPT = re.compile(r"[^\w\s]")

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Item:
    """One question and what a right answer to it is.

    Args:
        messages: what the model is told, the last turn being the user's.
        reference: the words of the right answer.
        boxes: the boxes of the right answer.
        truth: the facts behind it: the study's own where all of them are known, else the reference's.
        images_out: the pictures the right answer draws.
    """

    id: str
    study: str
    patient: str
    source: str
    task: Task
    messages: tuple[Message, ...]
    reference: str
    boxes: tuple[Box, ...] = ()
    truth: tuple[Fact, ...] = ()
    images_in: tuple[str, ...] = ()
    images_out: tuple[str, ...] = ()

    @property
    def cluster(self) -> str:
        """Whose it is, for resampling: patients of two sources are never one."""
        return f"{self.source}/{self.patient}"

    @property
    def question(self) -> str:
        """The words of the last turn."""
        return said(self.messages[-1])

    def prompt(self, pixels_of: Callable[[str], Pixels]) -> Prompt:
        """The question with its pixels; its task decides what form the answer must have."""
        images = tuple(pixels_of(image) for image in self.images_in)
        return Prompt(self.messages, images, self.task is Task.DRAW, self.task is Task.GROUND)


def said(message: Message) -> str:
    """The words of a turn, images and boxes left out."""
    return " ".join(part.text.strip() for part in message.parts if isinstance(part, Text)).strip()


def item_of(conversation: Conversation, record: StudyRecord | None) -> Item:
    """The last exchange of a conversation as a question; what came before is its context."""
    *asked, answer = conversation.messages
    reference = said(answer)
    known = record is not None and record.facts_complete
    shown = tuple(p.image_id for m in asked for p in m.parts if isinstance(p, ImageIn))
    return Item(
        conversation.id,
        conversation.study,
        conversation.patient,
        conversation.source,
        conversation.task,
        tuple(asked),
        reference,
        tuple(part.box for part in answer.parts if isinstance(part, BoxPart)),
        tuple(record.facts) if record is not None and known else tuple(extract_facts(reference)),
        shown,
        conversation.images_out,
    )


def gather(population: Population, task: Task, *, limit: int | None = None, seed: int = 0) -> list[Item]:
    """The questions of a task about the measured studies, or a random `limit` of them, by the seed."""
    found = sample([*population.conversations(task)], limit, seed)
    return [item_of(c, population.records.get((c.source, c.study))) for c in found]


def sample(rows: Sequence[Row], limit: int | None, seed: int) -> list[Row]:
    """A random `limit` of some rows, in their order; all of them for None or where there are no more."""
    if limit is None or len(rows) <= limit:
        return list(rows)
    drawn = np.random.default_rng(seed).choice(len(rows), limit, replace=False)
    return [rows[i] for i in sorted(drawn.tolist())]


def ask(
    model: Answerer,
    items: Sequence[Item],
    pixels_of: Callable[[str], Pixels],
    *,
    temperature: float = 0.0,
    seed: int = 0,
    tick: Callable[[int], None] | None = None,
) -> list[Answer]:
    """One answer to each question, in batches.

    Args:
        tick: told how many more are done, for a progress bar.
    """
    # Alike prompts share a batch, so that little of it is padding.
    order = sorted(range(len(items)), key=lambda i: (len(items[i].images_in), len(items[i].question)))
    answers: dict[int, Answer] = {}
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        prompts = [items[i].prompt(pixels_of) for i in chosen]
        for i, row in zip(
            chosen, model.answer(prompts, temperature=temperature, seed=seed + start), strict=True
        ):
            answers[i] = row[0]
        if tick is not None:
            tick(len(chosen))
    return [answers[i] for i in range(len(items))]


def words(text: str) -> int:
    """How many words a text has."""
    return len(text.split())


def normal(text: str) -> str:
    """Lower case, no option letter, no punctuation, no articles: what "the same words" means."""
    bare = _LETTER.sub("", text.strip().lower())
    return " ".join(_ARTICLES.sub(" ", _KEPT.sub(" ", bare)).split())


def polarity(text: str) -> bool | None:
    """True for an answer that opens with yes, False with no, None otherwise."""
    first = normal(text).split(" ", 1)[0]
    return {"yes": True, "no": False}.get(first)


_NOTHING = frozenset({"", "none", "no finding", "none of these", "none of them", "normal"})


def chosen_names(text: str) -> frozenset[str]:
    """The options a multi-select answer names, normalised; "none" names nothing."""
    pieces: Iterable[str] = re.split(r"[,;\n]|\band\b", text)
    return frozenset(name for name in map(normal, pieces) if name not in _NOTHING)
