import pickle

import numpy as np
import pytest

from hilum.study import Finding, Position, Presence, RunLengths
from sources.candid_ptx_layout import (
    PNEUMOTHORAX,
    SIDE,
    block,
    mask_row,
    row,
    write,
)
from sources.dicom_files import dicom
from sources.helpers import read, said


def test_a_row_becomes_a_study_with_its_masks(tmp_path):
    report = "Clinical History: Fall.\nFindings: Left pneumothorax.\nSeen by !PERSONALNAME! today."
    folder = write(
        tmp_path,
        [row(1, block(100, 600, 400, 900), report)],
        [mask_row(1, block(300, 700, 800, 760))],
        [mask_row(1, block(500, 800, 540, 860)), mask_row(1, block(600, 800, 640, 860))],
    )
    (study,), problems = read("candid-ptx", folder)
    assert (study.id, study.patient) == ("candid-ptx/1.2.9.1.1", "candid-ptx/P00001")
    assert (study.views[0].id, study.views[0].position) == ("1.2.9.2.1", Position.AP)
    assert study.report is not None
    assert study.report.indication == "Fall."
    assert study.report.findings.startswith("Left pneumothorax.")
    assert set(study.labels.values()) == {Presence.PRESENT}
    assert [(region.phrase, region.finding) for region in study.regions] == [
        ("pneumothorax", Finding.PNEUMOTHORAX),
        ("chest tube", Finding.CHEST_TUBE),
        ("acute rib fracture", Finding.FRACTURE),
        ("acute rib fracture", Finding.FRACTURE),
    ]
    first = study.regions[0]
    assert first.box == (600 / SIDE, 100 / SIDE, 900 / SIDE, 400 / SIDE)
    assert isinstance(first.mask, RunLengths)
    inside = np.zeros((SIDE, SIDE), bool)
    inside[100:400, 600:900] = True
    assert (first.mask.mask() == inside).all()
    assert pickle.loads(pickle.dumps(study)).views[0].load().shape == (16, 16)
    assert not len(problems), said(problems)


def test_a_comment_is_the_impression_and_a_line_with_a_name_alone_is_none_of_the_report(tmp_path):
    texts = [
        *PNEUMOTHORAX[1:],
        "Clear lungs. Seen with !PERSONALNAME!.\n Dr. !PERSONALNAME!.",
        "!PERSONALNAME!\nClear lungs.",
    ]
    rows = [row(number, report=text) for number, text in enumerate(texts)]
    studies, problems = read("candid-ptx", write(tmp_path, rows))
    reports = [(study.report.findings, study.report.impression) for study in studies]
    assert reports == [
        ("A chest tube lies in a small left pneumothorax.", "Small left pneumothorax."),
        ("Small left pneumothorax with a chest tube.", "Left pneumothorax."),
        ("Clear lungs. Seen with !PERSONALNAME!.", ""),
        ("Clear lungs.", ""),
    ]
    assert studies[0].report.indication.startswith("[?pneumothorax]")
    assert studies[0].report.comparison == "1/2/2015."
    assert not len(problems)


def test_absence_is_said_by_minus_one_alone(tmp_path):
    rows = [row(1), row(2, ""), row(3, "-1")]
    studies, problems = read("candid-ptx", write(tmp_path, rows, [mask_row(3, "-1")]))
    assert [dict(study.labels) for study in studies] == [
        {Finding.PNEUMOTHORAX: Presence.ABSENT},
        {},
        {Finding.PNEUMOTHORAX: Presence.ABSENT, Finding.CHEST_TUBE: Presence.ABSENT},
    ]
    assert not len(problems)


def test_several_rows_and_images_of_a_study_stay_together_and_none_has_a_prior(tmp_path):
    second = {"SOPInstanceUID": "1.2.9.2.7", "filename": "P00001_s2"}
    rows = [
        row(1, block(1, 1, 9, 9)),
        row(2),
        row(1, block(20, 20, 90, 90)),
        row(1, block(1, 1, 5, 5), **second),
    ]
    rows.append(row(1, StudyInstanceUID="1.2.9.1.99", SOPInstanceUID="1.2.9.2.99"))
    studies, problems = read("candid-ptx", write(tmp_path, rows))
    assert [study.id for study in studies] == [f"candid-ptx/1.2.9.1.{n}" for n in (1, 2, 99)]
    assert [view.id for view in studies[0].views] == ["1.2.9.2.1", "1.2.9.2.7"]
    assert [region.view for region in studies[0].regions] == [0, 0, 1]
    assert all(study.prior is None for study in studies)
    assert not len(problems)


@pytest.mark.parametrize("place", ["chest_radiographs", "."])
def test_films_lie_where_the_release_or_its_mirrors_put_them(tmp_path, place):
    write(tmp_path, [row(1)], place=place)
    assert read("candid-ptx", tmp_path)[0][0].views[0].load().shape == (16, 16)


def test_the_other_name_of_the_rib_table_is_read_and_one_that_is_missing_noted(tmp_path):
    write(tmp_path, [row(1)], ribs=[mask_row(1, block(1, 1, 9, 9))])
    (tmp_path / "acute_rib_fracture.csv").rename(tmp_path / "Rib_fracture_mask_rle.csv")
    (tmp_path / "chest_tube.csv").unlink()
    notes: list[str] = []
    (study,), _ = read("candid-ptx", tmp_path, notes=notes)
    assert study.labels[Finding.FRACTURE] is Presence.PRESENT
    assert notes == ["without chest_tube.csv there is no mask of a chest tube"]


def test_bad_rows_are_counted_with_their_line_and_the_others_kept(tmp_path):
    good = block(1, 1, 9, 9)
    rows = [
        row(1, good),
        row(1, good),
        row(2, "5 x"),
        row(3, "5000 12 7"),
        row(4, "9999999 5"),
        row(5, good),
        row(6),
        row(6, filename="P00007_s1"),
        row(8, filename="unknown"),
        row(9),
        row(10, "-1"),
        row(10, good),
    ]
    write(tmp_path, rows, [mask_row(99, good)])
    dicom(tmp_path / "dataset" / "1.2.9.2.5", 20, 16)
    (tmp_path / "dataset" / "1.2.9.2.9").unlink()
    with (tmp_path / "Pneumothorax_reports.csv").open("ab") as file:
        file.write(b"P00011_s1,1.2\r\n")
    studies, problems = read("candid-ptx", tmp_path)
    by_patient = {study.patient: study for study in studies}
    assert set(by_patient) == {f"candid-ptx/P{n:05}" for n in (1, 2, 3, 4, 5, 10)}
    assert [len(study.regions) for study in studies] == [1, 0, 0, 0, 0, 1]
    assert by_patient["candid-ptx/P00005"].labels == {Finding.PNEUMOTHORAX: Presence.PRESENT}
    assert by_patient["candid-ptx/P00002"].labels == {}
    assert by_patient["candid-ptx/P00010"].labels == {Finding.PNEUMOTHORAX: Presence.PRESENT}
    found = "\n".join(said(problems))
    for where in (
        "line 3: 1.2.9.2.1: is a duplicate id",
        "line 4: has run lengths that are none",
        "line 5: has run lengths that are none",
        "line 6: has run lengths that are none",
        "line 7: 1.2.9.2.5: has other proportions than its mask",
        "line 8: 1.2.9.2.6: is listed for several patients",
        "line 9: 1.2.9.2.6: is listed for several patients",
        "line 10: names no patient",
        "line 11: 1.2.9.2.9: has a row but no image file",
        "line 12: 1.2.9.2.10: says that there is none beside a mask",
        "line 14: has 2 cells",
        "chest_tube.csv, line 2: 1.2.9.2.99: marks an image",
    ):
        assert where in found, where
    assert len(problems) == 12


@pytest.mark.parametrize(
    ("runs", "why"),
    [
        ("5 0", "its runs leave an image of 1024 × 1024"),
        ("5", "its run lengths are not pairs"),
        ("5 x", "invalid literal for int() with base 10: 'x'"),
    ],
)
def test_run_lengths_that_are_none_are_said_with_why_and_tell_nothing(tmp_path, runs, why):
    (study,), problems = read("candid-ptx", write(tmp_path, [row(1, runs)]))
    assert (study.regions, study.labels) == ((), {})
    assert said(problems) == [
        f"Pneumothorax_reports.csv, line 2: has run lengths that are none; the mask is left out ({why})"
    ]
