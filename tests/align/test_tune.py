"""Alignment on a tiny model: margins rise, failures are left out, runs repeat and resume bit by bit."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from hilum.align import AlignConfig, AlignItem, align
from hilum.align.answers import answer_log_probabilities
from hilum.align.tune import PairBatches
from hilum.errors import DataError, UsageError
from hilum.model import Model, Reads
from hilum.study import Preference, State, Verdict
from hilum.training import FitConfig
from hilum.training.log import read_history
from model.helpers import prompt, tiny

FIT = FitConfig(steps=12, lr=3e-4, warmup=2, weight_decay=0.0, log_every=1, checkpoint_every=4)
CONFIG = AlignConfig(n=8, top_p=1.0, threshold=0.001, max_length_ratio=None, batch_size=4, fit=FIT)
ITEMS = [AlignItem(f"study {i}", prompt("Findings?", i), "No pleural effusion.") for i in range(8)]


def brevity(references, candidates) -> list[Verdict]:
    """A judge that likes few words, and fails on every text with a comma."""
    assert len(references) == len(candidates)
    return [
        Verdict(None, state=State.UNPARSABLE) if "," in text else Verdict(1 / (1 + len(text.split())))
        for text in candidates
    ]


def aligned(run_dir, config: AlignConfig = CONFIG, seed: int = 0):
    model = tiny(seed=seed)
    return model, align(model, ITEMS, config, run_dir, brevity)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("align")
    model, result = aligned(run_dir)
    return model, result, run_dir


def pairs_in(run_dir) -> list[Preference]:
    return [Preference(**row) for row in json.loads((run_dir / "preferences.json").read_text())]


def margins(model: Model, preferences) -> torch.Tensor:
    pairs = PairBatches(model, ITEMS, preferences, 4, seed=0)
    with torch.no_grad():
        both = answer_log_probabilities(model, pairs.batch(range(len(preferences))))[0]
    return both[:, 0] - both[:, 1]


def test_tuning_raises_the_chosen_over_the_rejected(done) -> None:
    model, result, run_dir = done
    preferences = pairs_in(run_dir)
    assert result.pairs == len(preferences) > 1
    assert (margins(model, preferences) > margins(tiny(), preferences)).all()
    rows = read_history(result.fit.history)
    assert rows[0]["margin"] == pytest.approx(0, abs=1e-4)
    assert rows[-1]["margin"] > 0.05
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert result.mean_chosen > result.mean_rejected
    assert result.length_chosen < result.length_rejected


def test_what_the_judge_failed_on_is_never_paired(done) -> None:
    preferences = pairs_in(done[2])
    assert not any("," in text for p in preferences for text in (p.chosen, p.rejected))
    model = tiny()
    answers = model.answer([item.prompt for item in ITEMS], n=8, temperature=1.0, seed=0)
    assert any("," in a.text for row in answers for a in row if a.finished), "the judge never failed"


def test_the_encoder_does_not_move(done) -> None:
    before = dict(tiny().network.named_parameters()) | dict(tiny().network.named_buffers())
    after = dict(done[0].network.named_parameters()) | dict(done[0].network.named_buffers())
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved
    assert not any("vision" in name for name in moved)


def test_the_same_run_ends_in_the_same_weights(done, tmp_path) -> None:
    model, result = aligned(tmp_path)
    assert model.weights_hash() == done[0].weights_hash()
    assert pairs_in(tmp_path) == pairs_in(done[2])
    assert replace(result, fit=None) == replace(done[1], fit=None)


def test_an_interrupted_run_resumes_to_the_same_weights(done, tmp_path, monkeypatch) -> None:
    whole = PairBatches.__call__

    def until_six(self, step: int):
        if step == 6:
            raise RuntimeError("the plug")
        return whole(self, step)

    monkeypatch.setattr(PairBatches, "__call__", until_six)
    with pytest.raises(RuntimeError, match="plug"):
        aligned(tmp_path)
    monkeypatch.undo()
    model, _ = aligned(tmp_path)
    assert [row["step"] for row in read_history(tmp_path / "history.jsonl")] == list(range(1, 13))
    assert model.weights_hash() == done[0].weights_hash()


def test_a_run_on_other_pairs_does_not_resume(done, tmp_path) -> None:
    aligned(tmp_path)
    with pytest.raises(UsageError, match="data="):
        aligned(tmp_path, replace(CONFIG, seed=1))


@pytest.mark.parametrize("reads", list(Reads))
def test_the_cached_reference_equals_the_model_run_anew(reads) -> None:
    model = tiny(reads)
    preferences = [
        Preference(f"study {i % 4}", "No. " * (1 + i), "Yes. " * (40 - i), 1.0, 0.0) for i in range(35)
    ]
    pairs = PairBatches(model, ITEMS, preferences, 8, seed=3)
    pairs.cache_reference()
    assert pairs.reference.shape == (35, 2)
    with torch.no_grad():
        for step in range(5):
            batch = pairs(step)
            again, _ = answer_log_probabilities(model, batch)
            torch.testing.assert_close(batch.reference_BK, again, rtol=1e-5, atol=1e-3)


def test_every_pair_comes_once_an_epoch() -> None:
    preferences = [Preference("study 0", "No.", "Yes. " * i, 1.0, 0.0) for i in range(1, 9)]
    pairs = PairBatches(tiny(), ITEMS, preferences, 4, seed=0)
    lengths = [(pairs(step).part_BT == 2).sum(1).tolist() for step in range(4)]
    assert sorted(lengths[0] + lengths[1]) == sorted(lengths[2] + lengths[3])
    assert len(set(lengths[0] + lengths[1])) == 8
    assert lengths[:2] != lengths[2:]


def test_a_judge_that_cannot_tell_answers_apart_is_an_error(tmp_path) -> None:
    def same(_references, candidates) -> list[Verdict]:
        return [Verdict(0.5) for _ in candidates]

    with pytest.raises(DataError, match="no pair of answers differs in score; sample more"):
        align(tiny(), ITEMS, CONFIG, tmp_path, same)
