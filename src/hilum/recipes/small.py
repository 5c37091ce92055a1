"""`small`: pictures worth looking at, 256 pixels and 256 codes, in a night on two cores or minutes on a GPU.

hilum train small --out runs/small              # stopped, it goes on when given again
hilum quickstart --recipe small --out small     # the same, and measured

What nano does, with four times the pixels and codes, and longer in each stage. The image tokenizer learns
its codes with the clinical term, so that findings are kept; then its decoder learns on, the codes as they
are, with an adversary that begins late and a moving average of its weights, so that pictures get sharp.
"""

from __future__ import annotations

from dataclasses import replace

from hilum.recipes.config import Recipe
from hilum.recipes.nano import nano
from hilum.tokenizer import TokenizerConfig
from hilum.training import LossWeights, TokenizerStage

SIDE = 256


def small(seed: int = 0, text: str | None = None) -> Recipe:
    """The recipe; with a pretrained language model when `text` names one."""
    base = nano(seed, text)
    [instruct], tokenizer = base.stages, base.tokenizer_stage.fit
    return replace(
        base,
        name="small",
        studies=16_000,
        image_size=SIDE,
        tokenizer=TokenizerConfig(image_size=SIDE, grid=16, width=64, paint=2),
        tokenizer_stage=TokenizerStage(replace(tokenizer, steps=6000, warmup=100), LossWeights(clinical=0.2)),
        decoder_stage=TokenizerStage(
            replace(tokenizer, steps=5000, lr=1e-3, warmup=100, final_lr=0.02, description="decoder"),
            LossWeights(clinical=0.15, adversarial=0.2, start=1500, average=0.998),
        ),
        model=replace(base.model, image_size=SIDE, width=256, depth=6, context=1024),
        encoder_fit=replace(base.encoder_fit, steps=6000, warmup=200),
        stages=(
            replace(
                instruct,
                fit=replace(instruct.fit, steps=12_000, lr=3e-3, warmup=200),
                tokens_per_batch=5000,
            ),
        ),
        classifier_steps=3000,
    )
