"""Tables packed or not, files by several names, numbers, ages and duplicates, as every reader takes them."""

from __future__ import annotations

import csv
import gzip
import zipfile
from pathlib import Path

import pytest

from hilum.errors import DataError
from hilum.files import Problems
from hilum.sources.base import (
    SPLITS,
    Request,
    Seen,
    age_years,
    as_text,
    file_in,
    first_there,
    is_there,
    number,
    numbered_rows,
    parts_there,
    read_table,
    text_lines,
)
from hilum.study import Split
from sources.helpers import said

TEXT = "id,note\n1,a\n2,b\n"
ROWS = [{"id": "1", "note": "a"}, {"id": "2", "note": "b"}]


def zipped(path: Path, **members: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", "/"), text)


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.csv.zip", "t.zip"])
def test_a_table_is_read_from_each_form_it_may_lie_in(tmp_path, name):
    if name.endswith(".zip"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("inner/t.csv", TEXT)
            archive.writestr("inner/other.csv", "x\n")
    else:
        (tmp_path / name).write_bytes(gzip.compress(TEXT.encode()) if name.endswith(".gz") else TEXT.encode())
    assert list(read_table(tmp_path / "t.csv", ("id",))) == ROWS
    # A zip of the same stem may hold the images, so it alone does not say that the table is there.
    assert is_there(tmp_path / "t.csv") is (name != "t.zip")
    found = first_there([tmp_path / "gone.csv", tmp_path / "t.csv"])
    assert found == (None if name == "t.zip" else tmp_path / "t.csv")


def test_a_file_that_is_itself_packed_by_name_is_read_as_it_is(tmp_path):
    for name in ("t.gz", "t.zip"):
        (tmp_path / name).write_text("plain\n")
        assert list(text_lines(tmp_path / name)) == ["plain\n"]


def test_the_unpacked_table_comes_before_the_packed_ones(tmp_path):
    (tmp_path / "t.csv.zip").write_bytes(b"never opened")
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"packed\n"))
    assert list(text_lines(tmp_path / "t.csv")) == ["packed\n"]
    (tmp_path / "t.csv").write_text("plain\n")
    assert list(text_lines(tmp_path / "t.csv")) == ["plain\n"]


def test_a_table_that_cannot_be_read_is_named_with_what_is_wrong(tmp_path):
    path = tmp_path / "t.csv"

    def error() -> str:
        with pytest.raises(DataError) as caught:
            list(read_table(path, ("id", "age", "sex")))
        return str(caught.value).removeprefix(f"{tmp_path}/")

    assert error() == "t.csv: is missing; download it with the images"
    for members, count in (({"a__t.csv": TEXT, "b__t.csv": TEXT}, 2), ({"u.csv": TEXT}, 0)):
        zipped(tmp_path / "t.zip", **members)
        assert error() == f"t.zip: holds {count} files named t.csv; unpack it"
    (tmp_path / "t.csv.gz").write_bytes(TEXT.encode())
    assert error().startswith("t.csv: cannot be opened (Not a gzipped file")
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(TEXT.encode())[:12])
    assert error().startswith("t.csv: is not a CSV text file (Compressed file ended")
    path.write_bytes(b"id,age\n1,\0\n")
    assert error() == "t.csv: lacks the column 'sex'; it has: id, age"
    path.write_bytes(b"id,age,sex\n1,\0,\n")
    assert error() == "t.csv: is not a CSV text file (it holds null bytes); download it again"
    path.write_text("")
    assert error() == "t.csv: lacks the column 'id'; it has: nothing"
    path.write_text(f"id,age,sex\n1,{'9' * (csv.field_size_limit() + 1)},F\n")
    assert error().startswith("t.csv: is not a CSV text file (field larger than field limit")


def test_rows_of_another_length_are_left_out_where_problems_are_noted_and_else_filled(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('id,note\n1,"a\nb"\n\n2\n3,c,d\n4,\n')
    problems = Problems()
    whole = [("t.csv, line 3", {"id": "1", "note": "a\nb"}), ("t.csv, line 7", {"id": "4", "note": ""})]
    assert list(numbered_rows(path, ("id",), problems)) == whole
    assert said(problems) == [
        "t.csv, line 5: has 1 cells for 2 columns; the row is left out",
        "t.csv, line 6: has 3 cells for 2 columns; the row is left out",
    ]
    short = ("t.csv, line 5", {"id": "2", "note": ""})
    assert list(numbered_rows(path, ("id",))) == [
        whole[0],
        short,
        ("t.csv, line 6", {"id": "3", "note": "c"}),
        whole[1],
    ]


def test_a_line_that_is_no_utf_8_is_read_as_windows_1252(tmp_path):
    (tmp_path / "t.txt").write_bytes(b"\xef\xbb\xbfGr\xc3\xb6\xc3\x9fe\nGr\xf6\xdfe\n\x81\n")
    assert list(text_lines(tmp_path / "t.txt")) == ["Größe\n", "Größe\n", "\ufffd\n"]
    assert as_text(b"\xef\xbb\xbf\xe2\x82\xac") == as_text(b"\x80") == "€"


def test_the_first_place_with_any_part_counts_and_a_note_names_the_parts_it_lacks(tmp_path):
    names = ("a.json", "b.json", "c.json")
    notes: list[str] = []
    request = Request(tmp_path, Problems(), notes=notes)
    with pytest.raises(DataError) as caught:
        parts_there(request, names, "get it", "questions", ("x", "y"))
    assert str(caught.value) == f"{tmp_path}/a.json: is missing; get it"
    for file in ("y/b.json", "y/c.json", "z/a.json"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("[]")
    found = parts_there(request, names, "get it", "questions", ("x", "y", "z"))
    assert [path.relative_to(tmp_path).as_posix() for path in found] == ["y/b.json", "y/c.json"]
    assert notes == ["a.json is not there: its questions are not read"]


def test_a_file_is_found_in_the_first_place_and_never_outside_of_it(tmp_path):
    for name in ("one/b.png", "two/a.png", "two/b.png", "secret.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    places = ("one", "two")
    assert file_in(tmp_path, "a.png", "b.png", places=places) == tmp_path / "one/b.png"
    assert file_in(tmp_path, "a.png", places=places) == tmp_path / "two/a.png"
    assert file_in(tmp_path, "x/../a.png", places=places) == tmp_path / "two/a.png"
    assert file_in(tmp_path, "../secret.png", places=places) is None
    assert file_in(tmp_path, "../two/b.png", places=("one",)) is None
    assert file_in(tmp_path, "secret.png") == tmp_path / "secret.png"
    assert file_in(tmp_path, "one", f"{'a' * 300}.png", str(tmp_path / "secret.png"), places=places) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (None, None),
        (" ", None),
        (" 1.5 ", 1.5),
        ("-1e3", -1000),
        ("0,125", 0.125),
        ("-45,0", -45),
        ("45,25", 45.25),
        ("1,0245", 1.0245),
        ("1,024", None),
        ("1,024,000", None),
        ("١,5", None),
        ("nan", None),
        ("inf", None),
        ("-inf", None),
        ("1 mm", None),
    ],
)
def test_a_comma_is_decimal_unless_it_may_part_thousands(text, value):
    assert number(text) == value


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("0", 0),
        ("120", 120),
        ("045Y", 45),
        ("45 years", 45),
        ("45 yr", 45),
        ("45 yrs", 45),
        ("006M", 0.5),
        ("18 months", 1.5),
        ("1,5y", 1.5),
        ("5218W", 100),
        ("26.09 weeks", 0.5),
        ("1461D", 4),
        ("1461 days", 4),
    ],
)
def test_ages_of_every_unit_are_years(text, years):
    problems = Problems()
    assert age_years(f" {text} ", "t.csv, line 2", problems) == pytest.approx(years)
    assert not len(problems)


@pytest.mark.parametrize("text", ["-0.5", "120.5", "121", "old", "45 stone"])
def test_what_is_no_age_is_left_unknown_and_said(text):
    problems = Problems()
    assert age_years(text, "t.csv, line 2", problems) is None
    assert said(problems) == [
        "t.csv, line 2: its age is not a number of years from 0 to 120; it is left unknown"
    ]
    assert age_years(" ", "t.csv, line 2", problems) is age_years(None, "t.csv, line 2", problems) is None
    assert len(problems) == 1


def test_the_first_of_an_id_is_kept_and_others_are_said_with_their_row():
    problems = Problems()
    seen = Seen(problems)
    assert [seen.again(*one) for one in [("a",), ("b", "line 2"), ("a",), ("b", "line 4"), ("c",)]] == [
        *(False, False),
        *(True, True),
        False,
    ]
    assert said(problems) == [
        "a: is a duplicate id; the first one is kept",
        "line 4: b: is a duplicate id; the first one is kept",
    ]


def test_the_folder_of_a_source_must_be_given_and_be_there(tmp_path):
    assert Request(tmp_path, Problems()).folder == tmp_path
    with pytest.raises(DataError, match="--source: names no folder; write NAME=PATH"):
        _ = Request(None, Problems()).folder
    with pytest.raises(DataError, match="gone: does not exist; check the path after NAME="):
        _ = Request(tmp_path / "gone", Problems()).folder


def test_splits_are_known_by_these_words():
    words = {split: {word for word, own in SPLITS.items() if own is split} for split in Split}
    assert words == {
        Split.TRAIN: {"train", "training"},
        Split.VAL: {"val", "valid", "validate", "validation", "dev", "development"},
        Split.TEST: {"test", "testing"},
    }
