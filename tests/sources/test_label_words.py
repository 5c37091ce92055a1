from hypothesis import given
from hypothesis import strategies as st

from hilum.sources.label_words import LabelWord, labels_of, strongest
from hilum.study import Finding, Presence

WORDS = {
    "Edema": LabelWord("edema", Finding.EDEMA),
    "Rib fracture": LabelWord("rib fracture", Finding.FRACTURE, whole=False),
    "Clavicle fracture": LabelWord("clavicle fracture", Finding.FRACTURE, whole=False),
    "COPD": LabelWord("chronic obstructive pulmonary disease"),
}


@given(st.dictionaries(st.sampled_from(sorted(WORDS)), st.sampled_from(Presence)))
def test_no_word_is_lost_and_a_finding_is_as_present_as_its_strongest_word(said):
    labels, terms = labels_of(said, WORDS)
    assert terms == {word: presence for word, presence in said.items() if word != "Edema"}
    assert labels.get(Finding.EDEMA) == said.get("Edema")
    broken = [presence for word, presence in said.items() if "fracture" in word]
    assert labels.get(Finding.FRACTURE) == (strongest(broken) if broken else None)


def test_present_is_stronger_than_uncertain_than_absent():
    assert strongest([Presence.ABSENT, Presence.UNCERTAIN]) is Presence.UNCERTAIN
    assert strongest([Presence.UNCERTAIN, Presence.PRESENT, Presence.ABSENT]) is Presence.PRESENT
