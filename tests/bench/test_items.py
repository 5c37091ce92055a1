from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.bench.items import MOST, NAME, ItemScore, read_items, write_items
from hilum.errors import DataError, UsageError

finite = st.floats(-MOST, MOST)
count = st.floats(0, MOST)
items = st.builds(
    ItemScore,
    figure=st.text(),
    version=st.integers(1, 9),
    id=st.text(),
    patient=st.text(),
    source=st.text(),
    part=st.text(),
    value=st.none() | finite,
) | st.builds(
    ItemScore,
    figure=st.text(),
    version=st.integers(1, 9),
    id=st.text(),
    patient=st.text(),
    counts=st.tuples(count, count, count),
)
GOOD = asdict(ItemScore("view", 1, "1", "p", value=1.0))


@given(st.lists(items))
def test_items_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, given: list[ItemScore]
) -> None:
    folder = tmp_path_factory.mktemp("items")
    write_items(folder / NAME, given)
    assert read_items(folder) == given


def test_a_result_may_be_written_again_and_a_foreign_file_may_not(tmp_path: Path) -> None:
    path = tmp_path / NAME
    write_items(path, [])
    write_items(path, [ItemScore("view", 1, "1", "p", value=1.0)])
    path.write_text('{"mine": 1}\n')
    with pytest.raises(UsageError):
        write_items(path, [])
    assert path.read_text() == '{"mine": 1}\n'


@pytest.mark.parametrize(
    "line",
    [
        "no json",
        "[]",
        "3",
        "",
        '{"figure": "view"}',
        json.dumps({**GOOD, "unknown": 1}),
        *(
            json.dumps({**GOOD, "value": value})
            for value in (float("nan"), float("inf"), 9e99, "x", True, [1])
        ),
        *(json.dumps({**GOOD, "version": version}) for version in ("1", 1.5, True, None)),
        *(json.dumps({**GOOD, name: 3}) for name in ("figure", "id", "patient", "source", "part")),
        *(
            json.dumps({**GOOD, "value": None, "counts": counts})
            for counts in ([1, 2], [1, 2, 3, 4], [1, -1, 0], [1, None, 0], ["1", 0, 0], "123", 3)
        ),
        json.dumps({**GOOD, "counts": [1, 0, 0]}),
        json.dumps(GOOD)[:30],
        json.dumps({**GOOD, "id": "\ud800"}),
        '{"figure": ' + "[" * 100_000,
    ],
)
def test_a_line_that_is_no_item_is_named_by_its_number(tmp_path: Path, line: str) -> None:
    write_items(tmp_path / NAME, [])
    with (tmp_path / NAME).open("a") as file:
        file.write(line + "\n")
    with pytest.raises(DataError, match="line 2 is not a scored item"):
        read_items(tmp_path)


def test_lost_lines_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / NAME
    write_items(path, [ItemScore("view", 1, str(i), "p", value=1.0) for i in range(3)])
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:3]))
    with pytest.raises(DataError, match="holds 2 of 3 items; measure the model again"):
        read_items(path)
    path.write_text("".join(lines)[:-20])
    with pytest.raises(DataError, match="line 4 is not a scored item"):
        read_items(path)
    path.write_text("".join(lines[1:]))
    with pytest.raises(DataError, match="line 1 does not say how many"):
        read_items(path)
    path.write_text("")
    with pytest.raises(DataError, match="line 1 does not say how many"):
        read_items(path)
    path.write_bytes(b"\xff")
    with pytest.raises(DataError, match="UTF-8"):
        read_items(path)


def test_a_folder_without_items_says_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--out"):
        read_items(tmp_path)
