"""From logits to tokens: greedy, by temperature, or from a nucleus, each row in its own way.

token_R = choose(logits_RV, temperature=[0.0, 0.8], top_p=[1.0, 0.9], uniform=[0.0, 0.37])

A row's token depends on its own logits and its own number alone, never on the rows beside it. Shape
suffixes: R rows, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

LIKELIEST = 256
"""In a large vocabulary the nucleus is looked for among so many tokens first; sorting all takes longer."""

LARGE = 8192
"""Tokens from which a vocabulary is large."""

Way = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def uniforms(seed: int, prompt: int, answer: int, length: int) -> list[float]:
    """Numbers in [0, 1), one for each token of an answer."""
    return [float(u) for u in np.random.default_rng((seed, prompt, answer)).random(length)]


def choose(
    logits_RV: Tensor, temperature: Sequence[float], top_p: Sequence[float], uniform: Sequence[float]
) -> Tensor:
    """The next token of each row: the likeliest, or the one that its number falls on.

    Args:
        temperature: of each row; 0 is greedy.
        top_p: of each row; below 1, only the smallest likely set that holds so much is drawn from.
        uniform: of each row, in [0, 1).
    """
    token_R = torch.empty(len(logits_RV), dtype=torch.long, device=logits_RV.device)
    sampled = [row for row, t in enumerate(temperature) if t > 0]
    ways: dict[Way, list[int]] = {
        _likeliest: [row for row, t in enumerate(temperature) if t == 0],
        _from_all: [row for row in sampled if top_p[row] == 1],
        _from_nucleus: [row for row in sampled if top_p[row] < 1],
    }
    for way, rows in ways.items():
        if rows:
            settings = [(temperature[row], top_p[row], uniform[row]) for row in rows]
            columns = torch.tensor(settings, dtype=torch.float64, device=logits_RV.device)
            heat_R, top_p_R = columns[:, :2].to(logits_RV.dtype).unbind(1)
            some = slice(None) if len(rows) == len(logits_RV) else rows  # which copies nothing
            token_R[some] = way(logits_RV[some], heat_R, top_p_R, columns[:, 2])
    return token_R


def _likeliest(logits_RV: Tensor, *_others: Tensor) -> Tensor:
    return logits_RV.argmax(-1)


def _from_all(logits_RV: Tensor, temperature_R: Tensor, _top_p_R: Tensor, uniform_R: Tensor) -> Tensor:
    return _drawn(_probabilities(logits_RV, temperature_R), uniform_R)


def _from_nucleus(logits_RV: Tensor, temperature_R: Tensor, top_p_R: Tensor, uniform_R: Tensor) -> Tensor:
    probabilities = _probabilities(logits_RV, temperature_R)
    if probabilities.shape[-1] < LARGE:
        return _among(probabilities, _falling(probabilities), top_p_R, uniform_R)
    ordered = probabilities.topk(LIKELIEST).values
    token_R = _among(probabilities, ordered, top_p_R, uniform_R)
    wide = ordered.sum(-1) < top_p_R
    if bool(wide.any()):
        some = probabilities[wide]
        token_R[wide] = _among(some, _falling(some), top_p_R[wide], uniform_R[wide])
    return token_R


def _falling(probabilities_RV: Tensor) -> Tensor:
    """Each row sorted, the largest first."""
    if probabilities_RV.device.type == "cpu":  # where NumPy sorts numbers alone several times faster
        return -torch.from_numpy(np.sort(-probabilities_RV.numpy(), axis=-1))
    return probabilities_RV.sort(descending=True).values


def _probabilities(logits_RV: Tensor, temperature_R: Tensor) -> Tensor:
    return (logits_RV / temperature_R[:, None]).softmax(-1)


def _among(probabilities_RV: Tensor, ordered_RK: Tensor, top_p_R: Tensor, uniform_R: Tensor) -> Tensor:
    """Draw from the nucleus, given the largest probabilities; of equal ones the first token comes first."""
    # A token stays while the mass before it is below top_p, so the likeliest always stays.
    beyond = ordered_RK.cumsum(-1) - ordered_RK >= top_p_R[:, None]
    place_R1 = _drawn(ordered_RK.masked_fill(beyond, 0.0), uniform_R)[:, None]
    value_R1 = ordered_RK.gather(-1, place_R1)
    before_R1 = (ordered_RK > value_R1).sum(-1, keepdim=True)
    alike = probabilities_RV == value_R1
    nth = alike.cumsum(-1, dtype=torch.int32) == place_R1 - before_R1 + 1
    return (alike & nth).int().argmax(-1)


def _drawn(mass_RV: Tensor, uniform_R: Tensor) -> Tensor:
    """The place that a number in [0, 1) falls on, each as wide as its mass."""
    # In double precision number × total stays below the total, so a place without mass is never met.
    sums = mass_RV.double().cumsum(-1)
    return torch.searchsorted(sums, uniform_R[:, None] * sums[:, -1:], right=True).squeeze(-1)
