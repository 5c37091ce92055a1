"""What a DICOM header says about an image: is it a chest radiograph, how was it taken, of whom.

reason = not_a_chest_radiograph(dataset)    # None, or such as "its header says body part HIP"
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from pydicom.dataset import Dataset
from pydicom.uid import UID

from hilum.images.anatomy import Place, elsewhere, place
from hilum.images.turn import UPRIGHT, Orientation
from hilum.study import Position, Sex

OLDEST = 122.5
"""Years that no human has outlived; writers put 999 for an age that they do not know."""

RADIOGRAPHY = frozenset({"CR", "DX", "DR", "RG", "XR", "CXR", "OT", "SC"})
"""Modalities a chest film may come under: DICOM's own, and what old archives wrote instead."""

_ORDINARY = frozenset({"CR", "DX", "DR", "RG", "XR", "CXR"})
"""Those of them that say by themselves that it is a radiograph."""

_FILMS = frozenset(
    {
        "1.2.840.10008.5.1.1.29",  # Hardcopy Grayscale Image
        "1.2.840.10008.5.1.4.1.1.1",  # Computed Radiography Image
        "1.2.840.10008.5.1.4.1.1.1.1",  # Digital X-Ray Image - For Presentation
        "1.2.840.10008.5.1.4.1.1.1.1.1",  # Digital X-Ray Image - For Processing
    }
)
_CAPTURES = "1.2.840.10008.5.1.4.1.1.7"
"""Secondary captures, of one frame or more: films of converted archives, and anything else."""

_STANDARD = "1.2.840.10008."
_FOR_PROCESSING = "1.2.840.10008.5.1.4.1.1.1.1.1"

_HUMAN = re.compile(r"\b(HUMANS?|HOMO|SAPIENS|HUMANO|HUMAIN|MENSCH|MENS|UMANO|337915000|L-85B00)\b")
_OF_IMAGE = ("AcquisitionDeviceProcessingDescription", "ProtocolName", "SeriesDescription")
_OF_STUDY = ("PerformedProcedureStepDescription", "RequestedProcedureDescription", "StudyDescription")
"""Titles, the nearest to the image first; a study may be of several parts."""

_LATERAL = re.compile(r"^(L|LL|RL|LAT|LATERAL|L LAT|R LAT|LEFT LATERAL|RIGHT LATERAL|LARGE LATERAL|ML|LM)$")
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

    A header that says nothing rules nothing out. The modality and the SOP class must both allow it; then the
    species, the body part and the anatomic region are asked; only when these are silent, the titles of the
    series, and then those of the study. A secondary capture must say somewhere that it is a radiograph or
    shows a chest.
    """
    modality = text(dataset, "Modality")
    if modality and modality not in RADIOGRAPHY:
        return f"its header says modality {modality[:16]}"
    sop_class = _sop_class(dataset)
    capture = sop_class == _CAPTURES or sop_class.startswith(_CAPTURES + ".")
    if sop_class.startswith(_STANDARD) and sop_class not in _FILMS and not capture:
        return f"its header says SOP class {one_line(UID(sop_class).name)[:60]}"
    frames = number(dataset, "NumberOfFrames")
    if frames is not None and frames > 1:
        return f"it has {frames:.0f} frames"
    if for_processing(dataset) and not number(dataset, "PixelIntensityRelationshipSign"):
        return "its values are made for processing, and it does not say which of them are bone"
    return _no_human(dataset) or _no_chest(dataset, unless_said=capture and modality not in _ORDINARY)


def _sop_class(dataset: Dataset) -> str:
    stated = text(dataset, "SOPClassUID")
    return stated or text(getattr(dataset, "file_meta", None) or Dataset(), "MediaStorageSOPClassUID")


def _no_human(dataset: Dataset) -> str | None:
    """What says that the patient is an animal."""
    items = list(_items(dataset, "PatientSpeciesCodeSequence"))
    names = [text(dataset, "PatientSpeciesDescription"), *(text(item, "CodeMeaning") for item in items)]
    codes = [text(item, "CodeValue") for item in items]
    if any(map(_HUMAN.search, names + codes)):
        return None
    stated = [name for name in names if place(name) is not Place.UNSAID] + [code for code in codes if code]
    if stated:
        return f"its header says species {stated[0][:40]}"
    coded = (text(item, "CodeMeaning") for item in _items(dataset, "PatientBreedCodeSequence"))
    for breed in (text(dataset, "PatientBreedDescription"), *coded):
        if place(breed) is not Place.UNSAID:
            return f"its header says breed {breed[:40]}"
    if text(dataset, "PatientSexNeutered") == "ALTERED":
        return "its header says that the patient is neutered"
    owned = text(dataset, "ResponsiblePersonRole") == "OWNER"
    return "its header says that the patient has an owner" if owned else None


def _no_chest(dataset: Dataset, *, unless_said: bool) -> str | None:
    """What says that it shows another part; with `unless_said`, also when nothing says that it is a chest."""
    stated = [(place(part), part) for part in _parts(dataset)]
    parts = [part for part, _ in stated]
    if Place.CHEST in parts:
        return None
    named = next((words for part, words in stated if part is Place.ELSEWHERE), "")
    titled, title = _titled(dataset)
    if not named and titled is Place.CHEST:
        return None
    named = named or next((words for part, words in stated if part is Place.UNKNOWN), "")
    if named:
        return f"its header says body part {named[:40]}"
    if titled is Place.ELSEWHERE:
        return f"its header names the study {elsewhere(title)}"
    return "it is a secondary capture whose header does not say of what" if unless_said else None


def _titled(dataset: Dataset) -> tuple[Place, str]:
    """What the titles say, and the one that says it: those of the image before those of the whole study."""
    for keywords in (_OF_IMAGE, _OF_STUDY):
        titles = [text(dataset, keyword) for keyword in keywords]
        for wanted in (Place.CHEST, Place.ELSEWHERE):
            for title in titles:
                if place(title) is wanted:
                    return wanted, title
    return Place.UNSAID, ""


def for_processing(dataset: Dataset) -> bool:
    """Whether the values are the detector's own, not yet made to be looked at."""
    intent = text(dataset, "PresentationIntentType")
    return intent == "FOR PROCESSING" or (not intent and _sop_class(dataset) == _FOR_PROCESSING)


def overlays(dataset: Dataset) -> int:
    """How many overlay planes lie beside the picture: writing or marks, kept apart from the pixels."""
    return sum((0x6000 + k, 0x3000) in dataset for k in range(0, 0x20, 2))


def orientation(dataset: Dataset) -> Orientation:
    """How the picture lies by Patient Orientation.

    Upright it has the patient's feet below and, taken from the front or the back, the patient's left on the
    right side. Which way a lateral looks is left as it is. A header that says nothing, or nonsense, says
    upright.
    """
    try:
        along_row, along_column = (str(v)[:1].upper() for v in dataset.get("PatientOrientation") or ())
    except (TypeError, ValueError):
        return UPRIGHT
    transposed = along_row in ("F", "H")
    if transposed:
        along_row, along_column = along_column, along_row
    if along_column not in ("F", "H") or along_row not in ("L", "R", "A", "P"):
        return UPRIGHT
    return Orientation(transposed, mirrored=along_row == "R", upside_down=along_column == "H")


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
    known = Position.LATERAL if _LATERAL.match(stated) else _worded(stated)
    if known is not Position.UNKNOWN:
        return known
    for item in _items(dataset, "ViewCodeSequence"):
        coded = _VIEW_CODES.get(text(item, "CodeValue"))
        if coded is not None:
            return coded
    for keyword in (*_OF_IMAGE, *_OF_STUDY):
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
    """Spacing of rows and columns in millimetres, upright; a spacing of zero counts as none."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        pair = numbers(dataset, keyword)
        if len(pair) == 2 and all(math.isfinite(v) and 1e-3 < v < 100 for v in pair):
            return (pair[1], pair[0]) if orientation(dataset).transposed else (pair[0], pair[1])
    return None


def sex(dataset: Dataset) -> Sex:
    """The patient's sex; DICOM's "O" (other) is not known to the vocabulary and reads as unknown."""
    stated = text(dataset, "PatientSex")[:1]
    return Sex(stated) if stated in ("F", "M") else Sex.UNKNOWN


def age_years(dataset: Dataset) -> float | None:
    """The patient's age: "062Y", "006M", "012W", "003D", or a bare number of years; "999Y" is no age."""
    found = re.fullmatch(r"(\d{1,3}(?:\.\d+)?) ?([YMWD]?)", text(dataset, "PatientAge"))
    if not found:
        return None
    per_year = {"Y": 1.0, "": 1.0, "M": 12.0, "W": 365.25 / 7, "D": 365.25}
    years = float(found[1]) / per_year[found[2]]
    return years if years <= OLDEST else None


def numbers(dataset: Dataset, keyword: str) -> list[float]:
    """An attribute's values as numbers, empty when absent or not numeric."""
    try:
        value = dataset.get(keyword)
        values = value if isinstance(value, list | tuple) or hasattr(value, "append") else [value]
        return [float(v) for v in values]
    except Exception:  # no value, or a malformed one, raises whatever its parser stumbled over
        return []


def number(dataset: Dataset, keyword: str) -> float | None:
    """The first of `numbers`, when there is one and it is finite."""
    values = numbers(dataset, keyword)
    return values[0] if values and math.isfinite(values[0]) else None
