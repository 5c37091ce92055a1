"""What is written is read back, and gives nothing away that it should not."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.reports import extract_facts, is_english, phrase, sentences, write_report
from hilum.reports.lexicon import LEXICON
from hilum.study import Acuity, Change, Fact, Finding, Position, Presence, Severity, Side, Site, Tip
from reports.made import FINDINGS, ONE_SIDED, STATES, fact_lists

STYLES = ("prose", "brief", "labelled")
SIZED = (Finding.NODULE, Finding.MASS, Finding.LUNG_LESION, Finding.GRANULOMA)
ENDING = {
    Finding.ENDOTRACHEAL_TUBE: (Tip.TRACHEA, Tip.CARINA, Tip.RIGHT_MAINSTEM_BRONCHUS),
    Finding.CENTRAL_LINE: (
        Tip.JUGULAR_VEIN,
        Tip.SUBCLAVIAN_VEIN,
        Tip.BRACHIOCEPHALIC_VEIN,
        Tip.SUPERIOR_VENA_CAVA,
        Tip.CAVOATRIAL_JUNCTION,
        Tip.RIGHT_ATRIUM,
    ),
    Finding.NASOGASTRIC_TUBE: (Tip.ESOPHAGUS, Tip.GASTROESOPHAGEAL_JUNCTION, Tip.STOMACH, Tip.DUODENUM),
}
MISPLACED = {
    (Finding.ENDOTRACHEAL_TUBE, Tip.RIGHT_MAINSTEM_BRONCHUS),
    (Finding.NASOGASTRIC_TUBE, Tip.ESOPHAGUS),
}
SEEDS = st.integers(0, 10_000)


def possible(finding):
    """Every fact of a finding that a report can state."""
    entry = LEXICON[finding]
    sides = (None, Side.LEFT, Side.RIGHT, Side.BILATERAL) if entry.sided else (None,)
    grades = (None, *Severity) if entry.graded else (None,)
    for (presence, change), side, site, grade in itertools.product(
        STATES, sides, (None, *sorted(entry.sites)), grades
    ):
        if presence is Presence.ABSENT and (site or grade):
            continue
        if site in ONE_SIDED and side is not ONE_SIDED[site]:
            continue
        yield Fact(finding, presence, side, site, grade, change)


@given(SEEDS)
def test_the_labels_of_a_report_are_systems_of_the_chest(seed):
    facts = [Fact(finding) for finding in (Finding.EDEMA, Finding.CARDIOMEGALY, Finding.PACEMAKER)]
    written = write_report(facts, rng=np.random.default_rng(seed), style="labelled").findings
    assert set(re.findall(r"(\w+):", written)) <= {"Lungs", "Heart", "Pleura", "Bones", "Devices", "Abdomen"}
    assert "Lungs: " in written


def test_a_size_follows_the_noun_in_a_quarter_of_the_phrases():
    fact, rng = Fact(Finding.NODULE, size_mm=8.0), np.random.default_rng(0)
    after = sum("measuring" in phrase(fact, rng) for _ in range(400))
    assert 70 <= after <= 130


def unmentioned(found, facts):
    """What was read and not asked for."""
    return [f for f in found if f not in facts]


def is_normal(fact):
    denial = fact.presence is Presence.ABSENT and fact.change is None
    return denial or fact.finding is Finding.NO_FINDING


@pytest.mark.parametrize("finding", FINDINGS)
def test_every_fact_is_read_back_as_it_was_written(finding):
    rng = np.random.default_rng(0)
    for fact, style in itertools.product(possible(finding), STYLES):
        text = write_report([fact], rng=rng, complete=False, style=style).findings
        assert extract_facts(text) == [fact], text


@settings(max_examples=300)
@given(fact_lists(), SEEDS, st.booleans(), st.booleans())
def test_a_whole_report_is_read_back_and_adds_only_normals(facts, seed, prior, complete):
    report = write_report(facts, rng=np.random.default_rng(seed), prior=prior, complete=complete)
    for text in (report.findings, report.text):
        found = extract_facts(text)
        assert [f for f in facts if f not in found] == [], text
        assert all(complete and is_normal(f) for f in unmentioned(found, facts)), text


@given(fact_lists(), SEEDS)
def test_a_written_normal_never_contradicts_a_fact(facts, seed):
    report = write_report(facts, rng=np.random.default_rng(seed))
    stated = {f.finding for f in facts}
    denied = {f.finding for f in unmentioned(extract_facts(report.text), facts) if is_normal(f)}
    assert not denied & stated


@given(fact_lists(), fact_lists(), SEEDS, st.sampled_from([Position.PA, Position.AP]))
def test_the_indication_does_not_depend_on_the_findings(one, two, seed, position):
    texts = {
        write_report(facts, rng=np.random.default_rng(seed), position=position).indication
        for facts in (one, two)
    }
    assert len(texts) == 1
    assert extract_facts(texts.pop()) == []


TOLD = {
    "normal": [],
    "changed": [
        Fact(Finding.PLEURAL_EFFUSION, side=Side.LEFT, severity=Severity.MILD, change=Change.WORSENED),
        Fact(Finding.CARDIOMEGALY, severity=Severity.MODERATE),
        Fact(Finding.PNEUMOTHORAX, Presence.ABSENT),
    ],
    "devices": [
        Fact(Finding.PACEMAKER, side=Side.LEFT),
        Fact(Finding.CENTRAL_LINE, side=Side.RIGHT, tip=Tip.RIGHT_ATRIUM, malposition=True),
        Fact(Finding.EDEMA, Presence.ABSENT, change=Change.RESOLVED),
    ],
    "detailed": [
        Fact(Finding.NODULE, side=Side.RIGHT, site=Site.UPPER_LOBE, size_mm=8.0),
        Fact(Finding.FRACTURE, side=Side.LEFT, site=Site.RIB, levels=("6", "7"), acuity=Acuity.HEALED),
        Fact(Finding.PNEUMONIA, Presence.UNCERTAIN, side=Side.LEFT, site=Site.LOWER_LOBE),
    ],
}
WRITTEN = {
    ("normal", "prose"): (
        "Hypoxia.",
        "None available.",
        "No pneumothorax or pleural effusion. The heart is normal in size. Lungs are clear.",
        "No acute cardiopulmonary abnormality.",
    ),
    ("normal", "brief"): (
        "Hypoxia.",
        "None available.",
        "No pneumothorax or pleural effusion. The heart is normal in size. Lungs are clear.",
        "No acute cardiopulmonary abnormality.",
    ),
    ("normal", "labelled"): (
        "Hypoxia.",
        "None available.",
        (
            "Pleura: No pneumothorax or pleural effusion. Heart: The heart is normal in size. Lungs: "
            "Lungs are clear."
        ),
        "No acute cardiopulmonary abnormality.",
    ),
    ("changed", "prose"): (
        "Dyspnea.",
        "Comparison with the prior study.",
        (
            "There is worsening small left pleural effusion. Moderate cardiomegaly is visible. Negative "
            "for pneumothorax. Both lungs are clear. Mediastinal contours are normal."
        ),
        (
            "Worsening small left pleural effusion. Moderate enlargement of the cardiac silhouette. No "
            "pneumothorax seen."
        ),
    ),
    ("changed", "brief"): (
        "Dyspnea.",
        "Comparison with the prior study.",
        (
            "Small left pleural effusion, worsened. Moderate cardiomegaly seen. No pneumothorax. Lungs "
            "are clear. Normal mediastinum."
        ),
        "Worsening small left effusion. Moderate cardiomegaly. Without pneumothorax.",
    ),
    ("changed", "labelled"): (
        "Dyspnea.",
        "Comparison with the prior study.",
        (
            "Pleura: Small left pleural effusion, worsened. No pneumothorax. Heart: Moderate cardiomegaly"
            " seen. Normal mediastinum. Lungs: Lungs are clear."
        ),
        "1. Worsening small left effusion. 2. Moderate cardiomegaly. 3. Without pneumothorax.",
    ),
    ("devices", "prose"): (
        "Line placement.",
        "None.",
        (
            "The malpositioned right central venous catheter ends in the right atrium. There is a left "
            "pacemaker. The pulmonary edema is no longer present. No effusion or pneumothorax is seen. No"
            " cardiomegaly."
        ),
        (
            "Malpositioned right central venous catheter tip in the right atrium. Left cardiac pacing "
            "device. Pulmonary edema resolved. No acute cardiopulmonary abnormality."
        ),
    ),
    ("devices", "brief"): (
        "Line placement.",
        "None.",
        (
            "Malpositioned right central venous catheter tip in the right atrium. Left pacemaker in "
            "place. Resolution of pulmonary edema. No effusion or pneumothorax is seen. No cardiomegaly."
        ),
        (
            "Malpositioned right central venous catheter tip in the right atrium. Left cardiac pacing "
            "device. Pulmonary edema resolved. No acute cardiopulmonary abnormality."
        ),
    ),
    ("devices", "labelled"): (
        "Line placement.",
        "None.",
        (
            "Devices: Malpositioned right central venous catheter tip in the right atrium. Left pacemaker"
            " in place. Lungs: Resolution of pulmonary edema. Pleura: No effusion or pneumothorax is "
            "seen. Heart: No cardiomegaly."
        ),
        (
            "1. Malpositioned right central venous catheter tip in the right atrium. 2. Left cardiac "
            "pacing device. 3. Pulmonary edema resolved. 4. No acute cardiopulmonary abnormality."
        ),
    ),
    ("detailed", "prose"): (
        "Routine follow-up.",
        "Prior chest radiograph.",
        (
            "Possible left lower lobe pneumonia. There is a right upper lobe nodule measuring 8 mm. There"
            " are healed left sixth and seventh rib fractures. No pleural effusion or pneumothorax. No "
            "cardiomegaly."
        ),
        (
            "Suspected left lower lobe pneumonia. 8 mm right upper lobe lung nodule. Healed fractures of "
            "the left sixth and seventh ribs noted."
        ),
    ),
    ("detailed", "brief"): (
        "Routine follow-up.",
        "Prior chest radiograph.",
        (
            "Possible left lower lobe pneumonia. Right upper lobe nodule measuring 8 mm. Healed left "
            "sixth and seventh rib fractures. No pleural effusion or pneumothorax. No cardiomegaly."
        ),
        (
            "Suspected left lower lobe pneumonia. 8 mm right upper lobe lung nodule. Healed fractures of "
            "the left sixth and seventh ribs noted."
        ),
    ),
    ("detailed", "labelled"): (
        "Routine follow-up.",
        "Prior chest radiograph.",
        (
            "Lungs: Possible left lower lobe pneumonia. Right upper lobe nodule measuring 8 mm. Bones: "
            "Healed left sixth and seventh rib fractures. Pleura: No pleural effusion or pneumothorax. "
            "Heart: No cardiomegaly."
        ),
        (
            "1. Suspected left lower lobe pneumonia. 2. 8 mm right upper lobe lung nodule. 3. Healed "
            "fractures of the left sixth and seventh ribs noted."
        ),
    ),
}
"""Indication, comparison, findings and impression, of an earlier study and at the bedside by turns."""


@pytest.mark.parametrize(("told", "style"), WRITTEN)
def test_a_report_of_each_style_word_for_word(told, style):
    seed = list(TOLD).index(told)
    position = Position.AP if told == "devices" else Position.PA
    rng = np.random.default_rng(seed)
    report = write_report(TOLD[told], rng=rng, style=style, prior=seed % 2 == 1, position=position)
    found = report.indication, report.comparison, report.findings, report.impression
    assert found == WRITTEN[told, style]


def test_prose_is_drawn_twice_as_often_as_each_other_style():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        style = ("prose", "prose", "brief", "labelled")[int(rng.integers(4))]
        told = TOLD["changed"]
        assert write_report(told, rng=np.random.default_rng(seed)) == write_report(told, rng=rng, style=style)


@pytest.mark.parametrize(
    ("finding", "words"),
    [
        (Finding.CHEST_TUBE, "(?i)remov|no longer"),
        (Finding.EDEMA, "(?i)resol|no longer"),
    ],
)
def test_a_device_is_removed_and_a_disease_resolves(finding, words):
    gone = Fact(finding, Presence.ABSENT, change=Change.RESOLVED)
    for seed in range(30):
        report = write_report([gone], rng=np.random.default_rng(seed), complete=False)
        assert re.search(words, report.findings), report.findings
        assert re.search(words, report.impression), report.impression


PRESSING = (
    "Pneumothorax, Pleural Effusion, Consolidation, Pneumonia, Lung Opacity, Atelectasis, Edema, "
    "Cardiomegaly, Enlarged Cardiomediastinum, Mass, Nodule, Fracture, Pleural Other, Emphysema, Fibrosis, "
    "Hiatal Hernia, Bronchiectasis, Scoliosis, Pacemaker"
)


@given(st.permutations(PRESSING.split(", ")), SEEDS)
def test_the_most_pressing_comes_first_then_the_rest_then_devices_then_denials(names, seed):
    denied = Finding(names[0])
    facts = [Fact(f, Presence.ABSENT if f is denied else Presence.PRESENT) for f in map(Finding, names)]
    written = write_report(facts, rng=np.random.default_rng(seed), complete=False, style="brief").findings
    expected = [Finding(name) for name in PRESSING.split(", ") if name != names[0]]
    assert [fact.finding for fact in extract_facts(written)] == [*expected, denied]


LABELS = {
    "Heart": "Cardiomegaly, Enlarged Cardiomediastinum, Hiatal Hernia, Tortuous Aorta, "
    "Aortic Atherosclerosis",
    "Pleura": "Pneumothorax, Pleural Effusion, Pleural Other",
    "Bones": "Fracture, Scoliosis, Degenerative Change, Osteopenia",
    "Abdomen": "Elevated Diaphragm, Pneumoperitoneum",
    "Soft tissues": "Subcutaneous Emphysema, Surgical Change",
    "Devices": "Endotracheal Tube, Central Line, Chest Tube, Pacemaker, Sternotomy Wires, Nasogastric Tube, "
    "Support Devices",
}


@pytest.mark.parametrize("finding", FINDINGS)
def test_a_finding_stands_under_its_label(finding):
    rng = np.random.default_rng(0)
    written = write_report([Fact(finding)], rng=rng, complete=False, style="labelled").findings
    label = next((name for name, members in LABELS.items() if finding.value in members.split(", ")), "Lungs")
    assert written.startswith(f"{label}: ")


def test_no_normal_is_said_twice_and_there_are_fewer_the_more_is_found():
    for facts, most in (([], 3), (TOLD["changed"], 2), (TOLD["detailed"] + TOLD["devices"], 1)):
        counts = set()
        for seed in range(60):
            rng = np.random.default_rng(seed)
            text = write_report(facts, rng=rng, style="prose").findings
            said = [text[a:b] for a, b in sentences(text)][len(facts) :]
            denied = [f.finding for sentence in said for f in extract_facts(sentence)]
            assert len(denied) == len(set(denied)), text
            counts.add(len(said))
        assert max(counts) == most


def test_the_longest_impression_has_twenty_five_words_without_its_numbers():
    facts = [Fact(finding, severity=Severity.MILD) for finding in FINDINGS if LEXICON[finding].graded]
    lengths = []
    for seed in range(60):
        report = write_report(facts, rng=np.random.default_rng(seed), style="labelled")
        lengths.append(len(re.sub(r"\b\d+\. ", "", report.impression).split()))
    assert max(lengths) == 25
    assert min(lengths) >= 22


def test_a_given_indication_stands_as_it_is():
    rng = np.random.default_rng(0)
    assert write_report([], rng=rng, indication="Fall from a ladder.").indication == "Fall from a ladder."


@given(fact_lists(), SEEDS)
def test_reports_are_english_sentences(facts, seed):
    report = write_report(facts, rng=np.random.default_rng(seed))
    for section in (report.findings, report.impression):
        assert is_english(section)
        assert section.endswith(".")
        assert "  " not in section
        assert not any(brace in section for brace in "{}|")
    assert len(report.impression.split()) <= 25 + len(facts)  # numbers of a list come on top


def test_the_same_seed_writes_the_same_report():
    facts = [Fact(Finding.EDEMA, severity=Severity.MILD)]
    one, two = (write_report(facts, rng=np.random.default_rng(3)) for _ in range(2))
    assert one == two


def test_language_varies():
    fact = Fact(Finding.PLEURAL_EFFUSION, side=Side.LEFT, severity=Severity.MILD)
    texts = {write_report([fact], rng=np.random.default_rng(n)).findings for n in range(200)}
    assert len(texts) > 60


def test_a_normal_chest_is_called_normal_in_many_ways():
    reports = [write_report([], rng=np.random.default_rng(n)) for n in range(100)]
    assert len({r.findings for r in reports}) > 30
    assert all(any(f.finding is Finding.NO_FINDING for f in extract_facts(r.impression)) for r in reports)


def test_without_knowledge_nothing_is_said():
    report = write_report([], rng=np.random.default_rng(0), complete=False)
    assert (report.findings, report.impression) == ("", "")


@pytest.mark.parametrize(
    ("fact", "words"),
    [
        (
            Fact(Finding.PLEURAL_EFFUSION, side=Side.LEFT, severity=Severity.MILD),
            "small left pleural effusion",
        ),
        (Fact(Finding.PNEUMOTHORAX, side=Side.RIGHT, severity=Severity.SEVERE), "large right pneumothorax"),
        (Fact(Finding.EDEMA, severity=Severity.SEVERE), "severe pulmonary edema"),
        (Fact(Finding.NODULE, side=Side.RIGHT, site=Site.UPPER_LOBE), "right upper lobe nodule"),
        (Fact(Finding.CONSOLIDATION, side=Side.LEFT, site=Site.LINGULA), "lingular consolidation"),
        (Fact(Finding.ATELECTASIS, side=Side.BILATERAL, site=Site.BASAL), "bibasal atelectasis"),
        (Fact(Finding.PLEURAL_OTHER, side=Side.BILATERAL, site=Site.APICAL), "biapical pleural thickening"),
        (Fact(Finding.NODULE, side=Side.BILATERAL), "bilateral nodules"),
        (Fact(Finding.FRACTURE, side=Side.LEFT, site=Site.RIB), "left rib fracture"),
        (Fact(Finding.CARDIOMEGALY, change=Change.NEW), "cardiomegaly"),
        (Fact(Finding.EDEMA, Presence.UNCERTAIN), "pulmonary edema"),
    ],
)
def test_the_usual_phrase(fact, words):
    assert phrase(fact) == words


DETAILED = [
    *(
        Fact(finding, side=Side.LEFT, size_mm=size)
        for finding in SIZED
        for size in (4.0, 8.0, 11.0, 26.5, 45.0)
    ),
    *(
        Fact(Finding.FRACTURE, side=side, site=Site.RIB, levels=levels, acuity=acuity)
        for side in (None, Side.LEFT, Side.BILATERAL)
        for levels in (("4",), ("6", "7"), ("1", "2", "12"))
        for acuity in (None, *Acuity)
    ),
    *(Fact(Finding.FRACTURE, site=Site.RIB, levels=(str(rib),)) for rib in range(1, 13)),
    *(Fact(Finding.FRACTURE, site=Site.SPINE, levels=levels) for levels in (("T8",), ("T12", "L1"))),
    *(Fact(finding, malposition=lies) for finding in ENDING for lies in (True, False)),
    *(
        Fact(finding, tip=tip, malposition=True if (finding, tip) in MISPLACED else lies)
        for finding, tips in ENDING.items()
        for tip in tips
        for lies in (None, True)
    ),
]


@pytest.mark.parametrize("change", [None, Change.NEW, Change.STABLE])
@pytest.mark.parametrize("style", STYLES)
def test_details_are_read_back_as_they_were_written(style, change):
    for fact in (replace(fact, change=change) for fact in DETAILED):
        for seed in range(6):
            rng = np.random.default_rng(seed)
            report = write_report([fact], rng=rng, complete=False, prior=True, style=style)
            assert extract_facts(report.findings) == [fact], report.findings
            assert extract_facts(report.text) == [fact], report.text


@pytest.mark.parametrize(
    ("fact", "words"),
    [
        (Fact(Finding.NODULE, side=Side.RIGHT, size_mm=12.0), "12 mm right nodule"),
        (Fact(Finding.MASS, size_mm=45.0), "4.5 cm mass"),
        (
            Fact(Finding.FRACTURE, side=Side.LEFT, levels=("6",), acuity=Acuity.ACUTE),
            "acute left sixth rib fracture",
        ),
        (
            Fact(Finding.FRACTURE, side=Side.LEFT, levels=("6", "7", "8")),
            "left sixth, seventh and eighth rib fractures",
        ),
        (Fact(Finding.FRACTURE, levels=("T8",)), "T8 fracture"),
        (
            Fact(Finding.ENDOTRACHEAL_TUBE, tip=Tip.RIGHT_MAINSTEM_BRONCHUS, malposition=True),
            "endotracheal tube with its tip in the right mainstem bronchus",
        ),
        (
            Fact(Finding.CENTRAL_LINE, side=Side.LEFT, tip=Tip.JUGULAR_VEIN, malposition=True),
            "malpositioned left central venous catheter with its tip in the jugular vein",
        ),
        (
            Fact(Finding.CENTRAL_LINE, tip=Tip.CAVOATRIAL_JUNCTION),
            "central venous catheter with its tip at the cavoatrial junction",
        ),
        (Fact(Finding.CHEST_TUBE, side=Side.LEFT, malposition=False), "left chest tube in good position"),
    ],
)
def test_the_usual_phrase_says_the_details(fact, words):
    assert phrase(fact) == words


@pytest.mark.parametrize(
    ("size", "article"), [(8, "An"), (11, "An"), (18, "An"), (4, "A"), (12, "A"), (81, "An")]
)
def test_a_number_takes_the_article_it_is_spoken_with(size, article):
    fact = Fact(Finding.GRANULOMA, size_mm=float(size))
    texts = [write_report([fact], rng=np.random.default_rng(n), style="prose").findings for n in range(40)]
    opening = [text for text in texts if text.startswith(("A ", "An "))]
    assert any(text.split()[1][0].isdigit() for text in opening)
    assert all(text.split()[0] == article for text in opening if text.split()[1][0].isdigit())
