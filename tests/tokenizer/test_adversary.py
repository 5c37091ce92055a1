"""The network that tells films from reconstructions, and what each side learns of it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hilum.tokenizer.adversary import MOST, PatchGAN, adaptive_weight


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


def test_its_losses_are_the_hinge_s_of_what_it_says() -> None:
    adversary = PatchGAN(8)
    with torch.no_grad():
        adversary.layers[-1].weight.mul_(20)  # so that some verdicts lie beyond 1 and some do not
        films, drawn = pictures(4), pictures(5)
        real, false = adversary(films), adversary(drawn)
        assert 0 < float((real > 1).float().mean()) < 1
        assert 0 < float((false < -1).float().mean()) < 1
        wanted = ((1 - real).clamp(min=0).mean() + (1 + false).clamp(min=0).mean()) / 2
        torch.testing.assert_close(adversary.hinge(drawn, films), wanted)
        torch.testing.assert_close(adversary.fooled(drawn), -false.mean())


def test_three_halvings_and_a_verdict() -> None:
    layers = [m for m in PatchGAN().layers if isinstance(m, nn.Conv2d)]
    assert [(m.in_channels, m.out_channels, m.kernel_size[0], m.stride[0]) for m in layers] == [
        (1, 32, 4, 2),
        (32, 64, 4, 2),
        (64, 128, 4, 2),
        (128, 1, 3, 1),
    ]
    assert {m.num_groups for m in PatchGAN().layers if isinstance(m, nn.GroupNorm)} == {8}
    assert {m.negative_slope for m in PatchGAN().layers if isinstance(m, nn.LeakyReLU)} == {0.2}


def test_it_reads_pixels_around_zero() -> None:
    read = []
    adversary = PatchGAN(8)
    adversary.layers[0].register_forward_pre_hook(lambda _, given: read.append(given[0]))
    adversary(torch.tensor([0.0, 0.5, 1.0])[:, None, None].expand(3, 32, 32))
    assert read[0].shape == (3, 1, 32, 32)
    assert read[0][:, 0, 0, 0].tolist() == [-1.0, 0.0, 1.0]


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


def test_the_adaptive_weight_is_bounded_where_the_adversary_does_not_pull() -> None:
    last = nn.Parameter(torch.ones(2, 2))
    assert float(adaptive_weight((1e3 * last).sum(), (0 * last).sum(), last)) == MOST == 1e4
    assert float(adaptive_weight(0.25 * last.sum(), (0 * last).sum(), last)) == pytest.approx(5000)
    assert float(adaptive_weight(0 * last.sum(), last.sum(), last)) == 0
