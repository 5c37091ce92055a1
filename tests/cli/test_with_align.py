"""The command that a result of alignment names can be given again."""

from __future__ import annotations

import shlex

import pytest

from hilum.cli.parse import parse
from hilum.errors import HilumError
from hilum.recipes import align_study


@pytest.mark.parametrize(
    "words",
    [
        "align run",
        "align run --algorithm rdpo --alpha 0.02 --beta 0.3 --n 4 --rounds 2 --seed 13",
        "align run --judge composite --length-controlled --steps 5 --lr 1e-05 --limit 17",
        "align run --what pictures --seed 12",
        "align-study run",
        "align-study run --algorithm dpo --algorithm grpo --judge facts --judge matches --beta 0.02",
        "align-study run --length-control --tax --steps 5 --lr 1e-05 --sft-weight 0.25 --n 4",
        "align-study run --limit 17 --items 9 --seed 3 --beta 0.02 --beta 0.5",
    ],
)
def test_the_command_of_a_result_means_what_was_given(words):
    name, *options = words.split()
    given = parse(name, options)
    program, again, *said = shlex.split(given._command())
    assert (program, again) == ("hilum", name)
    assert parse(again, said) == given


@pytest.mark.parametrize("said", ["--judge green", "--length-controlled", "--cache c.jsonl"])
def test_a_judge_of_reports_is_refused_where_pictures_are_aligned(said):
    for options, words in ((said.split(), f"{said.split()[0]}: has no effect"), (["--n", "4"], "nowhere")):
        with pytest.raises(HilumError, match=words):
            parse("align", ["nowhere", "--what", "pictures", *options]).run()


class Stopped(Exception):
    """Raised in place of the study."""


@pytest.mark.parametrize(("words", "lr"), [("", 1e-6), ("--lr 3e-5", 3e-5)])
def test_a_study_is_of_every_combination_with_the_numbers_given(monkeypatch, tmp_path, words, lr):
    seen = {}

    def study(run, out, cells, config, **rest):
        seen.update(cells=cells, config=config, rest=rest)
        raise Stopped

    monkeypatch.setattr(align_study, "align_study", study)
    given = f"--judge facts --algorithm dpo --algorithm rdpo --beta 0.2 --length-control --steps 7 {words}"
    with pytest.raises(Stopped):
        parse("align-study", [str(tmp_path), *given.split(), "--limit", "9", "--items", "5"]).run()
    cells = [(c.algorithm, c.judge, c.beta, c.alpha > 0, c.length_control) for c in seen["cells"]]
    assert cells == [
        ("dpo", "facts", 0.2, False, False),
        ("dpo", "facts", 0.2, False, True),
        ("rdpo", "facts", 0.2, True, False),
        ("rdpo", "facts", 0.2, True, True),
    ]
    assert (seen["config"].fit.steps, seen["config"].fit.lr, seen["config"].n) == (7, lr, 6)
    assert (seen["rest"]["limit"], seen["rest"]["items"], seen["rest"]["tax"]) == (9, 5, False)
