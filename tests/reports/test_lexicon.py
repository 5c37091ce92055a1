"""The tables of words."""

import pytest

from hilum.reports import extract_facts
from hilum.reports.lexicon import CHANGE_WORDS, LEXICON, SEVERITY_WORDS, SIDE_WORDS, SITE_WORDS, expand
from hilum.reports.words import marks, tokens
from hilum.study import Finding, Presence

FORMS = [(f, form) for f, entry in LEXICON.items() if f is not Finding.NO_FINDING for form in entry.forms]


def test_every_finding_has_an_entry():
    assert set(LEXICON) == set(Finding)


UNSIDED = (
    "No Finding, Enlarged Cardiomediastinum, Cardiomegaly, Hiatal Hernia, Endotracheal Tube, "
    "Sternotomy Wires, Nasogastric Tube, Scoliosis, Degenerative Change, Aortic Atherosclerosis, "
    "Tortuous Aorta, Low Lung Volumes, Vascular Congestion, Pneumoperitoneum, Osteopenia"
)
UNGRADED = (
    "No Finding, Lung Lesion, Fracture, Support Devices, Nodule, Mass, Granuloma, Endotracheal Tube, "
    "Central Line, Chest Tube, Pacemaker, Sternotomy Wires, Nasogastric Tube, Surgical Change, "
    "Pneumoperitoneum"
)
LUNG = (
    "upper lobe, middle lobe, lingula, lower lobe, upper zone, mid zone, lower zone, apical, basal, "
    "perihilar, retrocardiac, diffuse"
)
SITES = {
    "Pneumothorax, Pleural Other": "apical, basal, costophrenic angle, upper zone, mid zone, lower zone",
    "Pleural Effusion": "costophrenic angle",
    "Fracture": "rib, clavicle, spine",
    "Degenerative Change": "spine",
    "Lung Opacity, Lung Lesion, Edema, Consolidation, Pneumonia, Atelectasis, Nodule, Mass, Emphysema, "
    "Fibrosis, Infiltration, Granuloma, Bronchiectasis": LUNG,
}


def test_which_findings_have_a_side_a_grade_and_which_sites():
    assert {f.value for f, entry in LEXICON.items() if not entry.sided} == set(UNSIDED.split(", "))
    assert {f.value for f, entry in LEXICON.items() if not entry.graded} == set(UNGRADED.split(", "))
    expected = {name: set(sites.split(", ")) for names, sites in SITES.items() for name in names.split(", ")}
    found = {f.value: {site.value for site in entry.sites} for f, entry in LEXICON.items() if entry.sites}
    assert found == expected
    assert [f for f, entry in LEXICON.items() if entry.removed] == [Finding.ENDOTRACHEAL_TUBE]


@pytest.mark.parametrize(
    ("term", "forms"),
    [
        ("effusion", ("effusion",)),
        ("effusion(s)", ("effusion", "effusions")),
        ("(pleural )effusion", ("pleural effusion", "effusion")),
        ("(!left|right) lung", ("left lung", "right lung")),
        ("(big )heart(s)", ("big heart", "big hearts", "heart", "hearts")),
    ],
)
def test_a_term_stands_for_its_forms(term, forms):
    assert expand(term) == forms


@pytest.mark.parametrize("finding", [f for f in LEXICON if f is not Finding.NO_FINDING])
def test_every_form_of_a_term_is_read_as_its_finding(finding):
    for form in LEXICON[finding].forms:
        found = [f for f in extract_facts(f"There is {form}.") if f.presence is Presence.PRESENT]
        assert finding in {f.finding for f in found}, form


@pytest.mark.parametrize("finding", [f for f in LEXICON if f is not Finding.NO_FINDING])
def test_every_form_of_a_term_can_be_denied(finding):
    for form in LEXICON[finding].forms:
        found = extract_facts(f"There is no {form}.")
        assert {f.presence for f in found if f.finding is finding} == {Presence.ABSENT}, form


@pytest.mark.parametrize(
    ("slot", "words"),
    [("side", SIDE_WORDS), ("site", SITE_WORDS), ("severity", SEVERITY_WORDS), ("change", CHANGE_WORDS)],
)
def test_every_attribute_word_is_found_whole(slot, words):
    for word, value in words.items():
        (mark,) = marks(word)
        assert getattr(mark.word, slot) is value, word


def test_the_longest_phrase_wins_and_punctuation_ends_it():
    text = "Pleural effusion, pleural, effusion"
    assert [text[m.start : m.end] for m in marks(text) if m.word.findings] == [
        "Pleural effusion",
        "effusion",
    ]


@pytest.mark.parametrize("text", ["air-space", "air space", "Air/Space", "AIR  SPACE"])
def test_hyphens_slashes_and_case_are_one(text):
    assert tokens(text) == ["air", "space"]
