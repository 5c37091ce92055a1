import io
import sys
from types import SimpleNamespace

import pytest

from hilum.cli.inputs import at_least, did_you_mean, tasks
from hilum.errors import UsageError
from hilum.study import Task


def test_a_number_below_the_least_is_misuse():
    at_least("--n", 1)
    at_least("--limit", None)
    with pytest.raises(UsageError, match="--n: is 0; give 1 or more"):
        at_least("--n", 0)


def test_only_a_word_that_is_close_is_suggested():
    assert did_you_mean("Reprot", ["report", "ask"]) == "did you mean report? "
    assert did_you_mean("haruspicy", ["report", "ask"]) == ""


def test_tasks_by_name():
    assert tasks(["vqa_open", "progression"]) == [Task.VQA_OPEN, Task.PROGRESSION]
    assert tasks([]) == []
    with pytest.raises(UsageError, match=r"^--task: is not a task; choose from findings_generation, "):
        tasks([""])


def test_a_report_may_come_from_standard_input(monkeypatch):
    from hilum.cli.inputs import checked_report

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"Small left pleural effusion.")))
    assert checked_report("-", "report text") == "Small left pleural effusion."
