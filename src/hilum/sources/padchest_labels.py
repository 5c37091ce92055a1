"""The labels of PadChest and of BIMCV-COVID19, which follows it: findings, places and terms.

said = coded("['nodule', ' goiter']", "[['nodule', 'loc basal'], ['goiter']]", "x.csv, line 2", problems)
said.labels, said.facts, said.terms

A label is the name of a finding, another word for it or a kind of it ("laminar atelectasis"), or the name of
something else ("goiter"). The first becomes a label, the second a label and a term, the last a term. Classes
that a radiologist's word cannot tell apart are joined as for Open-i, see `hilum.sources.mesh`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from hilum.errors import DataError
from hilum.files import Problems
from hilum.reports.lexicon import LEXICON
from hilum.study import DEVICES, Fact, Finding, Presence, Side, Site

NORMAL: Final = "normal"
EXCLUDED: Final = "exclude"
"""The label of a report that could not be labelled: it says nothing about the film."""

OF_THE_REPORT: Final = frozenset({NORMAL, EXCLUDED, "unchanged", "suboptimal study"})
"""Labels that name nothing to be seen: they become no term."""

FINDINGS: Final[Mapping[Finding, tuple[str, ...]]] = {
    Finding.ENLARGED_CARDIOMEDIASTINUM: ("mediastinal enlargement", "superior mediastinal enlargement"),
    Finding.CARDIOMEGALY: ("cardiomegaly",),
    Finding.LUNG_OPACITY: (
        "increased density",
        "alveolar pattern",
        "ground glass pattern",
        "interstitial pattern",
        "reticular interstitial pattern",
        "reticulonodular interstitial pattern",
        "miliary opacities",
    ),
    Finding.EDEMA: ("pulmonary edema",),
    Finding.CONSOLIDATION: ("consolidation",),
    Finding.PNEUMONIA: ("pneumonia", "atypical pneumonia"),
    Finding.ATELECTASIS: (
        "atelectasis",
        "atelectasis basal",
        "laminar atelectasis",
        "lobar atelectasis",
        "round atelectasis",
        "segmental atelectasis",
        "total atelectasis",
    ),
    Finding.PNEUMOTHORAX: ("pneumothorax", "hydropneumothorax"),
    Finding.PLEURAL_EFFUSION: (
        "pleural effusion",
        "hydropneumothorax",
        "empyema",
        "hemothorax",
        "loculated pleural effusion",
        "loculated fissural effusion",
    ),
    Finding.PLEURAL_OTHER: (
        "pleural thickening",
        "apical pleural thickening",
        "calcified pleural thickening",
        "pleural plaques",
        "calcified pleural plaques",
        "pleural mass",
        "fissure thickening",
        "minor fissure thickening",
        "major fissure thickening",
        "costophrenic angle blunting",
    ),
    Finding.FRACTURE: (
        "fracture",
        "rib fracture",
        "callus rib fracture",
        "clavicle fracture",
        "humeral fracture",
        "vertebral fracture",
    ),
    Finding.SUPPORT_DEVICES: (
        "electrical device",
        "catheter",
        "tracheostomy tube",
        "gastrostomy tube",
        "nephrostomy tube",
        "double J stent",
        "ventriculoperitoneal drain tube",
        "artificial heart valve",
        "artificial aortic heart valve",
        "artificial mitral heart valve",
        "aortic endoprosthesis",
        "endoprosthesis",
    ),
    Finding.NODULE: ("nodule", "multiple nodules"),
    Finding.MASS: ("mass", "pulmonary mass"),
    Finding.EMPHYSEMA: ("emphysema", "bullas", "COPD signs", "hyperinflated lung"),
    Finding.FIBROSIS: ("pulmonary fibrosis", "fibrotic band"),
    Finding.HIATAL_HERNIA: ("hiatal hernia",),
    Finding.INFILTRATION: ("infiltrates",),
    Finding.GRANULOMA: ("granuloma", "calcified granuloma"),
    Finding.ENDOTRACHEAL_TUBE: ("endotracheal tube",),
    Finding.CENTRAL_LINE: (
        "central venous catheter",
        "central venous catheter via jugular vein",
        "central venous catheter via subclavian vein",
        "central venous catheter via umbilical vein",
        "reservoir central venous catheter",
    ),
    Finding.CHEST_TUBE: ("chest drain tube",),
    Finding.PACEMAKER: ("pacemaker", "dai", "single chamber device", "dual chamber device"),
    Finding.STERNOTOMY_WIRES: ("sternotomy",),
    Finding.NASOGASTRIC_TUBE: ("NSG tube",),
    Finding.SCOLIOSIS: ("scoliosis",),
    Finding.DEGENERATIVE_CHANGE: (
        "vertebral degenerative changes",
        "non axial articular degenerative changes",
        "axial hyperostosis",
    ),
    Finding.AORTIC_ATHEROSCLEROSIS: ("aortic atheromatosis",),
    Finding.TORTUOUS_AORTA: (
        "aortic elongation",
        "ascendent aortic elongation",
        "descendent aortic elongation",
        "supra aortic elongation",
    ),
    Finding.ELEVATED_DIAPHRAGM: ("hemidiaphragm elevation", "diaphragmatic eventration"),
    Finding.LOW_LUNG_VOLUMES: ("hypoexpansion", "hypoexpansion basal"),
    Finding.VASCULAR_CONGESTION: (
        "vascular redistribution",
        "central vascular redistribution",
        "hilar congestion",
        "pulmonary venous hypertension",
    ),
    Finding.HILAR_ENLARGEMENT: (
        "hilar enlargement",
        "vascular hilar enlargement",
        "pulmonary artery enlargement",
    ),
    Finding.BRONCHIECTASIS: ("bronchiectasis",),
    Finding.SURGICAL_CHANGE: (
        "surgery",
        "surgery breast",
        "surgery heart",
        "surgery humeral",
        "surgery lung",
        "surgery neck",
        "mastectomy",
        "suture material",
    ),
    Finding.SUBCUTANEOUS_EMPHYSEMA: ("subcutaneous emphysema",),
    Finding.PNEUMOPERITONEUM: ("pneumoperitoneo",),
    Finding.OSTEOPENIA: ("osteopenia", "osteoporosis"),
}
"""Which labels name which finding, or a kind of it."""

OTHERS: Final[tuple[str, ...]] = (
    *("Chilaiditi sign", "abnormal foreign body", "abscess", "adenopathy", "air bronchogram"),
    *("air fluid level", "air trapping"),
    *("aortic aneurysm", "aortic button enlargement", "asbestosis signs", "azygoesophageal recess shift"),
    *("azygos lobe", "blastic bone lesion", "bone cement", "bone metastasis", "breast mass"),
    *("bronchovascular markings", "calcified adenopathy", "calcified densities", "calcified fibroadenoma"),
    *("calcified mediastinal adenopathy", "cavitation", "cervical rib", "chronic changes"),
    *("costochondral junction hypertrophy", "cyst", "dextrocardia", "end on vessel", "esophagic dilatation"),
    *("external foreign body", "flattened diaphragm", "goiter", "gynecomastia", "heart insufficiency"),
    *("heart valve calcified", "humeral prosthesis", "kerley lines", "kyphosis", "lepidic adenocarcinoma"),
    *("lipomatosis", "lung metastasis", "lung vascular paucity", "lymphangitis carcinomatosa"),
    *("lytic bone lesion", "mammary prosthesis", "mediastinal mass", "mediastinal shift"),
    *("mediastinic lipomatosis", "metal", "nipple shadow", "obesity", "osteosynthesis material"),
    *("pectum carinatum", "pectum excavatum", "pericardial effusion", "pneumomediastinum"),
    *("post radiotherapy changes", "prosthesis", "pseudonodule", "pulmonary artery hypertension"),
    *("pulmonary hypertension", "respiratory distress", "right sided aortic arch", "sclerotic bone lesion"),
    *("soft tissue mass", "sternoclavicular junction hypertrophy", "subacromial space narrowing"),
    *("thoracic cage deformation", "tracheal shift", "tuberculosis", "tuberculosis sequelae"),
    *("vertebral anterior compression", "vertebral compression", "volume loss"),
    *("COVID 19", "COVID 19 uncertain"),
)
"""Labels without a finding of their own; the last two are BIMCV's."""

_SIDES: Final[Mapping[str, Side]] = {side.value: side for side in (Side.LEFT, Side.RIGHT, Side.BILATERAL)}
_SITES: Final[Mapping[str, Site]] = {
    "upper lobe": Site.UPPER_LOBE,
    "middle lobe": Site.MIDDLE_LOBE,
    "lower lobe": Site.LOWER_LOBE,
    "lingula": Site.LINGULA,
    "upper lung field": Site.UPPER_ZONE,
    "middle lung field": Site.MID_ZONE,
    "lower lung field": Site.LOWER_ZONE,
    "apical": Site.APICAL,
    "basal": Site.BASAL,
    "hilar": Site.PERIHILAR,
    "retrocardiac": Site.RETROCARDIAC,
    "costophrenic angle": Site.COSTOPHRENIC_ANGLE,
    "diffuse": Site.DIFFUSE,
    "rib": Site.RIB,
    "clavicle": Site.CLAVICLE,
    "vertebrae": Site.SPINE,
    "column": Site.SPINE,
}
"""Words of a localization, of which the first that it holds counts."""

_FINDINGS_OF: Final[Mapping[str, tuple[Finding, ...]]] = {
    label.lower(): tuple(finding for finding, labels in FINDINGS.items() if label in labels)
    for label in (label for labels in FINDINGS.values() for label in labels)
}
_KNOWN: Final[Mapping[str, str]] = {
    label.lower(): label
    for label in (*OF_THE_REPORT, *OTHERS, *(label for labels in FINDINGS.values() for label in labels))
}
_NOT_DISEASE: Final = frozenset({Finding.SUPPORT_DEVICES, Finding.SURGICAL_CHANGE, *DEVICES})
"""Beside these CheXpert may still say No Finding."""

_LONGEST = 100_000
"""Characters of the longest cell that is parsed."""


@dataclass(frozen=True)
class Coded:
    """What the labels of a film say of it."""

    labels: Mapping[Finding, Presence] = field(default_factory=dict)
    terms: Mapping[str, Presence] = field(default_factory=dict)
    facts: tuple[Fact, ...] = ()


def coded(labels: str, by_sentence: str, where: str, problems: Problems) -> Coded:
    """The labels of a film, with the places that its report's sentences name beside them.

    Args:
        labels: the column Labels, a Python list of words as text.
        by_sentence: the column LabelsLocalizationsBySentence, a list of such lists.
        where: what the row is called in errors.
        problems: gets what is no such list, and labels that are not published; they are left out.
    """
    stated: list[str] = []
    for word in _words(_parsed(labels, "Labels", where, problems)):
        if word.lower() in _KNOWN:
            stated.append(_KNOWN[word.lower()])
        else:
            problem = "has a label outside the published list"
            problems.add(DataError(f"{where}: {word[:40]!r}", problem, "the label is left out"))
    if EXCLUDED in stated:
        return Coded()
    things = [word for word in dict.fromkeys(stated) if word not in OF_THE_REPORT]
    if not things:
        normal = {Finding.NO_FINDING: Presence.PRESENT, **dict.fromkeys(FINDINGS, Presence.ABSENT)}
        return Coded(normal if NORMAL in stated else {})
    found = {finding for word in things for finding in _FINDINGS_OF.get(word.lower(), ())}
    sentences = _parsed(by_sentence, "LabelsLocalizationsBySentence", where, problems)
    facts = dict.fromkeys(fact for fact in _facts(sentences) if fact.finding in found)
    there = dict.fromkeys((finding for finding in FINDINGS if finding in found), Presence.PRESENT)
    if NORMAL not in stated and found - _NOT_DISEASE:
        there[Finding.NO_FINDING] = Presence.ABSENT
    return Coded(there, dict(_terms(things)), tuple(facts))


def _parsed(cell: str, column: str, where: str, problems: Problems) -> list[object]:
    """A cell that holds a list as Python writes it, read as data; empty when blank or anything else."""
    cell = cell.strip()
    if not cell or cell.lower() == "nan":
        return []
    try:
        value = ast.literal_eval(cell) if len(cell) <= _LONGEST else None
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        value = None
    if isinstance(value, list):
        return value
    problems.add(DataError(f"{where}, {column}", "is no list of labels", "it is left unknown"))
    return []


def _words(items: list[object]) -> Iterator[str]:
    yield from (word for item in items if isinstance(item, str) and (word := " ".join(item.split())))


def _terms(things: list[str]) -> Iterator[tuple[str, Presence]]:
    for word in things:
        findings = _FINDINGS_OF.get(word.lower(), ())
        if not any(finding.value.lower() == word.lower() for finding in findings):
            certain = word.removesuffix(" uncertain")
            yield certain, Presence.PRESENT if certain == word else Presence.UNCERTAIN


def _facts(sentences: list[object]) -> Iterator[Fact]:
    """What is where: in a sentence's list the places follow the label that they belong to."""
    for sentence in sentences:
        label, places = "", [""]
        for word in _words(sentence if isinstance(sentence, list) else []):
            if word.startswith("loc "):
                places.append(word)
                continue
            yield from _located(label, " ".join(places))
            label, places = word, [""]
        yield from _located(label, " ".join(places))


def _located(label: str, places: str) -> Iterator[Fact]:
    words = set(places.replace(",", " ").split())
    for finding in _FINDINGS_OF.get(label.lower(), ()):
        takes = LEXICON[finding]
        sides = {side for word, side in _SIDES.items() if word in words} if takes.sided else set()
        sites = (site for phrase, site in _SITES.items() if phrase in places and site in takes.sites)
        side = Side.BILATERAL if len(sides) > 1 else next(iter(sides), None)
        yield Fact(finding, side=side, site=next(sites, None))
