"""A step of DPO on a LLaVA, and a whole epoch, against TRL's `DPOTrainer` on the same model, pairs and order.

    python benchmarks/preference_step.py --json

A LLaVA of about 30 M random weights (a SigLIP encoder of 24 × 24 patches, an MLP, a Llama), its encoder
frozen, float32. Pairs of reports of 80 tokens to a prompt of 64 tokens and two images of 576 each, in batches
of two. Ours caches what the encoder sees and what the reference model thinks of each answer, runs a prompt
once for both of its answers, and makes logits at answer tokens. TRL's trainer knows how to cache the
reference's figures for texts, but not where there are images, so its copy of the model is run at every step;
its gradient checkpointing, which is on by default and costs a third of its speed, is off here. Without a GPU
it makes logits at every token, in tiles; with one, at answer tokens alone, as ours does.

Each runs in a process of its own, by turns. `ours` and `peer` are steps a second, from the median step (the
first left out). `epoch` is pairs a second with everything before the first step counted: ours has the
encoder's pass and the reference's. `peak_mb` is how far the process's resident memory rose above what it was
with the model loaded. That every step's loss is the same for both is checked.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    SiglipVisionConfig,
    SiglipVisionModel,
)

from hilum.align import AnswerBatch, PreferenceObjective, answer_log_probabilities, pack
from hilum.model import Model, VisionEncoder, Writes
from hilum.model.vocabulary import IMAGE
from hilum.training import FitConfig, fit
from hilum.training.log import read_history
from result import Result, print_result, skip

BATCH, IMAGES, PROMPT, REPORT, SIDE, WORDS = 2, 2, 64, 80, 336, 8000
BETA, RATE, BETAS = 0.1, 1e-5, (0.9, 0.95)
LANGUAGE = {"hidden_size": 384, "intermediate_size": 1024, "num_hidden_layers": 10, "num_attention_heads": 6}
VISION = {"hidden_size": 320, "intermediate_size": 1280, "num_hidden_layers": 6, "num_attention_heads": 5}


def llava() -> Model:
    """Random weights, the same every time; a word is a token."""
    words = Tokenizer(models.WordLevel({f"w{i}": i for i in range(WORDS)}, unk_token="w0"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    torch.manual_seed(0)
    language = LlamaConfig(
        vocab_size=WORDS, max_position_embeddings=2048, tie_word_embeddings=True, **LANGUAGE
    )
    vision = SiglipVisionConfig(image_size=SIDE, patch_size=14, vision_use_head=False, **VISION)
    return Model.of_parts(
        LlamaForCausalLM(language),
        PreTrainedTokenizerFast(tokenizer_object=words),
        encoder=VisionEncoder(SiglipVisionModel(vision), SIDE),
        writes=Writes.NOTHING,
        layout="dolly",
    )


def pairs(count: int) -> list[dict[str, Any]]:
    """Images (IMAGES, SIDE, SIDE), uint8, and the numbers of words of prompts and reports."""
    rng = np.random.default_rng(0)
    sizes = {"prompt": PROMPT, "chosen": REPORT, "rejected": REPORT}
    return [
        {
            "images": rng.integers(0, 256, (IMAGES, SIDE, SIDE), np.uint8),
            **{name: rng.integers(0, WORDS, size).tolist() for name, size in sizes.items()},
        }
        for _ in range(count)
    ]


class Clock:
    """When each step began and the epoch ended, and how far memory rose."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak starts anew
        self._before = _resident("VmRSS")
        self.ticks = [time.perf_counter()]
        self.peak_mb = 0.0

    def tick(self) -> None:
        """A step is done."""
        self.ticks.append(time.perf_counter())
        self.peak_mb = _resident("VmHWM") - self._before

    def measured(self, losses: list[float], first: int) -> dict[str, Any]:
        """What a child prints; `first` is the tick at which the first step begins."""
        steps = np.diff(self.ticks[first:])[1:].tolist()
        epoch = self.ticks[-1] - self.ticks[0]
        return {"steps": steps, "epoch": epoch, "peak_mb": self.peak_mb, "losses": losses}


def _resident(name: str) -> float:
    """A line of the process's status, in MB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def ours(count: int, folder: Path) -> dict[str, Any]:
    """`fit` on an epoch of cached pairs."""
    model, data = llava(), pairs(count)
    image = [model.vocabulary.id(IMAGE)] * model.config.features_per_image
    prompts = [image * IMAGES + row["prompt"] for row in data]
    answers = [(row["chosen"], row["rejected"]) for row in data]
    clock = Clock()
    features = [model.features(torch.from_numpy(row["images"]).float() / 255).clone() for row in data]

    def batch(rows: range) -> AnswerBatch:
        packed = pack([prompts[i] for i in rows], [answers[i] for i in rows], pad=0)
        return replace(packed, features_NPD=torch.cat([features[i] for i in rows]))

    epoch = [range(start, start + BATCH) for start in range(0, count, BATCH)]
    with torch.no_grad():
        reference = torch.cat([answer_log_probabilities(model, batch(rows))[0] for rows in epoch])

    def batches(step: int) -> AnswerBatch:
        clock.tick()
        rows = epoch[step % len(epoch)]
        return replace(batch(rows), reference_BK=reference[list(rows)])

    settings = FitConfig(
        steps=len(epoch) + 1,  # the beginning of the one after is the end of the last
        lr=RATE,
        final_lr=1.0,
        weight_decay=0.0,
        betas=BETAS,
        trainable=("(?!.*vision_tower).*",),
        checkpoint_every=0,
        log_every=1,
        device="cpu",
    )
    result = fit(PreferenceObjective(model, beta=BETA), batches, settings, folder, progress=False)
    losses = [row["loss"] for row in read_history(result.history)][:-1]
    return clock.measured(losses, first=1)


def peer(count: int, folder: Path) -> dict[str, Any]:
    """`DPOTrainer` on the same."""
    from datasets import Dataset
    from PIL import Image
    from transformers import AutoProcessor, TrainerCallback
    from trl import DPOConfig, DPOTrainer

    model, data = llava(), pairs(count)
    model.save(folder / "model")
    processor = AutoProcessor.from_pretrained(folder / "model")
    said = {
        name: [" ".join(f"w{i}" for i in row[name]) for row in data]
        for name in ("prompt", "chosen", "rejected")
    }
    said["prompt"] = [IMAGE * IMAGES + " " + words for words in said["prompt"]]
    shown = [[Image.fromarray(image).convert("RGB") for image in row["images"]] for row in data]
    for name, weight in model.network.named_parameters():
        weight.requires_grad_("vision_tower" not in name)
    clock = Clock()

    class Ticks(TrainerCallback):  # type: ignore[misc]  # untyped
        def on_step_end(self, *_args: Any, **_options: Any) -> None:
            clock.tick()

    settings = DPOConfig(
        str(folder),
        beta=BETA,
        max_length=None,
        per_device_train_batch_size=BATCH,
        num_train_epochs=1,
        train_sampling_strategy="sequential",
        learning_rate=RATE,
        lr_scheduler_type="constant",
        adam_beta1=BETAS[0],
        adam_beta2=BETAS[1],
        gradient_checkpointing=False,
        bf16=False,
        use_cpu=True,
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
    )
    trainer = DPOTrainer(
        model.network,
        copy.deepcopy(model.network),  # what it makes by itself of a model that it loads
        args=settings,
        train_dataset=Dataset.from_dict({**said, "images": shown}),
        processing_class=processor,
        callbacks=[Ticks()],
    )
    clock.ticks = [time.perf_counter()]
    trainer.train()
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    return clock.measured(losses, first=0)


def child(way: str, count: int) -> dict[str, Any]:
    """One way in a process of its own, which prints one line of JSON at last."""
    command = [sys.executable, __file__, "--run", way, "--pairs", str(count)]
    environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure by turns, check, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--run", choices=("ours", "peer"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.run:
        with tempfile.TemporaryDirectory() as scratch:
            print(json.dumps({"ours": ours, "peer": peer}[asked.run](asked.pairs, Path(scratch))))
        return
    try:
        import trl
    except ImportError:
        skip("trl is not installed")
    if not Path("/proc/self/clear_refs").exists():
        skip("peak memory is read from Linux's /proc")
    runs: dict[str, list[dict[str, Any]]] = {"ours": [], "peer": []}
    for _ in range(asked.repeats):
        for way, found in runs.items():
            found.append(child(way, asked.pairs))
    furthest = float(np.abs(np.subtract(runs["ours"][0]["losses"], runs["peer"][0]["losses"])).max())
    if furthest > 1e-3:
        raise SystemExit(f"the two lose differently, by {furthest}")
    medians = {
        way: {
            "step": statistics.median(s for run in found for s in run["steps"]),
            "epoch": asked.pairs / statistics.median(run["epoch"] for run in found),
            "peak_mb": statistics.median(run["peak_mb"] for run in found),
        }
        for way, found in runs.items()
    }
    compared = {
        name: {way: round(figures[name], 3) for way, figures in medians.items()}
        | {"ratio": round(medians["ours"][name] / medians["peer"][name], 3)}
        for name in ("epoch", "peak_mb")
    }
    rates = {way: 1 / figures["step"] for way, figures in medians.items()}
    details = {**compared, "losses_differ_by": furthest, "batch": BATCH, "trl": trl.__version__}
    print_result(
        Result("preference_step", rates["ours"], rates["peer"], "steps/s", details), as_json=asked.json
    )


if __name__ == "__main__":
    main()
