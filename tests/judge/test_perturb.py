"""One error lowers the score; other words, another order, do not."""

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.judge import compare, score
from hilum.judge.perturb import PERTURBATIONS
from hilum.phantom import DEFAULT_PREVALENCE, PhantomConfig
from hilum.phantom.course import GRADED, admit
from hilum.phantom.details import details_of
from hilum.reports import extract_facts, is_english, sentences, write_report
from hilum.sources import open_source
from hilum.sources.base import SourceSpec
from hilum.study import DEVICES, Change, Fact, Finding, Presence, Severity, Side, Site, Tip
from reports.made import fact_lists

PAIRS = tomllib.loads((Path(__file__).parent / "paraphrases.toml").read_text(encoding="utf-8"))


def value(reference, candidate):
    return score([reference], [candidate]).scores[0].value


def phantom_facts(patient):
    """The signs of a phantom as a report states them, devices oftener than usual."""
    chances = {f: min(0.9, (4 if f in DEVICES else 2) * p) for f, p in DEFAULT_PREVALENCE.items()}
    signs = admit(3, patient, 1, PhantomConfig(size=64, prevalence=chances))[0].signs
    return [
        Fact(
            s.finding,
            Presence.PRESENT,
            s.side,
            s.site,
            s.severity if s.finding in GRADED else None,
            **details_of(s),
        )
        for s in signs
    ]


@pytest.mark.parametrize("kind", PERTURBATIONS)
def test_one_error_lowers_the_score_of_a_written_report(kind):
    tried = lower = 0
    for patient in range(300):
        facts = phantom_facts(patient)
        worse = PERTURBATIONS[kind](facts, np.random.default_rng(patient))
        if worse is None:
            continue
        right, wrong = (
            write_report(f, rng=np.random.default_rng(patient), prior=True).findings for f in (facts, worse)
        )
        assert compare(facts, worse).value < 1
        tried += 1
        lower += value(right, wrong) < 1
    assert tried > 100
    assert lower >= 0.99 * tried


@given(fact_lists(), st.sampled_from(list(PERTURBATIONS)), st.integers(0, 99))
def test_a_perturbation_changes_one_fact_or_says_that_it_cannot(facts, kind, seed):
    worse = PERTURBATIONS[kind](facts, np.random.default_rng(seed))
    if worse is None:
        assert kind != "finding added" or len(facts) > 5
        return
    assert len(set(facts) ^ set(worse)) in (1, 2)
    assert compare(facts, worse).value < 1


def test_a_report_with_no_place_for_an_error_gets_none():
    bare = [Fact(Finding.NO_FINDING)]
    rng = np.random.default_rng(0)
    possible = [kind for kind, perturb in PERTURBATIONS.items() if perturb(bare, rng) is not None]
    assert possible == ["finding added"]
    assert PERTURBATIONS["finding added"]([Fact(f) for f in Finding], rng) is None


EFFUSION = Fact(Finding.PLEURAL_EFFUSION, side=Side.LEFT, severity=Severity.MILD)
LINE = Fact(Finding.CENTRAL_LINE, side=Side.RIGHT, tip=Tip.SUPERIOR_VENA_CAVA)
ONLY = {
    "negation flip": [
        (EFFUSION, [Fact(Finding.PLEURAL_EFFUSION, Presence.ABSENT)]),
        (Fact(Finding.EDEMA, Presence.UNCERTAIN), [Fact(Finding.EDEMA, Presence.ABSENT)]),
        (Fact(Finding.EDEMA, Presence.ABSENT), [Fact(Finding.EDEMA)]),
        (replace(EFFUSION, change=Change.NEW), None),
    ],
    "side flip": [
        (EFFUSION, [replace(EFFUSION, side=Side.RIGHT)]),
        (replace(EFFUSION, side=Side.RIGHT), [EFFUSION]),
        (replace(EFFUSION, side=Side.BILATERAL), None),
        (replace(EFFUSION, presence=Presence.ABSENT), None),
        (
            Fact(Finding.NODULE, side=Side.LEFT, site=Site.LINGULA),
            [Fact(Finding.NODULE, side=Side.RIGHT, site=Site.MIDDLE_LOBE)],
        ),
        (
            Fact(Finding.NODULE, side=Side.RIGHT, site=Site.MIDDLE_LOBE),
            [Fact(Finding.NODULE, side=Side.LEFT, site=Site.LINGULA)],
        ),
        (
            Fact(Finding.NODULE, side=Side.RIGHT, site=Site.UPPER_LOBE),
            [Fact(Finding.NODULE, side=Side.LEFT, site=Site.UPPER_LOBE)],
        ),
    ],
    "severity change": [
        (EFFUSION, [replace(EFFUSION, severity=grade) for grade in (Severity.MODERATE, Severity.SEVERE)]),
        (replace(EFFUSION, severity=None), None),
    ],
    "finding removed": [(EFFUSION, []), (Fact(Finding.EDEMA, Presence.ABSENT), None)],
    "comparison made up": [
        (EFFUSION, [replace(EFFUSION, change=c) for c in Change if c is not Change.RESOLVED]),
        (replace(EFFUSION, change=Change.STABLE), None),
        (replace(EFFUSION, presence=Presence.UNCERTAIN), None),
    ],
    "device misplaced": [
        (LINE, [replace(LINE, tip=Tip.SUBCLAVIAN_VEIN, malposition=True)]),
        (replace(LINE, tip=Tip.SUBCLAVIAN_VEIN), [LINE]),
        (replace(LINE, tip=Tip.RIGHT_VENTRICLE), [LINE]),
        (replace(LINE, tip=Tip.RIGHT_ATRIUM, malposition=True), [LINE]),
        (
            Fact(Finding.ENDOTRACHEAL_TUBE, tip=Tip.TRACHEA),
            [Fact(Finding.ENDOTRACHEAL_TUBE, tip=Tip.RIGHT_MAINSTEM_BRONCHUS, malposition=True)],
        ),
        (
            Fact(Finding.ENDOTRACHEAL_TUBE, tip=Tip.RIGHT_MAINSTEM_BRONCHUS, malposition=True),
            [Fact(Finding.ENDOTRACHEAL_TUBE, tip=Tip.TRACHEA)],
        ),
        (
            Fact(Finding.NASOGASTRIC_TUBE, tip=Tip.STOMACH),
            [Fact(Finding.NASOGASTRIC_TUBE, tip=Tip.ESOPHAGUS, malposition=True)],
        ),
        (
            Fact(Finding.NASOGASTRIC_TUBE, tip=Tip.ESOPHAGUS),
            [Fact(Finding.NASOGASTRIC_TUBE, tip=Tip.STOMACH)],
        ),
        (Fact(Finding.CENTRAL_LINE), None),
        (Fact(Finding.CHEST_TUBE, tip=Tip.PLEURAL_SPACE), None),
    ],
}
"""What may become of a report's one fact."""


@pytest.mark.parametrize(("kind", "fact", "worse"), [(k, *row) for k, rows in ONLY.items() for row in rows])
def test_all_that_may_become_of_a_fact(kind, fact, worse):
    beside = Fact(Finding.SCOLIOSIS, Presence.ABSENT)  # of another finding, and denied
    keep = [beside] if kind != "negation flip" else []
    made = [PERTURBATIONS[kind]([fact, *keep], np.random.default_rng(seed)) for seed in range(40)]
    if worse is None:
        assert made == [None] * 40
        return
    expected = [[one, *keep] for one in worse] or [keep]
    assert all(one in expected for one in made)
    assert all(one in made for one in expected)


def test_every_finding_that_may_be_added_is_none_that_stands_for_a_known_one():
    added = {PERTURBATIONS["finding added"]([], np.random.default_rng(n))[0] for n in range(300)}
    names = (
        "Pneumothorax, Pleural Effusion, Pneumonia, Atelectasis, Edema, Cardiomegaly, Nodule, Fracture, "
        "Emphysema, Fibrosis, Hiatal Hernia"
    )
    assert added == {Fact(f) for f in (*map(Finding, names.split(", ")), *DEVICES)}
    known = [Fact(Finding.LUNG_OPACITY), Fact(Finding.SUPPORT_DEVICES, Presence.ABSENT)]
    for seed in range(100):
        *before, new = PERTURBATIONS["finding added"](known, np.random.default_rng(seed))
        assert before == known
        assert new.finding not in {Finding.PNEUMONIA, Finding.ATELECTASIS, *DEVICES}


def test_other_words_for_the_same_score_1_both_ways():
    pairs = [(kind, *pair) for kind, rows in PAIRS.items() for pair in rows.items()]
    assert len(pairs) == 100
    failed = [(kind, a, b) for kind, a, b in pairs if not value(a, b) == value(b, a) == 1]
    assert len(failed) <= 5, failed


@settings(max_examples=200)
@given(fact_lists(), st.integers(0, 999), st.booleans())
def test_a_written_report_against_itself_is_perfect(facts, seed, prior):
    report = write_report(facts, rng=np.random.default_rng(seed), prior=prior)
    assert value(report.findings, report.findings) == 1
    assert value(report.text, report.text) == 1


def test_real_reports_against_themselves_in_any_order_are_perfect(data_root):
    readable = shuffled = 0
    for number, study in enumerate(open_source(SourceSpec("open-i", data_root / "open-i"))):
        text = study.report.text if study.report else ""
        if number % 4 or not text or not is_english(text) or not extract_facts(text):
            continue
        readable += 1
        assert value(text, text) == 1
        pieces = [text[start:end].rstrip(".") for start, end in sentences(text)]
        np.random.default_rng(number).shuffle(pieces)
        shuffled += value(text, ". ".join(pieces) + ".") == 1
    assert readable > 400
    assert shuffled >= 0.99 * readable
