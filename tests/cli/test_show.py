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
    assert header.split() == ["finding", "presence", "side", "site", "severity", "change", "details", "span"]
    assert first.split() == ["Pleural", "Effusion", "present", "left", "mild", "0-27"]
    assert second.split() == ["Pneumothorax", "absent"]
    nodule = Fact(Finding.NODULE, size_mm=12.0, span=(0, 5)).to_json()
    assert printed(show.facts([nodule])).splitlines()[1].split() == ["Nodule", "present", "12", "mm", "0-5"]
    coloured = printed(show.facts([EFFUSION, NO_AIR]), force_terminal=True, color_system="standard")
    assert "\x1b[31m" in coloured.splitlines()[1]
    assert "\x1b[32m" in coloured.splitlines()[2]


def test_no_fact_is_said():
    assert printed(show.facts([])) == "no fact found\n"


@pytest.mark.parametrize(
    ("mean", "last"), [(0.5, "mean 0.500"), (None, "mean undefined: no reference could be read")]
)
def test_verdicts_name_what_was_wrong_and_end_with_the_mean(mean, last):
    rows = [
        {"score": 0.5, "matched": [NO_AIR], "errors": {"a": [EFFUSION], "b": []}, "state": "scored"},
        {"score": None, "matched": [], "errors": {}, "state": "empty"},
    ]
    text = printed(show.verdicts({"mean": mean, "failed": 0, "left_out": 0, "reports": rows})).splitlines()
    assert text[1].split(maxsplit=3) == ["1", "0.500", "1", "false finding: mild left pleural effusion"]
    assert text[2].split() == ["2", "empty", "0"]
    assert text[-1].startswith(last)


def test_an_error_is_shown_with_all_that_is_said_of_it():
    tube = {"finding": "Endotracheal Tube", "tip": "carina", "malposition": True, "change": "new"}
    nodule = {"finding": "Nodule", "side": "left", "size_mm": 12.0, "malposition": None}
    broken = {"finding": "Fracture", "levels": ["5", "6"], "acuity": "healed"}
    whole = {"finding": "No Finding", "change": "stable"}
    errors = {"c": [tube, broken], "d": [nodule], "e": [tube | {"malposition": False}, whole]}
    row = {"score": 0.5, "matched": [], "errors": errors, "state": "scored"}
    text = printed(
        show.verdicts({"mean": 0.5, "failed": 1, "left_out": 2, "reports": [row | {"id": "s[1]"}]})
    )
    words = " ".join(text.split())
    for said in (
        "s[1] 0.500",
        "endotracheal tube carina malpositioned",
        "fracture 5 6 healed",
        "left nodule 12 mm",
        "new endotracheal tube carina well positioned",
        "stable chest",
        "1 unusable candidates counted as 0 2 unusable references left out",
    ):
        assert said in words


def test_a_table_shows_every_cell_as_it_is():
    text = printed(show.table("Figures", ["task", "value"], [["[view]", "0.98"]]))
    assert [line.split() for line in text.splitlines()] == [
        ["Figures"],
        ["task", "value"],
        ["[view]", "0.98"],
    ]


def test_lines_are_printed_as_they_are():
    assert printed(show.lines("[red]a", "b")) == "[red]a\nb\n"
