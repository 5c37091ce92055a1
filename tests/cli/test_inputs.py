import io
import sys
from types import SimpleNamespace

import pytest

from hilum.cli.inputs import MAX_WORDS, at_least, did_you_mean, read_lines, tasks
from hilum.errors import DataError, UsageError
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


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        (b"a\nb\n", ["a", "b"]),
        (b"a\nb", ["a", "b"]),
        (b"\xef\xbb\xbfa\r\nb\r\n", ["a", "b"]),
        (b"a\n\nb\n", ["a", "", "b"]),
        ("a\u2028still a\x0bstill a\n".encode(), ["a\u2028still a\x0bstill a"]),
    ],
)
def test_one_report_per_line_and_only_newlines_end_lines(tmp_path, written, lines):
    path = tmp_path / "reports.txt"
    path.write_bytes(written)
    assert read_lines(path) == lines


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (b"", "holds no report"),
        (b" \n\n", "holds no report"),
        (b"effusion \xff", "is not UTF-8 text"),
        (b"fine\n" + b"word " * (MAX_WORDS + 1), "line 2: has 5,001 words"),
    ],
)
def test_what_is_not_reports_is_refused_with_the_files_name(tmp_path, written, says):
    path = tmp_path / "reports.txt"
    path.write_bytes(written)
    with pytest.raises(DataError, match=says) as caught:
        read_lines(path)
    assert caught.value.thing.startswith(str(path))


def test_a_report_may_come_from_standard_input(monkeypatch):
    from hilum.cli.inputs import checked_report

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"Small left pleural effusion.")))
    assert checked_report("-", "report text") == "Small left pleural effusion."
