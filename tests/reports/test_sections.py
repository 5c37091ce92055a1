"""Sections, sentences and the language of a report."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.reports import is_english, language, parse_sections, sentences
from hilum.study import Report


@pytest.mark.parametrize(
    ("raw", "report"),
    [
        ("Clear lungs.", Report(findings="Clear lungs.")),
        (
            "INDICATION: Cough.\nCOMPARISON: None.\nFINDINGS: Clear lungs.\nIMPRESSION: Normal.",
            Report("Cough.", "None.", "Clear lungs.", "Normal."),
        ),
        (
            "History: Fever. Findings: Clear. Conclusion: Normal.",
            Report("Fever.", "", "Clear.", "Normal."),
        ),
        ("FINAL REPORT\nTECHNIQUE: Two views. FINDINGS: Clear.", Report(findings="Clear.")),
        ("IMPRESSION: 1. Edema. IMPRESSION: 2. Mass.", Report(impression="1. Edema. 2. Mass.")),
        ("FINDINGS/IMPRESSION: Clear.", Report(findings="Clear.")),
        ("FINDINGS:\n\nIMPRESSION: Normal.", Report(impression="Normal.")),
        ("Heart: normal. Lungs: clear.", Report(findings="Heart: normal. Lungs: clear.")),
        (
            "INDICATION: Cough.\nCOMPARISON: ___\n\nClear lungs.\n\nIMPRESSION: Normal.",
            Report("Cough.", "___", "Clear lungs.", "Normal."),
        ),
        (
            "COMPARISON: None. Clear lungs. IMPRESSION: Normal.",
            Report("", "None.", "Clear lungs.", "Normal."),
        ),
        ("INDICATION: Cough. Fever. No effusion.", Report("Cough. Fever.", "", "No effusion.", "")),
        ("INDICATION: Cough. Fever.", Report("Cough. Fever.")),
        (
            "MEDICAL QUESTION:\nFall.\nREPORT:\nClear.\nCOMMENT:\nNormal.",
            Report("Fall.", "", "Clear.", "Normal."),
        ),
        ("FINDNGS: Clear lungs.", Report(findings="Clear lungs.")),
        ("IMPRSSON: Clear lungs.", Report(impression="Clear lungs.")),
        ("FNDNGS: Clear lungs.", Report(findings="FNDNGS: Clear lungs.")),
        ("", Report()),
    ],
)
def test_a_report_is_split_at_its_headings(raw, report):
    assert parse_sections(raw) == report


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("A 2.5 cm nodule. Clear.", ["A 2.5 cm nodule.", "Clear."]),
        ("1. Edema. 2. Mass.", ["1. Edema.", "2. Mass."]),
        ("Seen by Dr. Roe. Clear.", ["Seen by Dr. Roe.", "Clear."]),
        ("Clear lungs.Normal heart.", ["Clear lungs.", "Normal heart."]),
        ("One\n\nTwo", ["One", "Two"]),
        ("- One\n- Two", ["- One", "- Two"]),
        ("Wrapped\nline", ["Wrapped\nline"]),
        ("No effusion\nSmall nodule", ["No effusion", "Small nodule"]),
        ("no effusion\nsmall nodule", ["no effusion", "small nodule"]),
        ("There is no\nPneumothorax", ["There is no\nPneumothorax"]),
        ("Opacity ? infection. Clear.", ["Opacity ? infection.", "Clear."]),
        ("Pneumothorax? No. Clear.", ["Pneumothorax? No.", "Clear."]),
        ("Bilat. effusions, mod. Clear.", ["Bilat. effusions, mod.", "Clear."]),
        ("Rt. effusion. Pulm. edema. Clear.", ["Rt. effusion.", "Pulm. edema.", "Clear."]),
        ("Clear.. Normal. .", ["Clear..", "Normal.", "."]),
        (" \n ", []),
    ],
)
def test_sentences_end_where_a_reader_stops(text, parts):
    assert [text[a:b] for a, b in sentences(text)] == parts


@given(st.text(alphabet="aB1. \n!?-,", max_size=60))
def test_sentences_hold_every_letter_once_and_in_order(text):
    spans = sentences(text)
    assert "".join("".join(text[a:b].split()) for a, b in spans) == "".join(text.split())
    assert all(a < b for a, b in spans)
    assert all(one[1] <= two[0] for one, two in pairwise(spans))


@pytest.mark.parametrize(
    "text",
    [
        "The lungs are clear.",
        "Cardiomegaly.",
        "No acute disease.",
        "Cardiomegaly. Edema. Effusion. Atelectasis. Pneumonia. Pneumothorax. Scoliosis. Osteopenia."
        " Emphysema. Fibrosis. Fracture. Granuloma. Consolidation.",
        "Cardiomegaly, atelectasis, pneumothorax, scoliosis, emphysema, fibrosis, granuloma, osteopenia:"
        " Kowalski, Nguyen, Takahashi, Okafor, Novak.",
        "XXXX opacity in the left base.",
    ],
)
def test_english_reports_are_english(text):
    assert is_english(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12 34 .",
        "Kein Pneumothorax, Herz nicht vergrößert.",
        "Pas d'épanchement pleural, coeur de taille normale.",
        "Sin derrame pleural ni neumotórax. El corazón es normal.",
        "Cardiomegaly, scoliosis: Kowalski, Nguyen, Takahashi, Okafor, Kaya, Novak, Horvat, Yilmaz, Ivanova,"
        " Silva, Diaz.",
        "Nessun versamento. Il cuore è nei limiti della norma.",
        "Sem derrame pleural. Os pulmões são normais.",
        "Ingen pleuravätska, hjärtat är normalstort.",
        "胸部正常",
        "Лёгкие без очаговых изменений",
    ],
)
def test_other_languages_are_not(text):
    assert not is_english(text)


@given(st.text())
def test_what_is_left_between_blanks_are_the_words_of_a_text(text):
    assert text.translate(language._LETTERS).split() == language._WORD.findall(text)
