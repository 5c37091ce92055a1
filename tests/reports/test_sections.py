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
        ("INDICATION: COUGH FINDINGS: Clear.", Report("COUGH", findings="Clear.")),
        (
            "INDICATION: Cough.\n\nSatisfactory film.\n\nIMPRESSION: Normal.",
            Report("Cough.", "", "Satisfactory film.", "Normal."),
        ),
        ("INDICATION:\n\nCough.\nFever.", Report("Cough. Fever.")),
        (
            "FINDINGS: Clear. INDICATION: Cough.\n\nNo effusion.",
            Report("Cough. No effusion.", findings="Clear."),
        ),
        ("WET READ: Edema. FINDINGS: Clear.", Report(findings="Clear.")),
        ("WET READ: Edema.", Report(findings="Edema.")),
        ("CXR PA VIEW: Clear lungs.", Report(findings="Clear lungs.")),
        (
            "X-RAY CHEST AP VIEW: Clear. IMPRESSION: Normal.",
            Report(findings="Clear.", impression="Normal."),
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


CLOSED = "dr mr mrs ms prof vs approx asp comp fig e.g i.e st sm lg bilat assoc pl incl"
OPEN = "mod eff consol min lat ant post inf sup rt lt est sig nl pulm"


@pytest.mark.parametrize("word", CLOSED.split())
def test_an_abbreviation_that_ends_no_sentence(word):
    for after in ("Roe", "roe"):
        for short in (word, word.upper(), f"({word}"):
            text = f"Seen by {short}. {after} today."
            assert [text[a:b] for a, b in sentences(text)] == [text]


@pytest.mark.parametrize("word", OPEN.split())
def test_an_abbreviation_that_ends_a_sentence_only_before_a_capital(word):
    for blank in (" ", "  "):
        going, ended = f"Small {word}.{blank}effusion.", f"Small {word}.{blank}Effusion."
        assert [going[a:b] for a, b in sentences(going)] == [going]
        parts = [ended[a:b] for a, b in sentences(ended)]
        assert parts == ([f"Small {word}.", "Effusion."] if blank == " " else parts)


@pytest.mark.parametrize(("letters", "parts"), [(54, 2), (55, 1)])
def test_a_line_ends_a_sentence_where_the_next_word_would_have_fitted(letters, parts):
    assert len(sentences("x" * letters + "\nClear")) == parts  # in sixty columns
    wide = "y" * 80 + ".\n" + "x" * (letters + 21) + "\nClear"
    assert len(sentences(wide)) == parts + 1


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
    ("text", "english"),
    [
        ("Kowalski " * 12, True),  # few words may do without one of English
        ("Kowalski " * 13, False),
        ("Edema " * 7 + "Kowalski " * 6, True),  # of more, the most must be terms
        ("Edema " * 6 + "Kowalski " * 7, False),
        ("Edema " * 7 + "Kowalski " * 7, False),
        ("Señor " * 2, False),
        ("the kein", False),
        ("the the kein", True),
        ("kein pneumothorax atelectasis", False),  # a term weighs half of what a foreign word does
        ("kein pneumothorax atelectasis scoliosis", True),
        ("the kein pneumothorax", True),
        ("the " * 4 + "größer", False),  # four fifths must be plain letters, and more
        ("the " * 5 + "größer", True),
        ("heart DES", True),  # an abbreviation
        ("heart des", False),
        ("HEART DES", False),  # where all is shouted none can be told
        ("heart OHNE", False),
        ("no e/o edema", True),
        ("XXXX", True),
        ("...", False),
    ],
)
def test_what_makes_a_text_english(text, english):
    assert is_english(text) is english


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
