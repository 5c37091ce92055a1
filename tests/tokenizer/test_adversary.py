"""The network that tells films from reconstructions, and what each side learns of it."""

from __future__ import annotations

import torch
from torch import nn

from hilum.tokenizer.adversary import PatchGAN, adaptive_weight


def pictures(count: int = 4) -> torch.Tensor:
    return torch.rand(count, 32, 32, generator=torch.Generator().manual_seed(count))


def test_each_side_s_loss_moves_that_side_alone() -> None:
    adversary, drawn = PatchGAN(8), pictures().requires_grad_()
    adversary.fooled(drawn).backward()
    assert drawn.grad.abs().sum() > 0
    assert all(p.grad is None for p in adversary.parameters())
    drawn.grad = None
    adversary.hinge(drawn, pictures(4)).backward()
    assert drawn.grad is None
    assert all(p.grad is not None for p in adversary.parameters())


def test_a_picture_is_judged_by_itself() -> None:
    adversary = PatchGAN(8).eval()
    together = adversary(pictures())
    assert together.shape == (4, 4, 4)
    torch.testing.assert_close(adversary(pictures()[1:2]), together[1:2], rtol=1e-4, atol=1e-5)


def test_it_learns_to_tell_smooth_pictures_from_films() -> None:
    torch.manual_seed(0)
    adversary = PatchGAN(8)
    optimiser = torch.optim.Adam(adversary.parameters(), 1e-3)
    films = pictures(16)
    smooth = films.mean((1, 2), keepdim=True).expand_as(films)
    for _ in range(40):
        optimiser.zero_grad()
        loss = adversary.hinge(smooth, films)
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.5
    assert adversary.fooled(smooth).item() > adversary.fooled(films).item()


def test_the_adaptive_weight_evens_out_the_pulls_on_the_last_layer() -> None:
    torch.manual_seed(0)
    last = nn.Parameter(torch.randn(3, 3))
    out = (last @ torch.randn(3, 5)).tanh()
    wanted, adversarial = 7 * out.square().mean(), 0.02 * out.sum()
    weight = adaptive_weight(wanted, adversarial, last)
    pulls = [torch.autograd.grad(x, last, retain_graph=True)[0] for x in (wanted, weight * adversarial)]
    torch.testing.assert_close(pulls[1].norm(), pulls[0].norm(), rtol=1e-2, atol=0)
    assert not weight.requires_grad
