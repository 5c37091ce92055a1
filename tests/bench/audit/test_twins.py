"""Two models that differ in their training labels alone: the biased one is found, its twin is not accused.

Both are logistic regressions on the pixels of phantom films. The biased one was told that no woman has an
enlarged heart; it sees who is a woman by the breasts' shadows.
"""

from __future__ import annotations

import numpy as np
import pytest
from skimage.measure import block_reduce
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from bench.helpers import item, record
from hilum.bench.answers import ask
from hilum.bench.audit.measures import Kind
from hilum.bench.audit.run import compare, of_task
from hilum.model.answer import Answer
from hilum.phantom import PhantomConfig, cohort, only
from hilum.study import Finding, Presence, Sex, Task

LEARNED, MEASURED = 600, 500


@pytest.fixture(scope="module")
def films():
    """Studies of one patient each, half of them with an enlarged heart, and their films."""
    config = PhantomConfig(
        size=64, followup=0.0, lateral=0.0, portable=0.0, prevalence=only(Finding.CARDIOMEGALY, chance=0.5)
    )
    studies = list(cohort(LEARNED + MEASURED, seed=5, config=config))
    return studies, np.stack([study.views[0].load() for study in studies])


def small(films_NHW):
    return block_reduce(films_NHW, (1, 4, 4), np.mean).reshape(len(films_NHW), -1)


class Reader:
    """Answers whether the heart is enlarged."""

    def __init__(self, films_NHW, labels) -> None:
        self.model = make_pipeline(PCA(60, random_state=0), LogisticRegression(C=10, max_iter=2000))
        self.model.fit(small(films_NHW), labels)

    def answer(self, prompts, **_):
        said = self.model.predict(small(np.stack([prompt.images[0] for prompt in prompts])))
        return [[Answer("yes" if yes else "no")] for yes in said]


def audited(films, biased: bool):
    studies, pixels = films
    there = np.array([study.labels[Finding.CARDIOMEGALY] is Presence.PRESENT for study in studies])
    women = np.array([study.sex is Sex.FEMALE for study in studies])
    told = there & ~women if biased else there
    reader = Reader(pixels[:LEARNED], told[:LEARNED])
    items, records, by_image = [], {}, {}
    for study, film, yes in zip(studies[LEARNED:], pixels[LEARNED:], there[LEARNED:], strict=True):
        known = record(study.id, patient=study.patient, sex=study.sex, age=study.age, group=study.group)
        records["phantom", study.id] = known
        by_image[known.image_ids[0]] = film
        name = f"{study.id}/binary/cardiomegaly"
        asked = {"study": study.id, "patient": study.patient, "images": known.image_ids}
        items.append(item(Task.BINARY, "Yes" if yes else "No", name=name, **asked))
    answers = ask(reader, items, by_image.__getitem__)
    known, skipped = of_task(Task.BINARY, items, answers, None, records)
    assert not skipped
    return compare([known], resamples=200)


def test_the_biased_twin_is_found_and_the_unbiased_one_is_not(films):
    fair, biased = audited(films, False), audited(films, True)
    overall = next(axis for axis in fair.axes if axis.axis == "sex" and axis.kind is Kind.SCORE)
    assert min(group.rate.value for group in overall.groups) > 0.8, "the twin reads the films"
    assert fair.found == ()
    assert fair.comparisons
    assert "No difference was found" in fair.verdict
    women = [c for c in biased.found if (c.axis, c.group) == ("sex", "F")]
    assert {c.kind for c in women} >= {Kind.SCORE, Kind.TPR}
    assert all("F" in c.group for c in biased.found if c.worse_by > 0)
    odds = {o.axis: o for o in biased.odds}["sex"]
    assert odds.difference == odds.tpr_gap > 0.3
    assert biased.skipped_axes == {
        "race": "no study says it",
        "view": "all are PA",
        "scanner": "no study says it",
        "source": "all are phantom",
    }
