"""A benchmark ends well whatever the studies lack, and what is finished is never lost."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from bench.helpers import item
from hilum.bench import asked as asking
from hilum.bench.asked import Asked, join
from hilum.bench.intervals import Bootstrap
from hilum.bench.population import Choice, Population, Trained
from hilum.bench.run import _figure, run
from hilum.bench.saved import Sums, gathered, scored
from hilum.bench.tasks import TASKS
from hilum.errors import DataError, UsageError
from hilum.instruct import Shards, build
from hilum.model import Model, ModelConfig, Vocabulary, Writes
from hilum.model.answer import Answer
from hilum.sources import SourceSpec
from hilum.study import Split, Task
from hilum.tokenizer import ImageTokenizer, TokenizerConfig

module = sys.modules["hilum.bench.run"]  # hidden behind the function of that name

TEXTS = ("Small left pleural effusion. No pneumothorax.", "Is there an effusion? Yes. No. PA AP LATERAL")


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> Shards:
    folder = tmp_path_factory.mktemp("bench") / "data"
    return build(
        [SourceSpec("phantom")], folder, size=64, limit=40, workers=1, progress=False, measuring=True
    )


def tiny(writes: Writes = Writes.CODES) -> Model:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = TokenizerConfig(image_size=64, grid=2, levels=(4, 4), width=16, blocks=1, fold=16)
        tokenizer = ImageTokenizer(config).eval()
    vocabulary = Vocabulary.learn(TEXTS, n_codes=tokenizer.n_codes, size=400)
    sizes = {"image_size": 64, "patch": 32, "width": 32, "depth": 1, "vision_width": 32, "vision_depth": 1}
    config = ModelConfig(writes=writes, vocabulary_size=400, **sizes)
    return Model.new(config, vocabulary, tokenizer if config.needs_codes else None, name="tiny")


@pytest.fixture(scope="module")
def whole(shards):
    kept = []
    result = run(tiny(), shards, choice=Choice.ALL, limit=6, seed=13, keep=kept.append, progress=False)
    return result, kept


def test_every_figure_stands_beside_its_baselines(whole, shards):
    result, _ = whole
    assert {figure.name for figure in result.figures} | {s.name for s in result.skipped} == {
        entry.name for entry in TASKS
    }
    for figure in result.figures:
        assert figure.title
        assert figure.estimate.n > 0
        assert "majority" in figure.baselines
        assert ("no_image" in figure.baselines) == (figure.name != "summary_finding_f1"), figure.name
    assert result.figure("vqa_closed").estimate.n == result.figure("vqa_open").estimate.n == 6
    assert result.figure("vqa").estimate.n == 12
    assert result.drawing.right_codes.n == 6
    assert result.reconstruction.psnr.n == sum(len(shards.image_ids(split)) for split in Split)
    assert {row.task for row in result.findings} == {Task.FINDINGS, Task.BINARY, Task.VQA_CLOSED}
    [count] = result.measured.counts
    assert (count.studies, result.measured.phantom_only, result.complete) == (40, True, True)
    protocol = result.protocol
    assert (protocol["seed"], protocol["limit_per_task"], protocol["split"]) == (13, 6, "all")
    assert protocol["studies"] == {"phantom": 40}
    assert protocol["patients"] == len(count.patients)
    assert "Wilson" in protocol["interval_of_sensitivity_and_specificity"]


def test_the_questions_for_single_diseases_are_asked_for_probabilities_too(whole):
    result, _ = whole
    assert sum(one.observed.n for one in result.probabilities.bins) == 6


def test_every_figure_follows_from_its_items(whole):
    """What the file of items says is what the report says."""
    result, _ = whole
    found = gathered("tiny", result.protocol, result.items)
    assert list(found.items) == [figure.name for figure in result.figures]
    assert found.versions == {figure.name: figure.version for figure in result.figures}
    assert result.protocol["tasks"].items() >= found.versions.items()
    assert set(result.protocol["versions"]) == {"hilum", "torch", "transformers", "numpy", "python"}
    for figure in result.figures:
        known = [item for item in found.items[figure.name].values() if scored(item)]
        value = Sums.of(known).statistic(np.ones((1, len(known))))[0]
        assert value == pytest.approx(figure.estimate.value, nan_ok=True)


def test_it_tells_after_every_task_what_is_finished(whole):
    result, kept = whole
    counts = [len(part.figures) for part in kept]
    assert counts == sorted(counts)
    assert counts[0] == 4, "the four figures of reports come first"
    assert [part.complete for part in kept] == [False] * (len(kept) - 1) + [True]
    assert kept[-1] is result
    for part in kept[:-1]:
        assert part.skipped == ()
        for figure in part.figures:
            assert figure == result.figure(figure.name)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("broken")])
def test_what_is_finished_outlives_what_breaks_later(shards, monkeypatch, error):
    honest, calls = module.ask_all, []

    def breaks(*words):
        calls.append(words)
        if len(calls) == 3:
            raise error
        return honest(*words)

    monkeypatch.setattr(module, "ask_all", breaks)
    kept = []
    with pytest.raises(type(error)):
        run(tiny(), shards, choice=Choice.ALL, limit=4, keep=kept.append, baselines=False, progress=False)
    assert len(kept) == 2
    assert [figure.name for figure in kept[-1].figures] == [
        "finding_f1",
        "fact_f1",
        "judge_score",
        "length",
        "impression_finding_f1",
    ]
    assert not kept[-1].complete


def test_a_task_without_questions_is_skipped_and_said(shards, monkeypatch):
    honest = Population.conversations

    def few(self, task):
        return honest(self, task) if task in (Task.VIEW, Task.VQA_OPEN) else iter(())

    monkeypatch.setattr(Population, "conversations", few)
    result = run(tiny(), shards, choice=Choice.ALL, limit=4, progress=False)
    assert [figure.name for figure in result.figures] == ["vqa", "vqa_open", "view"]
    reasons = {skipped.name: skipped.reason for skipped in result.skipped}
    assert reasons["vqa_closed"] == "no question of vqa_closed about these studies"
    assert reasons["drawing"] == "no question of report_to_image about these studies"
    assert len(reasons) == len(TASKS) - 3 + 1
    assert result.alignment is None


def test_a_model_that_draws_nothing_is_measured_on_the_rest(shards):
    result = run(tiny(Writes.NOTHING), shards, choice=Choice.ALL, limit=2, baselines=False, progress=False)
    reasons = {skipped.name: skipped.reason for skipped in result.skipped}
    assert reasons["drawing"] == "the model draws no pictures"
    assert reasons["reconstruction"] == "the model has no image tokenizer"
    assert result.drawing is None
    assert result.figures
    assert all(not figure.baselines for figure in result.figures)


def test_chosen_tasks_alone_are_measured(shards):
    kept = []
    result = run(
        tiny(), shards, tasks=[Task.VIEW], choice=Choice.ALL, limit=3, keep=kept.append, progress=False
    )
    assert [figure.name for figure in result.figures] == ["view"]
    assert (result.skipped, result.drawing, result.reconstruction) == ((), None, None)
    drawn = run(tiny(), shards, tasks=[Task.DRAW], choice=Choice.ALL, limit=3, progress=False)
    assert (drawn.figures, drawn.drawing.right_codes.n) == ((), 3)
    assert drawn.reconstruction is not None
    with pytest.raises(UsageError, match="no figure"):
        run(tiny(), shards, tasks=[Task.TEXT], progress=False)


def test_without_any_question_that_is_said(shards):
    everything = Trained(frozenset(image for s in Split for image in shards.image_ids(s)), frozenset())
    with pytest.raises(DataError, match="holds no question of the chosen tasks"):
        run(tiny(), shards, tasks=[Task.VIEW], choice=Choice.UNSEEN, trained=everything, progress=False)


def test_before_and_after_alignment_are_paired_on_the_judged_questions_alone(shards):
    model = tiny()
    result = run(
        model,
        shards,
        tasks=[Task.FINDINGS, Task.VIEW],
        choice=Choice.ALL,
        limit=3,
        judged_limit=5,
        compare=model,
        progress=False,
    )
    assert result.figure("finding_f1").estimate.n == 5
    assert result.figure("view").estimate.n == 3
    changes = {change.name: change for change in result.alignment.changes}
    assert set(changes) == {"finding_f1", "fact_f1", "judge_score", "length"}
    assert changes["length"].before == changes["length"].after
    assert changes["length"].gain.value == 0
    assert result.alignment.length_ratio.value == 1
    assert result.protocol["before_alignment"] == model.weights_hash()
    assert result.protocol["limit_of_judged_reports"] == 5
    assert result.gallery.reports[0].before == result.gallery.reports[0].written


def test_a_gain_is_measured_on_the_questions_that_were_shown_noise():
    entry = next(entry for entry in TASKS if entry.name == "view")
    items = [item(Task.VIEW, "PA", patient=f"p{i}") for i in range(6)]
    right, wrong = Answer("PA"), Answer("AP")
    asked = Asked(items, [right, wrong] * 3, [wrong] * 6, [0, 2, 4], [wrong, wrong, right])
    figure = _figure(entry, asked, entry.score(asked.items, asked.answers), seed=0)
    assert figure.estimate == Bootstrap([i.patient for i in items]).mean([1, 0, 1, 0, 1, 0])
    assert figure.baselines["majority"].gain.value == 0.5
    assert figure.baselines["no_image"].estimate.value == pytest.approx(1 / 3)
    assert figure.baselines["no_image"].gain.value == pytest.approx(2 / 3)
    assert figure.baselines["no_image"].estimate.n == 3


def test_joined_tasks_keep_the_places_of_what_was_shown_noise():
    one, two = item(Task.VQA_CLOSED, "Yes"), item(Task.VQA_OPEN, "left")
    yes, left = Answer("Yes"), Answer("left")
    joined = join(
        [Asked([one, one], [yes, left], [yes] * 2, [1], [yes]), Asked([two], [left], [left], [0], [yes])]
    )
    assert joined.noised == [1, 2]
    assert [joined.items[i].task for i in joined.noised] == [Task.VQA_CLOSED, Task.VQA_OPEN]
    assert [answer.text for answer in joined.answers] == ["Yes", "left", "left"]
    assert len(joined.noise) == 2


def test_noise_is_shown_to_some_of_the_questions_with_images(shards, monkeypatch):
    monkeypatch.setattr(asking, "NOISED", 2)
    result = run(
        tiny(), shards, tasks=[Task.VIEW, Task.SUMMARIZE], choice=Choice.ALL, limit=5, progress=False
    )
    assert result.figure("view").baselines["no_image"].estimate.n == 2
    assert result.figure("view").baselines["majority"].estimate.n == 5
    assert set(result.figure("summary_finding_f1").baselines) == {"majority"}


def test_the_seed_decides_everything(shards):
    def figures(seed):
        found = run(
            tiny(), shards, tasks=[Task.FINDINGS], choice=Choice.ALL, limit=5, seed=seed, progress=False
        )
        return found.figures

    assert figures(1) == figures(1)
    assert figures(1) != figures(2)


def test_questions_of_train_studies_stand_alone_where_a_model_is_measured(shards):
    for split in Split:
        assert all(len(talk.messages) <= 3 for talk in shards.conversations(split))
    own = {split: shards.patients(split) for split in Split}
    assert sum(own[Split.TRAIN].values()) > 20
    assert not set(own[Split.TRAIN]) & set(own[Split.TEST])
    assert np.sum([len(counts) for counts in own.values()]) == len(set().union(*own.values()))
