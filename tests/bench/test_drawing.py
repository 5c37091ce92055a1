"""Drawn pictures are judged by what was asked of them, beside the real ones of the same reports."""

from __future__ import annotations

import numpy as np
import pytest

from bench.helpers import EFFUSION, Films, item, pixels_of, record
from hilum.bench.answers import BATCH
from hilum.bench.classifier import Reading
from hilum.bench.drawing import draw, is_frontal
from hilum.bench.image_metrics import Encoder, pictures_of
from hilum.bench.labels import asked_labels, classifier_data
from hilum.bench.metrics import FINDINGS
from hilum.model import Model
from hilum.model.answer import Answer, WrittenReport
from hilum.study import Fact, Finding, Position, Presence, Split, Task

PRESENT, ABSENT = Presence.PRESENT, Presence.ABSENT

K = FINDINGS.index(Finding.PLEURAL_EFFUSION)


def test_a_picture_must_show_what_the_report_states_and_nothing_it_denies():
    row = asked_labels(
        record(
            "s",
            facts=(EFFUSION, Fact(Finding.EDEMA, ABSENT)),
            labels={
                Finding.EDEMA: ABSENT,
                Finding.MASS: PRESENT,
                Finding.NODULE: ABSENT,
            },
        )
    )
    value = dict(zip(FINDINGS, row, strict=True))
    assert (value[Finding.PLEURAL_EFFUSION], value[Finding.EDEMA], value[Finding.NODULE]) == (1, 0, 0)
    assert np.isnan(value[Finding.MASS]), "labelled, but too faint to be stated"
    assert np.isnan(value[Finding.FRACTURE])


def test_where_there_is_no_report_the_labels_decide():
    row = asked_labels(record("s", labels={Finding.MASS: PRESENT, Finding.NODULE: ABSENT}))
    value = dict(zip(FINDINGS, row, strict=True))
    assert (value[Finding.MASS], value[Finding.NODULE]) == (1, 0)
    assert np.isnan(value[Finding.EDEMA])


def test_the_classifier_learns_from_frontal_images_of_its_source_alone():
    both = record(
        "a", image_ids=("a-pa", "a-lat"), positions=(Position.PA, Position.LATERAL), facts=(EFFUSION,)
    )
    films = Films(
        both,
        record("b", Position.AP),
        record("c", Position.UNKNOWN),
        record("d", source="folder"),
        record("e", image_ids=("a-pa",)),
    )
    images, labels, *_ = classifier_data(films, Split.TRAIN)
    assert films.asked == ["a-pa", "b-image"]
    assert images.shape == (2, 16, 16)
    assert labels[0, K] == 1
    assert np.isnan(labels[1, K])
    assert classifier_data(films, Split.TRAIN, source=None)[0].shape[0] == 3
    assert classifier_data(films, Split.TRAIN, limit=1)[0].shape[0] == 1
    images, labels, *_ = classifier_data(films, Split.VAL)
    assert (images.shape, labels.shape) == ((0, 0, 0), (0, len(FINDINGS)))


class Bright:
    """Calls an image the more likely to show effusion the brighter it is."""

    def scores(self, images, *, batch: int = 128):
        found = np.zeros((len(images), len(FINDINGS)))
        found[:, K] = np.asarray(images).mean((1, 2))
        return found

    def read(self, images):
        present = self.scores(images)
        return Reading(present, np.stack([present, 1 - present], 2), present)


class Painter:
    """Draws what it was asked for, or not, with a right or a wrong number of codes."""

    def __init__(self, honest: bool = True) -> None:
        self.honest, self.temperatures = honest, set()

    def answer(self, prompts, *, temperature, **_):
        self.temperatures.add(temperature)
        return [[self._draw(p.messages[0].parts[-1].text)] for p in prompts]

    def _draw(self, text: str) -> Answer:
        bright = ("effusion" in text) is self.honest
        image = np.full((16, 16), 0.9 if bright else 0.1, np.float32)
        return Answer("", codes=(0,) * (4 if "whole" in text else 3), image=image)


class Rounded:
    """An image tokenizer whose codes are grey levels, 8 of them."""

    def __init__(self, codes_per_image: int = 4) -> None:
        self.codes_per_image = codes_per_image

    def encode(self, pixels):
        return (pixels.clamp(0, 1) * 7).round().long().flatten(1)

    def decode(self, codes):
        return codes.view(-1, 16, 16) / 7


def reports(count: int = 12):
    items, records = [], {}
    for i in range(count):
        there = i % 2 == 0
        one = record(
            f"s{i}",
            facts=(EFFUSION,) if there else (),
            labels={Finding.PLEURAL_EFFUSION: PRESENT if there else ABSENT},
        )
        records[one.source, one.id] = one
        words = ("effusion" if there else "normal") + (" whole" if i < 9 else "")
        items.append(
            item(
                Task.DRAW,
                name=f"c{i}",
                study=one.id,
                patient=one.patient,
                question=words,
                drawn=one.image_ids,
            )
        )
    return items, records


def real(image: str) -> np.ndarray:
    """Real films are told apart by their brightness too, all but one."""
    number = int(image[1:].partition("-")[0])
    return np.full((16, 16), 0.8 if number % 2 == 0 or number == 1 else 0.2, np.float32)


def test_drawn_pictures_are_measured_beside_the_real_ones():
    items, records = reports()
    painter = Painter()
    drawing, answers = draw(
        painter, items, records, real, tokenizer=Rounded(), classifier=Bright(), temperature=0.7
    )
    assert painter.temperatures == {0.7}
    assert len(answers) == 12
    assert drawing.right_codes.value == 0.75
    assert drawing.drawn.value == 1
    assert drawing.real.value == pytest.approx(1 - 0.5 / 6)
    assert drawing.gap.value == pytest.approx(0.5 / 6)
    [finding] = drawing.findings
    assert (finding.finding, finding.asked) == ("Pleural Effusion", 6)
    assert (finding.drawn.value, finding.drawn.n) == (1, 12)
    assert finding.real.value == pytest.approx(1 - 0.5 / 6)
    document = drawing.to_json()
    assert document["macro_auroc_drawn"]["value"] == 1
    assert document["findings"][0]["real"]["value"] == finding.real.value
    assert drawing.aligned.value == 1
    assert document["aligned_real"]["value"] == drawing.aligned_real.value < 1
    assert (drawing.sets, document["sets"]) == (None, None)
    dishonest, _ = draw(Painter(False), items, records, real, tokenizer=Rounded(), classifier=Bright())
    assert dishonest.drawn.value == 0
    assert dishonest.gap.value < 0
    assert dishonest.aligned.value == 0


def grey(pictures):
    return np.array([[picture.mean(), picture.std()] for picture in pictures])


def test_drawn_pictures_are_compared_with_real_ones_as_a_set():
    items, records = reports()
    encoder = Encoder("grey", grey)
    films = [pixels_of(f"{i}") for i in range(20)]
    drawing, _ = draw(
        Painter(),
        items,
        records,
        pixels_of,
        tokenizer=Rounded(),
        encoder=encoder,
        training=pictures_of(films, [str(i) for i in range(20)], encoder),
    )
    sets, rebuilt = drawing.sets, drawing.rebuilt_sets
    assert (sets.encoder, sets.real, sets.drawn, sets.training) == ("grey", 12, 12, 20)
    assert sets.fd > rebuilt.fd > 0
    assert (sets.copied.value, sets.copied_real.value) == (0, 0)
    assert (rebuilt.drawn, rebuilt.training, rebuilt.copied) == (12, 0, None)
    document = drawing.to_json()
    assert (document["sets"]["fd"], document["rebuilt_sets"]["fd"]) == (sets.fd, rebuilt.fd)
    assert drawing.drawn is None, "no classifier"
    few, _ = draw(Painter(), items[:3], records, real, tokenizer=Rounded(), encoder=encoder)
    assert (few.sets, few.rebuilt_sets) == (None, None)


def test_without_a_classifier_or_a_frontal_picture_only_codes_are_counted():
    items, records = reports()
    assert draw(Painter(), items, records, real, tokenizer=Rounded())[0].drawn is None
    lateral = {key: record(r.id, Position.LATERAL) for key, r in records.items()}
    found = draw(Painter(), items, lateral, real, tokenizer=Rounded(3), classifier=Bright())[0]
    assert found.drawn is None
    assert found.right_codes.value == 0.25


def test_a_picture_is_frontal_when_the_film_it_stands_for_is():
    both = record("s", image_ids=("lat", "pa"), positions=(Position.LATERAL, Position.PA))
    records = {("phantom", "s"): both}
    assert is_frontal(item(Task.DRAW, drawn=("pa",)), records)
    assert not is_frontal(item(Task.DRAW, drawn=("lat",)), records)
    assert not is_frontal(item(Task.DRAW, drawn=("strange",)), records)
    assert not is_frontal(item(Task.DRAW), records)
    assert not is_frontal(item(Task.DRAW, drawn=("pa",), study="unknown"), records)


class Writer(Model):
    """Draws as `Painter` does, and writes what it sees: a bright picture shows the effusion."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def answer(self, prompts, **options):
        return Painter().answer(prompts, **options)

    def reports(self, studies):
        self.batches.append(len(studies))
        seen = [images[0].mean() > 0.5 for images, _ in studies]
        return [
            WrittenReport(findings="Small left pleural effusion." if bright else "Clear.") for bright in seen
        ]


@pytest.mark.parametrize("count", [12, 104])
def test_the_model_reports_at_most_a_hundred_of_its_drawings_and_their_films(count):
    items, records = reports(count)
    writer = Writer()
    shown = draw(writer, items, records, real, tokenizer=Rounded(), classifier=Bright(), seed=2)[0].shown
    told = min(count, 100)
    assert sum(writer.batches) == 2 * told
    assert max(writer.batches) == min(told, BATCH)
    assert (shown.round_trip.value, shown.round_trip.n) == (1, told)
    # The film of one normal study is as bright as those with effusion.
    assert shown.round_trip_films.value == pytest.approx(told / (told + 1))
    # The exact end for those patients whose films have a fact: the others leave an F1 as it is.
    assert (shown.round_trip.low, shown.round_trip.high) == (pytest.approx(0.025 ** (2 / told)), 1)


def test_the_seed_decides_the_intervals_of_drawings():
    items, records = reports()
    first, again, other = (
        draw(Painter(), items, records, real, tokenizer=Rounded(), classifier=Bright(), **options)[0]
        for options in ({}, {"seed": 0}, {"seed": 1})
    )
    assert first == again
    for name in ("right_codes", "real", "gap", "aligned_real"):
        assert getattr(first, name).value == getattr(other, name).value
        assert getattr(first, name) != getattr(other, name)


@pytest.mark.parametrize(("count", "compared"), [(5, False), (6, True)])
def test_sets_are_compared_of_more_pictures_than_neighbours(count, compared):
    items, records = reports(count)
    encoder = Encoder("grey", grey)
    drawing, _ = draw(Painter(), items, records, pixels_of, tokenizer=Rounded(), encoder=encoder)
    assert (drawing.sets is not None, drawing.rebuilt_sets is not None) == (compared, compared)
