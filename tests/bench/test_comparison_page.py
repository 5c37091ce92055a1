"""A comparison reads the same as page, as Markdown and as JSON."""

from __future__ import annotations

import json
import re

import pytest

from bench.saved_results import model, right_or_wrong, scores
from hilum.bench.compare import compare
from hilum.bench.comparison_page import html, markdown, p_words, rows, write_comparison
from hilum.bench.documents import plain
from hilum.errors import UsageError
from hilum.files import MARK


@pytest.fixture(scope="module")
def found():
    a = model("a <i>", scores("view", right_or_wrong(0.5, 200, 0)) + scores("vqa", [1.0]))
    b = model("b", scores("view", right_or_wrong(0.9, 201, 1)) + scores("vqa", [1.0], version=2))
    return compare(a, b)


def test_all_three_say_the_same(found, tmp_path):
    write_comparison(found, tmp_path)
    document = json.loads((tmp_path / "compare.json").read_text())
    assert document["made_by"] == MARK
    [figure] = document["figures"]
    assert figure["verdict"].startswith("B is higher by")
    assert document["not_compared"] == {"vqa": "version 1 of it in of-a <i>, 2 in of-b"}
    for name in ("compare.html", "compare.md"):
        text = (tmp_path / name).read_text()
        assert figure["verdict"] in text
        assert "1 asked of B alone" in text
        assert "&lt;i&gt;" in text
        assert "<i>" not in text
    write_comparison(found, tmp_path)
    (tmp_path / "compare.md").write_text("mine")
    with pytest.raises(UsageError):
        write_comparison(found, tmp_path)


def test_a_known_figure_says_what_it_means_and_what_it_does_not(found):
    assert "easy task" in html(found)
    assert len(re.findall(r"<rect class=\"band\"", html(found))) == 1


def test_a_table_of_markdown_keeps_its_columns(found):
    [row] = rows(found)
    lines = [line for line in markdown(found).splitlines() if line.startswith("|")]
    assert len(lines) == 3
    assert {line.count(" | ") for line in lines} == {len(row) - 1}
    assert plain("a|b\n<c> `d`") == "a\\|b &lt;c&gt; \\`d\\`"


def test_p_is_never_printed_as_nothing():
    assert [p_words(p) for p in (None, 0.0001, 0.05, 1.0)] == ["–", "< 0.001", "0.050", "1.000"]
