"""What a DICOM header says about an image: is it a chest radiograph, how was it taken, of whom.

reason = not_a_chest_radiograph(dataset)    # None, or such as "its header says body part HIP"
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from pydicom.dataset import Dataset

from hilum.study import Position, Sex

RADIOGRAPHY = frozenset({"CR", "DX", "DR", "RG", "XR", "CXR", "OT", "SC"})
"""Modalities a chest film may come under: DICOM's own, and what old archives wrote instead."""

_VAGUE_PARTS = frozenset({"UNKNOWN", "UNDEFINED", "NONE", "OTHER", "OT", "NA", "TRUNK", "BODY", "WHOLEBODY"})
_CHEST = re.compile(
    r"CHEST|THORA|TORAX|TORACE|\bPECHO\b|\bLUNGS?\b|PULMO|\bRIBS?\b|\bHEART\b|STERN|CARDIAC|MEDIASTIN|\bCXR\b"
)
_ELSEWHERE = re.compile(
    r"\b(HIPS?|PELVIS|PELVIC|KNEES?|FEMUR|TIBIA|FIBULA|ANKLES?|FOOT|FEET|TOES?|CALCANEUS|HANDS?|FINGERS?|THUMB|"
    r"WRISTS?|FOREARMS?|ELBOWS?|HUMERUS|SHOULDERS?|SKULL|SINUS(?:ES)?|MANDIBLE|TEETH|DENTAL|BRAIN|NECK|"
    r"ABDOMEN|ABDOMINAL|KUB|BREAST|MAMMO\w*|[CTL][ -]?SPINE|CSPINE|TSPINE|LSPINE|LUMBAR|CERVICAL|COCCYX|"
    r"SACRUM|LEGS?|ARMS?|EXTREMITY)\b"
)
_TITLES = ("StudyDescription", "SeriesDescription", "ProtocolName", "AcquisitionDeviceProcessingDescription")

_LATERAL = re.compile(r"^(LL|RL|LAT|LATERAL|L LAT|R LAT|LEFT LATERAL|RIGHT LATERAL|LARGE LATERAL|ML|LM)$")
_POSITION_WORDS = (
    (re.compile(r"\b(LAT|LATERAL)\b(?! DECUB)"), Position.LATERAL),
    (re.compile(r"\b(PA|POSTERO[ -]?ANTERIOR|P-A)\b"), Position.PA),
    (re.compile(r"\b(AP|ANTERO[ -]?POSTERIOR|A-P)\b"), Position.AP),
)
_VIEW_CODES = {
    "399348003": Position.PA,
    "R-10214": Position.PA,
    "399161006": Position.AP,
    "R-10206": Position.AP,
    "399067008": Position.LATERAL,
    "R-10228": Position.LATERAL,
    "399173006": Position.LATERAL,
    "R-10236": Position.LATERAL,
    "399198007": Position.LATERAL,
    "R-10232": Position.LATERAL,
}
"""SNOMED CT and SNOMED RT codes of DICOM's context group 4010 (DX view)."""


def text(dataset: Dataset, keyword: str) -> str:
    """An attribute as one line of upper-case words, empty when absent or unreadable."""
    try:
        value = dataset.get(keyword)
    except Exception:  # a malformed value raises whatever its parser stumbled over
        return ""
    if value is None:
        return ""
    return one_line(str(value).replace("_", " ")).upper()


def one_line(value: str) -> str:
    """A text without line breaks and control characters, which a damaged header may well hold."""
    return " ".join("".join(c if c.isprintable() else " " for c in value).split())


def not_a_chest_radiograph(dataset: Dataset) -> str | None:
    """Why the header rules a chest radiograph out, or None when it does not.

    A header that says nothing rules nothing out. The modality is asked first, then the body part and the
    anatomic region; only when these are silent, the titles of the study and series.
    """
    modality = text(dataset, "Modality")
    if modality and modality not in RADIOGRAPHY:
        return f"its header says modality {modality[:16]}"
    frames = number(dataset, "NumberOfFrames")
    if frames is not None and frames > 1:
        return f"it has {frames:.0f} frames"
    stated = [part for part in _parts(dataset) if part and part.replace(" ", "") not in _VAGUE_PARTS]
    if stated:
        return None if any(map(_CHEST.search, stated)) else f"its header says body part {stated[0][:40]}"
    titles = [text(dataset, keyword) for keyword in _TITLES]
    if any(map(_CHEST.search, titles)):
        return None
    elsewhere = next((found for title in titles if (found := _ELSEWHERE.search(title))), None)
    return f"its header names the study {elsewhere.group()}" if elsewhere else None


def _parts(dataset: Dataset) -> Iterator[str]:
    yield text(dataset, "BodyPartExamined")
    for item in _items(dataset, "AnatomicRegionSequence"):
        yield text(item, "CodeMeaning")


def _items(dataset: Dataset, keyword: str) -> Iterator[Dataset]:
    value = dataset.get(keyword)
    if value is not None:
        yield from (item for item in value if isinstance(item, Dataset))


def position(dataset: Dataset) -> Position:
    """How the view was taken: by ViewPosition, else the view code, else the words of the titles."""
    stated = text(dataset, "ViewPosition")
    if stated:
        if _LATERAL.match(stated):
            return Position.LATERAL
        return _worded(stated)
    for item in _items(dataset, "ViewCodeSequence"):
        known = _VIEW_CODES.get(text(item, "CodeValue"))
        if known is not None:
            return known
    for keyword in reversed(_TITLES):
        found = _worded(text(dataset, keyword))
        if found is not Position.UNKNOWN:
            return found
    return Position.UNKNOWN


def _worded(words: str) -> Position:
    found = {position for pattern, position in _POSITION_WORDS if pattern.search(words)}
    # "PA AND LAT" names the study's two views, not this image's.
    return found.pop() if len(found) == 1 else Position.UNKNOWN


def laterality(dataset: Dataset) -> str | None:
    """The side nearer to the detector or imaged: "L", "R" or "B" (both)."""
    for keyword in ("ImageLaterality", "Laterality"):
        stated = text(dataset, keyword)
        if stated in ("L", "R", "B"):
            return stated
    return {"LL": "L", "RL": "R"}.get(text(dataset, "ViewPosition"))


def spacing_mm(dataset: Dataset) -> tuple[float, float] | None:
    """Row and column spacing in millimetres; a spacing of zero counts as none."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        pair = numbers(dataset, keyword)
        if len(pair) == 2 and all(math.isfinite(v) and 1e-3 < v < 100 for v in pair):
            return pair[0], pair[1]
    return None


def sex(dataset: Dataset) -> Sex:
    """The patient's sex; DICOM's "O" (other) is not known to the vocabulary and reads as unknown."""
    stated = text(dataset, "PatientSex")[:1]
    return Sex(stated) if stated in ("F", "M") else Sex.UNKNOWN


def age_years(dataset: Dataset) -> float | None:
    """The patient's age: "062Y", "006M", "012W", "003D", or a bare number of years."""
    found = re.fullmatch(r"(\d{1,3}(?:\.\d+)?) ?([YMWD]?)", text(dataset, "PatientAge"))
    if not found:
        return None
    per_year = {"Y": 1.0, "": 1.0, "M": 12.0, "W": 365.25 / 7, "D": 365.25}
    return float(found[1]) / per_year[found[2]]


def numbers(dataset: Dataset, keyword: str) -> list[float]:
    """An attribute's values as numbers, empty when absent or not numeric."""
    try:
        value = dataset.get(keyword)
        if value is None or value == "":
            return []
        values = value if isinstance(value, list | tuple) or hasattr(value, "append") else [value]
        return [float(v) for v in values]
    except Exception:  # a malformed value raises whatever its parser stumbled over
        return []


def number(dataset: Dataset, keyword: str) -> float | None:
    """The first of `numbers`, when there is one and it is finite."""
    values = numbers(dataset, keyword)
    return values[0] if values and math.isfinite(values[0]) else None
