"""Whatever judges: pairs are sorted out, shared, looked up and counted before anything is paid."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.errors import DataError, UsageError
from hilum.judge import Judge, Verdicts, score
from hilum.study import Fact, Finding, State, Verdict
from judge.judges import EFFUSION, MASS, Counting, Fixed

TEXTS = st.sampled_from([EFFUSION, MASS, "", "...", "Kein Erguss, die Lunge ist frei.", "No acute disease."])


@given(pairs=st.lists(st.tuples(TEXTS, TEXTS), max_size=12))
def test_each_pair_is_asked_once_and_answered_as_alone(pairs) -> None:
    judge = Counting()
    references, candidates = [one for one, _ in pairs], [other for _, other in pairs]
    assert judge(references, candidates) == list(score(references, candidates).scores)
    assert len(judge.asked) == len(set(judge.asked))
    spent = judge.spent()
    assert spent["pairs"] == len(pairs)
    assert spent["duplicates"] == len(pairs) - len(set(pairs))


def test_what_cannot_be_judged_is_not_asked() -> None:
    judge = Fixed(Verdict(1.0), most_words=6)
    assert isinstance(judge, Judge)
    pairs = {
        ("", EFFUSION): State.NO_REFERENCE,
        ("Kein Erguss, die Lunge ist frei.", EFFUSION): State.NO_REFERENCE,
        (EFFUSION, " \n"): State.EMPTY,
        (EFFUSION, "…"): State.EMPTY,
        (EFFUSION, "Kein Erguss, die Lunge ist frei."): State.FOREIGN,
        (f"{EFFUSION} No edema.", EFFUSION): State.TOO_LONG,
        (f"{EFFUSION} No edema.", f"{EFFUSION} No edema."): State.TOO_LONG,
        (EFFUSION, EFFUSION): State.SCORED,
    }
    verdicts = judge(*zip(*pairs, strict=True))
    assert [verdict.state for verdict in verdicts] == list(pairs.values())
    assert judge.asked == [(EFFUSION, EFFUSION)]
    assert all((verdict.value is None) == (verdict.state is not State.SCORED) for verdict in verdicts)
    assert {v.detail for v in verdicts if v.state is State.TOO_LONG} == {"a reference of 8 words; 6 are read"}
    assert judge.spent() == {"pairs": 8, "duplicates": 0, "cached": 0, "asked": 1}


def test_a_candidate_longer_than_the_judge_reads_gains_nothing_by_it() -> None:
    judge = Fixed(Verdict(0.5), most_words=6)
    short, long = (
        Verdicts(tuple(judge([EFFUSION] * 2, [EFFUSION, text]))) for text in (MASS[:21], EFFUSION * 9)
    )
    assert (short.mean, long.mean, long.unjudged) == (0.5, 0.25, {})
    assert long.scores[1] == Verdict(0.0, detail="a candidate of 46 words; 6 are read")
    assert judge.asked == [(EFFUSION, EFFUSION), (EFFUSION, MASS[:21]), (EFFUSION, EFFUSION)]


def test_a_rerun_asks_nothing_and_gives_the_same(tmp_path) -> None:
    path = tmp_path / "verdicts.jsonl"
    references, candidates = [EFFUSION, MASS, EFFUSION], [MASS, MASS, MASS]
    first = Counting(cache=path)
    given_ = first(references, candidates)
    assert first.spent() == {"pairs": 3, "duplicates": 1, "cached": 0, "asked": 2}
    assert first(references, candidates) == given_
    assert first.spent() == {"pairs": 6, "duplicates": 2, "cached": 2, "asked": 2}
    again = Counting(cache=path)
    assert again(references, candidates) == given_
    assert again.asked == []
    assert again.spent() == {"pairs": 3, "duplicates": 1, "cached": 2, "asked": 0}


def test_the_key_is_the_judge_and_both_texts(tmp_path) -> None:
    path = tmp_path / "verdicts.jsonl"
    Counting(cache=path)([EFFUSION], [MASS])
    for judge, pair in (
        (Counting(cache=path, version=2), (EFFUSION, MASS)),
        (Counting(cache=path), (MASS, EFFUSION)),
        (Counting(cache=path), (EFFUSION, MASS + " ")),
        (Counting(cache=path), (EFFUSION, EFFUSION)),
    ):
        judge([pair[0]], [pair[1]])
        assert judge.asked == [pair]


def test_what_failed_is_asked_again_and_every_other_state_is_kept(tmp_path) -> None:
    path = tmp_path / "verdicts.jsonl"
    assert Counting(cache=path, broken=True)([EFFUSION], [MASS])[0].state is State.FAILED
    assert Counting(cache=path)([EFFUSION], [MASS])[0].state is State.SCORED
    for state in set(State) - {State.SCORED, State.FAILED}:
        kept = Fixed(Verdict(None, state=state, detail="so it was"), name=state, cache=path)
        first = kept([EFFUSION], [MASS])
        again = Fixed(None, name=state, cache=path)
        assert again([EFFUSION], [MASS]) == first
        assert again.asked == []


def test_no_report_is_in_the_cache(tmp_path) -> None:
    path = tmp_path / "verdicts.jsonl"
    Counting(cache=path)([f"Mrs Doe. {EFFUSION}"], [f"Mr Roe. {MASS}"])
    text = path.read_text()
    assert "Doe" not in text
    assert "Roe" not in text


def test_a_cut_line_is_asked_again(tmp_path) -> None:
    path = tmp_path / "verdicts.jsonl"
    first = Counting(cache=path)([EFFUSION, MASS], [MASS, EFFUSION])
    os.truncate(path, path.stat().st_size - 9)
    again = Counting(cache=path)
    assert again([EFFUSION, MASS], [MASS, EFFUSION]) == first
    assert again.asked == [(MASS, EFFUSION)]


def test_a_verdict_that_is_none_is_named(tmp_path) -> None:
    path = tmp_path / "verdicts.jsonl"
    Counting(cache=path)([EFFUSION], [MASS])
    whole = path.read_text()
    for value in ('"2.0"', "7", "null", "NaN"):
        path.write_text(whole.replace('"value": 0.0', f'"value": {value}'))
        with pytest.raises(DataError, match="holds no verdict"):
            Counting(cache=path)([EFFUSION], [MASS])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1, 1.1, None])
def test_a_score_out_of_range_is_a_failure_and_is_not_asked_again(value, tmp_path) -> None:
    cache = tmp_path / "verdicts.jsonl"
    [verdict] = Fixed(Verdict(value), cache=cache)([EFFUSION], [MASS])
    assert (verdict.value, verdict.state) == (None, State.UNPARSABLE)
    again = Fixed(None, cache=cache)
    assert (again([EFFUSION], [MASS]), again.asked) == ([verdict], [])


def test_a_judge_that_says_nothing_has_failed() -> None:
    [verdict] = Fixed(None)([EFFUSION], [MASS])
    assert verdict == Verdict(None, state=State.FAILED, detail="the judge gave no verdict")


def test_a_failure_with_a_value_loses_it() -> None:
    [verdict] = Fixed(Verdict(0.5, state=State.UNPARSABLE, detail="why"))([EFFUSION], [MASS])
    assert verdict == Verdict(None, state=State.UNPARSABLE, detail="why")


@pytest.mark.parametrize("value", [0, 1])
def test_the_ends_of_the_range_are_scores(value) -> None:
    [verdict] = Fixed(Verdict(value))([EFFUSION], [MASS])
    assert verdict == Verdict(value)


FULL = Verdict(
    0.5,
    (Fact(Finding.EDEMA, span=(0, 5)),),
    {"a": (Fact(Finding.MASS, span=(7, 11)),), "b": ()},
    detail="half of it",
    counts={"matched": 1},
    answer="one of two",
)


@pytest.mark.parametrize("verdict", [FULL, Verdict(0.25), Verdict(None, state=State.REFUSED)])
def test_a_verdict_is_kept_whole_under_the_judge_s_settings_in_any_order(tmp_path, verdict) -> None:
    path = tmp_path / "verdicts.jsonl"

    class Ordered(Fixed):
        order = 1

        @property
        def identity(self):
            return dict(sorted({"judge": self.name, "version": 1}.items(), reverse=self.order < 0))

    pair = [EFFUSION + "\ud800"], [MASS]  # half a letter, as a broken decoder leaves it
    assert Ordered(verdict, cache=path)(*pair) == [verdict]
    again = Ordered(None, cache=path)
    again.order = -1
    assert again(*pair) == [verdict]
    assert again.asked == []
    key, row = list(json.loads(path.read_text().splitlines()[1]).values())
    assert (len(key), int(key, 16) >= 0) == (32, True)
    assert row["state"] == verdict.state
    assert set(row) == ({"state", "value"} if verdict is not FULL else {*row, "matched", "errors"})


def test_unequal_lists_are_refused() -> None:
    with pytest.raises(UsageError, match="2 for 1 references"):
        Counting()([EFFUSION], [MASS, MASS])
    with pytest.raises(UsageError, match="are one text"):
        Counting()(EFFUSION, MASS)
