"""What the language model learns from: the next token of an answer, or which of two answers is better.

fit(NextToken(model), batches, FitConfig(steps=2000, lr=1e-3), run_dir)
fit(Direct(model, beta=0.1), pair_batches, FitConfig(steps=200, lr=5e-5), run_dir)

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


@dataclass(frozen=True)
class PairBatch:
    """One row per pair: prompt, chosen answer, rejected answer, in one sequence.

    `position_BT` restarts after the prompt for the rejected answer; `part_BT` is 0 prompt, 1 chosen,
    2 rejected, -1 padding. `reference_B2` holds the reference model's log-probabilities of both.
    """

    ids_BT: Tensor
    part_BT: Tensor
    position_BT: Tensor
    features_NPD: Tensor | None
    reference_B2: Tensor | None = None


def pair_log_probabilities(model: Model, batch: PairBatch) -> Tensor:
    """Log-probability of the chosen and of the rejected answer: (B, 2).

    Prompt and images run once for both: the rejected answer cannot see the chosen one and sits at the
    same positions, so the numbers equal those of two separate sequences.
    """
    device = next(model.network.parameters()).device
    ids_BT, part_BT = batch.ids_BT.to(device), batch.part_BT.to(device)
    length = ids_BT.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=device).tril()
    query, key = part_BT[:, :, None], part_BT[:, None, :]
    # Padding sees itself, so that no row of the softmax is empty.
    mask = causal & ((key == 0) | (key == query)) & ((query >= 0) | (key == query))
    bias = torch.zeros(mask.shape, device=device).masked_fill(~mask, torch.finfo(torch.float32).min)
    out = read(
        model.network,
        ids_BT,
        _to(batch.features_NPD, device),
        attention_mask=bias[:, None],
        position_ids=batch.position_BT.to(device),
        use_cache=False,
    )
    hidden = out.last_hidden_state
    columns = []
    for part in (1, 2):
        # The first token of each answer is predicted from the prompt's last token.
        last_prompt = (batch.part_BT == 0).sum(1) - 1
        row, column = (batch.part_BT == part).nonzero(as_tuple=True)
        source = torch.where(_starts(row), last_prompt[row], column - 1)
        row, column, source = (place.to(device) for place in (row, column, source))
        logits = logits_of(model.network, hidden[row, source]).float()
        picked = logits.log_softmax(-1).gather(1, ids_BT[row, column][:, None]).squeeze(1)
        columns.append(torch.zeros(len(ids_BT), device=device).index_add(0, row, picked))
    return torch.stack(columns, 1)


def _starts(row: Tensor) -> Tensor:
    """True where a run of equal row numbers begins."""
    return torch.cat([row.new_ones(1, dtype=torch.bool), row[1:] != row[:-1]])


@dataclass
class Direct:
    """Direct preference optimisation from cached reference log-probabilities (Rafailov et al., 2023).

    Loss: −log σ(β·h + α·(Lw − Ll)), h = (log π(w) − log π_ref(w)) − (log π(l) − log π_ref(l)); α > 0
    is R-DPO's length term as CheXalign uses it (Lw, Ll: answer lengths in tokens). `anchor` adds the
    chosen answer's mean next-token loss, which keeps its own probability from falling. Both are counted by
    pairs.
    """

    model: Model
    beta: float = 0.1
    alpha: float = 0.0
    anchor: float = 0.0
    name: str = "dpo"

    @property
    def module(self) -> nn.Module:
        """The network."""
        return self.model.network

    def loss(self, batch: PairBatch) -> Loss:
        """Sum over pairs."""
        policy_B2 = pair_log_probabilities(self.model, batch)
        assert batch.reference_B2 is not None, "cache the reference log-probabilities first"
        reward_B2 = self.beta * (policy_B2 - batch.reference_B2.to(policy_B2.device))
        lengths_B2 = torch.stack([(batch.part_BT == part).sum(1) for part in (1, 2)], 1).to(policy_B2.device)
        margin_B = reward_B2[:, 0] - reward_B2[:, 1]
        offset_B = self.alpha * (lengths_B2[:, 0] - lengths_B2[:, 1])
        loss_B = -F.logsigmoid(margin_B + offset_B)
        if self.anchor:
            loss_B = loss_B - self.anchor * policy_B2[:, 0] / lengths_B2[:, 0]
        pairs = len(loss_B)
        logged = {
            "accuracy": (margin_B > 0).float(),
            "margin": margin_B,
            "reward_chosen": reward_B2[:, 0],
        }
        means = {name: Mean(value_B.detach().sum(), pairs) for name, value_B in logged.items()}
        return Loss(loss_B.sum(), loss_B.new_tensor(pairs), {"samples": pairs, **means})


def _to(tensor: Tensor | None, device: torch.device) -> Tensor | None:
    return None if tensor is None else tensor.to(device)
