"""Options to choose from, in shuffled order, marked by letters or numbers, and the answer to them.

offered = offer(case, ["edema", "mass"], {"mass"}, rng)
offered.listed, offered.answer      # "(A) mass, (B) edema", "mass"
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from string import ascii_lowercase, ascii_uppercase

from hilum.instruct.qa_pairs import Case
from hilum.study import Question

MOST = 26
"""Options that can be marked by letters."""

_NUMBERS = tuple(str(number) for number in range(1, MOST + 1))


@dataclass(frozen=True)
class Offered:
    """Options as a question lists them, and what is right.

    Args:
        note: what the question has to add when only the mark is answered; else empty.
    """

    listed: str
    answer: str
    note: str = ""


def offer(
    case: Case,
    options: Sequence[str],
    right: Collection[str],
    rng: random.Random,
    *,
    between: str = ", ",
    by_mark: bool = False,
) -> Offered:
    """Shuffle options and mark them; with none right the answer is "none".

    Training has letters of both cases and numbers, and answers by the option, by mark and option, or by the
    mark alone. Val and test have capital letters and answer by the option.

    Args:
        options: distinct, at most `MOST`.
        between: what parts them where they are listed.
        by_mark: they are too long to be said again, and so are always answered by their marks.
    """
    order = rng.sample(options, len(options))
    style, form = rng.randrange(3), rng.random()
    marks = (ascii_uppercase, ascii_lowercase, _NUMBERS)[style if case.varied else 0]
    marked = [f"({mark}) {option}" for mark, option in zip(marks, order, strict=False)]
    chosen = [index for index, option in enumerate(order) if option in right]
    alone = by_mark or (case.varied and form < 0.4)
    if alone:
        said = [f"({marks[index]})" for index in chosen]
    elif case.varied and form < 0.7:
        said = [marked[index] for index in chosen]
    else:
        said = [order[index] for index in chosen]
    # Several of them are parted by what none of them holds.
    joint = "; " if any("," in option for option in order) else ", "
    note = f" Answer with the {'number' if marks is _NUMBERS else 'letter'} in brackets." if alone else ""
    return Offered(between.join(marked), joint.join(said) or "none", note)


def right_options(asked: Question) -> frozenset[str]:
    """Those of a question's options that its answer names, one or several parted by "; ".

    Empty where it names none, or where the options are too few or too many to be offered.
    """
    if not 2 <= len(set(asked.options)) <= MOST:
        return frozenset()
    known = {" ".join(option.lower().split()): option for option in asked.options}
    answers = [" ".join(part.lower().split()) for part in (asked.answer, *asked.answer.split(";"))]
    if answers[0] in known:
        return frozenset({known[answers[0]]})
    several = {known.get(answer, "") for answer in answers[1:]}
    return frozenset() if "" in several else frozenset(several)
