"""Judges made of judges: what is divided, what is averaged, and what a failing part does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.errors import UsageError
from hilum.judge import Composite, Judge, LengthControlled, composite, named_judge
from hilum.judge.composed import verbosity
from hilum.study import State, Verdict
from judge.judges import EFFUSION, MASS, Fixed

words = st.integers(1, 60).map(lambda n: " ".join(["No pleural effusion seen."] * n))
FAILURES = [state for state in State if state is not State.SCORED]


@given(value=st.floats(0, 1), reference=words, candidate=words)
def test_longer_than_the_reference_costs_and_shorter_gains_nothing(value, reference, candidate) -> None:
    judge = LengthControlled(Fixed(Verdict(value)))
    [verdict] = judge([reference], [candidate])
    ratio = len(candidate.split()) / len(reference.split())
    assert verbosity(reference, candidate) == ratio
    assert verdict.value == (value / ratio if ratio > 1 else value)


@pytest.mark.parametrize("state", FAILURES)
def test_a_failure_stays_what_it_is(state) -> None:
    failure = Verdict(None, state=state, detail="why")
    assert LengthControlled(Fixed(failure))([EFFUSION], [MASS * 9]) == [failure]
    for parts in (
        {Fixed(failure): 1.0, Fixed(Verdict(1.0)): 9.0},
        {Fixed(Verdict(1.0)): 9.0, Fixed(failure): 1},
    ):
        [verdict] = Composite(parts)([EFFUSION], [MASS])
        assert (verdict.value, verdict.state, verdict.detail) == (None, state, "fixed: why")


@given(parts=st.lists(st.tuples(st.floats(0, 1), st.floats(0.01, 9)), min_size=1, max_size=4))
def test_a_composite_is_the_weighted_mean(parts) -> None:
    judge = Composite({Fixed(Verdict(value), name=str(i)): w for i, (value, w) in enumerate(parts)})
    [verdict] = judge([EFFUSION], [MASS])
    mean = sum(value * weight for value, weight in parts) / sum(weight for _, weight in parts)
    assert verdict.value == pytest.approx(mean)


def test_what_one_part_cannot_judge_is_not_asked_of_the_next() -> None:
    first, second = Fixed(Verdict(None, state=State.REFUSED)), Fixed(Verdict(1.0))
    Composite({first: 0.5, second: 0.5})([EFFUSION, EFFUSION], [MASS, EFFUSION])
    assert (first.asked, second.asked) == ([(EFFUSION, MASS), (EFFUSION, EFFUSION)], [])


def test_by_name() -> None:
    judge = composite({"facts": 1, "mine": 3}, mine=Fixed(Verdict(0.0), name="mine"))
    assert isinstance(judge, Judge)
    assert judge([EFFUSION], [EFFUSION])[0].value == 0.25
    assert set(judge.spent()) == {"facts", "mine"}
    other = composite({"facts": 3, "mine": 1}, mine=Fixed(Verdict(0.0), name="mine"))
    lc = LengthControlled(other)
    assert len({str(each.identity) for each in (judge, other, lc)}) == 3
    assert lc.name == "lc-facts+mine"
    assert lc.identity == {"length_controlled": 1, **other.identity}
    parts = [[0.75, named_judge("facts").identity], [0.25, {"judge": "mine"}]]
    assert other.identity == {"composite": 1, "parts": parts}
    assert lc.spent() == other.spent() == {name: dict.fromkeys(SPENT, 0) for name in ("facts", "mine")}
    assert judge.spent() == dict.fromkeys(("facts", "mine"), SPENT)


SPENT = {"pairs": 1, "duplicates": 0, "cached": 0, "asked": 1}


def test_a_language_judge_by_name_has_the_settings_it_is_given(tmp_path) -> None:
    plain = named_judge("green", endpoint="http://h/v1#m")
    assert plain.identity == {
        "judge": "green",
        "version": 1,
        "prompt": plain.identity["prompt"],
        "max_tokens": 1024,
        "most_words": 300,
        "keep_answers": False,
        "endpoint": "http://h/v1",
        "model": "m",
    }
    (tmp_path / "p.txt").write_text("{reference} {candidate}")
    given_ = {"prompt": tmp_path / "p.txt", "max_tokens": 9, "keep_answers": True, "concurrency": 3}
    own = named_judge("llm", endpoint="http://h/v1#m", length_controlled=True, **given_)
    assert isinstance(own, LengthControlled)
    told = {"judge": "llm", "max_tokens": 9, "keep_answers": True, "length_controlled": 1}
    assert told.items() <= own.identity.items()
    assert own.judge.prompt == "{reference} {candidate}"
    assert own.judge.model.endpoint.concurrency == 3


def test_the_parts_of_a_composite_keep_their_weights_whatever_fails() -> None:
    silent = Verdict(None, state=State.FAILED)
    [verdict] = Composite({Fixed(Verdict(0.5)): 1.0, Fixed(silent, name="mute"): 1.0})([EFFUSION], [MASS])
    assert verdict == Verdict(None, state=State.FAILED, detail="mute")
    with pytest.raises(UsageError, match="2 for 1 references"):
        Composite({Fixed(Verdict(0.5)): 1.0})([EFFUSION], [MASS, MASS])


@pytest.mark.parametrize("weights", [{}, {"facts": 0}, {"facts": -1}, {"facts": float("nan")}])
def test_weights_that_make_no_mean_are_refused(weights) -> None:
    with pytest.raises(UsageError):
        composite(weights)


def test_a_wrong_name_is_helped_with() -> None:
    with pytest.raises(UsageError, match="did you mean facts"):
        named_judge("fact")
    with pytest.raises(UsageError, match="did you mean green"):
        composite({"gren": 1.0})


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("green", {}, "has no language model to ask"),
        ("green", {"endpoint": "http://h/v1#m", "model": "x"}, "both an endpoint and a model"),
        ("green", {"endpoint": "http://h/v1#m", "prompt": "p.txt"}, "has a prompt of its own"),
        ("llm", {"endpoint": "http://h/v1#m"}, "has no prompt"),
        ("facts", {"endpoint": "http://h/v1#m"}, "has no use for endpoint"),
        ("facts", {"per_minute": 3}, "has no use for per_minute"),
        ("facts", {"model": "x"}, "has no use for model"),
        ("matches", {"prompt": "p.txt"}, "has a prompt of its own"),
        ("matches", {"keep_answers": True}, "has no use for keep_answers"),
    ],
)
def test_settings_that_do_nothing_are_refused(name, settings, said) -> None:
    with pytest.raises(UsageError, match=said):
        named_judge(name, **settings)
