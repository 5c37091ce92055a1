from collections import Counter
from dataclasses import replace

import pytest

from hilum.study import Report
from sources import bimcv_covid19_layout as bimcv
from sources import padchest_layout as padchest
from sources.helpers import read, said, table
from sources.published import published

COLUMNS = {"padchest": "StudyID", "bimcv-covid19": "session_id"}
"""By which the file names a study of each source."""


def padchest_of(folder, *names):
    return padchest.write(folder, [padchest.row(f"{name}.png", name, name) for name in names])


def bimcv_of(folder, *names):
    for name in names:
        bimcv.film(folder, f"sub-{name}", name)
    people = [bimcv.person(f"sub-{name}") for name in names]
    return bimcv.write(folder, people, {f"sub-{name}": {name: "20200405"} for name in names})


MAKERS = {"padchest": padchest_of, "bimcv-covid19": bimcv_of}


def translated(source, folder, texts, **options):
    """Reports by study, of studies that are named ses-…; a text of None has no row."""
    MAKERS[source](folder, *{name: None for name, _ in texts if name.startswith("ses-")})
    rows = [{COLUMNS[source]: name, "report": text} for name, text in texts if text is not None]
    table(folder / "translations.csv", rows)
    studies, problems = read(source, folder, **options)
    return {study.id.rsplit("/", 1)[1]: study.report for study in studies}, problems


@pytest.mark.parametrize("source", COLUMNS)
@pytest.mark.parametrize(
    ("text", "report"),
    [
        ("No effusion.\nThe heart is  large.", Report(impression="No effusion. The heart is large.")),
        ("Findings: No effusion.", Report(findings="No effusion.")),
        (
            "Clinical history: Cough.\nFindings: The heart is large.\nImpression: Cardiomegaly.",
            Report("Cough.", findings="The heart is large.", impression="Cardiomegaly."),
        ),
        (
            "The heart is large. Conclusion: Cardiomegaly.",
            Report("", "", "The heart is large.", "Cardiomegaly."),
        ),
    ],
)
def test_a_translation_is_the_studys_report_by_its_headings_or_the_impression(tmp_path, source, text, report):
    left_out = Counter()
    reports, problems = translated(
        source, tmp_path, [("ses-1", text), ("ses-2", None)], left_out=left_out, notes=(notes := [])
    )
    assert reports == {"ses-1": report, "ses-2": None}
    assert left_out == {"reports in Spanish": 1}, "the other one's"
    assert any("as translations.csv translates them" in note for note in notes)
    assert not len(problems), said(problems)


@pytest.mark.parametrize("source", COLUMNS)
def test_rows_that_translate_nothing_are_counted_with_their_line(tmp_path, source):
    good = "No effusion."
    rows = [("ses-1", good), ("ses-1", "Effusion."), ("ses-2", " "), ("ses-3", "Sin derrame ni neumotórax.")]
    rows += [("", good), ("9", good), ("ses-4", "Impression: 12.")]
    reports, problems = translated(source, tmp_path, rows)
    assert reports == {"ses-1": Report(impression=good), "ses-2": None, "ses-3": None, "ses-4": None}
    assert sorted(said(problems)) == [
        "translations.csv, line 3: ses-1: is a duplicate id; the first one is kept",
        "translations.csv, line 4: names no study or has no text; it is left out",
        "translations.csv, line 5: ses-3: has no text in English; the study is kept without it",
        "translations.csv, line 6: names no study or has no text; it is left out",
        "translations.csv, line 7: 9: translates no study that is there; it is left out",
        "translations.csv, line 8: ses-4: has no text in English; the study is kept without it",
    ]


@pytest.mark.parametrize("source", COLUMNS)
def test_without_the_file_all_stays_as_it_is_but_for_the_reports(tmp_path, source):
    spec = published(source, tmp_path)
    there, _ = read(source, spec.path)
    (tmp_path / "translations.csv").unlink()
    left_out = Counter()
    studies, problems = read(source, spec.path, left_out=left_out, notes=(notes := []))
    assert not len(problems), said(problems)
    assert {study.report for study in studies} == {None}
    assert sum(study.report is not None for study in there) == len(studies) - 1
    assert left_out == {"reports in Spanish": len(studies)}
    assert notes == ["reports are Spanish and are not read; their labels are"]
    bare = [replace(study, report=None, views=(), prior=None) for study in (*there, *studies)]
    assert bare[: len(there)] == bare[len(there) :]
