import io

import pytest
from rich.console import Console

from hilum.cli import show
from hilum.study import Fact, Finding, Presence, Severity, Side


def printed(draw, **options):
    console = Console(file=io.StringIO(), width=120, **options)
    draw(console)
    return console.file.getvalue()


EFFUSION = Fact(Finding.PLEURAL_EFFUSION, side=Side.LEFT, severity=Severity.MILD, span=(0, 27)).to_json()
NO_AIR = Fact(Finding.PNEUMOTHORAX, Presence.ABSENT).to_json()


def test_sections_stand_under_their_headings_and_empty_ones_are_left_out():
    text = printed(
        show.report({"indication": "", "comparison": "", "findings": "[b]Clear.", "impression": "OK."})
    )
    assert text == "FINDINGS\n[b]Clear.\n\nIMPRESSION\nOK.\n\n"


def test_facts_are_a_table_coloured_by_presence():
    text = printed(show.facts([EFFUSION, NO_AIR]))
    header, first, second = text.splitlines()
    assert header.split() == ["finding", "presence", "side", "site", "severity", "change", "span"]
    assert first.split() == ["Pleural", "Effusion", "present", "left", "mild", "0-27"]
    assert second.split() == ["Pneumothorax", "absent"]
    coloured = printed(show.facts([EFFUSION, NO_AIR]), force_terminal=True, color_system="standard")
    assert "\x1b[31m" in coloured.splitlines()[1]
    assert "\x1b[32m" in coloured.splitlines()[2]


def test_no_fact_is_said():
    assert printed(show.facts([])) == "no fact found\n"


@pytest.mark.parametrize(
    ("mean", "last"), [(0.5, "mean 0.500"), (None, "mean undefined: no report could be scored")]
)
def test_verdicts_name_what_was_wrong_and_end_with_the_mean(mean, last):
    rows = [
        {"score": 0.5, "matched": [NO_AIR], "errors": {"a": [EFFUSION], "b": []}, "state": "ok"},
        {"score": None, "matched": [], "errors": {}, "state": "empty"},
    ]
    text = printed(show.verdicts({"mean": mean, "reports": rows})).splitlines()
    assert text[1].split(maxsplit=3) == ["1", "0.500", "1", "false finding: mild left pleural effusion"]
    assert text[2].split() == ["2", "empty", "0"]
    assert text[-1].startswith(last)


def test_a_table_shows_every_cell_as_it_is():
    text = printed(show.table("Figures", ["task", "value"], [["[view]", "0.98"]]))
    assert [line.split() for line in text.splitlines()] == [
        ["Figures"],
        ["task", "value"],
        ["[view]", "0.98"],
    ]


def test_lines_are_printed_as_they_are():
    assert printed(show.lines("[red]a", "b")) == "[red]a\nb\n"
