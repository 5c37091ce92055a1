"""Fine-tuning by LoRA: beside each linear layer of a language model a product of two narrow matrices learns.

fit_lora(NextToken(model), batches, FitConfig(steps=2000, lr=1e-3, trainable=BRIDGE), run_dir, Lora(rank=8))

The layers are put into the network in place, so that nothing else notices them (Hu et al., arXiv 2106.09685).
At the end the adapter lies in `run_dir/adapter/` as `peft` reads it, what else moved beside it, and the
network has both in its weights: a plain network again.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.autograd.graph import increment_version
from transformers.pytorch_utils import Conv1D

from hilum.errors import UsageError
from hilum.files import atomic_folder
from hilum.loss import Loss
from hilum.model.network import Network, decoder
from hilum.training.checkpoint import disk_trouble
from hilum.training.config import Batches, FitConfig, Objective
from hilum.training.distributed import ALONE, World
from hilum.training.loop import FitResult, fit
from hilum.training.optimizer import select

ADAPTER = "adapter"
OTHERS = "non_lora_trainables.safetensors"
"""Weights that moved beside the adapter; LLaVA's name for them."""
_MATRICES = r".*\.lora_[AB]\..*"


@dataclass(frozen=True)
class Lora:
    """How the language model is adapted.

    Args:
        rank: of the product that is added to a layer's weight.
        alpha: the product counts `alpha / rank` times.
        dropout: of what enters the product, in training.
        targets: a regular expression; a linear layer is adapted when it matches the layer's whole name inside
            the language model, such as `layers.0.self_attn.q_proj`.
    """

    rank: int = 8
    alpha: float = 16.0
    dropout: float = 0.0
    targets: str = ".*"

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise UsageError("lora.rank", f"is {self.rank}", "give at least 1")
        if not (math.isfinite(self.alpha) and self.alpha > 0):
            raise UsageError("lora.alpha", f"is {self.alpha}", "give a number above 0")
        if not 0 <= self.dropout < 1:
            raise UsageError("lora.dropout", f"is {self.dropout}", "give a fraction below 1")
        try:
            re.compile(self.targets)
        except re.error as error:
            problem = f"{self.targets!r} is not a regular expression ({error})"
            raise UsageError("lora.targets", problem) from None


def require_peft() -> None:
    """Say how to install `peft` where it is missing.

    Raises:
        UsageError: it is.
    """
    if find_spec("peft") is None:
        raise UsageError("LoRA", "needs peft", "pip install 'hilum[pretrained]'")


def adapted_layers(network: Network, lora: Lora) -> dict[str, nn.Module]:
    """The layers that LoRA adapts, by their names in the network.

    Raises:
        UsageError: `lora.targets` matches no linear layer of the language model.
    """
    body = decoder(network)
    prefix = next(name for name, module in network.named_modules() if module is body)
    linear = {name: m for name, m in body.named_modules() if isinstance(m, (nn.Linear, Conv1D))}
    chosen: dict[str, nn.Module] = {
        f"{prefix}.{name}": m for name, m in linear.items() if re.fullmatch(lora.targets, name)
    }
    if not chosen:
        problem = f"{lora.targets!r} matches none of {len(linear)} linear layers of the language model"
        raise UsageError("lora.targets", problem, f"names look like {next(iter(linear), '')!r}")
    return chosen


def frozen_by_lora(network: Network) -> set[str]:
    """Names of the weights that stay as they are: the language model's, but for its token embeddings."""
    body: Any = decoder(network)
    tables = {id(p) for p in body.get_input_embeddings().parameters()}
    inner = {id(p) for p in body.parameters()} - tables
    return {name for name, p in network.named_parameters() if id(p) in inner}


def count_parameters(network: Network, lora: Lora) -> int:
    """How many parameters the adapter has; the network may lie on PyTorch's meta device."""
    layers: list[Any] = list(adapted_layers(network, lora).values())
    return lora.rank * sum(sum(layer.weight.shape) for layer in layers)


@dataclass(frozen=True)
class _Adapted:
    """An objective whose name tells the adapter too: what was trained with another one is not resumed."""

    objective: Objective
    lora: Lora

    @property
    def name(self) -> str:
        return f"{self.objective.name} by {self.lora}"

    @property
    def module(self) -> nn.Module:
        return self.objective.module

    def loss(self, batch: Any) -> Loss:
        return self.objective.loss(batch)


def fit_lora(
    objective: Objective,
    batches: Batches,
    config: FitConfig,
    run_dir: Path,
    lora: Lora,
    *,
    progress: bool = True,
    world: World = ALONE,
) -> FitResult:
    """Train an adapter, save it in `run_dir/adapter` and merge it into the network; resumes as `fit` does.

    Args:
        objective: its module is a `transformers` network.
        config: `trainable` names what moves beside the adapter; of the language model itself only the token
            embeddings and the head can.

    Raises:
        UsageError: `peft` is missing, `lora.targets` matches nothing, or as in `fit`.
        DataError: as in `fit`.
    """
    require_peft()
    network: Any = objective.module
    asked = {name: p.requires_grad for name, p in network.named_parameters()}
    before = dict(network.named_parameters())
    fixed = frozen_by_lora(network)
    tuner = _inject(network, lora, config.seed)
    try:
        for name, p in before.items():  # `peft` has frozen them all
            p.requires_grad_(asked[name] and name not in fixed)
        config = replace(config, trainable=(*config.trainable, _MATRICES))
        result = fit(_Adapted(objective, lora), batches, config, run_dir, progress=progress, world=world)
        others = {n: before[n] for n in select(network, config.trainable) if n in before}
        if world.first:
            _save(tuner, others, run_dir / ADAPTER)
    except BaseException:
        tuner.unload()
        raise
    else:
        tuner.merge_and_unload()
        # `peft` writes past autograd's count, by which others know that weights have changed.
        increment_version([before[name] for name in fixed])
    finally:
        for name, p in before.items():
            p.requires_grad_(asked[name])
    return result


def _inject(network: Network, lora: Lora, seed: int) -> Any:
    """Put the layers in; their random weights depend on `seed` alone. Gives `peft`'s handle on them."""
    from peft import LoraConfig
    from peft.tuners.lora import LoraModel

    settings = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,  # type: ignore[arg-type]  # any number does
        lora_dropout=lora.dropout,
        target_modules=list(adapted_layers(network, lora)),
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        # What `peft.inject_adapter_in_model` does, but that gives no handle to merge by.
        return LoraModel(network, settings, "default")


def _save(tuner: Any, others: dict[str, Tensor], folder: Path) -> None:
    """Write the adapter as `peft.PeftModel.from_pretrained` reads it, and what else moved."""
    from peft import get_peft_model_state_dict

    found: dict[str, Tensor] = get_peft_model_state_dict(tuner.model)
    # Where a `PeftModel` holds the network.
    matrices = {f"base_model.model.{name}": p.detach().cpu().contiguous() for name, p in found.items()}
    with disk_trouble(folder), atomic_folder(folder, names_only=True) as tmp:
        replace(tuner.peft_config["default"], inference_mode=True).save_pretrained(str(tmp))
        save_file(matrices, tmp / "adapter_model.safetensors", metadata={"format": "pt"})
        if others:
            moved = {name: p.detach().cpu().contiguous() for name, p in others.items()}
            save_file(moved, tmp / OTHERS, metadata={"format": "pt"})
