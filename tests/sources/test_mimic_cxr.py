import csv
import gzip
import io
import pickle
import shutil
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.sources import SourceSpec, open_source
from hilum.sources.mimic_reports import parse_mimic_report
from hilum.study import Finding, Position, Presence, Report, Sex, Split
from images.dicoms import as_bytes, film
from sources.helpers import read, said, table
from sources.mimic_layout import (
    IV,
    JPG,
    NOTES,
    PATIENTS,
    VISITS,
    dicom,
    home,
    label_row,
    metadata_row,
    packed,
    study,
    subject,
    write_images,
    write_labels,
    write_labels_by_hand,
    write_metadata,
    write_mimic_cxr,
    write_reports,
)

PRESENT, ABSENT, UNCERTAIN = Presence.PRESENT, Presence.ABSENT, Presence.UNCERTAIN
META = f"{JPG}/mimic-cxr-2.0.0-metadata.csv"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return write_mimic_cxr(tmp_path_factory.mktemp("data") / "physionet")


@pytest.fixture
def folder(whole, tmp_path):
    """A copy to break."""
    return shutil.copytree(whole, tmp_path / "data" / "physionet")


def by_id(folder, name="mimic-cxr", **options):
    studies, problems = read(name, folder, **options)
    return {one.id.split("/")[1]: one for one in studies}, problems


def test_every_field_arrives(whole):
    studies, problems = by_id(whole)
    assert not len(problems), said(problems)
    assert len(studies) == PATIENTS * VISITS
    one = studies[study(1, 0)]
    assert (one.patient, one.source, one.taken) == (f"mimic/{subject(1)}", "mimic-cxr", "2151-01-01 08:05:01")
    assert [view.id for view in one.views] == [dicom(1, 0), dicom(1, 0, 1)]
    assert [view.position for view in one.views] == [Position.PA, Position.LATERAL]
    assert one.labels == {Finding.PLEURAL_EFFUSION: PRESENT, Finding.PNEUMONIA: UNCERTAIN}
    assert one.report == Report(
        "___ year old with cough. // pneumonia?",
        "___",
        "The heart is normal in size. Small left pleural effusion.",
        "Small left effusion.",
    )
    assert (one.sex, one.age, one.race) == (Sex.MALE, 54, "WHITE")
    assert one.split is Split.VAL
    assert {s.split for s in studies.values()} == set(Split)
    assert pickle.loads(pickle.dumps(one)).views[0].load().shape == (24, 16)


def test_the_prior_is_by_time_not_by_id_and_holds_no_further_past(whole):
    studies, _ = by_id(whole)
    second, first = studies[study(1, 1)], studies[study(1, 0)]
    assert study(1, 1) < study(1, 0)
    assert first.prior is None
    assert second.prior == first
    assert second.prior.prior is None


def test_studies_at_the_same_time_are_not_each_others_past(folder):
    rows = [metadata_row(0, v, StudyDate="21500101", StudyTime="80501.25") for v in range(2)]
    last = metadata_row(1, 0, subject_id=subject(0), StudyDate="21500101", StudyTime="80502.0")
    for root in (JPG, NOTES):
        place = folder / root / f"files/p{subject(0)[:2]}/p{subject(0)}"
        shutil.copytree(folder / JPG / home(1, 0), place / f"s{study(1, 0)}", dirs_exist_ok=True)
    write_metadata(folder, [*rows, last])
    studies, _ = by_id(folder)
    assert studies[study(0, 0)].prior is studies[study(0, 1)].prior is None
    assert studies[study(1, 0)].prior.id.split("/")[1] in (study(0, 0), study(0, 1))


def test_a_visit_that_cannot_be_read_is_not_replaced_by_an_older_one(folder):
    shutil.rmtree(folder / NOTES)
    shutil.rmtree(folder / JPG / home(0, 1))
    third = metadata_row(1, 0, subject_id=subject(0), StudyDate="21520101")
    write_metadata(folder, [metadata_row(0, 0), metadata_row(0, 1), third])
    place = folder / JPG / f"files/p{subject(0)[:2]}/p{subject(0)}/s{study(1, 0)}"
    shutil.copytree(folder / JPG / home(1, 0), place)
    studies, problems = by_id(folder)
    assert list(studies) == [study(0, 0), study(1, 0)]
    assert studies[study(1, 0)].prior is None
    assert problems.counts["has neither image nor report"] == 1


def test_labels_read_by_hand_replace_the_mined_ones(folder):
    write_labels_by_hand(folder, 1, 0, **{"Airspace Opacity": "1.0", "No Finding": "-1.0"})
    studies, _ = by_id(folder)
    assert studies[study(1, 0)].labels == {Finding.LUNG_OPACITY: PRESENT, Finding.NO_FINDING: UNCERTAIN}
    assert studies[study(2, 1)].labels == {Finding.PLEURAL_EFFUSION: PRESENT, Finding.PNEUMONIA: UNCERTAIN}


def test_negbio_is_read_where_chexpert_is_missing(folder):
    (folder / JPG / "mimic-cxr-2.0.0-chexpert.csv.gz").unlink()
    assert by_id(folder)[0][study(1, 0)].labels == {}
    write_labels(folder, "negbio")
    assert by_id(folder)[0][study(1, 0)].labels[Finding.PLEURAL_EFFUSION] is PRESENT


def test_text_files_say_what_the_table_of_sections_says(whole, folder):
    (folder / NOTES / "mimic_cxr_sectioned.csv").unlink()
    assert [s.report for s in by_id(folder)[0].values()] == [s.report for s in by_id(whole)[0].values()]


@pytest.mark.parametrize("inside", ["files", "mimic-cxr-reports/files"])
def test_reports_are_read_from_their_archive(whole, folder, inside):
    with zipfile.ZipFile(folder / "mimic-cxr-reports.zip", "w") as archive:
        for path in sorted((folder / NOTES).rglob("*.txt")):
            name = path.relative_to(folder / NOTES / "files")
            archive.write(path, f"{inside}/{name}")
    shutil.rmtree(folder / NOTES)
    assert [s.report for s in by_id(folder)[0].values()] == [s.report for s in by_id(whole)[0].values()]


def test_a_report_that_the_table_lacks_is_read_from_its_text_file(whole, folder):
    path = folder / NOTES / "mimic_cxr_sectioned.csv"
    rows = [row for row in csv.DictReader(io.StringIO(path.read_text())) if row["study"] != f"s{study(0, 0)}"]
    table(path, rows)
    assert by_id(folder)[0][study(0, 0)].report == by_id(whole)[0][study(0, 0)].report
    (folder / NOTES / f"{home(0, 0)}.txt").unlink()
    studies, problems = by_id(folder)
    assert studies[study(0, 0)].report is None
    assert said(problems) == [f"s{study(0, 0)}: has no report; the study is kept without it"]


def test_a_damaged_archive_of_reports_is_said_and_the_images_are_read(folder):
    shutil.rmtree(folder / NOTES)
    (folder / "mimic-cxr-reports.zip").write_bytes(b"PK\3\4 broken")
    studies, problems = by_id(folder)
    assert len(studies) == PATIENTS * VISITS
    assert "mimic-cxr-reports.zip: cannot be unpacked" in said(problems)[0]


@pytest.mark.parametrize(
    ("text", "report"),
    [
        (" FINDINGS: \n \n Clear.\n \n IMPRESSION: Normal.", Report(findings="Clear.", impression="Normal.")),
        # Addenda stand on top, and the last section of a name counts.
        (
            " ADDENDUM: \n \n Note.\n \n IMPRESSION: Old.\n ______\n \n IMPRESSION: \n New one.\n",
            Report(impression="New one."),
        ),
        # Neither findings nor an impression: the text after the first blank line.
        (
            " FINAL REPORT\n HISTORY:  Fever.\n \n Lungs are\n clear.\n",
            Report("Fever.", findings="Lungs are clear."),
        ),
        (" EXAMINATION: \n \n Lungs clear.", Report(findings="Lungs clear.")),
        (" CHEST, PORTABLE AP: \n \n Lungs clear.", Report(findings="Lungs clear.")),
        (" Lungs clear.\n Heart normal.", Report(findings="Lungs clear. Heart normal.")),
        # Slips of the keyboard; MIT-LCP's parser takes the first for an impression.
        (" NDICATION: Cough.\n IMPRESSON: Normal.", Report("Cough.", impression="Normal.")),
        (" REASON FOR EXAM: Cough.\n CONCLUSION: Clear.", Report("Cough.", impression="Clear.")),
        (" FINDINGS: \r\n \r\n Clear.\r\n", Report(findings="Clear.")),
        (
            " FINDINGS: The ratio is 1:2. NOTE: no heading.",
            Report(findings="The ratio is 1:2. NOTE: no heading."),
        ),
        (" INDICATION: Cough.", None),
        ("", None),
    ],
)
def test_sections_of_text_files(text, report):
    assert parse_mimic_report(text) == report


@given(st.text(alphabet="A F:\n_.,-()INDGS", max_size=80) | st.text(max_size=60))
def test_any_text_is_parsed_without_error(text):
    report = parse_mimic_report(text)
    assert report is None or report.text


def test_race_is_that_of_the_last_admission_before_which_states_one(folder):
    rows = [("2150-06-01 00:00:00", "ASIAN"), ("2149-01-01 00:00:00", "BLACK/AFRICAN AMERICAN")]
    rows.append(("2150-12-01 00:00:00", "UNABLE TO OBTAIN"))
    known = [
        {"subject_id": subject(0), "hadm_id": 1, "admittime": at, "ethnicity": race} for at, race in rows
    ]
    (folder / IV / "admissions.csv.gz").unlink()
    table(folder / IV / "admissions.csv", known)
    write_metadata(folder, [metadata_row(0, 0), metadata_row(0, 1, StudyDate="21510101")])
    studies, _ = by_id(folder)
    assert [studies[study(0, v)].race for v in range(2)] == ["BLACK/AFRICAN AMERICAN", "ASIAN"]


def test_without_mimic_iv_patients_are_unknown(folder):
    shutil.rmtree(folder / "mimiciv")
    one, *_ = by_id(folder)[0].values()
    assert (one.sex, one.age, one.race) == (Sex.UNKNOWN, None, "")


def test_what_lies_beside_the_named_release_is_found(whole):
    studies, problems = by_id(whole / JPG)
    assert studies.keys() == by_id(whole)[0].keys()
    assert all(s.report and s.age for s in studies.values())
    assert not len(problems)


def dicoms(folder, time=None):
    """MIMIC-CXR as it is without MIMIC-CXR-JPG."""
    rows = []
    for visit in range(VISITS):
        name = dicom(0, visit)
        path = folder / NOTES / home(0, visit) / f"{name}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        values = np.arange(64, dtype=np.uint8).reshape(8, 8) + visit
        about = {"StudyDate": f"2150010{visit + 1}", "StudyTime": "080501.25", "ViewPosition": "AP"}
        about |= {"BodyPartExamined": "CHEST", "ImagerPixelSpacing": [0.139, 0.139]}
        path.write_bytes(as_bytes(film(values, **about)))
        ids = {"subject_id": subject(0), "study_id": study(0, visit), "dicom_id": name}
        rows.append(ids | {"path": str(path.relative_to(folder / NOTES))})
    packed(table(folder / NOTES / "cxr-record-list.csv", rows))
    return folder


def test_the_dicom_tree_is_read_with_times_and_views_of_its_headers(tmp_path):
    studies, problems = by_id(dicoms(tmp_path / "data"))
    first, second = studies[study(0, 0)], studies[study(0, 1)]
    assert second.prior == first
    assert second.taken == "2150-01-02 08:05:01"
    assert second.views[0].position is Position.AP
    assert second.views[0].spacing_mm == (0.139, 0.139)
    assert second.views[0].load().shape == (8, 8)
    assert not len(problems)


def test_dicom_files_stand_in_where_no_jpeg_is(folder):
    dicoms(folder)
    assert by_id(folder)[0][study(0, 0)].views[0].path.endswith(".jpg")
    (folder / JPG / home(0, 0) / f"{dicom(0, 0)}.jpg").unlink()
    view = by_id(folder)[0][study(0, 0)].views[0]
    assert (view.path.endswith(".dcm"), view.id, view.position) == (True, dicom(0, 0), Position.PA)


def test_bad_rows_are_counted_with_their_line_and_the_others_kept(folder):
    rows = [metadata_row(0, 0), metadata_row(0, 0), metadata_row(0, 1, subject_id="x"), metadata_row(1, 0)]
    rows += [metadata_row(1, 1, study_id=study(0, 0)), metadata_row(2, 0, dicom_id="../../a")]
    rows += [metadata_row(3, 0, StudyDate="")]
    write_metadata(folder, rows)
    ids = ("", f"s{study(9, 0)}", f"s{study(0, 0)}", f"s{study(0, 0)}", f"s{study(1, 0)}", f"s{study(3, 0)}")
    reports = [{"study": name, "impression": "Clear.", "findings": "", "history": "Cough."} for name in ids]
    table(folder / NOTES / "mimic_cxr_sectioned.csv", reports)
    (folder / JPG / "mimic-cxr-2.0.0-chexpert.csv.gz").unlink()
    bad = [label_row(0, 0, Edema="2"), label_row(0, 0), label_row(9, 0, Edema="1.0"), {"study_id": "?"}]
    table(folder / JPG / "mimic-cxr-2.0.0-chexpert.csv", bad)
    (folder / JPG / home(1, 0) / f"{dicom(1, 0)}.jpg").unlink()
    studies, problems = by_id(folder)
    assert list(studies) == [study(0, 0), study(1, 0), study(3, 0)]
    assert studies[study(1, 0)].views == (), "its report is kept"
    assert studies[study(3, 0)].taken == ""
    assert studies[study(3, 0)].report == Report("Cough.", impression="Clear.")
    assert sorted(said(problems)) == sorted(
        [
            f"{dicom(0, 0)}: is a duplicate id; the first one is kept",
            "mimic-cxr-2.0.0-metadata.csv, line 4: lacks an id of MIMIC-CXR's form; it is left out",
            "mimic-cxr-2.0.0-metadata.csv, line 6: gives its study to another patient than the rows before; "
            "it is left out",
            "mimic-cxr-2.0.0-metadata.csv, line 7: lacks an id of MIMIC-CXR's form; it is left out",
            "mimic-cxr-2.0.0-metadata.csv, line 8: has no study date; its study is in no order",
            "mimic-cxr-2.0.0-chexpert.csv, line 2, Edema: is '2', not 1, 0, -1 or blank; it is left unknown",
            "mimic-cxr-2.0.0-chexpert.csv, line 3: is a duplicate id; the first one is kept",
            f"s{study(9, 0)}: has labels but is not in the metadata; they are left out",
            "mimic-cxr-2.0.0-chexpert.csv, line 5: names no study; it is left out",
            f"{dicom(1, 0)}: has a row but no image file; download its folder",
            "mimic_cxr_sectioned.csv, line 2: names no study; it is left out",
            f"s{study(9, 0)}: has a report but is not in the metadata; it is left out",
            "mimic_cxr_sectioned.csv, line 5: is a duplicate id; the first one is kept",
        ]
    )


def test_tables_may_be_unpacked_with_a_mark_and_other_line_ends(whole, folder):
    text = gzip.decompress((folder / f"{META}.gz").read_bytes()).decode()
    (folder / f"{META}.gz").unlink()
    (folder / META).write_bytes(b"\xef\xbb\xbf" + text.replace("\r\n", "\n").encode())
    known = [
        {name: (s.taken, s.labels, [view.id for view in s.views]) for name, s in by_id(place)[0].items()}
        for place in (folder, whole)
    ]
    assert known[0] == known[1]


def test_without_images_the_reports_are_read_and_none_is_missed(tmp_path):
    folder = tmp_path / "data"
    write_reports(write_metadata(folder))
    shutil.rmtree(folder / NOTES / "files")
    studies, problems = by_id(folder)
    assert len(studies) == PATIENTS * VISITS
    assert all(not s.views and s.report.impression for s in studies.values())
    assert not len(problems)


def test_the_notes_say_what_was_found(whole, tmp_path):
    notes = []
    open_source(SourceSpec("mimic-cxr", whole), notes=notes)
    assert "labels: mimic-cxr-2.0.0-chexpert.csv" in notes
    assert "reports: mimic_cxr_sectioned.csv, text files" in notes
    notes.clear()
    open_source(SourceSpec("mimic-cxr", write_images(write_metadata(tmp_path / "data"))), notes=notes)
    assert "reports: none found" in notes
