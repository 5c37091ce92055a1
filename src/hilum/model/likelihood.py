"""How likely each of several answers is to a prompt that is run once for all of them.

found = loglikelihood(network, prompt, [vocabulary.encode("yes"), vocabulary.encode("no")])
best = max(range(2), key=lambda i: found[i].per_token)

The sum of the tokens' log-probabilities favours short answers, their mean long ones made of sure pieces;
which is right is the protocol's to say, so both are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hilum.errors import UsageError
from hilum.model.cache import RowCache
from hilum.model.engine import TokenPrompt, prefill
from hilum.model.network import Network, read
from hilum.model.network import logits as logits_of

POSITIONS = 512
"""Logits of so many tokens are held at once: a row of them is as wide as the vocabulary."""


@dataclass(frozen=True)
class LogLikelihood:
    """The log-probability of an answer: the sum over its tokens, and how many they are."""

    total: float
    tokens: int

    @property
    def per_token(self) -> float:
        """Normalised by length."""
        return self.total / self.tokens


@torch.inference_mode()
def loglikelihood(
    network: Network, prompt: TokenPrompt, options: Sequence[Sequence[int]], *, max_rows: int = 64
) -> list[LogLikelihood]:
    """The log-likelihood of each option's token ids as what follows the prompt.

    Args:
        max_rows: options that are run at once.

    Raises:
        UsageError: an option has no tokens.
    """
    for number, option in enumerate(options):
        if not option:
            raise UsageError("options", f"number {number} has no tokens", "give each at least one")
    if not options:
        return []
    first_1D, prefilled = prefill(network, [prompt], pad=0)
    found: list[LogLikelihood] = []
    for start in range(0, len(options), max_rows):
        some = options[start : start + max_rows]
        cache = RowCache()
        cache.join(prefilled, [0] * len(some))
        found += _follow(network, len(prompt.ids), first_1D, cache, some)
    return found


def _follow(
    network: Network, prompt: int, first_1D: Tensor, cache: RowCache, options: Sequence[Sequence[int]]
) -> list[LogLikelihood]:
    """The options' likelihoods; `first_1D` is what their first tokens follow from."""
    device = first_1D.device
    lengths = [len(option) for option in options]
    longest = max(lengths)
    # Padding comes after an option's tokens, which therefore never attend to it; any id will do.
    padded = [[*option, *[option[-1]] * (longest - len(option))] for option in options]
    ids_RT = torch.tensor(padded, device=device)
    hidden_RTD = first_1D[:, None].expand(len(options), -1, -1)
    if longest > 1:
        out = read(
            network,
            ids_RT[:, :-1],
            None,
            attention_mask=torch.ones(len(options), prompt + longest - 1, dtype=torch.long, device=device),
            position_ids=torch.arange(prompt, prompt + longest - 1, device=device).expand(len(options), -1),
            past_key_values=cache,
            use_cache=True,
        )
        hidden_RTD = torch.cat([hidden_RTD, out.last_hidden_state], 1)
    real_RT = torch.arange(longest, device=device) < torch.tensor(lengths, device=device)[:, None]
    hidden, wanted = (torch.split(x[real_RT], POSITIONS) for x in (hidden_RTD, ids_RT))
    scores = torch.cat([_log_probabilities(network, h, w) for h, w in zip(hidden, wanted, strict=True)])
    totals = [float(part.sum()) for part in torch.split(scores.double(), lengths)]
    return [LogLikelihood(total, length) for total, length in zip(totals, lengths, strict=True)]


def _log_probabilities(network: Network, hidden_ND: Tensor, ids_N: Tensor) -> Tensor:
    logits_NV = logits_of(network, hidden_ND).float()
    picked_N: Tensor = logits_NV.gather(-1, ids_N[:, None]).squeeze(-1) - logits_NV.logsumexp(-1)
    return picked_N
