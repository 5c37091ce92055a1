"""Rows come back in order, from shards of a bounded size."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hilum.instruct import shard_writer
from hilum.instruct.shard_writer import ShardWriter
from hilum.study import Split

SCHEMA = pa.schema([("n", pa.int64())])


def rows(*numbers: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([{"n": n} for n in numbers], SCHEMA)


@pytest.fixture
def _small(monkeypatch):
    monkeypatch.setattr(shard_writer, "SHARD", 64)  # eight rows


@pytest.mark.usefixtures("_small")
def test_shards_hold_the_rows_of_their_split_in_order(tmp_path):
    with ShardWriter(tmp_path / "t", SCHEMA, group=4) as shards:
        for n in range(22):
            shards.put(Split.TRAIN, rows(n))
        shards.put(Split.TEST, rows(100))
    train = sorted((tmp_path / "t").glob("train-*.parquet"))
    assert len(train) > 1
    assert [n for path in train for n in pq.read_table(path)["n"].to_pylist()] == list(range(22))
    assert pq.ParquetFile(train[0]).metadata.row_group(0).num_rows == 4
    assert pq.read_table(tmp_path / "t" / "test-00000.parquet")["n"].to_pylist() == [100]
    assert not list((tmp_path / "t").glob("val-*"))


def test_how_rows_arrive_makes_no_difference_to_the_bytes(tmp_path):
    for name, steps in (("a", [range(10)]), ("b", [range(3), range(3, 4), range(4, 10)])):
        with ShardWriter(tmp_path / name, SCHEMA, group=4) as shards:
            for step in steps:
                shards.put(Split.VAL, rows(*step))
    one, other = ((tmp_path / name / "val-00000.parquet").read_bytes() for name in "ab")
    assert one == other
