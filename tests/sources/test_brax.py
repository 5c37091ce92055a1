import shutil

import pytest

from hilum.study import Finding, Position, Presence, Sex
from sources.brax_layout import row, write
from sources.helpers import picture, read, said, table


def test_rows_of_an_accession_number_become_a_study(tmp_path):
    cells = {"Edema": "-1", "Pneumonia": "0", "No_Finding": "1", "PatientAge": "85 or more"}
    rows = [row("9a", "777", "3.1", **cells), row("9a", "777", "3.2", ViewPosition="LL", **cells)]
    (study,), problems = read("brax", write(tmp_path, rows))
    assert (study.id, study.patient) == ("brax/9a/777", "brax/9a")
    assert [view.id for view in study.views] == ["image-3.1", "image-3.2"]
    assert [view.position for view in study.views] == [Position.PA, Position.LATERAL]
    assert study.labels == {
        Finding.EDEMA: Presence.UNCERTAIN,
        Finding.PNEUMONIA: Presence.ABSENT,
        Finding.NO_FINDING: Presence.PRESENT,
    }
    assert (study.sex, study.age, study.taken) == (Sex.FEMALE, 85, "2010-01-02")
    assert (study.device, study.report, study.split) == ("manufacturer 1", None, None)
    assert not len(problems), said(problems)


def test_dates_order_a_patients_studies_whatever_their_rows_and_ids(tmp_path):
    dates = {"1": "20120101", "3": "20100101", "2": "20110101", "5": "", "4": "20120101"}
    rows = [row("9a", number, number, StudyDate=date) for number, date in dates.items()]
    rows.insert(2, row("9b", "1", "9"))
    studies, problems = read("brax", write(tmp_path, rows))
    order = [(s.id, s.prior and s.prior.id) for s in studies if s.patient == "brax/9a"]
    assert order == [
        ("brax/9a/3", None),
        ("brax/9a/2", "brax/9a/3"),
        ("brax/9a/1", "brax/9a/2"),
        ("brax/9a/4", "brax/9a/2"),
        ("brax/9a/5", None),
    ], "of two on one day neither is before the other, and one without a date is before none"
    assert all(s.prior is None or s.prior.prior is None for s in studies)
    assert {s.id for s in studies if s.patient == "brax/9b"} == {"brax/9b/1"}, "its own, with the same number"
    assert not len(problems)


@pytest.mark.parametrize(
    ("word", "position"),
    [
        ("AP", Position.AP),
        ("RL", Position.LATERAL),
        ("LLD", Position.UNKNOWN),
        ("RLO", Position.UNKNOWN),
        ("", Position.UNKNOWN),
    ],
)
def test_only_what_stands_upright_from_the_side_is_lateral(tmp_path, word, position):
    write(tmp_path, [row("9a", "1", "1", ViewPosition=word)])
    assert read("brax", tmp_path)[0][0].views[0].position is position


def test_the_updated_table_is_preferred_and_films_may_be_dicom(tmp_path):
    write(tmp_path, [row("9a", "1", "1", Edema="1")], "master_spreadsheet.csv")
    assert read("brax", tmp_path)[0][0].labels == {Finding.EDEMA: Presence.PRESENT}
    cells = row("9a", "1", "1", Edema="0")
    write(tmp_path, [cells])
    assert read("brax", tmp_path)[0][0].labels == {Finding.EDEMA: Presence.ABSENT}
    shutil.rmtree(tmp_path / "images")
    stand_in = picture(tmp_path / "film.png")
    (tmp_path / cells["DicomPath"]).parent.mkdir(parents=True)
    stand_in.rename(tmp_path / cells["DicomPath"])
    assert read("brax", tmp_path)[0][0].views[0].path == str(tmp_path / cells["DicomPath"])


def test_bad_rows_are_counted_with_their_line_and_the_others_kept(tmp_path):
    rows = [
        row("9a", "1", "1"),
        row("9a", "1", "1"),
        row("9a", "2", "2", PatientSex="Z", PatientAge="old", StudyDate="20101301", Edema="x"),
        row("", "3", "3"),
        row("9c", "4", "4"),
        row("9c", "5", "5", PngPath="../secret.png", DicomPath=""),
        row("9c", "6", "6", PatientSex="O"),
    ]
    write(tmp_path, rows)
    shutil.rmtree(tmp_path / "images/id_9c/Study_1.4")
    with (tmp_path / "master_spreadsheet_update.csv").open("a") as file:
        file.write("8,short\n")
    studies, problems = read("brax", tmp_path)
    assert [study.id for study in studies] == ["brax/9a/1", "brax/9a/2", "brax/9c/6"]
    assert (studies[1].sex, studies[1].age, studies[1].taken, studies[1].labels) == (
        Sex.UNKNOWN,
        None,
        "",
        {},
    )
    found = " ".join(said(problems))
    for where in (
        "line 3: image-1: is a duplicate id",
        "line 4, Edema: is 'x'",
        "line 4: has a sex",
        "line 4: its age",
        "line 4: has a date",
        "line 5: names no patient",
        "line 6: image-4: has a row but no image file",
        "line 7: secret: has a row but no image file",
        "line 9: has 2 cells",
    ):
        assert where in found, where
    assert len(problems) == 9


def test_a_row_without_an_image_is_said_and_the_other_of_its_study_kept(tmp_path):
    write(tmp_path, [row("9a", "1", "1", Manufacturer="")])
    nameless = row("9a", "1", "2", PngPath="", DicomPath=" ")
    table(tmp_path / "master_spreadsheet_update.csv", [nameless, row("9a", "1", "1", Manufacturer=" ")])
    (study,), problems = read("brax", tmp_path)
    assert [view.id for view in study.views] == ["image-1"]
    assert study.device == "manufacturer 1", "that of the study's first row"
    assert said(problems) == [
        "master_spreadsheet_update.csv, line 2: names no image; it is left out",
    ]
    table(tmp_path / "master_spreadsheet_update.csv", [row("9a", "1", "1", Manufacturer=" ")])
    assert read("brax", tmp_path)[0][0].device == ""
