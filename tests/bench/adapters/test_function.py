"""A Python function as a model: whatever it gives or raises is a state of that question alone."""

from __future__ import annotations

import sys

import pytest

from hilum.bench.adapters import Adapter, Failure, Kind, Question, Reply
from hilum.bench.adapters.function import PythonFunction, named
from hilum.errors import UsageError


def ask(*prompts: str) -> list[Question]:
    return [Question(str(i), Kind.TEXT, prompt) for i, prompt in enumerate(prompts)]


def strange(question: Question):
    match question.prompt:
        case "crash":
            raise RuntimeError("out of paper")
        case "nothing":
            return None
        case "blank":
            return "  \n"
        case "number":
            return 3
        case "whole":
            return Reply("a box", boxes=((0.0, 0.0, 0.5, 0.5),))
    return "Ein Befund auf Deutsch. " * 1000 if question.prompt == "german" else "fine"


def test_every_way_to_fail_is_a_state() -> None:
    replies = PythonFunction(strange).answer(
        ask("good", "crash", "nothing", "blank", "number", "whole", "german", "good")
    )
    states = [reply.failure for reply in replies]
    crashed, empty = Failure.CRASHED, Failure.EMPTY
    assert states == [None, crashed, empty, empty, crashed, None, None, None]
    assert replies[1].detail == "RuntimeError: out of paper"
    assert "int" in replies[4].detail
    assert replies[5].boxes


def test_an_interrupt_is_no_failure() -> None:
    def interrupted(_: Question) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        PythonFunction(interrupted).answer(ask("1"))


@pytest.mark.parametrize("error", [SystemExit, GeneratorExit])
def test_a_function_that_ends_itself_ends_nothing_else(error) -> None:
    def ending(question: Question) -> str:
        if question.prompt == "end":
            raise error
        return "fine"

    first, second = PythonFunction(ending).answer(ask("end", "go on"))
    assert (first.failure, second.text) == (Failure.CRASHED, "fine")
    assert first.detail.startswith(error.__name__)


def test_likelihoods_are_refused() -> None:
    with pytest.raises(UsageError, match="gives no likelihoods"):
        PythonFunction(strange).loglikelihood(ask("1"))


@pytest.fixture
def module(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_models_for_test.py").write_text(
        "def first(question):\n    return question.options[0]\n\n"
        "from hilum.bench.adapters.function import PythonFunction\n"
        "whole = PythonFunction(first, 'whole')\nnumber = 3\n"
    )
    (tmp_path / "my_script_for_test.py").write_text("raise SystemExit(0)")


@pytest.mark.usefixtures("module")
def test_a_function_is_found_by_name() -> None:
    first = named("my_models_for_test:first")
    assert isinstance(first, Adapter)
    [reply] = first.answer([Question("1", Kind.CHOICE, "?", options=("yes", "no"))])
    assert reply.text == "yes"
    assert first.describe()["model"] == "my_models_for_test:first"
    assert first.describe()["source"] != "unknown"
    assert named("my_models_for_test:whole").describe()["model"] == "whole"


@pytest.mark.usefixtures("module")
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("my_models_for_test", "names no function"),
        ("my_models_for_test:gone", "cannot be imported"),
        ("no_such_module:gone", "cannot be imported"),
        ("my_script_for_test:main", "cannot be imported .SystemExit: 0"),
        ("my_models_for_test:number", "is a int"),
        ("my_models_for_test:PythonFunction", "is a class; name an object of it"),
    ],
)
def test_a_wrong_name_is_refused(text, problem) -> None:
    with pytest.raises(UsageError, match=problem):
        named(text)


def test_boxes_are_read_from_its_words_as_from_any_model_s() -> None:
    [reply] = PythonFunction(lambda question: "(10,20),(35,100)").answer([Question("1", Kind.BOX, "Where?")])
    assert reply == Reply("(10,20),(35,100)", ((0.1, 0.2, 0.35, 1.0),))


def test_an_edit_of_what_a_function_uses_is_another_model(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = []
    for letter in "AB":
        (tmp_path / "used_for_test.py").write_text(f'SAID = "({letter})"\ndef says(question): return SAID\n')
        monkeypatch.delitem(sys.modules, "used_for_test", raising=False)
        said.append(named("used_for_test:says").describe()["source"])
    assert said[0] != said[1]
