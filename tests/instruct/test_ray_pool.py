"""A Ray cluster works as worker processes do: in order, not far ahead, with the errors of the work itself."""

from __future__ import annotations

import os
import sys

import pytest

from hilum.errors import DataError, UsageError
from hilum.instruct import build
from hilum.instruct.pool import AHEAD
from hilum.instruct.ray_pool import RayWorkers
from hilum.sources import SOURCES, Source, SourceSpec
from instruct.helpers import Film, fail, study, view


@pytest.fixture(scope="module")
def cluster():
    """Two processors on loopback, gone with the tests."""
    with RayWorkers("local", 2) as workers:
        yield workers


def test_results_come_in_the_order_of_the_work_which_is_not_read_far_ahead(cluster):
    taken = []

    def items():
        for number in range(40):
            taken.append(number)
            yield number

    for done, result in enumerate(cluster.map(_square, items())):
        assert result == done**2
        assert len(taken) <= done + AHEAD * 2 + 1
    assert len(taken) == 40


def test_an_error_of_the_work_is_raised_as_it_is(cluster):
    with pytest.raises(DataError, match="film: is broken; fix it"):
        list(cluster.map(fail, [1]))


def test_a_worker_that_ends_without_an_answer_is_an_error(cluster):
    with pytest.raises(DataError, match="ray worker: ended without an answer"):
        list(cluster.map(os._exit, [3]))


def test_a_build_on_a_cluster_is_that_of_one_process(cluster, tmp_path, monkeypatch):
    def some(_):
        for k in range(150):
            films = (view(f"{k}", Film(k)),) if k % 2 else ()
            yield study(f"s{k}", f"p{k // 2}", views=films, regions=())

    monkeypatch.setitem(SOURCES, "folder", Source("folder", "made", "none", "free", "none", some, True))
    for name, ray in (("one", None), ("ray", "local")):
        build([SourceSpec("folder")], tmp_path / name, size=24, workers=1, progress=False, ray=ray)
    one, other = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("one", "ray")
    )
    assert one == other


def test_without_ray_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"needs Ray; pip install 'hilum\[ray\]'"):
        RayWorkers("local")


def _square(number: int) -> int:
    return number**2
