"""What a model must beat: the usual answer of the training split, and itself shown noise.

majority = Majority.learn(shards.conversations(Split.TRAIN, tasks=[Task.VIEW]), Task.VIEW)
majority.answer(item)
blind = ask(model, items, Noise(shards.pixels, [image for item in items for image in item.images_in]))
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from hilum.bench.answers import Item, normal, said
from hilum.bench.metrics import stated
from hilum.model.answer import Answer
from hilum.reports import extract_facts
from hilum.study import Box, BoxPart, Conversation, Pixels, Task

ENOUGH = 5
"""How often a question must have been asked in training to have a usual answer of its own."""
READ = 4000
"""Training conversations read per task; the usual answer does not change beyond."""

_REPORTS = frozenset({Task.FINDINGS, Task.IMPRESSION, Task.SUMMARIZE})


@dataclass(frozen=True)
class Majority:
    """The usual answer to a question, or of its task where the question was hardly ever asked.

    Words: the most frequent answer. Reports: the shortest with the most frequent set of findings, since
    no two are worded alike. Boxes: the median of each corner, where most answers hold a box.
    """

    usual: Answer
    to_question: Mapping[str, Answer]

    @classmethod
    def learn(cls, conversations: Iterable[Conversation], task: Task) -> Majority:
        """Count the answers of training conversations of one task."""
        by_question: dict[str, list[tuple[str, tuple[Box, ...]]]] = defaultdict(list)
        every: list[tuple[str, tuple[Box, ...]]] = []
        for conversation in islice(conversations, READ):
            for turn, (question, text, boxes) in enumerate(_exchanges(conversation)):
                by_question[question].append((text, boxes))
                # A conversation is named by its first question; those after it may be of other tasks.
                if not turn:
                    every.append((text, boxes))
        if task in _REPORTS:
            return cls(_usual_report([text for text, _ in every]), {})
        own = {question: _usual(rows) for question, rows in by_question.items() if len(rows) >= ENOUGH}
        return cls(_usual(every), own)

    def answer(self, item: Item) -> Answer:
        """The usual answer to this question."""
        return self.to_question.get(normal(item.question), self.usual)


def _exchanges(conversation: Conversation) -> Iterator[tuple[str, str, tuple[Box, ...]]]:
    """Question, words and boxes of every exchange of a conversation."""
    question = ""
    for message in conversation.messages:
        if message.role == "user":
            question = normal(said(message))
        elif message.role == "assistant":
            boxes = tuple(part.box for part in message.parts if isinstance(part, BoxPart))
            yield question, said(message), boxes


def _usual(rows: Sequence[tuple[str, tuple[Box, ...]]]) -> Answer:
    if not rows:
        return Answer("")
    boxed = [boxes for _, boxes in rows if boxes]
    if 2 * len(boxed) > len(rows):
        corners = np.median([box for boxes in boxed for box in boxes], axis=0)
        x1, y1, x2, y2 = (float(v) for v in corners)
        box = (x1, y1, x2, y2)
        return Answer(BoxPart(box).text, (box,))
    # Of answers that differ in dress alone, the first one met stands for all.
    texts: dict[str, str] = {}
    counts = Counter(normal(text) for text, boxes in rows if not boxes)
    for text, _ in rows:
        texts.setdefault(normal(text), text)
    return Answer(texts[counts.most_common(1)[0][0]])


def _usual_report(texts: Sequence[str]) -> Answer:
    if not texts:
        return Answer("")
    findings = [frozenset(fact.finding for fact in stated(extract_facts(text))) for text in texts]
    [(most, _)] = Counter(findings).most_common(1)
    alike = [text for text, found in zip(texts, findings, strict=True) if found == most]
    return Answer(min(alike, key=lambda text: (len(text), text)))


class Noise:
    """Pixels that show nothing: for every image the shuffled pixels of another one of the same set.

    The brightness of a picture keeps its exact distribution over the set, but neither its structure nor
    its mean says anything about the question it is shown with.

    Args:
        pixels_of: image id to pixels.
        image_ids: the set; with one image alone, its own pixels are shuffled.
        seed: of the shuffling.
    """

    def __init__(
        self, pixels_of: Callable[[str], Pixels], image_ids: Iterable[str], *, seed: int = 0
    ) -> None:
        ids = sorted(set(image_ids))
        # Ids are content hashes, so their order is random and half a turn meets a stranger.
        half = len(ids) // 2
        self._other = dict(zip(ids, ids[half:] + ids[:half], strict=True))
        self._number = {image: number for number, image in enumerate(ids)}
        self._pixels_of, self._seed = pixels_of, seed

    def __call__(self, image_id: str) -> Pixels:
        """Noise in place of an image: (H, W) float32."""
        pixels = self._pixels_of(self._other[image_id])
        rng = np.random.default_rng((self._seed, self._number[image_id]))
        shuffled: Pixels = rng.permutation(pixels.ravel()).reshape(pixels.shape)
        return shuffled
