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

from hilum.model import Model
from hilum.model.network import logits as logits_of
from hilum.model.network import read
from hilum.training.config import Metrics
from hilum.training.examples import IGNORE, TextBatch


@dataclass
class NextToken:
    """Cross-entropy of the assistant's tokens.

    Args:
        code_weight: weight of an image code beside a word's 1: an image has many codes, and without
            it they drown out the reports (LLM-CXR's loss dilution).
        evenness: 0 counts every token alike, 1 every answer; between them an answer of L tokens weighs
            L^(1 - evenness), so that a "yes" is not lost beside a report.
    """

    model: Model
    code_weight: float = 1.0
    evenness: float = 0.0
    name: str = "next_token"

    @property
    def module(self) -> nn.Module:
        """The network."""
        return self.model.network

    def loss(self, batch: TextBatch) -> tuple[Tensor, Metrics]:
        """Weighted mean over target tokens."""
        device = next(self.module.parameters()).device
        labels_BT = batch.labels_BT.to(device)
        features = _to(batch.features_NPD, device)
        # No mask: padding comes last, so causality hides it. A cache would copy every key and value.
        out = read(self.model.network, batch.ids_BT.to(device), features, use_cache=False)
        wanted = labels_BT != IGNORE
        labels = labels_BT[wanted]
        logits = logits_of(self.model.network, out.last_hidden_state[wanted])
        losses = F.cross_entropy(logits.float(), labels, reduction="none")
        # Image codes are the last tokens; before them come those that open rows, which nobody has to guess.
        first, rows = self.model.vocabulary.first_code, self.model.vocabulary.row_ids
        is_code, is_word = labels >= first, labels < rows.start
        weight = (is_code * self.code_weight + is_word) * answer_lengths(wanted) ** -self.evenness
        loss = (losses * weight).sum() / weight.sum()
        words = losses.detach()[is_word]
        codes = losses.detach()[is_code]
        metrics: dict[str, float | Tensor] = {"samples": len(labels_BT), "tokens": labels_BT.numel()}
        if len(words):
            metrics["words"] = words.mean()
        if len(codes):
            metrics["codes"] = codes.mean()
        return loss, metrics


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
        last_prompt = (part_BT == 0).sum(1) - 1
        own = part_BT == part
        row, column = own.nonzero(as_tuple=True)
        source = torch.where(_starts(row), last_prompt[row], column - 1)
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
    chosen answer's mean next-token loss, which keeps its own probability from falling.
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

    def loss(self, batch: PairBatch) -> tuple[Tensor, Metrics]:
        """Mean over pairs."""
        policy_B2 = pair_log_probabilities(self.model, batch)
        assert batch.reference_B2 is not None, "cache the reference log-probabilities first"
        reward_B2 = self.beta * (policy_B2 - batch.reference_B2.to(policy_B2.device))
        lengths_B2 = torch.stack([(batch.part_BT == part).sum(1) for part in (1, 2)], 1).to(policy_B2.device)
        margin_B = reward_B2[:, 0] - reward_B2[:, 1]
        offset_B = self.alpha * (lengths_B2[:, 0] - lengths_B2[:, 1])
        loss = -F.logsigmoid(margin_B + offset_B).mean()
        if self.anchor:
            loss = loss - self.anchor * (policy_B2[:, 0] / lengths_B2[:, 0]).mean()
        return loss, {
            "samples": len(margin_B),
            "accuracy": (margin_B.detach() > 0).float().mean(),
            "margin": margin_B.detach().mean(),
            "reward_chosen": reward_B2.detach()[:, 0].mean(),
        }


def _to(tensor: Tensor | None, device: torch.device) -> Tensor | None:
    return None if tensor is None else tensor.to(device)
