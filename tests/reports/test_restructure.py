"""Reports put in order: no sentence lost, no fact changed, each where a radiologist would look for it."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.errors import UsageError
from hilum.phantom import PhantomConfig, cohort
from hilum.reports import Anatomy, Section, extract_facts, restructure
from hilum.reports.restructure import SECTION_OF, anatomy_of
from sources.helpers import read

SENTENCES = {
    "The trachea is midline.": Anatomy.TRACHEA,
    "Lungs are clear.": Anatomy.LUNGS,
    "Right upper lobe consolidation.": Anatomy.LUNGS,
    "No pneumothorax or pleural effusion.": Anatomy.PLEURA,
    "Blunting of the left costophrenic angle.": Anatomy.PLEURA,
    "Pulmonary vascularity is normal.": Anatomy.HILA,
    "Heart size is normal.": Anatomy.HEART,
    "The cardiomediastinal silhouette is within normal limits.": Anatomy.HEART,
    "Mediastinal contours are normal.": Anatomy.MEDIASTINUM,
    "The aorta is tortuous.": Anatomy.MEDIASTINUM,
    "The right hemidiaphragm is elevated.": Anatomy.DIAPHRAGM,
    "No free air under the diaphragm.": Anatomy.DIAPHRAGM,
    "Old healed fracture of the left fifth rib.": Anatomy.BONES,
    "Degenerative changes of the thoracic spine.": Anatomy.BONES,
    "Endotracheal tube tip 4 cm above the carina.": Anatomy.DEVICES,
    "Soft tissues are unremarkable.": Anatomy.SOFT_TISSUES,
    "No acute cardiopulmonary abnormality.": Anatomy.GENERAL,
    "Recommend follow up.": Anatomy.GENERAL,
}


def letters(text: str) -> Counter[str]:
    return Counter("".join(text.split()).replace(".", ""))


def assert_kept(text: str) -> None:
    structured = restructure(text)
    assert letters(" ".join(s for some in structured.sentences.values() for s in some)) == letters(text)
    assert set(extract_facts(structured.text)) == set(extract_facts(text)), text


@pytest.mark.parametrize(("sentence", "anatomy"), SENTENCES.items())
def test_a_sentence_goes_to_what_it_is_about(sentence: str, anatomy: Anatomy) -> None:
    assert anatomy_of(sentence) is anatomy


def test_sections_come_in_their_order_and_sentences_in_theirs() -> None:
    structured = restructure("Heart size is normal. . No pneumothorax. Clear lungs.  The trachea is midline")
    assert structured.text.splitlines() == [
        "Airway: The trachea is midline.",
        "Breathing: Clear lungs. No pneumothorax.",
        "Cardiac: Heart size is normal.",
    ]
    assert [SECTION_OF[anatomy] for anatomy in structured.sentences] == [
        Section.AIRWAY,
        Section.BREATHING,
        Section.BREATHING,
        Section.CARDIAC,
    ]


def test_a_heading_of_a_structured_report_states_nothing() -> None:
    text = "Breathing: Lungs are clear.\nCardiac: Mediastinal contours are normal."
    assert set(extract_facts(text)) == set(extract_facts("Lungs are clear. Mediastinal contours are normal."))
    assert extract_facts("Cardiac: enlarged.") == extract_facts("Heart: enlarged.")


def test_an_ellipsis_stays_with_what_it_completes() -> None:
    structured = restructure("Bilateral pleural effusions. Small on the left. Heart size is normal.")
    assert structured.sentences[Anatomy.PLEURA] == ("Bilateral pleural effusions. Small on the left.",)


@given(st.lists(st.sampled_from(list(SENTENCES)), min_size=1, max_size=8))
def test_no_sentence_is_lost_and_no_fact_changed(sentences: list[str]) -> None:
    assert_kept(" ".join(sentences))


def test_the_phantom_s_reports_keep_their_facts() -> None:
    for study in cohort(60, seed=3, config=PhantomConfig(size=64)):
        assert_kept(study.report.findings)


def test_what_is_no_text_is_refused_and_nothing_makes_nothing() -> None:
    with pytest.raises(UsageError, match="report"):
        restructure(None)  # type: ignore[arg-type]
    assert restructure("").sentences == {}
    assert restructure("").text == ""


@pytest.mark.data
def test_every_real_report_keeps_its_sentences_and_facts(data_root) -> None:
    studies, _ = read("open-i", data_root / "open-i")
    reports = [study.report for study in studies if study.report]
    texts = [text for report in reports for text in (report.findings, report.impression) if text]
    assert len(texts) == 5531
    for text in texts:
        assert_kept(text)
