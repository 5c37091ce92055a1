from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.bench.items import NAME, ItemScore, read_items, write_items
from hilum.errors import DataError, UsageError

finite = st.floats(allow_nan=False, allow_infinity=False)
items = st.builds(
    ItemScore,
    figure=st.text(),
    version=st.integers(1, 9),
    id=st.text(),
    patient=st.text(),
    source=st.text(),
    part=st.text(),
    value=st.none() | finite,
    counts=st.none() | st.tuples(finite, finite, finite),
)


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


@pytest.mark.parametrize("line", ["no json", "[]", '{"figure": "view"}', '{"figure": "v", "unknown": 1}'])
def test_a_line_that_is_no_item_is_named_by_its_number(tmp_path: Path, line: str) -> None:
    write_items(tmp_path / NAME, [])
    with (tmp_path / NAME).open("a") as file:
        file.write(line + "\n")
    with pytest.raises(DataError, match="line 2"):
        read_items(tmp_path)


def test_a_folder_without_items_says_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--out"):
        read_items(tmp_path)
