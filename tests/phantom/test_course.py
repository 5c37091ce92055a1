"""Prevalences, groups and what becomes of findings."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from hilum.phantom import DEFAULT_PREVALENCE, DRAWABLE, PhantomConfig, only
from hilum.phantom.course import LASTING, admit, make_sign
from hilum.study import DEVICES, Finding, Severity, Sex, Side, Site

PATIENTS = 3000


@pytest.fixture(scope="module")
def first_visits():
    return [admit(21, k, 1, PhantomConfig())[0] for k in range(PATIENTS)]


def within(count, n, chance):
    """Whether a count is one that chance gives in all but one case in 100,000."""
    return binom.ppf(5e-6, n, chance) <= count <= binom.ppf(1 - 5e-6, n, chance)


@pytest.mark.parametrize("finding", DRAWABLE)
def test_a_finding_is_as_common_as_configured(first_visits, finding):
    count = sum(any(s.finding is finding for s in v.signs) for v in first_visits)
    assert within(count, PATIENTS, DEFAULT_PREVALENCE[finding])


def test_sex_and_group_are_drawn_evenly_and_apart(first_visits):
    women = [v for v in first_visits if v.patient.sex is Sex.FEMALE]
    assert within(len(women), PATIENTS, 0.5)
    assert within(sum(v.patient.group == "B" for v in women), len(women), 0.5)
    assert all(18 <= v.patient.age <= 95 for v in first_visits)


def test_about_three_in_ten_have_no_finding(first_visits):
    clear = sum(not {s.finding for s in v.signs} - set(DEVICES) for v in first_visits)
    assert 0.25 < clear / PATIENTS < 0.40


def test_a_bias_planted_in_one_group_is_there_and_only_there():
    config = PhantomConfig(group_prevalence={"B": {Finding.PNEUMOTHORAX: 0.4}})
    visits = [admit(22, k, 1, config)[0] for k in range(1500)]
    for group, chance in (("A", DEFAULT_PREVALENCE[Finding.PNEUMOTHORAX]), ("B", 0.4)):
        own = [v for v in visits if v.patient.group == group]
        count = sum(any(s.finding is Finding.PNEUMOTHORAX for s in v.signs) for v in own)
        assert within(count, len(own), chance)


def test_planting_a_bias_leaves_everyone_else_as_they_were():
    plain = [admit(22, k, 1, PhantomConfig())[0] for k in range(200)]
    biased = PhantomConfig(group_prevalence={"B": {Finding.FRACTURE: 0.9}})
    for k, before in enumerate(plain):
        after = admit(22, k, 1, biased)[0]
        if before.patient.group == "A":
            assert after == before
        else:
            others = [s for s in after.signs if s.finding is not Finding.FRACTURE]
            assert others == [s for s in before.signs if s.finding is not Finding.FRACTURE]


def test_only_draws_nothing_else():
    config = PhantomConfig(prevalence=only(Finding.EDEMA, Finding.NODULE))
    for k in range(20):
        (visit,) = admit(1, k, 1, config)
        assert {s.finding for s in visit.signs} == {Finding.EDEMA, Finding.NODULE}


def test_a_longer_course_begins_like_a_shorter_one():
    for k in range(30):
        assert admit(3, k, 3, PhantomConfig())[:2] == admit(3, k, 2, PhantomConfig())


def test_findings_keep_their_side_and_place_and_lasting_ones_stay():
    for k in range(300):
        first, second = admit(4, k, 2, PhantomConfig())
        now = {s.finding: s for s in second.signs}
        for sign in first.signs:
            if sign.finding in LASTING:
                assert sign.finding in now
                assert now[sign.finding].grade >= sign.grade
            if sign.finding in now:
                assert replace(now[sign.finding], grade=sign.grade) == sign


def test_findings_worsen_improve_resolve_persist_and_appear():
    fates = set()
    for k in range(300):
        first, second = admit(5, k, 2, PhantomConfig())
        now = {s.finding: s.grade for s in second.signs}
        for sign in first.signs:
            if sign.finding not in now:
                fates.add("resolved")
            else:
                fates.add(float(np.sign(now[sign.finding] - sign.grade)))
        fates |= {"new"} if set(now) - {s.finding for s in first.signs} else set()
    assert fates == {"resolved", "new", -1.0, 0.0, 1.0}


def test_thirds_of_the_grade_are_mild_moderate_and_severe():
    sign = make_sign(Finding.EDEMA, np.random.default_rng(0))
    grades = (0.0, 0.33, 0.34, 0.66, 0.67, 0.98)
    expected = [level for level in Severity for _ in range(2)]
    assert [replace(sign, grade=g).severity for g in grades] == expected


@pytest.mark.parametrize("finding", [Finding.CONSOLIDATION, Finding.NODULE, Finding.MASS])
def test_only_the_right_lung_has_a_middle_lobe_and_only_the_left_a_lingula(finding):
    for seed in range(100):
        sign = make_sign(finding, np.random.default_rng(seed))
        assert (sign.side, sign.site) not in {(Side.LEFT, Site.MIDDLE_LOBE), (Side.RIGHT, Site.LINGULA)}


def test_the_tubes_of_intensive_care_are_mostly_seen_at_the_bedside():
    config = PhantomConfig(prevalence=only(Finding.ENDOTRACHEAL_TUBE))
    portable = sum(admit(6, k, 1, config)[0].portable for k in range(200))
    assert portable > 140
    upright = PhantomConfig(prevalence=only(Finding.ENDOTRACHEAL_TUBE), portable=0.0)
    assert not any(admit(6, k, 1, upright)[0].portable for k in range(50))
