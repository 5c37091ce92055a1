"""Blocks of items that nobody can solve without the film.

for block in blocks(candidates, most=4): ...     # 2 to 4 candidates, each one's answer wrong for the others
chosen = choose(pool, VIEW, items=120)

A block asks one question with one set of options about as many films as there are options, and each option
is right for exactly one of the films. So whatever is told by question and options (their words, number and
length, how often an option is right elsewhere) is right as often as chance: a rule that sees no film gives
the same answer to all films of a block, and is right once. The right options' places are a permutation, drawn
anew for each block. Of two boxes for one phrase neither meets the other; of two reports one is normal.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest

from hilum.bench.chexbench.tasks import CHOICES, FINE, GROUNDING, OPTIONS
from hilum.bench.openbench.candidates import Candidate
from hilum.bench.openbench.pool import Pool
from hilum.study import iou

MEET = 0.05
"""IoU from which two boxes are not apart."""

Block = tuple[Candidate, ...]


def options_of(task: str) -> int:
    """Most candidates in a block of a task."""
    return len(OPTIONS) if task in CHOICES and task != FINE else 2


def apart(one: Candidate, other: Candidate) -> bool:
    """Whether the answer of each is surely wrong for the other."""
    if one.images and set(one.images) & set(other.images):
        return False
    if one.task == GROUNDING:
        assert one.box is not None
        assert other.box is not None
        return iou(one.box, other.box) < MEET
    return one.answer != other.answer and one.rules_out(other) and other.rules_out(one)


def blocks(candidates: Sequence[Candidate], most: int) -> Iterator[Block]:
    """Put candidates of one group together, each in one block at most, the first ones first.

    Args:
        most: candidates in a block; smaller ones, of two at least, are made of those that are left then.
    """
    rest = list(candidates)
    for size in range(most, 1, -1):
        left: list[Candidate] = []
        while rest:
            block = _block(rest, size)
            if len(block) == size:
                yield block
            else:
                left.append(rest[0])
            used = set(map(id, block if len(block) == size else rest[:1]))
            rest = [other for other in rest if id(other) not in used]
        rest = left


def _block(candidates: Sequence[Candidate], size: int) -> Block:
    """The first candidate with those after it that fit, as far as there are any."""
    block = [candidates[0]]
    for other in candidates:
        if len(block) == size:
            break
        if all(apart(other, member) for member in block):
            block.append(other)
    return tuple(block)


def choose(pool: Pool, task: str, items: int) -> list[Block]:
    """Blocks of a task until there are as many items: each source in turn, and of it each group in turn.

    Args:
        items: most of them; the last block is left out where it would be one too many.
    """
    by_source: dict[str, list[Iterator[Block]]] = {}
    for source, group in pool.groups(task):
        by_source.setdefault(source, []).append(blocks(group, options_of(task)))
    turns = _in_turn([_in_turn(groups) for groups in by_source.values()])
    chosen: list[Block] = []
    room = items
    for block in turns:
        if len(block) > room:
            break
        chosen.append(block)
        room -= len(block)
    return chosen


def _in_turn(iterators: Sequence[Iterator[Block]]) -> Iterator[Block]:
    rounds = zip_longest(*iterators)
    return (block for block in chain.from_iterable(rounds) if block is not None)


def arrange(block: Block, seed: int) -> list[tuple[str, ...]]:
    """The options of each item of a block in order: every place is right once, the others come by chance."""
    rng = random.Random(f"{seed}/{'/'.join(sorted(member.key for member in block))}")
    places = rng.sample(range(len(block)), len(block))
    arranged = []
    for member, position in zip(block, places, strict=True):
        others = [other.answer for other in block if other is not member]
        rng.shuffle(others)
        arranged.append((*others[:position], member.answer, *others[position:]))
    return arranged
