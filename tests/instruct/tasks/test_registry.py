"""The table of tasks is CheXinstruct's, no study is asked for what it lacks, and the core stays as it was."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from hilum.errors import UsageError
from hilum.instruct import Shards, build, chosen, conversations, published
from hilum.instruct.tasks import CORE, TASKS, Group
from hilum.instruct.tasks.registry import markdown, sources_markdown
from hilum.prompts import WORDINGS
from hilum.sources import SOURCES, SourceSpec
from hilum.study import Finding, Split, Task
from instruct.helpers import balance_of
from instruct.tasks.made import EMPTY, PAIR, asked, sick

OURS = {"phantom", "folder", "hannover-covid"}
NEW = [task for task in Task if task not in CORE]


def test_the_page_shows_the_table():
    page = (Path(__file__).parents[3] / "docs" / "tasks.md").read_text(encoding="utf-8")
    assert markdown() in page, "write hilum.instruct.tasks.registry.markdown() into docs/tasks.md"


def test_the_page_of_sources_shows_what_the_command_lists():
    page = (Path(__file__).parents[3] / "docs" / "sources.md").read_text(encoding="utf-8")
    assert sources_markdown() in page, "write registry.sources_markdown() into docs/sources.md"
    gives = page.partition("What each gives:")[2].strip().split("\n\n")[0].splitlines()[2:]
    assert {line.split("`")[1] for line in gives} == set(SOURCES)
    assert len(gives) == len(SOURCES)


def test_there_are_37_published_tasks_in_80_pairs_of_33_sources():
    table = published()
    assert len({row.name for row in table}) == len(table) == 37
    assert sum(len(row.sources) for row in table) == 80
    assert len({source for row in table for source in row.sources}) == 33


@pytest.mark.parametrize(
    ("group", "tasks", "pairs"),
    [
        (Group.COARSE, 4, 13),
        (Group.FINE, 10, 15),
        (Group.TEXT, 12, 29),
        (Group.QUESTION, 4, 14),
        (Group.OTHER, 7, 9),
    ],
)
def test_groups_are_as_published(group, tasks, pairs):
    rows = [row for row in published() if row.group is group]
    assert (len(rows), sum(len(row.sources) for row in rows)) == (tasks, pairs)


def test_every_source_of_chexinstruct_is_read_and_spelled_as_there():
    assert set(SOURCES) - OURS == {source for row in published() for source in row.sources}


def test_every_task_is_in_the_registry_once():
    assert Counter(spec.task for spec in TASKS) == Counter(Task)
    assert all(spec.makers and spec.needs and spec.version >= 1 for spec in TASKS)
    assert {spec.task for spec in TASKS if spec.group is Group.OWN} == {Task.DRAW, Task.TEXT}


@pytest.mark.parametrize("task", NEW)
def test_every_new_task_has_ten_wordings_or_more(task):
    assert len(set(WORDINGS[task])) >= 10
    others = {text for other, texts in WORDINGS.items() if other is not task for text in texts}
    assert not set(WORDINGS[task]) & others


@pytest.mark.parametrize("split", Split)
def test_nothing_is_asked_of_a_study_that_holds_nothing(split):
    others = (PAIR, sick("other", Finding.EDEMA))
    balance = balance_of(EMPTY, *others)
    assert not list(conversations(EMPTY, split, balance, tasks=frozenset(Task), others=others))


@pytest.mark.parametrize("words", ["core", ["core"], "core,core", ",".join(CORE)])
def test_the_core_is_todays_thirteen(words):
    assert chosen(words) == CORE
    assert len(CORE) == 13


def test_tasks_are_chosen_by_name():
    assert chosen("all") == set(Task)
    assert chosen("core, view_matching") == CORE | {Task.VIEW_MATCHING}
    assert chosen(["view_matching", "natural_language_inference"]) == {Task.VIEW_MATCHING, Task.INFER}
    with pytest.raises(UsageError, match=r"view_match.*did you mean view_matching"):
        chosen("view_match")
    with pytest.raises(UsageError, match="names no task"):
        chosen(" , ")


@pytest.mark.parametrize("split", Split)
def test_asking_for_more_leaves_the_other_conversations_as_they_are(split):
    """But for the indication, which is left to the task that always tells it."""
    balance = balance_of(PAIR, sick("other", Finding.EDEMA))
    more = frozenset(Task) - {Task.FINDINGS_INDICATED, Task.IMPRESSION_INDICATED}
    core = list(conversations(PAIR, split, balance))
    every = conversations(PAIR, split, balance, tasks=more, others=(sick("other", Finding.EDEMA),))
    assert [one for one in every if one.task in CORE] == core


@pytest.mark.parametrize("split", Split)
def test_a_conversation_is_a_function_of_the_seed(split):
    others = (sick("other", Finding.EDEMA), sick("more", Finding.PNEUMOTHORAX, Finding.FRACTURE))
    balance = balance_of(PAIR, *others)

    def said(seed):
        return list(conversations(PAIR, split, balance, seed=seed, tasks=frozenset(Task), others=others))

    assert said(0) == said(0)
    assert said(0) != said(1)


def test_a_study_of_the_same_patient_is_no_other():
    same = replace(sick("same", Finding.EDEMA), patient=PAIR.patient)
    assert not asked(PAIR, Task.MATCH_TEXT, others=(same,))


@pytest.fixture(scope="module")
def everything(tmp_path_factory) -> Shards:
    out = tmp_path_factory.mktemp("all") / "data"
    spec = [SourceSpec("phantom")]
    return build(spec, out, size=64, limit=64, workers=1, progress=False, tasks="all")


def test_a_build_of_all_tasks_shows_images_of_its_split_alone(everything: Shards):
    for split in Split:
        ids = set(everything.image_ids(split))
        for one in everything.conversations(split):
            assert {*one.images_in, *one.images_out} <= ids


def test_a_build_of_all_tasks_is_the_same_with_two_workers(everything: Shards, tmp_path):
    spec = [SourceSpec("phantom")]
    again = build(spec, tmp_path / "d", size=64, limit=64, workers=2, progress=False, tasks="all")
    for split in Split:
        assert list(again.conversations(split)) == list(everything.conversations(split))
    ids = [one.id for split in Split for one in everything.conversations(split)]
    assert len(ids) == len(set(ids))


def test_the_phantom_gives_every_task_that_needs_no_annotated_text(everything: Shards):
    made = {one.task for split in Split for one in everything.conversations(split)}
    texts = {
        Task.TEXT_QA,
        Task.EVALUATE_REPORT,
        Task.EXPLAIN,
        Task.INFER,
        Task.COMPARE_SENTENCES,
        Task.ENTITIES,
    }
    terms = {Task.GROUND_LABEL, Task.FOREIGN_OBJECTS}
    assert made == set(Task) - texts - terms - {Task.CAPTION, Task.DIFFERENCE}


def test_a_build_of_some_tasks_has_no_other(tmp_path):
    spec = [SourceSpec("phantom")]
    made = build(
        spec,
        tmp_path / "d",
        size=64,
        limit=12,
        workers=1,
        progress=False,
        tasks="image_text_matching,vqa_open",
    )
    kinds = {one.task for split in Split for one in made.conversations(split)}
    assert kinds == {Task.MATCH_TEXT, Task.VQA_OPEN}
