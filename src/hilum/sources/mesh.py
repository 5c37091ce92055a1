"""Open-i's hand-coded terms (`MeSH/major`) as findings: the mapping, written down.

    from hilum.sources.mesh import MAPPED, facts_of
    facts_of(["Cardiomegaly/mild", "Opacity/lung/base/left"])

A term is a heading with qualifiers after slashes ("Diaphragm/right/elevated"). Some headings name a finding
by themselves; others only with a qualifier. Findings that a radiologist's word cannot tell apart are one
class here: hyperinflated lungs, bullae and COPD are Emphysema; scars and fibrosis are Fibrosis; old
granulomatous disease is Granuloma; lines, tubes, leads and other implants are Support Devices.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from hilum.reports.lexicon import LEXICON
from hilum.study import DEVICES, Fact, Finding, Severity, Side, Site

HEADINGS: Final[Mapping[str, tuple[Finding, ...]]] = {
    "Cardiomegaly": (Finding.CARDIOMEGALY,),
    "Pulmonary Atelectasis": (Finding.ATELECTASIS,),
    "Pleural Effusion": (Finding.PLEURAL_EFFUSION,),
    "Hydropneumothorax": (Finding.PLEURAL_EFFUSION, Finding.PNEUMOTHORAX),
    "Hemopneumothorax": (Finding.PLEURAL_EFFUSION, Finding.PNEUMOTHORAX),
    "Hemothorax": (Finding.PLEURAL_EFFUSION,),
    "Pneumothorax": (Finding.PNEUMOTHORAX,),
    "Opacity": (Finding.LUNG_OPACITY,),
    "Airspace Disease": (Finding.LUNG_OPACITY,),
    "Infiltrate": (Finding.INFILTRATION,),
    "Consolidation": (Finding.CONSOLIDATION,),
    "Pneumonia": (Finding.PNEUMONIA,),
    "Pulmonary Edema": (Finding.EDEMA,),
    "Pulmonary Congestion": (Finding.VASCULAR_CONGESTION,),
    "Calcified Granuloma": (Finding.GRANULOMA,),
    "Granuloma": (Finding.GRANULOMA,),
    "Granulomatous Disease": (Finding.GRANULOMA,),
    "Nodule": (Finding.NODULE,),
    "Mass": (Finding.MASS,),
    "Pulmonary Fibrosis": (Finding.FIBROSIS,),
    "Fibrosis": (Finding.FIBROSIS,),
    "Emphysema": (Finding.EMPHYSEMA,),
    "Pulmonary Emphysema": (Finding.EMPHYSEMA,),
    "Bullous Emphysema": (Finding.EMPHYSEMA,),
    "Blister": (Finding.EMPHYSEMA,),
    "Pulmonary Disease, Chronic Obstructive": (Finding.EMPHYSEMA,),
    "Hernia, Hiatal": (Finding.HIATAL_HERNIA,),
    "Scoliosis": (Finding.SCOLIOSIS,),
    "Osteophyte": (Finding.DEGENERATIVE_CHANGE,),
    "Spondylosis": (Finding.DEGENERATIVE_CHANGE,),
    "Arthritis": (Finding.DEGENERATIVE_CHANGE,),
    "Hyperostosis, Diffuse Idiopathic Skeletal": (Finding.DEGENERATIVE_CHANGE,),
    "Atherosclerosis": (Finding.AORTIC_ATHEROSCLEROSIS,),
    "Diaphragmatic Eventration": (Finding.ELEVATED_DIAPHRAGM,),
    "Fractures, Bone": (Finding.FRACTURE,),
    "Bone Diseases, Metabolic": (Finding.OSTEOPENIA,),
    "Osteoporosis": (Finding.OSTEOPENIA,),
    "Bronchiectasis": (Finding.BRONCHIECTASIS,),
    "Subcutaneous Emphysema": (Finding.SUBCUTANEOUS_EMPHYSEMA,),
    "Pneumoperitoneum": (Finding.PNEUMOPERITONEUM,),
    "Catheters, Indwelling": (Finding.SUPPORT_DEVICES,),
    "Implanted Medical Device": (Finding.SUPPORT_DEVICES,),
    "Medical Device": (Finding.SUPPORT_DEVICES,),
    "Tube, Inserted": (Finding.SUPPORT_DEVICES,),
    "Stents": (Finding.SUPPORT_DEVICES,),
}
"""Headings that name a finding whatever qualifiers follow."""

QUALIFIED: Final[Mapping[str, Mapping[str, Finding]]] = {
    "Cardiac Shadow": {"enlarged": Finding.CARDIOMEGALY, "borderline": Finding.CARDIOMEGALY},
    "Cicatrix": {"pleura": Finding.PLEURAL_OTHER, "": Finding.FIBROSIS},
    "Density": {
        "lung": Finding.LUNG_OPACITY,
        "retrocardiac": Finding.LUNG_OPACITY,
        "thorax": Finding.LUNG_OPACITY,
    },
    "Thickening": {"pleura": Finding.PLEURAL_OTHER},
    "Pleura": {"blunted": Finding.PLEURAL_OTHER},
    "Sulcus": {"blunted": Finding.PLEURAL_OTHER},
    "Costophrenic Angle": {"blunted": Finding.PLEURAL_OTHER},
    "Lung": {
        "hyperdistention": Finding.EMPHYSEMA,
        "hypoinflation": Finding.LOW_LUNG_VOLUMES,
        "hilum": Finding.HILAR_ENLARGEMENT,
    },
    "Pulmonary Artery": {"enlarged": Finding.HILAR_ENLARGEMENT, "prominent": Finding.HILAR_ENLARGEMENT},
    "Mediastinum": {
        "enlarged": Finding.ENLARGED_CARDIOMEDIASTINUM,
        "prominent": Finding.ENLARGED_CARDIOMEDIASTINUM,
    },
    "Thoracic Vertebrae": {"degenerative": Finding.DEGENERATIVE_CHANGE},
    "Lumbar Vertebrae": {"degenerative": Finding.DEGENERATIVE_CHANGE},
    "Spine": {"degenerative": Finding.DEGENERATIVE_CHANGE},
    "Aorta": {"tortuous": Finding.TORTUOUS_AORTA},
    "Aorta, Thoracic": {"tortuous": Finding.TORTUOUS_AORTA},
    "Calcinosis": {
        "aorta": Finding.AORTIC_ATHEROSCLEROSIS,
        "aorta, thoracic": Finding.AORTIC_ATHEROSCLEROSIS,
        "blood vessels": Finding.AORTIC_ATHEROSCLEROSIS,
        "pleura": Finding.PLEURAL_OTHER,
    },
    "Diaphragm": {"elevated": Finding.ELEVATED_DIAPHRAGM},
}
"""Headings that name a finding only with a qualifier; the first that is there counts, "" is any."""

SIDES: Final[Mapping[str, Side]] = {side.value: side for side in (Side.LEFT, Side.RIGHT, Side.BILATERAL)}
SITES: Final[Mapping[str, Site]] = {
    "upper lobe": Site.UPPER_LOBE,
    "middle lobe": Site.MIDDLE_LOBE,
    "lingula": Site.LINGULA,
    "lower lobe": Site.LOWER_LOBE,
    "apex": Site.APICAL,
    "base": Site.BASAL,
    "hilum": Site.PERIHILAR,
    "retrocardiac": Site.RETROCARDIAC,
    "costophrenic angle": Site.COSTOPHRENIC_ANGLE,
    "diffuse": Site.DIFFUSE,
    "scattered": Site.DIFFUSE,
    "ribs": Site.RIB,
    "clavicle": Site.CLAVICLE,
    "spine": Site.SPINE,
    "thoracic vertebrae": Site.SPINE,
    "lumbar vertebrae": Site.SPINE,
}
SEVERITIES: Final[Mapping[str, Severity]] = {
    "mild": Severity.MILD,
    "small": Severity.MILD,
    "borderline": Severity.MILD,
    "moderate": Severity.MODERATE,
    "severe": Severity.SEVERE,
    "large": Severity.SEVERE,
}
"""Qualifiers that are attributes of the finding before them."""

_NAMED: Final = {heading.lower(): findings for heading, findings in HEADINGS.items()}
_QUALIFIED: Final = {heading.lower(): row for heading, row in QUALIFIED.items()}

MAPPED: Final[tuple[Finding, ...]] = tuple(
    dict.fromkeys(
        finding
        for group in (*HEADINGS.values(), *(tuple(row.values()) for row in QUALIFIED.values()))
        for finding in group
    )
)
"""The findings the terms can name."""

NOT_INDEXED: Final = "No Indexing"
"""The term of a document that nobody coded: it says nothing about findings."""

NORMAL: Final = "normal"
"""The term of a document in which the coders saw no finding."""

_MERGED: Final[Mapping[Finding, Finding]] = {
    device: Finding.SUPPORT_DEVICES for device in DEVICES if device is not Finding.STERNOTOMY_WIRES
}


def facts_of(terms: Iterable[str]) -> tuple[Fact, ...]:
    """What a document's major terms say, each fact once, in their order.

    Args:
        terms: "heading/qualifier/…" as published; neither blanks around the parts nor their case matter.

    Returns:
        Present facts with the side, site and severity that the qualifiers name and the finding can have.
    """
    said: dict[Fact, None] = {}
    for term in terms:
        heading, *qualifiers = (" ".join(part.split()).lower() for part in term.split("/"))
        said.update(dict.fromkeys(_fact(finding, qualifiers) for finding in _named(heading, qualifiers)))
    return tuple(said)


def _named(heading: str, qualifiers: Sequence[str]) -> Iterator[Finding]:
    yield from _NAMED.get(heading, ())
    row = _QUALIFIED.get(heading, {})
    match = next((finding for q, finding in row.items() if q in (*qualifiers, "")), None)
    if match is not None:
        yield match


def _fact(finding: Finding, qualifiers: Sequence[str]) -> Fact:
    takes = LEXICON[finding]
    sites = [SITES[q] for q in qualifiers if q in SITES]
    sides = {SIDES[q] for q in qualifiers if q in SIDES} if takes.sided else set()
    return Fact(
        finding,
        side=Side.BILATERAL if len(sides) > 1 else next(iter(sides), None),
        site=next((site for site in sites if site in takes.sites), None),
        severity=next((SEVERITIES[q] for q in qualifiers if q in SEVERITIES), None) if takes.graded else None,
    )


def as_coded(findings: Iterable[Finding]) -> frozenset[Finding]:
    """Findings as the terms can name them: devices merged, what is not coded left out.

    Sternotomy wires are left out: the coders code them as a device, as surgery or, mostly, not at all.
    """
    return frozenset(_MERGED.get(finding, finding) for finding in findings) & frozenset(MAPPED)
