"""What the text stages learn from: a file of instructions beside the studies, and only studies that fit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hilum.errors import DataError, UsageError
from hilum.instruct import Mixture, Shards, build
from hilum.instruct import shards as shards_module
from hilum.instruct.selection import LeftOut
from hilum.instruct.text_only import SOURCE, TextOnly
from hilum.model import Model, Reads, Writes
from hilum.recipes import llm_cxr, nano, quickstart, train, with_settings
from hilum.recipes.examples import batches_of, left_out_of, write_examples
from hilum.recipes.plan import plan
from hilum.sources import SourceSpec
from hilum.study import Position, Split, Task
from hilum.training.examples import TokenFile
from model.helpers import tiny

STAGE = llm_cxr().stages[1]


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> Shards:
    out = tmp_path_factory.mktemp("data") / "shards"
    return build([SourceSpec("phantom")], out, size=64, limit=120, seed=1)


@pytest.fixture(scope="module")
def model() -> Model:
    return tiny(Reads.CODES, Writes.CODES, context=700)


def codes(_: str) -> list[int]:
    return [0, 1, 2, 3]


def drawn(stage, file: TokenFile, left: LeftOut, model: Model, steps: int = 400) -> list[int]:
    batches = batches_of(stage, file, None, left, model, seed=0)
    return [i for step in range(steps) for i in batches.plan(step)]


@pytest.fixture(scope="module")
def examples(shards, model, tmp_path_factory) -> TokenFile:
    path = tmp_path_factory.mktemp("tokens") / "t.arrow"
    return write_examples(path, shards, TextOnly.named("general"), model, codes)


def test_a_stage_draws_from_earliest_studies_and_frontal_films_alone(shards, model, examples) -> None:
    chosen = drawn(STAGE, examples, left_out_of(STAGE, shards), model)
    named = {c.id: c for c in shards.conversations(Split.TRAIN)}
    records = {record.id: record for record in shards.records(Split.TRAIN)}
    position = {
        image: own
        for record in records.values()
        for image, own in zip(record.image_ids, record.positions, strict=True)
    }
    ids = _ids(examples)
    said = [named[ids[i]] for i in set(chosen) if ids[i] in named]
    assert {c.task for c in said} >= {Task.IMPRESSION, Task.DRAW, Task.VQA_CLOSED}
    assert len({c.study for c in said}) == len({c.patient for c in said}) > 30
    for conversation in said:
        record = records[conversation.study]
        assert not record.prior_image_ids
        assert record.report.impression
        images = (*conversation.images_in, *conversation.images_out)
        assert all(position[image] is not Position.LATERAL for image in images)
    free = replace(STAGE, earliest_study=False)
    later = {ids[i] for i in set(drawn(free, examples, left_out_of(free, shards), model))}
    assert any(records[named[name].study].prior_image_ids for name in later if name in named)


def test_a_stage_without_weights_draws_by_the_mixture_of_the_shards(shards, model, examples) -> None:
    recipe = with_settings(llm_cxr(), ["all_tasks.weights=none"])
    by_views = Mixture(1.0, {task.value: 0.0 for task in Task if task is not Task.VIEW})
    for stage, expected in ((recipe.stages[0], {Task.VIEW.value}), (llm_cxr().stages[0], None)):
        batches = batches_of(stage, examples, None, LeftOut(), model, 0, by_views)
        tasks = {examples.tasks[i] for step in range(100) for i in batches.plan(step)}
        assert tasks == expected if expected else len(tasks) > 3


def _ids(examples: TokenFile) -> list[str]:
    return [name for chunk in examples._chunks for name in chunk.column("id").to_pylist()]


def test_the_file_takes_its_part_of_the_recipe_s_text_share(shards, model, examples) -> None:
    for stage, share in ((STAGE, 0.1), (replace(STAGE, text_only_part=1.0), 0.2)):
        chosen = drawn(stage, examples, left_out_of(stage, shards), model)
        of_file = sum(examples.sources[i] == SOURCE for i in chosen) / len(chosen)
        assert of_file == pytest.approx(share, abs=0.01)
        alone = sum(examples.tasks[i] == Task.TEXT.value for i in chosen) / len(chosen)
        assert alone == pytest.approx(0.2, abs=0.01)


def test_rows_that_the_model_cannot_take_are_said_with_their_place(shards, model, tmp_path, capsys) -> None:
    end = model.vocabulary.tokenizer.eos_token
    rows = [("a", "b"), ("long", "word " * 2000), ("", "b"), ("a", f"b{end}")]
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(json.dumps({"instruction": q, "response": a}) for q, a in rows))
    file = write_examples(tmp_path / "t.arrow", shards, TextOnly.named(str(path)), model, codes)
    assert file.sources.counts()[SOURCE] == 1
    # Without blanks: a long path is broken where the line ends.
    said = "".join(capsys.readouterr().err.split())
    assert f"text-only1conversations;3rowsof{path}leftout" in said
    assert "own.jsonl,row2:is" in said
    assert "themodelreads700" in said
    assert "own.jsonl,row3:hasnoinstruction" in said
    assert "own.jsonl,row4:itsresponseholdsacontroltoken" in said


def test_a_stage_without_a_study_is_refused_before_anything_is_trained(shards, monkeypatch) -> None:
    columns = shards_module.Shards.columns

    def findings_alone(self, table, split, names):
        for row in columns(self, table, split, names):
            yield tuple(
                {"impression": ""} if name == "report" else v for name, v in zip(names, row, strict=True)
            )

    monkeypatch.setattr(shards_module.Shards, "columns", findings_alone)
    with pytest.raises(
        DataError, match=r"impressions: has no study left .*; --set impressions.impression=false"
    ):
        left_out_of(STAGE, shards)
    assert left_out_of(replace(STAGE, impression=False), shards)


def test_a_file_at_fault_leaves_nothing_behind(shards, tmp_path) -> None:
    (tmp_path / "table.jsonl").write_text('{"prompt": "a"}\n')
    for name, said in (("none.jsonl", "does not exist"), ("table.jsonl", "lacks the column 'instruction'")):
        recipe = replace(nano(), text_only=str(tmp_path / name))
        for run in (
            lambda recipe=recipe: train(recipe, tmp_path / "run", data=shards.folder),
            lambda recipe=recipe: quickstart(tmp_path / "run", recipe=recipe),
            lambda recipe=recipe: plan(recipe),
        ):
            with pytest.raises(DataError, match=said):
                run()
    assert not (tmp_path / "run").exists()


def test_the_run_is_not_written_over_the_file(tmp_path) -> None:
    path = tmp_path / "run" / "own.jsonl"
    path.parent.mkdir()
    path.write_text('{"instruction": "a", "response": "b"}\n')
    with pytest.raises(UsageError, match="holds the input"):
        train(replace(nano(), text_only=str(path)), tmp_path / "run")


def test_a_plan_counts_the_file(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text('{"instruction": "a", "response": "b"}\n{"instruction": "a"}\n')
    made = plan(with_settings(nano(), [f"text_only={path}"]))
    assert made.text_only is not None
    assert (made.text_only.conversations, made.text_only.left_out) == (1, 1)
    assert made.lines()[-1].startswith(
        f"{path}: 1 conversations, 1 rows left out; the first: own.jsonl, row 2"
    )
    assert made.to_json()["text_only"]["problems"] == ("own.jsonl, row 2: has no response; it is left out",)
    assert plan(nano()).text_only is None
