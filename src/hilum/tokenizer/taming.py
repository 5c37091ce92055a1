"""The encoder half of a VQ-GAN in taming-transformers' layout: an RGB picture as indices of its codebook.

encoder = TamingEncoder.load(Path("vqgan_mimic-cxr-256-txvloss.ckpt"))
codes = encoder.encode(pixels_B3HW)          # (B, 256) for 256 × 256, raster order

The network is `transformers`' own (Chameleon's is this encoder); its sizes are read off the weights. A
pickled checkpoint is read with `weights_only=True`: tensors alone, no code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from hilum.errors import DataError

SIDE = 256
"""Pixels of a side, at which the published LLM-CXR tokenizer reads."""

_READ = ("encoder.", "quant_conv.", "quantize.embedding.")
_REMEDY = "give a VQModel of taming-transformers, its state_dict alone"


class TamingEncoder(nn.Module):
    """Encoder, projection and codebook.

    Args:
        state: taming's names → tensors; what decodes or trains is left out.
        side: pixels of the pictures it reads.

    Raises:
        DataError: weights are missing, or of another layout.
    """

    def __init__(self, state: Mapping[str, Tensor], *, side: int = SIDE, name: str = "VQ-GAN") -> None:
        super().__init__()
        from transformers import ChameleonVQVAE

        self.side = side
        try:
            config = _config(state, side)
            made: Any = ChameleonVQVAE  # untyped
            self.network = made(config)
            self.network.post_quant_conv = nn.Identity()  # decodes alone
            own = {key: tensor.float() for key, tensor in state.items() if key.startswith(_READ)}
            missing, unexpected = self.network.load_state_dict(own, strict=False)
        except (KeyError, RuntimeError, ValueError, IndexError) as error:
            problem = f"is not in taming's layout ({type(error).__name__}: {error})"
            raise DataError(name, " ".join(problem.split())[:300], _REMEDY) from error
        if missing or unexpected:
            wrong = f"lacks {missing[0]}" if missing else f"holds {unexpected[0]}"
            raise DataError(name, f"{wrong}, and so is another network", _REMEDY)
        self.n_codes: int = config.num_embeddings
        self.codes_per_image = (side >> (len(config.channel_multiplier) - 1)) ** 2
        self.eval()

    @classmethod
    def load(cls, path: Path, *, side: int = SIDE) -> TamingEncoder:
        """Read a `.safetensors` file, or a checkpoint that holds tensors alone.

        Raises:
            DataError: the file is missing, damaged, holds pickled objects, or is of another layout.
        """
        try:
            if path.suffix == ".safetensors":
                state: Any = load_file(path)
            else:
                state = torch.load(path, map_location="cpu", weights_only=True)
                state = state.get("state_dict", state)
            held = {key: tensor for key, tensor in state.items() if isinstance(tensor, Tensor)}
        except Exception as error:  # a damaged file raises whatever its reader does
            problem = f"cannot be read as tensors alone ({type(error).__name__})"
            raise DataError(path, problem, "save its state_dict as safetensors") from error
        return cls(held, side=side, name=str(path))

    @torch.inference_mode()
    def encode(self, pixels_B3HW: Tensor) -> Tensor:
        """Indices of the nearest vectors, (B, codes per image), row by row.

        Args:
            pixels_B3HW: in [−1, 1].
        """
        device = self.network.quantize.embedding.weight.device
        hidden = self.network.quant_conv(self.network.encoder(pixels_B3HW.to(device)))
        _, _, indices = self.network.quantize(hidden)
        codes: Tensor = indices.reshape(len(pixels_B3HW), -1)
        return codes


def _config(state: Mapping[str, Tensor], side: int) -> Any:
    """The network's sizes, as its weights have them."""
    from transformers import ChameleonVQVAEConfig

    levels = 1 + _highest(state, r"encoder\.down\.(\d+)\.")
    blocks = 1 + _highest(state, r"encoder\.down\.0\.block\.(\d+)\.")
    base = state["encoder.conv_in.weight"]
    widths = [state[f"encoder.down.{level}.block.0.conv2.weight"].shape[0] for level in range(levels)]
    latents = state["quant_conv.weight"].shape[1]
    attending = [level for level in range(levels) if f"encoder.down.{level}.attn.0.q.weight" in state]
    n_codes, width = state["quantize.embedding.weight"].shape
    made: Any = ChameleonVQVAEConfig  # untyped
    return made(
        embed_dim=width,
        num_embeddings=n_codes,
        double_latent=state["encoder.conv_out.weight"].shape[0] == 2 * latents,
        latent_channels=latents,
        resolution=side,
        in_channels=base.shape[1],
        base_channels=base.shape[0],
        channel_multiplier=[channels // base.shape[0] for channels in widths],
        num_res_blocks=blocks,
        attn_resolutions=[side >> level for level in attending],
        attn_type="vanilla",
    )


def _highest(state: Mapping[str, Tensor], pattern: str) -> int:
    found = [int(match[1]) for match in map(re.compile(pattern).match, state) if match]
    if not found:
        raise KeyError(pattern.replace("\\", ""))
    return max(found)
