"""The image tokenizer: a square radiograph to a grid of codes and back.

tokenizer = ImageTokenizer(TokenizerConfig(image_size=128, grid=8))
codes = tokenizer.encode(pixels_BHW)         # (B, 64)
picture_BHW = tokenizer.decode(codes)

Pixels are folded into channels first, so that no convolution of the encoder runs at full resolution: that is
what makes it trainable on two CPU cores.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from hilum.errors import DataError, UsageError
from hilum.files import atomic_folder, write_json
from hilum.tokenizer.quantizers import FSQ, IBQ, LFQ, VQ, Quantized, Quantizer
from hilum.tokenizer.vqgan import VqganSizes, make_decoder, make_encoder

GROUPS = 8
"""Groups of every group norm; the width is a multiple of it."""
_KIND, _FIRST_KIND = "hilum-image-tokenizer", "hilum-fsq"
"""What `config.json` calls one, and called one while FSQ was the only quantiser."""


@dataclass(frozen=True)
class TokenizerConfig:
    """Sizes of a tokenizer.

    Args:
        image_size: side of the square image in pixels.
        grid: side of the square of codes; image_size / grid is a power of two.
        levels: FSQ's levels; their product is the number of codes.
        width: channels at the folded image's scale; doubled at each coarser one, up to four times, and halved
            at each finer one.
        blocks: residual blocks per scale.
        fold: side of the pixel squares folded into channels on the way in.
        paint: side of the pixel squares that the decoder's last layer paints, a power of two up to `fold`:
            the smaller, the smoother and the slower; 0 is `fold`.
        quantizer: `fsq`, or `vq` (a codebook by moving averages), `ibq` or `lfq`; see
            `hilum.tokenizer.quantizers`.
        n_codes, code_width: of a codebook; FSQ has its levels instead, and LFQ's width follows from n_codes.
        vqgan: sizes of VQ-GAN's encoder and decoder, where these are to stand in place of Hilum's own; then
            width, blocks, fold and paint say nothing.
    """

    image_size: int = 128
    grid: int = 8
    levels: tuple[int, ...] = (8, 5, 5, 5)
    width: int = 64
    blocks: int = 2
    fold: int = 8
    paint: int = 0
    quantizer: Literal["fsq", "vq", "ibq", "lfq"] = "fsq"
    n_codes: int = 1024
    code_width: int = 16
    vqgan: VqganSizes | None = None

    def __post_init__(self) -> None:
        if self.vqgan is None:
            self._check_own()
        elif self.image_size != self.grid * self.vqgan.factor:
            problem = f"image_size {self.image_size} / grid {self.grid} is not {self.vqgan.factor}"
            raise UsageError("grid", problem, "which is by how much its VQ-GAN shrinks the picture")
        if self.quantizer not in _QUANTIZERS:
            raise UsageError("quantizer", f"is {self.quantizer!r}", f"choose from {', '.join(_QUANTIZERS)}")
        if min(self.n_codes, self.code_width) < 1:
            raise UsageError("n_codes", "or code_width is below 1", "give both a size")

    def _check_own(self) -> None:
        ratio = self.image_size / self.grid / self.fold
        if ratio < 1 or not math.log2(ratio).is_integer():
            raise UsageError(
                "grid",
                f"image_size {self.image_size} / grid {self.grid} / fold {self.fold} is not a power of two",
                "choose sizes that halve evenly",
            )
        if self.width < GROUPS or self.width % GROUPS:
            raise UsageError("width", f"is {self.width}", f"give a multiple of {GROUPS}")
        if self.paint and (self.paint > self.fold or not math.log2(self.fold / self.paint).is_integer()):
            raise UsageError("paint", f"is {self.paint}", f"halve fold, which is {self.fold}, evenly")

    @property
    def colours(self) -> int:
        """Channels of what the encoder reads and the decoder paints."""
        return 1 if self.vqgan is None else self.vqgan.colours

    @property
    def code_count(self) -> int:
        """How many different codes there are."""
        return math.prod(self.levels) if self.quantizer == "fsq" else self.n_codes

    @property
    def scales(self) -> int:
        """How often the folded image is halved."""
        return int(math.log2(self.image_size / self.grid / self.fold))

    @property
    def finer(self) -> int:
        """How often the decoder doubles the folded image before it paints."""
        return int(math.log2(self.fold / (self.paint or self.fold)))

    def channels(self, scale: int) -> int:
        """Channels at a scale: 0 is the folded image's, negative ones are finer."""
        if scale < 0:
            return max(2 * GROUPS, (self.width >> -scale) // GROUPS * GROUPS)
        return self.width * min(4, 1 << scale)


_QUANTIZERS: dict[str, Callable[[TokenizerConfig], Any]] = {
    "fsq": lambda config: FSQ(config.levels),
    "vq": lambda config: VQ(config.n_codes, config.code_width),
    "ibq": lambda config: IBQ(config.n_codes, config.code_width),
    "lfq": lambda config: LFQ(config.n_codes),
}


def _config(card: Mapping[str, Any]) -> TokenizerConfig:
    """What `asdict` made of a configuration, and JSON of that."""
    sizes = card.get("vqgan")
    if sizes is not None:
        tuples = {name: tuple(sizes[name]) for name in ("multipliers", "attention")}
        sizes = VqganSizes(**{**sizes, **tuples})
    return TokenizerConfig(**{**card, "levels": tuple(card["levels"]), "vqgan": sizes})


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


def _encoder(config: TokenizerConfig, width: int) -> nn.Sequential:
    """(B, 1, H, W) in [-1, 1] → (B, width, grid, grid)."""
    layers: list[nn.Module] = [
        nn.PixelUnshuffle(config.fold),
        nn.Conv2d(config.fold**2, config.channels(0), 3, padding=1),
    ]
    for scale in range(config.scales + 1):
        channels = config.channels(scale)
        layers += [Residual(channels) for _ in range(config.blocks)]
        if scale < config.scales:
            layers.append(nn.Conv2d(channels, config.channels(scale + 1), 4, stride=2, padding=1))
    top = config.channels(config.scales)
    return nn.Sequential(*layers, nn.GroupNorm(GROUPS, top), nn.SiLU(), nn.Conv2d(top, width, 1))


def _decoder(config: TokenizerConfig, width: int) -> nn.Sequential:
    """(B, width, grid, grid) → (B, 1, H, W)."""
    layers: list[nn.Module] = [nn.Conv2d(width, config.channels(config.scales), 3, padding=1)]
    for scale in range(config.scales, -config.finer - 1, -1):
        channels = config.channels(scale)
        layers += [Residual(channels) for _ in range(config.blocks if scale >= 0 else 1)]
        if scale > -config.finer:
            layers += [nn.Conv2d(channels, config.channels(scale - 1) * 4, 3, padding=1), nn.PixelShuffle(2)]
    finest, square = config.channels(-config.finer), config.fold >> config.finer
    return nn.Sequential(
        *layers,
        nn.GroupNorm(GROUPS, finest),
        nn.SiLU(),
        nn.Conv2d(finest, square**2, 3, padding=1),
        nn.PixelShuffle(square),
    )


class ImageTokenizer(nn.Module):
    """Encoder, quantiser and decoder; see the module."""

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.config = config
        self.quantizer: Quantizer = _QUANTIZERS[config.quantizer](config)
        sizes, width = config.vqgan, self.quantizer.width
        self.encoder = _encoder(config, width) if sizes is None else make_encoder(sizes, width)
        self.decoder = _decoder(config, width) if sizes is None else make_decoder(sizes, width)
        # Channels last is faster, and on a CPU its group norms are less precise: over VQ-GAN's many
        # layers the error grows to 1e-5, four times that of the other order.
        self._order = torch.channels_last if sizes is None else torch.contiguous_format
        self.to(memory_format=self._order)  # type: ignore[call-overload]

    @property
    def n_codes(self) -> int:
        """How many different codes there are."""
        return self.quantizer.n_codes

    @property
    def codes_per_image(self) -> int:
        """How many codes one image takes."""
        return self.config.grid**2

    @property
    def last_layer(self) -> nn.Parameter:
        """The weight of the layer that paints, (channels out, channels in, 3, 3)."""
        weight: Any = [layer for layer in self.decoder.modules() if isinstance(layer, nn.Conv2d)][-1].weight
        return cast(nn.Parameter, weight)

    def forward(self, pixels_BHW: Tensor) -> tuple[Tensor, Quantized]:
        """The reconstruction (B, H, W), not clipped, and what it was painted from."""
        found = self.quantize(pixels_BHW)
        return self.paint(found.vectors), found

    def quantize(self, pixels_BHW: Tensor) -> Quantized:
        """Vectors (B, grid, grid, width) and codes (B, grid, grid) of pixels in [0, 1]."""
        z: Tensor = self.encoder(self._folded(pixels_BHW)).movedim(1, -1)
        # In bfloat16 a near tie falls the other way than it does when the same image is encoded later.
        with torch.autocast(z.device.type, enabled=False):
            return self.quantizer(z.float())

    def paint(self, vectors_BGGD: Tensor) -> Tensor:
        """The picture (B, H, W), not clipped, of quantised vectors."""
        x = vectors_BGGD.movedim(-1, 1).contiguous(memory_format=self._order)
        out: Tensor = self.decoder(x)
        return (out.mean(1) + 1) / 2

    def _folded(self, pixels_BHW: Tensor) -> Tensor:
        """Pixels as the encoder wants them: (B, colours, H, W) in [-1, 1]."""
        size = self.config.image_size
        if pixels_BHW.shape[-2:] != (size, size):
            raise UsageError(
                "pixels", f"are {tuple(pixels_BHW.shape[-2:])}", f"fit them to {size}×{size} first"
            )
        grey = (pixels_BHW[:, None] * 2 - 1).expand(-1, self.config.colours, -1, -1)
        return grey.contiguous(memory_format=self._order)

    def encode(self, pixels_BHW: Tensor) -> Tensor:
        """Codes (B, grid²), int64, in raster order, of pixels in [0, 1]."""
        with torch.inference_mode():
            return self.quantize(pixels_BHW.to(self._device)).codes.flatten(1)

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
            return self.paint(self.quantizer.vectors(grid)).clamp(0, 1)

    @property
    def code_vectors(self) -> Tensor:
        """The vectors of all codes in order, (K, D), in main memory."""
        return self.quantizer.vectors(torch.arange(self.config.code_count, device=self._device)).cpu()

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
            write_json(tmp / "config.json", {"kind": _KIND, **asdict(self.config)})

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
            if kind not in (_KIND, _FIRST_KIND):
                raise DataError(folder, f"holds a {kind!r} tokenizer", "name a folder hilum wrote")
            tokenizer = cls(_config(card))
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
