"""Training examples on disk: conversations as tokens, images as encoder features, each made once.

examples = TokenFile.write(path, conversations, model, codes_of)
batches = TextBatches(examples, features, plan)      # plan: step → example indices

Both stores are memory-mapped, so a set of any size is read without being held.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor

from hilum.errors import DataError
from hilum.files import MARK, Problems, atomic_path
from hilum.model import Model, encode
from hilum.model.encode import CodesOf
from hilum.study import Conversation, Pixels
from hilum.training.batches import BucketedMixture

IGNORE = -100
_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("task", pa.string()),
        ("source", pa.string()),
        ("ids", pa.list_(pa.int32())),
        ("targets", pa.list_(pa.bool_())),
        ("images", pa.list_(pa.string())),
    ],
    metadata={"made_by": MARK},
)


class TokenFile:
    """Encoded conversations in one memory-mapped Arrow file."""

    def __init__(self, path: Path) -> None:
        self._table = pa.ipc.open_file(pa.memory_map(str(path))).read_all().combine_chunks()
        self.tasks: list[str] = self._table["task"].to_pylist()
        self.sources: list[str] = self._table["source"].to_pylist()
        self.lengths = np.asarray(
            [] if not len(self._table) else pa.compute.list_value_length(self._table["ids"]), np.int64
        )

    @classmethod
    def write(
        cls,
        path: Path,
        conversations: Iterable[Conversation],
        model: Model,
        codes_of: CodesOf | None,
        problems: Problems | None = None,
        rows_per_batch: int = 4096,
    ) -> TokenFile:
        """Encode a stream of conversations; one too long for the model is counted and left out."""
        with atomic_path(path) as tmp, pa.ipc.new_file(str(tmp), _SCHEMA) as writer:
            rows: list[dict[str, object]] = []
            for conversation in conversations:
                try:
                    row = encode(conversation.messages, model.vocabulary, model.config, codes_of=codes_of)
                except DataError as error:
                    if problems is not None:
                        problems.add(DataError(conversation.id, error.problem, error.remedy))
                    continue
                rows.append(
                    {
                        "id": conversation.id,
                        "task": conversation.task.value,
                        "source": conversation.source,
                        "ids": row.ids,
                        "targets": row.targets,
                        "images": row.images,
                    }
                )
                if len(rows) == rows_per_batch:
                    writer.write_batch(pa.RecordBatch.from_pylist(rows, _SCHEMA))
                    rows = []
            if rows:
                writer.write_batch(pa.RecordBatch.from_pylist(rows, _SCHEMA))
        return cls(path)

    def __len__(self) -> int:
        return len(self._table)

    def row(self, index: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_], list[str]]:
        """Token ids, targets and shown images of one example."""
        ids = self._table["ids"][index].values.to_numpy(zero_copy_only=False).astype(np.int64)
        targets = self._table["targets"][index].values.to_numpy(zero_copy_only=False).astype(bool)
        return ids, targets, self._table["images"][index].as_py()


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
                pixels = to_pixels(pixels_of(image_ids[start : start + batch]))
                seen = model.features(pixels)
                assert seen is not None
                array[start : start + len(seen)] = seen.half().cpu().numpy()
            array.flush()
            del array
            with tmp.open("ab") as file:  # NumPy reads as much as the header says, and no further
                file.write(MARK.encode())
        return cls(path, image_ids)

    def __call__(self, image_ids: Sequence[str]) -> Tensor:
        """Features of some images, float32: (B, P, D)."""
        rows = [self._row[image] for image in image_ids]
        return torch.from_numpy(self._array[rows].astype(np.float32))


def to_pixels(images: npt.NDArray[np.generic]) -> Tensor:
    """(B, H, W) uint8 or float pixels as float32 in [0, 1]."""
    tensor = torch.from_numpy(np.ascontiguousarray(images))
    return tensor.float() / 255 if tensor.dtype == torch.uint8 else tensor.float()


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
    examples: TokenFile, weights: Mapping[str, float], *, tokens_per_batch: int, seed: int
) -> BucketedMixture:
    """The plan of batches for a weighted mixture; tasks the weights leave out get weight 1.

    Within a task a source of N examples has a share of √N, as the encoder's images have.
    """
    groups = list(zip(examples.tasks, examples.sources, strict=True))
    roots = {group: count**0.5 for group, count in Counter(groups).items()}
    whole = {task: sum(root for (t, _), root in roots.items() if t == task) for task, _ in roots}
    shares = {
        f"{task} of {source}": weights.get(task, 1.0) * root / whole[task]
        for (task, source), root in roots.items()
    }
    names = [f"{task} of {source}" for task, source in groups]
    return BucketedMixture.of(examples.lengths, names, shares, tokens_per_batch=tokens_per_batch, seed=seed)
