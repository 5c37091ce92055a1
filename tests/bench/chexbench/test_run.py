"""CheXbench whole: what perfect, random, biased, silent and broken models score, and how a run goes on."""

from __future__ import annotations

import json

import pytest

from bench.chexbench.helpers import Rule, document, guessing, letter, perfect, write_bench
from hilum.bench.adapters import Failure, Kind, Reply, Stored
from hilum.bench.chexbench import TASKS, read, run, write
from hilum.bench.chexbench.ask import TOLD
from hilum.bench.items import read_items
from hilum.errors import UsageError

DONE = ("killed", "whole")
FILES = ("report.json", "items.jsonl", "report.html")


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return read(*write_bench(tmp_path_factory.mktemp("chexbench"), document()))


def figures(result):
    return {figure.name: figure for task in result.tasks for figure in task.figures}


def test_a_perfect_model_scores_one_on_every_task_and_protocol(bench):
    result = run(perfect(bench.items), bench, progress=False)
    found = figures(result)
    assert {task.task for task in result.tasks} == set(TASKS)
    assert len(result.tasks) == 7 * 2 + 3
    assert {name: figure.estimate.value for name, figure in found.items()} == pytest.approx(
        dict.fromkeys(found, 1.0)
    )
    for pooled in result.pooled:
        assert (pooled.over_items.value, pooled.over_tasks.value) == (1.0, 1.0)
    for task in result.tasks:
        if task.choices:
            assert task.choices.position.biased is False
            assert task.choices.position.agreement.value == 1.0
            assert task.choices.published.value == task.choices.published_expected == 1.0


def test_a_random_model_scores_chance_within_its_interval(bench):
    outside = []
    for seed in range(2):
        found = figures(run(guessing(bench.items, seed), bench, controlled=0, progress=False))
        compared = {name: figure for name, figure in found.items() if figure.chance is not None}
        assert len({name.split("/")[1] for name in compared}) == 10
        outside += [
            name
            for name, figure in compared.items()
            if not figure.estimate.low <= figure.chance <= figure.estimate.high
        ]
    # Of 48 intervals at 95 %, that many are missed by luck alone with a chance of 1 %.
    assert len(outside) <= 6, outside


def only(bench, *tasks):
    """The same with some of its tasks."""
    return type(bench)(
        tuple(item for item in bench.items if item.task in tasks),
        bench.problems,
        bench.left_out,
        bench.missing,
        bench.sha256,
    )


def test_why_answers_failed_is_told_without_the_films_paths(views, tmp_path):
    broken = {item.question.id for item in views.items[:3]}

    def answer(question):
        [*path] = question.images
        if question.id in broken:
            return Reply("", failure=Failure.CRASHED, detail=f"OSError: {path[0]}: no such file " + 300 * "x")
        return Reply("", failure=Failure.CRASHED, detail="OutOfMemory") if question.id in other else letter(0)

    other = {views.items[3].question.id}
    result = run(Rule(answer), views, protocol="generation", progress=False)
    write(result, tmp_path)
    document_ = json.loads((tmp_path / "report.json").read_text())
    first, second = document_["tasks"][0]["failure_details"]
    assert (first["count"], second) == (3, {"detail": "OutOfMemory", "count": 1})
    assert first["detail"].startswith("OSError: …: no such file xxx")
    assert len(first["detail"]) == TOLD
    for said in (" ".join(result.lines()), (tmp_path / "report.html").read_text()):
        assert first["detail"] in said
        assert "OutOfMemory" in said
        assert ".png" not in said
    assert result.failure is None


def test_where_everything_failed_the_error_names_the_commonest_reason(views):
    down = Reply("", failure=Failure.CRASHED, detail="ConnectionError: nobody there")
    result = run(Rule(lambda _: down), views, protocol="generation", progress=False)
    assert "failed at every question; most often: ConnectionError: nobody there" in str(result.failure)
    silent = run(Rule(lambda _: ""), views, protocol="generation", progress=False)
    assert "most often: empty" in str(silent.failure)
    likely = Rule(lambda _: down, lambda q: tuple(-float(i) for i in range(len(q.options))))
    assert run(likely, views, progress=False).failure is None


def test_a_wrong_number_of_likelihoods_is_a_crash_and_no_tie(views):
    result = run(Rule(str, lambda _: (-1.0, -1.0)), views, protocol="likelihood", progress=False)
    [task] = result.tasks
    assert task.failures == {"crashed": 40}
    assert task.details == {"2 likelihoods of 3 options": 40}


@pytest.fixture(scope="module")
def views(bench):
    return only(bench, "View Classification")


def test_a_model_that_prefers_a_place_is_found_and_others_are_not_accused(bench):
    task = only(bench, "Single Disease Identification")
    known = {item.question.id: item for item in task.items}

    def leaning(question):
        item = known[question.id.partition("#")[0]]
        knows = int(item.question.id[-1], 16) % 2 > 0
        return letter(question.options.index(item.reference) if knows else 0)

    def unsure(question):
        item = known[question.id.partition("#")[0]]
        knows = int(item.question.id[-1], 16) % 4 > 0
        return item.reference if knows else sorted(question.options)[0]

    def bias(model):
        [found] = run(Rule(model), task, protocol="generation", progress=False).tasks
        return found.choices.position

    assert bias(lambda question: "(A)").biased
    assert bias(lambda question: "(A)").excess[0].value == pytest.approx(0.75)
    assert bias(lambda question: "(A)").agreement.value == 0
    assert bias(leaning).biased
    assert bias(leaning).accuracy[0].value == 1
    assert bias(unsure).biased is False
    assert bias(unsure).agreement.value == 1


def test_a_model_that_guesses_is_rarely_called_biased(bench):
    task = only(bench, "Single Disease Identification")
    called = [
        run(guessing(task.items, seed), task, protocol="generation", progress=False)
        .tasks[0]
        .choices.position.biased
        for seed in range(8)
    ]
    assert sum(called) <= 1


def test_controls_show_no_film_or_one_of_another_patient(bench):
    model = perfect(bench.items)
    run(model, bench, protocol="generation", progress=False)
    own = {item.question.id: item for item in bench.items}
    film_of = {image: item.cluster for item in bench.items for image in item.question.images}
    shuffled = [q for q in model.asked if q.id.endswith("#shuffled")]
    assert len(shuffled) > 300
    for question in shuffled:
        item = own[question.id.partition("#")[0]]
        assert question.images != item.question.images
        assert len(question.images) == len(item.question.images)
        assert all(film_of[image] != item.cluster for image in question.images)
    blind = [q for q in model.asked if q.id.endswith("#no_image")]
    assert blind
    assert not any(q.images for q in blind)
    assert not any(q.task == "Findings Summarization" for q in (*blind, *shuffled))


def test_a_model_that_sees_gains_over_both_controls(views):
    seen = {item.question.images: item.reference for item in views.items}

    def answer(question):
        return seen.get(question.images, "PA")

    [task] = run(Rule(answer), views, protocol="generation", progress=False).tasks
    [figure] = task.figures
    assert figure.estimate.value == 1
    assert figure.baselines["no_image"].gain.above_zero
    assert figure.baselines["shuffled"].gain.above_zero
    assert figure.baselines["majority"].gain.above_zero


@pytest.mark.parametrize(
    "silence", ["I cannot see an image.", Reply("no", failure=Failure.REFUSED), Reply("")]
)
def test_a_model_that_says_nothing_without_images_gains_nothing_by_it(views, silence):
    """It says PA of every film: what it knows is no sight, whether it admits to be blind or not."""

    def answer(question):
        return "PA" if question.images else silence

    [task] = run(Rule(answer), views, protocol="generation", progress=False).tasks
    [figure] = task.figures
    assert "no_image" not in figure.baselines
    assert figure.baselines["shuffled"].gain.value == 0
    assert "no answer to 40 of 40 questions under the control no_image" in " ".join(task.notes)


def test_a_control_is_compared_on_the_questions_answered_under_it(views):
    silent = {item.question.id for item in views.items[::4]}
    right = {item.question.id: item.reference for item in views.items}

    def answer(question):
        id, _, control = question.id.partition("#")
        return "?" if control and id in silent else right[id]

    [task] = run(Rule(answer), views, protocol="generation", progress=False).tasks
    control = task.figures[0].baselines["no_image"]
    assert (control.estimate.value, control.estimate.n, control.gain.value, control.gain.n) == (1, 30, 0, 30)
    assert "no answer to 10 of 40 questions under the control no_image" in " ".join(task.notes)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(""), "empty"),
        (Reply("x", failure=Failure.TOO_LONG), "too_long"),
        (Reply("", failure=Failure.CRASHED), "crashed"),
        (Reply("I cannot help", failure=Failure.REFUSED), "refused"),
    ],
)
def test_a_model_that_gives_no_answer_has_no_figure(bench, reply, kind):
    result = run(Rule(lambda question: reply), bench, controlled=0, progress=False)
    assert len(result.tasks) == 10
    for task in result.tasks:
        assert task.failures == {kind: 40}
        assert not task.measured
        assert f"({kind} 40)" in task.notes[0]
        assert all(figure.estimate.value is None for figure in task.figures)
    assert not result.pooled
    assert result.skipped == {"likelihood": "gives no likelihoods"}
    assert all(item.value is None and item.counts is None for item in result.items)


def test_what_breaks_on_some_items_is_wrong_on_those_alone(bench):
    model = perfect(bench.items)
    good = model._answer

    def answer(question):
        if question.images and question.images[0].stem in ("0", "1"):
            return Reply("", failure=Failure.CRASHED)
        return good(question)

    result = run(Rule(answer), bench, protocol="generation", controlled=0, progress=False)
    for task in result.tasks:
        if task.task != "Findings Summarization":
            assert task.failures == {"crashed": 2}
    accuracy = figures(result)["chexbench/view_classification/generation/accuracy"]
    assert accuracy.estimate.value == pytest.approx(38 / 40)
    boxes = figures(result)["chexbench/phrase_grounding/generation/first_iou"]
    assert boxes.estimate.value == pytest.approx(38 / 40)


def test_another_language_is_read_by_no_task(bench):
    said = "Die Lunge ist beidseits frei belüftet, kein Erguss und keine Stauung."
    result = run(Rule(lambda question: said), bench, protocol="generation", controlled=0, progress=False)
    for task in result.tasks:
        assert task.figures[0].estimate.value in (0, None)
        assert sum(task.failures.values()) == 40
        assert any("every answer is the same" in note for note in task.notes)


def test_a_choice_that_is_always_tied_is_no_answer(views):
    flat = Rule(lambda question: "", lambda question: (0.0,) * len(question.options))
    [task] = run(flat, views, protocol="likelihood", progress=False).tasks
    assert task.failures == {"tied": 40}
    assert not task.measured


def test_one_film_has_no_interval_and_one_class_is_said(tmp_path):
    made = {"View Classification": document()["View Classification"][:6]}
    for i, row in enumerate(made["View Classification"]):
        row |= {"image_path": "0.png", "question": f"Question {i}?", "option_0": "PA", "option_1": "AP"}
        row |= {"option_2": None, "answer": 0}
    bench = read(*write_bench(tmp_path, made, films=1))
    result = run(perfect(bench.items), bench, protocol="generation", progress=False)
    [task] = result.tasks
    assert task.figures[0].estimate.low is None
    assert any("no interval" in note for note in task.notes)
    assert any("every right answer is the same" in note for note in task.notes)
    assert "shuffled" not in task.figures[0].baselines
    assert task.choices.position.biased is None


def test_likelihood_alone_is_refused_where_there_is_none(views, bench):
    with pytest.raises(UsageError, match="gives no likelihoods"):
        run(Rule(lambda question: "(A)"), views, protocol="likelihood", progress=False)
    boxes = only(bench, "Phrase Grounding")
    with pytest.raises(UsageError, match="multiple choice alone"):
        run(Rule(lambda question: "(A)"), boxes, protocol="likelihood", progress=False)


def test_the_published_rule_draws_what_it_cannot_read(views):
    words = {item.question.id: item.reference for item in views.items}
    model = Rule(lambda question: words[question.id.partition("#")[0]])
    [task] = run(model, views, protocol="generation", controlled=0, progress=False).tasks
    assert task.figures[0].estimate.value == 1  # ours reads the words
    assert task.choices.published_expected == pytest.approx(1 / 3)
    assert task.choices.published.low <= 1 / 3 <= task.choices.published.high


def test_a_killed_run_goes_on_and_a_rerun_is_the_same_but_for_the_date(bench, tmp_path):
    bench = only(bench, "View Classification", "Phrase Grounding", "Findings Generation")
    calls = []

    class Dying(Rule):
        def answer(self, questions):
            calls.append(len(questions))
            if len(calls) == 6:
                raise KeyboardInterrupt
            return super().answer(questions)

    def model(kind):
        source = perfect(bench.items)
        return kind(source._answer, source._likelihood)

    def measure(kind, name):
        folder = tmp_path / name
        stored = Stored(model(kind), folder / "answers.jsonl")
        run(stored, bench, seed=3, progress=False, keep=lambda result: write(result, folder))
        return stored.adapter

    with pytest.raises(KeyboardInterrupt):
        measure(Dying, "killed")
    assert json.loads((tmp_path / "killed/report.json").read_text())["complete"] is False
    measure(Rule, "killed")
    measure(Rule, "whole")
    assert not measure(Rule, "whole").asked
    pages = [[(tmp_path / name / file).read_text() for file in FILES] for name in DONE]
    dates = [json.loads((tmp_path / name / FILES[0]).read_text())["protocol"]["date"] for name in DONE]
    assert [text.replace(dates[0], "") for text in pages[0]] == [
        text.replace(dates[1], "") for text in pages[1]
    ]
    items = read_items(tmp_path / "whole")
    assert {item.figure.split("/")[1] for item in items} == {
        "view_classification",
        "phrase_grounding",
        "findings_generation",
    }


def test_a_limit_asks_so_many_of_each_task(bench):
    model = perfect(bench.items)
    result = run(model, bench, limit=12, controlled=5, protocol="generation", progress=False)
    assert {figure.estimate.n for task in result.tasks for figure in task.figures} == {12}
    kinds = [q.id.partition("#")[2] for q in model.asked if q.kind is Kind.CHOICE]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "": 84,
        "no_image": 35,
        "order": 35,
        "shuffled": 35,
    }


def test_the_usual_answer_is_the_most_frequent_one_and_no_answer_key(tmp_path):
    task = "Binary Disease Classification"
    made = {task: document(60)[task], "Fine-Grained Reasoning": []}
    for i, row in enumerate(made[task]):
        yes = 0 if row["option_0"] == "yes" else 1
        row["answer"] = yes if i % 4 else 1 - yes
    for i in range(60):  # options that no other item offers
        row = {"image_path": f"{i}.png", "question": "Which?", "answer": 0 if i % 3 else 1}
        made["Fine-Grained Reasoning"].append(row | {f"option_{j}": f"sentence {i} {j}" for j in range(2)})
    bench = read(*write_bench(tmp_path, made, films=60))
    run_ = run(Rule(lambda question: "yes"), bench, protocol="generation", controlled=0, progress=False)
    binary, fine = (task.figures[0].baselines for task in run_.tasks)
    assert binary["majority"].estimate.value == pytest.approx(0.75)
    assert binary["majority"].gain.value == 0
    assert fine["majority"].estimate.value == fine["majority_position"].estimate.value
    assert fine["majority_position"].estimate.value == pytest.approx(2 / 3)
