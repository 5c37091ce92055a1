"""Shards read back.

shards = Shards("data", Frame(256))      # images as squares of 256 pixels, boxes in fractions of them
for conversation in shards.conversations(Split.TRAIN, tasks=[Task.VIEW]): ...
images = shards.pixels_many(list(shards.image_ids(Split.TRAIN)))       # (N, 256, 256) uint8

Tables are streamed; of the images only the ids are kept in memory, with the place each lies at.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property, lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hilum.errors import DataError, UsageError
from hilum.files import Problems
from hilum.images import Frame, fit
from hilum.images.png import to_bytes
from hilum.instruct.frames import framed, framed_record
from hilum.instruct.mixture import Mixture
from hilum.instruct.records import STUDIES, StudyRecord, records_of
from hilum.instruct.rows import CONVERSATIONS, IMAGES, conversations_of
from hilum.study import Conversation, Pixels, Split, Task

Levels = npt.NDArray[np.uint8]
"""Grey levels, (height, width)."""

THREADS = 8
"""Most threads that unpack pictures."""
RECENT = 32
"""Row groups of pictures that are remembered: neighbours are often asked for one after the other."""


_SCHEMAS = {"studies": STUDIES, "conversations": CONVERSATIONS, "images": IMAGES}


class Place(NamedTuple):
    """Where a picture lies, and the original's height and width."""

    path: Path
    group: int
    row: int
    shape: tuple[int, int]


class Shards:
    """A folder that `build` wrote.

    Args:
        frame: the square that images are fitted into when they are read, and boxes and masks with them;
            without one, images come as the shards keep them, and boxes in fractions of the whole image.

    Raises:
        DataError: the folder is missing or holds no finished build; later, when a file of it is damaged.
    """

    def __init__(self, folder: str | os.PathLike[str], frame: Frame | None = None) -> None:
        self.folder, self.frame = Path(folder), frame
        if not self.folder.is_dir():
            raise DataError(folder, "does not exist", "make it with hilum build")
        needed = ("card.json", "studies", "conversations", "images")
        if lacking := [name for name in needed if not (self.folder / name).exists()]:
            raise DataError(folder, f"is no build: {lacking[0]} is missing", "make it with hilum build")

    def framed(self, frame: Frame) -> Shards:
        """The same shards, read in another frame."""
        return self if frame == self.frame else Shards(self.folder, frame)

    @cached_property
    def views(self) -> int:
        """Most images that a report is asked for with, see `hilum.prompts.report_views`."""
        with self._card() as card:
            return int(card["views"])

    @cached_property
    def mixture(self) -> Mixture | None:
        """How often training draws from each task and source, where the build was given that."""
        with self._card() as card:
            return None if card.get("mixture") is None else Mixture(**card["mixture"])

    @cached_property
    def digest(self) -> str:
        """A hash of all but the pixels, of which an image's id is a hash."""
        digest = hashlib.sha256((self.folder / "card.json").read_bytes())
        for path in (path for t in ("studies", "conversations") for s in Split for path in self._files(t, s)):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    @cached_property
    def problems(self) -> dict[str, dict[str, int]]:
        """How often each kind of fault was met in each source; `problems.jsonl` lists them."""
        with self._card() as card:
            return {source["name"]: source["problems"] for source in card["sources"] if source["problems"]}

    @contextmanager
    def _card(self) -> Iterator[dict[str, Any]]:
        path = self.folder / "card.json"
        try:
            yield json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise DataError(path, "is damaged", "build the folder again") from error

    def conversations(
        self, split: Split, tasks: Collection[Task] | None = None, problems: Problems | None = None
    ) -> Iterator[Conversation]:
        """The conversations of a split, or those of some tasks, in a fixed order.

        Args:
            problems: where those are noted that are left out, since they cannot do without a box that lies
                beyond the frame.
        """
        wanted = None if tasks is None else pa.array([task.value for task in tasks], pa.string())
        for batch in self._batches("conversations", split):
            kept = batch if wanted is None else batch.filter(pc.is_in(batch["task"], wanted))
            for conversation in conversations_of(kept):
                seen = conversation if self.frame is None else framed(conversation, self.frame, self._shape)
                if seen is not None:
                    yield seen
                elif problems is not None:
                    problems.add(DataError(conversation.id, "points beyond the crop", "use the fit `pad`"))

    def records(self, split: Split) -> Iterator[StudyRecord]:
        """The studies of a split, in a fixed order."""
        for batch in self._batches("studies", split):
            for record in records_of(batch):
                yield record if self.frame is None else framed_record(record, self.frame, self._shape)

    def patients(self, split: Split) -> Counter[tuple[str, str]]:
        """How many studies each patient of a split has; patients are named by (source, patient)."""
        found: Counter[tuple[str, str]] = Counter()
        for source, patient in self.columns("studies", split, ("source", "patient")):
            found[source, patient] += 1
        return found

    def columns(self, table: str, split: Split, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """Some columns of `studies`, `conversations` or `images`, row by row in their fixed order.

        Args:
            names: as `hilum.instruct.records` and `rows` have them.
        """
        for batch in self._batches(table, split, names):
            yield from zip(*(batch[name].to_pylist() for name in names), strict=True)

    def image_ids(self, split: Split) -> list[str]:
        """Ids of the images of a split, in a fixed order; each image is in one split and there once."""
        return list(self._ids[split])

    def pixels(self, image: str) -> Pixels:
        """One image, float32 in [0, 1]: (size, size) in a frame, else (height, width) as it is kept."""
        place = self._place(image)
        return _unit(self._framed(self._pictures(place.path, place.group)[place.row].as_py(), place.path))

    def pixels_many(self, images: Sequence[str]) -> npt.NDArray[np.uint8]:
        """Grey levels of many images, (N, size, size), in the order of the ids.

        Raises:
            DataError: an id that is not here.
            UsageError: these shards are read without a frame, so that images may differ in size.
        """
        if self.frame is None:
            raise UsageError(self.folder, "is read without a frame", "give one: Shards(folder, Frame(256))")
        wanted: dict[tuple[Path, int], list[tuple[int, int]]] = defaultdict(list)
        for index, image in enumerate(images):
            place = self._place(image)
            wanted[place.path, place.group].append((index, place.row))
        levels = np.empty((len(images), self.frame.size, self.frame.size), np.uint8)

        def fill(task: tuple[tuple[Path, int], list[tuple[int, int]]]) -> None:
            (path, group), rows = task
            pictures = self._read_pictures(path, group)
            for index, row in rows:
                levels[index] = self._framed(pictures[row].as_py(), path)

        with ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as threads:
            for _ in threads.map(fill, wanted.items()):
                pass
        return levels

    def _framed(self, png: Any, path: Path) -> Levels:
        levels = _levels(png, path)
        if self.frame is None or levels.shape == (self.frame.size, self.frame.size):
            return levels
        return to_bytes(fit(_unit(levels), self.frame.size, self.frame.fit))

    def _shape(self, image: str) -> tuple[int, int]:
        return self._place(image).shape

    def _files(self, table: str, split: Split) -> list[Path]:
        return sorted((self.folder / table).glob(f"{split.value}-*.parquet"))

    def _batches(
        self, table: str, split: Split, columns: Sequence[str] | None = None
    ) -> Iterator[pa.RecordBatch]:
        for path in self._files(table, split):
            with _sound(path), pq.ParquetFile(path) as file:
                _require_columns(path, file.schema_arrow, _SCHEMAS[table])
                yield from file.iter_batches(batch_size=512, columns=columns)

    @cached_property
    def _ids(self) -> dict[Split, list[str]]:
        return {split: [image for image, _ in self._listed(split)] for split in Split}

    @cached_property
    def _places(self) -> dict[str, Place]:
        return {image: place for split in Split for image, place in self._listed(split)}

    def _listed(self, split: Split) -> Iterator[tuple[str, Place]]:
        """Ids and places of a split, read from the id column alone."""
        for path in self._files("images", split):
            with _sound(path), pq.ParquetFile(path) as file:
                for group in range(file.num_row_groups):
                    held = file.read_row_group(group, columns=["id", "height", "width"])
                    rows = zip(*(held[name].to_pylist() for name in held.column_names), strict=True)
                    for row, (image, height, width) in enumerate(rows):
                        yield image, Place(path, group, row, (height, width))

    def _place(self, image: str) -> Place:
        place = self._places.get(image)
        if place is None:
            raise DataError(image, "is no image of these shards", f"see the ids in {self.folder / 'images'}")
        return place

    @cached_property
    def _pictures(self) -> Callable[[Path, int], pa.ChunkedArray]:
        return lru_cache(RECENT)(self._read_pictures)

    def _read_pictures(self, path: Path, group: int) -> pa.ChunkedArray:
        with _sound(path), pq.ParquetFile(path, memory_map=True) as file:
            return pc.struct_field(file.read_row_group(group, columns=["image"])["image"], "bytes")


@contextmanager
def _sound(path: Path) -> Iterator[None]:
    """Reading errors of Arrow as one that names the file."""
    try:
        yield
    except (pa.ArrowException, OSError, KeyError) as error:
        raise DataError(path, "is damaged or no shard of a build", "build the folder again") from error


def _unit(levels: Levels) -> Pixels:
    # Divided, not multiplied by the inverse: 255 must become exactly 1.
    return levels.astype(np.float32) / np.float32(255)


def _levels(png: Any, path: Path) -> Levels:
    from PIL import Image  # by the first picture: text and labels alone need none

    try:
        return np.asarray(Image.open(BytesIO(png), formats=("PNG",)).convert("L"))
    except (OSError, SyntaxError, ValueError, TypeError) as error:
        raise DataError(path, "holds a picture that cannot be read", "build the folder again") from error


def _require_columns(path: Path, found: pa.Schema, wanted: pa.Schema) -> None:
    other = [field.name for field in wanted if field not in list(found)]
    if other:
        problem = f"was written by another version of Hilum (its column {other[0]!r} is another)"
        raise DataError(path, problem, "run hilum build again")
