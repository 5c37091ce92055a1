"""The vocabulary every room speaks: studies, views, reports, facts, regions, conversations, scores.

Frozen dataclasses and enums only: no files are read here and no tensors are made. The names are
radiology's own (CheXpert's 14 labels, RadLex, Fleischner), spelled one way everywhere.

    from hilum.study import Fact, Finding, Severity, Side
    Fact(Finding.PLEURAL_EFFUSION, side=Side.LEFT, severity=Severity.MILD)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from hilum.errors import UsageError

Word = TypeVar("Word", bound=StrEnum)

Pixels = npt.NDArray[np.float32]
"""A greyscale image: shape (height, width), float32 in [0, 1], bone white."""

Mask = npt.NDArray[np.bool_]
"""A region's pixels: shape (height, width) of its view, True inside."""

Box = tuple[float, float, float, float]
"""Corners x1, y1, x2, y2 as fractions of width and height, origin at the top left, x1 < x2, y1 < y2."""


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


@dataclass(frozen=True, slots=True)
class Fact:
    """One statement about one finding.

    Args:
        size_mm: greatest diameter in millimetres, where a size is stated.
        levels: ribs ("5") or vertebrae ("T8", "L1") by name, in the order of the skeleton.
        acuity: of a fracture.
        tip: where a device ends.
        malposition: True where a device is said to lie wrong, False where it is said to lie well.
        span: where a text says it (start, end); not part of equality.
    """

    finding: Finding
    presence: Presence = Presence.PRESENT
    side: Side | None = None
    site: Site | None = None
    severity: Severity | None = None
    change: Change | None = None
    size_mm: float | None = None
    levels: tuple[str, ...] = ()
    acuity: Acuity | None = None
    tip: Tip | None = None
    malposition: bool | None = None
    span: tuple[int, int] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Take terms that are given as text; everything else compares them by identity."""
        for key, kind in _FACT_TERMS:
            value = getattr(self, key)
            if value is not None and type(value) is not kind:
                object.__setattr__(self, key, member(kind, value, key))

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary, as `hilum facts --json` prints it."""
        return {key: _plain(getattr(self, key)) for key in self.__slots__}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Fact:
        """The inverse of `to_json`; fields that the row lacks keep their default."""
        given = {key: value for key, value in row.items() if value is not None}
        return cls(**given | {key: kind(given[key]) for key, kind in _FACT_TYPES.items() if key in given})


def _plain(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    return list(value) if isinstance(value, tuple) else value


_FACT_TYPES: Mapping[str, Callable[[Any], Any]] = {
    "finding": Finding,
    "presence": Presence,
    "side": Side,
    "site": Site,
    "severity": Severity,
    "change": Change,
    "levels": tuple,
    "acuity": Acuity,
    "tip": Tip,
    "span": tuple,
}

_FACT_TERMS: tuple[tuple[str, type[StrEnum]], ...] = (
    ("finding", Finding),
    ("presence", Presence),
    ("side", Side),
    ("site", Site),
    ("severity", Severity),
    ("change", Change),
    ("acuity", Acuity),
    ("tip", Tip),
)

FACT_DETAILS: tuple[str, ...] = (
    "side",
    "site",
    "severity",
    "change",
    "size_mm",
    "levels",
    "acuity",
    "tip",
    "malposition",
)
"""The fields of a fact that say more than which finding is there; None or empty where nothing is said."""


@dataclass(frozen=True, slots=True)
class Region:
    """A place in one view: a phrase or finding with its box, and its exact mask where known.

    `visibility` is 0 (truly there but hidden, a nodule behind the heart) to 1 (plain to see).
    """

    box: Box
    phrase: str
    finding: Finding | None = None
    side: Side | None = None
    view: int = 0
    mask: Mask | None = field(default=None, compare=False, repr=False)
    visibility: float = 1.0


@dataclass(frozen=True, slots=True)
class Report:
    """A report's four sections as plain text; an absent section is the empty string."""

    indication: str = ""
    comparison: str = ""
    findings: str = ""
    impression: str = ""

    @property
    def text(self) -> str:
        """Findings and impression joined: what describes the image."""
        return " ".join(part for part in (self.findings, self.impression) if part)


@dataclass(frozen=True, slots=True)
class View:
    """One image of a study; `load` reads its pixels each time it is called, nothing is kept.

    Args:
        id: unique in its source, stable between runs.
        load: returns the pixels, see `Pixels`.
        spacing_mm: row and column spacing in millimetres, when known.
        path: the file behind it, when there is one.
    """

    id: str
    load: Callable[[], Pixels] = field(compare=False, repr=False)
    position: Position = Position.UNKNOWN
    spacing_mm: tuple[float, float] | None = None
    path: str | None = None
    synthetic: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """A question somebody else wrote about a study, with its answer (VQA-RAD and its like)."""

    question: str
    answer: str
    closed: bool
    view: int = 0
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Study:
    """Everything known about one visit of one patient.

    Args:
        labels: finding → True (present) or False (absent); what is missing is unknown.
        facts: the truth (phantom) or what annotators coded; empty when nobody did.
        facts_complete: True when every visible finding is in `facts`, so that absence is known too.
        prior: the patient's previous study, when the source knows it.
        split: the source's own split, when it publishes one; otherwise None.
        group: a further attribute to audit by (the phantom's synthetic group, a site, a scanner).
    """

    id: str
    patient: str
    source: str
    views: tuple[View, ...]
    report: Report | None = None
    labels: Mapping[Finding, bool] = field(default_factory=dict)
    facts: tuple[Fact, ...] = ()
    facts_complete: bool = False
    regions: tuple[Region, ...] = ()
    questions: tuple[Question, ...] = ()
    sex: Sex = Sex.UNKNOWN
    age: float | None = None
    group: str | None = None
    prior: Study | None = field(default=None, repr=False)
    split: Split | None = None


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


@dataclass(frozen=True, slots=True)
class Text:
    """Words."""

    text: str


@dataclass(frozen=True, slots=True)
class ImageIn:
    """An image the model is shown, by its image id."""

    image_id: str


@dataclass(frozen=True, slots=True)
class ImageOut:
    """An image the model is asked to draw, by its image id."""

    image_id: str


@dataclass(frozen=True, slots=True)
class BoxPart:
    """A box in an answer; it is written as CheXagent writes it, corners in whole percent."""

    box: Box

    @property
    def text(self) -> str:
        """`<|box|>(x1,y1),(x2,y2)<|/box|>` in whole percent; the second corner stays beyond the first."""
        x1, y1, x2, y2 = (min(100, max(0, round(100 * v))) for v in self.box)
        x1, y1 = min(x1, 99), min(y1, 99)
        return f"<|box|>({x1},{y1}),({max(x2, x1 + 1)},{max(y2, y1 + 1)})<|/box|>"


Part = Text | ImageIn | ImageOut | BoxPart


@dataclass(frozen=True, slots=True)
class Message:
    """One turn: `role` is "system", "user" or "assistant"."""

    role: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Conversation:
    """One training or test example: a task put in words for one study."""

    id: str
    study: str
    patient: str
    source: str
    task: Task
    split: Split
    messages: tuple[Message, ...]

    @property
    def images_in(self) -> tuple[str, ...]:
        """Ids of the images shown to the model, in order."""
        return tuple(p.image_id for m in self.messages for p in m.parts if isinstance(p, ImageIn))

    @property
    def images_out(self) -> tuple[str, ...]:
        """Ids of the images the model is to draw, in order."""
        return tuple(p.image_id for m in self.messages for p in m.parts if isinstance(p, ImageOut))

    def to_chat(self) -> list[dict[str, Any]]:
        """The Hugging Face chat format: messages whose content is a list of typed parts.

        An image shown and an image drawn are both `{"type": "image", "id": …}`; the role tells them
        apart. A box becomes text.
        """
        return [{"role": m.role, "content": [_part_to_chat(p) for p in m.parts]} for m in self.messages]


def _part_to_chat(part: Part) -> dict[str, str]:
    match part:
        case ImageIn(image_id) | ImageOut(image_id):
            return {"type": "image", "id": image_id}
        case _:
            return {"type": "text", "text": part.text}


@dataclass(frozen=True, slots=True)
class Preference:
    """Two answers to one prompt, the better first, with the judge's scores in [0, 1]."""

    prompt_id: str
    chosen: str
    rejected: str
    score_chosen: float
    score_rejected: float


@dataclass(frozen=True, slots=True)
class Score:
    """A judge's verdict on one candidate report.

    Args:
        value: in [0, 1], or None when `state` is not "ok": a failure is never a score.
        matched: facts both reports state.
        errors: GREEN's categories "a" to "f" → the facts at fault.
        state: "ok"; "empty" or "unparsable" (the candidate has no text, or cannot be read); "no reference"
            (the reference cannot be read).
    """

    value: float | None
    matched: tuple[Fact, ...] = ()
    errors: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict)
    state: str = "ok"


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
