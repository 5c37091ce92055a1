"""Whole words of many languages say what body part a header means; placeholders say nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.images.anatomy import Place, elsewhere, place

SAID = {
    Place.CHEST: (
        "CHEST", "PORT CHEST", "CHEST2VIEWS", "CHEST-ABDOMEN", "THORAX PA", "RXTHORAX", "THORAXAUFNAHME",
        "HEMITHORAX", "TÓRAX", "TORACE", "POUMON", "POUMONS", "BRUST", "BRUSTKORB", "LUNGE", "PULMÓN",
        "PECHO", "TORAKS", "PŁUCA", "ΑΚΤΙΝΟΓΡΑΦΊΑ ΘΏΡΑΚΟΣ", "胸腹部",
        "GOGUS", "GÖĞÜS", "ΘΩΡΑΚΑΣ", "ＣＨＥＳＴ", "흉부",
        "POITRINE", "BORSTKAS", "RIBS LEFT", "STERNUM", "CARDIAC", "HEART", "THORACIC", "CHEST AND T-SPINE",
        "RIBS AND THORACIC SPINE", "胸部", "胸部正位", "흉부", "ГРУДНАЯ КЛЕТКА", "KLATKA PIERSIOWA",
    ),
    Place.ELSEWHERE: (
        "THORACIC SPINE", "SPINE THORACIC", "XR THORACIC SPINE 2 VIEWS", "T SPINE", "T-SPINE", "TSPINE",
        "DORSAL SPINE",
        "THORACIC VERTEBRAE", "THORACOLUMBAR", "THORACO-LUMBAR SPINE", "BRUSTWIRBELSÄULE", "BWS",
        "RACHIS THORACIQUE", "RACHIDE TORACICO", "COLOANA TORACALA", "THORAKALCOLUMNA", "XR THORACIC SPN 2V",
        "THORACIC VERT", "KRĘGOSŁUP PIERSIOWY", "ΘΩΡΑΚΙΚΉ ΜΟΊΡΑ ΣΠΟΝΔΥΛΙΚΉΣ ΣΤΉΛΗΣ 椎", "胸椎", "膝",
        "COLUMNA TORACICA", "COLONNA DORSALE TORACICA", "KNEE AP - WESTERN CLINIC", "HIP ROCHESTER",
        "MANCHESTER KNEE",
        "CHESTERFIELD WRIST", "SACRED HEART HOSPITAL KNEE", "GENOU", "RODILLA", "BECKEN", "SKULL", "ABDOMEN",
    ),
    Place.UNSAID: (
        "", "DEFAULT", "N/A", "NULL", "TORSO", "TRUNK", "UNSPECIFIED", "NOT SPECIFIED", "NONE", "OTHER",
        "UNKNOWN",
        "WHOLE BODY", "ANON", "PATIENT",
        "RADIOGRAPHY", "L R", "-", "?", "0", "***", "XXX", "PORTABLE", "AP", "DX",
    ),
    Place.UNKNOWN: ("WESTERN", "CHESTER", "ORCHESTRA", "STERN", "KLAVIKULA", "NECKLACE", "ΘΩΡΑΚΙΚΉ ΜΟΊΡΑ"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "said"), [(text, said) for said, texts in SAID.items() for text in texts])
def test_what_a_text_says(text, said):
    assert place(text) is said


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("XR KNEE LEFT", "KNEE"),
        ("T-SPINE AP", "T-SPINE"),
        ("KNEE AND T SPINE", "T SPINE"),
        ("GENOU DROIT", "GENOU"),
        ("BRUSTWIRBELSÄULE", "BRUSTWIRBELSAULE"),
        ("CHEST", ""),
        ("", ""),
    ],
)
def test_the_word_of_a_part_elsewhere(text, word):
    assert elsewhere(text) == word


@given(st.text())
def test_any_text_says_something_and_names_what_is_elsewhere(text):
    said = place(text.upper())
    assert said in Place
    if said is Place.ELSEWHERE:
        assert elsewhere(text.upper())


@given(
    st.sampled_from(["KNEE", "HAND", "SKULL"]), st.sampled_from(["WESTERN", "ROCHESTER", "HEART", "CARDIAC"])
)
def test_a_clinics_name_makes_no_chest(part, clinic):
    assert place(f"{part} {clinic} CLINIC") is Place.ELSEWHERE
