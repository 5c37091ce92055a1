import json
from collections import Counter

import pytest

from hilum.errors import DataError
from hilum.sources import SourceSpec, open_source
from hilum.study import Split, TextExample, TextKind
from sources.helpers import read, said
from sources.mimic_texts_layout import (
    entity,
    graph,
    labelled_twice,
    report_path,
    subject,
    write_mimic_images,
    write_radgraph,
)

ANSWER = (
    "anatomy: Lungs; observation definitely present: clear; anatomy: pleural; "
    "observation definitely absent: effusion; observation uncertain: edema"
)


def test_every_report_arrives_with_its_entities_in_the_order_of_the_text(tmp_path):
    left_out, notes = Counter(), []
    studies, problems = read("radgraph", write_radgraph(tmp_path), left_out=left_out, notes=notes)
    assert not len(problems), said(problems)
    assert len(studies) == 12
    assert studies[0].texts == (
        TextExample(TextKind.ENTITIES, ("Lungs clear . No pleural effusion , possible edema .",), ANSWER),
    )
    assert (studies[0].patient, studies[0].views) == (f"mimic/{subject(0)}", ())
    assert studies[-1].patient == "chexpert/patient64541"
    assert [s.split for s in studies] == [Split.TRAIN] * 8 + [Split.VAL] * 2 + [Split.TEST] * 2
    assert left_out == {"second labelings": 2}
    assert notes == ["relations between entities are not read"]


def test_of_two_labelers_the_first_is_taken(tmp_path):
    second = graph() | {"entities": {"1": entity("Lungs", "OBS-U", 0)}}
    (tmp_path / "test.json").write_text(json.dumps({"1.txt": labelled_twice(graph(), second)}))
    (one,), _ = read("radgraph", tmp_path)
    assert one.texts[0].answer == ANSWER
    assert (one.patient, one.split) == ("radgraph/1", Split.TEST)


def test_mimics_split_is_heeded_where_it_is_there(tmp_path):
    write_mimic_images(tmp_path, {0: 0, 1: 1}, {0: "validate"})
    rows = {report_path(0, 0): graph(), report_path(1, 1): graph()}
    (tmp_path / "train.json").write_text(json.dumps(rows))
    assert [s.split for s in read("radgraph", tmp_path)[0]] == [Split.VAL, Split.TRAIN]


def test_a_report_whose_entities_are_not_in_it_is_left_out(tmp_path):
    bad = {
        "a": None,
        "b": {"text": " ", "entities": {}},
        "c": {"text": "x"},
        "d": graph() | {"entities": {"1": entity("Lungs", "OBS-X", 0)}},
        "e": graph() | {"entities": {"1": entity("Lungs", ["OBS-U"], 0)}},
        "f": graph() | {"entities": {"1": entity("Lungs", "ANAT-DP", 99)}},
        "g": graph() | {"entities": {"1": entity("Lungs", "ANAT-DP", 1)}},
        "h": graph() | {"entities": {"1": entity("Lungs", "ANAT-DP", 0) | {"start_ix": "0"}}},
        "i": graph() | {"entities": {"1": "Lungs"}},
    }
    (tmp_path / "train.json").write_text(json.dumps({report_path(0, 0): graph(), **bad}))
    (tmp_path / "dev.json").write_text(json.dumps({report_path(0, 0): graph()}))
    (one,), problems = read("radgraph", tmp_path)
    assert one.split is Split.TRAIN
    assert len(problems) == 10, said(problems)
    assert problems.counts["is a duplicate id"] == 1
    assert "train.json: g: has an entity whose tokens are not those of its text; it is left out" in said(
        problems
    )


def test_a_report_without_entities_has_none(tmp_path):
    (tmp_path / "train.json").write_text(json.dumps({"a.txt": graph() | {"entities": {}}}))
    assert read("radgraph", tmp_path)[0][0].texts[0].answer == ""


def test_a_semicolon_parts_entities_and_stands_in_none(tmp_path):
    text = "effusion ; small ."
    rows = {"a.txt": {"text": text, "entities": {"1": entity("effusion ; small", "OBS-DP", 0)}}}
    (tmp_path / "train.json").write_text(json.dumps(rows))
    assert (
        read("radgraph", tmp_path)[0][0].texts[0].answer == "observation definitely present: effusion , small"
    )


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "train.json").write_text("{")
    with pytest.raises(DataError, match=r"train\.json: is not a JSON file"):
        open_source(SourceSpec("radgraph", tmp_path))
