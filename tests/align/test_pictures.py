"""Aligning drawn pictures: each loss learns from image codes alone; a stopped run ends as a whole one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from align.prompt_helpers import FIT, pixels_of
from align.prompt_helpers import model as tiny_model
from hilum.align import Algorithm, AlignConfig, AlignItem, Prompts, align
from hilum.align import sample as sample_module
from hilum.align.answers import answer_log_probabilities
from hilum.align.batches import ExampleBatches
from hilum.align.table import Table
from hilum.errors import UsageError
from hilum.model import Model, Reads, Writes
from hilum.model.vocabulary import DRAW, DRAWN, END
from hilum.study import Message, Text, Verdict
from hilum.training.log import read_history

CONFIG = AlignConfig(n=6, top_p=1.0, threshold=0.001, batch_size=4, fit=FIT)
WORDS = ("No pleural effusion.", "Small left pleural effusion.", "Mild cardiomegaly.", "A 12 mm nodule.")


class HighCodes:
    """Likes pictures of high codes: no words are read."""

    identity = "high codes 1"

    def __init__(self, model: Model) -> None:
        self.vocabulary = model.vocabulary

    def __call__(self, rows):
        return [[Verdict(self._mean(ids)) for ids in row["answers"]] for row in rows]

    def _mean(self, ids) -> float:
        codes = [i - self.vocabulary.first_code for i in ids if self.vocabulary.is_code(i)]
        return sum(codes) / len(codes) / self.vocabulary.n_codes


def prompts() -> Prompts:
    items = [
        AlignItem(f"study {i}", (Message("user", (Text(words),)),), (), words, draw=True)
        for i, words in enumerate(WORDS)
    ]
    return Prompts(items, pixels_of)


def aligned(store, config=CONFIG, model=None):
    model = model or tiny_model()
    return model, align(model, prompts(), config, store, HighCodes(model))


def table(store, step: str) -> Table:
    [folder] = store.glob(f"{step}-*")
    return Table(folder)


def log_probabilities(model: Model, store) -> torch.Tensor:
    examples = table(store, "examples").arrow()
    batches = ExampleBatches(model, examples, None)
    with torch.no_grad():
        return answer_log_probabilities(model, batches.batch(range(len(examples))))[0]


def test_the_answers_are_whole_pictures_and_nothing_else(tmp_path) -> None:
    model, result = aligned(tmp_path)
    vocabulary, painter = model.vocabulary, model.image_tokenizer
    framing = {vocabulary.id(name) for name in (DRAW, DRAWN, END)} | set(vocabulary.row_ids)
    answers = [ids for row in table(tmp_path, "samples") for ids in row["answers"]]
    assert answers
    for ids in answers:
        codes = [i for i in ids if vocabulary.is_code(i)]
        assert len(codes) == painter.codes_per_image
        assert set(ids) - set(codes) <= framing
    assert {text for row in table(tmp_path, "samples") for text in row["texts"]} == {""}
    assert "words" not in result.rounds[0].line()


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_every_loss_raises_the_better_picture_over_the_worse(tmp_path, algorithm) -> None:
    config = replace(CONFIG, algorithm=algorithm, alpha=0.05 if algorithm is Algorithm.RDPO else 0.0)
    model, result = aligned(tmp_path, config)
    assert result.rounds[0].mean_chosen > result.rounds[0].mean_rejected
    before, after = (log_probabilities(m, tmp_path) for m in (tiny_model(), model))
    moved = after - before
    if algorithm is Algorithm.KTO:
        wanted = torch.tensor([row["desirable"] for row in table(tmp_path, "examples")])
        assert moved[wanted, 0].mean() > moved[~wanted, 0].mean()
    elif algorithm is Algorithm.GRPO:
        assert moved[:, 0].mean() > moved[:, -1].mean()
    else:
        assert moved[:, 0].mean() > moved[:, 1].mean()
        rows = read_history(result.rounds[0].fit.history)
        assert rows[-1]["loss"] < rows[0]["loss"]


def test_a_run_stopped_in_training_ends_in_the_same_weights(tmp_path, monkeypatch) -> None:
    model, _ = aligned(tmp_path / "whole")
    with monkeypatch.context() as patch:
        whole = ExampleBatches.__call__

        def until_six(self, number: int):
            if number == 6:
                raise RuntimeError("the plug")
            return whole(self, number)

        patch.setattr(ExampleBatches, "__call__", until_six)
        with pytest.raises(RuntimeError, match="the plug"):
            aligned(tmp_path / "stopped")
    again, _ = aligned(tmp_path / "stopped")
    assert again.weights_hash() == model.weights_hash()


def test_sampling_in_parts_gives_the_same_pictures(tmp_path, monkeypatch) -> None:
    aligned(tmp_path / "at once")
    held = []
    whole = sample_module.generate

    def generate(network, some, masks, sampling):
        held.append(2 * len(some) * sampling.n)
        return whole(network, some, masks, sampling)

    monkeypatch.setattr(sample_module, "ROWS", 24)
    monkeypatch.setattr(sample_module, "generate", generate)
    aligned(tmp_path / "in parts")
    assert held == [24, 24]
    one, other = (list(table(tmp_path / name, "samples")) for name in ("at once", "in parts"))
    assert one == other


def test_a_model_that_writes_no_images_is_refused(tmp_path) -> None:
    with pytest.raises(UsageError, match="does not write images"):
        aligned(tmp_path, model=tiny_model(Reads.FEATURES, Writes.NOTHING))
