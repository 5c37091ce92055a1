"""Generation: one prefill for a batch of prompts, n answers from each, a grammar over every token.

sequences = generate(network, prompts, masks, Sampling(n=4, temperature=1.0))

The prompts (and their images) are run once; the cache is then repeated n times. Rows that have ended
leave the batch, so one long answer does not hold up the rest. Shape suffixes: B prompts, R rows
(B × n, fewer as rows end), T tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache

from hilum.errors import UsageError
from hilum.model.grammar import Grammar, Kind, Masks
from hilum.model.network import Network, read


@dataclass(frozen=True)
class TokenPrompt:
    """A prompt in token ids, the features of its images (N, P, D), and what the answer must be."""

    ids: tuple[int, ...]
    features: Tensor | None
    kind: Kind = Kind.WORDS
    codes_per_image: int = 0


@dataclass(frozen=True)
class Sampling:
    """How to choose tokens: `temperature` 0 is greedy, `top_p` keeps the smallest likely set."""

    n: int = 1
    temperature: float = 0.0
    top_p: float = 1.0
    max_new_tokens: int = 160
    seed: int = 0

    def __post_init__(self) -> None:
        if self.n < 1:
            raise UsageError("n", f"{self.n} answers were asked for", "ask for at least one")
        if self.temperature < 0 or not 0 < self.top_p <= 1:
            raise UsageError("temperature/top_p", "out of range", "temperature ≥ 0 and 0 < top_p ≤ 1")


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
    ids_BT, mask_BT, features = _left_pad(prompts, masks, device)
    cache = DynamicCache()
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
    written: list[list[int]] = [[] for _ in grammars]
    rows = list(range(len(grammars)))
    generator = torch.Generator(device=device).manual_seed(sampling.seed)

    while rows:
        allowed = torch.stack([grammars[r].allowed() for r in rows]).to(device)
        logits = network.lm_head(hidden)[:, : allowed.shape[1]].float().masked_fill(~allowed, -torch.inf)
        token_R = _choose(logits, sampling, generator)
        for row, token in zip(rows, token_R.tolist(), strict=True):
            written[row].append(token)
            grammars[row].advance(token)
        alive = [i for i, r in enumerate(rows) if not grammars[r].done and len(written[r]) < limits[r]]
        if not alive:
            break
        if len(alive) < len(rows):
            keep = torch.tensor(alive, device=device)
            cache.batch_select_indices(keep)
            mask_RT, position_R, token_R = mask_RT[keep], position_R[keep], token_R[keep]
            rows = [rows[i] for i in alive]
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
    return [answers[i : i + sampling.n] for i in range(0, len(answers), sampling.n)]


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


def _choose(logits_RV: Tensor, sampling: Sampling, generator: torch.Generator) -> Tensor:
    """The next token of each row: the likeliest, or one drawn from the nucleus."""
    if sampling.temperature == 0:
        return logits_RV.argmax(-1)
    probabilities = (logits_RV / sampling.temperature).softmax(-1)
    if sampling.top_p < 1:
        ordered, index = probabilities.sort(descending=True)
        # A token stays while the mass before it is below top_p, so the likeliest always stays.
        ordered = ordered.masked_fill(ordered.cumsum(-1) - ordered >= sampling.top_p, 0.0)
        probabilities = torch.zeros_like(probabilities).scatter(-1, index, ordered)
    return torch.multinomial(probabilities, 1, generator=generator).squeeze(-1)
