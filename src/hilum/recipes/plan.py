"""What a recipe would train, before anything is: parameters, steps, tokens, operations, memory.

for line in plan(llm_cxr(text="smollm2")).lines(): print(line)

No weights are loaded: a pretrained part is built on PyTorch's meta device from its configuration alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from transformers import AutoModel, AutoModelForCausalLM

from hilum.instruct.text_only import TextOnly, TextOnlyCount
from hilum.model.build import build_network, build_tower
from hilum.model.layout import known_layout
from hilum.model.network import decoder
from hilum.model.pretrained import encoder_config, language_config
from hilum.model.vocabulary import CONTROL, Vocabulary
from hilum.recipes.config import Recipe, TextStage
from hilum.tokenizer import ImageTokenizer
from hilum.training import FitConfig
from hilum.training.lora import count_parameters, frozen_by_lora

_SMALL_TEXT = ("No pleural effusion.",)
_BYTES = 4


@dataclass(frozen=True)
class StagePlan:
    """One stage.

    Args:
        trained: parameters that move, those of an adapter included.
        tokens: that the language model reads in all steps, padding included; 0 where that is not known before
            (images, pairs of answers).
        flops: floating-point operations, 6 for each trained parameter and token (Kaplan et al., arXiv
            2001.08361) and 4 for each frozen one, which gradients pass through but do not move; attention
            left out; 0 for a stage of images.
        adapter: parameters of a LoRA adapter.
        small: whether matrices are held in bfloat16 (`FitConfig.precision`).
    """

    name: str
    steps: int
    trained: int
    tokens: int
    flops: float
    adapter: int = 0
    small: bool = False

    def memory(self, parameters: int) -> int:
        """Bytes of weights, gradients and optimiser state in a network of so many parameters."""
        everything = parameters + self.adapter
        if self.small:  # gradients, copies that move and two moments are float32
            return 2 * everything + 4 * _BYTES * self.trained
        return _BYTES * (everything + 3 * self.trained)


@dataclass(frozen=True)
class Plan:
    """A whole run.

    Args:
        language, vision, bridge: parameters of each part.
        memory: bytes of weights, gradients and optimiser state at the stage that needs most; what a step
            holds of its batch comes on top.
        text_only: what the file of instructions holds, where there is one.
    """

    recipe: str
    language: int
    vision: int
    bridge: int
    memory: int
    stages: tuple[StagePlan, ...]
    text_only: TextOnlyCount | None = None

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return asdict(self)

    def lines(self) -> list[str]:
        """The same for people."""
        parts = f"language {self.language:,} · vision {self.vision:,} · bridge {self.bridge:,}"
        rows = [
            f"{stage.name}: {stage.steps:,} steps, {stage.trained:,} parameters move"
            + (f", {stage.tokens:,} tokens, {stage.flops:.2g} operations" if stage.tokens else "")
            for stage in self.stages
        ]
        memory = f"weights, gradients and optimiser state: {self.memory / 2**30:.2f} GiB"
        given = [self.text_only.line()] if self.text_only is not None else []
        return [f"{self.recipe}: parameters: {parts}", *rows, memory, *given]


def plan(recipe: Recipe) -> Plan:
    """What a run of this recipe would train.

    Raises:
        DataError, UsageError: a pretrained part or the file of instructions cannot be found or read.
    """
    text_only = None if recipe.text_only is None else TextOnly.named(recipe.text_only).count()
    if recipe.layout is not None:
        known_layout(recipe.layout)
    with torch.device("meta"):
        network, sizes = _network(recipe)
        parts = ImageTokenizer(recipe.tokenizer).named_children()
        tokenizer = {name: sum(p.numel() for p in part.parameters()) for name, part in parts}
        tower = sum(p.numel() for p in build_tower(recipe.model).parameters())
    language = sum(p.numel() for p in decoder(network).parameters())
    vision, bridge = (sum(n for name, n in sizes.items() if part in name) for part in ("vision", "projector"))
    before = [_other("encoder", recipe.encoder_fit, tower)] if recipe.trains_encoder else []
    if recipe.model.needs_codes:
        before.append(_other("tokenizer", recipe.tokenizer_stage.fit, sum(tokenizer.values())))
        if recipe.decoder_stage is not None:
            before.append(_other("decoder", recipe.decoder_stage.fit, tokenizer["decoder"]))
    stages = [_of_text(stage, network, sizes, language) for stage in recipe.stages]
    if recipe.align is not None:
        stages.append(_other("align", recipe.align.fit, sum(_moving(sizes, recipe.align.fit).values())))
    # What is trained before the network is made is in memory alone.
    memory = [stage.memory(stage.trained) for stage in before]
    memory += [stage.memory(sum(sizes.values())) for stage in stages]
    return Plan(recipe.name, language, vision, bridge, max(memory), (*before, *stages), text_only)


def _of_text(stage: TextStage, network: Any, sizes: Mapping[str, int], language: int) -> StagePlan:
    adapter, fixed = 0, set[str]()
    if stage.lora is not None:
        adapter, fixed = count_parameters(network, stage.lora), frozen_by_lora(network)
    moving = sum(size for name, size in _moving(sizes, stage.fit).items() if name not in fixed)
    tokens = stage.fit.steps * stage.schedule.accumulate * stage.tokens_per_batch
    flops = tokens * (6.0 * (adapter + moving) + 4.0 * max(0, language - moving))
    small = stage.fit.precision == "bfloat16-weights"
    return StagePlan(stage.name, stage.fit.steps, adapter + moving, tokens, flops, adapter, small)


def _other(name: str, fit: FitConfig, parameters: int) -> StagePlan:
    return StagePlan(name, fit.steps, parameters, 0, 0.0)


def _moving(sizes: Mapping[str, int], fit: FitConfig) -> dict[str, int]:
    """The weights that a stage's patterns name."""
    return {n: size for n, size in sizes.items() if any(re.fullmatch(p, n) for p in fit.trainable)}


def _codes(recipe: Recipe) -> int:
    return recipe.tokenizer.code_count if recipe.model.needs_codes else 0


def _network(recipe: Recipe) -> tuple[Any, dict[str, int]]:
    """A network without weights, and the sizes of its parts by name; those that a run joins to it too."""
    if recipe.text is None:
        vocabulary = Vocabulary.learn(_SMALL_TEXT, n_codes=_codes(recipe), size=recipe.model.vocabulary_size)
        network: Any = build_network(recipe.model, vocabulary)
        return network, {name: p.numel() for name, p in network.named_parameters()}
    config: Any = language_config(recipe.text)
    rows = recipe.tokenizer.grid if recipe.model.needs_codes else 0
    config.vocab_size += len(CONTROL) + rows + _codes(recipe)
    build: Any = AutoModelForCausalLM
    network = build.from_config(config)
    sizes = {name: p.numel() for name, p in network.named_parameters()}
    if recipe.model.sees_features:
        seen, tower = _vision(recipe)
        width = int(config.hidden_size)
        sizes["model.multi_modal_projector"] = seen * width + width * width + 2 * width
        sizes["model.vision_tower"] = tower
    return network, sizes


def _vision(recipe: Recipe) -> tuple[int, int]:
    """The width of the encoder's features, and its parameters."""
    if recipe.vision is None:
        return recipe.model.vision_width, sum(p.numel() for p in build_tower(recipe.model).parameters())
    config = encoder_config(recipe.vision)
    build: Any = AutoModel
    return int(config.hidden_size), sum(p.numel() for p in build.from_config(config).parameters())
