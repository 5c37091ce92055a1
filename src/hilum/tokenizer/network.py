"""The image tokenizer: a square radiograph to a grid of codes and back.

tokenizer = ImageTokenizer(TokenizerConfig(image_size=128, grid=8))
codes = tokenizer.encode(pixels_BHW)         # (B, 64)
picture_BHW = tokenizer.decode(codes)

Pixels are folded into channels first, so that no convolution runs at full resolution: that is what
makes it trainable on two CPU cores.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from hilum.errors import DataError, UsageError
from hilum.files import atomic_folder, write_json
from hilum.tokenizer.fsq import FSQ

GROUPS = 8
"""Groups of every group norm; the width is a multiple of it."""


@dataclass(frozen=True)
class TokenizerConfig:
    """Sizes of a tokenizer.

    Args:
        image_size: side of the square image in pixels.
        grid: side of the square of codes; image_size / grid is a power of two.
        levels: FSQ's levels; their product is the number of codes.
        width: channels at the finest scale inside; doubled at each coarser one, up to four times.
        blocks: residual blocks per scale.
        fold: side of the pixel squares folded into channels on the way in.
    """

    image_size: int = 128
    grid: int = 8
    levels: tuple[int, ...] = (8, 5, 5, 5)
    width: int = 64
    blocks: int = 2
    fold: int = 8

    def __post_init__(self) -> None:
        ratio = self.image_size / self.grid / self.fold
        if ratio < 1 or not math.log2(ratio).is_integer():
            raise UsageError(
                "grid",
                f"image_size {self.image_size} / grid {self.grid} / fold {self.fold} is not a power of two",
                "choose sizes that halve evenly",
            )
        if self.width < GROUPS or self.width % GROUPS:
            raise UsageError("width", f"is {self.width}", f"give a multiple of {GROUPS}")

    @property
    def scales(self) -> int:
        """How often the folded image is halved."""
        return int(math.log2(self.image_size / self.grid / self.fold))

    def channels(self, scale: int) -> int:
        """Channels at a scale, 0 the finest."""
        return self.width * min(4, 1 << scale)


class Residual(nn.Module):
    """Two 3×3 convolutions beside a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, channels)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out."""
        y: Tensor = self.second(F.silu(self.first(F.silu(self.norm(x)))))
        return x + y


class ImageTokenizer(nn.Module):
    """Encoder, quantiser and decoder; see the module."""

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.config = config
        self.quantizer = FSQ(config.levels)
        down: list[nn.Module] = [
            nn.PixelUnshuffle(config.fold),
            nn.Conv2d(config.fold**2, config.channels(0), 3, padding=1),
        ]
        up: list[nn.Module] = []
        for scale in range(config.scales + 1):
            channels = config.channels(scale)
            down += [Residual(channels) for _ in range(config.blocks)]
            if scale < config.scales:
                down.append(nn.Conv2d(channels, config.channels(scale + 1), 4, stride=2, padding=1))
        for scale in reversed(range(config.scales + 1)):
            channels = config.channels(scale)
            up += [Residual(channels) for _ in range(config.blocks)]
            if scale:
                up += [nn.Conv2d(channels, config.channels(scale - 1) * 4, 3, padding=1), nn.PixelShuffle(2)]
        top = config.channels(config.scales)
        self.encoder = nn.Sequential(
            *down, nn.GroupNorm(GROUPS, top), nn.SiLU(), nn.Conv2d(top, len(config.levels), 1)
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(len(config.levels), top, 3, padding=1),
            *up,
            nn.GroupNorm(GROUPS, config.channels(0)),
            nn.SiLU(),
            nn.Conv2d(config.channels(0), config.fold**2, 3, padding=1),
            nn.PixelShuffle(config.fold),
        )
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def n_codes(self) -> int:
        """How many different codes there are."""
        return self.quantizer.n_codes

    @property
    def codes_per_image(self) -> int:
        """How many codes one image takes."""
        return self.config.grid**2

    def forward(self, pixels_BHW: Tensor) -> tuple[Tensor, Tensor]:
        """The reconstruction (B, H, W), not clipped, and the codes (B, grid²)."""
        vectors, codes = self._quantize(pixels_BHW)
        return self._paint(vectors), codes.flatten(1)

    def _folded(self, pixels_BHW: Tensor) -> Tensor:
        """Pixels as the encoder wants them: (B, 1, H, W) in [-1, 1]."""
        size = self.config.image_size
        if pixels_BHW.shape[-2:] != (size, size):
            raise UsageError(
                "pixels", f"are {tuple(pixels_BHW.shape[-2:])}", f"fit them to {size}×{size} first"
            )
        return (pixels_BHW[:, None] * 2 - 1).contiguous(memory_format=torch.channels_last)

    def _quantize(self, pixels_BHW: Tensor) -> tuple[Tensor, Tensor]:
        z: Tensor = self.encoder(self._folded(pixels_BHW))
        vectors, codes = self.quantizer(z.movedim(1, -1))
        return vectors, codes

    def _paint(self, vectors_BGGD: Tensor) -> Tensor:
        x = vectors_BGGD.movedim(-1, 1).contiguous(memory_format=torch.channels_last)
        out: Tensor = self.decoder(x)
        return (out[:, 0] + 1) / 2

    def encode(self, pixels_BHW: Tensor) -> Tensor:
        """Codes (B, grid²), int64, in raster order, of pixels in [0, 1]."""
        with torch.inference_mode():
            return self._quantize(pixels_BHW.to(self._device))[1].flatten(1)

    def pooled(self, pixels_BHW: Tensor) -> Tensor:
        """The encoder's last hidden layer averaged over its places, (B, channels), of pixels in [0, 1]."""
        with torch.inference_mode():
            hidden: Tensor = self.encoder[:-1](self._folded(pixels_BHW.to(self._device)))
            return hidden.mean((2, 3))

    def decode(self, codes_BN: Tensor) -> Tensor:
        """Pixels (B, H, W) in [0, 1] of codes (B, grid²)."""
        if codes_BN.shape[-1] != self.codes_per_image:
            raise UsageError("codes", f"are {codes_BN.shape[-1]} per image", f"give {self.codes_per_image}")
        with torch.inference_mode():
            side = self.config.grid
            grid = codes_BN.to(self._device).reshape(-1, side, side)
            return self._paint(self.quantizer.vectors(grid)).clamp(0, 1)

    @property
    def _device(self) -> torch.device:
        return next(self.parameters()).device

    def save_pretrained(self, folder: str | Path) -> None:
        """Write config.json and model.safetensors in one step; a folder that Hilum wrote is replaced.

        Raises:
            UsageError: the folder holds something that Hilum did not write.
        """
        with atomic_folder(folder) as tmp:
            save_file({k: v.contiguous() for k, v in self.state_dict().items()}, tmp / "model.safetensors")
            write_json(tmp / "config.json", {"kind": "hilum-fsq", **asdict(self.config)})

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> ImageTokenizer:
        """Read what `save_pretrained` wrote.

        Raises:
            DataError: a file is missing or damaged.
        """
        folder = Path(folder)
        try:
            card = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            kind = card.pop("kind")
            if kind != "hilum-fsq":
                raise DataError(folder, f"holds a {kind!r} tokenizer", "name a folder hilum wrote")
            tokenizer = cls(TokenizerConfig(**{**card, "levels": tuple(card["levels"])}))
            tokenizer.load_state_dict(load_file(folder / "model.safetensors"))
        except DataError:
            raise
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            RuntimeError,
            ArithmeticError,
            SafetensorError,
            UsageError,
        ) as error:
            problem = f"holds no whole image tokenizer ({type(error).__name__})"
            raise DataError(folder, problem, "train it again") from error
        return tokenizer.eval()
