import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from bench.helpers import figure, result
from hilum.bench.audit.measures import Kind
from hilum.bench.audit.result import Audit, AxisResult, Comparison, GroupRate
from hilum.bench.findings import FindingAccuracy
from hilum.bench.intervals import Estimate
from hilum.bench.result import Skipped
from hilum.cli import show
from hilum.study import Fact, Finding, Presence, Severity, Side, Task


def printed(draw, **options):
    console = Console(file=io.StringIO(), **{"width": 120, **options})
    draw(console)
    return console.file.getvalue()


EFFUSION = Fact(Finding.PLEURAL_EFFUSION, side=Side.LEFT, severity=Severity.MILD, span=(0, 27)).to_json()
NO_AIR = Fact(Finding.PNEUMOTHORAX, Presence.ABSENT).to_json()


def test_sections_stand_under_their_headings_and_empty_ones_are_left_out():
    text = printed(
        show.report({"indication": "", "comparison": "", "findings": "[b]Clear.", "impression": "OK."})
    )
    assert text == "FINDINGS\n[b]Clear.\n\nIMPRESSION\nOK.\n\n"


def test_a_report_ends_with_what_changed_and_with_its_notes():
    sections = {"indication": "Cough.", "comparison": "None.", "findings": "", "impression": "OK."}
    changes = {"Edema": "worse [a]", "Mass": "new"}
    assert printed(show.report({**sections, "changes": changes}, ["a note", "[b]"])) == (
        "INDICATION\nCough.\n\nCOMPARISON\nNone.\n\nIMPRESSION\nOK.\n\n"
        "SINCE THE PRIOR IMAGE\nEdema: worse [a]\nMass: new\n\na note\n[b]\n"
    )
    bold = printed(
        show.report({**sections, "changes": changes}), force_terminal=True, color_system="standard"
    )
    assert re.findall(r"\x1b\[1m([A-Z ]+)\x1b\[0m", bold) == [
        "INDICATION",
        "COMPARISON",
        "IMPRESSION",
        "SINCE THE PRIOR IMAGE",
    ]


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


def test_the_columns_of_facts_stand_below_one_another():
    unsure = Fact(Finding.NODULE, Presence.UNCERTAIN, size_mm=12.0, span=(0, 5)).to_json()
    assert printed(show.facts([EFFUSION, NO_AIR, unsure])).splitlines() == [
        "finding           presence   side  site  severity  change  details  span",
        "Pleural Effusion  present    left        mild                       0-27",
        "Pneumothorax      absent                                                ",
        "Nodule            uncertain                                12 mm    0-5 ",
    ]
    coloured = printed(show.facts([EFFUSION, NO_AIR, unsure]), force_terminal=True, color_system="standard")
    assert [line.partition("m")[0] for line in coloured.splitlines()] == [
        f"\x1b[{code}" for code in (1, 31, 32, 33)
    ]


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


def test_a_judgement_tells_errors_that_were_only_counted_what_was_spent_and_metrics():
    counts = {"matched": 3, "a": 1, "b": 2, "c": 0, "f": 4}
    document = {
        "mean": 0.25,
        "failed": 0,
        "left_out": 0,
        "unjudged": {"timeout": 2, "refused": 1},
        "spent": {
            "requests": 1200,
            "retries": 1,
            "prompt_tokens": 5,
            "completion_tokens": 6,
            "cached": 7,
            "duplicates": 0,
        },
        "metrics": {
            "bleu": {
                "values": {
                    "bleu_1": {"value": 0.5, "low": 0.25, "high": 0.75},
                    "bleu_2": {"value": None, "low": None, "high": None},
                }
            }
        },
        "reports": [
            {"score": 0.5, "matched": [], "errors": {}, "state": "scored", "counts": counts},
            {"score": None, "matched": [1], "errors": {}, "state": "failed", "detail": "no [answer]"},
        ],
    }
    assert [line.rstrip() for line in printed(show.verdicts(document)).splitlines()] == [
        "report   score  matched  wrong",
        "     1   0.500        3  1 false finding; 2 missed finding; 4 missed comparison",
        "     2  failed        1  no [answer]",
        "mean 0.250",
        "3 that the judge could not judge left out: 2 timeout, 1 refused",
        "1,200 requests, 1 retries, 5 prompt tokens, 6 completion tokens, 7 cached, 0 duplicates",
        "metric  value   95 % interval",
        "bleu_1  0.500  0.250 to 0.750",
        "bleu_2      –",
    ]


@pytest.mark.parametrize(
    ("letter", "words"),
    [
        ("a", "false finding: edema"),
        ("b", "missed finding: edema"),
        ("c", "wrong site or side: edema"),
        ("d", "wrong severity: edema"),
        ("e", "false comparison: worse edema"),
        ("f", "missed comparison: worse edema"),
    ],
)
def test_each_kind_of_error_has_its_words_and_change_is_named_where_it_is_the_error(letter, words):
    errors = {letter: [{"finding": "Edema", "change": "worse"}]}
    row = {"score": 0.5, "matched": [], "errors": errors, "state": "scored"}
    text = printed(show.verdicts({"mean": 0.5, "failed": 0, "left_out": 0, "reports": [row]}))
    assert text.splitlines()[1] == f"     1  0.500        0  {words}"


def test_some_fields_of_rows_are_shown_with_lists_in_words():
    given = [{"a": ["x", "y"], "b": 1, "c": 0}, {"a": "[z]", "b": None, "c": 0}]
    assert printed(show.rows(given, ["a", "b"])) == "a     b   \nx, y  1   \n[z]   None\n"


def test_several_tables_stand_one_below_another_with_lines_below():
    found = [("One", ["n", "v"], [["a", "1"]]), ("", ["n", "v"], [["bb", "22"]])]
    assert printed(show.tables(found, ["done"])) == "One \nn  v\na  1\nn    v\nbb  22\ndone\n"


def test_a_name_is_not_cut_where_the_columns_do_not_fit():
    text = printed(show.table("", ["task", "metric"], [["a_rather_long_name", "words that wrap"]]), width=20)
    assert "a_rather_long_name" in text


def test_a_benchmark_is_who_what_each_finding_and_what_is_missing():
    half = Estimate(0.5, 0.25, 0.75, 12)
    accuracy = FindingAccuracy(Finding.EDEMA, Task.BINARY, 3, 1, 2, 6, half, half, half, half)
    found = result(
        [replace(figure("view", 0.5, 0.4, 0.6), unusable={"candidates": 2, "references": 3})],
        findings=(accuracy,),
        skipped=tuple(Skipped(name, name, why) for name, why in (("a", "x"), ("b", "y"), ("c", "x"))),
        complete=False,
    )
    said = printed(show.benchmark(found, ["a note"]), width=200).splitlines()
    assert said[:2] == ["measured: the test split", "  phantom: 3 studies of 2 patients"]
    assert re.split(" {2,}", said[2].strip())[:4] == ["task", "metric", "n", "value [95 % interval]"]
    assert re.split(" {2,}", said[3].strip()) == ["view", "metric of view", "10", "0.500 [0.400, 0.600]"]
    assert said[4].split() == ["finding", "by", "finding"]
    assert said[6].split()[:5] == ["Edema", "binary_disease", "4", "8", "0.500"]
    assert said[7:] == [
        "skipped: a, c: x",
        "skipped: b: y",
        "view: 2 candidates cannot be read, counted 0",
        "view: 3 references cannot be read, left out",
        "unfinished: the tasks that were still to come are missing",
        "a note",
    ]
    plain = printed(show.benchmark(result([figure("view", 0.5, 0.4, 0.6)]), []))
    assert len(plain.splitlines()) == 4, "who, and one row under its heads"


def difference(group: str, holm: float) -> Comparison:
    rate = Estimate(0.5, None, None, 9)
    return Comparison("view", Kind.SCORE, "sex", group, 9, rate, rate, rate, rate, 0.1, 0.01, holm)


@pytest.mark.parametrize(
    ("found", "others", "shown"), [(0, 0, 0), (1, 0, 1), (2, 18, 20), (2, 19, 20), (25, 3, 25)]
)
def test_an_audit_shows_the_differences_found_and_at_least_twenty_comparisons(found, others, shown):
    compared = [difference(f"g{i}", 0.01 if i < found else 0.9) for i in range(found + others)]
    text = printed(show.audit(Audit({}, result().measured, tuple(compared), ()), []))
    assert len(re.findall(r"sex: g\d", text)) == shown
    more = [line for line in text.splitlines() if line.endswith("more: see --json or --out")]
    assert more == (
        [f"and {found + others - shown} more: see --json or --out"] if found + others > shown else []
    )


def test_an_audit_names_the_small_groups_and_what_was_left_out():
    def axis(name: str, *groups: str) -> AxisResult:
        rate = Estimate(0.5, None, None, 9)
        small = tuple(GroupRate(group, 2, 2, None) for group in groups)
        return AxisResult("view", Kind.SCORE, name, (*small, GroupRate("large", 99, 99, rate)))

    def said(*axes: AxisResult) -> list[str]:
        found = Audit(
            {"fewest_patients": 10},
            result().measured,
            (),
            axes,
            skipped=(Skipped("vqa", "Questions", "there is none"),),
            skipped_axes={"race": "no study says it"},
        )
        return printed(show.audit(found, ["a note"])).splitlines()

    few = "fewer than 10 patients, for one measure or more: "
    rest = ["not audited: race: no study says it", "skipped: vqa: there is none", "a note"]
    assert said(axis("sex", "F"), axis("age", "old", "young"), axis("age × sex", "old F"))[3:] == [
        f"{few}age old, age young, sex F",
        *rest,
    ]
    assert said(axis("age × sex", "old F"))[3:] == [f"{few}of pairs alone", *rest]
    assert said(axis("sex"))[3:] == rest


def test_a_table_shows_every_cell_as_it_is():
    text = printed(show.table("Figures", ["task", "value"], [["[view]", "0.98"]]))
    assert [line.split() for line in text.splitlines()] == [
        ["Figures"],
        ["task", "value"],
        ["[view]", "0.98"],
    ]


def test_lines_are_printed_as_they_are():
    assert printed(show.lines("[red]a", "b")) == "[red]a\nb\n"
