"""What an alignment says of itself: counted over its tables, in a line and as JSON."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hilum.align import Algorithm, AlignConfig, AlignResult
from hilum.align.pairs import examples
from hilum.align.result import RoundResult, round_result, shown
from hilum.align.sample import SAMPLES
from hilum.align.table import Table, make
from hilum.align.verdicts import VERDICTS
from hilum.study import State
from hilum.training import FitResult

# Of each prompt: an answer's words, its score, how often it was drawn; and how many came to no end.
DRAWN = [
    ([("a b c", 0.5, 1), ("d e", 0.25, 3), ("f", None, 2)], 1),
    ([("a", 0.75, 2), ("b", 0.75, 2)], 2),
    ([("a b", 1.0, 1), ("b c d e", 0.0, 1)], 4),
    ([], 6),
]


def counted(folder: Path, algorithm: Algorithm = Algorithm.DPO) -> RoundResult:
    samples, verdicts = [], []
    for i, (answers, unfinished) in enumerate(DRAWN):
        samples.append(
            {
                "id": f"p{i}",
                "reference": "r",
                "images": [],
                "draw": False,
                "prompt": [1],
                "answers": [[k] for k in range(len(answers))],
                "texts": [text for text, _, _ in answers],
                "draws": [draws for _, _, draws in answers],
                "unfinished": unfinished,
            }
        )
        values = [value for _, value, _ in answers]
        states = [(State.UNPARSABLE if v is None else State.SCORED).value for v in values]
        verdicts.append({"id": f"p{i}", "values": values, "states": states})
    sampled = make(folder / "samples", SAMPLES, 4, lambda some: [samples[i] for i in some], "s")
    judged = make(folder / "verdicts", VERDICTS, 4, lambda some: [verdicts[i] for i in some], "v")
    config = AlignConfig(algorithm=algorithm, max_length_ratio=None)
    found = examples(sampled, judged, config, folder / "examples")
    fit = FitResult(7, {"loss": 0.5}, folder / "align-1" / "history.jsonl", 2.5)
    return round_result(sampled, judged, found, fit)


def test_a_round_is_counted_over_its_tables(tmp_path) -> None:
    result = AlignResult(9, (counted(tmp_path), counted(tmp_path)))
    one = {
        "prompts": 4,
        "drawn": 12,
        "unfinished": 13,
        "judged": 7,
        "states": {"scored": 6, "unparsable": 1},
        # Each answer as often as it was drawn: (0.5 + 3 · 0.25 + 4 · 0.75 + 1) / 10.
        "mean_score": pytest.approx(0.525),
        "ties": 2,
        "examples": 2,
        "mean_chosen": 0.75,
        "mean_rejected": 0.125,
        "length_chosen": 2.5,
        "length_rejected": 3.0,
        "fit": {"steps": 7, "metrics": {"loss": 0.5}, "seconds": 2.5, "history": "align-1/history.jsonl"},
        "tables": ["samples", "verdicts", "examples"],
    }
    assert result.to_json() == {"prompts": 9, "rounds": [one, one]}
    line = (
        "4 prompts (13 answers cut off and left out) · "
        "7 different answers judged (mean score 0.525, 1 failures) · "
        "2 prompts without a difference · 2 examples: 0.750 over 0.125 · 2.5 and 3.0 words"
    )
    assert result.lines() == [f"round 1: {line}", f"round 2: {line}"]


def test_single_answers_and_groups_are_the_better_and_the_worse_too(tmp_path) -> None:
    single, group = (counted(tmp_path / name, name) for name in (Algorithm.KTO, Algorithm.GRPO))
    assert (single.examples, group.examples) == (4, 2)
    for one in (single, group):
        assert (one.mean_chosen, one.mean_rejected) == (0.75, 0.125)
        assert (one.length_chosen, one.length_rejected) == (2.5, 3.0)
        assert (one.prompts, one.ties) == (4, 2)


def test_what_has_no_score_or_no_words_is_said_so(tmp_path) -> None:
    one = replace(counted(tmp_path), mean_score=None, mean_chosen=None, length_chosen=0.0)
    assert "judged (no score, 1 failures)" in one.line()
    assert "2 examples: no score over 0.125 · 0.0 and 3.0 words" in one.line()
    assert replace(one, length_rejected=0.0).line().endswith("no score over 0.125")
    assert replace(one, length_rejected=0.0, length_chosen=1.0).line().endswith("1.0 and 0.0 words")
    assert replace(one, unfinished=0).line().startswith("4 prompts · ")
    assert (shown(None), shown(0.12345)) == ("no score", "0.123")


def test_a_round_on_pairs_of_a_file_has_no_ties_and_the_prompts_it_used(tmp_path) -> None:
    one = counted(tmp_path)
    nothing = Table(tmp_path / "nothing")
    given = round_result(nothing, nothing, one.tables[2], one.fit)
    assert (given.prompts, given.ties, given.drawn, given.examples) == (2, 0, 0, 2)
    assert (given.mean_score, given.states) == (None, {})
    with pytest.raises(ValueError, match="zip"):
        round_result(one.tables[0], nothing, one.tables[2], one.fit)
