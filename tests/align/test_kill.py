"""A SIGKILL in each of the five steps: nothing judged is asked again, and the weights end the same."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from chat_server import Answer, serving

HERE = Path(__file__)
STEPS = ("sample", "judge", "pair", "reference", "train")
HELD = 5
"""Verdicts that are given before the server falls silent."""


def _score(prompt: str, _before: int) -> Answer:
    """A number that follows from the texts alone."""
    return Answer(f"Score: 0.{int(hashlib.sha256(prompt.encode()).hexdigest()[:6], 16) % 1000:03d}")


def _child(folder: Path, url: str) -> None:
    """What is killed: an alignment of a tiny model, its reports judged by an endpoint."""
    from align.prompt_helpers import model, prompts
    from align.test_run import CONFIG
    from hilum.align import Reports, align
    from hilum.judge import named_judge

    prompt = folder / "prompt.txt"
    judge = named_judge(
        "llm", endpoint=f"{url}#m", prompt=prompt, cache=folder / "verdicts.jsonl", concurrency=2
    )
    tuned = model()
    align(tuned, prompts(70), CONFIG, folder / "work", Reports(judge))
    (folder / "weights").write_text(tuned.weights_hash())


def _start(folder: Path, url: str) -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    (folder / "prompt.txt").write_text("{reference}\n---\n{candidate}\nEnd with a line Score: 0 to 1.")
    code = f"import sys; sys.path[:0] = {sys.path!r}; from align.test_kill import _child; "
    code += f"from pathlib import Path; _child(Path({str(folder)!r}), {url!r})"
    return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)


def _until(happened: Callable[[], bool], child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while not happened():
        assert child.poll() is None, "the alignment ended before it was killed"
        assert time.monotonic() < deadline
        time.sleep(0.002)


def _reached(step: str, folder: Path) -> Callable[[], bool]:
    work, cache = folder / "work", folder / "verdicts.jsonl"
    first = {"sample": "samples-*/00000.parquet", "pair": "examples-*/00000.parquet"}
    first |= {"reference": "reference-*/00000.parquet", "train": "align-*/checkpoints/step-*/state.json"}
    if step == "judge":
        return lambda: cache.is_file() and cache.read_bytes().count(b"\n") > HELD
    return lambda: any(work.glob(first[step]))


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[str, Counter[str]]:
    """The weights of a run that nobody killed, and what it asked the endpoint."""
    folder = tmp_path_factory.mktemp("whole")
    with serving(_score) as server:
        assert _start(folder, server.url).wait(300) == 0
        return (folder / "weights").read_text(), Counter(server.prompts)


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_a_killed_alignment_goes_on_where_it_was(whole, tmp_path, step) -> None:
    weights, asked = whole
    assert set(asked.values()) == {1}, "an answer drawn twice is judged once"
    answered: Counter[str] = Counter()

    def script(prompt: str, before: int) -> Answer:
        if step == "judge" and not killed and sum(answered.values()) >= HELD:
            return Answer(hang=True)  # under way when the kill comes, and so never judged
        answered[prompt] += 1
        return _score(prompt, before)

    killed = False
    with serving(script) as server:
        child = _start(tmp_path / "run", server.url)
        _until(_reached(step, tmp_path / "run"), child)
        child.kill()
        child.wait()
        killed = True
        assert not (tmp_path / "run" / "weights").exists()
        server.release.set()
        assert _start(tmp_path / "run", server.url).wait(300) == 0
    assert (tmp_path / "run" / "weights").read_text() == weights
    assert answered == asked
