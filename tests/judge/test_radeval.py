"""RadEval's networks as judges; they cannot be downloaded here, so what is made of their values is tested."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

import pytest

from hilum.errors import DataError, UsageError
from hilum.judge import named_judge, radeval
from hilum.judge.radeval import RADEVAL_JUDGES
from hilum.study import State
from judge.judges import EFFUSION, MASS

THERE = find_spec("radeval") is not None


@pytest.mark.skipif(THERE, reason="RadEval is installed")
@pytest.mark.parametrize("name", RADEVAL_JUDGES)
def test_without_radeval_the_error_names_the_extra(name) -> None:
    with pytest.raises(UsageError, match=r"hilum\[metrics\]"):
        named_judge(name)


@pytest.fixture
def values(monkeypatch):
    """A module in RadEval's place that gives these values, and counts how often its networks are loaded."""
    given = {"values": [], "loaded": []}

    class RadEval:
        def __init__(self, *, metrics, per_sample, **_) -> None:
            given["loaded"] += metrics
            self.names = [value for metric, value in RADEVAL_JUDGES.values() if [metric] == metrics]
            assert per_sample

        def __call__(self, *, refs, hyps):
            assert len(refs) == len(hyps)
            return {name: list(given["values"]) for name in self.names}

    module = ModuleType("radeval")
    module.__spec__ = ModuleSpec("radeval", None)
    module.RadEval = RadEval
    monkeypatch.setitem(sys.modules, "radeval", module)
    monkeypatch.setattr(radeval, "version", lambda _: "2.2.0")
    return given


@pytest.mark.parametrize("name", RADEVAL_JUDGES)
def test_values_are_cut_to_0_and_1_and_nan_is_a_failure(name, values) -> None:
    judge = named_judge(name)
    values["values"] = [0.25, -0.125, 1.5, float("nan")]
    candidates = [f"Mass number {number}." for number in range(4)]
    verdicts = judge([EFFUSION] * 4, candidates)
    assert [verdict.value for verdict in verdicts] == [0.25, 0.0, 1.0, None]
    assert verdicts[3].state is State.UNPARSABLE
    judge([MASS] * 4, candidates)
    assert values["loaded"] == [RADEVAL_JUDGES[name][0]], "the network is loaded once"


def test_values_that_are_not_one_for_each_pair_are_refused(values) -> None:
    values["values"] = [0.5]
    with pytest.raises(DataError, match="1 values of 2 pairs"):
        named_judge("radgraph")([EFFUSION] * 2, [MASS, EFFUSION])


def test_the_version_of_radeval_is_part_of_the_judge(values, monkeypatch) -> None:
    before = named_judge("radgraph").identity
    monkeypatch.setattr(radeval, "version", lambda _: "2.3.0")
    assert named_judge("radgraph").identity != before
