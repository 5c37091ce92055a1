"""What each stage's result depends on, as a key: settings and the keys of its inputs, nothing else.

keys = Keys(nano(), data=Shards("quickstart/data").digest)
keys.encoder, keys.stages["instruct"], keys.align

A result is kept under its key. Changing one stage gives new keys to it and to what follows, and to nothing
before: that is found again, in this run's folder or in a store that several runs share.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property
from typing import Any

from hilum.instruct.text_only import TextOnly
from hilum.recipes.config import Recipe
from hilum.training import FitConfig, TokenizerStage

VERSION = 1
"""Raised when the same settings come to give another result."""


def key(*parts: Any) -> str:
    """Twelve hex digits of settings, whatever order their fields are in."""
    text = json.dumps([VERSION, *parts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class Keys:
    """The keys of one run.

    Args:
        data: what tells the shards from others, `Shards.digest`. Where they lie does not matter: the same
            films from another folder give the same results.
    """

    def __init__(self, recipe: Recipe, data: str) -> None:
        self.recipe, self.data = recipe, data

    @cached_property
    def pixels(self) -> str:
        """Of the training images as one array."""
        return key("pixels", self.data, self.recipe.image_size, self.recipe.fit)

    @cached_property
    def encoder(self) -> str:
        """Of the run's own vision encoder."""
        recipe, model = self.recipe, self.recipe.model
        sizes = (model.image_size, model.patch, model.vision_width, model.vision_depth)
        fit = (_fit(recipe.encoder_fit), recipe.encoder_batch, recipe.align_share)
        return key("encoder", self.pixels, sizes, fit, recipe.seed)

    @cached_property
    def tokenizer(self) -> str:
        """Of the image tokenizer's codes."""
        settings = asdict(self.recipe.tokenizer)
        return key("tokenizer", self.pixels, settings, self._of_stage(self.recipe.tokenizer_stage))

    @cached_property
    def decoder(self) -> str:
        """Of the image tokenizer whose decoder has learned on; the codes it paints from stay the same."""
        stage = self.recipe.decoder_stage
        return self.tokenizer if stage is None else key("decoder", self.tokenizer, self._of_stage(stage))

    def _of_stage(self, stage: TokenizerStage) -> Any:
        """Of a stage of the image tokenizer, which may learn from the encoder."""
        clinical = (self.encoder, self.recipe.sample_images) if stage.loss.clinical else None
        perceptual = self.recipe.perceptual if stage.loss.perceptual else None
        return (_fit(stage.fit), asdict(stage.loss), stage.batch, clinical, perceptual)

    @cached_property
    def untaught(self) -> str:
        """Of the model before any conversation."""
        recipe = self.recipe
        codes = self.tokenizer if recipe.model.needs_codes else None
        sight = (recipe.vision or self.encoder) if recipe.model.sees_features else None
        parts = (recipe.text, recipe.layout, recipe.bridge, sight, codes, recipe.sample_images)
        return key("model", self.pixels, asdict(recipe.model), parts, recipe.seed)

    @cached_property
    def features(self) -> str:
        """Of what the frozen encoder sees in the training images."""
        return key("features", self.pixels, self.recipe.vision or self.encoder)

    @cached_property
    def tokens(self) -> str:
        """Of the conversations as token ids: they follow from the model's parts, not from its weights."""
        named = self.recipe.text_only
        return key("tokens", self.untaught, None if named is None else TextOnly.named(named).digest)

    @cached_property
    def stages(self) -> Mapping[str, str]:
        """Of each text stage, which goes on from the one before; all of them draw from the same examples."""
        found: dict[str, str] = {}
        before = key(self.tokens, self.recipe.align_share)
        for stage in self.recipe.stages:
            # The tokens of a step act through the batches that are added up for it.
            within = ("fit", "tokens_per_step")
            settings = {name: value for name, value in asdict(stage).items() if name not in within}
            before = found[stage.name] = key(before, settings, _fit(stage.schedule))
        return found

    @cached_property
    def supervised(self) -> str:
        """Of the model before alignment."""
        painted = self.decoder if self.recipe.model.needs_codes else None
        return key("supervised", self.untaught, list(self.stages.values()), self.recipe.name, painted)

    @cached_property
    def align(self) -> str:
        """Of the aligned model."""
        settings = self.recipe.align
        if settings is None:
            return self.supervised
        own = {name: value for name, value in asdict(settings).items() if name != "fit"}
        return key("align", self.supervised, own, _fit(settings.fit), self.recipe.align_prompts)

    @cached_property
    def classifier(self) -> str:
        """Of the classifier that judges drawn pictures."""
        return key(
            "classifier", "sides read off", self.pixels, self.recipe.seed, self.recipe.classifier_steps
        )


def _fit(config: FitConfig) -> dict[str, Any]:
    return config.binding()
