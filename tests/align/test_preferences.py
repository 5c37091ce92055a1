"""Preferences from a file: read as they stand, refused where they fit neither the run nor its model."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from align.prompt_helpers import model, prompts
from hilum.align.preferences import read_preferences
from hilum.errors import DataError, UsageError
from hilum.model.vocabulary import END

ROWS = [
    {"id": "study 1", "chosen": "No pleural effusion.", "rejected": "Small left pleural effusion."},
    {"id": "study 0", "chosen": "Yes.", "rejected": "No.", "score_chosen": 0.75, "score_rejected": 0.5},
]


def written(path, rows):
    if path.suffix == ".parquet":
        names = {name for row in rows for name in row}
        pq.write_table(pa.table({name: [row.get(name) for row in rows] for name in names}), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("name", ["p.jsonl", "p.parquet"])
def test_rows_become_pairs_of_their_prompts(tmp_path, name) -> None:
    made = model()
    first, second = read_preferences(written(tmp_path / name, ROWS), prompts(), made, tmp_path / "e")
    assert (first["id"], second["id"]) == ("study 1", "study 0")
    assert first["images"] == ["1"]
    assert first["texts"] == ["No pleural effusion.", "Small left pleural effusion."]
    assert [made.vocabulary.decode(ids).strip() for ids in first["answers"]] == first["texts"]
    assert all(ids[-1] == made.vocabulary.id(END) for ids in first["answers"])
    assert first["prompt"] == list(made.tokenize(prompts().prompt(1)).ids)
    assert second == {
        "id": "study 0",
        "images": ["0"],
        "reference": "No pleural effusion.",
        "prompt": list(made.tokenize(prompts().prompt(0)).ids),
        "answers": [[*made.vocabulary.encode(text), made.vocabulary.id(END)] for text in ("Yes.", "No.")],
        "texts": ["Yes.", "No."],
        "values": [0.75, 0.5],
        "draws": [1, 1],
        "desirable": None,
    }
    assert (first["values"], second["values"]) == ([None, None], [0.75, 0.5])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"id": "study 99"}, "row 2: names a prompt that is not among the 8"),
        ({"id": 7}, "row 2: names a prompt"),
        ({"chosen": " "}, "row 2: has no chosen answer"),
        ({"chosen": ""}, "row 2: has no chosen answer"),
        ({"score_chosen": float("inf")}, "row 2: has no number as its score_chosen"),
        ({"rejected": None}, "row 2: has no rejected answer"),
        ({"rejected": 5}, "row 2: has a int, not a text, as its rejected answer"),
        ({"rejected": "Yes. "}, "row 2: prefers an answer to itself"),
        ({"score_chosen": float("nan")}, "row 2: has no number as its score_chosen"),
        ({"score_rejected": "good"}, "row 2: has no number as its score_rejected"),
        ({"chosen": "No. <|end|> Yes."}, "row 2: holds an answer that the model's tokenizer cannot write"),
    ],
)
def test_a_row_that_does_not_fit_is_named(tmp_path, change, problem) -> None:
    path = written(tmp_path / "p.jsonl", [ROWS[0], {**ROWS[1], **change}])
    with pytest.raises(DataError, match=problem):
        read_preferences(path, prompts(), model(), tmp_path / "e")
    assert not (tmp_path / "e").exists()


def test_files_that_are_no_preferences(tmp_path) -> None:
    (tmp_path / "a.jsonl").write_text("{not json\n")
    (tmp_path / "b.parquet").write_text("no")
    (tmp_path / "c.jsonl").write_text("[1]\n")
    (tmp_path / "d.jsonl").write_text("")
    for name in "a.jsonl", "b.parquet", "c.jsonl", "d.jsonl", "missing.jsonl":
        with pytest.raises(DataError):
            read_preferences(tmp_path / name, prompts(), model(), tmp_path / "e")
    with pytest.raises(UsageError, match=r"give \.jsonl or \.parquet"):
        read_preferences(tmp_path / "x.csv", prompts(), model(), tmp_path / "e")
