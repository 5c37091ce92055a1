"""The convolutional encoder and decoder of VQ-GAN, as taming-transformers' `VQModel` has them.

encoder, decoder = make_encoder(VqganSizes(), 256), make_decoder(VqganSizes(), 256)
z_BDGG = encoder(pixels_BCHW)                # pixels in [-1, 1]; 256 × 256 gives 16 × 16
restored_BCHW = decoder(vectors_BDGG)        # about [-1, 1], not clipped

Esser et al., "Taming Transformers for High-Resolution Image Synthesis", CVPR 2021. The layers are those of
`transformers`' Janus, whose image tokenizer is the same network; there only the coarsest scale attends.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn

from hilum.errors import UsageError

GROUPS = 32
"""Groups of every group norm, to which the channels of every scale are bound."""


@dataclass(frozen=True)
class VqganSizes:
    """Sizes of both networks; the defaults are taming's f16, with LLM-CXR's grid of 16 × 16 at 256 pixels.

    Args:
        colours: channels of a picture, 1 or 3 (`in_channels`, `out_ch`).
        base: channels before the first scale (`ch`).
        multipliers: channels of each scale as multiples of `base`, the finest first (`ch_mult`); from one
            scale to the next the picture is halved.
        blocks: residual blocks per scale of the encoder; the decoder has one more (`num_res_blocks`).
        attention: scales whose blocks attend, 0 the finest (taming counts in pixels, `attn_resolutions`).
        latent: channels of the coarsest scale's output (`z_channels`).
    """

    colours: int = 3
    base: int = 128
    multipliers: tuple[int, ...] = (1, 1, 2, 2, 4)
    blocks: int = 2
    attention: tuple[int, ...] = (4,)
    latent: int = 256

    def __post_init__(self) -> None:
        if not self.multipliers or min(self.multipliers) < 1 or self.base < 1 or self.base % GROUPS:
            problem = f"of base {self.base} and multipliers {self.multipliers} do not fit {GROUPS} groups"
            raise UsageError("channels", problem, f"give a base that is a multiple of {GROUPS}")
        if not set(self.attention) <= set(range(len(self.multipliers))):
            problem = f"{self.attention} names a scale that is not there"
            raise UsageError("attention", problem, f"name scales of 0 to {len(self.multipliers) - 1}")
        if self.colours not in (1, 3):
            raise UsageError("colours", f"are {self.colours}", "give 1 for grey or 3 for red, green, blue")
        if min(self.blocks, self.latent) < 1:
            raise UsageError("blocks", "or latent is below 1", "give one or more of each")

    @property
    def factor(self) -> int:
        """Pixels of a picture's side for each code of the grid's side."""
        return 1 << (len(self.multipliers) - 1)


def make_encoder(sizes: VqganSizes, width: int) -> nn.Sequential:
    """(B, colours, H, W) in [-1, 1] → (B, width, H / factor, W / factor); `embed_dim` is the width."""
    body = _layers().JanusVQVAEEncoder(_config(sizes))
    _attend(body.down, sizes)
    quant_conv = nn.Conv2d(sizes.latent, width, 1)
    return nn.Sequential(OrderedDict(body=body, quant_conv=quant_conv))


def make_decoder(sizes: VqganSizes, width: int) -> nn.Sequential:
    """(B, width, g, g) → (B, colours, g · factor, g · factor)."""
    body = _layers().JanusVQVAEDecoder(_config(sizes))
    _attend(reversed(body.up), sizes)
    post_quant_conv = nn.Conv2d(width, sizes.latent, 1)
    return nn.Sequential(OrderedDict(post_quant_conv=post_quant_conv, body=body))


def _layers() -> Any:
    """`transformers`' module, which is untyped and slow to import."""
    from transformers.models.janus import modeling_janus

    return modeling_janus


def _config(sizes: VqganSizes) -> Any:
    return _layers().JanusVQVAEConfig(
        in_channels=sizes.colours,
        out_channels=sizes.colours,
        base_channels=sizes.base,
        channel_multiplier=sizes.multipliers,
        num_res_blocks=sizes.blocks,
        latent_channels=sizes.latent,
    )


def _attend(finest_first: Iterable[Any], sizes: VqganSizes) -> None:
    """Put attention after each block of the scales that have it, and of no other."""
    attention = _layers().JanusVQVAEAttnBlock
    for scale, level in enumerate(finest_first):
        channels = sizes.base * sizes.multipliers[scale]
        blocks = level.block if scale in sizes.attention else ()
        level.attn = nn.ModuleList(attention(channels) for _ in blocks)
