"""People's own commands ask as training has asked: the same study, the same words, the same tokens."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.images import Radiograph, image_id, view_of
from hilum.instruct import Balance, conversations
from hilum.instruct.ingest import StudyChunk, ingest
from hilum.instruct.label_state import LabelState
from hilum.instruct.records import StudyRecord, records_of
from hilum.model import Concern, Model, Prompt, Reads, encode
from hilum.model.engine import TokenPrompt
from hilum.prompts import canonical
from hilum.reports import names
from hilum.study import (
    Change,
    Conversation,
    Fact,
    Finding,
    ImageIn,
    Pixels,
    Position,
    Report,
    Side,
    Split,
    Study,
    Task,
    Text,
    View,
)
from images.dicoms import as_bytes, film
from model.helpers import image_tokenizer, picture, tiny

SIZE = 32
REPORT = Report("Cough.", "", "Small left pleural effusion.", "Small left effusion.")
EFFUSION = Fact(Finding.PLEURAL_EFFUSION, side=Side.LEFT, change=Change.WORSENED)
MODELS = {reads: tiny(reads, context=1024) for reads in Reads}
TASKS = {Task.FINDINGS: REPORT.indication, Task.IMPRESSION: REPORT.indication}


class Film:
    """A picture that survives being stored as 8 bits."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __call__(self) -> Pixels:
        return np.round(picture(self.seed, SIZE) * 255).astype(np.float32) / np.float32(255)


def study(*positions: Position, prior: Study | None = None) -> Study:
    name = "now" if prior else "before"
    views = tuple(
        View(f"{name}-{number}", Film(number + 100 * bool(prior)), position)
        for number, position in enumerate(positions)
    )
    return Study(name, "p", "folder", views, REPORT, facts=(EFFUSION,), facts_complete=True, prior=prior)


def record_of(one: Study) -> StudyRecord:
    result = ingest(StudyChunk([one]), SIZE)
    assert not result.problems
    [record] = records_of(result.studies)
    return record


def trained_on(one: Study, task: Task, words: str, views: int) -> Conversation:
    """The conversation of a build that asks in these words."""
    record = record_of(one)
    balance = Balance(LabelState(record).tally())
    said = (
        c
        for seed in range(200)
        for c in conversations(record, Split.TEST, balance, seed=seed, views=views)
        if c.task is task and c.messages[0].parts[-1] == Text(words)
    )
    return next(said)


def in_training(model: Model, conversation: Conversation, loaded: dict[str, Pixels]) -> tuple[int, ...]:
    """The tokens before the answer, as training encodes them: images by what they hold."""

    def codes_of(image: str) -> list[int]:
        return image_tokenizer().encode(torch.from_numpy(loaded[image])[None])[0].tolist()

    whole = encode(conversation.messages, model.vocabulary, model.config, codes_of=codes_of)
    return whole.ids[: whole.targets.index(True)]


def by_content(*studies: Study | None) -> dict[str, Pixels]:
    pixels = [view.load() for one in studies if one is not None for view in one.views]
    return {image_id(one): one for one in pixels}


class Watched:
    """A model's own answers, and what it was asked."""

    def __init__(self, model: Model) -> None:
        self.model, self.prompts = replace(model), list[Prompt]()
        self.answer, self.model.answer = self.model.answer, self

    def __call__(self, prompts, **options):
        self.prompts += prompts
        return self.answer(prompts, **{**options, "max_new_tokens": 2})

    def tokens(self) -> list[TokenPrompt]:
        return [self.model.tokenize(prompt) for prompt in self.prompts]


TAKEN = (Position.LATERAL, Position.UNKNOWN, Position.PA, Position.AP, Position.LATERAL)


@pytest.mark.parametrize("reads", Reads)
@pytest.mark.parametrize("views", [0, 1, 2, 3, 9])
def test_a_study_is_the_same_tokens_in_training_and_in_a_report(reads, views) -> None:
    """PA, lateral and others, some of them more than the model was taught with."""
    model = MODELS[reads]
    watched = Watched(replace(model, config=replace(model.config, views=views)))
    one = study(*TAKEN)
    report = watched.model.report(one, indication=REPORT.indication)
    for (task, why), prompt, ready in zip(TASKS.items(), watched.prompts, watched.tokens(), strict=True):
        taught = trained_on(one, task, canonical(task, indication=why), views)
        assert ready.ids == in_training(model, taught, by_content(one))
        assert taught.images_in == tuple(image_id(pixels) for pixels in prompt.images)
        assert len(taught.images_in) == min(len(TAKEN), max(1, views))
    hidden = [flag.image for flag in report.caveats.flags if flag.concern is Concern.NOT_SHOWN]
    assert len(hidden) == len(TAKEN) - len(prompt.images)
    assert not {image_id(one.views[i].load()) for i in hidden} & set(taught.images_in)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.sampled_from(Position), min_size=1, max_size=6).filter(
        lambda p: set(p) != {Position.LATERAL}
    ),
    st.integers(0, 6),
)
def test_whatever_views_a_study_has_they_are_shown_alike(positions, views) -> None:
    model = MODELS[Reads.CODES]
    model = replace(model, config=replace(model.config, views=views))
    one = study(*positions)
    watched = Watched(model)
    watched.model.report(one, indication=REPORT.indication)
    taught = trained_on(one, Task.FINDINGS, canonical(Task.FINDINGS, indication=REPORT.indication), views)
    assert watched.tokens()[0].ids == in_training(model, taught, by_content(one))


@pytest.mark.parametrize("views", [0, 3])
@pytest.mark.parametrize("positions", [(Position.AP, Position.PA), (Position.UNKNOWN, Position.AP)])
def test_two_studies_are_the_same_tokens_in_training_and_in_a_comparison(positions, views) -> None:
    model = MODELS[Reads.BOTH]
    watched = Watched(replace(model, config=replace(model.config, views=views)))
    before = study(positions[0])
    now = study(positions[1], prior=before)
    watched.model.changes([(before.views[0], now.views[0], REPORT.findings)])
    [ready] = watched.tokens()
    taught = trained_on(now, Task.PROGRESSION, canonical(Task.PROGRESSION, **names(EFFUSION.finding)), views)
    assert ready.ids == in_training(model, taught, by_content(before, now))
    assert [p.prior for p in taught.messages[0].parts if isinstance(p, ImageIn)] == [views > 0, False]


def test_a_dicom_says_how_it_was_taken_and_a_picture_does_not(tmp_path) -> None:
    values = np.round(Film(1)() * 255).astype(np.uint8)
    path = tmp_path / "film.dcm"
    path.write_bytes(as_bytes(film(values, ViewPosition="LL")))
    watched = Watched(MODELS[Reads.FEATURES])
    for images in (path, view_of(path), Radiograph(Film(1)(), Position.LATERAL), Film(1)(), values):
        watched.model.report(images)
    asked = [prompt.messages[0].parts[0] for prompt in watched.prompts[::2]]
    assert asked == [ImageIn("0", Position.LATERAL)] * 3 + [ImageIn("0", Position.UNKNOWN)] * 2
    first, *_, last = watched.tokens()
    assert "Lateral view: " in watched.model.vocabulary.decode(first.ids)
    assert "view" not in watched.model.vocabulary.decode(last.ids)


def test_a_question_says_nothing_of_the_view_it_may_be_for() -> None:
    watched = Watched(MODELS[Reads.FEATURES])
    watched.model.ask(study(*TAKEN), "Which view is this?")
    [prompt] = watched.prompts
    assert prompt.messages[0].parts[:-1] == tuple(ImageIn(str(number)) for number in range(len(TAKEN)))
