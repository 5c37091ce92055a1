"""A finding in a question is called what reports call it, in good grammar."""

from __future__ import annotations

import pytest

from hilum.reports import extract_facts, name_of, names
from hilum.study import Finding, Presence

BARE = (
    "cardiomegaly, pulmonary edema, lung consolidation, pneumonia, atelectasis, pleural thickening, "
    "emphysema, pulmonary fibrosis, scoliosis, degenerative change, aortic atherosclerosis, "
    "pulmonary vascular congestion, hilar enlargement, bronchiectasis, postsurgical change, "
    "subcutaneous emphysema, pneumoperitoneum, osteopenia, no acute cardiopulmonary abnormality"
)
WITH_AN_ARTICLE = (
    "an enlarged cardiomediastinum, a lung opacity, a lung lesion, a pneumothorax, a pleural effusion, "
    "a fracture, a support device, a lung nodule, a lung mass, a hiatal hernia, an infiltrate, a granuloma, "
    "an endotracheal tube, a central venous line, a chest tube, a pacemaker, a nasogastric tube, "
    "a tortuous aorta, an elevated hemidiaphragm"
)
PLURAL = "sternotomy wires, low lung volumes"


def test_every_finding_has_its_name_its_article_and_its_verb():
    expected = {bare: (bare, "Is") for bare in BARE.split(", ")}
    expected |= {words.partition(" ")[2]: (words, "Is") for words in WITH_AN_ARTICLE.split(", ")}
    expected |= {words: (words, "Are") for words in PLURAL.split(", ")}
    assert {n["name"]: (n["a"], n["is"]) for n in map(names, Finding)} == expected
    assert [name_of(finding) for finding in Finding] == [names(finding)["name"] for finding in Finding]


def test_articles_and_verbs_go_with_the_finding():
    assert names(Finding.ENLARGED_CARDIOMEDIASTINUM)["a"].startswith("an ")
    assert names(Finding.EDEMA)["a"] == name_of(Finding.EDEMA)
    assert names(Finding.STERNOTOMY_WIRES)["is"] == "Are"


@pytest.mark.parametrize("finding", [f for f in Finding if f is not Finding.NO_FINDING])
def test_a_finding_is_called_what_reports_call_it(finding):
    facts = extract_facts(f"There is {names(finding)['a']}.")
    assert finding in {fact.finding for fact in facts if fact.presence is Presence.PRESENT}
