"""A cohort is a pure function of seed, settings and index, wherever and in whatever order it is made."""

import hashlib
import multiprocessing
import os
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest

from hilum.errors import UsageError
from hilum.phantom import PhantomConfig, cohort, only
from hilum.study import Change, Finding, Position, Presence
from phantom.helpers import load_digest

CONFIG = PhantomConfig(size=64)
PROGRAM = """
import hashlib
from hilum.phantom import PhantomConfig, cohort
digest = hashlib.sha256()
for study in cohort(6, seed=5, config=PhantomConfig(size=64)):
    digest.update(repr((study.id, study.facts, study.report, study.regions, sorted(study.labels))).encode())
    for region in study.regions:
        digest.update(region.mask.tobytes())
    for view in study.views:
        digest.update(view.load().tobytes())
print(digest.hexdigest())
"""


def digest(study):
    made = hashlib.sha256(repr((study.id, study.facts, study.report, study.labels)).encode())
    for view in study.views:
        made.update(view.load().tobytes())
    return made.hexdigest()


@pytest.fixture(scope="module")
def studies():
    return list(cohort(120, seed=3, config=CONFIG))


def test_processes_with_other_hashes_and_threads_make_the_same_bytes():
    outputs = set()
    for hashseed, threads in (("1", "1"), ("2", "2")):
        env = {**os.environ, "PYTHONHASHSEED": hashseed, "OMP_NUM_THREADS": threads}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=True
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1


def test_a_shorter_cohort_is_the_beginning_of_a_longer_one():
    short, long = cohort(9, seed=2, config=CONFIG), cohort(40, seed=2, config=CONFIG)
    assert [digest(s) for s in short] == [digest(long[k]) for k in range(9)]


def test_studies_do_not_depend_on_the_order_they_are_asked_in():
    forward = [digest(s) for s in cohort(16, seed=4, config=CONFIG)]
    backward = cohort(16, seed=4, config=CONFIG)
    assert [digest(backward[k]) for k in reversed(range(16))] == forward[::-1]


def test_other_seeds_make_other_studies():
    a, b = cohort(4, seed=0, config=CONFIG), cohort(4, seed=1, config=CONFIG)
    assert not {digest(s) for s in a} & {digest(s) for s in b}


def test_views_load_alike_in_worker_processes_and_threads():
    views = [view for study in cohort(4, seed=6, config=CONFIG) for view in study.views]
    here = [load_digest(view) for view in views]
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(load_digest, views)) == here
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("forkserver")) as workers:
        assert list(workers.map(load_digest, views)) == here


def test_a_cohort_survives_pickling():
    made = cohort(5, seed=8, config=CONFIG)
    first = digest(made[2])
    assert digest(pickle.loads(pickle.dumps(made))[2]) == first


def test_indexing_is_a_sequence_s():
    made = cohort(5, seed=8, config=CONFIG)
    assert made[-1].id == made[4].id
    assert [s.id for s in made[1:3]] == [made[1].id, made[2].id]
    with pytest.raises(IndexError, match="study 5 of 5"):
        made[5]


def test_ids_are_unique_and_patients_keep_sex_and_group(studies):
    assert len({s.id for s in studies}) == len(studies)
    assert len({v.id for s in studies for v in s.views}) == sum(len(s.views) for s in studies)
    by_patient = {}
    for study in studies:
        person = by_patient.setdefault(study.patient, (study.sex, study.group))
        assert person == (study.sex, study.group)


def test_pictures_are_float32_within_bounds_and_keep_in_a_png(studies):
    for view in (v for s in studies[:12] for v in s.views):
        pixels = view.load()
        assert pixels.shape == (64, 64)
        assert pixels.dtype == np.float32
        assert pixels.min() >= 0.0
        assert pixels.max() <= 1.0
        assert np.array_equal(np.round(pixels * 255) / np.float32(255), pixels)
        assert view.synthetic


def test_a_follow_up_names_the_study_before_it(studies):
    chained = [(a, b) for a, b in pairwise(studies) if b.prior is not None]
    assert len(chained) > 10
    for before, after in chained:
        assert after.prior.id == before.id
        assert after.prior.patient == after.patient
        assert after.age > before.age


def test_facts_never_contradict_labels(studies):
    for study in studies:
        assert study.facts_complete
        for fact in study.facts:
            assert study.labels[fact.finding] is (
                Presence.ABSENT if fact.presence is Presence.ABSENT else Presence.PRESENT
            )
        assert len({f.finding for f in study.facts}) == len(study.facts)


def test_changes_agree_with_the_course(studies):
    made = cohort(120, seed=3, config=CONFIG)
    seen = set()
    for k, study in enumerate(studies):
        if study.prior is None:
            assert all(f.change is None for f in study.facts)
            continue
        before, now = ({s.finding: s for s in v.signs} for v in made.visits(k)[-2:])
        for fact in study.facts:
            seen.add(fact.change)
            match fact.change:
                case Change.RESOLVED:
                    assert fact.finding in before
                    assert fact.finding not in now
                case Change.NEW:
                    said = {f.finding for f in study.prior.facts if f.presence is not Presence.ABSENT}
                    assert fact.finding not in said
                case Change.WORSENED:
                    assert now[fact.finding].grade > before[fact.finding].grade
                case Change.IMPROVED:
                    assert now[fact.finding].grade < before[fact.finding].grade
                case Change.STABLE:
                    assert abs(now[fact.finding].grade - before[fact.finding].grade) < 0.2
    assert seen >= {Change.NEW, Change.RESOLVED, Change.WORSENED, Change.IMPROVED, Change.STABLE}


def test_every_region_belongs_to_a_stated_fact_and_fits_its_mask(studies):
    for study in studies:
        stated = {f.finding for f in study.facts if f.presence is not Presence.ABSENT}
        assert {r.finding for r in study.regions} == stated
        for region in study.regions:
            x1, y1, x2, y2 = (round(v * 64) for v in region.box)
            rows, columns = np.nonzero(region.mask)
            assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (x1, y1, x2, y2)


def test_upright_studies_are_pa_and_portable_ones_ap():
    upright = cohort(8, seed=1, config=PhantomConfig(size=64, portable=0.0, lateral=1.0))
    assert {tuple(v.position for v in s.views) for s in upright} == {(Position.PA, Position.LATERAL)}
    lying = cohort(8, seed=1, config=PhantomConfig(size=64, portable=1.0))
    assert {tuple(v.position for v in s.views) for s in lying} == {(Position.AP,)}


def test_measured_quantities_are_within_their_definitions():
    made = cohort(4, seed=1, config=PhantomConfig(size=64, prevalence=only(Finding.NODULE), followup=0.0))
    for k in range(4):
        measured = made.measured(k)
        assert 14.0 <= measured["nodule_mm"] <= 30.0
        assert 0.35 < measured["ctr"] < 0.50
        assert "mass_mm" not in measured


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"size": 32}, "size"),
        ({"size": 4096}, "size"),
        ({"max_visits": 4}, "max_visits"),
        ({"followup": 1.5}, "followup"),
        ({"lateral": float("nan")}, "lateral"),
        ({"noise": -1.0}, "noise"),
        ({"noise": float("nan")}, "noise"),
        ({"group_prevalence": {"C": {}}}, "unknown group"),
        ({"prevalence": {Finding.LUNG_LESION: 0.1}}, "Lung Lesion cannot be drawn"),
        ({"prevalence": {Finding.EDEMA: -0.1}}, "Edema"),
        ({"group_prevalence": {"A": {Finding.EDEMA: 2.0}}}, "Edema"),
    ],
)
def test_settings_that_cannot_be_drawn_are_refused_by_name(wrong, named):
    with pytest.raises(UsageError, match=named):
        PhantomConfig(**wrong)
