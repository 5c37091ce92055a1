"""What the truth says is what the pictures show."""

from dataclasses import replace

import numpy as np
import pytest

from hilum.phantom import PhantomConfig, cohort, truth
from hilum.phantom.anatomy import heart_solids
from hilum.phantom.compose import compose
from hilum.phantom.config import DRAWABLE
from hilum.phantom.measure import measure
from hilum.phantom.projection import silhouette
from hilum.phantom.scene import Mark
from hilum.reports import extract_facts
from hilum.study import Finding, Position, Presence, Severity, Side, Site
from phantom.helpers import SIZE, box_mask, picture, visible_in, visit_with, without

LOCAL = (
    Finding.LUNG_OPACITY,
    Finding.CONSOLIDATION,
    Finding.PNEUMONIA,
    Finding.NODULE,
    Finding.MASS,
    Finding.PLEURAL_OTHER,
)
"""Findings that leave the rest of the chest as it was."""
SIDED = (*LOCAL, Finding.PNEUMOTHORAX, Finding.PLEURAL_EFFUSION, Finding.CHEST_TUBE, Finding.FRACTURE)


def width(mask):
    columns = np.flatnonzero(mask.any(0))
    return columns[-1] - columns[0] + 1


@pytest.mark.parametrize("finding", DRAWABLE)
@pytest.mark.parametrize("portable", [False, True])
def test_every_finding_changes_the_picture_inside_its_masks(finding, portable):
    visit = visit_with(finding, grade=0.6, portable=portable)
    position = truth.positions(visit)[0]
    visible = visible_in(visit, position)
    assert visible
    changed = np.abs(picture(visit, position) - picture(without(visit), position))
    mask = np.logical_or.reduce([s.mask for s in visible])
    assert np.percentile(changed[mask], 75) > 0.03
    assert changed[mask].mean() > changed[~mask].mean()


@pytest.mark.parametrize("finding", LOCAL)
@pytest.mark.parametrize("patient", range(3))
def test_a_local_finding_changes_the_picture_mostly_within_its_box(finding, patient):
    visit = visit_with(finding, patient=patient, grade=0.7)
    seen = visible_in(visit, Position.PA)[0]
    changed = np.abs(picture(visit, Position.PA) - picture(without(visit), Position.PA))
    # The display window moves with what it shows: leave such small changes out.
    changed[changed < 0.03] = 0.0
    assert changed[box_mask(seen.box, SIZE)].sum() > 0.7 * changed.sum()


@pytest.mark.parametrize("finding", SIDED)
@pytest.mark.parametrize("side", [Side.LEFT, Side.RIGHT])
def test_the_patients_left_is_the_pictures_right(finding, side):
    site = visit_with(finding).signs[0].site
    if site in (Site.MIDDLE_LOBE, Site.LINGULA):
        site = Site.LOWER_LOBE
    visit = visit_with(finding, side=side, site=site, grade=0.6)
    changed = np.abs(picture(visit, Position.PA) - picture(without(visit), Position.PA))
    left, right = changed[:, : SIZE // 2].sum(), changed[:, SIZE // 2 :].sum()
    assert (right > left) == (side is Side.LEFT)
    (seen,) = visible_in(visit, Position.PA)
    middle = 0.5 * (seen.box[0] + seen.box[2])
    assert (middle > 0.5) == (side is Side.LEFT)


def test_a_box_is_the_smallest_around_its_mask():
    mask = np.zeros((40, 50), bool)
    mask[7:12, 20:31] = True
    assert truth.box_of(mask) == (0.4, 0.175, 0.62, 0.3)


@pytest.mark.parametrize(
    ("grade", "severity", "low", "high"),
    [
        (0.02, Severity.MILD, 0.50, 0.55),
        (0.32, Severity.MILD, 0.50, 0.55),
        (0.36, Severity.MODERATE, 0.55, 0.60),
        (0.64, Severity.MODERATE, 0.55, 0.60),
        (0.70, Severity.SEVERE, 0.60, 0.70),
    ],
)
@pytest.mark.parametrize("patient", range(3))
def test_the_hearts_outline_has_the_stated_ratio_on_a_pa_film(grade, severity, low, high, patient):
    visit = replace(visit_with(Finding.CARDIOMEGALY, patient=patient, grade=grade), turn=0.0)
    assert visit.signs[0].severity is severity
    scene, chest = compose(visit)
    camera = truth.camera_for(visit, chest, Position.PA, 512)
    heart = silhouette(Mark(0, None, silhouette=heart_solids(chest)), camera)
    lungs = silhouette(Mark(0, None, silhouette=list(scene.cavities.values())), camera).copy()
    # Below the costophrenic angles a cavity holds no lung.
    lungs[int((chest.dome + 15 - camera.centre[1] - camera.grid[1]) / camera.grid[2]) :] = False
    ratio = width(heart) / width(lungs)
    assert ratio == pytest.approx(measure(visit)["ctr"], abs=0.01)
    assert low - 0.005 < ratio < high + 0.005


@pytest.mark.parametrize("patient", range(4))
@pytest.mark.parametrize("side", [Side.LEFT, Side.RIGHT])
def test_fluid_hides_the_stated_part_of_a_hemithorax(patient, side):
    def share(grade):
        visit = visit_with(Finding.PLEURAL_EFFUSION, patient=patient, side=side, grade=grade)
        return measure(visit)[f"{side.value}_fluid_share"]

    assert share(1 / 3) == pytest.approx(0.25, abs=0.03)
    assert share(2 / 3) == pytest.approx(0.50, abs=0.03)
    assert 0.6 < share(0.98) < 0.95


@pytest.mark.parametrize("finding", [Finding.NODULE, Finding.MASS])
@pytest.mark.parametrize("grade", [0.1, 0.9])
def test_a_lesion_is_as_wide_on_the_picture_as_it_measures(finding, grade):
    # Its fourth number says what kind it is; this kind has no spicules.
    seed = next(s for s in range(99) if 0.3 < np.random.default_rng(s).random(4)[3] < 0.6)
    lesion = visit_with(finding, grade=grade, site=Site.UPPER_LOBE, side=Side.RIGHT)
    visit = replace(lesion, turn=0.0, signs=(replace(lesion.signs[0], seed=seed),))
    (seen,) = visible_in(visit, Position.PA, size=256)
    camera = truth.shadow(visit, Position.PA, 256).camera
    across = width(seen.mask) * camera.field_mm / 256
    diameter = measure(visit)[f"{finding.value.lower()}_mm"]
    # Lobules bulge a little; magnification is below a tenth.
    assert 0.85 * diameter < across < 1.3 * diameter


@pytest.mark.parametrize("finding", [Finding.PNEUMOTHORAX, Finding.PLEURAL_EFFUSION, Finding.EDEMA])
def test_a_worse_grade_shows_more(finding):
    def shown(grade):
        visit = visit_with(finding, grade=grade)
        changed = np.abs(picture(visit, Position.PA) - picture(without(visit), Position.PA))
        return changed.sum()

    assert shown(0.15) < shown(0.5) < shown(0.85)


def test_views_of_a_study_show_a_finding_at_the_same_height():
    for patient in range(4):
        visit = visit_with(Finding.MASS, patient=patient, grade=0.5)
        tops = []
        for position in (Position.PA, Position.LATERAL):
            scene_camera = truth.shadow(visit, position, 256).camera
            (seen,) = visible_in(visit, position, size=256)
            middle = 0.5 * (seen.box[1] + seen.box[3]) - 0.5
            tops.append(scene_camera.centre[1] + middle * scene_camera.field_mm)
        # Each view magnifies about its own central ray, by less than a tenth.
        assert tops[0] == pytest.approx(tops[1], abs=14.0)


def nodule_behind_the_heart(grade):
    """A left lower lobe nodule whose own numbers place it behind the heart, on a bedside film."""
    visit = visit_with(Finding.NODULE, portable=True, side=Side.LEFT, site=Site.LOWER_LOBE, grade=grade)
    for seed in range(99):
        if np.random.default_rng(seed).random(4)[3] > 0.75:
            return replace(visit, signs=(replace(visit.signs[0], seed=seed),))
    raise AssertionError("one seed in four places a nodule there")


def test_a_small_nodule_behind_the_heart_is_there_but_not_reported():
    visit = nodule_behind_the_heart(0.05)
    visible = truth.survey(visit, PhantomConfig(size=128))
    assert all(s.visibility < truth.HIDDEN for s in visible)
    facts = truth.facts_of(visit, visible, (), None)
    assert facts == ()
    assert truth.regions_of(facts, visit, visible) == ()
    assert truth.labels_of(visit)[Finding.NODULE]


def test_the_same_nodule_beside_the_heart_is_reported():
    visit = visit_with(Finding.NODULE, portable=True, side=Side.RIGHT, site=Site.UPPER_LOBE, grade=0.05)
    facts = truth.facts_of(visit, truth.survey(visit, PhantomConfig(size=128)), (), None)
    assert [f.finding for f in facts] == [Finding.NODULE]


def test_a_doubtful_finding_is_hedged_without_a_change():
    visit = visit_with(Finding.NODULE)
    seen = truth.survey(visit, PhantomConfig(size=96))[0]
    faint = replace(seen, visibility=0.5 * (truth.HIDDEN + truth.DOUBTFUL))
    (fact,) = truth.facts_of(visit, [faint], (), visit)
    assert fact.presence is Presence.UNCERTAIN
    assert fact.change is None


def test_labels_follow_from_the_signs():
    labels = truth.labels_of(visit_with(Finding.PACEMAKER))
    assert labels[Finding.NO_FINDING] is Presence.PRESENT
    assert labels[Finding.SUPPORT_DEVICES] is Presence.PRESENT
    labels = truth.labels_of(visit_with(Finding.MASS))
    assert labels[Finding.LUNG_LESION] is Presence.PRESENT
    assert labels[Finding.NO_FINDING] is Presence.ABSENT


def test_reports_say_the_facts_and_nothing_against_them():
    for study in cohort(150, seed=4, config=PhantomConfig(size=64)):
        said = set(extract_facts(study.report.findings))
        assert set(study.facts) <= said
        for fact in said - set(study.facts):
            assert fact.presence is Presence.ABSENT
            assert fact.finding not in {f.finding for f in study.facts if f.presence is Presence.PRESENT}


def test_reports_hedge_deny_and_compare():
    text = " ".join(s.report.text.lower() for s in cohort(150, seed=4, config=PhantomConfig(size=64)))
    for words in ("no pleural effusion", "new", "stable"):
        assert words in text
    hedged = [
        f
        for s in cohort(300, seed=9, config=PhantomConfig(size=64))
        for f in s.facts
        if f.presence is Presence.UNCERTAIN
    ]
    assert 0 < len(hedged) < 60


@pytest.mark.parametrize(
    ("grade", "low", "high"), [(0.02, 10, 20), (0.32, 10, 20), (0.35, 20, 42), (0.7, 42, 70)]
)
def test_a_small_pneumothorax_has_a_rim_under_20_mm(grade, low, high):
    assert low < measure(visit_with(Finding.PNEUMOTHORAX, grade=grade))["pneumothorax_rim_mm"] <= high
