"""A small VQ-GAN encoder written out under taming's names, with random weights."""

from __future__ import annotations

import torch
from torch import nn

BASE, WIDTHS, CODES, SIDE = 32, (1, 1, 2), 16, 32


def conv(into: int, out: int, kernel: int = 3) -> nn.Conv2d:
    return nn.Conv2d(into, out, kernel, padding=kernel // 2)


def block(into: int, out: int) -> nn.ModuleDict:
    parts = {
        "norm1": nn.GroupNorm(32, into),
        "conv1": conv(into, out),
        "norm2": nn.GroupNorm(32, out),
        "conv2": conv(out, out),
    }
    return nn.ModuleDict(parts | ({"nin_shortcut": conv(into, out, 1)} if into != out else {}))


def attention(width: int) -> nn.ModuleDict:
    return nn.ModuleDict(
        {
            "norm": nn.GroupNorm(32, width),
            **{name: conv(width, width, 1) for name in ("q", "k", "v", "proj_out")},
        }
    )


class Taming(nn.Module):
    """The encoder of taming's VQModel, by its paper: two blocks a level, attention at the lowest."""

    def __init__(self) -> None:
        super().__init__()
        widths = [BASE * factor for factor in WIDTHS]
        top = widths[-1]
        down, into = nn.ModuleList(), BASE
        for level, width in enumerate(widths):
            last = level == len(widths) - 1
            blocks = nn.ModuleList([block(into, width), block(width, width)])
            parts: dict[str, nn.Module] = {"block": blocks}
            if last:
                parts["attn"] = nn.ModuleList([attention(width), attention(width)])
            else:
                parts["downsample"] = nn.ModuleDict({"conv": nn.Conv2d(width, width, 3, stride=2)})
            down.append(nn.ModuleDict(parts))
            into = width
        middle = nn.ModuleDict(
            {"block_1": block(top, top), "attn_1": attention(top), "block_2": block(top, top)}
        )
        ends = {"norm_out": nn.GroupNorm(32, top), "conv_out": conv(top, 8)}
        self.encoder = nn.ModuleDict({"conv_in": conv(3, BASE), "down": down, "mid": middle, **ends})
        self.quant_conv = conv(8, 4, 1)
        self.post_quant_conv = conv(4, 8, 1)
        self.quantize = nn.ModuleDict({"embedding": nn.Embedding(CODES, 4)})
        self.decoder = nn.ModuleDict({"conv_in": conv(8, top)})
        self.loss = nn.ModuleDict({"logvar": nn.Linear(1, 1)})
        for module in self.modules():
            if isinstance(module, nn.GroupNorm):
                module.eps = 1e-6

    def residual(self, parts: nn.ModuleDict, x: torch.Tensor) -> torch.Tensor:
        h = parts["conv1"](nn.functional.silu(parts["norm1"](x)))
        h = parts["conv2"](nn.functional.silu(parts["norm2"](h)))
        return h + (parts["nin_shortcut"](x) if "nin_shortcut" in parts else x)

    def attend(self, parts: nn.ModuleDict, x: torch.Tensor) -> torch.Tensor:
        n = parts["norm"](x)
        q, k, v = (parts[name](n).flatten(2).transpose(1, 2) for name in "qkv")
        mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        return x + parts["proj_out"](mixed.transpose(1, 2).reshape(x.shape))

    def codes(self, x: torch.Tensor) -> torch.Tensor:
        encoder = self.encoder
        h = encoder["conv_in"](x)
        for level in encoder["down"]:
            for i, parts in enumerate(level["block"]):
                h = self.residual(parts, h)
                if "attn" in level:
                    h = self.attend(level["attn"][i], h)
            if "downsample" in level:
                h = level["downsample"]["conv"](nn.functional.pad(h, (0, 1, 0, 1)))
        middle = encoder["mid"]
        h = self.residual(
            middle["block_2"], self.attend(middle["attn_1"], self.residual(middle["block_1"], h))
        )
        h = self.quant_conv(encoder["conv_out"](nn.functional.silu(encoder["norm_out"](h))))
        flat = h.permute(0, 2, 3, 1).reshape(-1, h.shape[1])
        return torch.cdist(flat, self.quantize["embedding"].weight).argmin(1).reshape(len(x), -1)
