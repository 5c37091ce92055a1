"""What a dry run says is what the build then does, as far as no image is broken or shared."""

from __future__ import annotations

import json

import pytest

from hilum.errors import DataError
from hilum.instruct import preview
from hilum.sources import SourceSpec
from hilum.study import Split
from instruct.test_build import PHANTOM, make, row, write_folder


def test_a_dry_run_counts_what_the_build_counts_and_writes_nothing(tmp_path):
    rows = [row(i, patient=f"p{i // 2}") for i in range(40)]
    spec = write_folder(tmp_path / "in", [*rows, row(40, image="gone.png")])
    (tmp_path / "in" / "gone.png").unlink()
    before = sorted(tmp_path.rglob("*"))
    document = preview([spec, PHANTOM], limit=40)
    assert sorted(tmp_path.rglob("*")) == before
    card = json.loads((make([spec, PHANTOM], tmp_path / "out", limit=40).folder / "card.json").read_text())
    for name, counts in document["splits"].items():
        assert counts.items() <= card["splits"][name].items()
    assert document["warnings"] == card["warnings"]
    for source, own in zip(document["sources"], card["sources"], strict=True):
        assert (source["name"], source["studies"]) == (own["name"], own["studies"])
        assert source["notes"] == own["notes"]


def test_a_dry_run_lists_problems_by_kind_with_examples(tmp_path):
    spec = write_folder(tmp_path / "in", [row(i) for i in range(8)])
    for number in range(1, 8):
        (tmp_path / "in" / f"{number}.png").unlink()
    (source,) = preview([spec])["sources"]
    assert source["problems"] == {"is not in the folder": 7}
    assert len(source["examples"]) == 5
    assert "row 2: 1.png: is not in the folder" in source["examples"][0]


def test_a_source_that_breaks_off_is_said_beside_others_and_refused_alone(tmp_path):
    missing = SourceSpec("nih-chestxray14", tmp_path / "nowhere")
    document = preview([missing, PHANTOM], limit=3)
    assert ["nowhere" in (source["failed"] or "") for source in document["sources"]] == [True, False]
    assert sum(counts["studies"] for counts in document["splits"].values()) == 3
    with pytest.raises(DataError, match="nowhere: does not exist"):
        preview([missing])


def test_the_tables_own_split_counts(tmp_path):
    spec = write_folder(tmp_path / "in", [row(i, boxes="test") for i in range(5)])
    table = tmp_path / "in" / "metadata.csv"
    table.write_text(table.read_text().replace("boxes", "split", 1))
    assert preview([spec])["splits"][Split.TEST.value] == {"patients": 5, "studies": 5, "images": 5}
