import csv
import json
import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilum.errors import DataError, HilumError, UsageError
from hilum.files import Problems
from hilum.instruct import build, preview
from hilum.sources import SourceSpec, open_source
from hilum.sources.columns import columns_of
from hilum.sources.row import SECTIONS, Row
from hilum.study import Finding, Position, Presence, Region, Report, Sex, Side, Split
from images.dicoms import as_bytes, film
from sources.helpers import lines, picture, read, said, table

PRESENT, ABSENT = Presence.PRESENT, Presence.ABSENT

STEP = np.arange(64, dtype=np.uint8).reshape(8, 8)


def dicom(path, **attributes):
    path.write_bytes(as_bytes(film(STEP, BodyPartExamined="CHEST", **attributes)))
    return path


def cell(**cells):
    """One row's cells as its study and its problems, without a file."""
    columns = columns_of("metadata.csv", list(cells), {})
    return Row("metadata.csv, row 1", columns.cells(cells)), Problems()


def test_without_a_table_every_image_is_a_study_wherever_it_lies(tmp_path):
    picture(tmp_path / "b" / "2.PNG")
    picture(tmp_path / "a.jpeg")
    dicom(tmp_path / "c.dcm", ViewPosition="PA")
    (tmp_path / "notes.txt").write_text("not read")
    (tmp_path / "._a.jpeg").write_text("what macOS leaves on a disk")
    studies, problems = read("folder", tmp_path)
    assert [s.views[0].id for s in studies] == ["a.jpeg", "b/2.PNG", "c.dcm"]
    assert [s.id for s in studies] == [f"folder/{tmp_path.name}/{s.views[0].id}" for s in studies]
    assert [s.views[0].position for s in studies] == [Position.UNKNOWN, Position.UNKNOWN, Position.PA]
    assert len({s.patient for s in studies}) == 3
    assert all(pickle.loads(pickle.dumps(s)).views[0].load().shape == (8, 8) for s in studies)
    assert not len(problems)


def test_a_broken_file_is_told_by_whoever_reads_its_pixels(tmp_path):
    (tmp_path / "1.dcm").write_bytes(dicom(tmp_path / "2.dcm").read_bytes()[:150])
    (one, two), problems = read("folder", tmp_path)
    assert one.patient != two.patient
    assert not len(problems)
    with pytest.raises(DataError, match=r"1\.dcm"):
        one.views[0].load()


@pytest.mark.parametrize("listed", [True, False])
def test_dicom_files_of_one_patient_are_one_patient_who_is_not_named(tmp_path, listed):
    dicom(tmp_path / "1.dcm", PatientID="Q-4711")
    dicom(tmp_path / "2.dcm", PatientID="Q-4711 ")
    dicom(tmp_path / "3.dcm", PatientID="Q-4711", IssuerOfPatientID="elsewhere")
    dicom(tmp_path / "4.dcm", PatientID="")
    if listed:
        table(tmp_path / "metadata.csv", [{"file": f"{i}.dcm"} for i in (1, 2, 3, 4)])
    one, two, three, four = (s.patient for s in read("folder", tmp_path)[0])
    assert one == two
    assert len({one, three, four}) == 3
    assert not any("4711" in patient for patient in (one, three, four))


@pytest.mark.parametrize(
    ("orientation", "box"),
    [
        (["L", "F"], (0.1, 0.2, 0.3, 0.6)),
        (["R", "F"], (0.7, 0.2, 0.9, 0.6)),
        (["L", "H"], (0.1, 0.4, 0.3, 0.8)),
        (["F", "L"], (0.2, 0.1, 0.6, 0.3)),
    ],
)
def test_boxes_turn_with_a_film_that_lies_otherwise(tmp_path, orientation, box):
    values = np.zeros((10, 20), np.uint8)
    values[2:6, 2:6] = 255  # what the box was drawn around
    path = tmp_path / "a.dcm"
    path.write_bytes(as_bytes(film(values, PatientOrientation=orientation)))
    table(
        tmp_path / "metadata.csv", [{"image": "a.dcm", "x1": 2, "y1": 2, "x2": 6, "y2": 6, "label": "mass"}]
    )
    [study] = read("folder", tmp_path)[0]
    [region], pixels = study.regions, study.views[0].load()
    assert region.box == pytest.approx(box)
    height, width = pixels.shape
    x1, y1, x2, y2 = region.box
    assert pixels[round(y1 * height) : round(y2 * height), round(x1 * width) : round(x2 * width)].min() == 1.0


def test_a_full_row_becomes_a_study(tmp_path):
    for name in ("now.png", "side.png", "then.png"):
        picture(tmp_path / "img" / name)
    boxes = json.dumps([{"box": [0.1, 0.2, 0.3, 0.4], "finding": "Nodule", "side": "left"}])
    rows = [
        {"Image": "img/then.png", "Study ID": "s1", "Patient ID": "p"},
        {
            "Image": "img/now.png",
            "Study ID": "s2",
            "Patient ID": "p",
            "View Position": "ap",
            "Report": "FINDINGS: Nodule.\nIMPRESSION: Nodule on the left.",
            "Labels": "Nodule| Effusion",
            "Pneumothorax": "0",
            "Edema": "-1.0",
            "Boxes": boxes,
            "Age": "61",
            "Sex": "female",
            "Prior": "s1",
            "Split": "test",
        },
        {"Image": "img/side.png", "Study ID": "s2", "View Position": "lateral"},
    ]
    table(tmp_path / "cases.csv", rows)
    (then, now), problems = read("folder", tmp_path)
    assert (now.id, now.patient) == (f"folder/{tmp_path.name}/s2", "folder/p")
    assert [v.position for v in now.views] == [Position.AP, Position.LATERAL]
    assert now.report == Report(findings="Nodule.", impression="Nodule on the left.")
    assert now.labels == {
        Finding.NODULE: PRESENT,
        Finding.PLEURAL_EFFUSION: PRESENT,
        Finding.PNEUMOTHORAX: ABSENT,
        Finding.EDEMA: Presence.UNCERTAIN,
    }
    assert now.regions == (Region((0.1, 0.2, 0.3, 0.4), "nodule", Finding.NODULE, Side.LEFT),)
    assert (now.age, now.sex, now.split) == (61, Sex.FEMALE, Split.TEST)
    assert now.prior == then
    assert pickle.loads(pickle.dumps(now)) == now
    assert said(problems) == ["cases.csv, row 1: its report is empty; the study is kept without it"]


def test_csv_and_json_lines_say_the_same(tmp_path):
    rows = [
        {
            "image": "1.png",
            "labels": "Edema|Mass",
            "Fracture": 0,
            "boxes": [{"box": [0, 0, 1, 1], "phrase": "x"}],
        },
        {"image": "2.png", "age": 4, "prior": "1.png", "patient": "q", "findings": "Clear lungs."},
    ]
    for name in ("csv", "jsonl"):
        for row in rows:
            picture(tmp_path / name / "films" / row["image"])
    text = [{k: json.dumps(v) if k == "boxes" else v for k, v in row.items()} for row in rows]
    table(tmp_path / "csv" / "films" / "metadata.csv", text)
    rows[0]["labels"] = ["Edema", "Mass"]
    rows[0]["Fracture"] = False
    lines(tmp_path / "jsonl" / "films" / "metadata.jsonl", rows)
    (from_csv, _), (from_json, _) = (read("folder", tmp_path / name / "films") for name in ("csv", "jsonl"))
    assert len(from_csv) == 2
    for one, two in zip(from_csv, from_json, strict=True):
        assert (one.id, one.patient, one.labels, one.regions) == (
            two.id,
            two.patient,
            two.labels,
            two.regions,
        )
        assert (one.age, one.report, one.prior) == (two.age, two.report, two.prior)


def test_views_of_a_study_share_its_labels_and_keep_their_own_boxes(tmp_path):
    box = json.dumps([{"box": [0, 0, 0.5, 0.5], "phrase": "line"}])
    rows = [
        {"image": "1.png", "study": "s", "Edema": "1", "boxes": ""},
        {"image": "2.png", "study": "s", "Edema": "", "boxes": box},
    ]
    table(tmp_path / "metadata.csv", rows)
    picture(tmp_path / "1.png")
    picture(tmp_path / "2.png")
    (study,), _ = read("folder", tmp_path)
    assert study.labels == {Finding.EDEMA: PRESENT}
    assert [r.view for r in study.regions] == [1]


def test_what_cannot_be_understood_is_counted_and_left_unknown(tmp_path):
    rows = [
        {"image": "1.png", "age": "old", "sex": "?", "view": "oblique", "labels": "Rash", "findings": " "},
        {
            "image": "2.png",
            "Edema": "maybe",
            "boxes": "{",
            "split": "all",
            "prior": "9.png",
            "findings": "Clear.",
        },
        {"image": "3.png", "boxes": '[{"box": [0.5, 0, 0.1, 1], "phrase": "x"}, 1]', "findings": "Clear."},
        {"image": "4.png", "boxes": "{}", "prior": "2.png", "findings": "Clear."},
    ]
    for row in rows:
        picture(tmp_path / row["image"])
    table(tmp_path / "metadata.csv", rows)
    studies, problems = read("folder", tmp_path)
    assert len(studies) == 4
    assert all((s.age, s.labels, s.regions, s.prior, s.split) == (None, {}, (), None, None) for s in studies)
    assert studies[0].report is None
    assert [line.split(": ", 1)[0].removeprefix("metadata.csv, ") for line in said(problems)] == [
        "row 1",
        "row 1, view",
        "row 1, labels",
        "row 1, sex",
        "row 1",
        "row 2, split",
        "row 2, Edema",
        "row 2, boxes",
        "row 2",
        "row 3, boxes",
        "row 3, boxes",
        "row 4, boxes",
        "row 4",
    ], said(problems)


def test_reports_that_differ_within_a_study_are_listed_and_sections_joined(tmp_path):
    picture(tmp_path / "1.png")
    picture(tmp_path / "2.png")
    rows = [
        {"image": "1.png", "study": "s", "report": "FINDINGS: Clear lungs."},
        {"image": "2.png", "study": "s", "report": "IMPRESSION: No acute process."},
        {"image": "1.png", "study": "s", "report": "FINDINGS: Clear  lungs."},
        {"image": "2.png", "study": "s", "report": "FINDINGS: Large effusion."},
        {"image": "2.png", "study": "s", "report": "INDICATION: Cough."},
        {"image": "2.png", "study": "s", "report": "INDICATION: Fall."},
    ]
    table(tmp_path / "metadata.csv", rows)
    (study,), problems = read("folder", tmp_path)
    assert study.report == Report("Cough.", "", "Clear lungs.", "No acute process.")
    assert [line.split("; the first")[0] for line in said(problems)] == [
        "metadata.csv, row 4, findings: its report differs from that of an earlier row of its study",
        "metadata.csv, row 6, indication: its report differs from that of an earlier row of its study",
    ]


def test_a_film_that_its_header_refuses_is_not_counted_by_the_dry_run(tmp_path):
    folder = tmp_path / "films"
    picture(folder / "1.png")
    (folder / "hand.dcm").write_bytes(as_bytes(film(STEP, BodyPartExamined="HAND")))
    spec = SourceSpec("folder", folder)
    found = preview([spec])
    assert sum(split["images"] for split in found["splits"].values()) == found["sources"][0]["studies"] == 1
    (example,) = found["sources"][0]["examples"]
    assert "hand.dcm: is not a chest radiograph" in example
    assert example.endswith("it is left out; if the header is wrong, correct it, or save the film as PNG")
    build([spec], tmp_path / "out", size=32, workers=1, progress=False)
    listed = (tmp_path / "out" / "problems.jsonl").read_text("utf-8")
    assert "save the film as PNG" in listed
    assert "--force" not in listed


def test_an_unknown_column_of_a_map_names_the_folder(tmp_path):
    picture(tmp_path / "1.png")
    table(tmp_path / "metadata.csv", [{"image": "1.png"}])
    with pytest.raises(UsageError, match=f"age=b: {tmp_path}/metadata.csv has no such column"):
        open_source(SourceSpec("folder", tmp_path, (("age", "b"),)))
    with pytest.raises(UsageError, match="age=b and age=c name two columns of one field"):
        open_source(SourceSpec("folder", tmp_path, (("age", "b"), ("age", "c"))))


def test_a_nested_report_is_read_by_its_sections_or_named(tmp_path):
    rows = [
        {"image": "1.png", "report": {"Findings": ["Clear lungs.", "Large heart."], "Conclusion": "Normal."}},
        {"image": "2.png", "report": {"de": {"text": "x"}}},
        {"image": "3.png", "report": ["FINDINGS: Clear.", "IMPRESSION: Normal."]},
        {"image": "4.png", "findings": {"a": "b"}},
    ]
    for row in rows:
        picture(tmp_path / row["image"])
    lines(tmp_path / "metadata.jsonl", rows)
    studies, problems = read("folder", tmp_path)
    assert [s.report and (s.report.findings, s.report.impression) for s in studies] == [
        ("Clear lungs. Large heart.", "Normal."),
        None,
        ("Clear.", "Normal."),
        None,
    ]
    assert [line.split(";")[0] for line in said(problems)] == [
        f"metadata.jsonl, row 2, report: is nested and has none of {', '.join(SECTIONS)}",
        "metadata.jsonl, row 2: its report is empty",
        "metadata.jsonl, row 4, findings: is nested and no text",
        "metadata.jsonl, row 4: its report is empty",
    ]


@pytest.mark.parametrize(
    ("rows", "thing"),
    [
        (
            [{"Edema": "0"}, {"Edema": "-1"}, {"Edema": "1"}, {"Edema": "0"}],
            "metadata.csv, row 3 (there), metadata.csv, row 1 (not there), Edema",
        ),
        ([{"Edema": "1", "edema": "0"}], "metadata.csv, row 1, Edema"),
        ([{"Edema": "0", "labels": "Edema"}], "metadata.csv, row 1, Edema"),
        ([{"Edema": "0", "edema": "1"}, {"Edema": "1", "edema": "1"}], "metadata.csv, row 1, Edema"),
    ],
)
def test_what_is_affirmed_and_denied_is_left_unknown_and_listed(tmp_path, rows, thing):
    picture(tmp_path / "1.png")
    table(tmp_path / "metadata.csv", [{"image": "1.png", "Mass": "1", "Normal": "1"} | row for row in rows])
    (study,), problems = read("folder", tmp_path)
    assert study.labels == {Finding.MASS: PRESENT}
    assert f"{thing}: is said to be there and not to be there; it is left unknown" in said(problems)
    assert problems.counts["says No Finding beside a finding"] == 1


def test_rows_that_name_no_new_image_are_counted_and_left_out(tmp_path):
    picture(tmp_path.parent / "outside.png")
    rows = [
        {"image": "1.png", "study": "a"},
        {"image": "", "study": "b"},
        {"image": "gone.png", "study": "c"},
        {"image": "../outside.png", "study": "d"},
        {"image": "./1.png", "study": "e"},
        {"image": "2.png", "study": "a"},
        {"image": "3.png", "study": "f"},
        {"image": "gone.png", "study": "f"},
    ]
    for name in ("1.png", "2.png", "3.png"):
        picture(tmp_path / name)
    table(tmp_path / "metadata.csv", rows)
    studies, problems = read("folder", tmp_path)
    assert [s.id[-1] for s in studies] == ["a", "e", "f"]
    assert [v.id for v in studies[0].views] == ["1.png", "2.png"]
    assert problems.counts == {
        "names no image": 1,
        "is not in the folder": 3,
        "is claimed by two patients": 1,
    }


def test_images_that_a_row_calls_another_modality_are_left_out_and_counted(tmp_path):
    words = ("X-ray", "CT", "CR", "mr", "", "Computed Tomography", "DX", "ct")
    rows = [{"image": f"{k}.png", "patient": str(k), "Modality": word} for k, word in enumerate(words)]
    for row in rows:
        picture(tmp_path / row["image"])
    table(
        tmp_path / "metadata.csv", [*rows, rows[1], {"image": "gone.png", "patient": "9", "Modality": "CT"}]
    )
    left, notes = Counter(), []
    found = open_source(SourceSpec("folder", tmp_path), left_out=left, notes=notes)
    assert [view.id for study in found for view in study.views] == ["0.png", "2.png", "4.png", "6.png"]
    assert sum(left.values()) == 4
    assert left["images of modality CT"] == 1
    assert not any("no row" in note for note in notes)


def test_an_image_of_two_patients_stays_with_both_and_both_in_one_split(tmp_path):
    rows = [{"image": f"{p}{k}.png", "patient": f"P{p}", "study": f"s{p}"} for p in range(8) for k in "ab"]
    rows += [{"image": "0a.png", "patient": f"P{p}", "study": f"s{p}"} for p in range(1, 8)]
    rows += [{"image": "0b.png", "patient": "P0", "study": "later"}]
    folder = tmp_path / "films"
    for row in rows:
        picture(folder / row["image"])
    table(folder / "metadata.csv", rows)
    studies, problems = read("folder", folder)
    assert len(studies) == 8
    assert problems.counts == {"is claimed by two patients": 7, "is in another study already": 1}
    assert said(problems)[0] == (
        "metadata.csv, row 17: 0a.png: is claimed by two patients; patient P0 in metadata.csv, row 1 and "
        "patient P1 here go into one split; correct the row that is wrong"
    )
    spec = SourceSpec("folder", folder)
    splits = [split for split in preview([spec])["splits"].values() if split["patients"]]
    assert [split["patients"] for split in splits] == [8]
    shards = build([spec], tmp_path / "out", size=32, workers=1, progress=False)
    own = {split: {record.patient for record in shards.records(split)} for split in Split}
    assert [len(patients) for patients in own.values() if patients] == [8]


def test_a_prior_must_be_the_same_patients(tmp_path):
    for name in ("1.png", "2.png"):
        picture(tmp_path / name)
    table(
        tmp_path / "metadata.csv",
        [{"image": "1.png", "patient": "p"}, {"image": "2.png", "patient": "q", "prior": "1.png"}],
    )
    studies, problems = read("folder", tmp_path)
    assert studies[1].prior is None
    assert problems.counts == {"its prior is another patient's study": 1}


def test_a_row_without_a_patient_belongs_to_the_one_of_its_study(tmp_path):
    rows = [
        {"image": "1.png", "study": "s", "patient": "p"},
        {"image": "2.png", "study": "t", "patient": "q"},
        {"image": "3.png", "study": "s", "patient": ""},
    ]
    for row in rows:
        picture(tmp_path / row["image"])
    table(tmp_path / "metadata.csv", rows)
    studies, problems = read("folder", tmp_path)
    assert [(s.patient, len(s.views)) for s in studies] == [("folder/p", 2), ("folder/q", 1)]
    assert not len(problems)


def test_a_row_that_may_be_of_two_patients_is_left_out(tmp_path):
    rows = [{"image": f"{i}.png", "study": "s", "patient": p} for i, p in enumerate(("p", "", "q", ""))]
    for row in rows:
        picture(tmp_path / row["image"])
    table(tmp_path / "metadata.csv", rows)
    studies, problems = read("folder", tmp_path)
    assert [(s.patient, s.id[-3:]) for s in studies] == [("folder/p", "p/s"), ("folder/q", "q/s")]
    assert problems.counts == {"names no patient, and its study is of several": 2}


@pytest.mark.parametrize("patients", [("Q", None), ("Q", None, "R")])
def test_a_header_without_a_patient_belongs_to_the_one_of_its_study(tmp_path, patients):
    for number, patient in enumerate(patients):
        dicom(tmp_path / f"{number}.dcm", PatientID=patient or "")
    table(tmp_path / "metadata.csv", [{"image": f"{n}.dcm", "study": "s"} for n in range(len(patients))])
    studies, problems = read("folder", tmp_path)
    several = len(patients) > 2
    assert len({s.patient for s in studies}) == len(studies) == 1 + several
    assert sum(len(s.views) for s in studies) == 2
    assert len(problems) == several


def test_a_prior_is_found_among_studies_of_one_number(tmp_path):
    rows = [{"image": f"{p}{s}.png", "patient": p, "study": s} for s in (1, 2) for p in "pq"]
    rows = [row | {"prior": "1" if row["study"] == 2 else ""} for row in rows]
    for row in rows:
        picture(tmp_path / row["image"])
    table(tmp_path / "metadata.csv", rows)
    studies, problems = read("folder", tmp_path)
    assert [s.id[-3:] for s in studies] == ["p/1", "q/1", "p/2", "q/2"]
    assert [s.prior and s.prior.id[-3:] for s in studies] == [None, None, "p/1", "q/1"]
    assert not len(problems)


def test_no_finding_beside_a_finding_is_left_out_but_not_beside_a_device(tmp_path):
    rows = [
        {"image": "1.png", "labels": "No Finding|Edema"},
        {"image": "2.png", "labels": "No Finding|Support Devices"},
    ]
    for row in rows:
        picture(tmp_path / row["image"])
    table(tmp_path / "metadata.csv", rows)
    (one, two), problems = read("folder", tmp_path)
    assert one.labels == {Finding.EDEMA: PRESENT}
    assert two.labels == {Finding.NO_FINDING: PRESENT, Finding.SUPPORT_DEVICES: PRESENT}
    assert problems.counts == {"says No Finding beside a finding": 1}


def test_a_file_is_no_folder(tmp_path):
    with pytest.raises(DataError, match="is not a folder"):
        open_source(SourceSpec("folder", picture(tmp_path / "a.png")))


def test_a_table_without_images_is_named_with_its_columns(tmp_path):
    table(tmp_path / "cases.csv", [{"bild": "1.png", "age": 3}])
    with pytest.raises(
        DataError, match=r"cases\.csv: lacks the column 'image'; it has: bild, age.*names the files$"
    ):
        open_source(SourceSpec("folder", tmp_path))


def test_a_title_above_the_header_is_thought_of(tmp_path):
    (tmp_path / "cases.csv").write_text("Export of the first of May,\nimage,age\na.png,3\n")
    with pytest.raises(DataError, match="delete what stands above the header, if row 1 is not it"):
        open_source(SourceSpec("folder", tmp_path))


def test_which_table_is_meant_must_be_clear(tmp_path):
    picture(tmp_path / "1.png")
    for name in ("a.csv", "b.jsonl"):
        (tmp_path / name).write_text("")
    with pytest.raises(DataError, match=r"holds several tables \(a\.csv, b\.jsonl\)"):
        open_source(SourceSpec("folder", tmp_path))
    table(tmp_path / "metadata.csv", [{"image": "1.png"}])
    assert len(read("folder", tmp_path)[0]) == 1


@pytest.mark.parametrize(
    "box",
    [
        {"box": [0, 0, 1, 1]},
        {"box": [0, 0, 1], "phrase": "x"},
        {"box": [0, 0, 1, 1, 1], "phrase": "x"},
        {"box": [0, 0, 1, 1.01], "phrase": "x"},
        {"box": [0, 0, 1, None], "phrase": "x"},
        {"box": "0 0 1 1", "phrase": "x"},
        {"box": [0, 0, 1, 1], "phrase": "x", "finding": "Rash"},
        {"box": [0, 0, 1, 1], "phrase": "x", "side": "up"},
    ],
)
def test_a_box_that_is_not_one_is_counted(box):
    row, problems = cell(boxes=[box, {"box": [0, 0, 1, 1], "phrase": "kept"}])
    assert [region.phrase for region in row.regions(0, problems)] == ["kept"]
    [kind] = problems.counts.elements()
    assert kind.startswith("has an unreadable box: write box as [x1, y1, x2, y2]")


@pytest.mark.parametrize(
    ("word", "split"),
    [("train", Split.TRAIN), ("Valid", Split.VAL), ("validation", Split.VAL), ("TEST", Split.TEST)],
)
def test_splits_are_known_by_their_usual_names(word, split):
    row, problems = cell(split=word)
    assert row.split(problems) is split


def test_a_broken_line_is_counted_and_the_others_read(tmp_path):
    picture(tmp_path / "1.png")
    (tmp_path / "t.jsonl").write_text('{"image": \n[1]\n\n' + "[" * 10**5 + '\n{"image": "1.png"}\n')
    studies, problems = read("folder", tmp_path)
    assert len(studies) == 1
    assert [line.split(":")[0] for line in said(problems)] == [f"t.jsonl, row {n}" for n in (1, 2, 4)]


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl"])
def test_a_table_that_is_no_text_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"image\n1.png\x81\n")
    with pytest.raises(DataError, match=rf"{name}: is not a text file.*; re-save it as UTF-8"):
        open_source(SourceSpec("folder", tmp_path))


@pytest.mark.parametrize(
    ("cells", "report"),
    [
        ({}, None),
        ({"comparison": "None."}, None),
        ({"indication": "Cough."}, Report(indication="Cough.")),
        ({"report": "Clear lungs."}, Report(findings="Clear lungs.")),
        ({"impression": " Small\n effusion. "}, Report(impression="Small effusion.")),
        (
            {"report": "IMPRESSION: One. FINDINGS: Two.", "findings": "Three."},
            Report(findings="Three.", impression="One."),
        ),
        (
            {"report": "INDICATION: Cough.", "impression": "Four."},
            Report(indication="Cough.", impression="Four."),
        ),
    ],
)
def test_a_report_is_read_whole_or_by_section(cells, report):
    row, problems = cell(**cells)
    assert row.report(Problems()) == report
    assert not len(problems)


@pytest.mark.parametrize("finding", Finding)
def test_every_finding_may_be_a_column_or_a_label(finding):
    name = finding.value.lower().replace(" ", "_")
    row, problems = cell(**{name: "1"})
    assert row.labels(problems) == {finding: PRESENT}
    row, problems = cell(labels=finding.value.upper())
    assert row.labels(problems) == {finding: PRESENT}


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(["box", "phrase", "x"]), inner)
    ),
    max_leaves=12,
)
COLUMNS = st.sampled_from(
    [
        "image",
        "study",
        "patient",
        "view",
        "report",
        "labels",
        "Edema",
        "boxes",
        "age",
        "sex",
        "prior",
        "split",
    ]
)


@given(st.lists(st.dictionaries(COLUMNS, VALUES) | VALUES, min_size=1, max_size=6), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_whatever_a_table_holds_bad_cells_are_counted_and_never_thrown(tmp_path, rows, as_csv):
    picture(tmp_path / "1.png")
    rows = [*rows, {"image": "1.png"}]
    for path in tmp_path.glob("metadata.*"):
        path.unlink()
    if as_csv:
        with (tmp_path / "metadata.csv").open("w", newline="", encoding="utf-8", errors="replace") as file:
            writer = csv.writer(file)
            writer.writerow(["image", "boxes", "labels", "age", "prior"])
            writer.writerows([str(v) for v in row.values()] for row in rows if isinstance(row, dict))
    else:
        lines(tmp_path / "metadata.jsonl", rows)
    studies, problems = read("folder", tmp_path)
    paths = {view.path for study in studies for view in study.views}
    assert paths == {str(tmp_path / "1.png")}
    assert all(isinstance(problem, HilumError) for problem in problems.kept)
    assert all(0 <= r.box[0] < r.box[2] <= 1 for r in studies[0].regions)


@pytest.mark.data
def test_real_dicom_files_are_read_from_their_folder(data_root):
    studies, problems = read("folder", data_root / "dicom")
    assert not len(problems), said(problems)
    assert len(studies) == 5
    assert {s.views[0].position for s in studies} == {Position.PA, Position.UNKNOWN}
    patients = {s.views[0].id: s.patient for s in studies}
    copies = [patient for name, patient in patients.items() if "8bit_jpeg_baseline" in name]
    assert len(set(copies)) == 1, "one film and its inverted copy are of one patient"
