"""What a model learns from preferences, for the training loop: one objective, six algorithms.

objective = PreferenceObjective(model, Algorithm.DPO, beta=0.1)
fit(objective, answer_batches, FitConfig(steps=200, lr=5e-5), run_dir)

| Algorithm | K | A batch carries | Counted by |
|---|---|---|---|
| dpo, rdpo, ipo | 2, chosen and rejected | `reference_BK` | pairs |
| orpo | 2, chosen and rejected | | pairs |
| kto | 2, the answer and another prompt's | `reference_BK`, `desirable_B` | answers |
| grpo | any | `reference_BK`, `old_BK`, `advantage_BK` | answers |

Shape suffixes: B prompts, K answers to each.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum

import torch
from torch import Tensor, nn

from hilum.align import losses
from hilum.align.answers import AnswerBatch, answer_log_probabilities
from hilum.errors import UsageError
from hilum.loss import Loss, Mean
from hilum.model import Model


class Algorithm(StrEnum):
    """Direct alignment algorithms; see `hilum.align.losses` for what each minimises."""

    DPO = "dpo"
    IPO = "ipo"
    KTO = "kto"
    ORPO = "orpo"
    RDPO = "rdpo"
    GRPO = "grpo"

    @property
    def needs_reference(self) -> bool:
        """Whether its batches carry the reference model's log-probabilities."""
        return self is not Algorithm.ORPO


@dataclass(frozen=True)
class PreferenceObjective:
    """The mean loss of some pairs or answers.

    Args:
        beta: strength of the pull towards the reference; of ORPO's odds ratio. GRPO's may be 0.
        alpha: R-DPO's weight of a difference of one token in length.
        label_smoothing: share of pairs taken to be the wrong way round (DPO, R-DPO).
        sft_weight: weight of the mean next-token loss of the chosen answer (KTO: of desirable ones).
        desirable_weight, undesirable_weight: of KTO's two kinds of answers.
        epsilon: how far GRPO's importance ratio may go from 1.
    """

    model: Model
    algorithm: Algorithm = Algorithm.DPO
    beta: float = 0.1
    alpha: float = 0.0
    label_smoothing: float = 0.0
    sft_weight: float = 0.0
    desirable_weight: float = 1.0
    undesirable_weight: float = 1.0
    epsilon: float = 0.2

    def __post_init__(self) -> None:
        if not self.beta > 0 and not (self.beta == 0 and self.algorithm is Algorithm.GRPO):
            raise UsageError("beta", f"is {self.beta}", "give a number above 0")
        if not 0 <= self.label_smoothing < 0.5:
            raise UsageError("label_smoothing", f"is {self.label_smoothing}", "give a share below 0.5")
        read_by = {
            "alpha": (Algorithm.RDPO,),
            "label_smoothing": (Algorithm.DPO, Algorithm.RDPO),
            "sft_weight": tuple(Algorithm)[:5],
        }
        for name, algorithms in read_by.items():
            if getattr(self, name) and self.algorithm not in algorithms:
                raise UsageError(
                    name, f"means nothing to {self.algorithm}", f"use {algorithms[-1]}, or give 0"
                )

    @property
    def module(self) -> nn.Module:
        """The network."""
        return self.model.network

    @property
    def name(self) -> str:
        """The algorithm and its numbers, which a resumed run must share."""
        numbers = [field.name for field in fields(self) if field.name not in ("model", "algorithm")]
        return f"{self.algorithm}({', '.join(f'{name}={getattr(self, name):g}' for name in numbers)})"

    def loss(self, batch: AnswerBatch) -> Loss:
        """Sum over pairs or answers; one that lacks an answer is not counted.

        Raises:
            UsageError: the batch lacks what the algorithm needs.
        """
        policy_BK, length_BK = answer_log_probabilities(self.model, batch)
        present_BK = length_BK > 0
        match self.algorithm:
            case Algorithm.KTO:
                return self._kto(batch, policy_BK, length_BK, present_BK)
            case Algorithm.GRPO:
                return self._grpo(batch, policy_BK, length_BK, present_BK)
        return self._pairs(batch, policy_BK, length_BK, present_BK.all(1))

    def _pairs(self, batch: AnswerBatch, policy_B2: Tensor, length_B2: Tensor, counted_B: Tensor) -> Loss:
        beta, smoothing = self.beta, self.label_smoothing
        reference_B2 = torch.zeros_like(policy_B2)
        if self.algorithm.needs_reference:
            reference_B2 = self._given(batch, "reference_BK").to(policy_B2)
        match self.algorithm:
            case Algorithm.IPO:
                loss_B = losses.ipo(policy_B2, reference_B2, length_B2, beta)
            case Algorithm.ORPO:
                loss_B = losses.orpo(policy_B2, length_B2, beta)
            case Algorithm.RDPO:
                loss_B = losses.rdpo(policy_B2, reference_B2, length_B2, beta, self.alpha, smoothing)
            case _:
                loss_B = losses.dpo(policy_B2, reference_B2, beta, smoothing)
        loss_B = loss_B - self.sft_weight * losses.per_token(policy_B2, length_B2)[:, 0]
        reward_B2 = policy_B2.detach() - reference_B2
        if self.algorithm in (Algorithm.IPO, Algorithm.ORPO):  # which compare means over tokens
            reward_B2 = losses.per_token(reward_B2, length_B2)
        chosen_B, rejected_B = (beta * reward_B2).unbind(1)
        logged = {
            "accuracy": (chosen_B > rejected_B).float(),
            "margin": chosen_B - rejected_B,
            "reward_chosen": chosen_B,
            "reward_rejected": rejected_B,
        }
        return _counted(loss_B, counted_B, logged)

    def _kto(self, batch: AnswerBatch, policy_B2: Tensor, length_B2: Tensor, present_B2: Tensor) -> Loss:
        reference_B2 = self._given(batch, "reference_BK").to(policy_B2)
        desirable_B = self._given(batch, "desirable_B").to(policy_B2.device)
        other_B = present_B2[:, 1]
        kl = losses.kl_estimate(policy_B2[other_B, 1], reference_B2[other_B, 1])
        weights = (self.desirable_weight, self.undesirable_weight)
        policy_B, counted_B = policy_B2[:, 0], present_B2[:, 0]
        loss_B = losses.kto(policy_B, reference_B2[:, 0], desirable_B, kl, self.beta, *weights)
        mean_B = losses.per_token(policy_B, length_B2[:, 0])
        loss_B = loss_B - self.sft_weight * mean_B * desirable_B
        reward_B = self.beta * (policy_B.detach() - reference_B2[:, 0])
        kinds = {"reward_chosen": desirable_B & counted_B, "reward_rejected": ~desirable_B & counted_B}
        rewards = {
            name: Mean((reward_B * of_kind_B).sum(), of_kind_B.sum()) for name, of_kind_B in kinds.items()
        }
        loss = _counted(loss_B, counted_B, {"kl": kl.expand_as(loss_B)})
        return Loss(loss.sum, loss.weight, {**loss.metrics, **rewards})

    def _grpo(self, batch: AnswerBatch, policy_BK: Tensor, length_BK: Tensor, present_BK: Tensor) -> Loss:
        names = ("old_BK", "advantage_BK", "reference_BK")
        old_BK, advantage_BK, reference_BK = (self._given(batch, name).to(policy_BK) for name in names)
        loss_BK = losses.grpo(
            policy_BK, old_BK, length_BK, advantage_BK, reference_BK, self.beta, self.epsilon
        )
        moved_BK = losses.per_token(policy_BK.detach() - old_BK, length_BK).exp() - 1
        # Of answers drawn from the policy itself this is an estimate of its KL divergence from the reference.
        kl_BK = policy_BK.detach() - reference_BK
        logged = {"kl": kl_BK, "clipped": ((moved_BK * advantage_BK.sign()) > self.epsilon).float()}
        return _counted(loss_BK, present_BK, logged)

    def _given(self, batch: AnswerBatch, name: str) -> Tensor:
        found: Tensor | None = getattr(batch, name)
        if found is None:
            raise UsageError(
                name, f"is missing from a batch for {self.algorithm}", "cache it before training"
            )
        return found


def _counted(loss: Tensor, counted: Tensor, logged: dict[str, Tensor]) -> Loss:
    """The sum over what is counted, with the means to log."""
    weight = counted.sum().to(loss.dtype)
    means = {name: Mean((value.detach() * counted).sum(), weight) for name, value in logged.items()}
    return Loss((loss * counted).sum(), weight, {"samples": len(loss), **means})
