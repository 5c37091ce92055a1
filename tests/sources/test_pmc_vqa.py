import zipfile
from collections import Counter

import pytest

from hilum.errors import DataError
from hilum.sources import SourceSpec, open_source
from hilum.study import Question, Split
from sources.helpers import read, said, table
from sources.vqa_layout import PMC_2, pmc, pmc_row, write_pmc_vqa

OPTIONS = ("Left", "Right", "Both", "None")


def first(**more):
    """A row of version 1: no caption, the answer as text, its letter apart."""
    row = pmc_row("PMC1_F1.jpg", **more)
    choices = {name: text for name, text in row.items() if name.startswith("Choice")}
    given = {"Figure_path": row["Figure_path"], "Question": "What does the chest x-ray show?"}
    return {**given, "Answer": "Both", **choices, "Answer_label": "C"}


def test_every_field_arrives(tmp_path):
    left_out = Counter()
    studies, problems = read("pmc-vqa", write_pmc_vqa(tmp_path), left_out=left_out)
    assert not len(problems), said(problems)
    assert [s.id for s in studies] == [f"pmc-vqa/PMC{i}_F1_0" for i in range(12)]
    assert [s.split for s in studies] == [Split.TRAIN] * 10 + [Split.TEST] * 2
    study = studies[1]
    assert (study.patient, study.views[0].id) == ("pmc/PMC1", "PMC1_F1_0.jpg")
    assert study.caption == "Chest X-ray on admission."
    assert study.questions == (Question("Which side is opaque?", "Right", True, options=OPTIONS),)
    assert [s.questions[0].answer for s in studies[:4]] == list(OPTIONS)
    assert left_out == {"questions on other figures": 1}


def test_questions_on_a_figure_are_one_study(tmp_path):
    pmc(tmp_path, "train_2.csv", [pmc_row(), pmc_row(Question="Is there a mass?"), pmc_row()])
    pmc(tmp_path, "test_2.csv", [pmc_row("PMC1_F2_0.jpg", "d")])
    studies, problems = read("pmc-vqa", tmp_path)
    assert [len(s.questions) for s in studies] == [2, 1]
    assert studies[1].questions[0].answer == "None"
    assert {s.patient for s in studies} == {"pmc/PMC1"}
    assert problems.counts == {"is a duplicate id": 1}


@pytest.mark.parametrize("column", ["Answer", "Anwser"])
@pytest.mark.parametrize("label", [True, False])
def test_version_one_is_read_in_both_revisions(tmp_path, column, label):
    row = first()
    row = {column if name == "Answer" else name: value for name, value in row.items()}
    if not label:
        del row["Answer_label"]
    pmc(tmp_path, "train.csv", [row], "images")
    pmc(tmp_path, "test_clean.csv", [{**row, "Figure_path": "PMC2_F1.jpg"}], "images")
    studies, problems = read("pmc-vqa", tmp_path)
    assert not len(problems), said(problems)
    assert [(s.split, s.questions[0].answer) for s in studies] == [
        (Split.TRAIN, "Both"),
        (Split.TEST, "Both"),
    ]


def test_version_two_comes_first(tmp_path):
    write_pmc_vqa(tmp_path)
    pmc(tmp_path, "train.csv", [first()], "images")
    assert len(read("pmc-vqa", tmp_path)[0]) == 12


def test_the_list_decides_where_there_is_one(tmp_path):
    write_pmc_vqa(tmp_path)
    (tmp_path / "list_chest_xray.txt").write_text("figures/PMC50_F2_1.jpg\n")
    (study,), _ = read("pmc-vqa", tmp_path)
    assert study.patient == "pmc/PMC50"


def test_bad_rows_are_counted_with_their_line(tmp_path):
    rows = [
        pmc_row(),
        pmc_row(answer="E"),
        pmc_row(answer=""),
        pmc_row(**{"Choice C": "C:"}),
        pmc_row(**{"Choice C": "C: right"}),
        pmc_row(Question=" "),
        pmc_row("PMC9_F1_0.jpg"),
    ]
    pmc(tmp_path, "train_2.csv", rows)
    with (tmp_path / "train_2.csv").open("a") as file:
        file.write("broken,row\r\n")
    (tmp_path / "figures" / "PMC9_F1_0.jpg").unlink()
    (study,), problems = read("pmc-vqa", tmp_path)
    assert len(study.questions) == 1
    assert [text.split(":")[0] for text in said(problems)] == [
        *(f"train_2.csv, line {n}" for n in (3, 4, 5, 6, 7, 9)),
        "test_2.csv",
        "PMC9_F1_0.jpg",
    ], said(problems)


def test_a_packed_table_is_read(tmp_path):
    pmc(tmp_path, "train_2.csv", [pmc_row()])
    with zipfile.ZipFile(tmp_path / "train_2.csv.zip", "w") as file:
        file.write(tmp_path / "train_2.csv", "train_2.csv")
    (tmp_path / "train_2.csv").unlink()
    table(tmp_path / "test_2.csv", [], PMC_2)
    assert len(read("pmc-vqa", tmp_path)[0]) == 1


def test_missing_tables_are_named(tmp_path):
    with pytest.raises(DataError, match=r"train_2\.csv: is missing"):
        open_source(SourceSpec("pmc-vqa", tmp_path))
