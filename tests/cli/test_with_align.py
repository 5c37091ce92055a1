"""The command that a result of alignment names can be given again."""

from __future__ import annotations

import shlex

import pytest

from hilum.cli.parse import parse


@pytest.mark.parametrize(
    "words",
    [
        "run",
        "run --algorithm rdpo --alpha 0.02 --beta 0.3 --n 4 --rounds 2 --seed 13",
        "run --judge composite --length-controlled --steps 5 --lr 1e-05 --limit 17",
        "run --what pictures --seed 12",
    ],
)
def test_the_command_of_a_result_means_what_was_given(words):
    given = parse("align", words.split())
    program, name, *again = shlex.split(given._command())
    assert (program, name) == ("hilum", "align")
    assert parse(name, again) == given
