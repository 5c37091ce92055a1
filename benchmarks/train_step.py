"""A step of nano's language stage, against the Hugging Face Trainer on the same model, data and batches.

    python benchmarks/train_step.py --json

Random weights of nano's size, conversations of random words and codes as long as the quickstart's, in batches
of 2,500 tokens, features of the images made beforehand. Ours is `hilum.training.fit` with the recipe's own
settings; the peer is `transformers.Trainer` with its fused AdamW, given the same batches through the stock
network's forward pass with labels. Figures are tokens a second, padding included, the best of `--repeats`
alternating runs. `of_gemm_peak` is the share of this machine's float32 matrix multiplication (2048²) that
ours spends on 6·N·D for the layers, 6·N·D of the head for the tokens that are learned, and attention.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import Trainer, TrainingArguments

from generate import nano_model
from hilum.model import Model
from hilum.model.network import decoder, embed
from hilum.model.vocabulary import IMAGE, PAD
from hilum.recipes import nano
from hilum.training import fit
from hilum.training.examples import IGNORE, TextBatch, collate
from hilum.training.objectives import NextToken
from result import Result, print_result

TOKENS = 2500


def batches(model: Model, count: int) -> list[TextBatch]:
    """Conversations sorted into batches by length: an image and a question, then words or codes."""
    rng, vocabulary = np.random.default_rng(0), model.vocabulary
    words = np.array(vocabulary.text_ids)
    made = []
    for _ in range(count):
        length = int(rng.integers(40, 150))
        rows, shown = [], 0
        for _ in range(max(1, TOKENS // length)):
            drawn = rng.random() < 0.2
            image = [] if drawn else [vocabulary.id(IMAGE)] * model.config.features_per_image
            asked = int(rng.integers(8, 20))
            answer = max(2, length - len(image) - asked)
            codes = np.array(vocabulary.code_ids)
            ids = [*image, *rng.choice(words, asked), *rng.choice(codes if drawn else words, answer)]
            rows.append((np.array(ids), np.arange(len(ids)) >= len(ids) - answer))
            shown += not drawn
        features = torch.randn(shown, *model.config.feature_shape)
        made.append(collate(rows, features, vocabulary.id(PAD)))
    return made


class Whole(nn.Module):
    """The stock network as the Trainer wants it: a batch in, the mean loss out."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, ids: Tensor, labels: Tensor, features: Tensor) -> dict[str, Tensor]:
        """Labels are shifted by the stock loss itself."""
        embedded = embed(self.network, ids, features)
        out = self.network(inputs_embeds=embedded, labels=labels, use_cache=False)
        return {"loss": out.loss}


def ours(model: Model, data: list[TextBatch], steps: int, folder: Path) -> float:
    """Seconds of some steps."""
    stage = nano().stages[0]
    settings = replace(stage.fit, steps=steps, warmup=1, checkpoint_every=0, log_every=steps)
    began = time.perf_counter()
    objective = NextToken(model, stage.code_weight, stage.length_exponent)
    fit(objective, lambda step: data[step % len(data)], settings, folder, progress=False)
    return time.perf_counter() - began


def peer(model: Model, data: list[TextBatch], steps: int, folder: Path) -> float:
    """The same of the Trainer."""
    for name, weight in model.network.named_parameters():
        weight.requires_grad_("vision_tower" not in name)
    items = [
        {
            "ids": batch.ids_BT,
            # The stock loss predicts each label from the token before it.
            "labels": torch.cat(
                [torch.full_like(batch.labels_BT[:, :1], IGNORE), batch.labels_BT[:, :-1]], 1
            ),
            "features": batch.features_NPD,
        }
        for batch in (data[step % len(data)] for step in range(steps))
    ]
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=1,
        learning_rate=4e-3,
        use_cpu=not torch.cuda.is_available(),
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        remove_unused_columns=False,
    )
    trainer = Trainer(
        Whole(model.network), arguments, data_collator=lambda rows: rows[0], train_dataset=items
    )
    began = time.perf_counter()
    trainer.train()
    return time.perf_counter() - began


def operations(model: Model, data: list[TextBatch]) -> float:
    """Floating-point operations of one pass over the data, forwards and backwards."""
    layers = sum(p.numel() for name, p in decoder(model.network).named_parameters() if p.ndim > 1)
    table = len(model.vocabulary) * model.config.width
    total = 0.0
    for batch in data:
        count, length = batch.ids_BT.shape
        learned = int((batch.labels_BT != IGNORE).sum())
        attention = 6 * model.config.depth * model.config.width * count * length**2
        total += 6 * (layers - table) * count * length + 6 * table * learned + attention
    return total


def gemm_peak(size: int = 2048, times: int = 8) -> float:
    """Float32 operations a second of one matrix multiplication."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    a @ b
    began = time.perf_counter()
    for _ in range(times):
        a @ b
    return 2 * size**3 * times / (time.perf_counter() - began)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    model = nano_model()
    data = batches(model, 20)
    tokens = sum(batch.ids_BT.numel() for batch in (data[i % len(data)] for i in range(asked.steps)))
    best = {"ours": float("inf"), "peer": float("inf")}
    with tempfile.TemporaryDirectory() as scratch:
        for run in ("ours", "peer"):  # what is compiled or loaded at first is nobody's
            {"ours": ours, "peer": peer}[run](model, data, 2, Path(scratch) / f"warm-{run}")
        for repeat in range(asked.repeats):
            for name, measured in (("ours", ours), ("peer", peer)):
                took = measured(model, data, asked.steps, Path(scratch) / f"{name}-{repeat}")
                best[name] = min(best[name], took)
    done = operations(model, data) * asked.steps / len(data)
    share = done / best["ours"] / gemm_peak()
    details = {"of_gemm_peak": round(share, 3), "steps": asked.steps}
    rates = {name: tokens / took for name, took in best.items()}
    print_result(Result("train_step", rates["ours"], rates["peer"], "tokens/s", details), as_json=asked.json)


if __name__ == "__main__":
    main()
