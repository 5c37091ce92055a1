"""Radiology's terms and the project's own, each spelled one way (CheXpert's 14 labels, RadLex, Fleischner).

from hilum.study import Side, member
member(Side, "Left", "side")      # Side.LEFT
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar, overload

from hilum.errors import UsageError

Word = TypeVar("Word", bound=StrEnum)


class Finding(StrEnum):
    """What can be seen on a chest radiograph. The first fourteen are CheXpert's labels."""

    NO_FINDING = "No Finding"
    ENLARGED_CARDIOMEDIASTINUM = "Enlarged Cardiomediastinum"
    CARDIOMEGALY = "Cardiomegaly"
    LUNG_OPACITY = "Lung Opacity"
    LUNG_LESION = "Lung Lesion"
    EDEMA = "Edema"
    CONSOLIDATION = "Consolidation"
    PNEUMONIA = "Pneumonia"
    ATELECTASIS = "Atelectasis"
    PNEUMOTHORAX = "Pneumothorax"
    PLEURAL_EFFUSION = "Pleural Effusion"
    PLEURAL_OTHER = "Pleural Other"
    FRACTURE = "Fracture"
    SUPPORT_DEVICES = "Support Devices"
    # Beyond CheXpert: what the phantom draws and the public sources label.
    NODULE = "Nodule"
    MASS = "Mass"
    EMPHYSEMA = "Emphysema"
    FIBROSIS = "Fibrosis"
    HIATAL_HERNIA = "Hiatal Hernia"
    INFILTRATION = "Infiltration"
    GRANULOMA = "Granuloma"
    # Devices, each also a Support Device.
    ENDOTRACHEAL_TUBE = "Endotracheal Tube"
    CENTRAL_LINE = "Central Line"
    CHEST_TUBE = "Chest Tube"
    PACEMAKER = "Pacemaker"
    STERNOTOMY_WIRES = "Sternotomy Wires"
    NASOGASTRIC_TUBE = "Nasogastric Tube"
    # Further terms of report language.
    SCOLIOSIS = "Scoliosis"
    DEGENERATIVE_CHANGE = "Degenerative Change"
    AORTIC_ATHEROSCLEROSIS = "Aortic Atherosclerosis"
    TORTUOUS_AORTA = "Tortuous Aorta"
    ELEVATED_DIAPHRAGM = "Elevated Diaphragm"
    LOW_LUNG_VOLUMES = "Low Lung Volumes"
    VASCULAR_CONGESTION = "Vascular Congestion"
    HILAR_ENLARGEMENT = "Hilar Enlargement"
    BRONCHIECTASIS = "Bronchiectasis"
    SURGICAL_CHANGE = "Surgical Change"
    SUBCUTANEOUS_EMPHYSEMA = "Subcutaneous Emphysema"
    PNEUMOPERITONEUM = "Pneumoperitoneum"
    OSTEOPENIA = "Osteopenia"


CHEXPERT_14: tuple[Finding, ...] = tuple(Finding)[:14]
"""CheXpert's labels in its own column order (Irvin et al., AAAI 2019), No Finding first."""

DEVICES: tuple[Finding, ...] = (
    Finding.ENDOTRACHEAL_TUBE,
    Finding.CENTRAL_LINE,
    Finding.CHEST_TUBE,
    Finding.PACEMAKER,
    Finding.STERNOTOMY_WIRES,
    Finding.NASOGASTRIC_TUBE,
)


class Presence(StrEnum):
    """Whether a finding is there, by the report or by the truth."""

    PRESENT = "present"
    ABSENT = "absent"
    UNCERTAIN = "uncertain"


class TextKind(StrEnum):
    """What an annotated text is an example of."""

    INFERENCE = "natural language inference"
    SIMILARITY = "temporal sentence similarity"
    ENTITIES = "named entity recognition"
    TEXT_QA = "text question answering"
    EXPLANATION = "natural language explanation"
    EVALUATION = "report evaluation"


class Side(StrEnum):
    """The patient's side, not the picture's."""

    LEFT = "left"
    RIGHT = "right"
    BILATERAL = "bilateral"
    MIDLINE = "midline"


class Site(StrEnum):
    """Where in the chest. Lobes are named by the side that has them; zones are thirds of a lung."""

    UPPER_LOBE = "upper lobe"
    MIDDLE_LOBE = "middle lobe"
    LINGULA = "lingula"
    LOWER_LOBE = "lower lobe"
    UPPER_ZONE = "upper zone"
    MID_ZONE = "mid zone"
    LOWER_ZONE = "lower zone"
    APICAL = "apical"
    BASAL = "basal"
    PERIHILAR = "perihilar"
    RETROCARDIAC = "retrocardiac"
    COSTOPHRENIC_ANGLE = "costophrenic angle"
    DIFFUSE = "diffuse"
    RIB = "rib"
    CLAVICLE = "clavicle"
    SPINE = "spine"


class Severity(StrEnum):
    """Grade; "small", "minimal" and "trace" read as mild, "large" and "marked" as severe."""

    MILD = "mild"
    MODERATE = "moderate"
    SEVERE = "severe"


class Change(StrEnum):
    """What became of the finding since the prior study."""

    NEW = "new"
    WORSENED = "worsened"
    STABLE = "stable"
    IMPROVED = "improved"
    RESOLVED = "resolved"


class Acuity(StrEnum):
    """Age of a fracture or deformity; "old", "chronic" and "healing" with callus read as healed."""

    ACUTE = "acute"
    HEALED = "healed"


class Tip(StrEnum):
    """Where the end of a tube or line lies."""

    TRACHEA = "trachea"
    CARINA = "carina"
    RIGHT_MAINSTEM_BRONCHUS = "right mainstem bronchus"
    LEFT_MAINSTEM_BRONCHUS = "left mainstem bronchus"
    JUGULAR_VEIN = "jugular vein"
    AXILLARY_VEIN = "axillary vein"
    SUBCLAVIAN_VEIN = "subclavian vein"
    BRACHIOCEPHALIC_VEIN = "brachiocephalic vein"
    AZYGOS_VEIN = "azygos vein"
    SUPERIOR_VENA_CAVA = "superior vena cava"
    CAVOATRIAL_JUNCTION = "cavoatrial junction"
    RIGHT_ATRIUM = "right atrium"
    RIGHT_VENTRICLE = "right ventricle"
    PULMONARY_ARTERY = "pulmonary artery"
    PHARYNX = "pharynx"
    ESOPHAGUS = "esophagus"
    GASTROESOPHAGEAL_JUNCTION = "gastroesophageal junction"
    STOMACH = "stomach"
    DUODENUM = "duodenum"
    PLEURAL_SPACE = "pleural space"
    CHEST_WALL = "chest wall"


class Position(StrEnum):
    """How the view was taken."""

    PA = "PA"
    AP = "AP"
    LATERAL = "LATERAL"
    UNKNOWN = "UNKNOWN"


class Sex(StrEnum):
    """Sex as the source states it."""

    FEMALE = "F"
    MALE = "M"
    UNKNOWN = "U"


class Split(StrEnum):
    """Which part of the data a patient belongs to."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"


@overload
def strictest(first: Split, /, *others: Split | None) -> Split: ...
@overload
def strictest(*splits: Split | None) -> Split | None: ...
def strictest(*splits: Split | None) -> Split | None:
    """The last in the order train, val, test, None where none is given.

    What belongs to two splits goes to the stricter one, so that nobody tested on is learned from.
    """
    return max((split for split in splits if split), key=tuple(Split).index, default=None)


class Task(StrEnum):
    """What a conversation asks for."""

    FINDINGS = "findings_generation"
    IMPRESSION = "impression_generation"
    DRAW = "report_to_image"
    SUMMARIZE = "findings_summarization"
    VIEW = "view_classification"
    DISEASES = "disease_identification"
    BINARY = "binary_disease"
    VQA_CLOSED = "vqa_closed"
    VQA_OPEN = "vqa_open"
    GROUND = "phrase_grounding"
    DETECT = "abnormality_detection"
    PROGRESSION = "progression"
    TEXT = "text_instruction"
    # What CheXinstruct asks beyond these; made only where they are asked for, see `hilum.instruct.tasks`.
    VIEW_MATCHING = "view_matching"
    CLASSIFY = "image_classification"
    DETECT_ALL = "all_abnormalities"
    GROUND_LABEL = "abnormality_grounding"
    SEGMENT_PNEUMOTHORAX = "pneumothorax_segmentation"
    SEGMENT_RIB_FRACTURE = "rib_fracture_segmentation"
    SEGMENT_CHEST_TUBE = "chest_tube_segmentation"
    FOREIGN_OBJECTS = "foreign_object_detection"
    GROUNDED_CAPTION = "grounded_captioning"
    GROUNDED_DIAGNOSIS = "grounded_diagnosis"
    GROUNDED_PHRASE = "grounded_phrase_extraction"
    FINDINGS_INDICATED = "findings_generation_with_indication"
    IMPRESSION_INDICATED = "impression_generation_with_indication"
    PROGRESSION_FINDINGS = "progression_findings_generation"
    PROGRESSION_IMPRESSION = "progression_impression_generation"
    LOCAL_FINDINGS = "local_findings_generation"
    LOCAL_IMPRESSION = "local_impression_generation"
    LOCAL_PROGRESSION_FINDINGS = "local_progression_findings_generation"
    LOCAL_PROGRESSION_IMPRESSION = "local_progression_impression_generation"
    CAPTION = "caption_generation"
    DIFFERENCE = "difference_vqa"
    TEXT_QA = "text_question_answering"
    MATCH_TEXT = "image_text_matching"
    SELECT_TEXT = "image_text_selection"
    EVALUATE_REPORT = "report_evaluation"
    EXPLAIN = "natural_language_explanation"
    INFER = "natural_language_inference"
    COMPARE_SENTENCES = "temporal_sentence_similarity"
    ENTITIES = "named_entity_recognition"


def member(kind: type[Word], given: object, name: str) -> Word:
    """A term of an enum, given as itself, by its value or by its name, in any case.

    Args:
        name: what to call it in the error.

    Raises:
        UsageError: no term of that name; the terms are listed.
    """
    if isinstance(given, kind):
        return given
    word = str(given).strip().casefold()
    for term in kind:
        if word in (term.value.casefold(), term.name.casefold()):
            return term
    known = ", ".join(term.value for term in kind)
    raise UsageError(name, f"{given!r} is no {kind.__name__}", f"choose from {known}")
