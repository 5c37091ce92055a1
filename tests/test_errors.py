import pickle
from pathlib import Path

import pytest

from hilum.errors import DataError, HilumError, UsageError


def test_an_error_reads_thing_problem_remedy():
    assert str(DataError("a.png", "is truncated", "copy it again")) == "a.png: is truncated; copy it again"


def test_an_error_without_a_remedy_ends_with_the_problem():
    assert str(DataError("a.png", "is truncated")) == "a.png: is truncated"


def test_a_path_is_named_as_the_user_would_name_it():
    assert DataError(Path("data") / "a.png", "is truncated").thing == "data/a.png"


@pytest.mark.parametrize(("kind", "status"), [(HilumError, 1), (DataError, 1), (UsageError, 2)])
def test_usage_and_data_are_told_apart_by_exit_status(kind, status):
    assert kind("thing", "problem").exit_status == status


@pytest.mark.parametrize("kind", [DataError, UsageError])
def test_an_error_survives_the_trip_from_a_worker_process(kind):
    error = kind("a.png", "is truncated", "copy it again")
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is kind
    assert (back.thing, back.problem, back.remedy) == (error.thing, error.problem, error.remedy)
    assert str(back) == str(error)
