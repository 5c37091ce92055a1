"""The peer of `facts.py`: a page of plain regular expressions and a negation window.

from plain_patterns import findings
findings("Small left effusion. No pneumothorax.")      # {Finding.PLEURAL_EFFUSION}
"""

from __future__ import annotations

import re

from hilum.study import Finding

_BIG = r"(enlarg\w+|prominen\w+|full\w*|widen\w+)"
_HEART = r"(heart|cardiac|cardio\w+)"
_AORTA = r"(aort\w+|vascular|arterial)"
_DIAPHRAGM = r"(hemi)?diaphragm\w*"
_SPINE = r"(spin\w+|thoracic|vertebra\w*|bon\w+|spondyl\w+)"

PATTERNS: dict[Finding, str] = {
    Finding.CARDIOMEGALY: rf"cardiomegaly|{_HEART}[\w ]{{0,30}}(enlarg\w+"
    rf"|borderline)|enlarge\w+[\w ]{{0,20}}{_HEART}",
    Finding.ATELECTASIS: r"atelecta\w+|collapse\w?",
    Finding.PLEURAL_EFFUSION: r"effusions?|pleural fluid|h(em|ydr)othorax",
    Finding.PNEUMOTHORAX: r"(hydro|hemo)?pneumothora\w+",
    Finding.LUNG_OPACITY: r"opaci\w+|airspace disease|haz\w+|densit\w+",
    Finding.INFILTRATION: r"infiltrat\w+",
    Finding.CONSOLIDATION: r"consolidat\w+",
    Finding.PNEUMONIA: r"pneumonia\w*|pneumonitis",
    Finding.EDEMA: r"edema",
    Finding.VASCULAR_CONGESTION: r"congestion|engorge\w+|cephali[sz]ation",
    Finding.GRANULOMA: r"granulom\w+",
    Finding.NODULE: r"nodul\w+",
    Finding.MASS: r"mass(es)?|tumor|neoplasm",
    Finding.FIBROSIS: r"fibro\w+|scar\w*",
    Finding.EMPHYSEMA: r"emphysem\w+|hyper(inflat|expan|aer|lucen)\w+|copd|obstructive|bull(a|ae|ous)",
    Finding.HIATAL_HERNIA: r"hiat\w+ hernia",
    Finding.SCOLIOSIS: r"\w*scolio\w+",
    Finding.DEGENERATIVE_CHANGE: rf"degenerat\w+|osteophyt\w+|spondylosis"
    rf"|arthri\w+|{_SPINE}[\w ]{{0,20}}spur\w+",
    Finding.AORTIC_ATHEROSCLEROSIS: rf"atheroscl\w+|calcif\w+[\w ]{{0,20}}{_AORTA}"
    rf"|{_AORTA}[\w ]{{0,20}}calcif\w+",
    Finding.ELEVATED_DIAPHRAGM: rf"(elevat\w+|eventrat\w+)[\w ]{{0,30}}{_DIAPHRAGM}"
    rf"|{_DIAPHRAGM}[\w ]{{0,20}}(elevat\w+|eventrat\w+)",
    Finding.FRACTURE: r"fractur\w+",
    Finding.OSTEOPENIA: r"osteopen\w+|osteoporo\w+|deminerali[sz]\w+",
    Finding.BRONCHIECTASIS: r"bronchiecta\w+",
    Finding.SUBCUTANEOUS_EMPHYSEMA: r"subcutaneous (emphysema|air|gas)",
    Finding.PNEUMOPERITONEUM: r"pneumoperitoneum|free air|intraperitoneal air",
    Finding.SUPPORT_DEVICES: r"cathet\w+|tubes?|picc|pacemaker\w*|pacer|icd"
    r"|leads?|port|stents?|valve|lines?|stimulator",
    Finding.PLEURAL_OTHER: r"blunt\w+|pleural (thick\w+|scar\w*|plaque\w*)|apical (cap\w*|thick\w+)",
    Finding.LOW_LUNG_VOLUMES: r"(low|decreased|small|shallow)( lung| inspiratory)* (volum\w+"
    r"|inspirat\w+|inflat\w+)|hypo(inflat|ventil|aer|expan)\w+",
    Finding.HILAR_ENLARGEMENT: rf"hil(ar|um|a)[\w ]{{0,20}}({_BIG}|adenopathy)"
    rf"|{_BIG}[\w ]{{0,20}}(hil(ar|um|a)|pulmonary arter\w+)",
    Finding.ENLARGED_CARDIOMEDIASTINUM: rf"mediastin\w+[\w ]{{0,20}}{_BIG}|{_BIG}[\w ]{{0,20}}mediastin\w+",
    Finding.TORTUOUS_AORTA: r"tortuo\w+|ectatic|unfold\w+|uncoil\w+",
}
_COMPILED = {finding: re.compile(rf"\b(?:{pattern})\b") for finding, pattern in PATTERNS.items()}
_NEGATED = re.compile(r"\b(no|not|without|negative|free of|clear of|resolved|rule out|evaluate for)\b")
_SENTENCE = re.compile(r"[^.;\n]+")
_BREAK = re.compile(r"\b(but|however|although|there (?:is|are))\b")


def findings(text: str) -> frozenset[Finding]:
    """The findings that some sentence names and does not negate before their name."""
    named: set[Finding] = set()
    for sentence in _SENTENCE.findall(text.lower()):
        for finding, pattern in _COMPILED.items():
            if finding not in named:
                for match in pattern.finditer(sentence):
                    before = _BREAK.split(sentence[: match.start()])[-1]
                    if not _NEGATED.search(before):
                        named.add(finding)
                        break
    return frozenset(named)
