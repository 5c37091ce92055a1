"""Who is measured: whole sources the model never met, and of others nobody it was trained on."""

from __future__ import annotations

from collections import Counter

import pytest

from bench.helpers import record
from hilum.bench.population import Choice, Population, Trained
from hilum.study import Conversation, Message, Split, Task, Text


class Given:
    """Shards that hold the given studies."""

    def __init__(self, problems=(), **studies) -> None:
        self.problems = dict(problems)
        self.studies = {Split(split): some for split, some in studies.items()}

    def records(self, split):
        return iter(self.studies.get(split, []))

    def patients(self, split):
        return Counter((r.source, r.patient) for r in self.records(split))

    def image_ids(self, split):
        return [image for r in self.records(split) for image in r.image_ids]

    def conversations(self, split, tasks):
        turns = (Message("user", (Text("?"),)), Message("assistant", (Text("PA"),)))
        for r in self.records(split):
            for task in tasks:
                yield Conversation(f"{r.id}/{task}", r.id, r.patient, r.source, task, split, turns)


@pytest.fixture
def external():
    return Given(train=[record("a"), record("b")], val=[record("c")], test=[record("d")])


def measured(population) -> list[str]:
    return sorted(study for _, study in population.records)


def test_a_source_the_model_was_not_trained_on_is_measured_whole(external):
    trained = Trained.of(Given(train=[record("x")], val=[record("y")], test=[record("z")]))
    population = Population.choose(external, Choice.UNSEEN, trained)
    assert measured(population) == ["a", "b", "c", "d"]
    [count] = population.counts
    assert (count.studies, count.left_out, count.seen, len(count.patients)) == (4, 0, 0, 4)
    assert str(count) == "phantom: 4 studies of 4 patients"
    assert [c.study for c in population.conversations(Task.VIEW)] == ["a", "b", "c", "d"]


def test_what_it_was_trained_on_is_told_by_image_and_by_patient(external):
    renamed = record("other", image_ids=("a-image",), patient="somebody")
    other_film = record("further", patient="patient of c")
    trained = Trained.of(Given(train=[renamed], val=[other_film], test=[record("d")]))
    population = Population.choose(external, Choice.UNSEEN, trained)
    assert measured(population) == ["b", "d"]
    [count] = population.counts
    assert (count.studies, count.left_out, count.seen) == (2, 2, 0)
    assert "2 left out" in str(count)
    assert [c.study for c in population.conversations(Task.VIEW)] == ["b", "d"]
    everybody = Population.choose(external, Choice.ALL, trained)
    assert measured(everybody) == ["a", "b", "c", "d"]
    assert everybody.counts[0].seen == 2
    assert "2 of them seen in training" in str(everybody.counts[0])
    assert everybody.counts[0].to_json()["seen_in_training"] == 2


def test_a_patient_of_the_same_name_in_another_source_is_another_patient(external):
    stranger = record("x", source="folder", patient="patient of a")
    population = Population.choose(external, Choice.UNSEEN, Trained.of(Given(train=[stranger])))
    assert measured(population) == ["a", "b", "c", "d"]


def test_where_nothing_is_known_the_test_split_is_measured_and_that_is_said(external):
    population = Population.choose(external, Choice.UNSEEN, None)
    assert measured(population) == ["d"]
    assert population.choice is Choice.TEST
    assert "nothing tells what the model was trained on" in population.why
    [count] = population.counts
    assert (count.studies, count.left_out, count.seen) == (1, 3, None)
    assert [c.study for c in population.conversations(Task.VIEW)] == ["d"]
    assert Population.choose(external, Choice.TEST).why == "the studies of the test split alone"


def test_choices_are_made_on_the_validation_split_alone(external):
    population = Population.choose(external, Choice.VALIDATION)
    assert measured(population) == ["c"]
    assert [c.study for c in population.conversations(Task.VIEW)] == ["c"]
    [count] = population.counts
    assert (count.studies, count.left_out) == (1, 3)


def test_the_usual_answer_is_learned_from_the_training_split_or_from_what_there_is(external):
    population = Population.choose(external, Choice.TEST)
    assert [c.study for c in population.usual(Task.VIEW)] == ["a", "b"]
    alone = Population.choose(Given(test=[record("d")]), Choice.TEST)
    assert [c.study for c in alone.usual(Task.VIEW)] == ["d"]


def test_a_source_whose_patients_are_all_left_out_is_still_counted():
    shards = Given(train=[record("a")], test=[record("b", source="folder")])
    counts = {c.source: (c.studies, c.left_out) for c in Population.choose(shards, Choice.TEST).counts}
    assert counts == {"folder": (1, 0), "phantom": (0, 1)}


def test_a_source_tells_of_the_faults_in_its_files_even_where_none_of_it_is_measured():
    problems = {"phantom": {"is cut off": 1200, "is empty": 1}, "folder": {"is no image": 2}}
    whole, gone = Population.choose(Given(problems, test=[record("a")]), Choice.TEST).counts
    assert (
        str(whole)
        == "phantom: 1 studies of 1 patients; faults in its files: 1,200 × is cut off, 1 × is empty"
    )
    assert str(gone) == "folder: 0 studies of 0 patients; faults in its files: 2 × is no image"
    assert gone.to_json()["problems"] == {"is no image": 2}


def test_without_a_question_it_is_said_how_many_studies_were_left_out():
    shards = Given(train=[record("a"), record("b")], test=[record("c")])
    error = Population.choose(shards, Choice.TEST).without_questions()
    assert str(error) == (
        "phantom: holds no question of the chosen tasks about 1 studies; 2 more are left out (the studies of "
        "the test split alone); add studies or other tasks, or measure every study with --split all"
    )
    nothing = Population.choose(Given(), Choice.TEST).without_questions()
    assert str(nothing) == "test split: holds no question of the chosen tasks; add studies or other tasks"
