"""Which examples make which batch: order, mixture of tasks, bucketing by length, reading ahead.

    plan = BucketedMixture({"findings": lengths_a, "vqa": lengths_b},
                           {"findings": 2, "vqa": 1}, tokens_per_batch=4096, seed=0)
    plan(17)  # the example indices of batch 17: always the same, whatever was asked before

Everything here is a pure function of the batch's number, which is all that a resumed run knows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from hilum.errors import UsageError
from hilum.training.config import Batches

Indices = npt.NDArray[np.int64]
_PIECE = 65536


def epoch_order(n: int, epoch: int, seed: int) -> Indices:
    """A permutation of range(n), the same for the same (n, epoch, seed) on every machine."""
    return np.random.default_rng((seed, epoch, n)).permutation(n)


def shares(weights: Mapping[str, float], total: int) -> dict[str, int]:
    """Split `total` in proportion to the weights, by largest remainder, so that it adds up."""
    mass = sum(weights.values())
    exact = {task: total * weight / mass for task, weight in weights.items()}
    counts = {task: int(value) for task, value in exact.items()}
    by_remainder = sorted(exact, key=lambda task: (counts[task] - exact[task], task))
    for task in by_remainder[: total - sum(counts.values())]:
        counts[task] += 1
    return counts


class Categorical(Sequence[str]):
    """A column of names of which there are few: each row is the number of its name.

    Args:
        names: the distinct names.
        codes: (N,) integers, indices into `names`.
    """

    def __init__(self, names: Sequence[str], codes: npt.NDArray[np.integer]) -> None:
        self.names, self.codes = tuple(names), codes

    @classmethod
    def of(cls, rows: Sequence[str]) -> Categorical:
        """The same rows, by numbers; names are numbered as they appear."""
        if isinstance(rows, Categorical):
            return rows
        number: dict[str, int] = {}
        codes = np.fromiter((number.setdefault(str(row), len(number)) for row in rows), np.int32, len(rows))
        return cls(tuple(number), codes)

    def __len__(self) -> int:
        return len(self.codes)

    def __iter__(self) -> Iterator[str]:
        return map(self.names.__getitem__, self.codes)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Categorical: ...
    def __getitem__(self, index: int | slice) -> str | Categorical:
        if isinstance(index, slice):
            return Categorical(self.names, self.codes[index])
        return self.names[int(self.codes[index])]

    def counts(self) -> dict[str, int]:
        """How many rows each name that appears has, in the order of their first rows."""
        first = np.full(len(self.names), len(self.codes))
        # Of several values for one place the last stays: the first row, in rows read backwards.
        first[self.codes[::-1]] = np.arange(len(self.codes))[::-1]
        counts = np.bincount(self.codes, minlength=len(self.names))
        return {self.names[k]: int(counts[k]) for k in np.argsort(first, kind="stable") if counts[k]}


class BucketedMixture:
    """Batches of similar length, drawn from several tasks in fixed shares.

    An epoch draws as many examples as there are. Each task supplies its share of them: a small task
    is repeated, a large one continues in the next epoch where it stopped, and within a task every
    example is used once before any is used twice.

    Args:
        lengths: task → lengths in tokens; indices number the examples through, task after task.
        weights: task → its share of the examples, in any unit; 0 leaves the task out.
        tokens_per_batch: most tokens of a batch, padding included; a single longer example is a
            batch of its own.
        batch_size: examples per batch instead.
        seed: of the order.
        pool: batches whose examples are sorted by length together. More pad less and mix less.
    """

    def __init__(
        self,
        lengths: Mapping[str, Sequence[int] | npt.NDArray[np.integer]],
        weights: Mapping[str, float],
        *,
        tokens_per_batch: int | None = None,
        batch_size: int | None = None,
        seed: int = 0,
        pool: int = 32,
    ) -> None:
        flat = np.concatenate([np.asarray(v, np.int64) for v in lengths.values()] or [np.empty(0, np.int64)])
        sizes = [len(v) for v in lengths.values()]
        tasks = Categorical(tuple(lengths), np.repeat(np.arange(len(sizes), dtype=np.int32), sizes))
        self._setup(flat, tasks, weights, tokens_per_batch, batch_size, seed, pool)

    @classmethod
    def of(
        cls,
        lengths: Sequence[int] | npt.NDArray[np.integer],
        tasks: Sequence[str],
        weights: Mapping[str, float],
        *,
        tokens_per_batch: int | None = None,
        batch_size: int | None = None,
        seed: int = 0,
        pool: int = 32,
    ) -> BucketedMixture:
        """The same for one flat list of examples: example i has `lengths[i]` and `tasks[i]`.

        A `Categorical` of the tasks and an array of the lengths are taken as they are, without a copy.
        """
        self = cls.__new__(cls)
        flat = lengths if isinstance(lengths, np.ndarray) else np.asarray(lengths, np.int64)
        self._setup(flat, Categorical.of(tasks), weights, tokens_per_batch, batch_size, seed, pool)
        return self

    def _setup(
        self,
        lengths: npt.NDArray[np.integer],
        tasks: Categorical,
        weights: Mapping[str, float],
        tokens_per_batch: int | None,
        batch_size: int | None,
        seed: int,
        pool: int,
    ) -> None:
        if (tokens_per_batch is None) == (batch_size is None):
            raise UsageError("batch_size", "or tokens_per_batch is needed", "give exactly one of them")
        if (tokens_per_batch or batch_size or 0) < 1:
            raise UsageError("batch_size", "is below 1", "give at least 1")
        if len(tasks) != len(lengths):
            raise UsageError("tasks", f"has {len(tasks)} entries for {len(lengths)} lengths")
        number = {name: k for k, name in enumerate(tasks.names)}
        self._members = {name: np.flatnonzero(tasks.codes == number[name]) for name in tasks.counts()}
        self._weights = _checked(weights, self._members)
        self._lengths, self._seed, self._pool = lengths, seed, pool
        self._tokens, self._size = tokens_per_batch, batch_size
        self._starts = [0]
        self._plan: tuple[int, list[Indices]] = (-1, [])
        words = repr((seed, tokens_per_batch, batch_size, pool, sorted(self._weights.items())))
        self.fingerprint = _fingerprint(words, lengths, tasks)

    def __call__(self, step: int) -> list[int]:
        """Example indices of batch `step`, counted from 0."""
        while step >= self._starts[-1]:
            epoch = len(self._starts) - 1
            self._plan = (epoch, self._batches(epoch))
            self._starts.append(self._starts[-1] + len(self._plan[1]))
        epoch = int(np.searchsorted(self._starts, step, side="right")) - 1
        if self._plan[0] != epoch:
            self._plan = (epoch, self._batches(epoch))
        return [int(i) for i in self._plan[1][step - self._starts[epoch]]]

    def steps_per_epoch(self, epoch: int = 0) -> int:
        """Number of batches in an epoch; with a token budget it differs a little between epochs."""
        return len(self._batches(epoch))

    def _batches(self, epoch: int) -> list[Indices]:
        chosen = self._draw(epoch)
        rng = np.random.default_rng((self._seed, epoch, 1))
        rng.shuffle(chosen)
        mean = max(1.0, float(self._lengths[chosen].mean()))
        per_batch = self._size or max(1, int((self._tokens or 1) / mean))
        batches: list[Indices] = []
        for start in range(0, len(chosen), per_batch * self._pool):
            pool = chosen[start : start + per_batch * self._pool]
            batches += self._cut(pool[np.argsort(self._lengths[pool], kind="stable")])
        return [batches[i] for i in rng.permutation(len(batches))]

    def _draw(self, epoch: int) -> Indices:
        """The epoch's examples: each task's next `count` from its endless row of permutations."""
        drawn = []
        for number, (task, count) in enumerate(shares(self._weights, len(self._lengths)).items()):
            members = self._members[task]
            position = np.arange(epoch * count, (epoch + 1) * count)
            rounds = position // len(members)
            for turn in np.unique(rounds):
                order = epoch_order(len(members), int(turn), self._seed + 7919 * number)
                drawn.append(members[order[position[rounds == turn] % len(members)]])
        return np.concatenate(drawn)

    def _cut(self, ascending: Indices) -> list[Indices]:
        if self._size is not None:
            return [ascending[i : i + self._size] for i in range(0, len(ascending), self._size)]
        assert self._tokens is not None
        cuts, start = [], 0
        for i, length in enumerate(self._lengths[ascending].tolist()):
            # Ascending, so the newest example sets the padded width of the batch.
            if i > start and (i - start + 1) * length > self._tokens:
                cuts.append(ascending[start:i])
                start = i
        return [*cuts, ascending[start:]]


def _fingerprint(words: str, lengths: npt.NDArray[np.integer], tasks: Categorical) -> str:
    """A hash of the settings, every length and every task; piece by piece, so that no copy is made of all."""
    digest = hashlib.sha256(words.encode())
    pieces = range(0, len(lengths), _PIECE)
    for k, start in enumerate(pieces):
        digest.update(b"\0" * (not k) + lengths[start : start + _PIECE].astype(np.int64).tobytes())
    for start in pieces:
        digest.update(b"\0" + "\0".join(tasks[start : start + _PIECE]).encode())
    return digest.hexdigest()[:16]


def _checked(weights: Mapping[str, float], members: Mapping[str, Indices]) -> dict[str, float]:
    named = {str(task): float(weight) for task, weight in weights.items()}
    missing = sorted(set(members) - set(named))
    if missing:
        raise UsageError(
            "weights", f"has none for {', '.join(missing)}", "give each task one; 0 leaves it out"
        )
    bad = sorted(task for task, weight in named.items() if not (0 <= weight < float("inf")))
    if bad:
        raise UsageError("weights", f"of {', '.join(bad)} is not a number from 0 up")
    present = {task: named[task] for task in members if named[task] > 0}
    if not present:
        raise UsageError(
            "weights", "leave no example to train on", "give a task with examples a weight above 0"
        )
    return present


class Prefetch:
    """The same batches in the same order, each made in a thread while the one before is used.

    Args:
        every: the step from one batch to the next that is asked for: of several processes each takes every so
            many.
    """

    def __init__(self, batches: Batches, every: int = 1) -> None:
        self._batches, self._every = batches, every
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefetch")
        self._ahead: tuple[int, Future[Any]] | None = None
        fingerprint = getattr(batches, "fingerprint", None)
        if fingerprint is not None:
            self.fingerprint = fingerprint

    def __call__(self, step: int) -> Any:
        """Batch `step`; asks for the one `every` later before returning."""
        ahead = self._ahead
        # The one worker also makes unexpected batches, so `batches` is never run by two threads.
        future = ahead[1] if ahead and ahead[0] == step else self._thread.submit(self._batches, step)
        batch = future.result()
        self._ahead = (step + self._every, self._thread.submit(self._batches, step + self._every))
        return batch

    def close(self) -> None:
        """Stop reading; a batch that is being made is dropped."""
        self._thread.shutdown(wait=True, cancel_futures=True)
