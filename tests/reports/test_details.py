"""Sizes, levels, acuity, tips and positions."""

import pytest

from hilum.reports import extract_facts
from hilum.reports.details import acuity, details, levels, malposition, size_mm, tip
from hilum.study import Acuity, Change, Finding, Site, Tip


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("nodule of 12 mm", 12.0),
        ("2.3 x 1.8 cm mass", 23.0),
        ("4 cm above the carina", None),
        ("6 mm, previously 8 mm", 6.0),
        ("previously 6 mm, now 8 mm", 8.0),
        ("3 nodules", None),
        ("12-mm nodule", 12.0),
        ("nodule of 1,5 cm", 15.0),
        ("nodules of 4, 5 mm", 5.0),
        ("9 x 12 x 7 mm", 12.0),
        ("1.2 x 0.9 cm", 12.0),
        ("8 mm × 1.1 cm", 11.0),
        ("8 MM x 1.1 CM", 11.0),
        ("8 mm by 6 mm", 8.0),
        ("1.1 cm x 8 mm", 11.0),
        ("8 millimeters", 8.0),
        ("2 centimetres", 20.0),
        ("from 8 mm to 12 mm", 12.0),
        ("increased from about 8 to 12 mm", 12.0),
        ("10 mm, formerly measuring about 14 mm", 10.0),
        ("was 6 mm", None),
        ("6 mm below the clavicle", None),
        ("6 mm. Now 8 mm", 8.0),
    ],
)
def test_the_greatest_dimension_of_today_is_the_size(text, size):
    assert size_mm(text) == size


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("ribs 5-7", ("5", "6", "7")),
        ("left sixth rib", ("6",)),
        ("seventh through ninth ribs", ("7", "8", "9")),
        ("ribs 5, 6 and 8", ("5", "6", "8")),
        ("T8", ("T8",)),
        ("T11 to L1", ("T11", "T12", "L1")),
        ("T7 and 9", ("T7", "T9")),
        ("D8 vertebra", ("T8",)),
        ("rib fracture", ()),
        ("ribs 20", ()),
        ("T14", ()),
        ("ribs 1 and 12", ("1", "12")),
        ("ribs 0 and 13", ()),
        ("rib number 4", ("4",)),
        ("rib #4", ("4",)),
        ("4th to the 6th posterior ribs", ("4", "5", "6")),
        ("ninth and fourth ribs", ("4", "9")),
        ("rib 4.5", ()),
        ("rib 5 mm", ()),
        ("C7-T2", ("C7", "T1", "T2")),
        ("C8", ()),
        ("L5, L6", ("L5",)),
        ("T12 through L2", ("T12", "L1", "L2")),
        ("L1 and T12", ("T12", "L1")),
        ("left sixth rib and T8", ("6", "T8")),
    ],
)
def test_levels_are_written_out(text, names):
    assert levels(text) == names


@pytest.mark.parametrize(
    ("text", "kind"),
    [("acute", Acuity.ACUTE), ("old", Acuity.HEALED), ("acute on chronic", None), ("displaced", None)],
)
def test_acuity_is_said_by_one_of_two_kinds_of_words(text, kind):
    assert acuity(text) is kind


@pytest.mark.parametrize(
    ("finding", "text", "place", "wrong"),
    [
        (
            Finding.ENDOTRACHEAL_TUBE,
            "ETT with its tip in the right mainstem bronchus",
            Tip.RIGHT_MAINSTEM_BRONCHUS,
            True,
        ),
        (Finding.ENDOTRACHEAL_TUBE, "ETT 4 cm above the carina", Tip.TRACHEA, None),
        (Finding.NASOGASTRIC_TUBE, "tip in the stomach, in good position", Tip.STOMACH, False),
        (Finding.NASOGASTRIC_TUBE, "coiled in the esophagus", Tip.ESOPHAGUS, True),
        (Finding.CENTRAL_LINE, "tip at the cavoatrial junction", Tip.CAVOATRIAL_JUNCTION, None),
        (Finding.CENTRAL_LINE, "tip in the stomach", None, None),
        (Finding.CENTRAL_LINE, "tip in the SVC, malpositioned", Tip.SUPERIOR_VENA_CAVA, True),
        (Finding.CHEST_TUBE, "in the pleural space", Tip.PLEURAL_SPACE, None),
        (Finding.NASOGASTRIC_TUBE, "in the right lower bronchus, to be removed", None, None),
        (Finding.ENDOTRACHEAL_TUBE, "ETT should be removed", None, True),
        (Finding.ENDOTRACHEAL_TUBE, "ETT should not be removed", None, None),
    ],
)
def test_a_device_ends_where_it_can_and_lies_wrong_where_it_must_not(finding, text, place, wrong):
    assert tip(finding, text) is place
    assert malposition(finding, place, text) is wrong


def test_only_what_is_said_is_given():
    assert details(Finding.NODULE, "nodule") == {}
    assert details(Finding.NODULE, "8 mm, was 1 cm") == {"size_mm": 8.0, "change": Change.IMPROVED}
    assert details(Finding.NODULE, "ranging from 3 to 8 mm") == {"size_mm": 8.0}
    assert details(Finding.CHEST_TUBE, "12 mm") == {}
    assert details(Finding.FRACTURE, "old fracture of T8") == {"levels": ("T8",), "acuity": Acuity.HEALED}


@pytest.mark.parametrize(
    "text",
    [
        "Nodules, 5 mm in the right upper lobe and 9 mm in the left lower lobe.",
        "Nodules in the right upper lobe (5 mm) and the left lower lobe (9 mm).",
    ],
)
def test_each_place_has_its_own_size(text):
    sizes = {fact.site: fact.size_mm for fact in extract_facts(text)}
    assert sizes == {Site.UPPER_LOBE: 5.0, Site.LOWER_LOBE: 9.0}


def test_a_size_said_once_is_that_of_each_place():
    facts = extract_facts("Nodules of 4 mm in the right upper lobe and in the left lower lobe.")
    assert {fact.size_mm for fact in facts} == {4.0}
