"""How a model is aligned: what is sampled, how answers are paired, which loss is minimised.

AlignConfig(algorithm=Algorithm.RDPO, alpha=0.05, n=4)
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from hilum.align.objective import Algorithm
from hilum.errors import UsageError
from hilum.model.engine import MAX_NEW_TOKENS
from hilum.training import FitConfig, Lora
from hilum.training.config import ENCODER_LEFT_OUT

ENCODER_FROZEN = (ENCODER_LEFT_OUT,)
"""`trainable` of all but the vision encoder, whose features are run once."""


class Pairing(StrEnum):
    """Which of a prompt's answers become pairs."""

    BEST_WORST = "best_worst"
    """The best against the worst, as CheXalign pairs them (arXiv 2410.07025)."""
    ALL = "all"
    """Any two whose scores differ by more than the threshold."""


@dataclass(frozen=True)
class AlignConfig:
    """How to sample, pair and optimise.

    Args:
        algorithm: see `hilum.align.losses`.
        n: candidates per prompt.
        temperature, top_p: of sampling.
        max_new_tokens: most tokens of an answer in words; one that is cut off there is counted and left out.
        pairing: which two answers of a prompt are paired.
        threshold: least gap in score between the chosen and the rejected answer.
        max_length_ratio: drop pairs of which one answer has over this many times the other's words; None
            keeps them all.
        beta: strength of the pull towards the supervised model (DPO, IPO, KTO, R-DPO, GRPO); of ORPO, the
            weight of the odds ratio.
        alpha: R-DPO's length term, per token.
        label_smoothing: the part of the pairs that is taken to be the wrong way round (DPO, R-DPO), below ½.
        sft_weight: weight of the chosen answer's own next-token loss.
        rounds: how often to sample from the newest policy and to train on that; the reference stays the
            supervised model.
        prompts_per_round: prompts of each round, the next ones each time; 0 takes all of them every round.
        batch_size: pairs, single answers or groups of a batch; a step takes `fit.accumulate` batches.
        lora: train an adapter of the language model, see `hilum.training.lora`; its base is the reference. It
            has no dropout, as nothing of the model has any during alignment.
        epochs: how often each round goes over its examples; where it is above 0, it sets the steps of `fit`.
        fit: steps of each round, learning rate and the rest of the optimisation.
    """

    algorithm: Algorithm = Algorithm.DPO
    n: int = 6
    temperature: float = 1.0
    top_p: float = 0.95
    max_new_tokens: int = MAX_NEW_TOKENS
    pairing: Pairing = Pairing.BEST_WORST
    threshold: float = 0.05
    max_length_ratio: float | None = 1.5
    beta: float = 0.1
    alpha: float = 0.0
    label_smoothing: float = 0.0
    sft_weight: float = 0.0
    rounds: int = 1
    prompts_per_round: int = 0
    batch_size: int = 16
    seed: int = 0
    lora: Lora | None = None
    epochs: float = 0.0
    fit: FitConfig = field(
        default_factory=lambda: FitConfig(
            steps=100, lr=1e-4, warmup=10, weight_decay=0.0, trainable=ENCODER_FROZEN, description="aligning"
        )
    )

    def __post_init__(self) -> None:
        for name, lowest in _LEAST.items():
            if not getattr(self, name) >= lowest:  # NaN is not
                raise UsageError(name, f"is {getattr(self, name)}", f"give at least {lowest}")
        if not 0 <= self.label_smoothing < 0.5:
            raise UsageError(
                "label_smoothing", f"is {self.label_smoothing}", "give a part from 0 to below 0.5"
            )
        if self.temperature <= 0:
            raise UsageError(
                "temperature", "is 0, which gives every prompt the same answer n times", "raise it"
            )
        if self.alpha and self.algorithm is not Algorithm.RDPO:
            raise UsageError("alpha", f"does nothing in {self.algorithm}", "choose the algorithm rdpo")
        if self.lora is not None and self.lora.dropout:
            problem = f"is {self.lora.dropout}, noise that the reference does not have"
            raise UsageError("lora.dropout", problem, "give 0")
        if self.max_length_ratio is not None and self.max_length_ratio < 1:
            raise UsageError("max_length_ratio", f"is {self.max_length_ratio}", "give at least 1")

    def settings(self, *names: str) -> dict[str, Any]:
        """Some fields, as a key is made of them."""
        mine = asdict(self)
        return {name: mine[name] for name in names}


_LEAST = {
    "n": 2,
    "max_new_tokens": 1,
    "rounds": 1,
    "prompts_per_round": 0,
    "batch_size": 1,
    "threshold": 0,
    "beta": 0,
    "epochs": 0,
}
