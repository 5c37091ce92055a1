"""The sample of candidates: of bounded size, and the same in whatever order they come."""

from __future__ import annotations

import random
from dataclasses import replace

from hilum.bench.chexbench.tasks import VIEW, VQA
from hilum.bench.openbench import pool as pool_module
from hilum.bench.openbench.candidates import Candidate
from hilum.bench.openbench.pool import Pool


def candidate(number: int, group: str = "", answer: str = "PA", task: str = VIEW) -> Candidate:
    return Candidate(task, "s", group, "", f"p{number}", "Q?", (f"image{number}",), answer)


def sampled(pool: Pool, task: str = VIEW) -> list[Candidate]:
    return [one for _, group in pool.groups(task) for one in group]


def test_the_sample_does_not_depend_on_the_order() -> None:
    made = [candidate(n, answer="PA" if n % 3 else "AP") for n in range(300)]
    found = []
    for seed in range(3):
        pool = Pool(7, 20)
        for one in random.Random(seed).sample(made, len(made)):
            pool.add(one)
        found.append(sampled(pool))
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 40


def test_another_seed_samples_others() -> None:
    pools = [Pool(0, 10), Pool(1, 10)]
    for n in range(200):
        for pool in pools:
            pool.add(candidate(n))
    assert set(sampled(pools[0])) != set(sampled(pools[1]))


def test_only_images_of_the_sample_are_shown() -> None:
    pool = Pool(0, 5)
    for n in range(100):
        pool.add(candidate(n))
    shown = {image for one in sampled(pool) for image in one.images}
    assert {f"image{n}" for n in range(100) if pool.shows(f"image{n}")} == shown
    assert len(shown) == 5


def test_memory_is_bounded_where_every_question_has_words_of_its_own(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(pool_module, "MOST_GROUPS", 50)
    found = []
    for seed in range(2):
        pool = Pool(3, 5)
        numbers = random.Random(seed).sample(range(1000), 1000)
        for n in numbers:
            pool.add(candidate(n, group=f"question {n}", task=VQA))
        assert len(sampled(pool, VQA)) == 50
        found.append(sampled(pool, VQA))
    assert found[0] == found[1]


def test_the_same_question_on_a_copy_is_asked_once() -> None:
    pool = Pool(0, 5)
    assert pool.add(candidate(1))
    assert not pool.add(replace(candidate(1), patient="somebody else"))
