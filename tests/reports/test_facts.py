"""What the extractor takes from a report, sentence by sentence and as a whole."""

import tomllib
from pathlib import Path

import pytest

from hilum.reports import extract_facts
from reports.notation import fact, line

_TABLE = tomllib.loads(Path(__file__).with_name("sentences.toml").read_text(encoding="utf-8"))
_ROWS = [
    pytest.param(sentence, expected, id=f"{topic}-{sentence}")
    for topic, rows in _TABLE.items()
    for sentence, expected in rows.items()
]


@pytest.mark.parametrize(("sentence", "expected"), _ROWS)
def test_a_sentence_reads_as_a_radiologist_means_it(sentence, expected):
    assert sorted(map(line, extract_facts(sentence))) == sorted(line(fact(e)) for e in expected)
