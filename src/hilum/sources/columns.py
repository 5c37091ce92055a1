"""What the columns of a table mean: the names that public sets and hospitals give them, or what `--map` says.

columns = columns_of("metadata.csv", ["Path", "PatientID", "AP/PA", "Edema"], {})
columns.cells({"Path": "a.png", "PatientID": "7"})       # {"image": "a.png", "patient": "7"}

Names are compared without case, blanks and punctuation: "Patient ID", "patient_id" and "PatientID" are one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hilum.errors import DataError, UsageError
from hilum.sources.nih_chestxray14 import LABELS, ORIGINAL_SIDE
from hilum.study import Finding

FIELDS: Mapping[str, tuple[str, ...]] = {
    "image": (
        *("image", "imagepath", "path", "file", "filepath", "pathtoimage", "jpgpath", "pngpath", "imagefile"),
        *("filename", "imagefilename", "imagename", "imageindex", "dicompath", "pathtodcm", "dicom", "img"),
        *("imgpath", "imageid", "dicomid", "imgid", "sopinstanceuid", "imageuid"),
    ),
    "patient": (
        *("patient", "patientid", "subject", "subjectid", "deidpatientid", "anonpatientid"),
        *("patientidentifier", "patientkey", "patientno", "patientnr", "patientnumber", "patientuid"),
        *("patid", "ptid", "person", "personid", "participant", "participantid", "mrn"),
        *("subj", "subjid", "pseudonym", "volunteer", "volunteerid", "unitno", "unitnumber"),
        *("urno", "urnumber"),
    ),
    "study": (
        *("study", "studyid", "studyinstanceuid", "studyuid", "studyno", "studynr", "studynumber"),
        *("accession", "accessionnumber", "accessionno", "accessionid", "exam", "examid", "examination"),
    ),
    "view": (
        *("view", "viewposition", "appa", "viewpositiondicom", "projection", "position", "viewname"),
        *("viewcodesequencecodemeaning", "frontallateral"),
    ),
    "modality": ("modality", "imagemodality", "imagingmodality", "modalitydicom"),
    "report": ("report", "reporttext", "radiologyreport", "text"),
    "indication": (
        *("indication", "clinicalindication", "clinicalhistory", "sectionclinicalhistory", "history"),
    ),
    "comparison": ("comparison", "sectioncomparison"),
    "findings": ("findings", "findingssection", "sectionfindings"),
    "impression": ("impression", "impressionsection", "sectionimpression", "conclusion"),
    "labels": (
        *("labels", "label", "findinglabels", "findinglabel", "finding", "classname", "class"),
        *("categoryname", "diagnosis", "diagnoses", "pathology", "pathologies"),
    ),
    "boxes": ("boxes",),
    "phrase": ("phrase", "labeltext"),
    "age": ("age", "patientage", "ageyears", "ageinyears", "ageatstudy", "ageatexam"),
    "sex": ("sex", "gender", "patientsex", "patientgender", "patientsexdicom"),
    "prior": ("prior", "priorstudy", "previousstudy"),
    "split": ("split", "subset", "partition", "datasetsplit"),
    "image_width": ("imagewidth", "imgwidth", "originalwidth"),
    "image_height": ("imageheight", "imgheight", "originalheight"),
}
"""Each field's usual names, the preferred first."""

_FILLED_UP = ("image", "view")
"""Fields that a set may spread over columns: CheXpert's AP/PA is blank where Frontal/Lateral says lateral."""

_BOX_CORNERS = (
    ("xmin", "ymin", "xmax", "ymax"),
    ("x1", "y1", "x2", "y2"),
    ("left", "top", "right", "bottom"),
)
_BOX_SIZES = (
    ("x", "y", "w", "h"),
    ("x", "y", "width", "height"),
    ("left", "top", "width", "height"),
    ("bboxx", "y", "w", "h"),  # NIH's "Bbox [x", "y", "w", "h]"
)
_CORNERS, _SIZES = ("x1", "y1", "x2", "y2"), ("x1", "y1", "box_width", "box_height")
_IMAGE_SIZE = ("image_width", "image_height")
BOX_FIELDS = ("x1", "y1", "x2", "y2", "box_width", "box_height")

_ALIASES = {
    "Normal": Finding.NO_FINDING,
    "No Findings": Finding.NO_FINDING,
    "Healthy": Finding.NO_FINDING,
    "Opacity": Finding.LUNG_OPACITY,
    "Airspace Opacity": Finding.LUNG_OPACITY,
    "Lesion": Finding.LUNG_LESION,
    "Nodule/Mass": Finding.LUNG_LESION,
    "Lung Nodule": Finding.NODULE,
    "Pulmonary Nodule": Finding.NODULE,
    "Lung Mass": Finding.MASS,
    "Pulmonary Edema": Finding.EDEMA,
    "Pulmonary Fibrosis": Finding.FIBROSIS,
    "Rib Fracture": Finding.FRACTURE,
    "Fractures": Finding.FRACTURE,
    "Oedema": Finding.EDEMA,
    "Pulmonary Oedema": Finding.EDEMA,
    "Hiatus Hernia": Finding.HIATAL_HERNIA,
    "PTX": Finding.PNEUMOTHORAX,
    "PNA": Finding.PNEUMONIA,
    "Infiltrate": Finding.INFILTRATION,
    "Pleural Fluid": Finding.PLEURAL_EFFUSION,
    "Enlarged Heart": Finding.CARDIOMEGALY,
}
"""Words of VinDr-CXR, PadChest, TorchXRayVision and MIMIC-CXR, British spellings, and abbreviations."""


def squash(name: str) -> str:
    """A name without case, blanks and punctuation."""
    return "".join(filter(str.isalnum, name.casefold()))


FINDINGS: Mapping[str, Finding] = {
    **{squash(word): finding for word, finding in (*LABELS.items(), *_ALIASES.items())},
    **{squash(finding.value): finding for finding in Finding},
}
"""Every finding by its own name, and by others' where those differ."""

_NUMBERED = r"(id|no|nr|num|number|nummer|code|key)"
_PERSON = re.compile(
    r"patient|subject(?!ive)|person(?!al)|participant|proband|paciente|pazient|\bpat\b|^pat|medicalrecord|mrn|"
    r"^pid$|nhsn|uhid|individual|^subj(?!ective)|pseud[oe]?nym|volunteer|"
    rf"^case{_NUMBERED}?$|hosp(ital)?{_NUMBERED}|^fall{_NUMBERED}$|^anon\w*{_NUMBERED}$|^anon$|"
    rf"^unit{_NUMBERED}$|^ur{_NUMBERED}?$|^chi{_NUMBERED}?$|^rec(ord)?{_NUMBERED}$|^health{_NUMBERED}$|"
    r"^(first|last|full|sur|fore|family|given|vor|nach)?name$"
)
_ATTRIBUTE = re.compile(
    r"path|age|sex|gender|race|ethnic|weight|height|size|bmi|position|orientation|history|birth|dob|date|time|"
    r"status|type|class|comment|insurance|language|smok|outcome|location|group|temperature|pattern"
)
"""What of a patient is no id."""

_MISSING = frozenset({"", "nan", "na", "n/a", "#n/a", "<na>", "none", "null", "nat"})


def missing(value: Any) -> bool:
    """Whether a cell says nothing: blank, or what pandas, R, Excel and SQL write for it."""
    return value is None or (isinstance(value, str | float) and str(value).strip().casefold() in _MISSING)


@dataclass(frozen=True)
class Columns:
    """What is read from a table.

    Args:
        fields: field → its columns; the first that is filled counts.
        findings: column → the finding it tells of.
        unread: the other columns.
        constant: field → what holds for every row.
    """

    fields: Mapping[str, tuple[str, ...]]
    findings: Mapping[str, Finding]
    unread: tuple[str, ...]
    constant: Mapping[str, Any] = field(default_factory=dict)

    def cells(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row's filled cells by field, and by the name of the finding: a list of several columns'."""
        filled = {name: value for name, value in row.items() if not missing(value)}
        cells = dict(self.constant)
        told: dict[str, list[Any]] = {}
        for name, finding in self.findings.items():
            if name in filled:
                told.setdefault(finding.value, []).append(filled[name])
        cells |= {finding: values[0] if len(values) == 1 else values for finding, values in told.items()}
        for key, names in self.fields.items():
            first = next((filled[name] for name in names if name in filled), None)
            if first is not None:
                cells[key] = first
        return cells

    def described(self) -> str:
        """One line for people: which column is read as what."""
        read = [f"{key} = {', '.join(names)}" for key, names in self.fields.items()]
        if self.findings:
            read.append(f"findings = {', '.join(self.findings)}")
        unread = f"; does not read {', '.join(self.unread)}" if self.unread else ""
        return f"reads {'; '.join(read)}{unread}"


def columns_of(table: str, names: Sequence[str], mapped: Mapping[str, str]) -> Columns:
    """Decide what each column of a table is read as.

    Args:
        table: what the table is called in errors.
        names: its columns.
        mapped: field or finding → column, which overrules the usual names; "none" for no column at all.

    Raises:
        DataError: no column names the images, several could name the patient, or one that looks as if it did
            would not be read.
        UsageError: `mapped` names what is no field, or a column that the table lacks.
    """
    twice = sorted({name for name in names if name.strip() and names.count(name) > 1})
    places = {name: [str(at) for at, other in enumerate(names, start=1) if other == name] for name in twice}
    names = [name for name in dict.fromkeys(names) if name.strip()]
    given = {_field(key): _column(table, key, column, names) for key, column in mapped.items()}
    free = [name for name in names if name not in given.values()]
    fields, boxed = _boxes(free)
    free = [name for name in free if name not in boxed]
    for key, known in FIELDS.items():
        found = sorted((name for name in free if squash(name) in known), key=lambda n: known.index(squash(n)))
        if key == "patient" and key not in given and len(found) > 1:
            problem = f"has several columns that may name the patient: {', '.join(found)}"
            raise DataError(table, problem, f"say which, for example --map patient={found[0]}")
        if found:
            fields[key] = tuple(found if key in _FILLED_UP else found[:1])
    fields |= {key: (column,) if column else () for key, column in given.items() if key not in FINDINGS}
    fields = {key: columns for key, columns in fields.items() if columns}
    findings = {name: FINDINGS[squash(name)] for name in free if squash(name) in FINDINGS}
    findings |= {column: FINDINGS[key] for key, column in given.items() if key in FINDINGS and column}
    if boxed and "labels" not in fields:  # RSNA's challenge: its boxes are all of one finding
        findings |= {name: Finding.LUNG_OPACITY for name in free if squash(name) == "target"}
    read = {name for columns in fields.values() for name in columns} | set(findings)
    constant = dict.fromkeys(_IMAGE_SIZE, ORIGINAL_SIDE) if "bboxx" in map(squash, boxed) else {}
    columns = Columns(fields, findings, tuple(name for name in names if name not in read), constant)
    for name in twice:
        if name in read:
            problem = f"has several columns called {name} (columns {' and '.join(places[name])})"
            raise DataError(table, problem, "rename or remove all but the one to be read")
    _refuse_unread_patient(table, columns, asked="patient" in given)
    return columns


def mapping_of(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """What `--map` says, field → column.

    Raises:
        UsageError: a field that is none, or two columns for one.
    """
    given: dict[str, tuple[str, str]] = {}
    for name, column in pairs:
        key = _field(name)
        key = squash(FINDINGS[key].value) if key in FINDINGS else key
        if key in given and given[key][1] != column:
            both = f"{given[key][0]}={given[key][1]} and {name}={column}"
            raise UsageError("--map", f"{both} name two columns of one field", "give one of them")
        given[key] = (name, column)
    return {key: column for key, (_, column) in given.items()}


def _field(name: str) -> str:
    known = {squash(key): key for key in (*FINDINGS, *FIELDS, *BOX_FIELDS)}
    if squash(name) not in known:
        raise UsageError("--map", f"{name} is no field", f"map one of {', '.join(FIELDS)}, or a finding")
    return known[squash(name)]


def _column(table: str, key: str, column: str, names: Sequence[str]) -> str | None:
    """The column as the table writes it; None for "none", unless a column is called so."""
    alike = [name for name in names if squash(name) == squash(column)]
    if column in names or alike:
        return column if column in names else alike[0]
    if column.casefold() == "none":
        return None
    raise UsageError("--map", f"{key}={column}: {table} has no such column", f"it has: {', '.join(names)}")


def _boxes(free: Sequence[str]) -> tuple[dict[str, tuple[str, ...]], set[str]]:
    """The four columns of a box, and an image's own width and height where those are not the box's."""
    by_name = {squash(name): name for name in reversed(free)}
    fields: dict[str, tuple[str, ...]] = {}
    for kinds, order in ((_BOX_CORNERS, _CORNERS), (_BOX_SIZES, _SIZES)):
        for kind in kinds:
            if not fields and all(name in by_name for name in kind):
                fields = {key: (by_name[name],) for key, name in zip(order, kind, strict=True)}
    taken = {name for columns in fields.values() for name in columns}
    for side in ("width", "height"):
        if fields and side in by_name and by_name[side] not in taken:
            fields[f"image_{side}"] = (by_name[side],)
            taken.add(by_name[side])
    return fields, taken


def _refuse_unread_patient(table: str, columns: Columns, *, asked: bool) -> None:
    """A column that may be all that keeps a patient in one split is never passed over."""
    if asked or "patient" in columns.fields or "image" not in columns.fields:
        return
    for name in columns.unread:
        only_id = squash(name) in ("id", "ids") and "study" not in columns.fields
        if only_id or (_PERSON.search(squash(name)) and not _ATTRIBUTE.search(squash(name))):
            raise DataError(
                table,
                f"has a column that looks like a patient's id and is not read: {name}",
                f"add --map patient={name}, or --map patient=none if no column names the patient",
            )
