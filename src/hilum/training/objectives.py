"""What the language model learns from: the next token of an answer.

fit(NextToken(model), batches, FitConfig(steps=2000, lr=1e-3), run_dir)

Shape suffixes: B examples, T tokens, V vocabulary, N images, P features of one image, D vision width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hilum.loss import Loss, Mean
from hilum.model import Model
from hilum.model.network import logits as logits_of
from hilum.model.network import read
from hilum.training.examples import IGNORE, TextBatch


@dataclass
class NextToken:
    """Cross-entropy of the assistant's tokens, counted by their weights.

    Args:
        code_weight: weight of an image code beside a word's 1: an image has many codes, and without
            it they drown out the reports (LLM-CXR's loss dilution).
        length_exponent: 0 counts every token alike, 1 every answer; between them an answer of L tokens weighs
            L^(1 - length_exponent), so that a "yes" is not lost beside a report.
    """

    model: Model
    code_weight: float = 1.0
    length_exponent: float = 0.0
    name: str = "next_token"

    @property
    def module(self) -> nn.Module:
        """The network."""
        return self.model.network

    def loss(self, batch: TextBatch) -> Loss:
        """Weighted sum over the N target tokens."""
        device = next(self.module.parameters()).device
        # What is chosen is counted where the batch was made: a device would have to be waited for.
        wanted_BT = batch.labels_BT != IGNORE
        labels_N, place_N = batch.labels_BT[wanted_BT], wanted_BT.flatten().nonzero()[:, 0]
        vocabulary = self.model.vocabulary
        is_code_N = _within(labels_N, vocabulary.code_ids)
        # What opens a row of codes follows from the code before it: nobody has to learn it.
        is_word_N = ~is_code_N & ~_within(labels_N, vocabulary.row_ids)
        of_kind_N = is_code_N * self.code_weight + is_word_N
        weight_N = of_kind_N * answer_lengths(wanted_BT) ** -self.length_exponent
        features = _to(batch.features_NPD, device)
        # No mask: padding comes last, so causality hides it. A cache would copy every key and value.
        out = read(self.model.network, batch.ids_BT.to(device), features, use_cache=False)
        hidden_ND = out.last_hidden_state.flatten(0, 1)[place_N.to(device)]
        logits_NV = logits_of(self.model.network, hidden_ND).float()
        losses_N = F.cross_entropy(logits_NV, labels_N.to(device), reduction="none")
        kinds = {"words": is_word_N, "codes": is_code_N}
        means = {
            name: Mean((losses_N.detach() * kind_N.to(device)).sum(), int(kind_N.sum()))
            for name, kind_N in kinds.items()
        }
        return Loss(
            (losses_N * weight_N.to(device)).sum(),
            weight_N.sum().to(device),
            {"samples": len(batch.labels_BT), "tokens": batch.labels_BT.numel(), **means},
        )


def _within(ids: Tensor, some: range) -> Tensor:
    return (ids >= some.start) & (ids < some.stop)


def answer_lengths(wanted_BT: Tensor) -> Tensor:
    """Of each target token the number of targets in its answer (N,): answers are runs of targets in a row."""
    before = F.pad(wanted_BT[:, :-1], (1, 0))
    answer = (wanted_BT & ~before).flatten().cumsum(0)[wanted_BT.flatten()] - 1
    return answer.bincount()[answer].float()


def _to(tensor: Tensor | None, device: torch.device) -> Tensor | None:
    return None if tensor is None else tensor.to(device)
