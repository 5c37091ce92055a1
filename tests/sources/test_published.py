"""CheXinstruct's pairs of task and source: the published layout of each source gives its tasks."""

from __future__ import annotations

import pytest

from hilum.instruct import build
from hilum.instruct import published as published_tasks
from hilum.sources import SOURCES
from hilum.study import Split
from sources.published import published

_CHANGE = {
    f"{local}Progression {section} Generation"
    for local in ("", "Local ")
    for section in ("Findings", "Impression")
}
LACKING = {
    # Their reports are Spanish; CheXinstruct used a translation that nobody has.
    "bimcv-covid19": {"Impression Generation"},
    "padchest": {"Impression Generation"},
    # What these miniatures do not hold: headed reports, comparisons, yes and no, films, captions of findings.
    "candid-ptx": {"Impression Generation"},
    "chexpert": _CHANGE,
    "mimic-cxr-struct": _CHANGE,
    "medvqa-2019": {"Close-Ended VQA"},
    "ms-cxr": {"Grounded Phrase Extraction"},
    "open-i": {"Findings Generation", "Impression Generation"},
    "roco": {"Image-Text Matching", "Image-Text Selection"},
}
PAIRED = sorted({source for row in published_tasks() for source in row.sources} & set(SOURCES))


@pytest.mark.parametrize("name", PAIRED)
def test_a_source_gives_the_tasks_it_is_listed_for(name, tmp_path):
    spec = published(name, tmp_path / "data")
    made = build([spec], tmp_path / "shards", size=64, workers=1, progress=False, tasks="all")
    tasks = {one.task for split in Split for one in made.conversations(split)}
    lacking = {row.name for row in published_tasks() if name in row.sources and not tasks & set(row.tasks)}
    assert lacking == LACKING.get(name, set())
