"""Whatever an adapter gives is made sound, or is a failure of its one question with a reason."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.bench.adapters import Failure, Kind, NoLikelihood, Question, Reply, Stored
from hilum.bench.adapters.batches import DETAIL
from hilum.bench.adapters.checked import LONGEST, MOST_BOXES, description, likelihoods, replies
from hilum.errors import DataError, UsageError

QUESTION = Question("1", Kind.CHOICE, "Which?", options=("a", "b", "c"))


class Given:
    """Gives what it was made with."""

    def __init__(self, reply=None, scores=(), about=None):
        self.reply, self.scores, self.about = reply, scores, about

    def answer(self, questions):
        return [self.reply for _ in questions]

    def loglikelihood(self, questions):
        return [self.scores for _ in questions]

    def describe(self):
        return {"model": "given"} if self.about is None else self.about


anything = st.one_of(
    st.none(), st.floats(), st.text(st.characters(), max_size=9), st.lists(st.floats(), max_size=5)
)


@given(
    st.one_of(
        anything,
        st.builds(
            Reply,
            anything,
            st.one_of(anything, st.lists(st.lists(st.floats(), max_size=5).map(tuple), max_size=2)),
            st.one_of(st.none(), st.sampled_from(Failure), anything),
            anything,
        ),
    )
)
def test_whatever_a_reply_is_it_can_be_stored(reply):
    [found] = replies(Given(reply), [QUESTION])
    assert isinstance(found, Reply)
    assert json.dumps(asdict(found), ensure_ascii=False, allow_nan=False).encode()
    assert replies(Given(found), [QUESTION]) == [found], "what is sound is left as it is"


def test_half_a_surrogate_pair_is_replaced_and_a_whole_one_joined(tmp_path):
    stored = Stored(Given(Reply("a\ud800b \ud83d\ude00\udc00")), tmp_path / "answers.jsonl")
    [reply] = stored.answer([QUESTION])
    assert reply == Reply("a\ufffdb \U0001f600\ufffd")
    assert Stored(Given(), tmp_path / "answers.jsonl").answer([QUESTION]) == [reply]


def test_a_very_long_reply_is_stored_cut(tmp_path):
    path = tmp_path / "answers.jsonl"
    long = Reply("word " * LONGEST, failure=None, detail="d" * LONGEST)
    [reply] = Stored(Given(long), path).answer([QUESTION])
    assert reply == Reply(long.text[:LONGEST], failure=Failure.TOO_LONG, detail="d" * DETAIL)
    assert path.stat().st_size < 2 * LONGEST
    [reply] = replies(Given(Reply("a", boxes=((0.1, 0.2, 0.3, 0.4),) * 9999)), [QUESTION])
    assert (len(reply.boxes), reply.failure) == (MOST_BOXES, Failure.TOO_LONG)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("words", "a str is no Reply"),
        (Reply(float("nan")), "the text of a reply is a float"),
        (Reply("a", detail=3), "the detail of a reply is a int"),
        (Reply("a", failure="empty"), "the failure of a reply is a str"),
        (Reply("a", boxes=((0.1, 0.2, 0.3),)), "the boxes of a reply are not four numbers each"),
    ],
)
def test_a_reply_of_wrong_types_is_a_crash_that_says_so(reply, reason):
    [found] = replies(Given(reply), [QUESTION])
    assert found == Reply("", failure=Failure.CRASHED, detail=f"TypeError: {reason}")


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        ("abc", "a str is no likelihoods"),
        (("x", "y", "z"), "a str is no likelihood"),
        ((-1.0, -1.0), "2 likelihoods of 3 options"),
        (None, "a NoneType is no likelihoods"),
    ],
)
def test_likelihoods_of_wrong_types_or_number_are_none_with_a_reason(tmp_path, scores, reason):
    stored = Stored(Given(scores=scores), tmp_path / "answers.jsonl")
    for adapter in (Given(scores=scores), stored):
        [found] = likelihoods(adapter, [QUESTION])
        assert isinstance(found, NoLikelihood)
        assert (found, found.detail) == ((), reason)


@pytest.mark.parametrize(
    "about", [{"model": float("nan")}, {"model": {1}}, {1: "a"}, ["a"], {"model": "\ud800"}]
)
def test_a_description_that_json_cannot_hold_is_refused(about):
    with pytest.raises(UsageError, match="cannot be described in JSON"):
        description(Given(about=about))


def test_more_or_fewer_answers_than_questions_are_refused():
    adapter = Given()
    adapter.answer = lambda questions: [Reply("a")] * 3
    with pytest.raises(DataError, match="given: gave 3 answers to 1 questions"):
        replies(adapter, [QUESTION])
