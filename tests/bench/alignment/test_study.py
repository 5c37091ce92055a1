"""A study tells what its policies did: same start, paired figures, words that grew, nothing done twice."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from align.prompt_helpers import Judging
from bench.alignment.helpers import CONFIG, PAID, PAYS, PROMPTS, evaluation, schooled
from hilum.align import Algorithm, Reports
from hilum.bench.alignment import Cell, StudyResult, TaxRow, study
from hilum.bench.alignment.evaluation import FIGURES
from hilum.bench.alignment.study import grown
from hilum.bench.alignment.study_result import CellResult
from hilum.bench.intervals import Estimate
from hilum.errors import UsageError
from hilum.judge import named_judge

module = sys.modules["hilum.bench.alignment.study"]  # hidden behind the function of that name

FACTS = Reports(named_judge("facts"))
CELLS = [
    Cell(Algorithm.DPO, "pays", 0.05),
    Cell(Algorithm.GRPO, "pays", 0.05),
    Cell(Algorithm.DPO, "pays", 0.05, length_control=True),
]


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> tuple[StudyResult, object]:
    store = tmp_path_factory.mktemp("study")
    return study(PROMPTS, evaluation(store), CELLS, {"pays": PAYS}, CONFIG, store), store


def test_every_cell_begins_at_the_start_where_nothing_has_moved(done) -> None:
    result, _ = done
    for one in result.cells:
        assert [point.step for point in one.points] == [0, 6, 12, 18, 24]
        assert one.points[0].figures["kl"].value == 0
        assert one.points[0] == result.cells[0].points[0]
        assert one.points[-1].figures["kl"].value > 0


def test_reward_rises_by_the_word_that_is_paid_for(done) -> None:
    for one in done[0].cells:
        assert one.changes["reward"].above_zero, one.cell.name
        assert PAID in {word.word for word in one.words}
        assert one.sentence.startswith("reward up")
        assert all(word.after > word.before for word in one.words)


def test_changes_are_the_last_point_less_the_first(done) -> None:
    for one in done[0].cells:
        for name in FIGURES:
            first, last = (one.points[place].figures[name].value for place in (0, -1))
            assert one.changes[name].value == pytest.approx(last - first)
        gap = one.changes[one.cell.optimised].value - one.changes["truth"].value
        assert one.changes["gap"].value == pytest.approx(gap)


def test_a_study_given_again_does_nothing_twice(done, monkeypatch) -> None:
    result, store = done
    monkeypatch.setattr(module, "align", lambda *_: pytest.fail("aligned again"))
    judge = Judging("pays", PAYS.judge)
    again = study(PROMPTS, evaluation(store), CELLS, {"pays": Reports(judge)}, CONFIG, store)
    assert again == result
    assert judge.asked == []


def test_a_study_that_lost_a_cell_makes_it_again_of_what_is_there(done, monkeypatch) -> None:
    result, store = done
    (lost, *_) = [p for p in store.glob("cell-*.json") if '"grpo"' in p.read_text()]
    lost.unlink()
    monkeypatch.setattr("hilum.bench.alignment.evaluation.generate", lambda *_: pytest.fail("asked again"))
    judge = Judging("pays", PAYS.judge)
    assert study(PROMPTS, evaluation(store), CELLS, {"pays": Reports(judge)}, CONFIG, store) == result
    assert judge.asked == []


def test_another_seed_is_another_study(done) -> None:
    _, store = done
    before = len(list(store.glob("cell-*.json")))
    config = replace(CONFIG, fit=replace(CONFIG.fit, steps=2))
    study(PROMPTS, evaluation(store, seed=1), CELLS[:1], {"pays": PAYS}, config, store)
    assert len(list(store.glob("cell-*.json"))) == before + 1


def test_results_survive_json(done) -> None:
    estimate = Estimate(0.1, -0.2, 0.4, 5)
    row = TaxRow("view", 5, 5, estimate, estimate, estimate, None, None, "no difference shown")
    result = replace(done[0], cells=tuple(replace(one, tax=(row,)) for one in done[0].cells))
    assert StudyResult.from_json(json.loads(json.dumps(result.to_json(), allow_nan=False))) == result


def test_rounds_are_measured_one_after_the_other(tmp_path) -> None:
    config = replace(CONFIG, rounds=2, fit=replace(CONFIG.fit, steps=4))
    result = study(PROMPTS, evaluation(tmp_path), CELLS[1:2], {"pays": PAYS}, config, tmp_path)
    assert [point.step for point in result.cells[0].points] == [0, 1, 2, 3, 4, 5, 6, 7, 8]


def test_kl_is_that_of_the_answers_own_probabilities(tmp_path) -> None:
    """Of a policy that is the start with a colder last layer; measured by hand on the answers' tokens."""
    start = schooled()
    policy = schooled()
    with torch.no_grad():
        for name, p in policy.network.named_parameters():
            if "vision" not in name and p.ndim == 1:
                p.mul_(1.1)
    one = evaluation(tmp_path, start=start)
    measured = one.measure(policy, FACTS)
    rows, _ = one._rows(policy, FACTS)
    for row, kl in zip(rows, measured.figures["kl"], strict=True):
        assert kl == pytest.approx(row["log_probability"] - row["start_log_probability"])
        assert row["log_probability"] < 0
    assert measured.figures["kl"].std() > 0
    assert np.array_equal(measured.figures["kl"], one.measure(policy, FACTS).figures["kl"])


def test_truth_is_unknown_where_the_study_s_facts_are(tmp_path) -> None:
    one = evaluation(tmp_path, exact=False)
    assert np.isnan(one.measure(one.start, FACTS).figures["truth"]).all()
    config = replace(CONFIG, fit=replace(CONFIG.fit, steps=2))
    result = study(PROMPTS, one, CELLS[:1], {"pays": PAYS}, config, tmp_path)
    assert not result.cells[0].knows_truth
    assert "not known" in result.cells[0].sentence


STILL = "not shown to move"


@pytest.mark.parametrize(
    ("reward", "truth", "gap", "sentence"),
    [
        ((0.1, 0.3), (-0.3, -0.1), (0.2, 0.6), "reward up, truth down: the judge was gamed"),
        (
            (0.1, 0.3),
            (-0.1, 0.1),
            (0.1, 0.3),
            f"reward up, truth {STILL}: reward moved ahead of truth",
        ),
        ((0.1, 0.3), (0.1, 0.3), (-0.1, 0.1), "reward up, truth up: no gap shown"),
        ((-0.3, -0.1), (-0.4, -0.2), (0.1, 0.2), "reward down, truth down: worse even by its own judge"),
        ((-0.1, 0.3), (-0.3, -0.1), (-0.1, 0.4), "reward not shown to move, truth down: no gap shown"),
        (
            (None, None),
            (None, None),
            (None, None),
            f"reward {STILL}, truth {STILL}: no gap shown",
        ),
    ],
)
def test_the_sentence_follows_the_intervals(reward, truth, gap, sentence) -> None:
    sides = {"reward": reward, "truth": truth, "gap": gap}
    changes = {name: Estimate(0.0, *ends, 9) for name, ends in sides.items()}
    assert CellResult(CELLS[0], (), changes, (), 9).sentence == sentence


def test_words_that_grew_are_counted_per_hundred_answers() -> None:
    found = grown(["No mass.", "no nodule"], ["Mass, mass.", "mass no", "2 masses", "x"])
    assert [(w.word, w.before, w.after) for w in found] == [("mass", 50, 75), ("masses", 0, 25), ("x", 0, 25)]


def test_what_a_study_cannot_show_is_refused(tmp_path) -> None:
    one = evaluation(tmp_path)
    with pytest.raises(UsageError, match="counts epochs"):
        study(PROMPTS, one, CELLS, {"pays": PAYS}, replace(CONFIG, epochs=1.0), tmp_path)
    with pytest.raises(UsageError, match="is no judge of the study"):
        study(PROMPTS, one, CELLS, {"facts": FACTS}, CONFIG, tmp_path)
