import contextlib
import shutil
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.errors import DataError
from hilum.files import Problems
from hilum.instruct import build
from hilum.sources import SourceSpec, open_source
from hilum.sources.ms_cxr import ALIGNMENT, IMAGE_PAIRS, SENTENCE_PAIRS, _box
from hilum.study import Change, Fact, Finding, Position, Presence, Split, Task, TextExample, TextKind
from sources.helpers import read, said, table
from sources.mimic_layout import (
    JPG,
    PATIENTS,
    VISITS,
    dicom,
    home,
    pair_row,
    phrase_row,
    study,
    subject,
    write_images,
    write_metadata,
    write_ms_cxr,
    write_ms_cxr_t,
    write_patients,
    write_reports,
)


def by_id(name, folder, **options):
    studies, problems = read(name, folder, **options)
    return {one.id.split("/")[1]: one for one in studies}, problems


def test_phrases_arrive_with_their_boxes(tmp_path):
    studies, problems = by_id("ms-cxr", write_ms_cxr(tmp_path / "data"))
    assert not len(problems), said(problems)
    assert len(studies) == PATIENTS * VISITS
    one = studies[study(1, 0)]
    assert (one.id, one.patient, one.split) == (f"ms-cxr/{study(1, 0)}", f"mimic/{subject(1)}", Split.VAL)
    (region,) = one.regions
    assert (region.phrase, region.finding) == ("lung opacity on the left", Finding.LUNG_OPACITY)
    assert region.box == (0.25, 0.25, 0.5, 0.375)
    assert one.labels == {Finding.LUNG_OPACITY: Presence.PRESENT}
    assert one.views[region.view].id == dicom(1, 0)
    assert {s.split for s in studies.values()} == set(Split)


def test_a_study_has_all_images_and_boxes_that_the_table_has(tmp_path):
    folder = write_images(tmp_path / "data")
    lateral = {"dicom_id": dicom(0, 0, 1), "path": f"{home(0, 0)}/{dicom(0, 0, 1)}.jpg"}
    rows = [phrase_row(0, 0), phrase_row(0, 0, x=900), phrase_row(1, 0), phrase_row(0, 0, "Edema", **lateral)]
    table(folder / ALIGNMENT[0], rows)
    one, _ = by_id("ms-cxr", folder)[0].values()
    assert [view.id for view in one.views] == [dicom(0, 0), dicom(0, 0, 1)]
    assert [(r.phrase, r.box[0], r.view) for r in one.regions] == [
        ("pneumonia on the left", 400 / 1600, 0),
        ("pneumonia on the left", 900 / 1600, 0),
        ("edema on the left", 400 / 1600, 1),
    ]
    (folder / JPG / home(0, 0) / f"{dicom(0, 0)}.jpg").unlink()
    one, _ = by_id("ms-cxr", folder)[0].values()
    assert [(view.id, one.regions[0].view, len(one.regions)) for view in one.views] == [
        (dicom(0, 0, 1), 0, 1)
    ]


def test_the_first_release_has_the_split_of_mimic(tmp_path):
    folder = write_ms_cxr(tmp_path / "data")
    (folder / ALIGNMENT[0]).unlink()
    rows = [{k: v for k, v in phrase_row(p, 0).items() if k != "split"} for p in range(PATIENTS)]
    table(folder / ALIGNMENT[1], rows)
    studies, problems = by_id("ms-cxr", folder)
    assert {s.split for s in studies.values()} == {None}
    write_patients(write_reports(write_metadata(folder)))
    studies, problems = by_id("ms-cxr", folder)
    one = studies[study(1, 0)]
    assert one.split is Split.VAL
    assert one.views[0].position is Position.PA
    assert (one.taken, one.age, one.report.impression) == ("2151-01-01 08:05:01", 54, "Small left effusion.")
    assert not len(problems)


def test_bad_phrases_are_counted_with_their_line_and_the_others_kept(tmp_path):
    folder = write_images(tmp_path / "data")
    bad = [{"category_name": "Rash"}, {"x": "a"}, {"x": 1600}, {"image_width": 0}, {"label_text": " "}]
    bad += [{"path": "a.jpg"}, {"dicom_id": "a"}, {"split": "exam"}, {}]
    table(folder / ALIGNMENT[0], [phrase_row(0, 0), *(phrase_row(0, 0, **one) for one in bad)])
    (one,), problems = read("ms-cxr", folder)
    assert len(one.regions) == 1
    whys = ["has an unknown category", *["has an unreadable box"] * 3, "has no phrase"]
    whys += [*["names no image of MIMIC-CXR"] * 2, "has an unknown split", "repeats a row"]
    name = ALIGNMENT[0]
    assert said(problems) == [
        f"{name}, line {n}: {why}; it is left out" for n, why in enumerate(whys, start=3)
    ]


@given(st.lists(st.integers(-50, 150), min_size=4, max_size=4), st.integers(-1, 200), st.integers(-1, 200))
def test_a_box_is_the_part_of_it_that_lies_in_its_image_or_none(values, width, height):
    x, y, w, h = values
    left, right = max(x, 0), min(x + w, width)
    top, bottom = max(y, 0), min(y + h, height)
    box = _box([*values, width, height])
    if left >= right or top >= bottom:
        assert box is None
    else:
        assert box == pytest.approx((left / width, top / height, right / width, bottom / height))


def test_pairs_of_images_arrive_as_changes_since_the_prior(tmp_path):
    studies, problems = by_id("ms-cxr-t", write_ms_cxr_t(tmp_path / "data"))
    assert not len(problems), said(problems)
    changes = (Change.IMPROVED, Change.STABLE, Change.WORSENED)
    for p in range(PATIENTS):
        one = studies[dicom(p, 1)]
        assert one.patient == one.prior.patient == f"mimic/{subject(p)}"
        assert [view.id for view in (*one.views, *one.prior.views)] == [dicom(p, 1), dicom(p, 0)]
        assert one.facts == (Fact(Finding.EDEMA, change=changes[p % 3]),)
        assert one.split is one.prior.split is Split.TEST
        assert one.prior.prior is None
        assert not one.prior.facts


@pytest.mark.parametrize("name", ["ms-cxr", "ms-cxr-t"])
def test_where_no_image_lies_all_are_missed(tmp_path, name):
    folder = write_ms_cxr(write_ms_cxr_t(tmp_path / "data"))
    shutil.rmtree(folder / JPG)
    problems = Problems()
    with contextlib.suppress(DataError):
        assert not any(one.views for one in open_source(SourceSpec(name, folder), problems))
    assert problems.counts == {"has a row but no image file": PATIENTS * VISITS}


def test_pairs_of_sentences_arrive_to_test_on(tmp_path):
    studies, _ = read("ms-cxr-t", write_ms_cxr_t(tmp_path / "data"))
    texts = [one for one in studies if one.texts]
    assert len(texts) == PATIENTS
    assert not any(one.views for one in texts)
    assert {one.split for one in texts} == {Split.TEST}
    options = ("paraphrase", "contradiction")
    sentences = ("Effusion 0 is larger.", "It has shrunk.")
    assert texts[1].texts == (TextExample(TextKind.SIMILARITY, sentences, "contradiction", options),)


def test_what_experts_disagreed_on_is_left_out_and_counted(tmp_path):
    folder = write_ms_cxr_t(tmp_path / "data")
    said_of = {"edema_progression": "stable", "edema_label_quality": "disagreement"}
    said_of |= {"pneumonia_progression": "worsening", "pneumonia_label_quality": "multiple_experts"}
    table(folder / IMAGE_PAIRS, [pair_row(0, **said_of)])
    left_out = Counter()
    studies, problems = by_id("ms-cxr-t", folder, left_out=left_out)
    assert studies[dicom(0, 1)].facts == (Fact(Finding.PNEUMONIA, change=Change.WORSENED),)
    assert left_out == {"progressions that the experts disagreed on": 1}
    assert not len(problems)


def test_bad_pairs_are_counted_with_their_line_and_the_others_kept(tmp_path):
    folder = write_images(tmp_path / "data")
    good = pair_row(0, edema_progression="stable", pneumonia_progression="better")
    gone = pair_row(1, edema_progression="stable")
    shutil.rmtree(folder / JPG / home(1, 0))
    table(folder / IMAGE_PAIRS, [good, good, good | {"previous_dicom_id": "p1/s1/x"}, gone, pair_row(2)])
    pairs = [{"sentence_1": "A.", "sentence_2": "B.", "category": c} for c in ("paraphrase", "neutral", "")]
    table(folder / SENTENCE_PAIRS, [*pairs, pairs[0] | {"sentence_2": ""}])
    studies, problems = by_id("ms-cxr-t", folder)
    assert list(studies) == [dicom(0, 1), "sentences-2"]
    unknown = "is 'better', not improving, stable, worsening or blank; it is left unknown"
    assert said(problems) == [
        f"{IMAGE_PAIRS}, line 2, pneumonia_progression: {unknown}",
        f"{dicom(0, 1)}: is a duplicate id; the first one is kept",
        f"{IMAGE_PAIRS}, line 4: lacks an id of MIMIC-CXR's form; it is left out",
        f"{dicom(1, 0)}: has a row but no image file; download its folder",
        f"{IMAGE_PAIRS}, line 6: says nothing of any finding; it is left out",
        *(
            f"{SENTENCE_PAIRS}, line {line}: lacks a sentence, or a category that is known; it is left out"
            for line in (3, 4, 5)
        ),
    ]


@pytest.mark.parametrize(("gone", "kept"), [(IMAGE_PAIRS, PATIENTS), (SENTENCE_PAIRS, PATIENTS)])
def test_one_table_is_read_without_the_other(tmp_path, gone, kept):
    folder = write_ms_cxr_t(tmp_path / "data")
    (folder / gone).unlink()
    studies, problems = read("ms-cxr-t", folder)
    assert len(studies) == kept
    assert said(problems) == [f"{gone}: is missing; the other table is read alone"]


def test_a_build_asks_where_phrases_are_and_what_became_of_findings(tmp_path):
    folder = write_ms_cxr(write_ms_cxr_t(tmp_path / "data"))
    specs = [SourceSpec("ms-cxr", folder), SourceSpec("ms-cxr-t", folder)]
    out = build(specs, tmp_path / "out", size=32, workers=1, progress=False)
    records = [(split, record) for split in Split for record in out.records(split)]
    assert {split for split, _ in records} == {Split.TEST}, "a patient that is tested on was learned from"
    tasks = {c.task for split in Split for c in out.conversations(split)}
    assert {Task.GROUND, Task.PROGRESSION} <= tasks
