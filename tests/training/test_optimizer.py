"""Muon in batches against Muon one by one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from hilum.errors import UsageError
from hilum.training import FitConfig, optimizer
from hilum.training.optimizer import BatchedMuon, only_training, select
from hilum.training.optimizer import optimizer as made_for
from training.helpers import Line

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


def test_a_pattern_matches_whole_names_and_the_order_is_the_module_s() -> None:
    line = Line()
    assert select(line, ("last.*", r"first\.bias")) == ["first.bias", "last.weight", "last.bias"]
    line.first.requires_grad_(False)
    assert select(line, (".*",)) == ["last.weight", "last.bias"]
    with pytest.raises(
        UsageError, match=r"'first\.\*' matches none of 2 parameters; names look like 'last\.weight'"
    ):
        select(line, (".*", "first.*"))
    with pytest.raises(UsageError, match="'last' matches none of 2"):
        select(line, ("last",))
    with pytest.raises(UsageError, match="trainable: is empty; give at least one pattern"):
        select(line, ())
    with pytest.raises(UsageError, match="none of 0 parameters; the module has no parameters to train"):
        select(nn.ReLU(), (".*",))


@pytest.mark.parametrize("training", [True, False])
def test_a_module_is_left_as_it_was_but_for_its_weights(training) -> None:
    line = Line().train(training)
    line.last.bias.requires_grad_(False)
    with pytest.raises(KeyError), only_training(line, ["first.weight"]):
        assert line.training
        assert [n for n, p in line.named_parameters() if p.requires_grad] == ["first.weight"]
        line(torch.ones(2, 4)).sum().backward()
        raise KeyError
    assert line.training is training
    assert [n for n, p in line.named_parameters() if not p.requires_grad] == ["last.bias"]
    assert all(p.grad is None for p in line.parameters())


def test_each_weight_is_moved_once_by_the_settings_of_the_stage() -> None:
    line = Line()
    config = FitConfig(steps=1, lr=0.02, weight_decay=0.3, betas=(0.8, 0.7), muon=(r"first\..*",))
    both = made_for(dict(line.named_parameters()), config)
    held = [
        ({id(p) for p in g["params"]}, g["lr"], g["weight_decay"], g.get("betas")) for g in both.param_groups
    ]
    assert held == [
        ({id(line.last.weight)}, 0.02, 0.3, (0.8, 0.7)),
        ({id(line.first.bias), id(line.last.bias)}, 0.02, 0.0, (0.8, 0.7)),
        ({id(line.first.weight)}, 0.02, 0.3, None),
    ]
    assert both.counts() == set()
    line(torch.ones(2, 4)).sum().backward()
    both.step()
    assert both.counts() == {1}
    assert set(both.state_of(line.last.bias)) == {"step", "exp_avg", "exp_avg_sq"}
    assert set(both.state_of(line.first.weight)) == {"momentum_buffer"}
    both.zero_grad()
    assert all(p.grad is None for p in line.parameters())
    matrices_alone = made_for({"first.weight": line.first.weight}, config)
    assert [len(group["params"]) for group in matrices_alone.param_groups] == [1]
