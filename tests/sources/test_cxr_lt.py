import shutil

import pytest

from hilum.errors import DataError
from hilum.sources import SourceSpec, open_source
from hilum.sources.cxr_lt import FINDINGS, WORDS
from hilum.study import CHEXPERT_14, Finding, Position, Presence, Sex, Split
from sources.helpers import read, said, table
from sources.mimic_layout import (
    JPG,
    LABELS,
    PATIENTS,
    RARE,
    TAIL,
    UNSEEN,
    VISITS,
    dicom,
    home,
    long_tail_row,
    study,
    subject,
    write_cxr_lt,
    write_images,
    write_metadata,
    write_patients,
)

PRESENT, ABSENT = Presence.PRESENT, Presence.ABSENT
TASK_2 = [*(word for word in LABELS if word != "No Finding"), "Normal", *TAIL]


@pytest.fixture
def folder(tmp_path):
    return write_cxr_lt(tmp_path / "data" / "physionet")


def by_id(folder):
    studies, problems = read("cxr-lt", folder)
    return {one.id.split("/")[1]: one for one in studies}, problems


def test_every_label_of_2024_arrives(folder):
    studies, problems = by_id(folder)
    assert not len(problems), said(problems)
    assert len(studies) == PATIENTS * VISITS
    one = studies[study(3, 0)]
    assert (one.id, one.patient, one.split) == (f"cxr-lt/{study(3, 0)}", f"mimic/{subject(3)}", Split.TEST)
    assert [view.id for view in one.views] == [dicom(3, 0), dicom(3, 0, 1)]
    assert [view.position for view in one.views] == [Position.PA, Position.LATERAL]
    words = sorted([*LABELS, *TAIL, *RARE, *UNSEEN])
    assert len(one.labels) + len(one.terms) == len(words) == 45
    for place, word in enumerate(words):
        known = one.labels[FINDINGS[word]] if word in FINDINGS else one.terms[WORDS[word]]
        assert known is (PRESENT if (3 + place) % 3 == 0 else ABSENT), word
    assert {s.split for s in studies.values()} == set(Split)


def test_every_label_of_2023_arrives_with_the_split_of_its_table(tmp_path):
    studies, problems = by_id(write_cxr_lt(tmp_path / "data", "2023"))
    assert not len(problems), said(problems)
    assert len(studies) == PATIENTS * VISITS
    assert all(len(s.labels) + len(s.terms) == 26 for s in studies.values())
    assert set(CHEXPERT_14) <= studies[study(0, 0)].labels.keys()
    assert [studies[study(p, 0)].split for p in range(4)] == [Split.TRAIN, Split.TRAIN, Split.VAL, Split.TEST]


def test_of_both_editions_the_newer_is_read_and_the_older_by_its_folder(folder):
    write_cxr_lt(folder, "2023")
    notes = []
    first = next(iter(open_source(SourceSpec("cxr-lt", folder), notes=notes)))
    assert len(first.labels) + len(first.terms) == 45
    assert notes == ["labels: those of 2024 (labels.csv)"]
    shutil.move(folder / JPG, folder.parent / "mimic-cxr-jpg")
    first = next(iter(open_source(SourceSpec("cxr-lt", folder / "cxr-lt-2023"))))
    assert len(first.labels) + len(first.terms) == 26


def test_labels_read_by_hand_count_and_their_split_too(folder):
    row = long_tail_row(0, 0, 0, TASK_2, "fpath") | dict.fromkeys(TASK_2, 0) | {"Normal": 1}
    other = long_tail_row(0, 1, 0, TASK_2, "fpath")
    table(folder / "cxr-lt-2024" / "test_labeled_task2.csv", [row])
    table(folder / "cxr-lt-2024" / "development_labeled_task2.csv", [other])
    studies, problems = by_id(folder)
    one = studies[study(0, 0)]
    assert one.labels[Finding.NO_FINDING] is PRESENT
    assert all(one.labels[FINDINGS[word]] is ABSENT for word in LABELS if word != "No Finding")
    assert one.labels[Finding.SCOLIOSIS] is by_id(folder)[0][study(3, 0)].labels[Finding.SCOLIOSIS]
    assert (one.split, studies[study(0, 1)].split) == (Split.TEST, Split.VAL)
    assert not len(problems)


def test_the_tables_by_task_do_without_the_whole_one(folder):
    (folder / "cxr-lt-2024" / "labels.csv").unlink()
    words = [*TASK_2, *RARE]
    for p, (name, split) in enumerate(
        [
            ("train_labeled", Split.TRAIN),
            ("development_labeled_task1", Split.VAL),
            ("test_labeled_task1", Split.TEST),
        ]
    ):
        table(folder / "cxr-lt-2024" / f"{name}.csv", [long_tail_row(p, 0, 0, words, "fpath")])
        assert by_id(folder)[0][study(p, 0)].split is split
    table(folder / "cxr-lt-2024" / "development_task3.csv", [long_tail_row(1, 0, 0, UNSEEN, "fpath")])
    studies, problems = by_id(folder)
    assert [len(s.labels) + len(s.terms) for s in studies.values()] == [40, 45, 40]
    assert not len(problems)


def test_times_and_patients_are_those_of_mimic(folder):
    assert by_id(folder)[0][study(1, 0)].sex is Sex.UNKNOWN
    write_patients(write_metadata(folder))
    one = by_id(folder)[0][study(1, 0)]
    assert (one.taken, one.sex, one.age, one.race) == ("2151-01-01 08:05:01", Sex.MALE, 54, "WHITE")


def test_bad_rows_are_counted_with_their_line_and_the_others_kept(tmp_path):
    folder = write_images(tmp_path / "data")
    words = ["Edema", "Mass", "Rash"]
    rows = [long_tail_row(p, 0, 0, words, "path") | {"Rash": 1} for p in range(5)]
    rows[0]["Mass"], rows[0]["Edema"] = "yes", ""
    rows[2] |= {"dicom_id": "a.jpg"}
    rows[3] |= {"study_id": study(0, 0)}
    rows.append(rows[1])
    table(folder / "train.csv", rows)
    with (folder / "train.csv").open("a") as file:
        file.write("broken,row\n")
    (folder / JPG / home(4, 0) / f"{dicom(4, 0)}.jpg").unlink()
    studies, problems = by_id(folder)
    assert list(studies) == [study(0, 0), study(1, 0)]
    assert studies[study(0, 0)].labels == {}
    assert said(problems) == [
        "train.csv: Rash: is no label of CXR-LT; it is left out",
        "train.csv, line 2, Mass: is 'yes', not 1, 0 or blank; it is left unknown",
        "train.csv, line 4: lacks an id of MIMIC-CXR's form; it is left out",
        "train.csv, line 5: gives its study to another patient than the rows before; it is left out",
        f"{dicom(1, 0)}: is a duplicate id; the first one is kept",
        "train.csv, line 8: has 2 cells for 9 columns; the row is left out",
        f"{dicom(4, 0)}: has a row but no image file; download its folder",
    ]


def test_missing_tables_are_named_with_where_to_get_them(folder):
    (folder / "cxr-lt-2024" / "labels.csv").unlink()
    with pytest.raises(DataError, match=r"labels\.csv: is missing; download cxr-lt-2024/ or cxr-lt-2023/"):
        open_source(SourceSpec("cxr-lt", folder))


def test_a_split_of_another_name_is_said_and_left_unknown(folder):
    path = folder / "cxr-lt-2024" / "labels.csv"
    path.write_text(path.read_text().replace(",test", ",holdout"))
    studies, problems = by_id(folder)
    assert {one.split for one in studies.values()} == {Split.TRAIN, Split.VAL, None}
    assert studies[study(3, 0)].split is None
    assert problems.counts == {"has an unknown split": 8}
