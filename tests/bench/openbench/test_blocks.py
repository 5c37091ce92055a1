"""Blocks: options exclude one another, and each is right for one film."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hilum.bench.chexbench.tasks import GROUNDING, MULTIPLE, SINGLE, VIEW
from hilum.bench.openbench.blocks import apart, arrange, blocks, choose
from hilum.bench.openbench.candidates import Candidate
from hilum.bench.openbench.pool import Pool

KNOWN = "abcdef"
films = st.lists(st.tuples(st.sampled_from(KNOWN), st.frozensets(st.sampled_from(KNOWN))), max_size=30)


def candidate(number: int, answer: str, wrong: frozenset[str], task: str = SINGLE) -> Candidate:
    images = (f"image{number}",)
    return Candidate(task, "s", "", "", f"p{number}", "Q?", images, answer, wrong=wrong - {answer})


@given(films, st.integers(2, 4))
def test_options_of_a_block_are_wrong_for_all_films_but_their_own(
    told: list[tuple[str, frozenset[str]]], most: int
) -> None:
    made = [candidate(n, answer, wrong) for n, (answer, wrong) in enumerate(told)]
    used: list[Candidate] = []
    for block in blocks(made, most):
        assert 2 <= len(block) <= most
        used.extend(block)
        for member in block:
            others = [other.answer for other in block if other is not member]
            assert all(answer in member.wrong for answer in others)
    assert len({member.key for member in used}) == len(used)


def test_a_set_of_findings_is_wrong_where_one_of_them_is() -> None:
    one = replace(candidate(0, "a, b", frozenset("c"), MULTIPLE), parts=("a", "b"))
    other = replace(candidate(1, "b, c", frozenset("a"), MULTIPLE), parts=("b", "c"))
    assert apart(one, other)
    assert not apart(one, replace(other, wrong=frozenset("d")))


def test_boxes_of_a_block_do_not_meet() -> None:
    left = replace(candidate(0, "", frozenset(), GROUNDING), box=(0.1, 0.1, 0.3, 0.3))
    right = replace(candidate(1, "", frozenset(), GROUNDING), box=(0.6, 0.1, 0.8, 0.3))
    near = replace(candidate(2, "", frozenset(), GROUNDING), box=(0.15, 0.1, 0.35, 0.3))
    assert list(blocks([left, near, right], 2)) == [(left, right)]


def test_a_film_is_in_a_block_once() -> None:
    one = candidate(0, "a", frozenset("b"))
    assert not apart(one, replace(candidate(1, "b", frozenset("a")), images=one.images))


def test_choose_takes_sources_in_turn_and_never_too_many() -> None:
    pool = Pool(0, 50)
    for n in range(200):
        film = candidate(n, "AP" if n % 2 else "PA", frozenset({"AP", "PA"}), VIEW)
        pool.add(replace(film, source="small" if n < 20 else "large"))
    chosen = choose(pool, VIEW, 31)
    assert sum(map(len, chosen)) == 30
    sources = [block[0].source for block in chosen]
    assert sources.count("small") in (7, 8)
    everything = choose(pool, VIEW, 10_000)
    assert sum(block[0].source == "small" for block in everything) == 10


def test_the_right_place_of_a_pair_is_either_as_often() -> None:
    first = 0
    for n in range(400):
        block = (candidate(2 * n, "a", frozenset("b")), candidate(2 * n + 1, "b", frozenset("a")))
        first += arrange(block, 0)[0].index("a") == 0
    assert 160 < first < 240
