"""A run described by one value: every size, every stage, every number of steps.

from hilum.recipes import nano
nano(seed=1).stages[0].fit.steps
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from hilum.align import AlignConfig
from hilum.errors import UsageError, did_you_mean
from hilum.images import Fit
from hilum.model import Bridge, ModelConfig
from hilum.study import Task
from hilum.tokenizer import TokenizerConfig
from hilum.training import FitConfig, Lora, TokenizerStage
from hilum.training.config import ENCODER_LEFT_OUT, in_encoder


@dataclass(frozen=True)
class TextStage:
    """One stage of instruction tuning.

    Args:
        weights: task → its share of the examples; a task left out has 1. Without any, the mixture of the
            shards decides, where they were built with one.
        code_weight: weight of an image code beside a word's 1.
        length_exponent: 0 weighs every token alike, 1 every answer.
        tokens_per_batch: padding included; what is in memory at once.
        tokens_per_step: gradients of as many batches as hold this many tokens are added up for each step; 0
            leaves it to `fit.accumulate`.
        text_only_part: what part of the text instructions comes from `Recipe.text_only`, 0 to 1; all of them
            where the studies give none.
        earliest_study: of each patient only the earliest study is learned from.
        frontal: no lateral image is shown.
        impression: studies whose report has no impression are left out; see `hilum.instruct.selection`.
        lora: train the language model's layers by LoRA; `fit.trainable` then names what moves beside them.
    """

    name: str
    fit: FitConfig
    weights: Mapping[str, float] = field(default_factory=dict)
    code_weight: float = 0.5
    length_exponent: float = 0.5
    tokens_per_batch: int = 6000
    tokens_per_step: int = 0
    text_only_part: float = 0.5
    earliest_study: bool = False
    frontal: bool = False
    impression: bool = False
    lora: Lora | None = None

    def __post_init__(self) -> None:
        known = [task.value for task in Task]
        for name in self.weights:
            if name not in known:
                remedy = f"{did_you_mean(name, known)}the known ones: {', '.join(known)}"
                raise UsageError("weights", f"name an unknown task: {name}", remedy)
        if not 0 <= self.text_only_part <= 1:
            raise UsageError("text_only_part", f"is {self.text_only_part}", "give a part, from 0 to 1")
        if self.tokens_per_step:
            if self.tokens_per_step < self.tokens_per_batch:
                problem = f"is {self.tokens_per_step}, less than the {self.tokens_per_batch} of one batch"
                raise UsageError("tokens_per_step", problem, "lower tokens_per_batch as well")
            if self.fit.accumulate != 1:
                raise UsageError("tokens_per_step", "and accumulate are both set", "set one of them")

    @property
    def schedule(self) -> FitConfig:
        """How it is trained: `fit`, with as many batches a step as `tokens_per_step` takes."""
        if not self.tokens_per_step:
            return self.fit
        return replace(self.fit, accumulate=math.ceil(self.tokens_per_step / self.tokens_per_batch))

    def require_frozen_encoder(self, names: Iterable[str] = ()) -> None:
        """Refuse to move the vision encoder, whose features are computed once.

        Args:
            names: of the network's weights, where they are known; else only what all of them would match.

        Raises:
            UsageError: `fit.trainable` matches a weight of the encoder.
        """
        for name in ("model.vision_tower", *names):
            if in_encoder(name) and any(re.fullmatch(pattern, name) for pattern in self.fit.trainable):
                problem = f"moves the vision encoder ({name}), whose features are computed once"
                raise UsageError(f"{self.name}.trainable", problem, f"leave it out: {ENCODER_LEFT_OUT}")

    @property
    def takes_text_only(self) -> bool:
        """Whether a file of instructions has a share in it."""
        return self.weights.get(Task.TEXT.value, 1.0) * self.text_only_part > 0


@dataclass(frozen=True)
class Recipe:
    """A whole run.

    Args:
        studies: how many studies to take from each source.
        tokenizer_stage: how the image tokenizer learns its codes, and to paint from them.
        decoder_stage: how its decoder learns on, the codes as they are; None for not at all.
        encoder_batch: images per step of the encoder's stage.
        sample_images: images by which the features' spread is measured.
        align_share: the part of the training patients that instruction tuning and the encoder's own training
            leave out, so that reports for alignment are sampled on films that the model has not learned from.
        align_prompts: most of their prompts that are sampled, judged and paired.
        bench_limit: test examples per task.
        bench_reports: test reports that are compared before and after alignment.
        classifier_steps: steps of the independent classifier that judges drawn images.
        align: None for a run that ends before alignment.
        text: a pretrained language model, see `hilum.model.pretrained.load_language`; None for a small new
            one of the sizes in `model`.
        vision: a pretrained vision encoder, see `load_encoder`; None for the run's own.
        bridge: what stands between encoder and language model.
        layout: one of Hilum's chat layouts for a language model without one.
        text_only: a file of instructions without images, or `general`, see `hilum.instruct.text_only`.
        perceptual: the network of the image tokenizer's perceptual loss, see `hilum.training.perceptual`.
    """

    name: str
    seed: int
    studies: int
    image_size: int
    fit: Fit
    tokenizer: TokenizerConfig
    tokenizer_stage: TokenizerStage
    decoder_stage: TokenizerStage | None
    model: ModelConfig
    encoder_fit: FitConfig
    encoder_batch: int
    sample_images: int
    stages: tuple[TextStage, ...]
    align: AlignConfig | None
    align_prompts: int
    bench_limit: int
    bench_reports: int
    classifier_steps: int
    text: str | None = None
    vision: str | None = None
    bridge: Bridge = Bridge.MLP
    layout: str | None = None
    text_only: str | None = None
    align_share: float = 0.1
    perceptual: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.align_share < 1:
            raise UsageError("align_share", f"is {self.align_share}", "give a part, from 0 to below 1")
        if self.studies < 1:
            raise UsageError("studies", f"is {self.studies}", "give at least 1")
        if self.vision is not None and self.text is None:
            raise UsageError("vision", "is given without a language model to join it to", "give --text too")
        if self.perceptual is None and any(stage.loss.perceptual for stage in self._image_stages):
            raise UsageError("perceptual", "weighs something, and no network is named", "set perceptual=NAME")
        if self.text_only is not None and not any(stage.takes_text_only for stage in self.stages):
            remedy = f"--set STAGE.weights.{Task.TEXT.value}=1, or STAGE.text_only_part=0.5"
            raise UsageError("text_only", "is given, and no stage has a share for it", remedy)

    @property
    def _image_stages(self) -> list[TokenizerStage]:
        return [stage for stage in (self.tokenizer_stage, self.decoder_stage) if stage is not None]

    @property
    def trains_encoder(self) -> bool:
        """Whether the run trains an encoder of its own: to see by, or for the image tokenizer's loss."""
        for_tokenizer = self.model.needs_codes and any(stage.loss.clinical for stage in self._image_stages)
        return for_tokenizer or (self.model.sees_features and self.vision is None)
