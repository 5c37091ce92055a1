"""`nano`: every step of Hilum on two CPU cores in about a quarter of an hour.

hilum quickstart --out quickstart
"""

from __future__ import annotations

from dataclasses import replace

from hilum.align import ENCODER_FROZEN, AlignConfig
from hilum.images import Fit
from hilum.model import ModelConfig
from hilum.recipes.config import Recipe, TextStage
from hilum.study import Task
from hilum.tokenizer import TokenizerConfig
from hilum.training import FitConfig, LossWeights, TokenizerStage
from hilum.training.config import ENCODER_LEFT_OUT

WEIGHTS = {
    Task.FINDINGS: 4.5,
    Task.IMPRESSION: 1.2,
    Task.DRAW: 3.8,
    Task.SUMMARIZE: 0.6,
    Task.VIEW: 0.25,
    Task.DISEASES: 0.35,
    Task.BINARY: 1.2,
    Task.VQA_CLOSED: 3.3,
    Task.VQA_OPEN: 3.3,
    Task.GROUND: 1.0,
    Task.DETECT: 0.6,
    Task.PROGRESSION: 0.3,
    Task.TEXT: 0.15,
}


def nano(seed: int = 0, text: str | None = None) -> Recipe:
    """The smallest run whose every number means something; sizes follow from `width` and `depth`."""
    painting = FitConfig(
        steps=850,
        lr=2e-3,
        warmup=50,
        weight_decay=0.0,
        seed=seed,
        precision="auto",
        description="tokenizer",
    )
    return Recipe(
        name="nano",
        seed=seed,
        studies=8000,
        align_share=0.15,
        image_size=128,
        fit=Fit.CROP,
        tokenizer=TokenizerConfig(image_size=128, grid=8, levels=(8, 5, 5, 5), width=48, paint=4),
        tokenizer_stage=TokenizerStage(painting, LossWeights(clinical=0.2)),
        decoder_stage=TokenizerStage(
            replace(painting, steps=550, final_lr=0.02, description="decoder"),
            LossWeights(clinical=0.15, adversarial=0.2, start=200, width=16),
        ),
        model=ModelConfig(image_size=128, patch=32, width=128, depth=4, vision_width=256, vision_depth=1),
        encoder_fit=FitConfig(
            steps=2200,
            lr=3e-3,
            warmup=100,
            final_lr=0.02,
            seed=seed,
            precision="auto",
            description="encoder",
        ),
        encoder_batch=24,
        sample_images=256,
        stages=(
            TextStage(
                "instruct",
                FitConfig(
                    steps=1700,
                    lr=4e-3,
                    warmup=60,
                    final_lr=0.03,
                    trainable=(ENCODER_LEFT_OUT,),
                    muon=(r".*layers\..*",),
                    seed=seed,
                    description="language",
                ),
                {task.value: weight for task, weight in WEIGHTS.items()},
                tokens_per_batch=2500,
            ),
        ),
        align=AlignConfig(
            n=6,
            sft_weight=1.0,
            seed=seed,
            fit=FitConfig(
                steps=120,
                lr=1e-4,
                warmup=10,
                weight_decay=0.0,
                trainable=ENCODER_FROZEN,
                seed=seed,
                description="align",
            ),
        ),
        align_prompts=1400,
        bench_limit=250,
        bench_reports=800,
        classifier_steps=1050,
        text=text,
    )
