"""Judges behind an endpoint: whatever it does, no failure is a score, and nothing is paid twice."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import Counter

import pytest

from chat_server import Answer, serving
from hilum import endpoint as module
from hilum.errors import UsageError
from hilum.judge import Judge, named_judge
from hilum.study import State
from judge.judges import EFFUSION
from judge.test_green_parser import WHOLE

KEY = "sk-secret-of-the-test"
CANDIDATES = [f"Small left pleural effusion. Number {n}." for n in range(24)]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(module, "BACKOFF", 0.001)


def green(url, cache=None, **options) -> Judge:
    return named_judge("green", endpoint=f"{url}#m", cache=cache, **{"retries": 1, **options})


def judged(judge, candidates=CANDIDATES) -> list[State]:
    verdicts = judge([EFFUSION] * len(candidates), candidates)
    assert all((verdict.value is None) == (verdict.state is not State.SCORED) for verdict in verdicts)
    return [verdict.state for verdict in verdicts]


BAD = {
    "down": (Answer(status=503, body="<html>down</html>"), State.FAILED),
    "garbage": (Answer(body="{garbage"), State.FAILED),
    "HTML": (Answer(body="<html>Log in</html>"), State.FAILED),
    "HTML as an answer": (Answer("<html>Log in</html>"), State.UNPARSABLE),
    "another language": (Answer("Der Befund ist gleich."), State.UNPARSABLE),
    "empty": (Answer(None), State.UNPARSABLE),
    "cut off": (Answer(WHOLE, finish="length"), State.TOO_LONG),
    "context": (Answer(status=400, body={"error": {"message": "maximum context length"}}), State.TOO_LONG),
    "refused": (Answer(None, refusal="No."), State.REFUSED),
    "filtered": (Answer("", finish="content_filter"), State.REFUSED),
}


@pytest.mark.parametrize("name", BAD)
def test_nothing_bad_is_a_score(name) -> None:
    answer, state = BAD[name]
    with serving(lambda *_: answer) as server:
        assert judged(green(server.url), CANDIDATES[:2]) == [state] * 2


def test_a_run_through_trouble_is_finished_by_runs_and_pays_each_answer_once(tmp_path) -> None:
    """The server fails for every third pair, dies, comes back: what was answered is not asked again."""
    path = tmp_path / "verdicts.jsonl"
    trouble = [answer for answer, state in BAD.values() if state is State.FAILED]
    trouble.append(Answer(status=429, body={}, headers={"Retry-After-Ms": "1"}))
    answered = Counter()

    def shaky(prompt, before):
        number = next(n for n in range(24) if f"Number {n}." in prompt)
        if number % 3 == 0:
            return trouble[number // 3 % len(trouble)]
        answered[prompt] += 1
        return Answer(WHOLE)

    with serving(shaky) as server:
        port, url = server.server_port, server.url
        assert Counter(judged(green(url, path))) == {State.SCORED: 16, State.FAILED: 8}
    assert Counter(judged(green(url, path))) == {State.SCORED: 16, State.FAILED: 8}, "nobody is there"

    def well(prompt, before):
        answered[prompt] += 1
        return Answer(WHOLE)

    with serving(well, port):
        judge = green(url, path)
        assert Counter(judged(judge)) == {State.SCORED: 24}
        assert judge.spent()["cached"] == 16
        assert Counter(judged(green(url, path))) == {State.SCORED: 24}
    assert set(answered.values()) == {1}
    assert len(answered) == 24


def test_a_killed_run_loses_only_what_was_under_way(tmp_path) -> None:
    path = tmp_path / "verdicts.jsonl"

    def deadly(prompt, before):
        if len(server.asked) == 12:
            os.kill(child.pid, signal.SIGKILL)
        return Answer(WHOLE)

    with serving(deadly) as server:
        judge = green(server.url, path, concurrency=1)
        child = multiprocessing.get_context("fork").Process(target=judged, args=(judge,))
        child.start()
        child.join()
        assert child.exitcode == -signal.SIGKILL
        again = green(server.url, path)
        assert judged(again) == [State.SCORED] * 24
        assert again.spent()["cached"] >= 10
        assert len(server.asked) <= 26


def test_an_error_of_the_run_keeps_what_was_paid(tmp_path) -> None:
    path = tmp_path / "verdicts.jsonl"
    with serving(lambda p, _: Answer(status=401, body={}) if "Number 20." in p else Answer(WHOLE)) as server:
        with pytest.raises(UsageError, match="refuses every question"):
            judged(green(server.url, path, concurrency=1))
        server.script = lambda *_: Answer(WHOLE)
        again = green(server.url, path)
        assert judged(again) == [State.SCORED] * 24
        assert len(server.asked) == 24 + 1, "only the refused one was asked twice"


def test_equal_pairs_are_paid_once_and_the_cost_is_counted() -> None:
    with serving(lambda *_: Answer(WHOLE, usage=(100, 30))) as server:
        judge = green(server.url)
        judged(judge, [CANDIDATES[0], CANDIDATES[1]] * 5)
    assert judge.spent() == {
        "pairs": 10, "duplicates": 8, "cached": 0, "asked": 2,
        "requests": 2, "retries": 0, "prompt_tokens": 200, "completion_tokens": 60, "unreported": 0,
    }  # fmt: skip


def test_the_key_is_in_no_verdict_and_no_file(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("KEY_FOR_TEST", KEY)
    path = tmp_path / "verdicts.jsonl"
    bad = Answer(status=500, body={"error": {"message": f"{KEY} and {EFFUSION}"}})
    with serving(lambda p, _: bad if "Number 1." in p else Answer(f"{KEY}\n{WHOLE}")) as server:
        judge = green(server.url, path, key_variable="KEY_FOR_TEST")
        verdicts = judge([EFFUSION] * 3, CANDIDATES[:3])
        assert f"Bearer {KEY}" in server.headers[0].values()
    told = f"{verdicts} {path.read_text()} {judge.identity} {judge.spent()}"
    assert KEY not in told
    assert EFFUSION not in told, "nor any report"
