"""Training examples on disk: conversations as tokens, images as encoder features, each made once.

examples = TokenFile.write(path, conversations, model, codes_of)
batches = TextBatches(examples, features, plan)      # plan: step → example indices

Both stores are memory-mapped, so a set of any size is read without being held.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from hilum.errors import DataError
from hilum.files import MARK, Problems, atomic_path
from hilum.instruct import Mixture
from hilum.model import Model, encode
from hilum.model.encode import CodesOf
from hilum.study import Conversation, Pixels
from hilum.tokenizer.codes import as_pixels
from hilum.training.batches import BucketedMixture, Categorical

IGNORE = -100
_LEFT_OUT = "left out"
"""The group of the examples that a mixture may not draw."""
_NAME = pa.dictionary(pa.int16(), pa.string())
_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("study", pa.string()),
        ("task", _NAME),
        ("source", _NAME),
        ("ids", pa.large_list(pa.int32())),
        ("targets", pa.large_list(pa.bool_())),
        # Not a dictionary: that would be held in memory, and a name is a twentieth of its row.
        ("images", pa.large_list(pa.string())),
    ],
    metadata={"made_by": MARK},
)


@dataclass(frozen=True, eq=False)
class TokenRow:
    """One encoded conversation: its token ids, which of them are targets, and the images it shows.

    `study` is empty for one that is about no study.
    """

    id: str
    task: str
    source: str
    ids: npt.NDArray[np.int32]
    targets: npt.NDArray[np.bool_]
    images: Sequence[str]
    study: str = ""


def encoded(
    conversations: Iterable[Conversation],
    model: Model,
    codes_of: CodesOf | None,
    problems: Problems | None = None,
) -> Iterator[TokenRow]:
    """A stream of conversations as rows; one too long for the model is counted and left out."""
    for conversation in conversations:
        try:
            row = encode(conversation.messages, model.vocabulary, model.config, codes_of=codes_of)
        except DataError as error:
            if problems is not None:
                problems.add(DataError(conversation.id, error.problem, error.remedy))
            continue
        yield TokenRow(
            conversation.id,
            conversation.task.value,
            conversation.source,
            np.array(row.ids, np.int32),
            np.array(row.targets, bool),
            row.images,
            conversation.study,
        )


class TokenFile:
    """Encoded conversations in one memory-mapped Arrow file, as chunks of rows that are read where they lie.

    Attributes:
        tasks: of each row.
        sources: of each row.
        lengths: of each row in tokens, (N,) int32.
    """

    def __init__(self, path: Path) -> None:
        file = pa.ipc.open_file(pa.memory_map(str(path)))
        self._chunks = [file.get_batch(k) for k in range(file.num_record_batches)]
        self._starts = np.cumsum([0, *(chunk.num_rows for chunk in self._chunks)])
        self.tasks, self.sources = self._names("task"), self._names("source")
        offsets = [chunk.column("ids").offsets.to_numpy() for chunk in self._chunks]
        self.lengths = self._filled(np.int32, [np.diff(places) for places in offsets])

    def _names(self, column: str) -> Categorical:
        columns = [chunk.column(column) for chunk in self._chunks]
        # The reader gives every chunk the whole dictionary.
        names = columns[0].dictionary.to_pylist() if columns else []
        return Categorical(names, self._filled(np.int16, [part.indices.to_numpy() for part in columns]))

    def _filled(self, dtype: type[np.integer], parts: Iterable[npt.NDArray[np.integer]]) -> Any:
        """One array (N,) from a part for each chunk."""
        whole = np.empty(len(self), dtype)
        for start, part in zip(self._starts, parts, strict=False):
            whole[start : start + len(part)] = part
        return whole

    @classmethod
    def write(
        cls,
        path: Path,
        conversations: Iterable[Conversation],
        model: Model,
        codes_of: CodesOf | None,
        problems: Problems | None = None,
        rows_per_chunk: int = 4096,
    ) -> TokenFile:
        """Encode a stream of conversations; see `encoded`."""
        return cls.write_rows(path, encoded(conversations, model, codes_of, problems), rows_per_chunk)

    @classmethod
    def write_rows(cls, path: Path, rows: Iterable[TokenRow], rows_per_chunk: int = 4096) -> TokenFile:
        """Write a stream of rows, holding one chunk of them."""
        tasks: dict[str, int] = {}
        sources: dict[str, int] = {}
        # A name first met in a later chunk is added to the dictionary there.
        options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
        with atomic_path(path) as tmp, pa.ipc.new_file(str(tmp), _SCHEMA, options=options) as writer:
            stream = iter(rows)
            while chunk := list(islice(stream, rows_per_chunk)):
                columns = [
                    pa.array([row.id for row in chunk], pa.string()),
                    pa.array([row.study for row in chunk], pa.string()),
                    _dictionary([row.task for row in chunk], tasks),
                    _dictionary([row.source for row in chunk], sources),
                    _lists([pa.array(row.ids) for row in chunk]),
                    _lists([pa.array(row.targets) for row in chunk]),
                    _lists([pa.array(row.images, pa.string()) for row in chunk]),
                ]
                writer.write_batch(pa.record_batch(columns, schema=_SCHEMA))
        return cls(path)

    def __len__(self) -> int:
        return int(self._starts[-1])

    def row(self, index: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_], list[str]]:
        """Token ids, targets and shown images of one example.

        Raises:
            IndexError: there are not that many.
        """
        if not 0 <= index < len(self):
            raise IndexError(index)
        k = int(np.searchsorted(self._starts, index, side="right")) - 1
        place = index - int(self._starts[k])
        ids, targets, images = (self._chunks[k].column(n)[place].values for n in ("ids", "targets", "images"))
        return (
            ids.to_numpy().astype(np.int64),
            targets.to_numpy(zero_copy_only=False),
            images.to_pylist(),
        )

    def without(self, studies: Collection[str], images: Collection[str]) -> npt.NDArray[np.bool_]:
        """Which rows, (N,), are about none of some studies and show none of some images."""
        left, hidden = (pa.array(names, pa.string()) for names in (studies, images))
        parts = []
        for chunk in self._chunks:
            about = pc.is_in(chunk.column("study"), left).to_numpy(zero_copy_only=False)
            shown = chunk.column("images")
            # Of lists of different lengths: how many of the names before each list's end are hidden ones.
            counted = np.cumsum(pc.is_in(shown.values, hidden).to_numpy(zero_copy_only=False))
            ends = np.concatenate([[0], counted])[shown.offsets.to_numpy()]
            parts.append(~about & (np.diff(ends) == 0))
        return np.concatenate(parts) if parts else np.ones(0, bool)


def _dictionary(names: Sequence[str], known: dict[str, int]) -> pa.DictionaryArray:
    """A column by numbers; names not yet known are added, so that numbers once given stay."""
    codes = pa.array([known.setdefault(name, len(known)) for name in names], pa.int16())
    return pa.DictionaryArray.from_arrays(codes, pa.array(list(known), pa.string()))


def _lists(rows: Sequence[pa.Array]) -> pa.LargeListArray:
    offsets = np.cumsum([0, *(len(row) for row in rows)])
    return pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), pa.concat_arrays(rows))


class FeatureFile:
    """What a frozen encoder sees in each image, half precision, memory-mapped: (N, P, D)."""

    def __init__(self, path: Path, image_ids: Sequence[str]) -> None:
        self._array = np.load(path, mmap_mode="r")
        self._row = {image: row for row, image in enumerate(image_ids)}

    @classmethod
    def write(
        cls,
        path: Path,
        image_ids: Sequence[str],
        pixels_of: Callable[[Sequence[str]], Pixels | npt.NDArray[np.uint8]],
        model: Model,
        batch: int = 64,
    ) -> FeatureFile:
        """Run the encoder once over every image.

        Args:
            pixels_of: ids → (B, H, W), uint8 or float32 in [0, 1].
        """
        shape = (len(image_ids), *model.config.feature_shape)
        with atomic_path(path) as tmp:
            array = np.lib.format.open_memmap(tmp, mode="w+", dtype=np.float16, shape=shape)
            for start in range(0, len(image_ids), batch):
                pixels = as_pixels(pixels_of(image_ids[start : start + batch]))
                seen = model.features(pixels)
                assert seen is not None
                halved = seen.half()
                if not bool(halved.isfinite().all()):
                    problem = f"cannot hold features as large as {float(seen.abs().max()):.3g}"
                    raise DataError(path, problem, "use an encoder whose features half precision can hold")
                array[start : start + len(seen)] = halved.cpu().numpy()
            array.flush()
            del array
            with tmp.open("ab") as file:  # NumPy reads as much as the header says, and no further
                file.write(MARK.encode())
        return cls(path, image_ids)

    def __call__(self, image_ids: Sequence[str]) -> Tensor:
        """Features of some images, float32: (B, P, D)."""
        rows = [self._row[image] for image in image_ids]
        return torch.from_numpy(self._array[rows].astype(np.float32))


@dataclass(frozen=True)
class TextBatch:
    """Right-padded token ids (B, T), the label of each position's next token, and image features."""

    ids_BT: Tensor
    labels_BT: Tensor
    features_NPD: Tensor | None


@dataclass
class TextBatches:
    """Batches of examples as tensors; a pure function of the step."""

    examples: TokenFile
    features: FeatureFile | None
    plan: BucketedMixture
    pad: int

    @property
    def fingerprint(self) -> str:
        """Guards a resumed run against other data."""
        return self.plan.fingerprint

    def __call__(self, step: int) -> TextBatch:
        """Batch `step`."""
        rows = [self.examples.row(index) for index in self.plan(step)]
        images = [image for _, _, shown in rows for image in shown]
        features = self.features(images) if self.features is not None and images else None
        return collate([(ids, targets) for ids, targets, _ in rows], features, self.pad)


def collate(
    rows: Sequence[tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]], features: Tensor | None, pad: int
) -> TextBatch:
    """Pad rows to the longest; position t's label is token t+1 where that token is a target."""
    width = max(len(ids) for ids, _ in rows)
    ids_BT = np.full((len(rows), width), pad, np.int64)
    labels_BT = np.full((len(rows), width), IGNORE, np.int64)
    for row, (ids, targets) in enumerate(rows):
        ids_BT[row, : len(ids)] = ids
        labels_BT[row, : len(ids) - 1] = np.where(targets[1:], ids[1:], IGNORE)
    return TextBatch(torch.from_numpy(ids_BT), torch.from_numpy(labels_BT), features)


def mixture(
    examples: TokenFile,
    weights: Mapping[str, float],
    *,
    tokens_per_batch: int,
    seed: int,
    drawn_by: Mixture | None = None,
    parts: Mapping[str, float] | None = None,
    kept: npt.NDArray[np.bool_] | None = None,
) -> BucketedMixture:
    """The plan of batches for a weighted mixture; tasks the weights leave out get weight 1.

    Within a task a source of N examples has a share of √N, as the encoder's images have.

    Args:
        drawn_by: what decides of tasks and sources in place of the weights and roots.
        parts: source → its part of any task that it shares with others, whatever its size.
        kept: which examples may be drawn, (N,); all of them when None.
    """
    tasks, sources = examples.tasks, examples.sources
    # A dozen tasks of a dozen sources each: every group has its number, though few may appear.
    pairs = [(task, source) for task in tasks.names for source in sources.names]
    names = [f"{task} of {source}" for task, source in pairs]
    codes = tasks.codes.astype(np.int32) * len(sources.names) + sources.codes
    if kept is not None:
        names, codes = [*names, _LEFT_OUT], np.where(kept, codes, len(pairs))
    groups = Categorical(names, codes)
    counts = groups.counts()
    shares = {_LEFT_OUT: 0.0}
    for task in tasks.names:
        of_task = {f"{task} of {source}": source for source in sources.names}
        present = {group: count for group, count in counts.items() if group in of_task}
        given = {group: parts[of_task[group]] for group in present if parts and of_task[group] in parts}
        masses = {
            group: count**0.5 if drawn_by is None else drawn_by.mass(task, of_task[group], count)
            for group, count in present.items()
        }
        roots = {group: mass for group, mass in masses.items() if group not in given}
        whole, fixed = sum(roots.values()), sum(given.values())
        weight = weights.get(task, 1.0)
        if drawn_by is not None:  # a task weighs as much as its sources, and those of a given part share that
            weight = sum((roots or masses).values())
        shares |= {group: weight * root / (whole or 1.0) * (1 - fixed) for group, root in roots.items()}
        # Where no other source has the task, those given their parts share all of it.
        scale = 1.0 if roots else fixed or 1.0
        shares |= {group: weight * part / scale for group, part in given.items()}
    return BucketedMixture.of(examples.lengths, groups, shares, tokens_per_batch=tokens_per_batch, seed=seed)
