"""The whole audit of a model on shards, and the page and the document it leaves."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from hilum import bench
from hilum.bench.audit.measures import Kind
from hilum.bench.audit.result import Audit, AxisResult
from hilum.bench.population import Choice, Trained
from hilum.bench.result import Measured, Skipped
from hilum.errors import DataError, UsageError
from hilum.instruct import Shards, build
from hilum.model.answer import Answer
from hilum.model.likelihood import LogLikelihood
from hilum.sources import SourceSpec
from hilum.study import Split, Task

TASKS = (Task.VIEW, Task.BINARY)


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> Shards:
    folder = tmp_path_factory.mktemp("audit") / "data"
    return build(
        [SourceSpec("phantom")], folder, size=64, limit=60, workers=1, progress=False, measuring=True
    )


class Guess:
    """Answers by how bright the film is, and gives likelihoods."""

    def answer(self, prompts, **_):
        bright = [prompt.images[0].mean() > 0.45 for prompt in prompts]
        return [[Answer(("PA" if b else "AP") if "view" in str(p).lower() else ("yes" if b else "no"))]
                for p, b in zip(prompts, bright, strict=True)]  # fmt: skip

    def loglikelihood(self, prompt, options, *, closed=False):
        return [LogLikelihood(-float(prompt.images[0].mean()), 2), LogLikelihood(-0.5, 2)]


@pytest.fixture(scope="module")
def whole(shards):
    return bench.audit(Guess(), shards, tasks=TASKS, choice=Choice.ALL, min_n=8, seed=3, progress=False)


def test_every_axis_the_studies_know_is_audited(whole):
    axes = {axis.axis for axis in whole.axes}
    assert {"sex", "age", "group", "view", "sex × age", "group × view"} <= axes
    assert whole.skipped_axes == {
        "race": "no study says it",
        "scanner": "no study says it",
        "source": "all are phantom",
    }
    assert {comparison.measure for comparison in whole.comparisons} >= {"view", "binary_disease"}
    for comparison in whole.comparisons:
        assert comparison.patients >= 8
        assert 0 < comparison.p <= comparison.bh <= comparison.holm + 1e-12 <= 1 + 2e-12
        assert comparison.gap.low <= comparison.gap.value <= comparison.gap.high
    assert {odds.axis for odds in whole.odds} >= {"sex", "sex × age"}
    assert whole.calibration
    assert whole.protocol["comparisons"] == len(whole.comparisons)
    assert whole.protocol["tasks"] == {"view": 1, "binary_disease": 1}
    assert "fairlearn" in whole.protocol["versions"]
    assert whole.measured.phantom_only


def test_it_is_the_same_again_but_for_the_date(whole, shards):
    again = bench.audit(Guess(), shards, tasks=TASKS, choice=Choice.ALL, min_n=8, seed=3, progress=False)
    one, other = whole.to_json(), again.to_json()
    for document in (one, other):
        document["protocol"].pop("date")
    assert one == other


def test_page_and_document_hold_what_was_found(whole, tmp_path):
    page = bench.write_audit(whole, tmp_path).read_text(encoding="utf-8")
    document = json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))
    assert document["comparisons"] == json.loads(json.dumps(whole.to_json()["comparisons"]))
    assert len(document["rows"][0]) == len(document["columns"])
    assert whole.verdict in page
    for words in (
        "All of this is phantom",
        "race</b> is not audited",
        "too small",
        "Equalised odds",
        "Calibration",
    ):
        assert words in page
    assert "<script" not in page
    assert "http" not in page
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "audit.html").write_text("mine")
    with pytest.raises(UsageError):
        bench.require_audit_writable(tmp_path / "other")


def test_too_few_patients_for_anything_is_said(shards, tmp_path):
    found = bench.audit(Guess(), shards, tasks=TASKS[:1], choice=Choice.ALL, min_n=500, progress=False)
    assert found.comparisons == ()
    assert found.verdict == "Nothing could be compared: no group has 500 patients."
    assert all(group.rate is None for axis in found.axes for group in axis.groups)
    assert found.verdict in bench.write_audit(found, tmp_path).read_text(encoding="utf-8")


def test_the_verdict_tells_why_nothing_was_compared_and_not_why_other_tasks_were_left_out():
    answered = (AxisResult("view_classification", Kind.SCORE, "sex", (), reason="all are female"),)
    skipped = tuple(Skipped(task, task, "no question about these studies") for task in ("a", "b"))
    nobody = Measured(Choice.ALL, "", ())
    found = Audit({}, nobody, (), answered, skipped=skipped, skipped_axes={"race": "no study says it"})
    assert found.verdict == "Nothing could be compared: all are female."
    assert replace(found, axes=()).verdict == "Nothing could be compared: no study says it."
    assert "no question" in replace(found, axes=(), skipped_axes={}).verdict


def test_what_cannot_be_audited_is_refused(shards):
    with pytest.raises(UsageError, match="min_n"):
        bench.audit(Guess(), shards, min_n=1, progress=False)
    seen = Trained(frozenset(image for split in Split for image in shards.image_ids(split)), frozenset())
    with pytest.raises(DataError, match="no question"):
        bench.audit(Guess(), shards, tasks=TASKS, choice=Choice.UNSEEN, trained=seen, progress=False)
