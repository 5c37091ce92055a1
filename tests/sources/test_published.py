"""Each source from its published layout to conversations: nothing known is lost, and its tasks are made."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections import Counter

import pytest

from hilum.errors import DataError
from hilum.instruct import build
from hilum.instruct import published as published_tasks
from hilum.instruct.records import StudyRecord
from hilum.instruct.tasks import CORE
from hilum.prompts import frontal
from hilum.sources import open_source
from hilum.study import Split, Study, Task, strictest
from sources.helpers import read, said
from sources.published import PUBLISHED, published

REPORT = {Task.FINDINGS, Task.IMPRESSION, Task.SUMMARIZE, Task.DRAW}
LABELS = {Task.BINARY, Task.TEXT}
BOXES = {Task.DETECT, Task.GROUND}
ASKED = {Task.VQA_CLOSED, Task.VQA_OPEN}
EXPECTED: dict[str, tuple[int, set[Task]]] = {
    "nih-chestxray14": (30, LABELS | {Task.VIEW, Task.VQA_CLOSED}),
    "open-i": (12, REPORT - {Task.DRAW} | LABELS | ASKED),
    "vqa-rad": (12, ASKED),
    "hannover-covid": (20, {Task.VIEW}),
    "folder": (12, LABELS | ASKED | {Task.DRAW, Task.FINDINGS, Task.VIEW}),
    "mimic-cxr-vqa": (12, ASKED | {Task.VIEW}),
    "mimic-diff-vqa": (12, ASKED | {Task.TEXT, Task.VIEW}),
    "mimic-nle": (12, {Task.TEXT, Task.VIEW}),
    "radnli": (12, set()),
    "radgraph": (12, set()),
    "radqa": (12, set()),
    "rexval": (12, set()),
    "mimic-iii": (12, {Task.SUMMARIZE, Task.TEXT}),
    "mimic-cxr": (16, REPORT | LABELS | ASKED | {Task.VIEW}),
    "cxr-lt": (16, LABELS | {Task.DISEASES, Task.VIEW, Task.VQA_CLOSED}),
    "ms-cxr": (16, REPORT - {Task.DRAW} | BOXES | ASKED | {Task.TEXT}),
    "ms-cxr-t": (16, {Task.PROGRESSION, Task.TEXT}),
    "mimic-cxr-struct": (16, REPORT | ASKED | {Task.PROGRESSION, Task.TEXT, Task.VIEW}),
    "rsna-pneumonia": (14, LABELS | {Task.DETECT, Task.VIEW, Task.VQA_CLOSED}),
    "vindr-cxr": (18, LABELS | BOXES | {Task.VIEW, Task.VQA_CLOSED}),
    "vindr-pcxr": (18, LABELS | BOXES | {Task.VQA_CLOSED}),
    "siim-acr-pneumothorax": (14, LABELS | {Task.DETECT, Task.VIEW, Task.VQA_CLOSED}),
    "object-cxr": (18, {Task.GROUND}),
    "nlm-tb": (20, ASKED | BOXES | {Task.DRAW, Task.IMPRESSION, Task.TEXT, Task.VIEW}),
    "covidx-cxr": (16, set()),
    "slake": (12, ASKED | BOXES | {Task.TEXT}),
    "rad-restruct": (12, ASKED),
    "medvqa-2019": (14, ASKED | {Task.VIEW}),
    "pmc-vqa": (12, ASKED),
    "roco": (12, set()),
    "chexpert": (20, REPORT | LABELS | ASKED | {Task.PROGRESSION, Task.VIEW}),
    "brax": (12, LABELS | {Task.VIEW, Task.VQA_CLOSED}),
    "padchest": (12, REPORT | LABELS | ASKED | {Task.VIEW}),
    "bimcv-covid19": (16, LABELS | ASKED | {Task.DRAW, Task.IMPRESSION, Task.VIEW}),
    "candid-ptx": (12, REPORT | LABELS | ASKED | BOXES | {Task.VIEW}),
}
"""How many studies each miniature holds, and what is asked of them where nobody names tasks."""

KEPT = (
    *("patient", "source", "facts", "facts_complete", "labels", "terms", "questions", "texts", "caption"),
    *("sex", "age", "group", "race", "device", "taken"),
)


@pytest.mark.parametrize("name", [name for name in PUBLISHED if name != "phantom"])
def test_a_build_keeps_all_that_is_read_and_makes_all_of_chexinstructs_tasks_of_the_source(name, tmp_path):
    spec, left_out = published(name, tmp_path / "data"), Counter()
    studies, problems = read(name, spec.path, left_out=left_out)
    assert not len(problems), said(problems)
    made = build([spec], tmp_path / "out", size=64, workers=1, progress=False, tasks="all")
    card = json.loads((tmp_path / "out" / "card.json").read_text())
    assert (card["problems"], card["sources"][0]["left_out"]) == ({}, left_out)
    records = {record.id: record for split in Split for record in made.records(split)}
    assert records.keys() == {study.id for study in studies}
    for study in studies:
        assert_kept(study, records[study.id])
    splits = {(record.patient, record.split) for record in records.values()}
    assert len(splits) == len({record.patient for record in records.values()}), "a patient is in two splits"
    tasks = {one.task for split in Split for one in made.conversations(split)}
    assert (len(studies), tasks & CORE) == EXPECTED[name]
    lacking = {row.name for row in published_tasks() if name in row.sources and not tasks & set(row.tasks)}
    assert not lacking, "CheXinstruct asks this of the source"


def test_each_of_chexinstructs_80_pairs_has_a_miniature_that_is_built():
    pairs = {(row.name, source) for row in published_tasks() for source in row.sources}
    assert len(pairs) == 80
    assert {source for _, source in pairs} <= EXPECTED.keys() == set(PUBLISHED) - {"phantom"}


def assert_kept(study: Study, record: StudyRecord) -> None:
    """All of a study is in its record, but for the case of a report's blanks and what a mask is cut into."""
    for field in KEPT:
        assert getattr(record, field) == getattr(study, field), (study.id, field)
    assert len(record.image_ids) == len(study.views)
    assert record.positions == tuple(view.position for view in study.views)
    before = study.prior and frontal([view.position for view in study.prior.views])
    assert len(record.prior_image_ids) == (before is not None)
    marked = {(region.view, region.finding, region.phrase, region.side) for region in study.regions}
    assert {(region.view, region.finding, region.phrase, region.side) for region in record.regions} == marked
    if study.report is None or not study.report.text:
        assert record.report is None
    else:
        assert record.report is not None
        for section in ("indication", "comparison", "findings", "impression"):
            assert getattr(record.report, section) == " ".join(getattr(study.report, section).split())
    assert record.split is not None
    assert strictest(record.split, study.split) is record.split


COLUMNS = (
    ("bimcv-covid19", "participants.tsv", "gender"),
    ("brax", "master_spreadsheet_update.csv", "StudyDate"),
    ("candid-ptx", "Pneumothorax_reports.csv", "Report"),
    ("chexpert", "train.csv", "Edema"),
    ("bimcv-covid19", "translations.csv", "session_id"),
    ("cxr-lt", "labels.csv", "study_id"),
    ("hannover-covid", "data.csv", "image_id"),
    ("mimic-cxr", "mimic-cxr-2.0.0-metadata.csv", "StudyTime"),
    ("mimic-cxr", "mimic-cxr-2.0.0-metadata.csv", "subject_id"),
    ("mimic-diff-vqa", "mimic_all.csv", "study_order"),
    ("mimic-diff-vqa", "mimic_pair_questions.csv", "ref_id"),
    ("mimic-iii", "NOTEEVENTS.csv", "SUBJECT_ID"),
    ("ms-cxr", "MS_CXR_Local_Alignment_v1.1.0.csv", "label_text"),
    ("ms-cxr-t", "MS_CXR_T_temporal_image_classification_v1.0.0.csv", "edema_label_quality"),
    ("ms-cxr-t", "MS_CXR_T_temporal_image_classification_v1.0.0.csv", "edema_progression"),
    ("nih-chestxray14", "Data_Entry_2017_v2020.csv", "Finding Labels"),
    ("object-cxr", "train.csv", "annotation"),
    ("padchest", "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv", "Projection"),
    ("padchest", "translations.csv", "report"),
    ("pmc-vqa", "train_2.csv", "Question"),
    ("rexval", "6_valid_raters_per_rater_error_categories.csv", "candidate_type"),
    ("rsna-pneumonia", "stage_2_train_labels.csv", "y"),
    ("vindr-cxr", "annotations_train.csv", "x_min"),
    ("vindr-pcxr", "annotations_train.csv", "x_min"),
)


@pytest.mark.parametrize(("name", "file", "column"), COLUMNS)
def test_a_missing_column_is_named_when_the_source_is_opened(name, file, column, tmp_path):
    spec = published(name, tmp_path)
    [path, *others] = tmp_path.rglob(f"{file}*")
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8-sig")
    for copy in (path, *others):
        copy.unlink()
    delimiter = "\t" if path.suffix == ".tsv" else ","
    rows = list(csv.DictReader(io.StringIO(text), delimiter=delimiter))
    with (path.parent / file).open("w", newline="", encoding="utf-8") as out:
        columns = [other for other in rows[0] if other != column]
        writer = csv.DictWriter(out, columns, delimiter=delimiter, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(DataError, match=rf"{re.escape(file)}: lacks the column '{column}'; it has: "):
        open_source(spec)
