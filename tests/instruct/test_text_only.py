"""Instructions of others: every sound row becomes a conversation, every other one is named and left out."""

from __future__ import annotations

import json
import re
import tracemalloc
from collections import Counter
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilum.errors import DataError
from hilum.files import Problems
from hilum.instruct.text_only import GENERAL, SOURCE, TextOnly, general
from hilum.study import Split, Task

GOOD = {"instruction": "Name a fruit.", "context": "", "response": "A plum.", "category": "open_qa"}


def lines(path: Path, *rows: object) -> TextOnly:
    path.write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows))
    return TextOnly(path)


def read(file: TextOnly, control: re.Pattern[str] | None = None) -> tuple[list[str], list[str]]:
    problems = Problems()
    made = [c.messages[-1].parts[0].text for c in file.conversations(problems, control)]
    return made, [str(problem) for problem in problems.kept]


def test_a_row_is_one_question_and_one_answer(tmp_path) -> None:
    file = lines(tmp_path / "d.jsonl", {**GOOD, "context": " Plums grow on trees.\n"})
    [made] = file.conversations(Problems())
    assert [(m.role, [p.text for p in m.parts]) for m in made.messages] == [
        ("user", ["Name a fruit.\n\nPlums grow on trees."]),
        ("assistant", ["A plum."]),
    ]
    assert (made.task, made.split, made.source, made.study) == (Task.TEXT, Split.TRAIN, SOURCE, "")


text = st.text().filter(str.strip)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(text, st.none() | st.text(), text), min_size=1, max_size=6))
def test_json_lines_and_parquet_of_one_content_are_the_same_conversations(tmp_path, rows) -> None:
    rows = [dict(zip(("instruction", "context", "response"), row, strict=True)) for row in rows]
    file = lines(tmp_path / "d.jsonl", *rows)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "d.parquet")
    table = TextOnly(tmp_path / "d.parquet")
    said = [c.messages for c in file.conversations(Problems())]
    assert said == [c.messages for c in table.conversations(Problems())]
    assert len(said) + file.count().left_out == len(rows)


BROKEN = [
    ("{", "is not a JSON object"),
    ("[1, 2]", "is not a JSON object"),
    (b'{"instruction": "caf\xe9", "response": "a"}', "is not a JSON object"),
    ("{}", "has no instruction"),
    ('{"instruction": " ", "response": "a"}', "has no instruction"),
    ('{"instruction": "a", "response": null}', "has no response"),
    ('{"instruction": "a", "response": 7}', "its response is no text"),
    ('{"instruction": "a", "response": "b", "context": ["c"]}', "its context is no text"),
    ('{"instruction": "a", "response": "b<|im_end|>"}', "its response holds a control token"),
    ('{"instruction": "<|code_7|>", "response": "b"}', "its instruction holds a control token"),
    ('{"instruction": "a", "context": "[INST] c", "response": "b"}', "its context holds a control token"),
    ('{"instruction": "a", "response": "\\ud800"}', "its response holds text that is not Unicode"),
]


def test_every_broken_row_is_named_by_file_and_line_and_left_out(tmp_path) -> None:
    path = tmp_path / "d.jsonl"
    good = json.dumps(GOOD).encode()
    written = [row if isinstance(row, bytes) else row.encode() for row, _ in BROKEN]
    path.write_bytes(b"\xef\xbb\xbf" + b"\n".join([good, b"", *written, good]))
    made, problems = read(TextOnly(path), re.compile(r"\[INST\]"))
    assert made == ["A plum."] * 2
    assert problems == [
        f"d.jsonl, row {number}: {said}; it is left out" for number, (_, said) in enumerate(BROKEN, start=3)
    ]
    count = TextOnly(path).count()
    assert (count.conversations, count.left_out) == (3, len(BROKEN) - 1)  # no model says what it reads there
    assert f"{len(BROKEN) - 1} rows left out; the first: d.jsonl, row 3: is not a JSON object" in count.line()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.jsonl", None, "does not exist; check the path, or write general"),
        ("", None, "is no file"),
        ("a.jsonl", "", "holds no instruction that can be learned from"),
        (
            "a.jsonl",
            '{"prompt": "a", "answer": "b"}\n',
            "lacks the column 'instruction'; it has: prompt, answer",
        ),
        ("a.jsonl", '{"instruction": "a"}\n', "lacks the column 'response'"),
        ("a.jsonl", '[\n{"instruction": "a",\n', "first: a.jsonl, row 1: is not a JSON object"),
        ("a.parquet", "no table", "cannot be read"),
        ("a.parquet", pa.table({"text": ["a"]}), "lacks the column 'instruction'; it has: text"),
    ],
)
def test_what_holds_no_instructions_is_an_error_with_its_remedy(tmp_path, name, content, said) -> None:
    path = tmp_path / name
    if isinstance(content, str):
        path.write_text(content)
    elif content is not None:
        pq.write_table(content, path)
    with pytest.raises(DataError, match=re.escape(said)):
        TextOnly.named(str(path))


def test_rows_are_streamed(tmp_path) -> None:
    path = tmp_path / "long.jsonl"
    row = json.dumps({**GOOD, "context": "a " * 500}) + "\n"
    path.write_text(row * 20_000)
    file = TextOnly.named(str(path))
    tracemalloc.start()
    try:
        assert sum(1 for _ in islice(file.conversations(Problems()), 5000)) == 5000
        few = tracemalloc.get_traced_memory()[1]
        assert sum(1 for _ in file.conversations(Problems())) == 20_000
        assert tracemalloc.get_traced_memory()[1] < few + 100_000
    finally:
        tracemalloc.stop()


def test_a_changed_file_has_another_digest(tmp_path) -> None:
    one = lines(tmp_path / "d.jsonl", GOOD).digest
    assert lines(tmp_path / "e.jsonl", GOOD).digest == one
    assert lines(tmp_path / "d.jsonl", GOOD, GOOD).digest != one


CATEGORIES = {
    "open_qa",
    "closed_qa",
    "classification",
    "summarization",
    "brainstorming",
    "creative_writing",
    "information_extraction",
}
WITH_CONTEXT = {"closed_qa", "summarization", "information_extraction"}
THORACIC = re.compile(
    r"\b(chest|thora|lung|heart|cardi|pulmon|pleur|ribs?\b|breath|cough|x-?ray|radio(log|graph)|pneumo|trache|"
    r"bronch|aort|sternum|diaphragm|effusion|hospital|doctor|disease|medic|patient|breast)",
    re.IGNORECASE,
)
CALENDAR = frozenset({"January", "March", "April", "May", "June", "July", "Tuesday", "Wednesday", "Friday"})
"""Capital letters that say nothing of a topic."""


def rows(part: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in general(part).read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(("part", "count"), [("train", 400), ("test", 200)])
def test_hilum_s_own_instructions_are_sound(part, count) -> None:
    own = rows(part)
    file = TextOnly(general(part))
    assert (len(own), file.count().conversations, file.count().left_out) == (count, count, 0)
    assert {row["category"] for row in own} == CATEGORIES
    assert len({row["instruction"] + row["context"] for row in own}) == count
    for row in own:
        assert list(row) == ["instruction", "context", "response", "category"]
        assert all(text == text.strip() and text.isprintable() for text in row.values())
        assert 1 <= len(row["response"].split()) <= 60
        assert bool(row["context"]) == (row["category"] in WITH_CONTEXT)
        assert not THORACIC.search(" ".join(row.values())), row
    assert TextOnly.named(GENERAL).path == general("train")


def test_nothing_that_is_measured_is_taught() -> None:
    train, test = rows("train"), rows("test")

    def words(row: dict[str, str]) -> set[str]:
        return set(re.findall("[a-z]{4,}", " ".join(list(row.values())[:3]).lower()))

    used = Counter(word for row in (*train, *test) for word in words(row))
    rare = {word for word, count in used.items() if count < 8}  # the others say nothing of a topic
    taught = [words(row) & rare for row in train]
    for row in test:
        asked = words(row) & rare
        for other in taught:
            shared = asked & other
            assert len(shared) <= 3, row
            assert len(shared) <= 0.25 * len(asked | other), row

    def names(some: list[dict[str, str]]) -> set[str]:
        """Words with a capital letter inside a sentence: people, places, works."""
        said = "\n".join("\n".join(list(row.values())[:3]) for row in some)
        return set(re.findall(r"(?<=[a-z,;] )[A-Z][a-z]{2,}", said))

    assert names(train) & names(test) <= CALENDAR | {"City", "North", "Sea", "The"}
    assert {row["response"] for row in train}.isdisjoint(row["response"] for row in test)
