"""`hilum judge --judge`: by rule, or by a language model behind an endpoint."""

from __future__ import annotations

import json

import pytest

from chat_server import Answer, serving
from hilum import endpoint as module
from hilum.cli import main
from hilum.judge.green_parser import read_counts
from judge.judges import EFFUSION, MASS
from judge.test_green_parser import WHOLE

KEY = "sk-secret-of-the-test"


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BACKOFF", 0.001)
    references, candidates = tmp_path / "r.txt", tmp_path / "c.txt"
    references.write_text(f"{EFFUSION}\n{EFFUSION}\n{EFFUSION}\n")
    candidates.write_text(f"{EFFUSION}\n{MASS}\n\n")
    return ["judge", "--references", str(references), "--candidates", str(candidates)]


def test_rules_are_chosen_by_name(files, capsys) -> None:
    found = {}
    for name in ("facts", "matches"):
        assert main([*files, "--judge", name, "--json"]) == 0
        found[name] = json.loads(capsys.readouterr().out)
        assert found[name]["judge"] == name
        assert found[name]["spent"] == {"pairs": 3, "duplicates": 0, "cached": 0, "asked": 2}
    assert found["facts"]["reports"][2]["state"] == "empty"
    assert main([*files, "--judge", "fact"]) == 2
    assert "did you mean facts" in capsys.readouterr().err


def test_length_control_divides(files, tmp_path, capsys) -> None:
    (tmp_path / "c.txt").write_text(f"{EFFUSION} {EFFUSION}\n" * 3)
    assert main([*files, "--length-controlled", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["judge"], document["mean"]) == ("lc-facts", 0.5)


def test_a_language_model_judges_and_a_rerun_pays_nothing(files, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("KEY_FOR_TEST", KEY)
    cache = tmp_path / "verdicts.jsonl"
    with serving(lambda prompt, _: Answer(WHOLE if MASS in prompt else "Well written!")) as server:
        words = [*files, "--judge", "green", "--endpoint", f"{server.url}#m", "--cache", str(cache)]
        words += ["--key-variable", "KEY_FOR_TEST"]
        assert main([*words, "--json"]) == 3
        first = capsys.readouterr()
        assert main(words) == 3
        again = capsys.readouterr()
        assert len(server.asked) == 2
        assert f"Bearer {KEY}" in server.headers[0].values()
    document = json.loads(first.out)
    chatty, scored, empty = document["reports"]
    assert [row["state"] for row in (chatty, scored, empty)] == ["unparsable", "scored", "empty"]
    assert scored["score"] == read_counts(WHOLE).value
    assert scored["counts"]["matched"] == 3
    assert document["mean"] == scored["score"] / 2, "the empty one counts 0, the judge's own failure nothing"
    assert document["unjudged"] == {"unparsable": 1}
    assert (document["spent"]["requests"], document["spent"]["prompt_tokens"]) == (2, 20)
    for said in (
        "1 false finding; 2 missed finding",
        "clinically significant errors: missing",
        "1 that the judge could not judge left out: 1 unparsable",
        "0 requests, 0 retries, 0 prompt tokens, 0 completion tokens, 2 cached, 0 duplicates",
    ):
        assert said in " ".join(again.out.split())
    assert KEY not in f"{first} {again} {cache.read_text()}"


def test_an_endpoint_that_is_down_is_said_and_asked_again(files, tmp_path, capsys) -> None:
    (tmp_path / "prompt.txt").write_text("{reference} {candidate} Score:")
    cache = tmp_path / "verdicts.jsonl"
    words = [*files, "--judge", "llm", "--prompt", str(tmp_path / "prompt.txt"), "--cache", str(cache)]
    words.append("--json")
    with serving(lambda *_: Answer(status=503, body="<html>")) as server:
        port = server.server_port
        assert main([*words, "--endpoint", f"{server.url}#m"]) == 3
    document = json.loads(capsys.readouterr().out)
    assert document["unjudged"] == {"failed": 2}
    assert document["mean"] == 0, "the empty candidate alone"
    with serving(lambda *_: Answer("Score: 0.5"), port) as server:
        assert main([*words, "--endpoint", f"{server.url}#m"]) == 0
    assert [row["score"] for row in json.loads(capsys.readouterr().out)["reports"]] == [0.5, 0.5, None]


def test_what_a_judge_lacks_is_said_before_anything_is_read(capsys) -> None:
    files = ["judge", "--references", "none.txt", "--candidates", "none.txt"]
    for words, said in (
        (["--judge", "green"], "give an endpoint URL#MODEL, or a model's folder"),
        (["--judge", "llm", "--endpoint", "http://h/v1#m"], "has no prompt"),
        (["--model", "x"], "has no use for model"),
        (["--judge", "green", "--endpoint", f"http://h/v1?key={KEY}#m"], "put the key in an environment"),
    ):
        assert main([*files, *words]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert KEY not in error
