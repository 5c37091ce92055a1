"""VQ-GAN's encoder and decoder: shapes, where they attend, and that every weight learns."""

from __future__ import annotations

import pytest
import torch

from hilum.errors import UsageError
from hilum.tokenizer.vqgan import VqganSizes, make_decoder, make_encoder

SMALL = VqganSizes(colours=1, base=32, multipliers=(1, 2, 1), blocks=1, attention=(1,), latent=8)


@pytest.mark.parametrize(
    "sizes",
    [SMALL, VqganSizes(base=32, multipliers=(2,), blocks=2, attention=(), latent=4)],
)
def test_shapes_follow_from_the_sizes(sizes) -> None:
    side = 4 * sizes.factor
    with torch.inference_mode():
        z = make_encoder(sizes, 6)(torch.zeros(2, sizes.colours, side, side))
        assert z.shape == (2, 6, 4, 4)
        assert make_decoder(sizes, 6)(z).shape == (2, sizes.colours, side, side)


def test_the_defaults_are_taming_s_f16() -> None:
    assert VqganSizes().factor == 16
    with torch.device("meta"):
        parts = make_encoder(VqganSizes(), 256), make_decoder(VqganSizes(), 256)
    assert sum(p.numel() for part in parts for p in part.parameters()) == 71_879_555  # counted in taming's


def test_the_named_scales_attend_and_no_other() -> None:
    down, up = make_encoder(SMALL, 4).body.down, make_decoder(SMALL, 4).body.up
    assert [len(level.attn) for level in down] == [0, 1, 0]
    assert [len(level.attn) for level in up] == [0, 2, 0]  # the coarsest first, one block more


def test_every_weight_learns() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder, decoder = make_encoder(SMALL, 4), make_decoder(SMALL, 4)
        pixels = torch.rand(2, 1, 16, 16) * 2 - 1
    (decoder(encoder(pixels)) - pixels).square().mean().backward()
    named = [*encoder.named_parameters(), *decoder.named_parameters()]
    # A key's bias adds the same to all scores of a query, which softmax takes away.
    dead = {name for name, p in named if p.grad is None or p.grad.abs().sum() < 1e-12}
    assert {name.rsplit(".", 2)[-2] for name in dead} <= {"k"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"base": 48},
        {"multipliers": ()},
        {"multipliers": (0, 1)},
        {"attention": (3,)},
        {"blocks": 0},
        {"colours": 2},
    ],
)
def test_sizes_that_cannot_be_are_refused(wrong) -> None:
    with pytest.raises(UsageError):
        VqganSizes(**{"multipliers": (1, 2, 1), "attention": (1,), **wrong})
