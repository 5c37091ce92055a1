import gzip

import pytest

from hilum.errors import DataError
from hilum.sources import SourceSpec, open_source
from hilum.study import Finding, Presence, Split
from sources.covidx_layout import films
from sources.helpers import read, said
from sources.rsna_pneumonia_layout import film, mapping

PRESENT, ABSENT = Presence.PRESENT, Presence.ABSENT


def test_a_line_becomes_a_study_with_its_source_as_group(tmp_path):
    films(tmp_path, "train", ["901 p901.png negative cohen", "COVID 12 COVID(12).png positive sirm"])
    films(tmp_path, "test", ["S901 b.JPG positive bimcv"])
    films(tmp_path, "val", ["7 v.jpeg negative Stonybrook"])
    (one, two, val, test), problems = read("covidx-cxr", tmp_path)
    assert not len(problems), said(problems)
    assert (one.id, one.patient, one.group) == ("covidx-cxr/p901.png", "covidx-cxr/cohen/901", "cohen")
    assert (one.terms, two.terms) == ({"COVID-19": ABSENT}, {"COVID-19": PRESENT})
    assert (two.patient, two.views[0].id) == ("covidx-cxr/sirm/COVID 12", "COVID(12).png")
    assert (test.patient, test.split) == ("bimcv-covid19/S901", Split.TEST)
    assert (val.group, val.split, one.split) == ("stonybrook", Split.VAL, Split.TRAIN)
    assert one.views[0].load().shape == (8, 8)


def test_films_of_rsna_carry_the_patients_that_rsna_and_nih_give_them(tmp_path):
    lines = [f"{film(1)} {film(1)}.png negative rsna", f"{film(2)} {film(2)}.png negative rnsa"]
    films(tmp_path, "train", lines)
    studies, _ = read("covidx-cxr", tmp_path)
    assert [study.patient for study in studies] == [f"rsna/{film(1)}", f"rsna/{film(2)}"]
    assert {study.group for study in studies} == {"rsna"}
    mapping(tmp_path, {film(1): "00000042_003.png"})
    studies, _ = read("covidx-cxr", tmp_path)
    assert [study.patient for study in studies] == ["nih/42", f"rsna/{film(2)}"]


def test_the_older_lists_with_three_classes_tell_findings(tmp_path):
    films(tmp_path, "train", ["1 a.png normal cohen", "2 b.png pneumonia cohen", "3 c.png COVID-19 cohen"])
    (normal, ill, covid), _ = read("covidx-cxr", tmp_path)
    assert normal.labels == {Finding.PNEUMONIA: ABSENT, Finding.NO_FINDING: PRESENT}
    assert ill.labels == {Finding.PNEUMONIA: PRESENT, Finding.NO_FINDING: ABSENT}
    assert covid.labels == {}
    assert [study.terms["COVID-19"] for study in (normal, ill, covid)] == [ABSENT, ABSENT, PRESENT]


def test_bad_lines_are_counted_and_the_others_kept_also_from_a_packed_list(tmp_path):
    lines = ["1 a.png positive sirm", "1 a.png positive sirm", "", "2 b.png maybe sirm", "3 c.png positive"]
    films(tmp_path, "train", ["1 a.png positive sirm"])
    (tmp_path / "train.txt").unlink()
    lines += ["4 gone.png negative rsna", "5 ../train.txt.gz negative rsna"]
    (tmp_path / "train.txt.gz").write_bytes(gzip.compress("\r\n".join(lines).encode("cp1252")))
    (study,), problems = read("covidx-cxr", tmp_path)
    assert study.views[0].id == "a.png"
    assert problems.counts == {
        "is a duplicate id": 1,
        "has an unknown class": 1,
        "has 3 words, not patient, file, class and source": 1,
        "has a row but no image file": 2,
    }, said(problems)
    assert "train.txt, line 4: has an unknown class; the line is left out" in said(problems)


def test_missing_lists_are_named(tmp_path):
    with pytest.raises(DataError, match=r"train.txt: is missing"):
        open_source(SourceSpec("covidx-cxr", tmp_path))
