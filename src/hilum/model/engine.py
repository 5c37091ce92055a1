"""Generation: requests join and leave at any step; each has its own sampling, grammar and length.

engine = Engine(network, masks, max_rows=64)
number = engine.add(Request(prompt, Sampling(n=4, temperature=1.0)))
for event in engine.run():                                  # or engine.step(), one token of every row
    print(event.request, event.answer, event.token, event.written)

sequences = generate(network, prompts, masks, Sampling())   # the same, collected

A prompt and its images are run once for all n answers. Every answer is a row of the batch; with
classifier-free guidance it is a pair of rows, the conditional and the unconditional, which write the same
tokens and leave together. Newcomers are prefilled in a batch of their own and their keys and values are then
laid beside the others', flush right (`hilum.model.cache`). A row's position ids are its own, the attention
mask hides the padding on its left, and so nothing that a row is depends on the rows beside it; what is drawn
depends on the seed, the prompt's number and the answer's. That is the simplest design that is right: one
rectangle of columns, no paging, and any `transformers` decoder that takes an attention mask, position ids
and a cache of keys and values runs in it. What it costs is padding: short rows carry the width of the
longest.

A step at which every answer's token is known (a picture's row tokens, the brackets of a box) runs no network:
the token is read together with the one after it. While all answers draw, the head computes the logits of
image codes alone.

Shape suffixes: B prompts, R rows (B × n, fewer as rows end), A answers (conditional rows), T columns,
V vocabulary.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache

from hilum.errors import UsageError
from hilum.model.cache import RowCache
from hilum.model.grammar import Grammar, Kind, Masks, Options, TokenSet, restrict
from hilum.model.network import Network, read
from hilum.model.network import logits as logits_of
from hilum.model.sampling import choose, uniforms
from hilum.model.vocabulary import PAD

MAX_NEW_TOKENS = 160
"""Of an answer in words, where nobody says otherwise."""


@dataclass(frozen=True)
class TokenPrompt:
    """A prompt in token ids, the features of its images (N, P, D), and what the answer must be.

    Args:
        number: tells apart what is drawn for prompts under one seed.
        negative: the negative prompt of classifier-free guidance; empty for answers without it.
        options: of which the answer is one, where it must be.
    """

    ids: tuple[int, ...]
    features: Tensor | None
    kind: Kind = Kind.WORDS
    codes_per_image: int = 0
    number: int = 0
    negative: tuple[int, ...] = ()
    options: Options = ()


@dataclass(frozen=True)
class Sampling:
    """How to choose tokens: `temperature` 0 is greedy, `top_p` keeps the smallest likely set.

    `guidance` g takes logits u + g (c - u), where u follows the negative prompt and c the prompt itself
    (classifier-free guidance, Ho & Salimans, arXiv 2207.12598); 1 is none.
    """

    n: int = 1
    temperature: float = 0.0
    top_p: float = 1.0
    max_new_tokens: int = MAX_NEW_TOKENS
    seed: int = 0
    guidance: float = 1.0

    def __post_init__(self) -> None:
        for name in ("n", "max_new_tokens", "seed"):
            value = getattr(self, name)
            if not isinstance(value, int):
                raise UsageError(name, f"is {value!r}", "give a whole number")
        if self.n < 1:
            raise UsageError("n", f"{self.n} answers were asked for", "ask for at least one")
        if self.max_new_tokens < 1:
            raise UsageError("max_new_tokens", f"is {self.max_new_tokens}", "give at least one")
        if not (0 <= self.temperature < float("inf") and 0 < self.top_p <= 1):  # NaN is neither
            raise UsageError("temperature/top_p", "out of range", "temperature ≥ 0 and 0 < top_p ≤ 1")
        if self.seed < 0:
            raise UsageError("seed", f"is {self.seed}", "give a number from 0 up")


@dataclass(frozen=True)
class Request:
    """A prompt and how it is to be answered."""

    prompt: TokenPrompt
    sampling: Sampling = field(default_factory=Sampling)


@dataclass(frozen=True)
class Written:
    """The generated token ids of one answer, its end included, and whether it ended by itself."""

    ids: tuple[int, ...]
    finished: bool


@dataclass(frozen=True)
class Event:
    """One more token of one answer.

    Args:
        request: the number that `Engine.add` gave.
        answer: which of the request's answers, from 0.
        written: the whole answer, where this token is its last.
    """

    request: int
    answer: int
    token: int
    written: Written | None = None


@dataclass(eq=False)
class _Answer:
    """An answer being written."""

    request: int
    number: int
    sampling: Sampling
    grammar: Grammar
    limit: int
    uniforms: list[float]
    ids: list[int] = field(default_factory=list)

    def write(self, token: int) -> Event:
        self.ids.append(token)
        self.grammar.advance(token)
        written = Written(tuple(self.ids), self.grammar.done) if self.over else None
        return Event(self.request, self.number, token, written)

    @property
    def over(self) -> bool:
        return self.grammar.done or len(self.ids) >= self.limit


@dataclass(eq=False)
class _Row:
    """One sequence of the batch: a prompt (or a negative prompt) and the answer so far."""

    answer: _Answer
    prompt: TokenPrompt
    conditional: bool

    @property
    def length(self) -> int:
        return len(self.prompt.ids) + len(self.answer.ids)

    @property
    def longest(self) -> int:
        return len(self.prompt.ids) + self.answer.limit

    @property
    def prompt_key(self) -> tuple[tuple[int, ...], int]:
        """Equal for prompts of which everything that the network reads is the same."""
        return self.prompt.ids, id(self.prompt.features)


class Engine:
    """Answers requests together, a token of every row at each step; for one thread.

    Args:
        masks: what a grammar allows.
        max_rows: rows held at once; what finds no place waits in a queue, first come, first served.
        max_tokens: tokens held at once, rows × the longest that any of them can become. Room for a whole
            answer is set aside before it begins, so that none has to be thrown out. None is no limit.
    """

    def __init__(
        self,
        network: Network,
        masks: Masks,
        *,
        max_rows: int | None = 64,
        max_tokens: int | None = None,
    ) -> None:
        self.network = network
        self.masks = masks
        self.max_rows = max_rows
        self.max_tokens = max_tokens
        self._pad = masks.vocabulary.id(PAD)
        self._device = next(network.parameters()).device
        self._queue: deque[list[_Row]] = deque()
        self._rows: list[_Row] = []
        self._cache = RowCache()
        self._unread = 0  # tokens of every row that are written and not in the cache yet
        self._added = 0

    @property
    def busy(self) -> bool:
        """Whether anything is being answered or waits."""
        return bool(self._queue or self._rows)

    def add(self, request: Request) -> int:
        """Take a request in; it joins as soon as there is room. Returns its number.

        Raises:
            UsageError: it would not fit even into an empty engine.
        """
        rows = self._begin(self._added, request)
        if not self._fits(rows):
            raise UsageError(
                "request",
                f"takes {len(rows)} rows of up to {max(row.longest for row in rows)} tokens",
                "ask for fewer or shorter answers, or raise the engine's max_rows or max_tokens",
            )
        self._queue.append(rows)
        self._added += 1
        return self._added - 1

    @torch.inference_mode()
    def cancel(self, request: int) -> bool:
        """Drop a request; False where it had ended already. Nothing changes for the others."""
        before = len(self._queue) + len(self._rows)
        self._queue = deque(rows for rows in self._queue if rows[0].answer.request != request)
        self._leave([row.answer.request != request for row in self._rows])
        return len(self._queue) + len(self._rows) < before

    def run(self) -> Iterator[Event]:
        """Step until nothing is left to answer; requests may be added meanwhile."""
        while self.busy:
            yield from self.step()

    @torch.inference_mode()
    def step(self) -> list[Event]:
        """Let newcomers in and write one token of every answer; none when there is nothing to do."""
        newcomers = self._called_in()
        answers = [row.answer for row in (*self._rows, *newcomers) if row.conditional]
        if not answers:
            return []
        allowed = [answer.grammar.next_tokens() for answer in answers]
        known = [tokens.only for tokens in allowed if tokens.only is not None]
        hidden: list[Tensor] = []
        # A token that the grammar forces costs no pass: it is read together with the one after it.
        if newcomers or len(known) < len(answers):
            hidden += [self._extend()] if self._rows else []
            hidden += [self._admit(newcomers)] if newcomers else []
            self._unread = 0
        tokens = known if len(known) == len(answers) else self._chosen(torch.cat(hidden), answers, allowed)
        events = [answer.write(token) for answer, token in zip(answers, tokens, strict=True)]
        self._unread += 1
        self._leave([not row.answer.over for row in self._rows])
        return events

    def _extend(self) -> Tensor:
        """Run the newest tokens of every row: the hidden states that the next ones follow from (R, width)."""
        new = self._unread
        length_R = torch.tensor([row.length for row in self._rows], device=self._device)
        column_T = torch.arange(self._cache.width + new, device=self._device)
        newest = [row.answer.ids[-new:] for row in self._rows]
        out = read(
            self.network,
            torch.tensor(newest, device=self._device),
            None,
            attention_mask=(column_T >= len(column_T) - length_R[:, None]).long(),
            position_ids=length_R[:, None] - new + column_T[:new],
            past_key_values=self._cache,
            use_cache=True,
        )
        hidden: Tensor = out.last_hidden_state[:, -1]
        return hidden

    def _called_in(self) -> list[_Row]:
        """What of the queue there is room for now."""
        rows: list[_Row] = []
        while self._queue and self._fits([*self._rows, *rows, *self._queue[0]]):
            rows += self._queue.popleft()
        return rows

    def _admit(self, rows: list[_Row]) -> Tensor:
        """Prefill new rows and lay them beside the others: the hidden states of theirs."""
        prompts: dict[tuple[tuple[int, ...], int], TokenPrompt] = {}
        for row in rows:  # all drawings have one negative prompt
            prompts.setdefault(row.prompt_key, row.prompt)
        number = {key: i for i, key in enumerate(prompts)}
        source = [number[row.prompt_key] for row in rows]
        hidden_BD, prefilled = prefill(self.network, list(prompts.values()), self._pad)
        self._cache.join(prefilled, source, max(row.answer.limit for row in rows))
        self._rows += rows
        return hidden_BD[source]

    def _begin(self, number: int, request: Request) -> list[_Row]:
        """The rows of a request, those of one prompt side by side."""
        prompt, sampling = request.prompt, request.sampling
        answers = []
        for i in range(sampling.n):
            grammar = Grammar(self.masks, prompt.kind, prompt.codes_per_image, prompt.options)
            limit = grammar.length or sampling.max_new_tokens
            drawn = uniforms(sampling.seed, prompt.number, i, limit)
            answers.append(_Answer(number, i, sampling, grammar, limit, drawn))
        rows = [_Row(answer, prompt, conditional=True) for answer in answers]
        if prompt.negative and sampling.guidance != 1:
            negative = replace(prompt, ids=prompt.negative, features=None)
            rows += [_Row(answer, negative, conditional=False) for answer in answers]
        return rows

    def _fits(self, rows: Sequence[_Row]) -> bool:
        """Whether so many rows may be held at once."""
        tokens = len(rows) * max(row.longest for row in rows)
        return (self.max_rows is None or len(rows) <= self.max_rows) and (
            self.max_tokens is None or tokens <= self.max_tokens
        )

    def _chosen(
        self, hidden_RD: Tensor, answers: Sequence[_Answer], allowed: Sequence[TokenSet]
    ) -> list[int]:
        """The next token of each answer, from the guided logits of what its grammar allows."""
        # While all draw, the logits of words are not even computed.
        first = allowed[0]
        shared = first if first.inside and all(tokens is first for tokens in allowed) else None
        wanted = slice(self.masks.size) if shared is None else shared.index(self._device)
        logits_AV = self._guided(logits_of(self.network, hidden_RD, wanted).float())
        if shared is None:
            restrict(logits_AV, allowed)
        token_A = choose(
            logits_AV,
            [answer.sampling.temperature for answer in answers],
            [answer.sampling.top_p for answer in answers],
            [answer.uniforms[len(answer.ids)] for answer in answers],
        )
        chosen: list[int] = (token_A if shared is None else shared.on(self._device)[token_A]).tolist()
        return chosen

    def _guided(self, logits_RV: Tensor) -> Tensor:
        """The logits of the answers, led away from those of their negative prompts where they have one."""
        place = {row.answer: i for i, row in enumerate(self._rows) if row.conditional}
        if len(place) == len(self._rows):
            return logits_RV
        number = {answer: i for i, answer in enumerate(place)}
        negative = [i for i, row in enumerate(self._rows) if not row.conditional]
        led = [number[self._rows[i].answer] for i in negative]
        scales = [self._rows[i].answer.sampling.guidance for i in negative]
        scale_N1 = torch.tensor(scales, device=self._device)[:, None]
        without_NV, logits_AV = logits_RV[negative], logits_RV[list(place.values())]
        logits_AV[led] = without_NV + scale_N1 * (logits_AV[led] - without_NV)
        return logits_AV

    def _leave(self, stays: Sequence[bool]) -> None:
        """Let rows go, and the columns that only they filled."""
        if all(stays):
            return
        kept = close_ranks(stays)
        self._rows = [self._rows[i] for i in kept]
        if not self._rows:
            self._cache = RowCache()
            self._unread = 0
            return
        self._cache.keep(kept)
        self._cache.trim(self._cache.width + self._unread - max(row.length for row in self._rows))


def generate(
    network: Network, prompts: Sequence[TokenPrompt], masks: Masks, sampling: Sampling
) -> list[list[Written]]:
    """Answer prompts, all at once; the result holds `sampling.n` sequences for each."""
    engine = Engine(network, masks, max_rows=None)
    numbers = [engine.add(Request(prompt, sampling)) for prompt in prompts]
    found = {(e.request, e.answer): e.written for e in engine.run() if e.written is not None}
    return [[found[number, answer] for answer in range(sampling.n)] for number in numbers]


def prefill(network: Network, prompts: Sequence[TokenPrompt], pad: int) -> tuple[Tensor, DynamicCache]:
    """Run prompts and their images once, padded on the left.

    Returns:
        The hidden states that the first new tokens follow from (B, width), and the keys and values.
    """
    longest = max(len(p.ids) for p in prompts)
    ids_BT = torch.full((len(prompts), longest), pad)
    mask_BT = torch.zeros((len(prompts), longest), dtype=torch.long)
    for row, prompt in enumerate(prompts):
        ids_BT[row, longest - len(prompt.ids) :] = torch.tensor(prompt.ids)
        mask_BT[row, longest - len(prompt.ids) :] = 1
    device = next(network.parameters()).device
    shown = [p.features for p in prompts if p.features is not None]
    cache: Any = DynamicCache()
    out = read(
        network,
        ids_BT.to(device),
        torch.cat(shown).to(device) if shown else None,
        attention_mask=mask_BT.to(device),
        position_ids=(mask_BT.cumsum(1) - 1).clamp(min=0).to(device),
        past_key_values=cache,
        use_cache=True,
    )
    return out.last_hidden_state[:, -1], cache


def close_ranks(stays: Sequence[bool]) -> list[int]:
    """Places of the rows that stay, in a new order: gaps are filled from the end, so that few rows move."""
    count = sum(stays)
    fillers = (i for i in range(count, len(stays)) if stays[i])
    return [i if stays[i] else next(fillers) for i in range(count)]
