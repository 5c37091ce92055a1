"""Examples on disk: what was encoded is what a batch holds, features row by row."""

from __future__ import annotations

import tracemalloc
import weakref
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilum.errors import DataError
from hilum.files import Problems
from hilum.instruct import Mixture
from hilum.model import Reads, Writes, encode
from hilum.study import Conversation, ImageIn, ImageOut, Message, Split, Task, Text
from hilum.tokenizer.codes import as_pixels
from hilum.training import BucketedMixture
from hilum.training.examples import (
    IGNORE,
    FeatureFile,
    TextBatches,
    TokenFile,
    TokenRow,
    collate,
    mixture,
)
from model.helpers import picture, seeing, tiny

CODES = {"d": (3, 0, 15, 7)}


def talk(name: str, task: Task, *messages: Message) -> Conversation:
    return Conversation(name, "s", "p", "test", task, Split.TRAIN, messages)


TALKS = [
    talk(
        "one",
        Task.VQA_CLOSED,
        Message("user", (ImageIn("a"), Text("Effusion?"))),
        Message("assistant", (Text("No."),)),
    ),
    talk("two", Task.DRAW, Message("user", (Text("Draw."),)), Message("assistant", (ImageOut("d"),))),
    talk("long", Task.TEXT, Message("user", (Text("Yes. " * 200),)), Message("assistant", (Text("No."),))),
    talk(
        "three",
        Task.PROGRESSION,
        Message("user", (ImageIn("b"), ImageIn("a"), Text("Change?"))),
        Message("assistant", (Text("Unchanged from 2019."),)),
    ),
]


@pytest.fixture(scope="module")
def model():
    return seeing(Reads.FEATURES)


@pytest.fixture
def examples(model, tmp_path):
    return TokenFile.write(tmp_path / "tokens.arrow", TALKS, model, CODES.__getitem__, rows_per_chunk=2)


@pytest.fixture
def features(model, tmp_path):
    return FeatureFile.write(tmp_path / "f.npy", list("abc"), pixels_of, model, batch=2)


def pixels_of(image_ids) -> np.ndarray:
    return np.stack([picture(ord(image)) for image in image_ids])


def test_rows_come_back_as_they_were_encoded(model, examples, tmp_path) -> None:
    kept = [t for t in TALKS if t.id != "long"]
    for file in (examples, TokenFile(tmp_path / "tokens.arrow")):
        assert len(file) == 3
        assert list(file.tasks) == [t.task.value for t in kept]
        for i, t in enumerate(kept):
            wanted = encode(t.messages, model.vocabulary, model.config, codes_of=CODES.__getitem__)
            ids, targets, images = file.row(i)
            assert tuple(ids) == wanted.ids
            assert tuple(targets) == wanted.targets
            assert tuple(images) == wanted.images
            assert file.lengths[i] == len(wanted.ids)


def test_one_too_long_is_counted_and_left_out(model, tmp_path) -> None:
    problems = Problems()
    file = TokenFile.write(tmp_path / "t.arrow", TALKS, model, CODES.__getitem__, problems)
    assert len(file) == 3
    assert [problem.thing for problem in problems.kept] == ["long"]
    assert "the model reads 256" in problems.kept[0].problem


def test_no_examples_is_an_empty_file(model, tmp_path) -> None:
    file = TokenFile.write(tmp_path / "t.arrow", [], model, None)
    assert len(file) == len(file.tasks) == len(file.sources) == 0
    assert file.lengths.shape == (0,)
    with pytest.raises(IndexError):
        file.row(0)


names = st.text(max_size=3)
token_rows = st.lists(
    st.tuples(
        names,
        names,
        st.lists(st.tuples(st.integers(0, 2**31 - 1), st.booleans()), max_size=5),
        st.lists(names, max_size=2),
    ),
    max_size=12,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(token_rows, st.integers(1, 5))
def test_rows_of_any_chunks_come_back_as_they_were_written(tmp_path, rows, rows_per_chunk) -> None:
    """Names met first in a later chunk, chunks of one row, a last chunk that is not full, empty rows."""
    made = [
        TokenRow(
            str(k),
            task,
            source,
            np.array([i for i, _ in tokens], np.int32),
            np.array([t for _, t in tokens], bool),
            images,
        )
        for k, (task, source, tokens, images) in enumerate(rows)
    ]
    file = TokenFile.write_rows(tmp_path / "t.arrow", made, rows_per_chunk)
    assert list(file.tasks) == [row.task for row in made]
    assert list(file.sources) == [row.source for row in made]
    assert file.lengths.tolist() == [len(row.ids) for row in made]
    assert file.lengths.dtype == np.int32
    for k, row in enumerate(made):
        ids, targets, images = file.row(k)
        assert (ids.dtype, targets.dtype) == (np.int64, np.bool_)
        assert (ids.tolist(), targets.tolist(), images) == (
            row.ids.tolist(),
            row.targets.tolist(),
            row.images,
        )
    for beyond in (-1, len(made)):
        with pytest.raises(IndexError):
            file.row(beyond)


def short_rows(count: int) -> Iterator[TokenRow]:
    for k in range(count):
        ids = np.full(500, k, np.int32)
        yield TokenRow(str(k), f"task{k % 3}", "s", ids, ids > 0, ["a"])


def test_writing_holds_a_chunk_of_rows(tmp_path) -> None:
    """Of the stream no more is alive than the chunk being made and the one before it."""
    alive: weakref.WeakSet[TokenRow] = weakref.WeakSet()
    most = 0

    def watched() -> Iterator[TokenRow]:
        nonlocal most
        for row in short_rows(400):
            alive.add(row)
            most = max(most, len(alive))
            yield row

    TokenFile.write_rows(tmp_path / "t.arrow", watched(), rows_per_chunk=20)
    assert 20 <= most <= 2 * 20 + 1


def test_an_open_file_holds_no_tokens(tmp_path) -> None:
    """What is held of a row are its length and its names' numbers: tokens stay in the mapped file."""
    TokenFile.write_rows(tmp_path / "t.arrow", short_rows(20_000))
    held = pa.total_allocated_bytes()
    tracemalloc.start()
    file = TokenFile(tmp_path / "t.arrow")
    plan = mixture(file, {}, tokens_per_batch=4096, seed=0)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert file.lengths.nbytes + file.tasks.codes.nbytes + file.sources.codes.nbytes == 8 * len(file)
    assert size < 50 * len(file) < 500 * 4 * len(file)
    assert pa.total_allocated_bytes() - held < 1 << 16
    assert plan(0)


def test_features_are_the_encoder_s_in_half_precision(model, features) -> None:
    wanted = model.features(as_pixels(pixels_of("bab")))
    found = features(["b", "a", "b"])
    assert found.dtype == torch.float32
    assert torch.equal(found, wanted.half().float())


def test_a_batch_holds_its_rows_and_their_images_in_order(model, examples, features) -> None:
    plan = BucketedMixture.of(
        examples.lengths, examples.tasks, dict.fromkeys(examples.tasks, 1), batch_size=3
    )
    batches = TextBatches(examples, features, plan, pad=0)
    batch = batches(0)
    order = plan(0)
    shown = [image for i in order for image in examples.row(i)[2]]
    assert torch.equal(batch.features_NPD, features(shown))
    for row, i in enumerate(order):
        ids, targets, _ = examples.row(i)
        assert batch.ids_BT[row, : len(ids)].tolist() == ids.tolist()
        assert not batch.ids_BT[row, len(ids) :].any()
        learned = batch.labels_BT[row] != IGNORE
        assert batch.labels_BT[row][learned].tolist() == ids[targets].tolist()
    assert batches.fingerprint == plan.fingerprint


def test_without_images_there_are_no_features(examples, features) -> None:
    weights = {task: float(task == Task.DRAW.value) for task in examples.tasks}
    plan = BucketedMixture.of(examples.lengths, examples.tasks, weights, batch_size=1)
    assert TextBatches(examples, features, plan, pad=0)(0).features_NPD is None


@settings(max_examples=40)
@given(st.lists(st.lists(st.tuples(st.integers(5, 99), st.booleans()), min_size=1, max_size=9), min_size=1))
def test_a_label_is_the_next_token_where_that_is_a_target(rows) -> None:
    arrays = [(np.array([i for i, _ in row]), np.array([t for _, t in row])) for row in rows]
    batch = collate(arrays, None, pad=0)
    for b, row in enumerate(rows):
        for t in range(batch.ids_BT.shape[1]):
            wanted = row[t + 1][0] if t + 1 < len(row) and row[t + 1][1] else IGNORE
            assert batch.labels_BT[b, t] == wanted
            assert batch.ids_BT[b, t] == (row[t][0] if t < len(row) else 0)


def test_a_task_the_weights_leave_out_has_weight_one(examples) -> None:
    weights = {Task.DRAW.value: 0.0}
    plan = mixture(examples, weights, tokens_per_batch=1000, seed=0)
    drawn = {examples.tasks[i] for step in range(6) for i in plan(step)}
    assert drawn == {Task.VQA_CLOSED.value, Task.PROGRESSION.value}


def test_bytes_and_fractions_are_the_same_pixels() -> None:
    stored = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    torch.testing.assert_close(as_pixels(stored), as_pixels(stored.astype(np.float64) / 255))


def test_within_a_task_a_source_has_the_share_of_its_root(tmp_path) -> None:
    model = tiny(Reads.FEATURES, Writes.NOTHING)
    words = (Message("user", (Text("Any?"),)), Message("assistant", (Text("No."),)))
    talks = [
        Conversation(f"{source}{i}", "s", "p", source, Task.TEXT, Split.TRAIN, words)
        for source, count in (("big", 16), ("small", 4))
        for i in range(count)
    ]
    file = TokenFile.write(tmp_path / "t.arrow", talks, model, None)
    plan = mixture(file, {}, tokens_per_batch=200, seed=0)
    drawn = [file.sources[i] for step in range(60) for i in plan(step)]
    assert drawn.count("big") / drawn.count("small") == pytest.approx(4 / 2, rel=0.1)


def by_task(tmp_path, counts: dict[tuple[str, str], int]) -> TokenFile:
    """Rows by task and source."""
    made = (
        TokenRow(f"{task}{source}{i}", task, source, np.arange(9, dtype=np.int32), np.ones(9, bool), [], "s")
        for (task, source), count in counts.items()
        for i in range(count)
    )
    return TokenFile.write_rows(tmp_path / "t.arrow", made)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 50.0])
def test_a_mixture_draws_each_task_and_source_by_its_share(tmp_path, temperature) -> None:
    counts = {("a", "x"): 900, ("a", "y"): 100, ("b", "x"): 500, ("b", "z"): 300, ("c", "y"): 200}
    drawn_by = Mixture(temperature, {"b": 2.0, "c": 0.0}, {"y": 3.0})
    file = by_task(tmp_path, counts)
    # The weights of a stage no longer count.
    plan = mixture(file, {"a": 7.0}, tokens_per_batch=900, seed=0, drawn_by=drawn_by)
    drawn = [(file.tasks[i], file.sources[i]) for step in range(plan.steps_per_epoch()) for i in plan(step)]
    for pair, share in drawn_by.shares(counts).items():
        assert drawn.count(pair) / len(drawn) == pytest.approx(share, abs=0.002)


def test_a_source_keeps_its_part_of_a_task_that_a_mixture_draws(tmp_path) -> None:
    counts = {("a", "x"): 800, ("text", "x"): 100, ("text", "given"): 100, ("b", "given"): 100}
    file = by_task(tmp_path, counts)
    plan = mixture(file, {}, tokens_per_batch=900, seed=0, drawn_by=Mixture(), parts={"given": 0.25})
    drawn = [(file.tasks[i], file.sources[i]) for step in range(plan.steps_per_epoch()) for i in plan(step)]
    shares = {("a", "x"): 0.8, ("text", "x"): 0.075, ("text", "given"): 0.025, ("b", "given"): 0.1}
    assert {pair: drawn.count(pair) / len(drawn) for pair in counts} == pytest.approx(shares, abs=0.002)


def sourced(tmp_path, **counts: int) -> TokenFile:
    """Rows of one task from several sources."""
    made = (
        TokenRow(f"{source}{i}", "text", source, np.arange(9, dtype=np.int32), np.ones(9, bool), [], "s")
        for source, count in counts.items()
        for i in range(count)
    )
    return TokenFile.write_rows(tmp_path / "t.arrow", made)


@pytest.mark.parametrize(("part", "share"), [(0.5, 0.5), (0.9, 0.9), (0.0, 0.0), (1.0, 1.0)])
def test_a_source_may_have_a_part_of_its_own(tmp_path, part, share) -> None:
    file = sourced(tmp_path, small=400, given=100, big=1600)
    plan = mixture(file, {}, tokens_per_batch=900, seed=0, parts={"given": part, "absent": 0.3})
    drawn = [file.sources[i] for step in range(42) for i in plan(step)]
    assert drawn.count("given") / len(drawn) == pytest.approx(share, abs=0.03)
    assert drawn.count("big") == pytest.approx(2 * drawn.count("small"), rel=0.15)


def test_a_part_is_all_of_a_task_that_no_other_source_has(tmp_path) -> None:
    file = sourced(tmp_path, given=5)
    plan = mixture(file, {}, tokens_per_batch=18, seed=0, parts={"given": 0.2})
    assert sorted(i for step in range(3) for i in plan(step)) == list(range(5))


shown = st.lists(st.tuples(st.sampled_from(["", "s", "t"]), st.lists(st.sampled_from("abc"), max_size=3)))


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shown, st.sets(st.sampled_from("st")), st.sets(st.sampled_from("ab")), st.integers(1, 4))
def test_rows_about_studies_and_images_left_out_are_found(tmp_path, rows, studies, images, chunk) -> None:
    ids = np.zeros(2, np.int32)
    made = [TokenRow(str(i), "t", "s", ids, ids > 0, own, study) for i, (study, own) in enumerate(rows)]
    file = TokenFile.write_rows(tmp_path / "t.arrow", made, chunk)
    kept = file.without(frozenset(studies), frozenset(images))
    assert kept.tolist() == [study not in studies and not images & set(own) for study, own in rows]


def test_what_is_left_out_is_never_drawn_and_counts_for_nothing(tmp_path) -> None:
    file = sourced(tmp_path, small=4, big=20)
    kept = np.arange(24) < 8  # of either four
    plan = mixture(file, {}, tokens_per_batch=90, seed=0, kept=kept)
    drawn = [i for step in range(20) for i in plan(step)]
    assert set(drawn) == set(range(8))
    assert sum(i < 4 for i in drawn) == pytest.approx(len(drawn) / 2, rel=0.1)
    everything = mixture(file, {}, tokens_per_batch=90, seed=0)
    same = mixture(file, {}, tokens_per_batch=90, seed=0, kept=np.ones(24, bool), parts={})
    assert [same(step) for step in range(5)] == [everything(step) for step in range(5)]


def test_features_that_half_precision_cannot_hold_are_refused(tmp_path) -> None:
    with pytest.raises(DataError, match="cannot hold features as large as"):
        FeatureFile.write(tmp_path / "f.npy", list("abc"), pixels_of, tiny(Reads.FEATURES))
    assert not (tmp_path / "f.npy").exists()
