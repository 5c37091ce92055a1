"""Tables: made a chunk at a time, never twice, and refused when damaged."""

from __future__ import annotations

import pyarrow as pa
import pytest

from hilum.align.table import CHUNK, Table, derive, make
from hilum.errors import DataError
from hilum.files import is_marked

SCHEMA = pa.schema([("n", pa.int64())])


def counting(asked: list[int], stop: int | None = None):
    def rows_of(rows: range):
        if stop is not None and rows.start >= stop:
            raise KeyboardInterrupt
        asked.extend(rows)
        return [{"n": n} for n in rows]

    return rows_of


def test_a_stopped_table_goes_on_where_it_was(tmp_path) -> None:
    count, asked = 3 * CHUNK + 5, []
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "t", SCHEMA, count, counting(asked, stop=2 * CHUNK), "t")
    table = make(tmp_path / "t", SCHEMA, count, counting(asked), "t")
    assert asked == list(range(count))
    assert [row["n"] for row in table] == list(range(count))
    assert table.arrow()["n"].to_pylist() == list(range(count))
    assert all(is_marked(path) for path in table.chunks)


def test_a_derived_table_follows_its_sources_chunk_by_chunk(tmp_path) -> None:
    one, other = (make(tmp_path / name, SCHEMA, CHUNK + 1, counting([]), name) for name in "ab")
    sizes = []

    def rows_of(left, right):
        assert left == right
        sizes.append(len(left))
        return [{"n": -row["n"]} for row in left if row["n"] % 2]

    table = derive(tmp_path / "c", SCHEMA, [one, other], rows_of, "c")
    assert sizes == [CHUNK, 1]
    assert [row["n"] for row in table] == [-n for n in range(CHUNK + 1) if n % 2]
    derive(tmp_path / "c", SCHEMA, [one, other], rows_of, "c")
    assert sizes == [CHUNK, 1]


def test_a_damaged_chunk_is_named(tmp_path) -> None:
    table = make(tmp_path / "t", SCHEMA, 3, counting([]), "t")
    table.chunks[0].write_bytes(b"none")
    with pytest.raises(DataError, match=r"00000\.parquet: is damaged; delete it"):
        list(Table(table.folder))
