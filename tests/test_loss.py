"""Sums and weights add up: however targets are put into batches, their mean is the same."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hilum.loss import Loss, known_bce

weighted = st.lists(st.tuples(st.floats(-50, 50), st.sampled_from([0.0, 0.25, 1.0, 4.0])), max_size=8)


def loss_of(rows: list[tuple[float, float]]) -> Loss:
    """Two terms: the weighted losses, and the bare ones counted by how many there are."""
    losses, weights = torch.tensor(rows, dtype=torch.float64).reshape(-1, 2).T
    sums = torch.stack([(losses * weights).sum(), losses.sum()])
    return Loss(sums, torch.stack([weights.sum(), weights.new_tensor(len(rows))]))


@given(st.lists(weighted, min_size=1, max_size=5))
def test_batches_add_up_to_one_larger_batch(batches) -> None:
    losses = [loss_of(rows) for rows in batches]
    added = Loss(sum(loss.sum for loss in losses), sum(loss.weight for loss in losses)).mean()
    whole = loss_of([row for rows in batches for row in rows]).mean()
    assert float(added) == pytest.approx(float(whole), rel=1e-9, abs=1e-9)


@given(weighted)
def test_the_mean_is_the_weighted_mean_of_each_term_and_zero_of_nothing(rows) -> None:
    total = sum(weight for _, weight in rows)
    first = sum(value * weight for value, weight in rows) / total if total else 0.0
    second = sum(value for value, _ in rows) / len(rows) if rows else 0.0
    assert float(loss_of(rows).mean()) == pytest.approx(first + second, rel=1e-9, abs=1e-9)


def test_binary_cross_entropy_counts_what_is_known_alone() -> None:
    logits = torch.tensor([[0.3, -1.2], [2.0, 0.5]], requires_grad=True)
    targets = torch.tensor([[1.0, torch.nan], [0.0, 0.5]])
    total, known = known_bce(logits, targets, torch.tensor(3.0))
    chances = logits.detach().sigmoid()
    each = -(3 * targets * chances.log() + (1 - targets) * (1 - chances).log())
    assert known == 3
    assert total.item() == pytest.approx(each.nansum().item(), rel=1e-5)
    total.backward()
    assert logits.grad[0, 1] == 0
