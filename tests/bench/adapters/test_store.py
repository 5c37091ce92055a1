"""Stored answers: asked once, whatever kills the run; what crashed is asked again."""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.adapters.helpers import films
from hilum.bench.adapters import Adapter, Failure, Kind, Question, Reply, Stored
from hilum.bench.adapters import store as store_module
from hilum.errors import DataError, UsageError


class Counting:
    """Answers by a question's prompt, and counts how often it was asked."""

    def __init__(self, name: str = "counting") -> None:
        self.name, self.asked, self.broken = name, [], True

    def answer(self, questions):
        self.asked += [question.id for question in questions]
        return [self._one(question) for question in questions]

    def _one(self, question: Question) -> Reply:
        if question.prompt == "crash" and self.broken:
            return Reply("", failure=Failure.CRASHED, detail="down")
        if question.prompt == "long":
            return Reply("word " * 9, failure=Failure.TOO_LONG)
        return Reply(f"{question.prompt} — ü\n", boxes=((0.1, 0.2, 0.3, 0.4),), detail="d")

    def loglikelihood(self, questions):
        self.asked += [question.id for question in questions]
        return [tuple(-float(len(option)) for option in question.options) for question in questions]

    def describe(self):
        return {"model": self.name}


def texts(*prompts: str) -> list[Question]:
    return [Question(str(i), Kind.TEXT, prompt) for i, prompt in enumerate(prompts)]


def test_a_rerun_asks_nothing_and_gives_the_same(tmp_path) -> None:
    path = tmp_path / "deep" / "answers.jsonl"
    first, again = Counting(), Counting()
    questions = texts("one", "long", "three", "one")
    stored = Stored(first, path)
    assert isinstance(stored, Adapter)
    given = stored.answer(questions)
    assert given == Counting().answer(questions)
    assert len(first.asked) == 3, "the same question twice is asked once"
    assert Stored(again, path).answer(list(reversed(questions))) == list(reversed(given))
    assert again.asked == []


def test_likelihoods_are_kept_apart_from_answers(tmp_path) -> None:
    path = tmp_path / "answers.jsonl"
    questions = [Question("1", Kind.CHOICE, "?", options=("yes", "no"))]
    Stored(Counting(), path).answer(questions)
    counting = Counting()
    assert Stored(counting, path).loglikelihood(questions) == [(-3.0, -2.0)]
    assert counting.asked == ["1"]
    assert Stored(counting, path).loglikelihood(questions) == [(-3.0, -2.0)]
    assert counting.asked == ["1"]


def test_what_crashed_is_asked_again(tmp_path) -> None:
    counting = Counting()
    stored = Stored(counting, tmp_path / "answers.jsonl")
    assert [reply.failure for reply in stored.answer(texts("good", "crash"))] == [None, Failure.CRASHED]
    counting.broken = False
    assert [reply.failure for reply in stored.answer(texts("good", "crash"))] == [None, None]
    assert counting.asked == ["0", "1", "1"]


def test_the_key_is_the_content(tmp_path) -> None:
    here, other = films(tmp_path)
    moved = tmp_path / "moved.png"
    moved.write_bytes(here.read_bytes())
    counting = Counting()
    stored = Stored(counting, tmp_path / "answers.jsonl")
    question = Question("1", Kind.CHOICE, "?", (here,), ("yes", "no"), "task", {"disease": "edema"})
    stored.answer([question])
    stored.answer([replace(question, id="2"), replace(question, images=(moved,))])
    assert counting.asked == ["1"], "neither its number nor where the film lies matters"
    changed = [
        replace(question, images=(other,)),
        replace(question, images=(here, other)),
        replace(question, images=()),
        replace(question, options=("no", "yes")),
        replace(question, prompt="!"),
        replace(question, kind=Kind.TEXT),
        replace(question, task="other"),
        replace(question, fields={"disease": "mass"}),
        replace(question, images=(Path("missing.png"),)),
    ]
    stored.answer(changed)
    assert len(counting.asked) == 1 + len(changed)
    Stored(Counting("another model"), stored.path).answer([question])
    film = here.read_bytes()
    here.write_bytes(other.read_bytes() + film)
    stored.answer([question])
    assert len(counting.asked) == 2 + len(changed), "a film that was changed is another film"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(min_value=0, max_value=10_000))
def test_a_file_cut_anywhere_goes_on(cut, tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("cut") / "answers.jsonl"
    questions = texts("one", "two", "long", "four")
    whole = Stored(Counting(), path).answer(questions)
    size = path.stat().st_size
    os.truncate(path, min(cut, size))
    assert Stored(Counting(), path).answer(questions) == whole
    assert Stored(again := Counting(), path).answer(questions) == whole
    assert again.asked == []
    assert path.stat().st_size == size


class Dying(Counting):
    """Kills its process without a warning while it answers the third batch."""

    def answer(self, questions):
        if len(self.asked) >= 2 * store_module.BATCH:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().answer(questions)


def test_a_killed_run_goes_on(tmp_path) -> None:
    questions = texts(*(f"q{i}" for i in range(200)))
    stored = Stored(Dying(), tmp_path / "answers.jsonl")
    child = multiprocessing.get_context("fork").Process(target=stored.answer, args=(questions,))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    counting = Counting()
    assert Stored(counting, stored.path).answer(questions) == Counting().answer(questions)
    assert len(counting.asked) == 200 - 2 * store_module.BATCH


def test_what_is_not_hilum_s_is_left_alone(tmp_path) -> None:
    path = tmp_path / "notes.jsonl"
    path.write_text('{"mine": 1}\n')
    with pytest.raises(UsageError, match="nothing in it says that Hilum wrote it"):
        Stored(Counting(), path)
    assert path.read_text() == '{"mine": 1}\n'


def test_a_damaged_line_is_named(tmp_path) -> None:
    path = tmp_path / "answers.jsonl"
    Stored(Counting(), path).answer(texts("one", "two"))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "###", lines[2], ""]))
    with pytest.raises(DataError, match="line 2"):
        Stored(Counting(), path)


def test_an_adapter_that_loses_answers_is_named(tmp_path) -> None:
    counting = Counting()
    counting.answer = lambda questions: []
    with pytest.raises(DataError, match="0 answers to 1 questions"):
        Stored(counting, tmp_path / "answers.jsonl").answer(texts("one"))
