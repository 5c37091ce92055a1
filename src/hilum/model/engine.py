"""Generation: one prefill for a batch of prompts, n answers from each, a grammar over every token.

sequences = generate(network, prompts, masks, Sampling(n=4, temperature=1.0))

The prompts (and their images) are run once; the cache is then repeated n times. Rows that have ended
leave the batch, so one long answer does not hold up the rest. What is drawn for an answer depends on the
seed, the prompt's number and the answer's, never on the batch. Shape suffixes: B prompts, R rows (B × n,
fewer as rows end), T tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers.cache_utils import Cache

from hilum.errors import UsageError
from hilum.model.cache import RoomyLayer
from hilum.model.grammar import Grammar, Kind, Masks
from hilum.model.network import Network, read
from hilum.model.network import logits as logits_of

LIKELIEST = 256
"""The nucleus is looked for among so many tokens first; sorting the whole vocabulary takes far longer."""


@dataclass(frozen=True)
class TokenPrompt:
    """A prompt in token ids, the features of its images (N, P, D), and what the answer must be.

    Args:
        number: tells apart what is drawn for prompts under one seed.
        against: a prompt that asks for nothing in particular; with `Sampling.guidance` the answer is led away
            from what would follow it.
    """

    ids: tuple[int, ...]
    features: Tensor | None
    kind: Kind = Kind.WORDS
    codes_per_image: int = 0
    number: int = 0
    against: tuple[int, ...] = ()


@dataclass(frozen=True)
class Sampling:
    """How to choose tokens: `temperature` 0 is greedy, `top_p` keeps the smallest likely set.

    `guidance` g takes logits u + g (c - u), where u follows the prompt's `against` and c the prompt itself
    (classifier-free guidance, Ho & Salimans, arXiv 2207.12598); 1 is none.
    """

    n: int = 1
    temperature: float = 0.0
    top_p: float = 1.0
    max_new_tokens: int = 160
    seed: int = 0
    guidance: float = 1.0

    def __post_init__(self) -> None:
        if self.n < 1:
            raise UsageError("n", f"{self.n} answers were asked for", "ask for at least one")
        if self.max_new_tokens < 1:
            raise UsageError("max_new_tokens", f"is {self.max_new_tokens}", "give at least one")
        if self.temperature < 0 or not 0 < self.top_p <= 1:
            raise UsageError("temperature/top_p", "out of range", "temperature ≥ 0 and 0 < top_p ≤ 1")
        if self.seed < 0:
            raise UsageError("seed", f"is {self.seed}", "give a number from 0 up")


@dataclass(frozen=True)
class Written:
    """The generated token ids of one answer, its end included, and whether it ended by itself."""

    ids: tuple[int, ...]
    finished: bool


@torch.inference_mode()
def generate(
    network: Network, prompts: Sequence[TokenPrompt], masks: Masks, sampling: Sampling
) -> list[list[Written]]:
    """Answer a batch of prompts; the result holds `sampling.n` sequences for each."""
    device = next(network.parameters()).device
    asked = len(prompts) * sampling.n
    prompts, twins = _with_twins(prompts, sampling)
    ids_BT, mask_BT, features = _left_pad(prompts, masks, device)
    cache: Any = Cache(layer_class_to_replicate=RoomyLayer)
    positions = (mask_BT.cumsum(1) - 1).clamp(min=0)
    out = read(
        network,
        ids_BT,
        features,
        attention_mask=mask_BT,
        position_ids=positions,
        past_key_values=cache,
        use_cache=True,
    )
    hidden = out.last_hidden_state[:, -1].repeat_interleave(sampling.n, 0)
    cache.batch_repeat_interleave(sampling.n)
    mask_RT = mask_BT.repeat_interleave(sampling.n, 0)
    position_R = mask_RT.sum(1)
    grammars = [Grammar(masks, p.kind, p.codes_per_image) for p in prompts for _ in range(sampling.n)]
    limits = [g.length or sampling.max_new_tokens for g in grammars]
    chance = [
        row for i, p in enumerate(prompts) for row in _chance(sampling, p.number, limits[i * sampling.n])
    ]
    written: list[list[int]] = [[] for _ in grammars]
    rows = list(range(len(grammars)))

    for step in range(max(limits)):
        allowed = torch.stack([grammars[r].allowed() for r in rows]).to(device)
        logits = logits_of(network, hidden)[:, : allowed.shape[1]].float()
        led, by = _places(twins, rows, device)
        logits[led] = logits[by] + sampling.guidance * (logits[led] - logits[by])
        logits = logits.masked_fill(~allowed, -torch.inf)
        chance_R = torch.tensor([chance[r][step] for r in rows], dtype=torch.float64, device=device)
        token_R = _choose(logits, sampling, chance_R)
        token_R[by] = token_R[led]
        for row, token in zip(rows, token_R.tolist(), strict=True):
            written[row].append(token)
            grammars[row].advance(token)
        alive = [not grammars[r].done and step + 1 < limits[r] for r in rows]
        if not any(alive):
            break
        if not all(alive):
            kept = _close_ranks(alive)
            keep = torch.tensor(kept, device=device)
            cache.batch_select_indices(keep)
            mask_RT, position_R, token_R = mask_RT[keep], position_R[keep], token_R[keep]
            rows = [rows[i] for i in kept]
        mask_RT = torch.cat([mask_RT, mask_RT.new_ones(len(rows), 1)], 1)
        out = read(
            network,
            token_R[:, None],
            None,
            attention_mask=mask_RT,
            position_ids=position_R[:, None],
            past_key_values=cache,
            use_cache=True,
        )
        hidden = out.last_hidden_state[:, -1]
        position_R = position_R + 1

    answers = [Written(tuple(w), g.done) for w, g in zip(written, grammars, strict=True)]
    return [answers[i : i + sampling.n] for i in range(0, asked, sampling.n)]


def _with_twins(
    prompts: Sequence[TokenPrompt], sampling: Sampling
) -> tuple[list[TokenPrompt], list[tuple[int, int]]]:
    """The prompts, behind them what guided ones are led away from, and which rows belong together."""
    found = [i for i, p in enumerate(prompts) if p.against and sampling.guidance != 1]
    twins = [replace(prompts[i], ids=prompts[i].against, features=None) for i in found]
    pairs = [
        (i * sampling.n + answer, (len(prompts) + k) * sampling.n + answer)
        for k, i in enumerate(found)
        for answer in range(sampling.n)
    ]
    return [*prompts, *twins], pairs


def _places(
    twins: Sequence[tuple[int, int]], rows: Sequence[int], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Where the rows that are led, and those that lead them, are now; they leave the batch together."""
    place = {row: i for i, row in enumerate(rows)} if twins else {}
    living = [(place[led], place[by]) for led, by in twins if led in place]
    pairs = torch.tensor(living, dtype=torch.long, device=device).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _left_pad(
    prompts: Sequence[TokenPrompt], masks: Masks, device: torch.device
) -> tuple[Tensor, Tensor, Tensor | None]:
    longest = max(len(p.ids) for p in prompts)
    pad = masks.vocabulary.id("<|pad|>")
    ids_BT = torch.full((len(prompts), longest), pad)
    mask_BT = torch.zeros((len(prompts), longest), dtype=torch.long)
    for row, prompt in enumerate(prompts):
        ids_BT[row, longest - len(prompt.ids) :] = torch.tensor(prompt.ids)
        mask_BT[row, longest - len(prompt.ids) :] = 1
    shown = [p.features for p in prompts if p.features is not None]
    features = torch.cat(shown).to(device) if shown else None
    return ids_BT.to(device), mask_BT.to(device), features


def _close_ranks(alive: Sequence[bool]) -> list[int]:
    """Places of the living rows in a new order: each gap is filled from the end, so that few rows move."""
    count = sum(alive)
    fillers = (i for i in range(count, len(alive)) if alive[i])
    return [i if alive[i] else next(fillers) for i in range(count)]


def _chance(sampling: Sampling, number: int, length: int) -> list[list[float]]:
    """Numbers in [0, 1) for each of a prompt's answers, one for each token."""
    seeds = [(sampling.seed, number, answer) for answer in range(sampling.n)]
    return [np.random.default_rng(seed).random(length).tolist() for seed in seeds]


def _choose(logits_RV: Tensor, sampling: Sampling, chance_R: Tensor) -> Tensor:
    """The next token of each row: the likeliest, or the one that `chance_R` in [0, 1) falls on."""
    if sampling.temperature == 0:
        return logits_RV.argmax(-1)
    probabilities = (logits_RV / sampling.temperature).softmax(-1)
    index = None
    if sampling.top_p < 1:
        probabilities, index = _nucleus(probabilities, sampling.top_p)
    # In double precision chance × mass stays below the mass, so a token of probability 0 is never met.
    heap = probabilities.double().cumsum(-1)
    place_R1 = torch.searchsorted(heap, chance_R[:, None] * heap[:, -1:], right=True)
    return (place_R1 if index is None else index.gather(-1, place_R1)).squeeze(-1)


def _nucleus(probabilities_RV: Tensor, top_p: float) -> tuple[Tensor, Tensor]:
    """Probabilities falling, 0 beyond the smallest likely set, and the tokens they belong to."""
    ordered, index = probabilities_RV.topk(min(LIKELIEST, probabilities_RV.shape[-1]))
    if bool((ordered.sum(-1) < top_p).any()):
        ordered, index = probabilities_RV.sort(descending=True)
    # A token stays while the mass before it is below top_p, so the likeliest always stays.
    return ordered.masked_fill(ordered.cumsum(-1) - ordered >= top_p, 0.0), index
