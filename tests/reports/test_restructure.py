"""Reports put in order: no sentence lost, no fact changed, each where a radiologist would look for it."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.errors import UsageError
from hilum.phantom import PhantomConfig, cohort
from hilum.reports import Anatomy, Section, extract_facts, phrase, restructure
from hilum.reports.restructure import SECTION_OF, anatomy_of
from hilum.study import Fact, Finding
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
FINDINGS = {
    Anatomy.HEART: "Cardiomegaly",
    Anatomy.MEDIASTINUM: "Enlarged Cardiomediastinum, Tortuous Aorta, Aortic Atherosclerosis, Hiatal Hernia",
    Anatomy.PLEURA: "Pleural Effusion, Pneumothorax, Pleural Other",
    Anatomy.HILA: "Hilar Enlargement, Vascular Congestion",
    Anatomy.DIAPHRAGM: "Elevated Diaphragm, Pneumoperitoneum",
    Anatomy.BONES: "Fracture, Scoliosis, Degenerative Change, Osteopenia",
    Anatomy.SOFT_TISSUES: "Subcutaneous Emphysema, Surgical Change",
    Anatomy.DEVICES: "Support Devices, Endotracheal Tube, Central Line, Chest Tube, Pacemaker, "
    "Sternotomy Wires, Nasogastric Tube",
}
ORGANS = {
    "heart": Anatomy.HEART,
    "cardiomediastinal silhouette": Anatomy.HEART,
    "mediastinum": Anatomy.MEDIASTINUM,
    "aorta": Anatomy.MEDIASTINUM,
    "lungs": Anatomy.LUNGS,
    "lung volumes": Anatomy.LUNGS,
    "pulmonary vasculature": Anatomy.HILA,
    "hila": Anatomy.HILA,
    "pleura": Anatomy.PLEURA,
    "costophrenic angles": Anatomy.PLEURA,
    "diaphragm": Anatomy.DIAPHRAGM,
    "bones": Anatomy.BONES,
    "spine": Anatomy.BONES,
    "airway": Anatomy.TRACHEA,
    "lingula": Anatomy.LUNGS,
    "stent": Anatomy.DEVICES,
    "shoulders": Anatomy.BONES,
    "bowel": Anatomy.SOFT_TISSUES,
}
SECTIONS = {
    Section.AIRWAY: {Anatomy.TRACHEA},
    Section.BREATHING: {Anatomy.LUNGS, Anatomy.PLEURA, Anatomy.HILA},
    Section.CARDIAC: {Anatomy.HEART},
    Section.DIAPHRAGM: {Anatomy.DIAPHRAGM},
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


@pytest.mark.parametrize("finding", [finding for finding in Finding if finding is not Finding.NO_FINDING])
def test_a_finding_goes_to_where_it_is(finding: Finding) -> None:
    expected = next((a for a, names in FINDINGS.items() if finding.value in names.split(", ")), Anatomy.LUNGS)
    assert anatomy_of(f"There is {phrase(Fact(finding))}.") is expected


@pytest.mark.parametrize(("organ", "anatomy"), ORGANS.items())
def test_an_organ_of_which_nothing_is_found_goes_to_itself(organ: str, anatomy: Anatomy) -> None:
    assert anatomy_of(f"The {organ} can be seen.") is anatomy


def test_what_is_named_first_decides() -> None:
    assert anatomy_of("The bones and the heart can be seen.") is Anatomy.BONES
    assert anatomy_of("The heart and the bones can be seen.") is Anatomy.HEART
    assert anatomy_of("Stents and a pneumothorax.") is Anatomy.DEVICES
    assert anatomy_of("A pneumothorax and stents.") is Anatomy.PLEURA


def test_every_anatomy_has_its_section() -> None:
    for anatomy in Anatomy:
        section = next((s for s, some in SECTIONS.items() if anatomy in some), Section.EVERYTHING_ELSE)
        assert SECTION_OF[anatomy] is section


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("Heart size is normal.", ["Heart size is normal."]),
        ("The heart is big. The diaphragm is flat.", ["The heart is big.", "The diaphragm is flat."]),
        ("The heart is big. Clear lungs!", ["Breathing: Clear lungs!", "Cardiac: The heart is big."]),
        ("Follow up..", ["Everything else: Follow up.."]),
    ],
)
def test_headings_stand_where_they_are_no_organs(text: str, lines: list[str]) -> None:
    assert restructure(text).text.splitlines() == lines


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
    with pytest.raises(UsageError, match=r"^report: .*give the text of one section$"):
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
