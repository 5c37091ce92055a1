"""How a choice is asked and how the answer is read, by our rule and by the published one.

pick("Answer: (B).", ("PA", "AP"))            # 1
pick("It is a lateral film", ("PA", "lateral"))   # 1
pick("(A) or (B)", ("PA", "AP"))              # None: unparsed, counted wrong
shifted(question, 1)                          # the same question with its options moved up by one

The published rule (CheXagent's evaluation scripts) takes the first capital letter in round brackets and draws
a random option where there is none. How a question is put in words is the adapter's part, and it says so in
`describe()`; `hilum.bench.adapters.asking.with_options` writes the published prompt.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hilum.bench.adapters import Question
from hilum.bench.answers import normal

TEXT = {
    "generation": (
        "The model is asked the question with its options in their stored order, in the words of its "
        "adapter (the published prompt, or a model's own), and answers in words. The answer is read as a "
        "letter, (A), A, a), A., Answer: A, or as the words of one option, alone or within the answer. An "
        "answer that names no option, several of them, or one only to deny it, is unparsed and wrong. A "
        "reply that failed is wrong."
    ),
    "likelihood": (
        "Each option is scored by its mean log-probability per token after the question; the highest is "
        "the answer. Options that tie for it are no answer and wrong. The options' order is not shown, so "
        "it cannot matter."
    ),
    "published": (
        "The first capital letter in round brackets is the answer; where there is none, an option is "
        "drawn at random (here from the seed and the item's id). Its expectation counts such an item as 1 "
        "over its number of options."
    ),
    "order": (
        "Each item is asked once more with its options moved up by a number of places drawn from the "
        "seed, at least one and never all the way round. A place is preferred when its picks, weighed "
        "so that each option stands in each place equally often, are beyond 99 % of randomisations."
    ),
    "boxes": (
        "first_iou: the first box of the answer against the first reference box, as published; "
        "matched_iou: the best one-to-one matching over the larger number of boxes. No box counts 0; no "
        "earlier answer is reused."
    ),
    "text": (
        "Tags in square brackets and ** are deleted, blanks collapsed, letters lowered, as published. "
        "Findings are read by Hilum's rules (not by CheXbert); an uncertain one counts as present. No "
        "Finding is stated by a text that is read and states none. Macro F1 is over the labels that "
        "either side states."
    ),
    "images": "All images of an item are shown, in its order; Findings Summarization shows none.",
    "no_image": "The same questions without their images.",
    "shuffled": "The same questions with the images of another item of the task, of another patient or film.",
    "majority": (
        "Of an item's options the one whose words are most often right in these items where they are "
        "offered, among words that ten items offer, else the majority_position; the box that fits best "
        "where the same phrase is asked for, or anywhere if fewer than ten items ask it; the most "
        "frequent set of labels; of the twenty most frequent references the one that scores best as "
        "the text for all."
    ),
    "majority_position": "The position at which the right answer stands most often.",
    "chance": (
        "A random option; the box of a random item of the task; the labels of a random item's reference text."
    ),
}
"""The protocol in words, printed with every result."""

_ARTICLE = r"(?!\s+(?!because|since|as)[a-z])"
"""Not "A lateral film"."""
_LETTER = rf"(?:\(?([A-Da-d])\)|(A)\b{_ARTICLE}|([B-D])\b|([a-d])(?=[.,;:]?\s*$))"
_STATED = re.compile(
    rf"\b(?i:answer|option|choice)\b(?:\s+(?:is|would\s+be))?(?:\s+option)?\s*[:=]?\s*{_LETTER}"
)
_BRACKETED = re.compile(r"\(([A-Da-d])\)")
_OPENING = re.compile(r"^\W*(?:([A-Da-d])\s*(?:[)\]]|[.:](?=\s|$)|$)|([A-D])\s*(?:[,;](?=\s)|\s[-–—]\s|\n))")
_SENTENCE = re.compile(r"[.;!?](?=\s|$)|\n")
_DENIED = re.compile(r"\b(?:no|not|nor|neither|without|isn t|rather than|instead of)\b(?:\s+\w+){0,2}\s*$")
_POLAR = frozenset({"yes", "no", "maybe"})
_POLAR_ANSWER = re.compile(
    r"(?:^|\banswer (?:is |would be )?)(yes|no|maybe)\b(?! (?:and|or) (?:yes|no|maybe)\b)"
)
_PUBLISHED = re.compile(r"\(([A-Z])\)")
_ORNAMENT = str.maketrans(dict.fromkeys('*`"“”_', " "))


def pick(text: str, options: Sequence[str]) -> int | None:
    """The position of the option that an answer names; None where it names none, or not one alone."""
    bare = text.translate(_ORNAMENT).strip()
    exact = [
        i for i, option in enumerate(options) if option.casefold().strip(" .") == bare.casefold().strip(" .")
    ]
    letters = {place for place in _letters(bare) if place < len(options)}
    if exact:
        # An option may itself be a letter: then it must be the one that the letter stands for.
        return exact[0] if letters <= {exact[0]} else None
    if len(letters) > 1:
        return None
    if letters:
        [letter] = letters
        rest = normal(bare)
        # "A" is an article, too: an answer of it alone has no words left to be another option's.
        others = [i for i, option in enumerate(options) if i != letter and rest and rest == normal(option)]
        return None if others else letter
    names = [normal(option) for option in options]
    if _POLAR.issuperset(names):
        return _polar(normal(bare), names)
    same = [i for i, name in enumerate(names) if name and name == normal(bare)]
    return same[0] if len(same) == 1 else _named(" | ".join(map(normal, _SENTENCE.split(bare))), names)


def _polar(answer: str, options: Sequence[str]) -> int | None:
    """The "yes" or "no" that an answer opens with or states; elsewhere "no" denies something, or refuses."""
    found = _POLAR_ANSWER.search(answer)
    return options.index(found[1]) if found and found[1] in options else None


def _letters(text: str) -> set[int]:
    """Which options an answer names by letter; what it states as the answer comes before all else."""
    for pattern in (_STATED, _BRACKETED, _OPENING):
        found = [next(group for group in match.groups() if group) for match in pattern.finditer(text)]
        if found:
            return {ord(letter.upper()) - ord("A") for letter in found}
    return set()


def _named(answer: str, options: Sequence[str]) -> int | None:
    """The one option that an answer names and does not deny; of two that overlap the longer is meant."""
    named = []
    for i in sorted(range(len(options)), key=lambda i: -len(options[i])):
        if options[i]:
            pattern = re.compile(rf"(?<!\w){re.escape(options[i])}(?!\w)")
            if any(not _DENIED.search(answer[: match.start()]) for match in pattern.finditer(answer)):
                named.append(i)
            answer = pattern.sub("|", answer)
    return named[0] if len(named) == 1 else None


def published_pick(text: str) -> int | None:
    """The position of the first letter in round brackets, which may be out of range; None for none."""
    found = _PUBLISHED.search(text)
    return ord(found.group(1)) - ord("A") if found else None


def likeliest(scores: Sequence[float], options: Sequence[str]) -> int | None:
    """The option with the highest score; None for a tie, for a missing score, and for one that is NaN."""
    if len(scores) != len(options) or any(math.isnan(score) for score in scores):
        return None
    best = max(scores)
    return list(scores).index(best) if list(scores).count(best) == 1 and math.isfinite(best) else None


def drawn(seed: int, id: str, count: int) -> int:
    """A number below `count` that depends on the seed and the item alone, whatever else is asked."""
    key = hashlib.sha256(f"{seed} {id}".encode()).digest()
    return int(np.random.default_rng(list(key)).integers(count))


def shift_of(seed: int, question: Question) -> int:
    """By how many places its options are moved the second time: 1 up to one less than their number."""
    return 1 + drawn(seed, f"order of {question.id}", len(question.options) - 1)


def shifted(question: Question, by: int) -> Question:
    """The question with option `by` first: the option at place j was at (j + by) modulo their number."""
    options = (*question.options[by:], *question.options[:by])
    return replace(question, id=f"{question.id}#order", options=options)


def without_images(question: Question) -> Question:
    """The question as a blind model would get it."""
    return replace(question, id=f"{question.id}#no_image", images=())


def with_others_images(
    questions: Sequence[Question], clusters: Sequence[str], seed: int
) -> dict[int, Question]:
    """Position → the question with the images of another one, of another cluster and with as many images.

    A question for which there is none is left out. Each item's images are used once.
    """
    groups: dict[int, list[int]] = {}
    for i, question in enumerate(questions):
        groups.setdefault(len(question.images), []).append(i)
    found = {}
    for count, places in sorted(groups.items()):
        rng = np.random.default_rng((seed, count))
        names = sorted({clusters[i] for i in places})
        rank = dict(zip(names, rng.permutation(len(names)).tolist(), strict=True))
        order = sorted(places, key=lambda i: (rank[clusters[i]], i))
        # Moved by the largest cluster, no item meets its own where no cluster is more than half.
        step = max(sum(clusters[i] == name for i in places) for name in names)
        for place, i in enumerate(order):
            other = order[(place + step) % len(order)]
            if count and clusters[other] != clusters[i]:
                images = questions[other].images
                found[i] = replace(questions[i], id=f"{questions[i].id}#shuffled", images=images)
    return found
