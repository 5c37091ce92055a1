"""The grader of drawn pictures: it prefers the film that shows what was asked, and failures have no score."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hilum.bench.alignment import PictureGrader
from hilum.bench.alignment.pictures import agreement
from hilum.bench.classifier import Classifier
from hilum.bench.metrics import FINDINGS
from hilum.model.vocabulary import END
from hilum.phantom import PhantomConfig, cohort, only
from hilum.study import Finding, Severity, State
from hilum.tokenizer import TokenizerConfig
from hilum.tokenizer.codes import as_pixels
from hilum.training import FitConfig, TokenizerStage, train_tokenizer
from model.helpers import tiny, vocabulary

EFFUSION = FINDINGS.index(Finding.PLEURAL_EFFUSION)
CHANCES = st.lists(st.floats(0, 1), min_size=6, max_size=6)
ASKED = st.lists(st.sampled_from([0.0, 1.0, np.nan]), min_size=6, max_size=6)


class Bases(Classifier):
    """Looks for fluid where it gathers: how bright the lowest part of the lungs is beside the upper ones."""

    def scores(self, images, *, batch: int = 128):
        found = np.zeros((len(images), len(FINDINGS)))
        side = images.shape[1]
        low, high = slice(side * 5 // 8, side * 3 // 4), slice(side // 4, side // 2)
        flanks = [slice(side // 8, side * 3 // 8), slice(side * 5 // 8, side * 7 // 8)]
        bright = [[images[:, rows, one].mean((1, 2)) for one in flanks] for rows in (low, high)]
        found[:, EFFUSION] = np.clip(np.mean(bright[0], 0) - np.mean(bright[1], 0) + 0.5, 0, 1)
        return found


def labels(value: float) -> np.ndarray:
    row = np.full(len(FINDINGS), np.nan, np.float32)
    row[EFFUSION] = value
    return row


def films() -> tuple[np.ndarray, np.ndarray]:
    """Patients with an effusion that is not small, and the same patients without."""
    plain = PhantomConfig(size=64, prevalence=only(), followup=0, lateral=0, portable=0)
    ill = cohort(8, seed=5, config=replace(plain, prevalence=only(Finding.PLEURAL_EFFUSION)))
    well = cohort(8, seed=5, config=plain)
    kept = [i for i in range(8) if any(f.severity is not Severity.MILD for f in ill[i].facts)]
    with_it, without = (np.stack([some[i].views[0].load() for i in kept]) for some in (ill, well))
    return with_it, without


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A model that paints phantom films, and its answers: films with an effusion, and films without."""
    with_it, without = films()
    both = np.concatenate([with_it, without])
    config = TokenizerConfig(image_size=64, grid=8, levels=(8, 5, 5), width=16, blocks=1)
    steps = FitConfig(steps=120, lr=3e-3, warmup=5, weight_decay=0.0)
    folder = tmp_path_factory.mktemp("painter")
    stage = TokenizerStage(steps, batch=8)
    painter = train_tokenizer((both * 255).astype(np.uint8), config, stage, folder)
    words = vocabulary(painter.n_codes)
    model = replace(tiny(), image_tokenizer=painter, vocabulary=words)
    answers = [[*(words.first_code + one).tolist(), words.id(END)] for one in painter.encode(as_pixels(both))]
    return model, answers[: len(with_it)], answers[len(with_it) :]


def grader(model, asked) -> PictureGrader:
    return PictureGrader(model, Bases(torch.nn.Linear(1, 1)), asked)


def test_the_film_that_shows_what_was_asked_is_preferred(drawn) -> None:
    model, with_it, without = drawn
    rows = [{"id": name, "answers": [*with_it, *without]} for name in ("there", "gone")]
    there, gone = grader(model, {"there": labels(1), "gone": labels(0)})(rows)
    assert {verdict.state for verdict in (*there, *gone)} == {State.SCORED}
    values = np.array([[v.value for v in some] for some in (there, gone)])
    assert len(with_it) == len(without) > 1
    assert (values[0, : len(with_it)] > values[0, len(with_it) :]).all()
    assert (values[1, : len(with_it)] < values[1, len(with_it) :]).all()


def test_what_is_no_picture_or_asks_for_nothing_known_is_no_score(drawn) -> None:
    model, [whole, *_], _ = drawn
    words = model.vocabulary.encode("No pleural effusion.")
    asked = {"there": labels(1), "unknown": labels(np.nan)}
    rows = [{"id": name, "answers": [whole, whole[5:], words]} for name in ("there", "unknown", "new")]
    found = grader(model, asked)(rows)
    states = [[verdict.state for verdict in some] for some in found]
    assert states[0] == [State.SCORED, State.UNPARSABLE, State.UNPARSABLE]
    assert states[1] == states[2] == [State.NO_REFERENCE, State.UNPARSABLE, State.UNPARSABLE]
    assert all((v.value is None) == (v.state is not State.SCORED) for some in found for v in some)
    assert grader(model, asked).paint(whole).shape == (64, 64)
    assert grader(model, asked).paint(words) is None


def test_its_identity_tells_what_its_verdicts_depend_on(drawn) -> None:
    model = drawn[0]
    one = grader(model, {"there": labels(1)})
    assert one.identity == replace(one).identity == PictureGrader(model, one.classifier, one.asked).identity
    others = [
        replace(one, asked={"there": labels(0)}),
        replace(one, classifier=Bases(torch.nn.Linear(1, 1))),
        replace(one, model=tiny()),
    ]  # other findings asked for, other weights, another painter
    assert len({one.identity, *(other.identity for other in others)}) == 4


@given(CHANCES, ASKED)
def test_agreement_is_a_score_or_unknown(chances, asked) -> None:
    value = agreement(np.array(chances), np.array(asked))
    assert (value is None) == bool(np.isnan(asked).all())
    assert value is None or 0 <= value <= 1


@given(CHANCES, ASKED, st.integers(0, 5), st.floats(0, 1))
def test_agreement_rises_with_the_chance_of_what_was_asked(chances, asked, k, chance) -> None:
    before, after = np.array(chances), np.array(chances)
    after[k] = chance
    one, other = (agreement(side, np.array(asked)) for side in (before, after))
    if np.isnan(asked[k]):
        assert one == other
    else:
        sign = 1 if asked[k] else -1
        assert sign * (other - one) * np.sign(after[k] - before[k]) >= -1e-12


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 40))
def test_many_absent_findings_do_not_drown_the_one_asked_for(there, gone, count) -> None:
    asked = np.array([1.0, *[0.0] * count])
    assert agreement(np.array([there, *[gone] * count]), asked) == pytest.approx((there + 1 - gone) / 2)
