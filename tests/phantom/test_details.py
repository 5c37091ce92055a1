"""Where tubes end, which ribs are broken, how large: said as it is drawn."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from hilum.phantom import PhantomConfig, truth
from hilum.phantom.compose import compose
from hilum.phantom.details import details_of, is_healed, is_jugular, ribs_of, tip_of
from hilum.phantom.measure import measure
from hilum.study import Acuity, Finding, Position, Presence, Side, Tip
from phantom.helpers import picture, visit_with

ETT, LINE, NGT = Finding.ENDOTRACHEAL_TUBE, Finding.CENTRAL_LINE, Finding.NASOGASTRIC_TUBE
TIPS = [
    (ETT, Tip.TRACHEA),
    (ETT, Tip.RIGHT_MAINSTEM_BRONCHUS),
    (LINE, Tip.CAVOATRIAL_JUNCTION),
    (LINE, Tip.SUPERIOR_VENA_CAVA),
    (LINE, Tip.RIGHT_ATRIUM),
    (LINE, Tip.SUBCLAVIAN_VEIN),
    (LINE, Tip.JUGULAR_VEIN),
    (NGT, Tip.STOMACH),
    (NGT, Tip.ESOPHAGUS),
]
WRONG = {Tip.RIGHT_MAINSTEM_BRONCHUS, Tip.SUBCLAVIAN_VEIN, Tip.JUGULAR_VEIN, Tip.ESOPHAGUS}


def visit_whose(finding, rule, **changes):
    """A visit whose one sign has a seed that fits."""
    visit = visit_with(finding, portable=finding is not Finding.FRACTURE, **changes)
    signs = (replace(visit.signs[0], seed=seed) for seed in range(500))
    return replace(visit, signs=(next(sign for sign in signs if rule(sign)),))


def end_of(visit):
    scene, chest = compose(visit)
    return scene.marks[0].tubes[0].points[-1], chest


def is_there(tip, point, chest, side):
    """Whether a point (x to the left, y down, z forwards) is where a tip is said to be."""
    x, y, _ = point
    carina, centre = chest.carina[1], chest.shift
    outwards = x if side is Side.LEFT else -x
    match tip:
        case Tip.TRACHEA:
            return 20 < carina - y < 70 and abs(x - centre) < 8
        case Tip.RIGHT_MAINSTEM_BRONCHUS:
            return 10 < y - carina < 40 and -45 < x - centre < -12
        case Tip.SUPERIOR_VENA_CAVA:
            return carina - 10 < y < carina + 30 and -25 < x - centre < -10
        case Tip.CAVOATRIAL_JUNCTION:
            return carina + 35 < y < carina + 50 and -25 < x - centre < -10
        case Tip.RIGHT_ATRIUM:
            return carina + 60 < y < chest.dome and -40 < x - centre < -10
        case Tip.SUBCLAVIAN_VEIN:
            return 60 < outwards < 110 and 10 < y < 50
        case Tip.JUGULAR_VEIN:
            return 20 < outwards < 45 and -60 < y < 0
        case Tip.STOMACH:
            return y > chest.dome_of(Side.LEFT) + 20 and x > 20
        case Tip.ESOPHAGUS:
            return 0.4 * chest.dome < y < chest.dome - 20 and -5 < x - centre < 25


@pytest.mark.parametrize(("finding", "tip"), TIPS)
@pytest.mark.parametrize("grade", [0.1, 0.9])
@pytest.mark.parametrize("patient", range(2))
def test_a_device_ends_where_it_is_said_to_end(finding, tip, grade, patient):
    for side in (Side.LEFT, Side.RIGHT) if finding is LINE else (None,):
        visit = visit_whose(finding, lambda s: tip_of(s) is tip, grade=grade, patient=patient, side=side)
        point, chest = end_of(visit)
        places = [t for f, t in TIPS if f is finding and is_there(t, point, chest, side)]
        assert places == [tip]
        (fact,) = truth.facts_of(visit, truth.survey(visit, PhantomConfig(size=96)), (), None)
        assert (fact.tip, fact.malposition) == (tip, True if tip in WRONG else None)


@pytest.mark.parametrize("finding", [ETT, LINE, NGT])
def test_most_devices_end_well_and_enough_do_not(finding):
    sign = visit_with(finding).signs[0]
    tips = Counter(tip_of(replace(sign, seed=seed)) for seed in range(1000))
    assert {(finding, tip) for tip in tips} == {pair for pair in TIPS if pair[0] is finding}
    assert 100 < sum(tips[tip] for tip in WRONG) < 250


def test_a_line_goes_astray_into_the_vein_it_did_not_come_from():
    sign = visit_with(LINE).signs[0]
    for seed in range(300):
        tip = tip_of(replace(sign, seed=seed))
        if tip in WRONG:
            assert (tip is Tip.SUBCLAVIAN_VEIN) == is_jugular(replace(sign, seed=seed))


def test_a_tube_in_a_bronchus_is_below_the_carina():
    deep = visit_whose(ETT, lambda s: tip_of(s) is Tip.RIGHT_MAINSTEM_BRONCHUS)
    assert measure(deep)["tube_above_carina_mm"] < 0
    well = visit_whose(ETT, lambda s: tip_of(s) is Tip.TRACHEA)
    assert 25 <= measure(well)["tube_above_carina_mm"] <= 65


@pytest.mark.parametrize("finding", [Finding.NODULE, Finding.MASS])
def test_a_size_is_the_measured_one_in_whole_millimetres(finding):
    for grade in (0.1, 0.5, 0.9):
        visit = visit_with(finding, grade=grade)
        size = details_of(visit.signs[0])["size_mm"]
        assert size == round(measure(visit)[f"{finding.value.lower()}_mm"])
        assert (size < 30) == (finding is Finding.NODULE)  # Fleischner: from 3 cm on it is a mass


@pytest.mark.parametrize("grade", [0.1, 0.5, 0.9])
def test_the_broken_ribs_are_named(grade):
    visit = visit_with(Finding.FRACTURE, grade=grade)
    _, chest = compose(visit)
    ribs = [b.rib for b in chest.breaks]
    assert ribs == list(ribs_of(visit.signs[0]))
    assert details_of(visit.signs[0])["levels"] == tuple(str(rib + 1) for rib in ribs)
    assert len(ribs) == 1 + int(3 * grade)


def test_a_healed_fracture_has_callus_and_no_gap():
    healed, acute = (
        visit_whose(Finding.FRACTURE, lambda s, old=old: is_healed(s) is old) for old in (True, False)
    )
    assert details_of(healed.signs[0])["acuity"] is Acuity.HEALED
    assert details_of(acute.signs[0])["acuity"] is Acuity.ACUTE
    _, chest = compose(healed)
    as_if_acute = replace(healed, signs=(replace(healed.signs[0], seed=acute.signs[0].seed),))
    assert all(b.healed for b in chest.breaks)
    assert np.abs(picture(healed, Position.PA) - picture(as_if_acute, Position.PA)).max() > 0.05


def test_what_is_doubtful_or_gone_has_no_details():
    visit = visit_with(Finding.NODULE)
    visible = [replace(s, visibility=0.3) for s in truth.survey(visit, PhantomConfig(size=96))]
    (doubtful,) = truth.facts_of(visit, visible, (), None)
    assert (doubtful.presence, doubtful.size_mm) == (Presence.UNCERTAIN, None)
    (seen,) = truth.facts_of(visit, truth.survey(visit, PhantomConfig(size=96)), (), None)
    assert seen.size_mm is not None
    (gone,) = truth.facts_of(replace(visit, signs=()), [], (seen,), None)
    assert gone.size_mm is None
