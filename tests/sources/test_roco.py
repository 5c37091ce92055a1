from collections import Counter

import pytest

from hilum.errors import DataError
from hilum.sources import SourceSpec, open_source
from hilum.study import Split
from sources.helpers import read, said, table
from sources.vqa_layout import roco, write_roco


def test_every_field_arrives(tmp_path):
    left_out = Counter()
    studies, problems = read("roco", write_roco(tmp_path), left_out=left_out)
    assert not len(problems), said(problems)
    assert [s.split for s in studies] == [Split.TRAIN] * 10 + [Split.VAL, Split.TEST]
    study = studies[0]
    assert (study.id, study.patient, study.views[0].id) == ("roco/ROCO_00100", "pmc/PMC100", "ROCO_00100")
    assert study.caption == "Chest radiograph on day 100 showing an effusion."
    assert study.views[0].load().shape == (8, 8)
    assert left_out == {"images that are no chest radiographs": 2}


def test_the_machine_drawn_codes_do_not_decide_but_the_list_does(tmp_path):
    write_roco(tmp_path)
    (tmp_path / "list_chest_xray.txt").write_text("ROCO_00401.jpg\n")
    (study,), _ = read("roco", tmp_path)
    assert study.caption == "Knee radiograph."


def test_the_second_release_is_read_and_its_curated_codes_decide(tmp_path):
    names = [f"ROCOv2_2023_train_{i:06}" for i in range(1, 5)]
    captions = dict(zip(names, ["Two arrows.", "CXR.", "Three arrows.", "X-ray and CT of it."], strict=True))
    roco(tmp_path, "train", captions, second=True)
    codes = ["C1306645;C0817096", "", "C1306645", "C1306645;C0817096"]
    rows = [{"ID": name, "CUIs": coded} for name, coded in zip(names, codes, strict=True)]
    table(tmp_path / "train_concepts_manual.csv", rows)
    roco(tmp_path, "valid", {"ROCOv2_2023_valid_000001": "Chest film."}, second=True)
    studies, problems = read("roco", tmp_path)
    assert [s.id.rsplit("_", 2)[1:] for s in studies] == [
        ["train", "000001"],
        ["train", "000002"],
        ["train", "000004"],
        ["valid", "000001"],
    ]
    assert studies[0].patient == studies[0].id
    assert studies[-1].split is Split.VAL
    assert problems.counts == {"is missing": 1}


def test_bad_rows_are_counted_and_the_others_kept(tmp_path):
    write_roco(tmp_path)
    part = tmp_path / "data" / "train" / "radiology"
    with (part / "captions.txt").open("ab") as file:
        file.write(b"ROCO_00100\t CXR\r\nROCO_00101\n\tCXR\n\nROCO_00999\tCXR, na\xefve\n")
    (part / "licences.txt").unlink()
    studies, problems = read("roco", tmp_path)
    assert len(studies) == 12
    assert studies[0].patient == "roco/ROCO_00100"
    assert said(problems) == [
        "ROCO_00100: is a duplicate id; the first one is kept",
        "train/captions.txt, line 13: lacks its id or caption; it is left out",
        "train/captions.txt, line 14: lacks its id or caption; it is left out",
        "train/captions.txt, line 16: ROCO_00999: has a caption but no image file; fetch the images",
    ]


def test_a_folder_without_captions_says_what_is_missing(tmp_path):
    with pytest.raises(DataError, match=r"captions\.txt: is missing"):
        open_source(SourceSpec("roco", tmp_path))
    table(tmp_path / "train_captions.csv", [{"ID": "a"}])
    with pytest.raises(DataError, match="lacks the column 'Caption'"):
        open_source(SourceSpec("roco", tmp_path))
