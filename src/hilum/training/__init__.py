"""One training loop for every stage.

result = fit(objective, batches, FitConfig(steps=1000, lr=1e-3), Path("run/stage"))
"""

from hilum.training.batches import BucketedMixture, epoch_order
from hilum.training.config import Batches, FitConfig, Objective
from hilum.training.loop import FitResult, fit
from hilum.training.lora import Lora, fit_lora
from hilum.training.tokenizer import LossWeights, TokenizerStage, train_decoder, train_tokenizer

__all__ = [
    "Batches",
    "BucketedMixture",
    "FitConfig",
    "FitResult",
    "Lora",
    "LossWeights",
    "Objective",
    "TokenizerStage",
    "epoch_order",
    "fit",
    "fit_lora",
    "train_decoder",
    "train_tokenizer",
]
