"""Sections of MIMIC-CXR's reports, and where a study's report is found."""

from __future__ import annotations

import zipfile

import pytest

from hilum.files import Problems
from hilum.sources.mimic_index import MimicIndex
from hilum.sources.mimic_reports import ARCHIVE, SECTIONED, MimicReports, parse_mimic_report
from hilum.study import Report
from sources.helpers import said, table

SUBJECT = "19999901"
STUDIES = [f"5999990{n}" for n in range(8)]


@pytest.mark.parametrize(
    ("heading", "read"),
    [
        ("HISTORY", Report("Seen.", findings="Clear.")),
        ("PFI", Report("Seen.", findings="Clear.")),
        ("HISTRY", Report("Seen.", findings="Clear.")),
        ("PAST MEDICAL HISTORY", Report("Seen.", findings="Clear.")),
        ("REASON  FOR STUDY", Report("Seen.", findings="Clear.")),
        ("REFERENCE EXAM", Report(comparison="Seen.", findings="Clear.")),
        ("PRIOR COMPARISON", Report(comparison="Seen.", findings="Clear.")),
        ("FINDING", Report(findings="Seen. Clear.")),
        ("OTHER FINDINGS", Report(findings="Seen. Clear.")),
        # Two slips make the name of a section, three none.
        ("IMPRESSI", Report(impression="Seen. Clear.")),
        ("IMPRESS", Report(findings="Clear.")),
        ("FINDINGS/IMPRESSION", Report(impression="Seen. Clear.")),
        ("PRELIMINARY IMPRESSION", Report(impression="Seen. Clear.")),
        ("CONCLUSIONS", Report(impression="Seen. Clear.")),
        # Above a film's name stands what is seen in it.
        ("CHEST", Report(findings="Seen. Clear.")),
        ("PORTABLE AP", Report(findings="Seen. Clear.")),
        ("FRONTAL", Report(findings="Seen. Clear.")),
        ("LATERAL", Report(findings="Seen. Clear.")),
        ("TWO VIEWS", Report(findings="Seen. Clear.")),
        ("RADIOGRAPHS", Report(findings="Seen. Clear.")),
        ("LEFT RIBS", Report(findings="Seen. Clear.")),
        ("DATE", Report(findings="Clear.")),
        ("INDICATION FOR CHEST X-RAY", Report(indication="Seen.", findings="Clear.")),
        ("REASON FOR CHEST RADIOGRAPH", Report(indication="Seen.", findings="Clear.")),
        ("VIEWS", Report(findings="Clear.")),
        ("WET READ", Report(findings="Clear.")),
        ("KNEE", Report(findings="Clear.")),
    ],
)
def test_a_heading_says_what_stands_below_it(heading, read):
    assert parse_mimic_report(f" {heading}: Seen.\n\n Clear.\n") == read


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        # A heading that is alone on its line is no block, and what follows it is its own.
        (" EXAMINATION:\n \n CHEST\n \n Lungs clear.\n\n Heart normal.", "Lungs clear. Heart normal."),
        (" EXAMINATION:\n \n Lungs clear.", "Lungs clear."),
        (" EXAMINATION: CHEST\n \n Lungs clear.\n \t\n Heart normal.", "Lungs clear. Heart normal."),
        # A heading is in capitals, begins its line and ends in a colon and a blank.
        (" CHEST, AP (PORTABLE)/UPRIGHT-2: Lungs clear.", "CHEST, AP (PORTABLE)/UPRIGHT-2: Lungs clear."),
        (" Lungs clear. FINDINGS: none", "Lungs clear. FINDINGS: none"),
        (" FINAL REPORT\r Lungs clear.\r\rHeart normal.", "Lungs clear. Heart normal."),
    ],
)
def test_without_findings_and_impression_the_last_section_tells_them(text, findings):
    assert parse_mimic_report(text) == Report(findings=findings)


def reports(folder, rows=None, texts=(), archived=None, listed=()):
    """The reports of a release in which the studies `listed` have films."""
    if rows is not None:
        table(folder / SECTIONED, rows, ("study", "impression", "findings", "last_paragraph", "comparison"))
    for study, text in texts:
        path = folder / f"files/p19/p{SUBJECT}/s{study}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    if archived is not None:
        with zipfile.ZipFile(folder / ARCHIVE, "w") as archive:
            for study, text in archived:
                archive.writestr(f"files/p19/p{SUBJECT}/s{study}.txt", text)
    if listed:
        columns = ("dicom_id", "subject_id", "study_id")
        ids = [(f"{n:08x}-00000000-00000000-00000000-00000000", SUBJECT, s) for n, s in enumerate(listed)]
        table(folder / "cxr-record-list.csv", [dict(zip(columns, one, strict=True)) for one in ids])
    problems = Problems()
    return MimicReports(MimicIndex.open(folder, problems, required=False), problems), problems


def row(study, **cells):
    return {"study": f"s{study}", **dict.fromkeys(("impression", "findings", "comparison"), "")} | cells


def test_the_table_counts_and_the_text_adds_the_indication_or_the_whole(tmp_path):
    rows = [
        row(STUDIES[0], findings="Clear  lungs.", impression="Normal.", comparison="None."),
        row(STUDIES[1], last_paragraph="Last\nwords."),
        row(STUDIES[2], findings="Clear.", last_paragraph="Not read."),
        row(STUDIES[3]),
        row(STUDIES[4]),
    ]
    told = " INDICATION: Cough.\n COMPARISON: Old.\n FINDINGS: Old."
    texts = [(STUDIES[0], told), (STUDIES[3], told), (STUDIES[5], told), (STUDIES[6], "  ")]
    found, problems = reports(tmp_path, rows, texts)
    assert found.places == [SECTIONED, "text files"]
    whole = Report("Cough.", "Old.", "Old.")
    assert [found.of(SUBJECT, study) for study in STUDIES[:7]] == [
        Report("Cough.", "None.", "Clear lungs.", "Normal."),
        Report(findings="Last words."),
        Report(findings="Clear."),
        whole,
        None,
        whole,
        None,
    ]
    assert said(problems) == [
        f"s{study}: has no report; the study is kept without it" for study in (STUDIES[4], STUDIES[6])
    ]


def test_a_file_beside_the_studies_comes_before_that_of_the_archive(tmp_path):
    archived = [(STUDIES[0], "Packed."), (STUDIES[1], "Packed.")]
    found, problems = reports(tmp_path, None, [(STUDIES[0], "Beside.")], archived)
    assert found.places == [ARCHIVE, "text files"]
    assert found.of(SUBJECT, STUDIES[0]) == Report(findings="Beside.")
    assert found.of(SUBJECT, STUDIES[1]) == Report(findings="Packed.")
    assert not len(problems)


def test_rows_of_studies_without_films_are_left_out_where_films_are_listed(tmp_path):
    rows = [row(study, findings="Clear.") for study in STUDIES[:2]]
    found, problems = reports(tmp_path / "listed", rows, listed=STUDIES[:1])
    assert found.of(SUBJECT, STUDIES[0]) == Report(findings="Clear.")
    assert said(problems) == [f"s{STUDIES[1]}: has a report but is not in the metadata; it is left out"]
    found, problems = reports(tmp_path / "alone", rows)
    assert found.of(SUBJECT, STUDIES[1]) == Report(findings="Clear.")
    assert not len(problems)


def test_where_no_report_lies_none_is_missed(tmp_path):
    (tmp_path / "files" / "p10").mkdir(parents=True)
    found, problems = reports(tmp_path)
    assert (found.places, found.of(SUBJECT, STUDIES[0]), len(problems)) == ([], None, 0)
    (tmp_path / "files" / "p11" / "p11000000").mkdir(parents=True)
    assert reports(tmp_path)[0].places == []


def test_a_damaged_archive_is_said_and_its_reports_left_out(tmp_path):
    found, problems = reports(tmp_path, archived=[(STUDIES[0], "Lungs clear."), (STUDIES[1], "Heart large.")])
    data = (tmp_path / ARCHIVE).read_bytes()
    (tmp_path / ARCHIVE).write_bytes(data.replace(b"Lungs clear.", b"Lungs white."))
    found, problems = reports(tmp_path)
    assert found.of(SUBJECT, STUDIES[0]) is None
    assert found.of(SUBJECT, STUDIES[1]) == Report(findings="Heart large.")
    assert said(problems) == [
        f"s{STUDIES[0]}.txt: cannot be read (BadZipFile); get it again",
        f"s{STUDIES[0]}: has no report; the study is kept without it",
    ]
    (tmp_path / ARCHIVE).write_bytes(data[:50])
    found, problems = reports(tmp_path, texts=[(STUDIES[2], "Beside.")])
    assert found.places == ["text files"]
    assert [found.of(SUBJECT, study) for study in STUDIES[1:3]] == [None, Report(findings="Beside.")]
    assert said(problems) == [
        f"{ARCHIVE}: cannot be unpacked (File is not a zip file); "
        "download it again; its reports are left out",
        f"s{STUDIES[1]}: has no report; the study is kept without it",
    ]
