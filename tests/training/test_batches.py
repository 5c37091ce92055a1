"""Batches: a pure function of the step, in the asked shares, within the budget."""

from __future__ import annotations

import threading
from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hilum.errors import UsageError
from hilum.training import BucketedMixture, epoch_order
from hilum.training.batches import Categorical, Prefetch, shares
from hilum.training.tokenizer import PixelBatches

lengths = st.lists(st.integers(1, 60), min_size=1, max_size=40)
weight = st.floats(0.05, 20)


@st.composite
def mixtures(draw, **fixed):
    """Arguments of a mixture of one to four tasks."""
    names = draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True))
    tasks = {name: draw(lengths) for name in names}
    if draw(st.booleans()):
        size = {"tokens_per_batch": draw(st.integers(20, 400))}
    else:
        size = {"batch_size": draw(st.integers(1, 9))}
    seed, pool = draw(st.integers(0, 5)), draw(st.integers(1, 4))
    return {"lengths": tasks, "weights": {n: draw(weight) for n in names}, "seed": seed, "pool": pool, **size}


@given(mixtures(), st.lists(st.integers(0, 30), min_size=1, max_size=12))
def test_a_batch_depends_on_its_number_alone(arguments, steps) -> None:
    asked = BucketedMixture(**arguments)
    in_order = BucketedMixture(**arguments)
    wanted = {step: in_order(step) for step in range(31)}
    assert [asked(step) for step in steps] == [wanted[step] for step in steps]
    assert asked.fingerprint == in_order.fingerprint


@given(mixtures())
def test_a_batch_keeps_its_budget(arguments) -> None:
    plan = BucketedMixture(**arguments)
    flat = np.concatenate(list(arguments["lengths"].values()))
    for step in range(plan.steps_per_epoch()):
        rows = plan(step)
        assert rows
        if "batch_size" in arguments:
            assert len(rows) <= arguments["batch_size"]
        else:
            assert len(rows) == 1 or len(rows) * flat[rows].max() <= arguments["tokens_per_batch"]


@given(mixtures())
def test_an_epoch_draws_each_task_in_its_share(arguments) -> None:
    plan = BucketedMixture(**arguments)
    total = sum(len(v) for v in arguments["lengths"].values())
    task_of = [task for task, v in arguments["lengths"].items() for _ in v]
    drawn = Counter(task_of[i] for step in range(plan.steps_per_epoch()) for i in plan(step))
    mass = sum(arguments["weights"].values())
    assert sum(drawn.values()) == total
    for task, share in arguments["weights"].items():
        assert abs(drawn[task] - total * share / mass) < 1


@settings(max_examples=30)
@given(mixtures())
def test_every_example_of_a_task_comes_once_before_any_comes_twice(arguments) -> None:
    plan = BucketedMixture(**arguments)
    task_of = [task for task, v in arguments["lengths"].items() for _ in v]
    seen: Counter[int] = Counter()
    step = 0
    for epoch in range(4):
        for _ in range(plan.steps_per_epoch(epoch)):
            seen.update(plan(step))
            step += 1
        for task in arguments["lengths"]:
            uses = [seen[i] for i, t in enumerate(task_of) if t == task]
            assert max(uses) - min(uses) <= 1


def test_equal_weights_of_one_task_are_plain_shuffled_epochs() -> None:
    plan = BucketedMixture({"only": [5] * 10}, {"only": 1}, batch_size=3)
    first = [i for step in range(4) for i in plan(step)]
    second = [i for step in range(4, 8) for i in plan(step)]
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


def test_buckets_pad_less_than_chance() -> None:
    rng = np.random.default_rng(0)
    sizes = rng.integers(10, 200, 2000)

    def waste(pool: int) -> float:
        plan = BucketedMixture({"a": sizes}, {"a": 1}, batch_size=16, pool=pool)
        batches = [sizes[plan(step)] for step in range(plan.steps_per_epoch())]
        padded = sum(len(b) * b.max() for b in batches)
        return 1 - sizes.sum() / padded

    assert waste(32) < 0.1 < waste(1)


def test_a_task_of_weight_zero_never_comes() -> None:
    plan = BucketedMixture({"a": [1] * 5, "b": [1] * 5}, {"a": 0, "b": 1}, batch_size=2)
    assert min(i for step in range(20) for i in plan(step)) >= 5


def test_flat_examples_give_the_same_plan() -> None:
    by_task = BucketedMixture({"a": [3, 4], "b": [5, 6, 7]}, {"a": 1, "b": 2}, tokens_per_batch=12)
    flat = BucketedMixture.of([3, 4, 5, 6, 7], list("aabbb"), {"a": 1, "b": 2}, tokens_per_batch=12)
    assert [by_task(step) for step in range(9)] == [flat(step) for step in range(9)]
    assert by_task.fingerprint == flat.fingerprint


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "a b", ""]), st.integers(1, 60)), min_size=1), st.data())
def test_numbered_tasks_are_the_same_tasks(rows, data) -> None:
    """Whatever their numbers, and with names that no row has."""
    tasks = [task for task, _ in rows]
    order = data.draw(st.permutations(["a", "b", "a b", "", "never"]))
    numbered = Categorical(order, np.array([order.index(task) for task in tasks], np.int16))
    assert list(numbered) == [numbered[k] for k in range(len(numbered))] == tasks
    assert list(numbered[1:]) == tasks[1:]
    assert list(numbered.counts().items()) == list(Counter(tasks).items())
    sizes = np.array([length for _, length in rows], np.int32)
    settings = {"tokens_per_batch": 100, "seed": 1, "weights": dict.fromkeys(tasks, 1.0)}
    named = BucketedMixture.of(sizes.tolist(), tasks, **settings)
    plan = BucketedMixture.of(sizes, numbered, **settings)
    assert plan.fingerprint == named.fingerprint
    assert [plan(step) for step in range(6)] == [named(step) for step in range(6)]


def test_a_fingerprint_is_what_it_was_when_runs_were_begun() -> None:
    """A run that was stopped goes on only with the fingerprint its checkpoints hold."""
    rng = np.random.default_rng(0)
    tasks = [f"task{k}" for k in rng.integers(0, 3, 70_000)]  # more than are hashed at once
    weights = {"task0": 1, "task1": 2, "task2": 0.5}
    plan = BucketedMixture.of(rng.integers(5, 200, 70_000), tasks, weights, tokens_per_batch=4096, seed=3)
    assert plan.fingerprint == "571394c64ff28d08"
    assert plan(7)[:4] == [68128, 33012, 16893, 64308]


@pytest.mark.parametrize(
    "change",
    [
        {"lengths": {"a": [1, 2, 4]}},
        {"weights": {"a": 1, "b": 3}, "lengths": {"a": [1, 2, 3], "b": [1]}},
        {"seed": 1},
        {"batch_size": 3},
        {"pool": 7},
    ],
)
def test_the_fingerprint_knows_other_data(change) -> None:
    usual = {"lengths": {"a": [1, 2, 3]}, "weights": {"a": 1}, "batch_size": 2}
    assert BucketedMixture(**usual).fingerprint != BucketedMixture(**{**usual, **change}).fingerprint


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"weights": {"a": 1}}, "exactly one"),
        ({"weights": {"a": 1}, "batch_size": 2, "tokens_per_batch": 9}, "exactly one"),
        ({"weights": {"a": 1}, "batch_size": 0}, "below 1"),
        ({"weights": {}, "batch_size": 1}, "none for a"),
        ({"weights": {"a": -1}, "batch_size": 1}, "not a number"),
        ({"weights": {"a": float("nan")}, "batch_size": 1}, "not a number"),
        ({"weights": {"a": 0}, "batch_size": 1}, "no example"),
    ],
)
def test_impossible_mixtures_are_refused(arguments, said) -> None:
    with pytest.raises(UsageError, match=said):
        BucketedMixture({"a": [1, 2]}, **arguments)
    with pytest.raises(UsageError, match="2 entries for 1"):
        BucketedMixture.of([1], ["a", "b"], {"a": 1, "b": 1}, batch_size=1)


@given(st.dictionaries(st.text(max_size=3), weight, min_size=1, max_size=6), st.integers(0, 500))
def test_shares_add_up_and_are_fair(weights, total) -> None:
    counts = shares(weights, total)
    assert sum(counts.values()) == total
    mass = sum(weights.values())
    assert all(abs(counts[name] - total * w / mass) < 1 for name, w in weights.items())


def test_the_largest_remainders_get_what_is_left() -> None:
    assert shares({"a": 1, "b": 1, "c": 1}, 4) == {"a": 2, "b": 1, "c": 1}
    assert shares({"c": 2, "b": 5, "a": 3}, 4) == {"c": 1, "b": 2, "a": 1}
    assert shares({"b": 5, "a": 1}, 3) == {"b": 2, "a": 1}


SIZES = {"a": [9, 3, 12, 7, 5, 11, 2], "b": [20, 4, 8], "c": [50]}


@pytest.mark.parametrize(
    ("settings", "batches", "epochs", "fingerprint"),
    [
        (
            {"tokens_per_batch": 40},
            [[9, 0, 5], [10], [6, 1, 8, 4, 3], [2, 7], [9, 0, 5], [2, 7], [6, 1, 8, 4, 3], [10]],
            [4, 4, 4],
            "35f76dcb20147b91",
        ),
        (
            {"batch_size": 3},
            [[4, 3, 9], [7, 10], [6, 1, 8], [0, 5, 2], [4, 3, 9], [0, 5, 2], [6, 1, 8], [7, 10]],
            [4, 4, 4],
            "d45037e7511840a3",
        ),
        (
            {"tokens_per_batch": 40, "pool": 2, "seed": 5},
            [[1, 4, 9, 0], [6, 8, 3], [2, 7], [10], [5], [7], [2], [3, 0, 5], [10], [6, 1, 8, 4, 9]],
            [5, 5, 5],
            "6b15f00442a329c2",
        ),
    ],
)
def test_a_plan_is_what_it_was_when_runs_were_begun(settings, batches, epochs, fingerprint) -> None:
    """A run that goes on reads the batches that it would have read."""
    plan = BucketedMixture(SIZES, {"a": 2, "b": 1, "c": 0.25}, **settings)
    assert [plan(step) for step in range(len(batches))] == batches
    assert [plan.steps_per_epoch(epoch) for epoch in range(3)] == epochs
    assert plan.fingerprint == fingerprint
    assert epoch_order(6, 2, 7).tolist() == [4, 1, 0, 2, 3, 5]


def test_a_batch_may_hold_exactly_its_tokens_and_a_longer_example_is_alone() -> None:
    exact = BucketedMixture({"a": [5, 5, 5, 5]}, {"a": 1}, tokens_per_batch=10)
    assert sorted(len(exact(step)) for step in range(exact.steps_per_epoch())) == [2, 2]
    less = BucketedMixture({"a": [5, 5, 5, 5]}, {"a": 1}, tokens_per_batch=9)
    assert sorted(len(less(step)) for step in range(less.steps_per_epoch())) == [1, 1, 1, 1]
    longer = BucketedMixture({"a": [5, 5, 99]}, {"a": 1}, tokens_per_batch=1)
    assert sorted(longer(step) for step in range(3)) == [[0], [1], [2]]


def test_a_column_of_names_is_read_as_a_list_of_them() -> None:
    rows = ["b", "a", "b", "c", "a", "b"]
    column = Categorical.of(rows)
    assert (column.names, column.codes.tolist()) == (("b", "a", "c"), [0, 1, 0, 2, 1, 0])
    assert list(column) == rows
    assert len(column) == 6
    assert [column[i] for i in range(-6, 6)] == rows + rows
    assert list(column[1:4]) == ["a", "b", "c"]
    assert column.counts() == {"b": 3, "a": 2, "c": 1}
    assert list(column[1:5].counts().items()) == [("a", 2), ("b", 1), ("c", 1)]
    assert Categorical.of(column) is column


def test_of_several_processes_each_reads_its_own_batches_ahead() -> None:
    asked = []
    ahead = Prefetch(lambda step: asked.append(step) or step, every=3)
    assert [ahead(step) for step in (1, 4, 7)] == [1, 4, 7]
    ahead.close()
    assert asked[:3] == [1, 4, 7]
    assert set(asked) <= {1, 4, 7, 10}
    assert not hasattr(ahead, "fingerprint")


@given(st.integers(1, 50), st.integers(0, 5), st.integers(0, 5))
def test_an_epoch_s_order_is_a_permutation_and_fixed(n, epoch, seed) -> None:
    order = epoch_order(n, epoch, seed)
    assert sorted(order) == list(range(n))
    assert list(order) == list(epoch_order(n, epoch, seed))
    assume(n > 20)
    assert list(order) != list(epoch_order(n, epoch + 1, seed))


def test_reading_ahead_changes_no_batch_and_uses_one_thread() -> None:
    threads = set()

    class Made:
        fingerprint = "abc"

        def __call__(self, step: int) -> int:
            threads.add(threading.get_ident())
            return step * step

    ahead = Prefetch(Made())
    asked = [0, 1, 2, 7, 8, 3, 3]
    assert [ahead(step) for step in asked] == [step * step for step in asked]
    ahead.close()
    assert ahead.fingerprint == "abc"
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_an_error_while_reading_ahead_arrives_at_its_step() -> None:
    def batches(step: int) -> int:
        if step == 2:
            raise OSError("torn")
        return step

    ahead = Prefetch(batches)
    assert [ahead(0), ahead(1)] == [0, 1]
    with pytest.raises(OSError, match="torn"):
        ahead(2)
    ahead.close()


def test_pixels_come_in_shuffled_epochs() -> None:
    images = np.arange(10, dtype=np.uint8)[:, None, None].repeat(4, 1).repeat(4, 2)
    batches = PixelBatches(images, 4, seed=1)
    rows = [int(v) for step in range(5) for v in (batches(step)[:, 0, 0] * 255).round()]
    assert sorted(rows[:10]) == sorted(rows[10:]) == list(range(10))
    assert rows[:10] != rows[10:]
    assert float(batches(0).max()) <= 1
