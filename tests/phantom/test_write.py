"""A cohort as files: everything by name, all or nothing, the same bytes again."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from hilum.errors import UsageError
from hilum.phantom import PhantomConfig, cohort, write_cohort
from hilum.phantom import write as module
from hilum.study import Presence


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("cohort") / "phantoms"
    write_cohort(10, out, size=64, seed=3)
    return out


def records(folder):
    return [json.loads(line) for line in (folder / "studies.jsonl").read_text(encoding="utf-8").splitlines()]


def rows(path):
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_every_study_is_written_with_its_truth(folder):
    studies = list(cohort(10, seed=3, config=PhantomConfig(size=64)))
    for record, study in zip(records(folder), studies, strict=True):
        assert record["study"] == study.id
        assert record["synthetic"] is True
        assert record["prior"] == (study.prior.id if study.prior else None)
        assert [f["finding"] for f in record["facts"]] == [f.finding.value for f in study.facts]
        assert record["labels"] == {f.value: v is Presence.PRESENT for f, v in study.labels.items()}
        assert 0.3 < record["measured"]["ctr"] < 0.7
        assert study.report.findings in (folder / record["report"]).read_text(encoding="utf-8")


def test_pictures_are_kept_exactly_and_say_that_they_are_synthetic(folder):
    studies = cohort(10, seed=3, config=PhantomConfig(size=64))
    for record, study in zip(records(folder), studies, strict=True):
        for entry, view in zip(record["views"], study.views, strict=True):
            assert ".synthetic." in entry["image"]
            with Image.open(folder / entry["image"]) as picture:
                assert "no real person" in picture.info["Description"]
                assert np.array_equal(np.asarray(picture), np.round(view.load() * 255).astype(np.uint8))


def test_boxes_and_masks_agree(folder):
    table = rows(folder / "boxes.csv")
    regions = [r for record in records(folder) for r in record["regions"]]
    assert len(table) == len(regions) > 5
    for row in table:
        with Image.open(folder / row["mask"]) as picture:
            mask = np.asarray(picture) > 0
        ys, xs = np.nonzero(mask)
        corners = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]) / 64
        assert np.allclose(corners, [float(row[c]) for c in ("x1", "y1", "x2", "y2")], atol=1e-4)
        assert (folder / row["image"]).is_file()
        assert 0.0 <= float(row["visibility"]) <= 1.0


def test_labels_are_noughts_and_ones_of_each_finding(folder):
    for row, record in zip(rows(folder / "labels.csv"), records(folder), strict=True):
        assert row["study"] == record["study"]
        assert row["group"] in "AB"
        for fact in record["facts"]:
            assert row[fact["finding"]] == str(int(fact["presence"] != Presence.ABSENT))


def test_no_file_is_left_unnamed(folder):
    named = {"studies.jsonl", "labels.csv", "boxes.csv", ".hilum.json"}
    for record in records(folder):
        named |= {record["report"], *(v["image"] for v in record["views"])}
        named |= {r["mask"] for r in record["regions"]}
    assert {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} == named


def test_the_same_seed_writes_the_same_bytes(folder, tmp_path):
    write_cohort(10, tmp_path / "again", size=64, seed=3)
    for path in folder.rglob("*"):
        if path.is_file():
            assert (tmp_path / "again" / path.relative_to(folder)).read_bytes() == path.read_bytes()


def test_an_interrupted_writing_leaves_the_old_folder(tmp_path, monkeypatch):
    out = tmp_path / "phantoms"
    write_cohort(1, out, size=64)
    before = (out / "studies.jsonl").read_bytes()
    whole = module.encode_png

    def full(pixels, *, text):
        if "Title" in text and "000002" in text["Title"]:
            raise OSError("disk full")
        return whole(pixels, text=text)

    monkeypatch.setattr(module, "encode_png", full)
    with pytest.raises(OSError, match="disk full"):
        write_cohort(8, out, size=64)
    assert (out / "studies.jsonl").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["phantoms"]


def test_a_size_out_of_range_writes_nothing(tmp_path):
    with pytest.raises(UsageError, match="size"):
        write_cohort(1, tmp_path / "phantoms", size=63)
    assert list(tmp_path.iterdir()) == []
