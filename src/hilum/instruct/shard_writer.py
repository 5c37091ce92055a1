"""Rows written into shards by split, of which no more than a few megabytes are kept in memory.

with ShardWriter(folder / "images", IMAGES, group=64) as shards: shards.put(Split.TRAIN, batch)
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import pyarrow as pa
import pyarrow.parquet as pq

from hilum.study import Split

SHARD = 64 * 2**20
"""Bytes after which the next shard is begun."""


class ShardWriter:
    """The shards of one table, `{train,val,test}-NNNNN.parquet`; a split without rows has none.

    Args:
        group: rows of a row group, the least that is read at once.
        packed: whether columns are compressed; pictures already are.
    """

    def __init__(self, folder: Path, schema: pa.Schema, *, group: int, packed: bool = True) -> None:
        folder.mkdir(parents=True)
        self._files = {split: _Files(folder, split, schema, group, packed) for split in Split}

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for files in self._files.values():
            files.close(flush=error is None)

    def put(self, split: Split, batch: pa.RecordBatch) -> None:
        """Append rows to a split."""
        self._files[split].put(batch)


class _Files:
    """The shards of one split, one after the other."""

    def __init__(self, folder: Path, split: Split, schema: pa.Schema, group: int, packed: bool) -> None:
        self._folder, self._split, self._schema, self._group = folder, split, schema, group
        self._packed = packed
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0
        self._bytes = 0
        self._count = 0
        self._writer: pq.ParquetWriter | None = None

    def put(self, batch: pa.RecordBatch) -> None:
        self._waiting.append(batch)
        self._rows += batch.num_rows
        while self._rows >= self._group:
            self._write(self._group)

    def close(self, *, flush: bool) -> None:
        if flush and self._rows:
            self._write(self._rows)
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _write(self, rows: int) -> None:
        waiting = pa.Table.from_batches(self._waiting, self._schema)
        group, rest = waiting.slice(0, rows), waiting.slice(rows)
        self._waiting, self._rows = rest.to_batches(), rest.num_rows
        if self._writer is None:
            path = self._folder / f"{self._split.value}-{self._count:05d}.parquet"
            self._writer = pq.ParquetWriter(
                path,
                self._schema,
                compression="zstd" if self._packed else "none",
                use_dictionary=self._packed,
                write_statistics=False,
            )
            self._count += 1
            self._bytes = 0
        self._writer.write_table(group, row_group_size=rows)
        self._bytes += group.nbytes
        if self._bytes >= SHARD:
            self._writer.close()
            self._writer = None
