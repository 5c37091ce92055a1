"""Muon in batches against Muon one by one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from hilum.training import optimizer
from hilum.training.optimizer import BatchedMuon

SHAPES = ((24, 24), (24, 40), (40, 24), (24, 24), (8, 40), (40, 24))


def matrices() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator, requires_grad=True) for shape in SHAPES]


@pytest.mark.parametrize("together", [1, 2 * 24 * 24, 2**24])
def test_matrices_move_together_as_they_move_alone(together: int, monkeypatch) -> None:
    monkeypatch.setattr(optimizer, "TOGETHER", together)
    mine, theirs = matrices(), matrices()
    ours = BatchedMuon(mine, lr=0.02, weight_decay=0.1)
    peer = torch.optim.Muon(theirs, lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for step in range(4):
        for own, other in zip(mine, theirs, strict=True):
            own.grad = torch.sin(own.detach() * (step + 1))
            other.grad = torch.sin(other.detach() * (step + 1))
        ours.step()
        peer.step()
    for own, other, start in zip(mine, theirs, matrices(), strict=True):
        moved = (own - start).detach(), (other - start).detach()
        # bfloat16 has three digits: the moves agree to them.
        torch.testing.assert_close(*moved, rtol=0, atol=0.02 * float(moved[1].abs().max()))


def test_a_matrix_without_gradient_stays() -> None:
    first, second = matrices()[:2]
    first.grad, before = torch.ones_like(first), second.detach().clone()
    BatchedMuon([first, second], lr=0.1).step()
    assert torch.equal(second, before)
    assert not torch.equal(first, matrices()[0])
