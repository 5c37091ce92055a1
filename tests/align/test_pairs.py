"""Pairs: the best against the worst of each prompt, and nothing a judge failed on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.align import pair
from hilum.study import Preference, State, Verdict

values = st.one_of(st.none(), st.floats(0, 1))
texts = st.text("ab ", min_size=1, max_size=12)
judged = st.lists(st.tuples(texts, values), max_size=7, unique_by=lambda row: row[0])


def score(value: float | None) -> Verdict:
    return Verdict(value) if value is not None else Verdict(None, state=State.UNPARSABLE)


@given(st.lists(judged, max_size=4), st.floats(0, 0.5))
def test_a_pair_is_the_best_and_the_worst_by_more_than_the_threshold(prompts, threshold) -> None:
    ids = [str(i) for i in range(len(prompts))]
    candidates = [[text for text, _ in row] for row in prompts]
    scores = [[score(value) for _, value in row] for row in prompts]
    found = {p.prompt_id: p for p in pair(ids, candidates, scores, threshold=threshold)}
    for i, row in zip(ids, prompts, strict=True):
        known = {text: value for text, value in row if value is not None}
        if not known or max(known.values()) - min(known.values()) <= threshold:
            assert i not in found
            continue
        preference = found[i]
        assert preference.score_chosen == known[preference.chosen] == max(known.values())
        assert preference.score_rejected == known[preference.rejected] == min(known.values())


def test_of_equal_scores_those_of_like_length_are_paired() -> None:
    candidates = ["a b c", "a", "a b c d e", "z z z z", "y y y y y y", "z z z z z z z"]
    scores = [Verdict(v) for v in (1.0, 1.0, 1.0, 0.2, 0.2, 0.2)]
    assert pair(["p"], [candidates], [scores]) == [Preference("p", "a b c d e", "y y y y y y", 1.0, 0.2)]


def test_order_of_the_candidates_does_not_matter() -> None:
    rows = [("a b", 0.5), ("c d", 0.5), ("e", 0.9), ("f", 0.1), ("g", 0.1)]
    wanted = pair(["p"], [[t for t, _ in rows]], [[Verdict(v) for _, v in rows]])
    for turn in range(5):
        turned = rows[turn:] + rows[:turn]
        assert pair(["p"], [[t for t, _ in turned]], [[Verdict(v) for _, v in turned]]) == wanted


@pytest.mark.parametrize("state", [s for s in State if s is not State.SCORED])
def test_a_judge_s_failure_is_never_paired(state) -> None:
    """Not even when it carries a number."""
    scores = [Verdict(None, state=state), Verdict(0.5), Verdict(0.9), Verdict(0.0, state=state)]
    [found] = pair(["p"], [["failed", "worse", "better", "odd"]], [scores])
    assert (found.chosen, found.rejected) == ("better", "worse")
    assert pair(["p"], [["failed", "worse"]], [[Verdict(None, state=state), Verdict(0.5)]]) == []


def test_answers_of_too_unlike_length_are_dropped() -> None:
    for candidates in (["a b c d", "e f"], ["e f", "a b c d"]):
        scores = [Verdict(1.0), Verdict(0.0)]
        assert len(pair(["p"], [candidates], [scores], max_length_ratio=2.0)) == 1
        assert pair(["p"], [candidates], [scores], max_length_ratio=1.9) == []


def test_nothing_is_paired_out_of_step() -> None:
    with pytest.raises(ValueError, match="zip"):
        pair(["p", "q"], [["a"]], [[Verdict(1.0)]])
