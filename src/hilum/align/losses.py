"""Preference losses as pure functions of log-probabilities: DPO, R-DPO, IPO, KTO, ORPO, GRPO.

losses_B = dpo(policy_B2, reference_B2, beta=0.1)      # column 0 chosen, column 1 rejected

Every log-probability is the sum over an answer's tokens, in nats; the reference's carry no gradient. Each
loss is one number for a pair (KTO and GRPO: for an answer), to be averaged by whoever counts them. In the
formulas r = log π(y) − log π_ref(y), w the chosen answer, l the rejected one, L an answer's number of tokens,
ε the label smoothing.

Shape suffixes: B prompts, 2 chosen and rejected, K answers to a prompt.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def dpo(policy_B2: Tensor, reference_B2: Tensor, beta: float, label_smoothing: float = 0.0) -> Tensor:
    """−(1−ε)·log σ(β(r_w − r_l)) − ε·log σ(−β(r_w − r_l)): (B,).

    Rafailov et al., 2023 (arXiv 2305.18290); TRL's `sigmoid`. With ε, the chance that a pair is the wrong way
    round, it is conservative DPO (Mitchell, 2023).
    """
    margin_B = beta * log_ratio(policy_B2, reference_B2)
    return _smoothed(margin_B, margin_B.new_zeros(()), label_smoothing)


def rdpo(
    policy_B2: Tensor,
    reference_B2: Tensor,
    length_B2: Tensor,
    beta: float,
    alpha: float,
    label_smoothing: float = 0.0,
) -> Tensor:
    """−(1−ε)·log σ(β(r_w − r_l) + α(L_w − L_l)) − ε·log σ(−β(r_w − r_l) + α(L_w − L_l)): (B,).

    Park et al., 2024 (arXiv 2403.19159), as CheXalign trains it: α > 0 makes a pair whose chosen answer is
    the longer one count for less. The offset keeps its sign in the smoothed term, as theirs does, so with
    ε > 0 that term is not the first one's mirror image.
    """
    margin_B = beta * log_ratio(policy_B2, reference_B2)
    return _smoothed(margin_B, alpha * (length_B2[:, 0] - length_B2[:, 1]), label_smoothing)


def ipo(policy_B2: Tensor, reference_B2: Tensor, length_B2: Tensor, beta: float) -> Tensor:
    """(r_w/L_w − r_l/L_l − 1/(2β))²: (B,).

    Azar et al., 2023 (arXiv 2310.12036, equation 17, β their τ); on means over tokens, as TRL's `ipo` after
    its authors' advice.
    """
    mean_B2 = per_token(policy_B2 - reference_B2, length_B2)
    squared_B: Tensor = (mean_B2[:, 0] - mean_B2[:, 1] - 1 / (2 * beta)) ** 2
    return squared_B


def kto(
    policy_B: Tensor,
    reference_B: Tensor,
    desirable_B: Tensor,
    kl: Tensor,
    beta: float,
    desirable_weight: float = 1.0,
    undesirable_weight: float = 1.0,
) -> Tensor:
    """1 − σ(β(r − kl)) for a desirable answer, 1 − σ(β(kl − r)) for another, each by its weight: (B,).

    Ethayarajh et al., 2024 (arXiv 2402.01306, equation 7); TRL's `kto`.

    Args:
        desirable_B: bool.
        kl: a scalar, see `kl_estimate`.
    """
    sign_B = torch.where(desirable_B, 1.0, -1.0)
    weight_B = torch.where(desirable_B, desirable_weight, undesirable_weight)
    return weight_B * (1 - torch.sigmoid(beta * sign_B * (policy_B - reference_B - kl)))


def kl_estimate(policy_B: Tensor, reference_B: Tensor) -> Tensor:
    """KTO's reference point: the mean of r over answers that belong to other prompts, 0 at least.

    It is not learned from: the result has no gradient. Without any answer it is 0.
    """
    ratio_B = (policy_B - reference_B).detach()
    return ratio_B.sum().div(max(1, len(ratio_B))).clamp(min=0)


def orpo(policy_B2: Tensor, length_B2: Tensor, beta: float) -> Tensor:
    """−m_w − β·log σ(log odds_w − log odds_l), odds = exp(m)/(1 − exp(m)), m = log π(y)/L: (B,).

    Hong et al., 2024 (arXiv 2403.07691); no reference model. The first term is the chosen answer's own
    next-token loss; TRL takes it over the prompt's tokens as well, which here are mostly an image's.
    """
    mean_B2 = per_token(policy_B2, length_B2)
    # An answer of probability 1 has no finite odds.
    certain_B2 = mean_B2.clamp(max=-1e-7)
    log_odds_B2 = certain_B2 - torch.log(-torch.expm1(certain_B2))
    return -mean_B2[:, 0] - beta * F.logsigmoid(log_odds_B2[:, 0] - log_odds_B2[:, 1])


def grpo(
    policy_BK: Tensor,
    old_BK: Tensor,
    length_BK: Tensor,
    advantage_BK: Tensor,
    reference_BK: Tensor,
    beta: float,
    epsilon: float = 0.2,
) -> Tensor:
    """−min(s·A, clip(s, 1−ε, 1+ε)·A) + β·(e^d − d − 1): (B, K).

    s = (π(y)/π_old(y))^(1/L), d = (log π_ref(y) − log π(y))/L.

    The clipped surrogate of GRPO (Shao et al., 2024, arXiv 2402.03300) with one importance ratio for an
    answer (GSPO, Zheng et al., 2025, arXiv 2507.18071); TRL's `loss_type="grpo"` with
    `importance_sampling_level="sequence"`. On answers of the policy itself its gradient is that of the ratio
    by tokens. The second term is an estimate of the KL divergence from the reference that is never below 0
    (Schulman's k3), of an answer's mean over tokens where TRL's is a token's; with β = 0 there is none, as is
    TRL's default.

    Args:
        old_BK: log-probabilities under the policy that sampled the answers.
        advantage_BK: see `advantages`.
        epsilon: how far the ratio may go.
    """
    ratio_BK = per_token(policy_BK - old_BK, length_BK).exp()
    clipped_BK = ratio_BK.clamp(1 - epsilon, 1 + epsilon)
    surrogate_BK = -torch.minimum(ratio_BK * advantage_BK, clipped_BK * advantage_BK)
    behind_BK = per_token(reference_BK - policy_BK, length_BK)
    return surrogate_BK + beta * (behind_BK.exp() - behind_BK - 1)


def advantages(reward_BK: Tensor) -> Tensor:
    """(reward − mean)/(standard deviation + 1e-4) within each prompt's answers, as TRL's: (B, K).

    A reward of NaN (the judge failed) is left out of both and gets 0.
    """
    known_BK = ~reward_BK.isnan()
    count_B1 = known_BK.sum(1, keepdim=True)
    centred_BK = (reward_BK - reward_BK.nanmean(1, keepdim=True)).nan_to_num(0.0)
    variance_B1 = centred_BK.square().sum(1, keepdim=True) / (count_B1 - 1).clamp(min=1)
    return centred_BK / (variance_B1.sqrt() + 1e-4)


def log_ratio(policy_B2: Tensor, reference_B2: Tensor) -> Tensor:
    """r_w − r_l: how much further the policy prefers the chosen answer than the reference does, (B,)."""
    ratio_B2 = policy_B2 - reference_B2
    return ratio_B2[:, 0] - ratio_B2[:, 1]


def per_token(log_probability_BK: Tensor, length_BK: Tensor) -> Tensor:
    """Means over tokens; 0 of an answer that has none."""
    return log_probability_BK / length_BK.clamp(min=1)


def _smoothed(margin_B: Tensor, offset_B: Tensor, label_smoothing: float) -> Tensor:
    loss_B = -(1 - label_smoothing) * F.logsigmoid(margin_B + offset_B)
    if label_smoothing:
        loss_B = loss_B - label_smoothing * F.logsigmoid(-margin_B + offset_B)
    return loss_B
