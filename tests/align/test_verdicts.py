"""Verdicts on samples: every answer's, and none that another try may change."""

from __future__ import annotations

import pytest

from align.prompt_helpers import Judging
from hilum.align import Reports
from hilum.align.sample import SAMPLES
from hilum.align.table import CHUNK, Table, make
from hilum.align.verdicts import judge_samples
from hilum.errors import DataError
from hilum.study import State, Verdict
from judge.judges import EFFUSION, MASS, Counting


def samples(folder, count: int = 1) -> Table:
    row = {"reference": EFFUSION, "images": [], "draw": False, "prompt": [1], "unfinished": 0}
    answers = {"answers": [[2], [3]], "texts": [EFFUSION, MASS], "draws": [1, 1]}
    rows = [{**row, **answers, "id": f"p{i}"} for i in range(count)]
    return make(folder, SAMPLES, count, lambda some: [rows[i] for i in some], "sampling")


def test_what_failed_is_no_verdict_and_is_judged_again(tmp_path) -> None:
    asked, cache = samples(tmp_path / "s"), tmp_path / "verdicts.jsonl"
    Counting(cache=cache)([EFFUSION], [EFFUSION])
    broken = Reports(Counting(cache=cache, broken=True))
    with pytest.raises(DataError, match=r"the judge: failed on 1 of 2 answers \(down\); .* run this again"):
        judge_samples(asked, broken, tmp_path / "v")
    mended = Counting(cache=cache)
    [row] = judge_samples(asked, Reports(mended), tmp_path / "v")
    assert row["states"] == ["scored", "scored"]
    assert mended.asked == [(EFFUSION, MASS)]  # and not what was judged before


def test_chunks_before_a_failure_are_kept(tmp_path) -> None:
    asked, calls = samples(tmp_path / "s", CHUNK + 1), []

    def judge(references, candidates):
        calls.append(len(candidates))
        state = State.FAILED if len(calls) == 2 else State.REFUSED
        return [Verdict(None, state=state) for _ in candidates]

    grader = Reports(Judging("j", judge))
    with pytest.raises(DataError, match=r"failed on 2 of 2 answers \(no reason given\)"):
        judge_samples(asked, grader, tmp_path / "v")
    assert len(list(judge_samples(asked, grader, tmp_path / "v"))) == CHUNK + 1
    assert calls == [2 * CHUNK, 2, 2]


@pytest.mark.parametrize("state", sorted(set(State) - {State.SCORED, State.FAILED}))
def test_every_other_state_is_final(tmp_path, state) -> None:
    grader = Reports(Judging("j", lambda _, texts: [Verdict(None, state=state) for _ in texts]))
    [row] = judge_samples(samples(tmp_path / "s"), grader, tmp_path / "v")
    assert (row["values"], row["states"]) == ([None, None], [state, state])
