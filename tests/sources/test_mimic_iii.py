from collections import Counter

import pytest

from hilum.errors import DataError
from hilum.sources.mimic_iii import _modality
from hilum.study import Report, Split
from sources.helpers import read, said, table
from sources.mimic_texts_layout import NOTE, note, write_mimic_iii, write_radsum


def test_every_section_of_a_note_arrives(tmp_path):
    studies, problems = read("mimic-iii", write_mimic_iii(tmp_path))
    assert not len(problems), said(problems)
    assert len(studies) == 12
    one = studies[3]
    assert (one.id, one.patient, one.views) == ("mimic-iii/3", "mimic-iii/1", ())
    assert one.report == Report(
        indication="Cough.",
        comparison="___.",
        findings='There is a small left pleural effusion. The heart is "normal" in size.',
        impression="Small left pleural effusion.",
    )
    assert (one.taken, one.group, one.split) == ("2150-01-01 08:00:00", "CT", None)
    assert studies[2].group == "chest radiograph"


@pytest.mark.parametrize(
    ("description", "modality"),
    [
        ("CHEST (PORTABLE AP)", "chest radiograph"),
        ("CHEST (PRE-OP PA & LAT)", "chest radiograph"),
        ("CHEST PORT. LINE PLACEMENT", "chest radiograph"),
        ("CT CHEST W/CONTRAST", "CT"),
        ("CTA CHEST W&W/O C&RECONS, NON-CORONARY", "CT"),
        ("MR HEAD W & W/O CONTRAST", "MR"),
        ("MRA BRAIN W/O CONTRAST", "MR"),
        ("CT GUIDED NEEDLE PLACTMENT", "other examinations"),
        ("CHEST U.S.", "other examinations"),
        ("CHEST FLUORO", "other examinations"),
        ("ABDOMEN (SUPINE ONLY)", "other examinations"),
        ("", "other examinations"),
    ],
)
def test_what_was_examined_is_told_by_the_description(description, modality):
    assert _modality(description) == modality


def test_what_is_no_report_to_sum_up_is_left_out_and_counted_but_no_problem(tmp_path):
    rows = [
        note(1, 1),
        note(2, 1, CATEGORY="Nursing"),
        note(3, 1, ISERROR="1"),
        note(4, 1, "RENAL U.S."),
        note(5, 1, text="FINAL REPORT\n IMPRESSION: Normal."),
        note(6, 1, text="FINAL REPORT\n FINDINGS: Normal."),
        note(7, 1, text=NOTE + "\n IMPRESSION: Also edema.\n"),
    ]
    table(tmp_path / "NOTEEVENTS.csv", rows)
    left_out = Counter()
    (one,), problems = read("mimic-iii", tmp_path, left_out=left_out)
    assert one.id == "mimic-iii/1"
    assert left_out == {
        "notes other than radiology's": 1,
        "reports marked as errors": 1,
        "reports of other examinations": 1,
        "reports without findings and one impression": 3,
    }
    assert not len(problems)


def test_bad_rows_are_counted_with_their_line(tmp_path):
    path = table(tmp_path / "NOTEEVENTS.csv", [note(1, 1), note(1, 1), note("", 1), note(2, "")])
    with path.open("a") as file:
        file.write("3,3\n")
    (_,), problems = read("mimic-iii", tmp_path)
    assert problems.counts == {
        "is a duplicate id": 1,
        "has no ROW_ID or SUBJECT_ID": 2,
        "has 2 cells for 11 columns": 1,
    }, said(problems)
    assert said(problems)[-1].startswith(f"NOTEEVENTS.csv, line {len(path.read_text().splitlines())}:")


def test_a_damaged_archive_is_named(tmp_path):
    path = write_mimic_iii(tmp_path) / "NOTEEVENTS.csv.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"NOTEEVENTS\.csv: is not a CSV text file"):
        read("mimic-iii", tmp_path)


def test_radsums_files_are_read_line_for_line_and_their_split_is_warned_of(tmp_path):
    warnings = []
    studies, problems = read("mimic-iii", write_radsum(tmp_path), warnings=warnings)
    assert not len(problems)
    assert len(studies) == len({s.id for s in studies}) == 8
    assert studies[0].id == "mimic-iii/CT_head/train-1"
    assert studies[-1].report == Report(
        findings="no acute findings 1 of MR_spine .", impression="no acute impression 1 of MR_spine ."
    )
    assert [(s.group, s.split) for s in studies[::2]] == [
        ("CT", Split.TRAIN),
        ("CT", Split.VAL),
        ("CT", Split.TEST),
        ("MR", Split.TEST),
    ]
    [warning] = warnings
    assert "splits by report" in warning


def test_files_that_do_not_fit_line_for_line_are_left_out_whole(tmp_path):
    write_radsum(tmp_path)
    (tmp_path / "CT_head" / "train.findings.tok").write_text("one\ntwo\nthree")
    (tmp_path / "CT_head" / "validate.impression.tok").unlink()
    (tmp_path / "CT_head" / "test.impression.tok").write_text("\r\nmixed ends\r\n")
    studies, problems = read("mimic-iii", tmp_path)
    assert [s.id.removeprefix("mimic-iii/") for s in studies] == [
        "CT_head/test-2",
        "MR_spine/test-1",
        "MR_spine/test-2",
    ]
    assert problems.counts == {
        "has 3 lines, its impressions 2": 1,
        "is missing": 1,
        "has no findings or no impression": 1,
    }, said(problems)


def test_where_the_notes_are_there_radsum_is_not_read_twice(tmp_path):
    notes = []
    studies, _ = read("mimic-iii", write_radsum(write_mimic_iii(tmp_path)), notes=notes)
    assert len(studies) == 12
    assert notes == ["RadSum's folders are not read: their reports are among the notes"]
