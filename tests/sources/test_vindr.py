import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.errors import DataError
from hilum.sources import SourceSpec, open_source
from hilum.sources.vindr import _Drawn, merged
from hilum.sources.vindr_words import CXR, PCXR
from hilum.study import Finding, Position, Presence, Sex, Split
from sources.dicom_files import dicom
from sources.helpers import picture, read, said, table
from sources.vindr_layout import (
    SIZE,
    box_row,
    cxr_columns,
    film,
    label_row,
    tables,
    write_vindr_cxr,
    write_vindr_pcxr,
)

PRESENT, ABSENT, UNCERTAIN = Presence.PRESENT, Presence.ABSENT, Presence.UNCERTAIN


def cxr(folder, given_by_reader, boxes=(), name="a", split="train"):
    labels = [label_row(name, r, g, cxr_columns(split)) for r, g in given_by_reader.items()]
    empty = {"image_id": "", "rad_id": "", "class_name": "No finding"} | dict.fromkeys(
        ("x_min", "y_min", "x_max", "y_max"), ""
    )
    tables(folder / "annotations", split, labels, list(boxes) or [empty])
    dicom(folder / split / f"{name}.dicom", *SIZE)
    return folder


def test_every_label_of_the_published_list_arrives(tmp_path):
    assert (len(CXR.labels), len(PCXR.labels), len(PCXR.words) - len(PCXR.labels)) == (28, 15, 36)
    write_vindr_cxr(tmp_path, 2)
    studies, problems = read("vindr-cxr", tmp_path)
    assert not len(problems), said(problems)
    ill, normal, *tests = studies
    assert (ill.id, ill.patient) == (f"vindr-cxr/{film(0)}", f"vindr-cxr/{film(0)}")
    assert (ill.sex, ill.age, ill.split) == (Sex.FEMALE, 61, Split.TRAIN)
    assert ill.views[0].position is Position.PA
    assert {study.split for study in tests} == {Split.TEST}
    assert ill.labels[Finding.CARDIOMEGALY] is PRESENT
    assert ill.labels[Finding.NO_FINDING] is UNCERTAIN, "one reader of three"
    assert normal.labels[Finding.NO_FINDING] is PRESENT
    assert set(ill.terms) == {
        word for word, meaning in CXR.labels.items() if not (meaning.finding and meaning.whole)
    }
    assert pickle.loads(pickle.dumps(ill)).views[0].load().shape == (100, 200)


def test_a_label_is_present_by_majority_uncertain_by_minority(tmp_path):
    readers = {"R1": ["Edema", "COPD", "Rib fracture"], "R2": ["Edema"], "R3": ["Edema", "Clavicle fracture"]}
    cxr(tmp_path, readers)
    (study,), problems = read("vindr-cxr", tmp_path)
    assert not len(problems), said(problems)
    assert study.labels[Finding.EDEMA] is PRESENT
    assert study.labels[Finding.FRACTURE] is UNCERTAIN
    assert study.labels[Finding.PNEUMONIA] is ABSENT
    assert (study.terms["COPD"], study.terms["Tuberculosis"]) == (UNCERTAIN, ABSENT)
    assert study.terms["Rib fracture"] is UNCERTAIN


def test_boxes_of_different_readers_that_overlap_are_one(tmp_path):
    boxes = [
        box_row("a", "R1", "Nodule/Mass", (0, 0, 20, 20)),
        box_row("a", "R2", "Nodule/Mass", (5, 5, 25, 25)),
        box_row("a", "R1", "Nodule/Mass", (100, 50, 120, 70)),
        box_row("a", "R1", "Nodule/Mass", (105, 50, 125, 70)),
        box_row("a", "R3", "Calcification", (0, 0, 20, 20)),
    ]
    cxr(tmp_path, {"R1": [], "R2": [], "R3": []}, boxes)
    (study,), _ = read("vindr-cxr", tmp_path)
    assert [(r.box, r.phrase, r.finding) for r in study.regions] == [
        ((0, 0, 0.125, 0.25), "nodule or mass", Finding.LUNG_LESION),
        ((0.5, 0.5, 0.6, 0.7), "nodule or mass", Finding.LUNG_LESION),
        ((0.525, 0.5, 0.625, 0.7), "nodule or mass", Finding.LUNG_LESION),
        ((0, 0, 0.1, 0.2), "calcification", None),
    ]
    assert study.labels[Finding.LUNG_LESION] is PRESENT, "a box counts as the reader's label"


CORNER = st.integers(0, 30)
BOX = st.tuples(CORNER, CORNER, st.integers(1, 20), st.integers(1, 20), st.sampled_from("AB"))


@given(st.lists(BOX, max_size=6), st.randoms())
def test_merging_does_not_depend_on_the_order_and_covers_every_box(values, random):
    boxes = [_Drawn("x", reader, (x, y, x + w, y + h)) for x, y, w, h, reader in values]
    hulls = merged(boxes)
    shuffled = list(boxes)
    random.shuffle(shuffled)
    assert sorted(merged(shuffled)) == sorted(hulls)
    for box in boxes:
        x1, y1, x2, y2 = box.corners
        assert any(h[0] <= x1 and h[1] <= y1 and h[2] >= x2 and h[3] >= y2 for h in hulls)


def test_children_have_findings_by_box_and_ages_in_months(tmp_path):
    write_vindr_pcxr(tmp_path, 2)
    studies, problems = read("vindr-pcxr", tmp_path)
    assert not len(problems), said(problems)
    ill, normal = studies[:2]
    assert (ill.age, ill.split) == (0.5, Split.TRAIN)
    assert ill.labels[Finding.CONSOLIDATION] is PRESENT
    assert normal.labels[Finding.CONSOLIDATION] is ABSENT, "every film was boxed for all findings"
    assert ill.labels[Finding.PNEUMONIA] is PRESENT
    assert (ill.terms["Brocho-pneumonia"], ill.terms["Pneumonia"]) == (PRESENT, ABSENT)
    assert studies[2].split is Split.TEST
    assert studies[2].terms["CPAM"] is ABSENT, "a column that lacks was given to none"
    assert [region.phrase for region in ill.regions] == ["consolidation"]


def test_smaller_png_copies_use_the_size_of_the_original(tmp_path):
    cxr(tmp_path, {"R1": ["Edema"]}, [box_row("a", "R1", "Edema", (100, 50, 200, 100))])
    (tmp_path / "train" / "a.dicom").unlink()
    picture(tmp_path / "train_png" / "a.png", 20, 10)
    table(tmp_path / "train_meta.csv", [{"image_id": "a", "width": 200, "height": 100}])
    (study,), _ = read("vindr-cxr", tmp_path)
    assert study.regions[0].box == (0.5, 0.5, 1, 1)
    bad = [("a", "", 100), ("a", 200, "x"), ("a", 0.5, 100), ("b", 1, 1)]
    sizes = [dict(zip(("image_id", "width", "height"), one, strict=True)) for one in bad]
    table(tmp_path / "train_meta.csv", sizes)
    (study,), problems = read("vindr-cxr", tmp_path)
    assert not study.regions, "the size of its picture is not that of the original"
    assert said(problems)[:3] == [
        f"train_meta.csv, line {line}: has no width and height; the row is left out" for line in (2, 3, 4)
    ]


def test_bad_rows_are_counted_with_their_line_and_the_others_kept(tmp_path):
    rows = [
        box_row("a", "R1", "Rash", (0, 0, 9, 9)),
        box_row("a", "R1", "Edema", (0, 0, "", 9)),
        box_row("a", "R1", "Edema", (900, 900, 910, 910)),
        box_row("b", "R1", "Edema", (0, 0, 9, 9)),
        *[box_row("a", "R1", "Edema", (0, 0, 9, 9))] * 2,
    ]
    cxr(tmp_path, {"R1": ["Edema"]}, rows)
    labels = tmp_path / "annotations" / "image_labels_train.csv"
    lines = labels.read_text().splitlines()
    header, first = lines[0] + ",Hiccups", lines[1] + ",0"
    broken = first.replace("R1,0", "R2,maybe", 1)
    labels.write_text("\r\n".join([header, first, first, broken, "gone" + first[1:], "short"]) + "\r\n")
    (study,), problems = read("vindr-cxr", tmp_path)
    assert len(study.regions) == 1
    assert problems.counts == {
        "has an unknown label": 1,
        "has an unreadable box": 1,
        "has no row in the table of labels": 1,
        "is a duplicate row": 1,
        "has a box outside its image, or an image of unknown size": 1,
        "has the column 'Hiccups', which is no label of vindr-cxr": 1,
        "is a duplicate row of its reader": 1,
        "is not 1 or 0": 1,
        "has a row but no image file": 1,
        "has 1 cells for 31 columns": 1,
    }, said(problems)
    (outside,) = (p for p in problems.kept if "outside its image" in p.problem)
    assert str(outside.thing).startswith("annotations_train.csv, line ")
    assert "annotations_train.csv, line 2: has an unknown label; the row is left out" in said(problems)


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(DataError, match=r"image_labels_train.csv: is missing"):
        open_source(SourceSpec("vindr-cxr", tmp_path))
    cxr(tmp_path, {"R1": ["Edema"]})
    (tmp_path / "annotations" / "annotations_train.csv").unlink()
    studies, problems = read("vindr-cxr", tmp_path)
    assert len(studies) == problems.counts["is missing"] == 1
