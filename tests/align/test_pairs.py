"""Pairs: the better against the worse of each prompt, and nothing a judge failed on."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.align import Algorithm, AlignConfig, Pairing
from hilum.align.pairs import EXAMPLES, Scored, examples, pair, scored_answers
from hilum.align.sample import SAMPLES
from hilum.align.table import make
from hilum.align.verdicts import VERDICTS
from hilum.study import State

texts = st.text("ab ", min_size=1, max_size=12)
judged = st.lists(st.tuples(texts, st.floats(0, 1)), max_size=7, unique_by=lambda row: row[0])


def scored(rows: Sequence[tuple[str, float]]) -> list[Scored]:
    return [Scored(value, text, (number,), 1) for number, (text, value) in enumerate(rows)]


@given(judged, st.floats(0, 0.5))
def test_a_pair_is_the_best_and_the_worst_by_more_than_the_threshold(rows, threshold) -> None:
    values = [value for _, value in rows]
    found = pair(scored(rows), threshold=threshold)
    if not values or max(values) - min(values) <= threshold:
        assert found == []
        return
    [(chosen, rejected)] = found
    assert chosen.value == max(values)
    assert rejected.value == min(values)


@given(judged, st.floats(0, 0.5))
def test_all_pairs_are_any_two_by_more_than_the_threshold(rows, threshold) -> None:
    found = pair(scored(rows), pairing=Pairing.ALL, threshold=threshold)
    wanted = {(a, b) for a, one in rows for b, other in rows if one - other > threshold}
    assert {(chosen.text, rejected.text) for chosen, rejected in found} == wanted
    assert len(found) == len(wanted)


def test_of_equal_scores_those_of_like_length_are_paired() -> None:
    candidates = ["a b c", "a", "a b c d e", "z z z z", "y y y y y y", "z z z z z z z"]
    [(chosen, rejected)] = pair(scored(list(zip(candidates, (1.0, 1.0, 1.0, 0.2, 0.2, 0.2), strict=True))))
    assert (chosen.text, rejected.text) == ("a b c d e", "y y y y y y")


@given(judged, st.randoms())
def test_order_of_the_candidates_does_not_matter(rows, random) -> None:
    turned = list(rows)
    random.shuffle(turned)
    for pairing in Pairing:
        one, other = (
            [(a.text, b.text) for a, b in pair(scored(some), pairing=pairing)] for some in (rows, turned)
        )
        assert one == other


def test_answers_of_too_unlike_length_are_dropped() -> None:
    for rows in ([("a b c d", 1.0), ("e f", 0.0)], [("e f", 1.0), ("a b c d", 0.0)]):
        assert len(pair(scored(rows), max_length_ratio=2.0)) == 1
        assert pair(scored(rows), max_length_ratio=1.9) == []


def sample_row(name: str, answers: Sequence[str]) -> dict:
    return {
        "id": name,
        "reference": "r",
        "images": [],
        "draw": False,
        "prompt": [1, 2],
        "answers": [[i] for i in range(len(answers))],
        "texts": list(answers),
        "draws": [i + 1 for i in range(len(answers))],
        "unfinished": 0,
    }


def tables(tmp_path, values: Sequence[Sequence[float | None]]):
    """Samples and verdicts of so many prompts, answers named a, b, c …"""
    rows = [sample_row(f"p{i}", [f"{c} {i}" for c in "abcdefg"[: len(v)]]) for i, v in enumerate(values)]
    verdicts = [
        {"id": f"p{i}", "values": list(v), "states": [_state(x) for x in v]} for i, v in enumerate(values)
    ]
    samples = make(tmp_path / "s", SAMPLES, len(rows), lambda some: [rows[i] for i in some], "s")
    return samples, make(tmp_path / "v", VERDICTS, len(rows), lambda some: [verdicts[i] for i in some], "v")


def _state(value: float | None) -> str:
    return (State.SCORED if value is not None else State.UNPARSABLE).value


def made(tmp_path, values, **settings) -> list[dict]:
    config = AlignConfig(threshold=0.0, max_length_ratio=None, **settings)
    return list(examples(*tables(tmp_path, values), config, tmp_path / "e"))


def test_a_judge_s_failure_is_never_paired(tmp_path) -> None:
    [row] = made(tmp_path, [[None, 0.5, 0.9], [None, 0.5, None], [None, None, None]])
    assert row["id"] == "p0"
    assert row["texts"] == ["c 0", "b 0"]
    assert row["answers"] == [[2], [1]]
    assert row["values"] == [0.9, 0.5]
    assert set(row) == set(EXAMPLES.names)


def test_single_answers_come_in_twos_each_beside_another_prompt_s(tmp_path) -> None:
    rows = made(tmp_path, [[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]], algorithm=Algorithm.KTO)
    assert [(row["id"], row["texts"], row["desirable"]) for row in rows] == [
        ("p0", ["b 0", "a 1"], True),
        ("p0", ["a 0", "b 1"], False),
        ("p1", ["a 1", "b 0"], True),
        ("p1", ["b 1", "a 0"], False),
    ]


def test_an_answer_of_several_pairs_is_one_example_for_kto(tmp_path) -> None:
    values = [[0.9, 0.1, 0.5, 0.7, 0.7], [1.0, 0.0]]
    rows = made(tmp_path, values, algorithm=Algorithm.KTO, pairing=Pairing.ALL)
    found = {(row["id"], row["texts"][0]): row["desirable"] for row in rows}
    assert found == {
        ("p0", "a 0"): True,
        ("p0", "d 0"): True,  # better than two, worse than one
        ("p0", "e 0"): True,
        ("p0", "c 0"): False,
        ("p0", "b 0"): False,
        ("p1", "a 1"): True,
        ("p1", "b 1"): False,
    }
    assert len(rows) == len(found)
    other = {"p0": "1", "p1": "0"}
    assert all(row["texts"][1].endswith(other[row["id"]]) for row in rows)  # never of the same prompt
    assert all(row["answers"][0] == [" abcde".index(row["texts"][0][0]) - 1] for row in rows)


def test_an_answer_as_often_better_as_worse_is_no_example_for_kto(tmp_path) -> None:
    rows = made(tmp_path, [[0.9, 0.5, 0.1], [1.0, 0.0]], algorithm=Algorithm.KTO, pairing=Pairing.ALL)
    assert [(row["texts"][0], row["desirable"]) for row in rows[:2]] == [("a 0", True), ("c 0", False)]
    assert "b 0" not in {text for row in rows for text in row["texts"]}


def test_a_group_holds_all_scored_answers_the_better_first(tmp_path) -> None:
    [row] = made(tmp_path, [[0.2, None, 1.0, 0.5], [0.5, 0.5, None]], algorithm=Algorithm.GRPO)
    assert row["texts"] == ["c 0", "d 0", "a 0"]
    assert row["draws"] == [3, 4, 1]


def test_scored_answers_leave_failures_out() -> None:
    row = sample_row("p", ["x", "y"])
    assert scored_answers(row, {"values": [None, 0.25]}) == [Scored(0.25, "y", (1,), 2)]


def test_tables_out_of_step_are_refused(tmp_path) -> None:
    samples, _ = tables(tmp_path, [[0.0, 1.0]])
    with pytest.raises(ValueError, match="zip"):
        examples(
            samples, make(tmp_path / "w", VERDICTS, 65, lambda some: [], "v"), AlignConfig(), tmp_path / "e"
        )
