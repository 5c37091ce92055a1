"""Tables made a chunk at a time, each chunk a Parquet file: a killed run makes none of them again.

samples = make(Path("work/samples-3f09…"), SAMPLES, len(prompts), lambda rows: [...], "sampling")
verdicts = derive(Path("work/verdicts-77c1…"), VERDICTS, [samples], lambda rows: [...], "judging")
for row in verdicts: print(row["values"])

What a chunk holds may depend on nothing but its inputs, so that a run which was killed ends with the same
rows as one that was not. A folder carries the key of its settings and inputs in its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hilum.errors import DataError
from hilum.files import MARK, atomic_path
from hilum.progress import Progress

CHUNK = 64
"""Inputs of a chunk: what a kill loses at most."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Table:
    """Rows on disk: `00000.parquet` and so on, in a folder."""

    folder: Path

    @property
    def chunks(self) -> list[Path]:
        """Its files, in order."""
        return sorted(self.folder.glob("*.parquet"))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """All rows, a chunk in memory at a time."""
        for path in self.chunks:
            yield from read(path)

    def arrow(self) -> pa.Table:
        """All rows at once, as columns."""
        return pa.concat_tables([_read(path) for path in self.chunks])


def make(
    folder: Path, schema: pa.Schema, count: int, rows_of: Callable[[range], Sequence[Row]], description: str
) -> Table:
    """A table of `count` inputs; `rows_of` tells the rows that come of inputs first … last."""
    ranges = [range(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]
    return _fill(folder, schema, [(len(some), partial(rows_of, some)) for some in ranges], description)


def derive(
    folder: Path,
    schema: pa.Schema,
    sources: Sequence[Table],
    rows_of: Callable[..., Sequence[Row]],
    description: str,
) -> Table:
    """A table made of others, chunk by chunk; `rows_of` is given the rows of a chunk of each."""
    chunks = list(zip(*(source.chunks for source in sources), strict=True))
    made = [(1, partial(_from_chunks, rows_of, some)) for some in chunks]
    return _fill(folder, schema, made, description)


def _from_chunks(rows_of: Callable[..., Sequence[Row]], paths: Sequence[Path]) -> Sequence[Row]:
    return rows_of(*map(read, paths))


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of one chunk."""
    rows: list[dict[str, Any]] = _read(path).to_pylist()
    return rows


def _fill(
    folder: Path,
    schema: pa.Schema,
    chunks: Sequence[tuple[int, Callable[[], Sequence[Row]]]],
    description: str,
) -> Table:
    """Make the chunks that are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    marked = schema.with_metadata({**(schema.metadata or {}), "made_by": MARK})
    with Progress() as bars:
        bar = bars.bar(description, sum(size for size, _ in chunks))
        for number, (size, rows_of) in enumerate(chunks):
            path = folder / f"{number:05d}.parquet"
            if not path.is_file():
                made = pa.Table.from_pylist([dict(row) for row in rows_of()], marked)
                with atomic_path(path) as tmp:
                    pq.write_table(made, tmp, compression="zstd")
            bar.advance(size)
    return Table(folder)


def _read(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(path, "is damaged", "delete it: it is made again") from error
