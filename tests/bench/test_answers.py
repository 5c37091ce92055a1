"""Questions are asked in batches, and each gets its own answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.helpers import EFFUSION, Echo, item, pixels_of, record
from hilum.bench import answers as module
from hilum.bench.answers import ask, chosen_names, gather, item_of, normal
from hilum.bench.population import Choice, Population
from hilum.study import Conversation, Fact, Finding, ImageIn, Message, Split, Task, Text


def questions(count: int):
    """Of unlike lengths and numbers of images, in no order."""
    rng = np.random.default_rng(0)
    return [
        item(
            Task.VQA_OPEN,
            question=f"{i} " + "word " * int(rng.integers(9)),
            images=[f"{i}-{k}" for k in range(int(rng.integers(3)))],
        )
        for i in range(count)
    ]


def test_every_question_gets_its_own_answer_in_whatever_batch_it_is(monkeypatch):
    asked = questions(10)
    alone = [ask(Echo(), [one], pixels_of)[0] for one in asked]
    assert len({answer.text for answer in alone}) == 10
    assert ask(Echo(), asked, pixels_of) == alone
    monkeypatch.setattr(module, "BATCH", 4)
    model, told = Echo(), []
    assert ask(model, asked, pixels_of, seed=7, tick=told.append) == alone
    assert model.sizes == told == [4, 4, 2]
    assert model.seeds == [7, 11, 15], "two batches must not draw the same numbers"


def test_alike_prompts_share_a_batch(monkeypatch):
    monkeypatch.setattr(module, "BATCH", 4)
    met = []

    class Watching(Echo):
        def answer(self, prompts, **options):
            met.append([len(p.images) for p in prompts])
            return super().answer(prompts, **options)

    ask(Watching(), questions(12), pixels_of)
    shown = [count for batch in met for count in batch]
    assert shown == sorted(shown)


class Talks:
    """Shards of one split."""

    def __init__(self, count: int) -> None:
        self.count, self.problems = count, {}

    def records(self, split: Split):
        return [record(f"s{i}", facts=(EFFUSION,), facts_complete=i == 0) for i in range(self.count)]

    def patients(self, split: Split):
        return {}

    def conversations(self, split: Split, tasks):
        [task] = tasks
        for i in range(self.count):
            turns = (Message("user", (Text(f"{i}?"),)), Message("assistant", (Text("No effusion."),)))
            yield Conversation(f"c{i}", f"s{i}", f"p{i}", "phantom", task, split, turns)


def test_a_limit_draws_by_the_seed_and_keeps_the_order():
    population = Population.choose(Talks(20), Choice.TEST)
    every = [one.id for one in gather(population, Task.VIEW)]
    assert every == [f"c{i}" for i in range(20)]
    few = [one.id for one in gather(population, Task.VIEW, limit=5, seed=1)]
    assert few == [one.id for one in gather(population, Task.VIEW, limit=5, seed=1)]
    assert few != [one.id for one in gather(population, Task.VIEW, limit=5, seed=2)]
    assert few == sorted(few, key=every.index)
    assert len(set(few)) == 5
    assert len(gather(population, Task.VIEW, limit=20)) == 20


def test_the_truth_is_the_study_s_where_all_of_it_is_known_else_the_reference_s():
    first, second = gather(Population.choose(Talks(2), Choice.TEST), Task.FINDINGS)
    assert first.truth == (EFFUSION,)
    [denied] = second.truth
    assert (denied.finding, denied.presence.value) == (Finding.PLEURAL_EFFUSION, "absent")


def test_the_images_of_all_turns_before_the_answer_are_shown():
    turns = (
        Message("user", (ImageIn("a"), Text("One?"))),
        Message("assistant", (Text("Yes"),)),
        Message("user", (ImageIn("b"), Text("Two?"))),
        Message("assistant", (Text("No"),)),
    )
    found = item_of(Conversation("c", "s", "p", "folder", Task.VQA_CLOSED, Split.TEST, turns), None)
    assert (found.images_in, found.question, found.reference) == (("a", "b"), "Two?", "No")
    assert found.prompt(pixels_of).images[1] == pytest.approx(pixels_of("b"))


def test_what_counts_as_nothing_and_what_as_the_same():
    assert chosen_names("None of these.") == chosen_names("normal") == chosen_names("") == frozenset()
    assert chosen_names("A mass; an edema\nand the nodule") == {"mass", "edema", "nodule"}
    assert normal("(B)  The Left-lower lobe!") == "left lower lobe"
    assert Fact(Finding.EDEMA) not in item(Task.VIEW).truth


def test_patients_of_two_sources_are_never_one():
    one, other = (replace(item(Task.VIEW, "PA", patient="1"), source=name) for name in ("a", "b"))
    assert one.cluster != other.cluster
    assert one.cluster == replace(one, id="another question").cluster
    assert one.cluster != replace(one, patient="2").cluster
