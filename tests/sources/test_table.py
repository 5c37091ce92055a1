"""Tables in the forms and encodings that programs save."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hilum.errors import DataError
from hilum.files import Problems
from hilum.sources.table import encoding_of, find_table, open_table
from sources.helpers import said, workbook

TEXT = "image,Größe\na.png,ä\n\nb.png,ß\n"
ROWS = [(1, {"image": "a.png", "Größe": "ä"}), (2, {"image": "b.png", "Größe": "ß"})]


def opened(path):
    table = open_table(path, problems := Problems())
    return table.names, list(table.rows), problems, table.note


@pytest.mark.parametrize(
    ("encoding", "note"),
    [
        *(("utf-8", ""), ("utf-8-sig", ""), ("utf-16", "utf-16"), ("utf-16-le", "utf-16-le")),
        *(("utf-16-be", "utf-16-be"), ("cp1252", "cp1252")),
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encoding_and_delimiter_are_told_apart(tmp_path, encoding, note, delimiter):
    path = tmp_path / "t.csv"
    path.write_bytes(TEXT.replace(",", delimiter).encode(encoding))
    names, rows, problems, said_of = opened(path)
    assert (names, rows) == (["image", "Größe"], ROWS)
    assert not len(problems)
    assert note in said_of
    assert bool(note) == bool(said_of)


def test_a_byte_far_down_decides_too(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"image\n" + b"a.png\n" * 10**6 + "ü.png\n".encode("cp1252"))
    assert encoding_of(path) == "cp1252"


@pytest.mark.parametrize("first", ["sep=;\n", '"sep=;"\r\n', "\n\n", "\nsep=;\n"])
def test_what_stands_before_the_header_is_passed_over(tmp_path, first):
    path = tmp_path / "t.csv"
    path.write_text(first + TEXT.replace(",", ";"), encoding="utf-8", newline="")
    assert opened(path)[:2] == (["image", "Größe"], ROWS)


def test_a_header_with_quotes_is_split_where_they_do_not_stand(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('"a, b; c";"d\n2";image\n1;2;x.png\n')
    names, rows, _, _ = opened(path)
    assert names == ["a, b; c", "d\n2", "image"]
    assert rows == [(1, {"a, b; c": "1", "d\n2": "2", "image": "x.png"})]


def test_a_row_with_cells_of_no_column_is_left_out_and_said(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("image,labels\n1.png,Edema, Pneumonia\n2.png,Edema,\n3.png\n")
    _, rows, problems, _ = opened(path)
    assert rows == [(2, {"image": "2.png", "labels": "Edema"}), (3, {"image": "3.png"})]
    assert said(problems) == [
        "t.csv, row 1: has more cells than the header; quote the cell that holds a delimiter"
    ]


def test_long_cells_of_several_lines_are_read(tmp_path):
    path = tmp_path / "t.csv"
    report = "Clear.\n" * 40_000
    path.write_text(f'image,report\n1.png,"{report}"\n')
    assert opened(path)[1] == [(1, {"image": "1.png", "report": report})]


def test_lines_may_differ_in_their_names(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text('{"image": "1.png"}\n\n{"image": "2.png", "age": 4}\nno\n')
    names, rows, problems, _ = opened(path)
    assert names == ["image", "age"]
    assert rows == [(1, {"image": "1.png"}), (3, {"image": "2.png", "age": 4})]
    assert said(problems) == ["t.jsonl, row 4: is not a JSON object; write one object per line"]


def test_a_workbook_keeps_ids_as_they_are_written(tmp_path):
    path = workbook(tmp_path / "t.xlsx", [{"image": "a.png", "id": "007", "n": 4}, {"image": "b", "n": None}])
    names, rows, _, note = opened(path)
    assert names == ["image", "id", "n"]
    assert rows == [
        (1, {"image": "a.png", "id": "007", "n": "4"}),
        (2, {"image": "b", "id": None, "n": None}),
    ]
    assert note == "its first sheet is read"


def test_parquet_keeps_its_types_and_leaves_pictures_alone(tmp_path):
    path = tmp_path / "t.parquet"
    picture = {"bytes": b"png", "path": "1.png"}
    rows = [{"image": picture, "file": f"{i}.png", "there": True, "labels": ["a"]} for i in range(1500)]
    pq.write_table(pa.Table.from_pylist(rows), path)
    names, read, _, _ = opened(path)
    assert names == ["file", "there", "labels"]
    assert [number for number, _ in read] == list(range(1, 1501))
    assert read[1499][1] == {"file": "1499.png", "there": True, "labels": ["a"]}


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("t.csv", b"image\n\x81\x8d\n", "re-save it as UTF-8"),
        ("t.csv", b"i\0m\0a\0g\0e\0\n\0\0\xd8", "re-save it as UTF-8"),
        ("t.tsv", b'image\tx\na\t"b\n', r"not a well-formed table \(line 2: .*close its quotes"),
        ("t.xlsx", b"PK\x03\x04", "no readable Excel workbook"),
        ("t.parquet", b"PAR1", "no readable Parquet file"),
    ],
)
def test_an_unreadable_table_is_an_error_that_fits(tmp_path, name, data, says):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=says):
        opened(tmp_path / name)


def test_a_damaged_parquet_file_is_named(tmp_path):
    path = tmp_path / "t.parquet"
    table = pa.table({"image": [f"{i}.png" for i in range(5000)]})
    pq.write_table(table, path, compression="snappy", use_dictionary=False)
    data = bytearray(path.read_bytes())
    data[40:4000] = b"\xff" * 3960
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"is damaged after row \d+; write it again"):
        opened(path)


def test_a_table_that_may_not_be_read_is_said(tmp_path):
    with pytest.raises(DataError, match=r"cannot be opened.*check its permissions"):
        opened(tmp_path / "gone.csv")


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (["metadata.csv", "a.csv"], "metadata.csv"),
        (["Metadata.XLSX", "a.csv"], "Metadata.XLSX"),
        (["a.parquet", "b.png"], "a.parquet"),
        (["~$a.xlsx", "._b.csv", "c.tsv"], "c.tsv"),
        (["notes.json", "a.txt"], None),
    ],
)
def test_the_table_is_called_metadata_or_is_the_only_one(tmp_path, files, found):
    for name in files:
        (tmp_path / name).touch()
    (tmp_path / "folder.csv").mkdir()
    table = find_table(tmp_path)
    assert (table.name if table else None) == found


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (["metadata.csv", "metadata.tsv"], r"several tables \(metadata.csv, metadata.tsv\)"),
        (["a.csv", "b.xlsx"], r"several tables \(a.csv, b.xlsx\)"),
        (["metadata.json"], r"metadata.json: is a kind of table that is not read; save it as \.csv"),
        (["mimic-cxr-2.0.0-chexpert.csv.gz"], r"chexpert.csv.gz: is a kind of table that is not read"),
        (["metadata.csv.gz"], r"metadata.csv.gz: is a kind of table that is not read"),
    ],
)
def test_an_unclear_table_is_refused(tmp_path, files, says):
    for name in files:
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=says):
        find_table(tmp_path)
