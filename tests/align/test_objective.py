"""The objective: what it counts, logs and refuses, and that batches add up to one larger batch."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from align.helpers import packed
from hilum.align import Algorithm, AnswerBatch, PreferenceObjective
from hilum.align.answers import answer_log_probabilities
from hilum.errors import UsageError
from hilum.loss import Loss
from hilum.model import Model
from hilum.training import FitConfig, fit
from model.helpers import tiny
from training.helpers import assert_accumulation_is_one_batch

LENGTHS = [(5, [6, 2]), (1, [4, 9]), (8, [3, 3])]
PAIRED = [Algorithm.DPO, Algorithm.RDPO, Algorithm.IPO, Algorithm.ORPO]


def batch_for(model: Model, rows: list[int], *, far: float = 0.0) -> AnswerBatch:
    """Some of three fixed prompts with all that any algorithm wants; the reference lies `far` away."""
    batches = [packed(model, LENGTHS[row : row + 1], seed=row) for row in rows]
    width = max(batch.ids_BT.shape[1] for batch in batches)
    columns = {}
    for name, value in (("ids_BT", 0), ("part_BT", -1), ("position_BT", 0)):
        parts = [getattr(batch, name) for batch in batches]
        columns[name] = torch.cat(
            [torch.nn.functional.pad(part, (0, width - part.shape[1]), value=value) for part in parts]
        )
    whole = AnswerBatch(**columns, answers=2, features_NPD=torch.cat([b.features_NPD for b in batches]))
    with torch.no_grad():
        reference, _ = answer_log_probabilities(model, whole)
    offset = far * torch.tensor([[1.0, -1], [-2, 1], [0.5, 0]])[rows]
    return replace(
        whole,
        reference_BK=reference + offset,
        old_BK=reference + offset,
        advantage_BK=torch.tensor([[1.0, -1], [-0.5, 0.5], [2, 0]])[rows],
        desirable_B=torch.tensor([True, False, True])[rows],
    )


def logged(loss: Loss) -> dict[str, float]:
    return {n: float(m.sum / m.weight) for n, m in loss.metrics.items() if n != "samples"}


@torch.no_grad()
@pytest.mark.parametrize(
    ("algorithm", "value"),
    [("dpo", math.log(2)), ("rdpo", math.log(2)), ("ipo", 25.0), ("kto", 0.5), ("grpo", -1 / 3)],
)
def test_a_model_beside_itself_is_where_each_algorithm_begins(algorithm, value) -> None:
    loss = PreferenceObjective(tiny(), Algorithm(algorithm)).loss(batch_for(tiny(), [0, 1, 2]))
    assert float(loss.mean()) == pytest.approx(value, abs=1e-3)


@torch.no_grad()
def test_rewards_are_logged_as_the_papers_have_them() -> None:
    batch = batch_for(tiny(), [0, 1, 2], far=3.0)
    found = logged(PreferenceObjective(tiny(), beta=0.2).loss(batch))
    # The reference lies above the model by 3, −6 and 1.5 for the chosen, by −3, 3 and 0 for the rejected.
    assert found["reward_chosen"] == pytest.approx(0.2 * (-3 + 6 - 1.5) / 3, abs=1e-4)
    assert found["reward_rejected"] == pytest.approx(0.2 * (3 - 3 - 0) / 3, abs=1e-4)
    assert found["margin"] == pytest.approx(0.2 * 1.5 / 3, abs=1e-4)
    assert found["accuracy"] == pytest.approx(1 / 3)
    kto = logged(PreferenceObjective(tiny(), Algorithm.KTO, beta=0.2).loss(batch))
    assert kto["reward_chosen"] == pytest.approx(0.2 * (-3 - 1.5) / 2, abs=1e-4)
    assert kto["reward_rejected"] == pytest.approx(0.2 * 6, abs=1e-4)
    assert kto["kl"] == pytest.approx(0, abs=1e-4)
    grpo = logged(PreferenceObjective(tiny(), Algorithm.GRPO).loss(batch))
    assert grpo["kl"] == pytest.approx(-(3 - 6 + 1.5 - 3 + 3 + 0) / 6, abs=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_missing_answer_is_not_counted(algorithm) -> None:
    model = tiny()
    batch = batch_for(model, [0, 1, 2], far=1.0)
    lacking = {Algorithm.KTO: 1, Algorithm.GRPO: 2}.get(algorithm, 2)
    # The third prompt's answer is padding now.
    part = batch.part_BT.clone()
    part[2] = torch.where(part[2] == lacking, -1, part[2])
    loss = PreferenceObjective(model, algorithm).loss(replace(batch, part_BT=part))
    assert float(loss.weight) == (5 if algorithm is Algorithm.GRPO else 2)
    if algorithm in PAIRED:
        alone = PreferenceObjective(model, algorithm).loss(batch_for(model, [0, 1], far=1.0))
        torch.testing.assert_close(loss.mean(), alone.mean(), rtol=1e-4, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("algorithm", [*PAIRED, Algorithm.KTO])
def test_the_sft_term_is_the_chosen_answer_s_mean_loss(algorithm) -> None:
    """Of the desirable ones, where answers are single: the second is not."""
    model = tiny()
    batch = batch_for(model, [0, 1, 2], far=1.0)
    policy, length = answer_log_probabilities(model, batch)
    mean = (policy / length)[:, 0]
    wanted = -0.3 * (mean * batch.desirable_B if algorithm is Algorithm.KTO else mean).mean()
    losses = [PreferenceObjective(model, algorithm, sft_weight=w).loss(batch).mean() for w in (0.3, 0.0)]
    torch.testing.assert_close(losses[0] - losses[1], wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("algorithm", [*PAIRED, Algorithm.GRPO])
def test_accumulated_batches_are_one_larger_batch(algorithm, tmp_path) -> None:
    """Not KTO's: its KL estimate is a batch's own, as TRL's is."""
    model = tiny()
    parts = [batch_for(model, rows, far=1.0) for rows in ([0], [1, 2, 0], [2], [0, 1])]
    whole = batch_for(model, [0, 1, 2, 0, 2, 0, 1], far=1.0)
    extra = {"alpha": 0.02} if algorithm is Algorithm.RDPO else {}
    assert_accumulation_is_one_batch(
        lambda: PreferenceObjective(tiny(), algorithm, **extra), parts, whole, tmp_path
    )


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_training_raises_what_is_preferred(algorithm, tmp_path) -> None:
    model = tiny()
    batch = batch_for(model, [0, 1, 2])
    before, _ = answer_log_probabilities(model, batch)
    config = FitConfig(steps=8, lr=1e-3, warmup=1, weight_decay=0.0, log_every=1)
    fit(PreferenceObjective(model, algorithm), lambda _: batch, config, tmp_path, progress=False)
    with torch.no_grad():
        moved = answer_log_probabilities(model, batch)[0] - before.detach()
    if algorithm is Algorithm.KTO:
        assert (moved[:, 0] > moved[:, 1])[batch.desirable_B].all()
        assert moved[1, 0] < 0
    elif algorithm is Algorithm.GRPO:
        assert float((moved * batch.advantage_BK).sum()) > 0
    else:
        assert float((moved[:, 0] - moved[:, 1]).mean()) > 0


@pytest.mark.parametrize(
    ("algorithm", "lacking"),
    [
        ("dpo", "reference_BK"),
        ("kto", "desirable_B"),
        ("grpo", "old_BK"),
        ("grpo", "advantage_BK"),
        ("grpo", "reference_BK"),
    ],
)
def test_a_batch_that_lacks_something_says_what(algorithm, lacking) -> None:
    batch = replace(batch_for(tiny(), [0]), **{lacking: None})
    with pytest.raises(UsageError, match=f"{lacking}: is missing from a batch for {algorithm}"):
        PreferenceObjective(tiny(), Algorithm(algorithm)).loss(batch)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beta": 0.0}, "beta: is 0.0"),
        ({"label_smoothing": 0.5}, "label_smoothing: is 0.5"),
        ({"alpha": 0.1}, "alpha: means nothing to dpo; use rdpo"),
        ({"algorithm": Algorithm.IPO, "label_smoothing": 0.1}, "label_smoothing: means nothing to ipo"),
        ({"algorithm": Algorithm.GRPO, "sft_weight": 0.1}, "sft_weight: means nothing to grpo"),
    ],
)
def test_numbers_without_a_meaning_are_refused(options, message) -> None:
    with pytest.raises(UsageError, match=message):
        PreferenceObjective(tiny(), **options)


def test_its_name_tells_two_settings_apart() -> None:
    names = {PreferenceObjective(tiny(), beta=beta).name for beta in (0.1, 0.2)}
    assert len(names) == 2
    kto = "desirable_weight=1, undesirable_weight=1"
    assert f"dpo(beta=0.1, alpha=0, label_smoothing=0, sft_weight=0, {kto}, epsilon=0.2)" in names
