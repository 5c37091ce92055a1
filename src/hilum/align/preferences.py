"""Preferences that a person or another program has: which of two reports is the better one.

table = read_preferences(Path("preferences.jsonl"), prompts, model, folder)

A file of JSON lines or Parquet with the columns `id` (of the prompt), `chosen` and `rejected`, and perhaps
`score_chosen` and `score_rejected`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hilum.align.pairs import EXAMPLES
from hilum.align.prompts import Prompts
from hilum.align.table import Row, Table, make
from hilum.errors import DataError, UsageError
from hilum.model import Model
from hilum.model.vocabulary import END

_TEXTS = ("chosen", "rejected")


def read_preferences(path: Path, prompts: Prompts, model: Model, folder: Path) -> Table:
    """The pairs of a file, as `hilum.align.pairs.EXAMPLES` has them.

    Raises:
        DataError: a row names a prompt that is not there, lacks an answer, or holds one that the model cannot
            have written: its tokenizer has no words for it, or it holds a control token.
    """
    known = {item.id: row for row, item in enumerate(prompts.items)}
    rows = [_row(path, number, row, known, prompts, model) for number, row in enumerate(_rows(path), start=1)]
    if not rows:
        raise DataError(path, "holds no preference", "give rows with id, chosen and rejected")
    return make(folder, EXAMPLES, len(rows), lambda some: [rows[i] for i in some], "reading")


def _row(
    path: Path, number: int, row: Mapping[str, Any], known: Mapping[str, int], prompts: Prompts, model: Model
) -> Row:
    name = row.get("id")
    if not isinstance(name, str) or name not in known:
        problem = f"names a prompt that is not among the {len(known):,} of this run"
        raise DataError(f"{path}, row {number}", problem, "give the id of a conversation kept for alignment")
    texts = [row.get(column) for column in _TEXTS]
    for column, text in zip(_TEXTS, texts, strict=True):
        if text is not None and not isinstance(text, str):
            problem = f"has a {type(text).__name__}, not a text, as its {column} answer"
            raise DataError(f"{path}, row {number}", problem, "give the text of a report")
        if not text or not text.strip():
            raise DataError(f"{path}, row {number}", f"has no {column} answer", "give the text of a report")
    if str(texts[0]).strip() == str(texts[1]).strip():
        raise DataError(f"{path}, row {number}", "prefers an answer to itself", "leave the row out")
    place = known[name]
    item = prompts.items[place]
    return {
        "id": name,
        "images": list(item.images),
        "reference": item.reference,
        "prompt": list(model.tokenize(prompts.prompt(place)).ids),
        "answers": [_ids(f"{path}, row {number}", str(text).strip(), model) for text in texts],
        "texts": [str(text).strip() for text in texts],
        "values": [_score(f"{path}, row {number}", row, f"score_{column}") for column in _TEXTS],
        "draws": [1, 1],
        "desirable": None,
    }


def _score(thing: str, row: Mapping[str, Any], name: str) -> float | None:
    found = row.get(name)
    if found is not None and not (isinstance(found, int | float) and math.isfinite(found)):
        raise DataError(thing, f"has no number as its {name}", "give a number, or leave it out")
    return None if found is None else float(found)


def _ids(thing: str, text: str, model: Model) -> list[int]:
    """A report as the model writes it, its end included."""
    vocabulary = model.vocabulary
    ids = vocabulary.encode(text)
    if vocabulary.decode(ids).strip() != text:
        problem = "holds an answer that the model's tokenizer cannot write as it stands"
        raise DataError(thing, problem, "give reports in plain words, made for this model")
    return [*ids, vocabulary.id(END)]


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    if path.suffix == ".parquet":
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches():
                    yield from batch.to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise DataError(path, "is no Parquet file that can be read", "write it anew") from error
        return
    if path.suffix != ".jsonl":
        raise UsageError(path, "is no preference file", "give .jsonl or .parquet")
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise DataError(path, f"line {number} is no JSON object", "give id, chosen and rejected")
                yield row
    except (OSError, ValueError) as error:
        raise DataError(
            path, f"cannot be read ({type(error).__name__})", "give one JSON object a line"
        ) from error
