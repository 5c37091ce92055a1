"""Blind models: they find what is planted, and are at chance where each option is right as often."""

from __future__ import annotations

import random

import pytest

from hilum.bench.chexbench.tasks import SINGLE
from hilum.bench.openbench.blind import MODELS, Asked, answers, blind_choices, chance
from hilum.bench.openbench.blocks import arrange, blocks
from hilum.bench.openbench.candidates import Candidate

LETTERS = "abcdefgh"


def planted(model: str, rng: random.Random) -> list[Asked]:
    """Items with one flaw each, which that model must find."""
    items = []
    for block in range(60):
        options = rng.sample(["left", "right", "both sides"], 3)
        question = rng.choice(["Which side is the nodule on?", "Where is the tube?"])
        right = rng.randrange(3)
        if "place" in model:
            right = 1
        elif "longest" in model:
            right = options.index("both sides")
        elif "shortest" in model:
            right = options.index("left")
        elif "question" in model:
            right = options.index("left" if "nodule" in question else "right")
        else:
            right = options.index("right")
        items.append(Asked(question, tuple(options), right, block, f"p{block}"))
    return items


@pytest.mark.parametrize("model", MODELS)
def test_each_model_finds_the_flaw_it_is_for(model: str) -> None:
    items = planted(model, random.Random(0))
    assert answers(MODELS[model], items) == [item.right for item in items]


def film(number: int, answer: str) -> Candidate:
    wrong = frozenset(LETTERS) - {answer}
    return Candidate(SINGLE, "s", "", "", f"p{number}", "Which?", (f"i{number}",), answer, wrong=wrong)


@pytest.mark.parametrize("skew", [1, 20])
def test_blocks_leave_blind_models_at_chance_however_skewed_the_answers(skew: int) -> None:
    rng = random.Random(skew)
    weights = [skew, skew, *[1] * (len(LETTERS) - 2)]
    films = [film(n, rng.choices(LETTERS, weights)[0]) for n in range(160)]
    items = [
        Asked("Which?", options, options.index(member.answer), number, member.patient)
        for number, block in enumerate(blocks(films, 4))
        for member, options in zip(block, arrange(block, 0), strict=True)
    ]
    assert len(items) > 20
    for name, estimate in blind_choices(items).items():
        assert estimate.low is not None, name
        assert estimate.low <= chance(items), name


def test_a_rule_of_question_and_options_is_right_once_in_each_block() -> None:
    films = [film(n, LETTERS[n % 8]) for n in range(160)]
    for number, block in enumerate(blocks(films, 4)):
        told = [
            (tuple(sorted(options)), member) for member, options in zip(block, arrange(block, 3), strict=True)
        ]
        assert len({options for options, _ in told}) == 1, number
        assert [sum(member.answer == option for _, member in told) for option in told[0][0]] == [1] * 4
        places = [options.index(m.answer) for m, options in zip(block, arrange(block, 3), strict=True)]
        assert sorted(places) == [0, 1, 2, 3]


def test_one_block_is_too_few_to_learn_from() -> None:
    assert blind_choices([Asked("q", ("a", "b"), 0, 0, "p")]) == {}


def test_a_model_is_measured_on_blocks_it_did_not_learn_from() -> None:
    items = [Asked("q", ("a", "b"), block % 2, block, f"p{block}") for block in range(20)]
    # In even blocks "a" is right, in odd ones "b": what one half teaches is wrong in the other.
    for block, answer in enumerate(answers(MODELS["most often right, by option"], items)):
        assert answer != items[block].right
