"""Files of reports: what each kind holds, and how its faults are named."""

import csv
import io
import json

import pytest

from hilum.cli.inputs import MAX_WORDS
from hilum.cli.report_files import paired, read_rows
from hilum.errors import DataError

LINES = ["Small left effusion.", "No pneumothorax.\nCardiomegaly, stable."]


@pytest.fixture
def write(tmp_path):
    def made(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return made


def table(rows, delimiter=","):
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue()


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


def texts(path):
    return [(row.id, row.text) for row in read_rows(path)]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"a\nb\n", ["a", "b"]),
        (b"a\nb", ["a", "b"]),
        (b"\xef\xbb\xbfa\r\nb\r\n", ["a", "b"]),
        (b"a\n\nb\n", ["a", "", "b"]),
        ("a\u2028still a\x0bstill a\n".encode(), ["a\u2028still a\x0bstill a"]),
        (b"Report of a chest, AP.\nNo effusion.\n", ["Report of a chest, AP.", "No effusion."]),
        (b"{sic} Small effusion.\n", ["{sic} Small effusion."]),
        (b"[**Name**] Small effusion.\n{sic}\n", ["[**Name**] Small effusion.", "{sic}"]),
    ],
)
def test_text_holds_one_report_per_line_and_only_newlines_end_lines(write, written, read):
    assert texts(write("reports.txt", written)) == [(None, text) for text in read]


@pytest.mark.parametrize("name", ["r.csv", "r.txt", "r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_has_ids_and_reports_of_several_lines(write, name, delimiter):
    rows = [["Study_ID", "sex", "Report"], ["s1", "F", LINES[0]], ["s2", "M", LINES[1]]]
    expected = [("s1", LINES[0]), ("s2", LINES[1].replace("\n", "\r\n"))]
    read = texts(write(name, table(rows, delimiter).replace(LINES[1], LINES[1].replace("\n", "\r\n"))))
    assert read == expected
    assert texts(write("r.tsv", table(rows, "\t"))) == [("s1", LINES[0]), ("s2", LINES[1])]


def test_a_table_may_have_one_column_and_empty_reports(write):
    assert texts(write("r.csv", 'report\nNo effusion.\n""\n\nOedema.\n')) == [
        (None, "No effusion."),
        (None, ""),
        (None, "Oedema."),
    ]


@pytest.mark.parametrize("name", ["r.jsonl", "r.ndjson", "r.json", "r.txt", "r"])
def test_json_lines_have_ids_and_reports_of_several_lines(write, name):
    records = [{"id": 1, "report": LINES[0]}, {"id": "2", "report": LINES[1]}, {"id": 3, "report": None}]
    expected = [("1", LINES[0]), ("2", LINES[1]), ("3", "")]
    assert texts(write(name, lines(*records) + "\n")) == expected
    assert texts(write(name, json.dumps(records, indent=1))) == expected


def test_bare_strings_are_reports_too(write):
    assert texts(write("r.jsonl", lines(*LINES))) == [(None, text) for text in LINES]


def test_sections_are_put_together(write):
    record = {"image": "a.png", "findings": "No effusion.", "impression": "Normal.", "indication": "Cough."}
    assert texts(write("r.jsonl", lines(record))) == [
        ("a.png", "FINDINGS: No effusion.\nIMPRESSION: Normal.")
    ]
    assert texts(write("r.csv", "findings,impression\n,Normal.\n")) == [(None, "IMPRESSION: Normal.")]


@pytest.mark.parametrize(
    ("name", "written", "says"),
    [
        ("r.txt", b"", "r.txt: holds no report"),
        ("r.txt", b" \n\n", "r.txt: holds no report"),
        ("r.txt", b"effusion \xff", "is not UTF-8 text"),
        ("r.txt", b"fine\n" + b"word " * (MAX_WORDS + 1), "line 2: has 5,001 words"),
        ("r.jsonl", lines({"report": "a"}, {"report": 5}), "line 2: field `report` is a number, not text"),
        ("r.jsonl", lines({"report": ["a"]}), "line 1: field `report` is a list, not text"),
        ("r.jsonl", lines({"report": {"a": 1}}), "field `report` is a record, not text"),
        ("r.jsonl", lines({"findings": True}), "field `findings` is true or false, not text"),
        ("r.jsonl", lines({"id": [1], "report": "a"}), "field `id` is a list, not an id"),
        ("r.jsonl", lines({"id": "", "report": "a"}), "field `id` is empty, not an id"),
        ("r.jsonl", lines({"id": None, "report": "a"}), "field `id` is empty, not an id"),
        ("r.jsonl", lines({"id": 1.5, "report": "a"}), "field `id` is a number, not an id"),
        ("r.jsonl", lines({"id": 1, "report": "a"}, {"report": "b"}), "line 2: has an id or lacks one"),
        (
            "r.jsonl",
            lines({"id": 1, "report": "a"}, {"id": "1", "report": "b"}),
            "line 2: repeats the id '1' of line 1",
        ),
        ("r.jsonl", lines(5), "line 1: is a number, not a record"),
        ("r.jsonl", '{"report": "a"}\n{"report"', "line 2: is not JSON"),
        ("r.json", '[{"report": "a"}', "r.json: is not JSON"),
        ("r.json", '[{"report": "a"}, 5]', "record 2: is a number, not a record"),
        ("r.jsonl", lines({"wording": "a"}), r"line 1: has no report among its fields \(wording\)"),
        ("r.csv", "id,wording\n1,a\n", r"line 2: has no report among its fields \(id, wording\)"),
        ("r.csv", 'id,report\n1,"a\nb"\n2,c,d\n', "line 4: has 3 fields, its head has 2"),
        ("r.csv", 'id,report\n1,"a\n', "line 2: is broken"),
        ("r.csv", "id,report\n ,a\n", "field `id` is blank, not an id"),
    ],
)
def test_a_fault_is_named_with_its_line_and_field(write, name, written, says):
    with pytest.raises(DataError, match=says):
        read_rows(write(name, written))


def test_reports_with_ids_are_paired_by_them(write):
    references = write("r.csv", table([["id", "report"], ["2", "b"], ["1", "a"]]))
    candidates = write("c.jsonl", lines({"id": 1, "text": "A"}, {"id": 2, "text": "B"}))
    true, said = paired(references, candidates)
    assert [(one.text, two.text) for one, two in zip(true, said, strict=True)] == [("b", "B"), ("a", "A")]


def test_without_ids_on_both_sides_the_order_pairs(write):
    references = write("r.csv", table([["id", "report"], ["2", "b"], ["1", "a"]]))
    true, said = paired(references, write("c.txt", "B\nA\n"))
    assert [row.text for row in true] == ["b", "a"]
    assert [row.text for row in said] == ["B", "A"]
    with pytest.raises(DataError, match=r"c\.txt: has 1 reports, .*r\.csv has 2"):
        paired(references, write("c.txt", "B\n"))


def test_an_id_that_only_one_file_has_is_an_error(write):
    references = write("r.jsonl", lines(*({"id": n, "report": "a"} for n in range(5))))
    candidates = write("c.jsonl", lines({"id": 0, "report": "a"}))
    with pytest.raises(
        DataError, match=r"c\.jsonl: has no report for 4 of the other file's ids \(1, 2, 3 …\)"
    ):
        paired(references, candidates)
    with pytest.raises(DataError, match=r"c\.jsonl: has no report for 4"):
        paired(candidates, references)
