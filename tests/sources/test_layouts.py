"""Thirty layouts that people have their data in: each is read right, or refused with the reason.

Whatever the layout, no patient is in two splits: the second test builds each of them.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hilum.errors import DataError
from hilum.files import Problems
from hilum.instruct import build
from hilum.sources import SourceSpec, open_source
from hilum.study import Finding, Position, Presence, Sex, Split
from images.dicoms import as_bytes, film
from sources.helpers import picture, table, workbook
from sources.test_folder import STEP

PRESENT, ABSENT = Presence.PRESENT, Presence.ABSENT

PATIENTS = 6
FILMS = 5
"""Of each patient: 30 films spread without regard to their 6 patients would land in two splits."""

Rows = Sequence[Mapping[str, Any]]


def text(rows: Rows, delimiter: str = ",") -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def cohort(name: Callable[[int, int], str], row: Callable[[int, int, str], Mapping[str, Any]]) -> Rows:
    """Rows of all films: `name(patient, film)` is the file, `row(patient, film, file)` what is said of it."""
    return [row(p, k, name(p, k)) for k in range(FILMS) for p in range(PATIENTS)]


def films(folder: Path, name: Callable[[int, int], str]) -> None:
    for p in range(PATIENTS):
        for k in range(FILMS):
            picture(folder / name(p, k))


def plain(p: int, k: int) -> str:
    return f"p{p}_{k}.png"


@dataclass(frozen=True)
class Layout:
    """A folder as somebody has it.

    Args:
        make: writes it.
        patients: how many patients it must be read as; 0 when it is refused.
        refused: what the refusal says.
        columns: what `--map` says.
        first: what the first study must be.
    """

    make: Callable[[Path], object]
    patients: int = PATIENTS
    refused: str = ""
    columns: tuple[tuple[str, str], ...] = ()
    first: Mapping[str, Any] = field(default_factory=dict)


def simple(
    patient: str, image: str = "image", write: Callable[[Path, Rows], object] | None = None, **more: Any
):
    """One row a film, with a column for the patient and whatever else is given."""

    def make(folder: Path) -> None:
        films(folder, plain)
        rows = cohort(plain, lambda p, k, file: {image: file, patient: f"P{p}"} | more)
        (write or (lambda folder, rows: table(folder / "metadata.csv", rows)))(folder, rows)

    return make


def saved(name: str, encoding: str, delimiter: str = ","):
    return lambda folder, rows: (folder / name).write_bytes(text(rows, delimiter).encode(encoding))


def chexpert(folder: Path) -> None:
    def name(p: int, k: int) -> str:
        return f"train/patient{p:05d}/study{k // 2 + 1}/view{k % 2 + 1}_frontal.jpg"

    films(folder, name)
    rows = cohort(
        name,
        lambda p, k, file: {
            "Path": f"CheXpert-v1.0-small/{file}",
            "Sex": "Female",
            "Age": 68,
            "Frontal/Lateral": "Lateral" if k % 2 else "Frontal",
            "AP/PA": "" if k % 2 else "AP",
            "No Finding": "",
            "Edema": "1.0",
            "Pneumonia": "-1.0",
            "Fracture": "0.0",
        },
    )
    table(folder / "train.csv", rows)


def mimic(folder: Path) -> None:
    def name(p: int, k: int) -> str:
        return f"files/p10/p1000003{p}/s5041426{k}/{p}{k}aa.jpg"

    films(folder, name)
    rows = cohort(
        name,
        lambda p, k, file: {
            "dicom_id": Path(file).stem,
            "subject_id": f"1000003{p}",
            "study_id": f"5041426{k}",
            "PerformedProcedureStepDescription": "CHEST (PA AND LAT)",
            "ViewPosition": "LL" if k % 2 else "PA",
        },
    )
    table(folder / "mimic-cxr-2.0.0-metadata.csv", rows)


def mimic_without_table(folder: Path) -> None:
    films(folder, lambda p, k: f"files/p10/p1000003{p}/s5041426{k // 2}/{p}{k}aa.jpg")


def vindr(folder: Path) -> None:
    """One row a box and reader; no patient is named, so each image is one."""
    rows = []
    for image in ("9a5094b2", "051132a7", "063319de"):
        picture(folder / "train" / f"{image}.png", 200, 100)
        for reader in ("R10", "R8"):
            box = {"x_min": 20, "y_min": 10, "x_max": 100, "y_max": 50}
            rows.append(
                {"image_id": image, "class_name": "Nodule/Mass", "class_id": 8, "rad_id": reader, **box}
            )
            none = dict.fromkeys(box, "")
            rows.append(
                {"image_id": image, "class_name": "No finding", "class_id": 14, "rad_id": reader, **none}
            )
    table(folder / "train.csv", rows)


def rsna(folder: Path) -> None:
    """The DICOM files are called after the patients; one row a box."""
    rows = []
    for p in range(PATIENTS):
        (folder / f"{p}ab.dcm").write_bytes(as_bytes(film(STEP, BodyPartExamined="CHEST")))
        if p % 2:
            rows.append({"patientId": f"{p}ab", "x": "", "y": "", "width": "", "height": "", "Target": 0})
        else:
            rows += [
                {"patientId": f"{p}ab", "x": x, "y": 2, "width": 2, "height": 4, "Target": 1} for x in (1, 5)
            ]
    table(folder / "stage_2_train_labels.csv", rows)


def nih_boxes(folder: Path) -> None:
    rows = []
    for p in range(PATIENTS):
        picture(folder / f"0000000{p}_000.png", 256, 256)
        box = {"Bbox [x": 512, "y": 256, "w": 256, "h]": 512}
        rows.append({"Image Index": f"0000000{p}_000.png", "Finding Label": "Infiltrate", **box})
    table(folder / "BBox_List_2017.csv", rows)


def padchest(folder: Path) -> None:
    films(folder, plain)
    rows = cohort(
        plain,
        lambda p, k, file: {
            "": k,
            "ImageID": file,
            "StudyID": f"20536686640136348236148679891455886468_k{p}{k}",
            "PatientID": f"839860488694383331637988431063{p}",
            "PatientBirth": 1938.0,
            "PatientSex_DICOM": "M",
            "ViewPosition_DICOM": "POSTEROANTERIOR",
            "Projection": "PA",
            "Labels": "['normal']",
        },
    )
    table(folder / "PADCHEST_chest_x_ray_images_labels.csv", rows)


def cohen(folder: Path) -> None:
    """The COVID-19 image data collection."""
    films(folder / "images", plain)
    rows = cohort(
        plain,
        lambda p, k, file: {
            "patientid": p,
            "offset": k,
            "sex": "M",
            "age": 65,
            "finding": "No Finding",
            "view": "AP Supine",
            "modality": "X-ray",
            "folder": "images",
            "filename": file,
        },
    )
    table(folder / "metadata.csv", rows)


def chexpert_plus(folder: Path) -> None:
    def name(p: int, k: int) -> str:
        return f"train/patient{p}/study{k}/view1_frontal.jpg"

    films(folder, name)
    rows = cohort(
        name,
        lambda p, k, file: {
            "path_to_image": file,
            "frontal_lateral": "Frontal",
            "ap_pa": "PA",
            "deid_patient_id": f"patient{p}",
            "report": "IMPRESSION: No acute process.",
            "section_impression": "No acute process.",
            "age": 60.0,
            "sex": "Male",
            "race": "White",
        },
    )
    table(folder / "df_chexpert_plus.csv", rows)


def rows_per_label(folder: Path) -> None:
    films(folder, plain)
    rows = [
        {"file": plain(p, k), "Patient ID": f"P{p}", "label": label}
        for label in ("Edema", "Pleural effusion")
        for k in range(FILMS)
        for p in range(PATIENTS)
    ]
    table(folder / "labels.csv", rows)


def views_far_apart(folder: Path) -> None:
    """Study numbers are counted for each patient anew, and a table sorted by view parts their films."""
    films(folder, plain)
    rows = cohort(
        plain,
        lambda p, k, file: {
            "image": file,
            "patient": f"P{p}",
            "study": k // 2,
            "view": ("PA", "LATERAL")[k % 2],
        },
    )
    table(folder / "metadata.csv", rows)


def absolute(folder: Path) -> None:
    films(folder / "images", plain)
    rows = cohort(plain, lambda p, k, file: {"path": str(folder.resolve() / "images" / file), "mrn": p})
    table(folder / "metadata.csv", rows)


def elsewhere(folder: Path) -> None:
    films(folder / "images", plain)
    rows = cohort(plain, lambda p, k, file: {"path": f"/kaggle/input/cxr/images/{file}", "subject": p})
    table(folder / "metadata.csv", rows)


def windows(folder: Path) -> None:
    films(folder / "images", plain)
    rows = cohort(
        plain, lambda p, k, file: {"File Path": f"D:\\Export\\images\\{file.upper()}", "Patient No.": p}
    )
    table(folder / "metadata.csv", rows)


def dicom_without_suffix(folder: Path) -> None:
    (folder / "DICOM").mkdir()
    for p in range(PATIENTS):
        for k in range(FILMS):
            level = (STEP + 8 * p + k).astype(STEP.dtype)
            data = as_bytes(film(level, BodyPartExamined="CHEST", PatientID=f"Q{p}"))
            (folder / "DICOM" / f"IM{p}{k}").write_bytes(data)
    (folder / "DICOMDIR").write_bytes(data)
    (folder / "README").write_text("no image")


def headers_of_two(folder: Path) -> None:
    """Study numbers without patients, whom the headers tell."""
    dicom_without_suffix(folder)
    table(
        folder / "metadata.csv",
        cohort(lambda p, k: f"IM{p}{k}", lambda p, k, file: {"image": file, "study": k}),
    )


def linked(folder: Path) -> None:
    """A link to the films, and one that leads back to its own folder."""
    store = folder.parent / "store"
    films(store, lambda p, k: f"sub-{p:02d}/ses-{k}/{p}{k}_cxr.png")
    (folder / "films").symlink_to(store, target_is_directory=True)
    (store / "again").symlink_to(store, target_is_directory=True)
    (folder / "self").symlink_to(folder, target_is_directory=True)


def kermany(folder: Path) -> None:
    films(folder, lambda p, k: f"train/PNEUMONIA/person{p}_bacteria_{k}.jpeg")


def imagefolder(folder: Path) -> None:
    for split in ("train", "test"):
        films(folder / split, plain)
        table(
            folder / split / "metadata.csv",
            cohort(plain, lambda p, k, file: {"file_name": file, "patient_id": p}),
        )


def two_tables(folder: Path) -> None:
    chexpert(folder)
    table(folder / "valid.csv", [{"Path": "x.jpg"}])


def blanks(folder: Path) -> None:
    """Some rows name no patient: each of these films is a patient of its own."""
    films(folder, plain)
    rows = cohort(
        plain, lambda p, k, file: {"image": file, "patient": "NaN" if p == 0 else f"P{p}", "Edema": "NaN"}
    )
    table(folder / "metadata.csv", rows)


def numbers_with_blanks(folder: Path) -> None:
    """Where a blank stands, pandas writes 17 as 17.0; a second row of the film writes 17."""
    films(folder, plain)
    rows = cohort(plain, lambda p, k, file: {"image": file, "patient": f"{p}.0" if k % 2 else f"{p}"})
    table(folder / "metadata.csv", rows)


def split_over_two(folder: Path) -> None:
    """The table itself puts films of one patient into train and test."""
    films(folder, plain)
    rows = cohort(
        plain,
        lambda p, k, file: {"image": file, "patient": f"P{p}", "split": "test" if k == p == 0 else "train"},
    )
    table(folder / "metadata.csv", rows)


def parquet(folder: Path, rows: Rows) -> None:
    pq.write_table(pa.Table.from_pylist(list(rows)), folder / "metadata.parquet")


def json_lines(folder: Path, rows: Rows) -> None:
    """The first line lacks the patient, as lines may."""
    lines = [{k: v for k, v in rows[0].items() if k != "subject_id"}, *rows]
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines), "utf-8")


def numbers_cut_short(folder: Path) -> None:
    films(folder, plain)
    rows = cohort(plain, lambda p, k, file: {"image": file, "patient": "1.23457E+11"})
    table(folder / "metadata.csv", rows)


def nested_ids(folder: Path) -> None:
    films(folder, plain)
    rows = cohort(plain, lambda p, k, file: {"image": file, "patient": {"id": p}})
    json_lines(folder, rows)


BOX = (0.1, 0.1, 0.5, 0.5)
RSNA_BOXES = ((0.125, 0.25, 0.375, 0.75), (0.625, 0.25, 0.875, 0.75))
LAYOUTS = {
    "CheXpert": Layout(
        chexpert,
        first={
            "sex": Sex.FEMALE,
            "age": 68,
            "positions": [Position.AP, Position.LATERAL],
            "labels": {
                Finding.EDEMA: PRESENT,
                Finding.FRACTURE: ABSENT,
                Finding.PNEUMONIA: Presence.UNCERTAIN,
            },
        },
    ),
    "CheXpert Plus": Layout(
        chexpert_plus, first={"positions": [Position.PA], "impression": "No acute process."}
    ),
    "CheXpert with train and valid": Layout(two_tables, 0, r"several tables \(train.csv, valid.csv\)"),
    "MIMIC-CXR-JPG": Layout(mimic, first={"positions": [Position.PA]}),
    "MIMIC-CXR-JPG without table": Layout(mimic_without_table, first={"views": 2}),
    "VinDr-CXR, a row a box": Layout(
        vindr,
        3,
        first={"boxes": [(BOX, Finding.LUNG_LESION)], "labels": {Finding.LUNG_LESION: PRESENT}},
    ),
    "RSNA pneumonia, a row a box": Layout(
        rsna, first={"boxes": [(box, Finding.LUNG_OPACITY) for box in RSNA_BOXES], "views": 1}
    ),
    "NIH's list of boxes": Layout(
        nih_boxes, first={"boxes": [((0.5, 0.25, 0.75, 0.75), Finding.INFILTRATION)]}
    ),
    "PadChest": Layout(
        padchest,
        first={"positions": [Position.PA], "sex": Sex.MALE, "labels": {Finding.NO_FINDING: PRESENT}},
    ),
    "COVID-19 image data collection": Layout(
        cohen, first={"positions": [Position.AP], "age": 65, "labels": {Finding.NO_FINDING: PRESENT}}
    ),
    "Kermany, no table": Layout(kermany),
    "BIDS behind links that loop": Layout(linked, first={"views": 1}),
    "DICOM without suffix": Layout(dicom_without_suffix),
    "study numbers of two patients, told by headers": Layout(headers_of_two, first={"views": 1}),
    "study numbers of two patients, views far apart": Layout(
        views_far_apart, first={"positions": [Position.PA, Position.LATERAL]}
    ),
    "a row a label": Layout(
        rows_per_label,
        first={"labels": {Finding.EDEMA: PRESENT, Finding.PLEURAL_EFFUSION: PRESENT}},
    ),
    "absolute paths": Layout(absolute),
    "paths of another machine": Layout(elsewhere),
    "paths of Windows, in capitals": Layout(windows),
    "Excel workbook": Layout(
        simple("PatientID", write=lambda folder, rows: workbook(folder / "metadata.xlsx", rows), Age=45),
        first={"age": 45},
    ),
    "Parquet": Layout(
        simple("subject_id", write=parquet, edema=True), first={"labels": {Finding.EDEMA: PRESENT}}
    ),
    "JSON lines": Layout(simple("subject_id", write=json_lines, labels="Edema, Pneumonia")),
    "TSV": Layout(simple("patient", write=saved("metadata.tsv", "utf-8", "\t"))),
    "German Excel: semicolons, Windows-1252": Layout(
        simple("Patient ID", write=saved("metadata.csv", "cp1252", ";"), impression="Größe unchanged."),
        first={"impression": "Größe unchanged."},
    ),
    "Excel's Unicode text: UTF-16 with tabs": Layout(
        simple("PatientId", write=saved("metadata.csv", "utf-16", "\t"), PatientAge="045Y", Gender="f"),
        first={"age": 45, "sex": Sex.FEMALE},
    ),
    "UTF-8 with BOM": Layout(simple("patient id", image="Image Index", write=saved("a.csv", "utf-8-sig"))),
    "blank and NaN patients": Layout(blanks, PATIENTS - 1 + FILMS, first={"labels": {}}),
    "17 and 17.0": Layout(numbers_with_blanks),
    "a published split that parts a patient": Layout(split_over_two),
    "yes and no, True and False": Layout(
        simple("patient", Edema="yes", Fracture="False", Pneumothorax="No", labels="Normal"),
        first={
            "labels": {
                Finding.EDEMA: PRESENT,
                Finding.FRACTURE: ABSENT,
                Finding.PNEUMOTHORAX: ABSENT,
            }
        },
    ),
    "an unknown name of the patient": Layout(
        simple("Probanden-Nr"), 0, r"looks like a patient's id.*Probanden-Nr; add --map patient=Probanden-Nr"
    ),
    "ages with decimal commas": Layout(
        simple("patient", write=saved("metadata.csv", "utf-8", ";"), Age="45,5"), first={"age": 45.5}
    ),
    "British spellings": Layout(
        simple("patient", Oedema="1", labels="Pulmonary oedema"),
        first={"labels": {Finding.EDEMA: PRESENT}},
    ),
    "ids that a spreadsheet cut short": Layout(
        numbers_cut_short,
        0,
        r"row 1, patient: is a number that a spreadsheet has cut short \(1\.23457E\+11\)",
    ),
    "ids that are nested": Layout(nested_ids, 0, "row 1, patient: is nested; write the id of the patient"),
    "a pseudonym": Layout(simple("Pseudonym")),
    "no id but one": Layout(simple("ID"), 0, "looks like a patient's id.*: ID; add --map patient=ID"),
    "an unknown name of the patient, mapped": Layout(
        simple("Kürzel"), columns=(("patient", "Kürzel"), ("Pleural Effusion", "kürzel"))
    ),
    "two names of the patient": Layout(
        simple("PatientID", subject_id="x"),
        0,
        "several columns that may name the patient: PatientID, subject_id",
    ),
    "an unknown name of the image": Layout(
        simple("patient", image="bild"),
        0,
        r"lacks the column 'image'; it has: bild, patient; add --map image=",
    ),
    "tables in subfolders": Layout(imagefolder, 0, r"test/metadata\.csv, train/metadata\.csv"),
    "an old Excel file": Layout(
        lambda folder: (folder / "metadata.xls").write_bytes(b"\xd0\xcf\x11\xe0"), 0, "a kind of table"
    ),
    "a table that is no text": Layout(
        lambda folder: (folder / "metadata.csv").write_bytes(b"image\n\x81\x8d\n"), 0, "re-save it as UTF-8"
    ),
    "an open quote": Layout(
        lambda folder: (folder / "metadata.csv").write_text('image,report\na.png,"Clear.\nb.png,No.\n'),
        0,
        "not a well-formed table.*close its quotes",
    ),
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "films").mkdir()
    return tmp_path / "films"


def _spec(layout: Layout, folder: Path) -> SourceSpec:
    layout.make(folder)
    return SourceSpec("folder", folder, layout.columns)


def test_the_table_holds_thirty_layouts():
    assert len(LAYOUTS) >= 30


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_read_right_or_refused_with_the_reason(folder, name):
    layout = LAYOUTS[name]
    spec = _spec(layout, folder)
    if layout.refused:
        with pytest.raises(DataError, match=layout.refused):
            list(open_source(spec))
        return
    notes, warnings, problems = [], [], Problems()
    studies = list(open_source(spec, problems, notes=notes, warnings=warnings))
    assert len({s.patient for s in studies}) == layout.patients
    assert len({s.id for s in studies}) == len(studies)
    assert notes
    read = studies[0]
    about = {
        "views": len(read.views),
        "positions": [view.position for view in read.views],
        "labels": read.labels,
        "boxes": [(region.box, region.finding) for region in read.regions],
        "sex": read.sex,
        "age": read.age,
        "impression": read.report.impression if read.report else "",
    }
    assert {key: about[key] for key in layout.first} == dict(layout.first)
    assert all(view.load().ndim == 2 for study in studies for view in study.views)


@pytest.mark.parametrize("name", [name for name, layout in LAYOUTS.items() if not layout.refused])
def test_no_patient_of_any_layout_is_in_two_splits(folder, name):
    shards = build([_spec(LAYOUTS[name], folder)], folder.parent / "out", size=32, workers=1, progress=False)
    splits: dict[str, set[Split]] = {}
    for split in Split:
        for record in shards.records(split):
            splits.setdefault(record.patient, set()).add(split)
    assert splits
    assert all(len(own) == 1 for own in splits.values())
