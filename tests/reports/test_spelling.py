"""Other spellings of the tables' words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.reports.spelling import plain, respelled

WORDS = frozenset(
    {"pneumothorax", "hemothorax", "edema", "small", "consolidation", "visualized", "effusion"}
) | {"retro"}


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("can't", "can not"),
        ("cannot", "can not"),
        ("isn’t", "is not"),
        ("doesnt", "does not"),
        ("there's", "there is"),
        ("theres", "there is"),
        ("there’s", "there is"),
        ("weren't", "were not"),
        ("patient's", "patient"),
        ("patient’s", "patient"),
        ("want", "want"),
        ("opac", "opacity"),
        ("tub", "tube"),
    ],
)
def test_contractions_and_shorthand_are_written_out(word, said):
    assert plain(word) == said


@pytest.mark.parametrize(
    ("word", "known"),
    [
        ("oedema", "edema"),
        ("haemothorax", "hemothorax"),
        ("visualised", "visualized"),
        ("pnuemothorax", "pneumothorax"),
        ("pneumothroax", "pneumothorax"),
        ("smal", "small"),
        ("edma", "edema"),
        ("efusion", "effusion"),
        ("effusin", "effusion"),
        ("effsn", "effsn"),
        ("edm", "edm"),  # three letters may be anything
        ("pnemothorx", "pneumothorax"),
        ("pnmothorx", "pnmothorx"),
        ("oedemaoedema", "oedemaoedema"),
        ("pneumothoraxpneumothorax", "pneumothorax pneumothorax"),  # twenty-four letters
        ("pneumothoraxconsolidation", "pneumothoraxconsolidation"),
        ("efussion", "effusion"),
    ],
)
def test_british_forms_and_slips_are_known(word, known):
    assert respelled(word, WORDS) == known


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("hernya", "hernia"),  # six letters, the fewest that are mended
        ("valvw", "valvw"),
        ("cege", "cege"),
        ("smalk", "small"),  # but for a few that are slips often
        ("ehrnia", "hernia"),
        ("hermoa", "hermoa"),
        ("hernioplasm", "hernioplasm"),
        ("hern1a", "hern1a"),
        ("cagehernia", "cage hernia"),
        ("cagexxxxxx", "cagexxxxxx"),
        ("xxxxxxcage", "xxxxxxcage"),
        ("overcage", "overcage"),
        ("ribcage", "ribcage"),  # three letters and four
    ],
)
def test_what_is_near_enough_to_be_a_slip(word, said):
    vocabulary = frozenset({"hernia", "valve", "cage", "small", "rib", "over", "c-1-2-3-4"})
    assert respelled(word, vocabulary) == said


@pytest.mark.parametrize("word", ["smalleffusion", "edemaconsolidation"])
def test_words_that_ran_together_are_parted(word):
    parts = respelled(word, WORDS).split()
    assert len(parts) == 2
    assert "".join(parts) == word


@pytest.mark.parametrize(
    "word", ["hemithorax", "infusion", "mall", "pneumonectomy", "x", "12", "e" * 40, "retroedema"]
)
def test_other_words_stay_what_they_are(word):
    assert respelled(word, WORDS) == word


@given(st.sampled_from(sorted(word for word in WORDS if len(word) > 8)), st.data())
def test_any_swap_of_neighbours_within_a_long_word_is_mended(word, data):
    at = data.draw(st.integers(0, len(word) - 2))
    slip = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    assert respelled(slip, WORDS) == word
