"""The label words of VinDr-CXR and VinDr-PCXR, as published, misspelt ones included.

CXR.words["ILD"].phrase      # "interstitial lung disease"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hilum.sources.label_words import LabelWord, part_of
from hilum.study import Finding, Position


@dataclass(frozen=True)
class VinDr:
    """One of the two sets.

    Args:
        labels: the words that are columns of its label tables.
        words: these and the classes of its boxes.
        position: of all its films, where the publisher says so and their headers do not.
    """

    name: str
    labels: Mapping[str, LabelWord]
    words: Mapping[str, LabelWord]
    position: Position | None = None


SAME_WORD: Mapping[str, str] = {"Other diseases": "Other disease"}
"""Spelt otherwise in one of the files."""


_SHARED: Mapping[str, LabelWord] = {
    "Aortic enlargement": LabelWord("aortic enlargement"),
    "Atelectasis": LabelWord("atelectasis", Finding.ATELECTASIS),
    "Calcification": LabelWord("calcification"),
    "Cardiomegaly": LabelWord("cardiomegaly", Finding.CARDIOMEGALY),
    "Clavicle fracture": part_of("clavicle fracture", Finding.FRACTURE),
    "Consolidation": LabelWord("consolidation", Finding.CONSOLIDATION),
    "Edema": LabelWord("edema", Finding.EDEMA),
    "Emphysema": LabelWord("emphysema", Finding.EMPHYSEMA),
    "Enlarged PA": LabelWord("enlarged pulmonary artery"),
    "Infiltration": LabelWord("infiltration", Finding.INFILTRATION),
    "Lung cavity": LabelWord("lung cavity"),
    "Lung cyst": LabelWord("lung cyst"),
    "Mediastinal shift": LabelWord("mediastinal shift"),
    "Pleural effusion": LabelWord("pleural effusion", Finding.PLEURAL_EFFUSION),
    "Pleural thickening": part_of("pleural thickening", Finding.PLEURAL_OTHER),
    "Pneumothorax": LabelWord("pneumothorax", Finding.PNEUMOTHORAX),
    "Pulmonary fibrosis": LabelWord("pulmonary fibrosis", Finding.FIBROSIS),
    "Other lesion": LabelWord("other lesion"),
}

_CXR: Mapping[str, LabelWord] = {
    **_SHARED,
    "ILD": LabelWord("interstitial lung disease"),
    "Lung Opacity": LabelWord("lung opacity", Finding.LUNG_OPACITY),
    "Nodule/Mass": part_of("nodule or mass", Finding.LUNG_LESION),
    "Rib fracture": part_of("rib fracture", Finding.FRACTURE),
    "COPD": LabelWord("chronic obstructive pulmonary disease"),
    "Lung tumor": LabelWord("lung tumor"),
    "Pneumonia": LabelWord("pneumonia", Finding.PNEUMONIA),
    "Tuberculosis": LabelWord("tuberculosis"),
    "Other disease": LabelWord("other disease"),
    "No finding": LabelWord("no finding", Finding.NO_FINDING),
}

_PCXR_LABELS: Mapping[str, LabelWord] = {
    "No finding": LabelWord("no finding", Finding.NO_FINDING),
    "Bronchitis": LabelWord("bronchitis"),
    "Brocho-pneumonia": part_of("bronchopneumonia", Finding.PNEUMONIA),
    "Other disease": LabelWord("other disease"),
    "Bronchiolitis": LabelWord("bronchiolitis"),
    "Situs inversus": LabelWord("situs inversus"),
    "Pneumonia": part_of("pneumonia", Finding.PNEUMONIA),
    "Pleuro-pneumonia": part_of("pleuropneumonia", Finding.PNEUMONIA),
    "Diagphramatic hernia": LabelWord("diaphragmatic hernia"),
    "Tuberculosis": LabelWord("tuberculosis"),
    "Congenital emphysema": LabelWord("congenital emphysema"),
    "CPAM": LabelWord("congenital pulmonary airway malformation"),
    "Hyaline membrane disease": LabelWord("hyaline membrane disease"),
    "Mediastinal tumor": LabelWord("mediastinal tumor"),
    "Lung tumor": LabelWord("lung tumor"),
}

_PCXR_BOXES: Mapping[str, LabelWord] = {
    **_SHARED,
    "Anterior mediastinal mass": LabelWord("anterior mediastinal mass"),
    "Boot-shaped heart": LabelWord("boot-shaped heart"),
    "Bronchectasis": LabelWord("bronchiectasis", Finding.BRONCHIECTASIS),
    "Bronchial thickening": LabelWord("bronchial thickening"),
    "Chest wall mass": LabelWord("chest wall mass"),
    "Dextro cardia": LabelWord("dextrocardia"),
    "Diffuse aveolar opacity": part_of("diffuse alveolar opacity", Finding.LUNG_OPACITY),
    "Egg on string sign": LabelWord("egg on a string sign"),
    "Expanded edges of the anterior ribs": LabelWord("expanded edges of the anterior ribs"),
    "Interstitial lung disease - ILD": LabelWord("interstitial lung disease"),
    "Intrathoracic digestive structure": LabelWord("intrathoracic digestive structure"),
    "Lung hyperinflation": LabelWord("lung hyperinflation"),
    "Other nodule/mass": part_of("nodule or mass", Finding.LUNG_LESION),
    "Other opacity": part_of("other opacity", Finding.LUNG_OPACITY),
    "Paraveterbral mass": LabelWord("paravertebral mass"),
    "Peribronchovascular interstitial opacity": part_of(
        "peribronchovascular interstitial opacity", Finding.LUNG_OPACITY
    ),
    "Reticulonodular opacity": part_of("reticulonodular opacity", Finding.LUNG_OPACITY),
    "Stomach on the right side": LabelWord("stomach on the right side"),
}

CXR = VinDr("vindr-cxr", _CXR, _CXR, Position.PA)
PCXR = VinDr("vindr-pcxr", _PCXR_LABELS, {**_PCXR_LABELS, **_PCXR_BOXES})
