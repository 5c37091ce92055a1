"""TRL's trainers given batches of token ids, so that only the loss is compared: same model, same tokens."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor
from transformers import PreTrainedModel
from trl import DPOConfig, DPOTrainer, GRPOConfig, GRPOTrainer, KTOConfig, KTOTrainer
from trl.experimental.orpo import ORPOConfig, ORPOTrainer

from hilum.align.answers import AnswerBatch

COMMON: dict[str, Any] = {
    "report_to": [],
    "use_cpu": True,
    "bf16": False,
    "gradient_checkpointing": False,
    "save_strategy": "no",
}
PAIR = {"prompt": ["No."], "chosen": ["Yes."], "rejected": ["No."]}


def _parts(batch: AnswerBatch, row: int) -> list[list[int]]:
    parts = range(batch.answers + 1)
    return [batch.ids_BT[row][batch.part_BT[row] == part].tolist() for part in parts]


def _padded(rows: list[list[int]], value: int, *, left: bool = False) -> Tensor:
    width = max(map(len, rows))
    filled = [[value] * (width - len(row)) for row in rows]
    return torch.tensor([f + row if left else row + f for f, row in zip(filled, rows, strict=True)])


def dpo(
    model: PreTrainedModel,
    reference: PreTrainedModel,
    processing: Any,
    batch: AnswerBatch,
    folder: Path,
    pixels: Tensor | None = None,
    **options: Any,
) -> Tensor:
    """The loss of `DPOTrainer`; pixel values are those of the prompts' images, in order."""
    rows = PAIR if pixels is None else {**PAIR, "images": [[]]}
    trainer = DPOTrainer(
        model,
        copy.deepcopy(reference),
        DPOConfig(str(folder), max_length=None, **COMMON, **options),
        train_dataset=Dataset.from_dict(rows),
        processing_class=processing,
    )
    parts = [_parts(batch, row) for row in range(len(batch.ids_BT))]
    sequences = [(prompt, answers[side]) for side in (0, 1) for prompt, *answers in parts]
    inputs = {
        "input_ids": _padded([prompt + answer for prompt, answer in sequences], 0),
        "attention_mask": _padded([[1] * (len(prompt) + len(answer)) for prompt, answer in sequences], 0),
        "completion_mask": _padded(
            [[0] * len(prompt) + [1] * len(answer) for prompt, answer in sequences], 0
        ),
    }
    if pixels is not None:
        inputs["pixel_values"] = torch.cat([pixels, pixels])
    return trainer._compute_loss(trainer.model, inputs, return_outputs=False)


def kto(
    model: PreTrainedModel,
    reference: PreTrainedModel,
    tokenizer: Any,
    batch: AnswerBatch,
    folder: Path,
    **options: Any,
) -> Tensor:
    """The loss of `KTOTrainer`; the second answer of each row is the mismatched one."""
    trainer = KTOTrainer(
        model,
        copy.deepcopy(reference),
        KTOConfig(str(folder), per_device_train_batch_size=2, max_length=None, **COMMON, **options),
        train_dataset=Dataset.from_dict(
            {"prompt": ["No."] * 2, "completion": ["Yes.", "No."], "label": [True, False]}
        ),
        processing_class=tokenizer,
    )
    rows = []
    for row, label in enumerate(batch.desirable_B.tolist()):
        prompt, answer, other = _parts(batch, row)
        rows.append(
            {"prompt_ids": prompt, "completion_ids": answer, "KL_completion_ids": other, "label": label}
        )
    return trainer._compute_loss(trainer.model, trainer.data_collator(rows), return_outputs=False)


def orpo(model: PreTrainedModel, tokenizer: Any, batch: AnswerBatch, folder: Path, **options: Any) -> Tensor:
    """The loss of `ORPOTrainer`."""
    trainer = ORPOTrainer(
        model,
        ORPOConfig(str(folder), **COMMON, **options),
        train_dataset=Dataset.from_dict(PAIR),
        processing_class=tokenizer,
    )
    inputs: dict[str, Tensor] = {}
    for side, name in enumerate(("chosen", "rejected"), start=1):
        rows = [(parts[0], parts[side]) for parts in (_parts(batch, row) for row in range(len(batch.ids_BT)))]
        inputs |= {
            f"{name}_input_ids": _padded([prompt + answer for prompt, answer in rows], 0),
            f"{name}_attention_mask": _padded(
                [[1] * (len(prompt) + len(answer)) for prompt, answer in rows], 0
            ),
            f"{name}_labels": _padded([[-100] * len(prompt) + answer for prompt, answer in rows], -100),
        }
    loss, _ = trainer.get_batch_loss_metrics(trainer.model, inputs)
    return loss


def grpo(
    model: PreTrainedModel,
    tokenizer: Any,
    batch: AnswerBatch,
    old: Tensor,
    advantages: Tensor,
    folder: Path,
    **options: Any,
) -> Tensor:
    """The loss of `GRPOTrainer`, by sequences; the old policy's log-probabilities are (answers, tokens)."""
    trainer = GRPOTrainer(
        model,
        lambda completions, **_: [0.0] * len(completions),
        GRPOConfig(
            str(folder), loss_type="grpo", importance_sampling_level="sequence", beta=0.0, **COMMON, **options
        ),
        train_dataset=Dataset.from_dict({"prompt": ["No."]}),
        processing_class=tokenizer,
    )
    trainer.current_gradient_accumulation_steps = 1
    parts = [_parts(batch, row) for row in range(len(batch.ids_BT))]
    rows = [(prompt, answer) for prompt, *answers in parts for answer in answers]
    inputs = {
        "prompt_ids": _padded([prompt for prompt, _ in rows], 0, left=True),
        "prompt_mask": _padded([[1] * len(prompt) for prompt, _ in rows], 0, left=True),
        "completion_ids": _padded([answer for _, answer in rows], 0),
        "completion_mask": _padded([[1] * len(answer) for _, answer in rows], 0),
        "advantages": advantages,
        "old_per_token_logps": old,
    }
    return trainer._compute_loss(trainer.model, inputs)
