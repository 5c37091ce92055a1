"""Import of a VQ-GAN that taming-transformers trained, LLM-CXR's among them, as an image tokenizer.

tokenizer = import_taming(Path("vqgan_mimic-cxr-256-txvloss.ckpt"), Path("llm-cxr-tokenizer"))
ImageTokenizer.from_pretrained("llm-cxr-tokenizer").encode(pixels_BHW)          # (B, 256) at 256 × 256

The network's sizes are read off its weights. A pickled checkpoint is read with `weights_only=True`: tensors
alone, no code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from hilum.errors import DataError, UsageError
from hilum.files import refuse_overlap
from hilum.tokenizer.network import ImageTokenizer, TokenizerConfig
from hilum.tokenizer.vqgan import VqganSizes

SIDE = 256
"""Pixels of a side, at which taming's published models and LLM-CXR's were trained."""

_CODEBOOK = "quantize.embedding.weight"
_AVERAGES = ("quantizer.counts", "quantizer.sums")
"""What Hilum's quantiser keeps beside its codebook, and taming's does not."""
_TRAINING = "loss."
"""What begins so is of the discriminator and the perceptual loss, which are for training alone."""
_REMEDY = "give a VQModel of taming-transformers, its state_dict alone"


class _Callback:
    """Read in place of the class whose name Lightning writes beside the tensors; nothing of that is run."""


_NAMED = (_Callback, "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint")


def import_taming(checkpoint: Path, folder: Path, *, side: int = SIDE) -> ImageTokenizer:
    """Write a checkpoint as a folder that `ImageTokenizer.from_pretrained` reads, and give what was read.

    Args:
        checkpoint: see `read_taming`.
        folder: replaced if Hilum wrote it.
        side: see `read_taming`.

    Raises:
        DataError, UsageError: see `read_taming`.
        UsageError: the folder holds something that Hilum did not write, or the checkpoint.
    """
    refuse_overlap(folder, [checkpoint])
    tokenizer = read_taming(checkpoint, side=side)
    tokenizer.save_pretrained(folder)
    return tokenizer


def read_taming(checkpoint: Path, *, side: int = SIDE) -> ImageTokenizer:
    """A checkpoint as an image tokenizer, ready to encode and decode.

    Args:
        checkpoint: a `.safetensors` file, or what `torch.save` made of a `state_dict` (also Lightning's, that
            holds it under that name); weights of `loss.*` are left out.
        side: pixels of the pictures it is to read.

    Raises:
        DataError: the file is missing, damaged or holds pickled objects; weights are missing, superfluous or
            of another shape.
        UsageError: `side` cannot be halved as often as the network halves it.
    """
    state = _tensors(checkpoint)
    try:
        sizes = _sizes(state)
        n_codes, code_width = state[_CODEBOOK].shape
    except KeyError as error:
        raise DataError(checkpoint, f"lacks {error.args[0]}", _REMEDY) from error
    except (IndexError, ValueError, ArithmeticError, UsageError) as error:
        problem = f"is not in taming's layout ({error})"
        raise DataError(checkpoint, " ".join(problem.split())[:300], _REMEDY) from error
    if side < 1 or side % sizes.factor:
        raise UsageError("side", f"is {side}", f"give a multiple of {sizes.factor}, the network's step")
    config = TokenizerConfig(
        image_size=side,
        grid=side // sizes.factor,
        quantizer="vq",
        n_codes=n_codes,
        code_width=code_width,
        vqgan=sizes,
    )
    with torch.device("meta"):  # no memory for sizes that the weights turn out not to have
        tokenizer = ImageTokenizer(config)
    wanted = tokenizer.state_dict()
    names = {name: _taming_s(name, sizes) for name in wanted if name not in _AVERAGES}
    _compare({names[name]: wanted[name].shape for name in names}, state, checkpoint)
    own = {name: state[names[name]] for name in names}
    # As if each code had been chosen once: training that goes on starts from this codebook.
    averages = (torch.ones(n_codes), own["quantizer.codebook"])
    tokenizer.to_empty(device="cpu").load_state_dict(own | dict(zip(_AVERAGES, averages, strict=True)))
    return tokenizer.eval()


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        with torch.serialization.safe_globals([_NAMED]):
            state = torch.load(path, map_location="cpu", weights_only=True)  # safetensors, too
        return {
            name: tensor.float()
            for name, tensor in state.get("state_dict", state).items()
            if isinstance(tensor, Tensor) and not name.startswith(_TRAINING)
        }
    except OSError as error:
        raise DataError(path, f"cannot be read ({type(error).__name__})", "name a checkpoint") from error
    except Exception as error:  # a damaged file raises whatever its reader does
        problem = f"cannot be read as tensors alone ({type(error).__name__})"
        raise DataError(path, problem, "save its state_dict as safetensors") from error


def _sizes(state: Mapping[str, Tensor]) -> VqganSizes:
    """The network's sizes, as its weights have them."""
    base, colours = state["encoder.conv_in.weight"].shape[:2]
    scales = range(_count(state, "encoder.down."))
    widths = [state[f"encoder.down.{scale}.block.0.conv2.weight"].shape[0] for scale in scales]
    latent = state["quant_conv.weight"].shape[1]
    if state["encoder.conv_out.weight"].shape[0] == 2 * latent:
        raise ValueError("it was made with double_z, as a KL autoencoder is, and no VQModel runs so")
    return VqganSizes(
        colours=colours,
        base=base,
        multipliers=tuple(width // base for width in widths),
        blocks=_count(state, "encoder.down.0.block."),
        attention=tuple(scale for scale in scales if f"encoder.down.{scale}.attn.0.q.weight" in state),
        latent=latent,
    )


def _count(state: Mapping[str, Tensor], prefix: str) -> int:
    """How many different numbers follow a prefix."""
    numbers = {name.removeprefix(prefix).split(".")[0] for name in state if name.startswith(prefix)}
    if not numbers:
        raise KeyError(f"{prefix}0")
    return len(numbers)


def _taming_s(name: str, sizes: VqganSizes) -> str:
    """What taming calls a weight of `ImageTokenizer`; its decoder counts the scales from the finest."""
    if name == "quantizer.codebook":
        return _CODEBOOK
    part, inner, rest = name.split(".", 2)
    if inner != "body":
        return f"{inner}.{rest}"
    coarsest = len(sizes.multipliers) - 1
    return re.sub(r"^decoder\.up\.(\d+)", lambda up: f"decoder.up.{coarsest - int(up[1])}", f"{part}.{rest}")


def _compare(wanted: Mapping[str, torch.Size], state: Mapping[str, Tensor], path: Path) -> None:
    """Refuse weights that are not exactly those of the network."""
    other = [name for name in wanted if name in state and state[name].shape != wanted[name]]
    faults = {
        "lacks": [name for name in wanted if name not in state],
        "also holds": [name for name in state if name not in wanted],
        "has in another shape": other,
    }
    for problem, names in faults.items():
        if names:
            more = f" and {len(names) - 1} more" if names[1:] else ""
            raise DataError(path, f"{problem} {names[0]}{more}, and so is another network", _REMEDY)
