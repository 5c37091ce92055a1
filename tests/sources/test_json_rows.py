import gzip
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilum.errors import DataError
from hilum.files import Problems
from hilum.sources.json_rows import json_document, json_lines, json_list, words_of
from sources.helpers import said

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(), v, max_size=4),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(st.text(), VALUES, max_size=4), max_size=6), st.sampled_from([None, 1]))
def test_a_list_read_one_by_one_is_the_list_read_whole(tmp_path, rows, indent):
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows, indent=indent))
    assert [row for _, row in json_list(path, Problems())] == rows


def test_what_is_no_object_is_counted_where_it_stands(tmp_path):
    (tmp_path / "a.json").write_text('[{"a": 1}, 2, null, {}]')
    problems = Problems()
    assert list(json_list(tmp_path / "a.json", problems)) == [
        ("a.json, item 1", {"a": 1}),
        ("a.json, item 4", {}),
    ]
    assert [line.split(":")[0] for line in said(problems)] == ["a.json, item 2", "a.json, item 3"]


def test_lines_may_be_blank_broken_marked_and_end_anyhow(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": "M\xc3\xbcller"}\r\n\r\n{"a": \n[1]\n{"a": "M\xfcller"}')
    problems = Problems()
    found = list(json_lines(path, problems))
    assert found == [("a.jsonl, line 1", {"a": "Müller"}), ("a.jsonl, line 5", {"a": "Müller"})]
    assert [line.split(":")[0] for line in said(problems)] == ["a.jsonl, line 3", "a.jsonl, line 4"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{}", "is not a JSON list"),
        ("", "is not a JSON list"),
        ('[{"a": 1}, {"b"', "item 2: is not JSON"),
        ("[{}", "broken"),
    ],
)
def test_a_list_that_breaks_off_is_named(tmp_path, text, says):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DataError, match=says):
        list(json_list(tmp_path / "a.json", Problems()))


@pytest.mark.parametrize("text", ["[]", "{", "[" * 10**5])
def test_a_document_that_is_no_object_is_named(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DataError, match=r"a\.json: is not a JSON"):
        json_document(tmp_path / "a.json")


def test_packed_files_are_read_and_broken_or_missing_ones_named(tmp_path):
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(b'{"a": 1}'))
    assert json_document(tmp_path / "a.json") == {"a": 1}
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(b'{"a": 1}')[:-9])
    with pytest.raises(DataError, match="is not a text file"):
        json_document(tmp_path / "a.json")
    with pytest.raises(DataError, match="is missing"):
        json_document(tmp_path / "b.json")


def test_only_text_and_numbers_are_words():
    assert [words_of(v) for v in (" a \n b", 2, 1.5, None, True, ["a"])] == ["a b", "2", "1.5", "", "", ""]
