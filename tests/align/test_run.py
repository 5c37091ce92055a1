"""Alignment on a tiny model: margins rise, nothing is done twice, runs resume bit by bit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from align.prompt_helpers import BREVITY, FIT, Brevity, prompts
from align.prompt_helpers import model as tiny_model
from hilum.align import Algorithm, AlignConfig, Reports, align
from hilum.align import run as run_module
from hilum.align.answers import answer_log_probabilities
from hilum.align.batches import ExampleBatches
from hilum.align.table import Table
from hilum.errors import DataError, UsageError
from hilum.model import Model, Reads, Writes
from hilum.study import Verdict
from hilum.training.log import read_history

CONFIG = AlignConfig(n=8, top_p=1.0, threshold=0.001, max_length_ratio=None, batch_size=4, fit=FIT)


def aligned(store: Path, config: AlignConfig = CONFIG, grader=BREVITY, model: Model | None = None):
    model = model or tiny_model()
    return model, align(model, prompts(), config, store, grader)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    store = tmp_path_factory.mktemp("align")
    model, result = aligned(store)
    return model, result, store


def table(store: Path, step: str) -> Table:
    [folder] = store.glob(f"{step}-*")
    return Table(folder)


def log_probabilities(model: Model, store: Path) -> torch.Tensor:
    examples = table(store, "examples").arrow()
    features = run_module._Steps(model, prompts(), CONFIG, store, BREVITY).features
    batches = ExampleBatches(model, examples, features)
    with torch.no_grad():
        return answer_log_probabilities(model, batches.batch(range(len(examples))))[0]


def test_tuning_raises_the_chosen_over_the_rejected(done) -> None:
    model, result, store = done
    [one] = result.rounds
    before, after = (log_probabilities(m, store) for m in (tiny_model(), model))
    assert one.examples == len(before) > 1
    assert ((after - before)[:, 0] > (after - before)[:, 1]).all()
    rows = read_history(one.fit.history)
    assert rows[0]["margin"] == pytest.approx(0, abs=1e-4)
    assert rows[-1]["margin"] > 0.05
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert one.mean_chosen > one.mean_rejected
    assert one.length_chosen < one.length_rejected
    assert one.drawn + one.unfinished == 8 * 8
    assert one.states["unparsable"] > 0
    assert sum(one.states.values()) == one.judged <= one.drawn


def test_the_reference_is_the_supervised_model(done) -> None:
    store = done[2]
    held = [row["log_probabilities"] for row in table(store, "reference")]
    torch.testing.assert_close(
        torch.tensor(held), log_probabilities(tiny_model(), store), rtol=1e-5, atol=1e-3
    )


def test_the_encoder_does_not_move(done) -> None:
    before = dict(tiny_model().network.named_parameters()) | dict(tiny_model().network.named_buffers())
    after = dict(done[0].network.named_parameters()) | dict(done[0].network.named_buffers())
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved
    assert not any("vision" in name for name in moved)


def test_an_encoder_that_would_move_is_refused(tmp_path) -> None:
    with pytest.raises(UsageError, match="moves the vision encoder"):
        aligned(tmp_path, replace(CONFIG, fit=replace(FIT, trainable=(".*",))))


def test_a_training_stopped_half_way_ends_in_the_same_weights(done, tmp_path, monkeypatch) -> None:
    """Kills in the other steps, by a signal, are in test_kill.py."""
    model, result, store = done
    whole = ExampleBatches.__call__

    def until_six(self, number: int):
        if number == 6:
            raise RuntimeError("the plug")
        return whole(self, number)

    with monkeypatch.context() as patch:
        patch.setattr(ExampleBatches, "__call__", until_six)
        with pytest.raises(RuntimeError, match="the plug"):
            aligned(tmp_path)
    again, repeated = aligned(tmp_path)
    assert again.weights_hash() == model.weights_hash()
    assert list(table(tmp_path, "samples")) == list(table(store, "samples"))
    assert list(table(tmp_path, "reference")) == list(table(store, "reference"))
    mine, other = (json.dumps({**r.to_json()["rounds"][0], "fit": None}) for r in (result, repeated))
    assert mine == other


def test_another_loss_samples_and_judges_nothing_again(done, tmp_path_factory) -> None:
    store, judge = tmp_path_factory.mktemp("shared"), Brevity()
    grader = Reports(judge)
    aligned(store, grader=grader)
    count = len(judge.asked)
    assert count > 0
    hashes = set()
    for settings in (
        {"beta": 0.5},
        {"algorithm": Algorithm.IPO},
        {"algorithm": Algorithm.RDPO, "alpha": 0.05},
        {"algorithm": Algorithm.ORPO},
        {"algorithm": Algorithm.KTO},
        {"algorithm": Algorithm.GRPO},
    ):
        model, _ = aligned(store, replace(CONFIG, **settings), grader)
        hashes.add(model.weights_hash())
    assert len(judge.asked) == count
    assert len(hashes) == 6
    assert len(list(store.glob("samples-*"))) == len(list(store.glob("verdicts-*"))) == 1
    assert len(list(store.glob("examples-*"))) == 3  # pairs, single answers, groups
    assert len(list(store.glob("reference-*"))) == 3


@pytest.mark.parametrize("algorithm", [Algorithm.DPO, Algorithm.GRPO])
def test_a_second_round_samples_from_the_newest_policy(tmp_path, algorithm) -> None:
    config = replace(CONFIG, algorithm=algorithm, rounds=2, prompts_per_round=5)
    model, result = aligned(tmp_path, config)
    assert [one.prompts for one in result.rounds] == [5, 5]
    ids = [[row["id"] for row in Table(folder)] for folder in tmp_path.glob("samples-*")]
    first, second = [f"study {i}" for i in range(5)], [f"study {i % 8}" for i in range(5, 10)]
    assert sorted(ids) == sorted([first, second])
    once, _ = aligned(tmp_path, replace(config, rounds=1))
    assert once.weights_hash() != model.weights_hash()
    assert aligned(tmp_path, config)[0].weights_hash() == model.weights_hash()


def test_a_second_round_keeps_the_supervised_model_as_reference(tmp_path) -> None:
    _, result = aligned(tmp_path, replace(CONFIG, rounds=2))
    rows = read_history(result.rounds[1].fit.history)
    assert abs(rows[0]["margin"]) > 1e-3  # the policy has already left it


@pytest.mark.parametrize("reads", [Reads.CODES, Reads.BOTH])
def test_models_that_read_codes_are_aligned_too(tmp_path, reads) -> None:
    model = tiny_model(reads, Writes.CODES)
    before = model.weights_hash()
    _, result = aligned(tmp_path, replace(CONFIG, fit=replace(FIT, steps=2)), model=model)
    assert result.rounds[0].examples > 0
    assert model.weights_hash() != before


def test_a_judge_that_cannot_tell_answers_apart_is_an_error(tmp_path) -> None:
    class Same(Brevity):
        def __call__(self, references, candidates) -> list[Verdict]:
            return [Verdict(0.5) for _ in candidates]

    with pytest.raises(DataError, match="no prompt has two answers that differ in score; sample more"):
        aligned(tmp_path, grader=Reports(Same()))


def test_pairs_of_a_file_are_learned_without_sampling(tmp_path) -> None:
    path = tmp_path / "pairs.jsonl"
    row = {"id": "study 2", "chosen": "No pleural effusion.", "rejected": "Small left pleural effusion."}
    path.write_text(json.dumps(row) + "\n")
    model = tiny_model()
    result = align(model, prompts(), CONFIG, tmp_path / "work", preferences=path)
    assert result.rounds[0].examples == 1
    assert result.rounds[0].drawn == 0
    assert (result.rounds[0].prompts, result.rounds[0].mean_chosen) == (1, None)
    assert "1 examples: no score over no score" in result.lines()[0]
    assert not list((tmp_path / "work").glob("samples-*"))
    before, after = (log_probabilities(m, tmp_path / "work") for m in (tiny_model(), model))
    assert (after - before)[0, 0] > (after - before)[0, 1]
    with pytest.raises(UsageError, match="holds pairs, and nothing to sample from"):
        align(tiny_model(), prompts(), replace(CONFIG, rounds=2), tmp_path / "w", preferences=path)


def test_training_changes_the_name_of_the_weights(done) -> None:
    """A fused optimiser writes past autograd's count of changes."""
    assert done[0].weights_hash() != tiny_model().weights_hash()


def test_accumulated_batches_count_as_part_of_an_epoch(tmp_path) -> None:
    settings = {"batch_size": 1, "epochs": 2.0}
    steps = []
    for accumulate in (1, 2):
        config = replace(CONFIG, **settings, fit=replace(FIT, accumulate=accumulate))
        [one] = aligned(tmp_path, config)[1].rounds
        steps.append(one.fit.steps)
    assert steps == [2 * one.examples, one.examples]


def test_changed_references_are_judged_and_paired_anew(tmp_path) -> None:
    config, asked = replace(CONFIG, fit=replace(FIT, steps=1)), prompts()
    for reference in ("No pleural effusion.", "Cardiomegaly."):
        items = [replace(item, reference=reference) for item in asked.items]
        [one] = align(tiny_model(), replace(asked, items=items), config, tmp_path, BREVITY).rounds
        assert {row["reference"] for row in one.tables[2]} == {reference}
    assert len(list(tmp_path.glob("verdicts-*"))) == 2


def test_numbers_that_mean_nothing_are_refused_before_anything_is_asked(tmp_path) -> None:
    for settings in ({"beta": 0.0}, {"algorithm": Algorithm.GRPO, "sft_weight": 1.0}):
        with pytest.raises(UsageError, match=r"beta|sft_weight"):
            aligned(tmp_path, replace(CONFIG, **settings))
    assert not list(tmp_path.glob("samples-*"))
