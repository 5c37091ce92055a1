"""A comparison reads the same as page, as Markdown and as JSON."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from bench.saved_results import model, right_or_wrong, scores
from hilum.bench.compare import compare
from hilum.bench.comparison_page import html, markdown, p_words, rows, unmatched, write_comparison
from hilum.bench.documents import plain
from hilum.bench.items import ItemScore
from hilum.bench.tasks import MEANINGS
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


UNSEEN = "no difference shown; 0.799 would be seen four times in five"
FIRST, SECOND = r"0.333 \[0.083, 0.703\]", r"0.833 \[0.417, 1.000\]"
LESS = r"0.500 \[-0.167, 0.917\]"
MARKDOWN = f"""\
<!-- {MARK} -->

# first and second on the same questions

A: first, weights not told.

B: second, weights w-second.

| figure | questions / patients | A | B | B less A | p, corrected | smallest that could be seen | verdict |
| --- | --- | --- | --- | --- | --- | --- | --- |
| view v1 | 12 / 12 | {FIRST} | {SECOND} | {LESS} | 0.114 | 0.799 | {UNSEEN}; 1 asked of B alone |
| length v1 | 12 / 12 | 1.000 \\[0.735, 1.000\\] | 2.000 | 1.000 | 0.001 | – | B is higher by 1.000 |

## Not compared

- vqa: version 1 of it in of-first, 2 in of-second

## How

- difference: B less A on the questions both answered
- interval: 95% bootstrap over patients, paired, bias-corrected and accelerated
- p: approximate randomisation by patient, 10000 exchanges
- p holm: Holm's correction over 2 figures
- detectable: 80% power, two-sided, level 0.05 / 2
- seed: 0
"""


def test_every_word_of_a_comparison():
    first = scores("view", [0.0] * 8 + [1.0] * 4) + scores("length", [1.0] * 12) + scores("vqa", [1.0])
    second = scores("view", [1.0] * 10 + [0.0] * 3) + scores("length", [2.0] * 12)
    a = model("first", first, weights="")
    b = model("second", second + scores("vqa", [1.0], version=2))
    found = compare(a, b)
    assert markdown(found) == MARKDOWN
    page = html(found)
    cells = [
        " ".join(re.sub("<[^>]+>", " ", row).split()) for row in re.findall(r"<tr.*?</tr>", page, re.DOTALL)
    ]
    assert cells == [
        "figure questions / patients A B B less A p, corrected smallest that could be seen verdict",
        "view v1 12 / 12 0.333 [0.083, 0.703] 0.833 [0.417, 1.000] 0.500 [-0.167, 0.917] 0.114 (0.114) 0.799 "
        "no difference shown; 0.799 would be seen four times in five 1 asked of B alone",
        MEANINGS["view"],
        "length v1 12 / 12 1.000 [0.735, 1.000] 2.000 1.000 0.001 (&lt; 0.001) – B is higher by 1.000",
        MEANINGS["length"],
    ]
    assert "A: <code>first</code>, weights <code>not told</code>, from of-first." in page
    assert "weights <code>w-second</code>, from of-second." in page
    assert page.count("<svg") == 1
    assert MARK in page
    document = found.to_json()
    [view, length] = document.pop("figures")
    method = document.pop("method")
    assert method == {
        "difference": "B less A on the questions both answered",
        "interval": "95% bootstrap over patients, paired, bias-corrected and accelerated",
        "p": "approximate randomisation by patient, 10000 exchanges",
        "p_holm": "Holm's correction over 2 figures",
        "detectable": "80% power, two-sided, level 0.05 / 2",
        "seed": 0,
    }
    about = {"seed": 0, "command": None, "date": None, "versions": {"hilum": "0.1.0", "torch": "2"}}
    assert document == {
        "a": {"result": "of-first", "model": "first", "weights": "", "complete": True, **about},
        "b": {"result": "of-second", "model": "second", "weights": "w-second", "complete": True, **about},
        "not_compared": {"vqa": "version 1 of it in of-first, 2 in of-second"},
    }
    of_view = found.figures[0]
    assert view == {
        "name": "view",
        "version": 1,
        "n": 12,
        "patients": 12,
        "only_a": 0,
        "only_b": 1,
        "unscored": 0,
        "a": of_view.a.to_json(),
        "b": of_view.b.to_json(),
        "difference": of_view.difference.to_json(),
        "p": of_view.p,
        "p_holm": of_view.p_holm,
        "detectable": of_view.detectable,
        "verdict": UNSEEN,
    }
    assert (of_view.a.value, of_view.b.value) == (4 / 12, 10 / 12)
    assert length["p_holm"] == pytest.approx(2 * length["p"]), "the smaller of two"


def test_what_is_left_out_of_a_comparison_is_counted_by_why():
    a = model("a", scores("view", [1.0, None, 1.0, 0.0]))
    b = model("b", [ItemScore("view", 1, f"q{i}", f"p{i}", "phantom", value=1.0) for i in (1, 2, 3, 4, 5)])
    [figure] = compare(a, b).figures
    assert (figure.only_a, figure.only_b, figure.unscored, figure.n) == (1, 2, 1, 2)
    assert unmatched(figure) == "1 asked of A alone, 2 asked of B alone, 1 without a score on one side"
    assert unmatched(replace(figure, only_a=0, only_b=0, unscored=0)) == ""


@pytest.mark.parametrize(("p", "said"), [(0.00099, "< 0.001"), (0.001, "0.001"), (0.0, "< 0.001")])
def test_a_p_of_a_thousandth_is_told(p, said):
    assert p_words(p) == said
