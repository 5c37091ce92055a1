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
from transformers import AutoModelForCausalLM

from hilum.instruct.text_only import TextOnly, TextOnlyCount
from hilum.model.build import build_network, build_tower, feature_width
from hilum.model.layout import known_layout
from hilum.model.network import decoder
from hilum.model.pretrained import build_encoder, encoder_config, language_config
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
        held: parameters in memory, those of an adapter included.
        precision: see `FitConfig`.
        adapter: parameters of a LoRA adapter.
    """

    name: str
    steps: int
    trained: int
    tokens: int
    flops: float
    held: int
    precision: str
    adapter: int = 0

    @property
    def memory(self) -> int:
        """Bytes of weights, gradients and optimiser state."""
        if self.precision == "bfloat16-weights":  # gradients, copies that move and two moments are float32
            return 2 * self.held + 4 * _BYTES * self.trained
        return _BYTES * (self.held + 3 * self.trained)


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
    if recipe.model.sees_features:
        for stage in recipe.stages:
            stage.require_frozen_encoder(sizes)
    language = sum(p.numel() for p in decoder(network).parameters())
    vision, bridge = (sum(n for name, n in sizes.items() if part in name) for part in ("vision", "projector"))
    whole, painter = sum(sizes.values()), sum(tokenizer.values())
    stages = [_other("encoder", recipe.encoder_fit, tower, tower)] if recipe.trains_encoder else []
    if recipe.model.needs_codes:
        stages.append(_other("tokenizer", recipe.tokenizer_stage.fit, painter, painter))
        if recipe.decoder_stage is not None:
            stages.append(_other("decoder", recipe.decoder_stage.fit, tokenizer["decoder"], painter))
    stages += [_of_text(stage, network, sizes, language) for stage in recipe.stages]
    if recipe.align is not None:
        fit = recipe.align.fit
        stages.append(_other("align", fit, sum(_moving(sizes, fit).values()), whole))
    memory = max(stage.memory for stage in stages)
    return Plan(recipe.name, language, vision, bridge, memory, tuple(stages), text_only)


def _of_text(stage: TextStage, network: Any, sizes: Mapping[str, int], language: int) -> StagePlan:
    adapter, fixed = 0, set[str]()
    if stage.lora is not None:
        adapter, fixed = count_parameters(network, stage.lora), frozen_by_lora(network)
    moving = sum(size for name, size in _moving(sizes, stage.fit).items() if name not in fixed)
    tokens = stage.fit.steps * stage.schedule.accumulate * stage.tokens_per_batch
    flops = tokens * (6.0 * (adapter + moving) + 4.0 * max(0, language - moving))
    held = sum(sizes.values()) + adapter
    return StagePlan(
        stage.name, stage.fit.steps, adapter + moving, tokens, flops, held, stage.fit.precision, adapter
    )


def _other(name: str, fit: FitConfig, trained: int, held: int) -> StagePlan:
    return StagePlan(name, fit.steps, trained, 0, 0.0, held, fit.precision)


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
    return feature_width(config), sum(p.numel() for p in build_encoder(config).parameters())
