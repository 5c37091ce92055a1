"""What a column is read as, and that none that may name the patient is passed over."""

from __future__ import annotations

import pytest

from hilum.errors import DataError, UsageError
from hilum.sources.columns import FIELDS, FINDINGS, columns_of, mapping_of, missing
from hilum.study import Finding


def fields(*names: str, **mapped: str) -> dict[str, tuple[str, ...]]:
    return dict(columns_of("t.csv", names, mapped).fields)


@pytest.mark.parametrize("field", FIELDS)
def test_every_usual_name_is_read_in_any_spelling(field):
    for name in FIELDS[field]:
        assert fields(name.upper()) == {field: (name.upper(),)}
        assert fields(f" {name[0]}_{name[1:]}.") == {field: (f" {name[0]}_{name[1:]}.",)}


def test_no_name_is_of_two_fields():
    names = [name for names in FIELDS.values() for name in names]
    assert len(names) == len(set(names))
    assert not set(names) & set(FINDINGS)


@pytest.mark.parametrize(
    "name",
    [
        *("Patient_Code", "patient key 2", "pat_code", "pid", "Proband", "Case ID", "case_number", "UHID"),
        *("Hospital No.", "medical_record_number", "NHS number", "paciente", "subject_ref", "individual"),
        *("patient_account_number", "person_nr", "patientname", "anonymised patient"),
        *("anon_id", "hosp_no", "CHI", "chi number", "Record Number", "Fallnummer", "Fall-Nr", "Name", "ID"),
        *("surname", "pseudonym code", "volunteer no", "subj code", "anonymised number", "UR"),
    ],
)
def test_a_column_that_looks_like_a_patients_id_stops_the_source(name):
    fix = rf"is not read: {name}; add --map patient={name}, or --map patient=none"
    with pytest.raises(DataError, match=fix.replace(".", r"\.")):
        columns_of("t.csv", ["image", name], {})
    assert fields("image", name, patient=name)["patient"] == (name,)
    assert "patient" not in fields("image", name, patient="none")
    assert fields("image", name, "PatientID")["patient"] == ("PatientID",)


@pytest.mark.parametrize(
    "name",
    [
        *("patient_weight", "PatientOrientation", "Patient Race", "subjective", "pathology note", "pattern"),
        *("patient_birth_date", "personal history", "cases", "spatial", "insurance of patient"),
        *("unit", "record", "hospital", "fall", "chin", "urgent", "ward name", "class id", "rad_id"),
    ],
)
def test_what_is_only_about_a_patient_does_not(name):
    columns = columns_of("t.csv", ["image", name], {})
    assert columns.unread == (name,)


@pytest.mark.parametrize(
    "name", ["Pseudonym", "subj", "SUBJ_ID", "unit no", "UR number", "Volunteer", "Volunteer ID"]
)
def test_a_clear_name_of_the_patient_is_read(name):
    assert fields("image", name)["patient"] == (name,)


def test_an_id_beside_that_of_the_study_or_the_patient_is_the_rows():
    assert columns_of("t.csv", ["image", "study", "id"], {}).unread == ("id",)
    assert columns_of("t.csv", ["image", "patient", "id"], {}).unread == ("id",)


def test_two_names_of_the_patient_must_be_told_apart():
    names = ("image", "mrn", "Patient ID")
    with pytest.raises(DataError, match=r"several columns .*: Patient ID, mrn; .* --map patient=Patient ID"):
        fields(*names)
    columns = columns_of("t.csv", names, {"patient": "MRN"})
    assert (columns.fields["patient"], columns.unread) == (("mrn",), ("Patient ID",))


def test_a_map_overrules_the_usual_name():
    columns = columns_of("t.csv", ["image", "age", "years", "pe"], {"age": "years", "Pleural Effusion": "pe"})
    assert columns.fields["age"] == ("years",)
    assert columns.findings == {"pe": Finding.PLEURAL_EFFUSION}
    assert columns.unread == ("age",)
    assert columns_of("t.csv", ["image", "age"], {"age": "none"}).unread == ("age",)


def test_a_column_called_none_can_be_mapped():
    assert fields("image", "none", patient="none")["patient"] == ("none",)


def test_a_map_of_what_is_not_there_is_refused():
    with pytest.raises(UsageError, match=r"age=b: t\.csv has no such column; it has: image, a"):
        fields("image", "a", age="b")
    with pytest.raises(UsageError, match="colour is no field"):
        fields("image", "a", colour="a")


def test_two_columns_of_one_name_are_refused_where_they_are_read():
    with pytest.raises(DataError, match=r"several columns called patient \(columns 2 and 4\)"):
        fields("image", "patient", "age", "patient")
    with pytest.raises(DataError, match=r"several columns called code \(columns 2 and 3\)"):
        fields("image", "code", "code", patient="code")
    assert columns_of("t.csv", ["image", "ward", "ward", "", ""], {}).unread == ("ward",)


def test_a_field_that_is_mapped_twice_is_refused():
    assert mapping_of([("Patient", "a"), ("edema", "b"), ("patient", "a")]) == {"patient": "a", "edema": "b"}
    with pytest.raises(UsageError, match="patient=a and Patient=b name two columns of one field"):
        mapping_of([("patient", "a"), ("Patient", "b")])
    with pytest.raises(UsageError, match="Edema=a and pulmonary edema=b name two"):
        mapping_of([("Edema", "a"), ("pulmonary edema", "b")])


def test_the_first_filled_column_counts_and_blanks_say_nothing():
    columns = columns_of("t.csv", ["path", "Frontal/Lateral", "AP/PA", "Age", "Edema", "Mass"], {})
    row = {"path": "a.png", "Frontal/Lateral": "Lateral", "AP/PA": " ", "Age": float("nan"), "Edema": "NA"}
    assert columns.cells(row) == {"image": "a.png", "view": "Lateral"}
    assert columns.cells(row | {"AP/PA": "AP", "Mass": 0}) == {"image": "a.png", "view": "AP", "Mass": 0}


@pytest.mark.parametrize(
    "value", ["", " ", "NaN", "nan", "NA", "n/a", "#N/A", "<NA>", "None", "NULL", "NaT", None]
)
def test_what_programs_write_for_nothing_is_missing(value):
    assert missing(value)
    assert missing(float("nan"))
    assert not any(map(missing, [0, 0.0, False, "0", "no", [], "N"]))


@pytest.mark.parametrize(
    ("names", "read"),
    [
        ("x_min y_min x_max y_max", "x1 y1 x2 y2"),
        ("X1 Y1 X2 Y2", "x1 y1 x2 y2"),
        ("left top right bottom", "x1 y1 x2 y2"),
        ("x y width height", "x1 y1 box_width box_height"),
        ("x y w h width height", "x1 y1 box_width box_height image_width image_height"),
        ("left top width height", "x1 y1 box_width box_height"),
        ("x_min y_min x_max y_max width height", "x1 y1 x2 y2 image_width image_height"),
        ("x y width", ""),
        ("width height", ""),
    ],
)
def test_boxes_in_columns_are_told_by_all_four(names, read):
    columns = columns_of("t.csv", ["image", *names.split()], {})
    boxed = {key: value[0] for key, value in columns.fields.items() if key != "image"}
    assert set(boxed) >= set(read.split())
    assert list(boxed.values())[:4] == names.split()[: 4 * bool(read)]
    if not read:
        assert not boxed


def test_nihs_boxes_are_in_pixels_of_the_published_images():
    columns = columns_of("t.csv", ["Image Index", "Finding Label", "Bbox [x", "y", "w", "h]"], {})
    assert columns.cells({"Image Index": "1.png"}) == {
        "image": "1.png",
        "image_width": 1024,
        "image_height": 1024,
    }
    assert columns_of("t.csv", ["image", "x", "y", "w", "h"], {}).cells({"image": "1.png"}) == {
        "image": "1.png"
    }


def test_a_target_is_rsnas_only_beside_a_box():
    names = ["patientId", "x", "y", "width", "height", "Target"]
    assert columns_of("t.csv", names, {}).findings == {"Target": Finding.LUNG_OPACITY}
    assert columns_of("t.csv", ["image", "Target"], {}).unread == ("Target",)
    assert columns_of("t.csv", [*names, "label"], {}).unread == ("Target",)


def test_a_description_lists_what_is_read_and_what_is_not():
    columns = columns_of("t.csv", ["path", "AP/PA", "Frontal/Lateral", "Edema", "Ward", ""], {})
    said = "reads image = path; view = AP/PA, Frontal/Lateral; findings = Edema; does not read Ward"
    assert columns.described() == said
    assert columns_of("t.csv", ["path"], {}).described() == "reads image = path"


def test_a_finding_is_known_by_its_abbreviation_too():
    assert (FINDINGS["ptx"], FINDINGS["pna"]) == (Finding.PNEUMOTHORAX, Finding.PNEUMONIA)
