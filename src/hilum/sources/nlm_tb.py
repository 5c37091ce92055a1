"""NLM's tuberculosis sets: Montgomery County (138 films) and Shenzhen (662), with readings and masks.

hilum build --source nlm-tb=FOLDER --out DIR

Access: open, no account. Licence: free for research with citation. Files, for either set alone or both, in
the folder itself or up to two folders down: `CXR_png/MCUCXR_NNNN_{0,1}.png`, `CXR_png/CHNCXR_NNNN_{0,1}.png`
(`MontgomerySet/`, `ChinaSet_AllFiles/`); beside them, all optional, `ClinicalReadings/*.txt` of the same
names, `ManualMask/{leftMask,rightMask}/`, `Annotations/masks/IMAGE_FINDING_K.png` with
`Statistics_ShenzhenDataset_US.csv` (imagename, a count a finding), `mask/IMAGE_mask.png` (third-party lungs).
Cite: Jaeger et al., Two public chest X-ray datasets, Quant Imaging Med Surg 2014; Yang et al., Data 2022.

The last digit of a name says tuberculosis (1) or normal (0). The reading is the report's impression.
"(same pt as MCUCXR_0162_1)" in a reading joins two films to one patient, and is cut from the text; otherwise
every film counts as a patient. Lung masks are named by where they lie, for the release's "left" and "right"
are the picture's. Where both are there, `Annotations/` is read and not the earlier `Annotations-2/`. There is
no official split.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hilum.errors import DataError
from hilum.files import Problems
from hilum.sources.base import Request, Source, age_years, as_text, number, numbered_rows
from hilum.sources.films import Film, film_of, mask_in
from hilum.sources.label_words import LabelWord, labels_of, part_of
from hilum.study import Finding, Position, Presence, Region, Report, RunLengths, Sex, Side, Study

TERM = "Tuberculosis"
STATISTICS = "Statistics_ShenzhenDataset_US.csv"


WORDS: Mapping[str, LabelWord] = {
    "Pleural_Effusion": LabelWord("pleural effusion", Finding.PLEURAL_EFFUSION),
    "Apical_Thickening": part_of("apical thickening", Finding.PLEURAL_OTHER),
    "Single_Nodule_(non-calcified)": part_of("single nodule", Finding.NODULE),
    "Pleural_Thickening_(non-apical)": part_of("pleural thickening", Finding.PLEURAL_OTHER),
    "Calcified_Nodule": part_of("calcified nodule", Finding.NODULE),
    "Small_Infiltrate_(non-linear)": part_of("small infiltrate", Finding.INFILTRATION),
    "Cavity": LabelWord("cavity"),
    "Linear_Density": LabelWord("linear density"),
    "Severe_Infiltrate_(Consolidation)": LabelWord("consolidation", Finding.CONSOLIDATION),
    "Thickening_of_interlobar_fissure": part_of(
        "thickening of the interlobar fissure", Finding.PLEURAL_OTHER
    ),
    "Clustered_Nodule_(2mm-5mm_apart)": part_of("clustered nodules", Finding.NODULE),
    "Moderate_Infiltrate_(non-linear)": part_of("moderate infiltrate", Finding.INFILTRATION),
    "Adenopathy": LabelWord("adenopathy"),
    "Calcification_(other_than_nodule&lymphnod)": LabelWord("calcification"),
    "Calcified_lymph_node": LabelWord("calcified lymph node"),
    "Miliary": LabelWord("miliary pattern"),
    "Retraction": LabelWord("retraction"),
    "Other": LabelWord("other lesion"),
    "Unknown": LabelWord("unknown lesion"),
}
"""Lesions of Shenzhen's annotations, as files and columns are named."""

_NAME = re.compile(r"((?:MCUCXR|CHNCXR)_\d+)_([01])")
_LESION = re.compile(r"((?:MCUCXR|CHNCXR)_\d+_[01])_(.+)_\d+")
_SEX_LINE = re.compile(r"Patient.?s Sex:\s*(\w?)", re.IGNORECASE)
_AGE_LINE = re.compile(r"Patient.?s Age:\s*(\S*)", re.IGNORECASE)
_FIRST_LINE = re.compile(
    r"(fem[a-z]*|males?|f|m)(?![a-z])[\s,]*(?:(\d+)\s*([a-z]*))?[\s,.]*(.*)", re.IGNORECASE
)
_SAME_PATIENT = re.compile(
    r"[\s(;,]*same\s+(?:pt|patient)\s+as\s+((?:MCUCXR|CHNCXR)_\d+)(?:_[01])?\)?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Reading:
    """A clinical reading: sex, age as written ("063Y", "33yrs"), the text and whose earlier film it names."""

    sex: Sex = Sex.UNKNOWN
    age: str = ""
    text: str = ""
    same_as: str = ""


def read(request: Request) -> Iterator[Study]:
    """One study per film, Montgomery or Shenzhen as the folders sort, each by number."""
    patterns = ("CXR_png", "*/CXR_png", "*/*/CXR_png")
    places = sorted({place for pattern in patterns for place in request.folder.glob(pattern)})
    if not places:
        raise DataError(request.folder / "CXR_png", "is missing", "unpack MontgomerySet or ChinaSet_AllFiles")
    for place in places:
        yield from _read_set(place.parent, request.problems)


def _read_set(folder: Path, problems: Problems) -> Iterator[Study]:
    images = {path.stem: path for path in sorted((folder / "CXR_png").glob("*.png"))}
    readings = {name: _reading(folder, name, problems) for name in images}
    owners = _owners({name: reading.same_as for name, reading in readings.items()})
    lesions, counted = _lesion_masks(folder, images, problems), _statistics(folder, images, problems)
    for name, path in images.items():
        named = _NAME.fullmatch(name)
        if named is None:
            problems.add(
                DataError(path.name, "is not named as the release names its films", "it is left out")
            )
            continue
        yield _study(folder, name, path, readings[name], owners[name], lesions, counted, problems)
    for stray in sorted({path.stem for path in (folder / "ClinicalReadings").glob("*.txt")} - images.keys()):
        problems.add(DataError(f"{stray}.txt", "has a reading but no image file", "download the images"))


def _study(
    folder: Path,
    name: str,
    path: Path,
    reading: Reading,
    owner: str,
    lesions: Mapping[str, list[tuple[str, Path]]],
    counted: Mapping[str, dict[str, Presence]],
    problems: Problems,
) -> Study:
    ill = name.endswith("1")
    # Shenzhen's films are frontal, some of them AP; which is not told.
    film = film_of(path, id=path.name, position=Position.PA if name.startswith("MCU") else None)
    said = {**dict.fromkeys((word for word, _ in lesions[name]), Presence.PRESENT), **counted.get(name, {})}
    labels, terms = labels_of(said, WORDS)
    regions = [*_lungs(folder, name, film, problems), *_lesions(lesions[name], film, problems)]
    return Study(
        id=f"nlm-tb/{name}",
        patient=f"nlm-tb/{owner}",
        source="nlm-tb",
        views=(film.view,),
        report=Report(impression=reading.text) if reading.text else None,
        labels={**labels, Finding.NO_FINDING: Presence.ABSENT if ill else Presence.PRESENT},
        terms={TERM: Presence.PRESENT if ill else Presence.ABSENT, **terms},
        regions=tuple(regions),
        sex=reading.sex,
        age=age_years(reading.age, f"{name}.txt", problems),
    )


def _reading(folder: Path, name: str, problems: Problems) -> Reading:
    path = folder / "ClinicalReadings" / f"{name}.txt"
    if not path.is_file():
        if path.parent.is_dir():
            problems.add(DataError(path.name, "is missing", "its film is read without a reading"))
        return Reading()
    return parse_reading(as_text(path.read_bytes()))


def parse_reading(words: str) -> Reading:
    """A reading of either set: Montgomery's named lines, or Shenzhen's "female 33yrs" before the text."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    sexes, ages = (
        [found for line in lines if (found := form.match(line))] for form in (_SEX_LINE, _AGE_LINE)
    )
    if sexes or ages:
        sex = sexes[0][1] if sexes else ""
        age = ages[0][1] if ages else ""
        lines = [line for line in lines if not _SEX_LINE.match(line) and not _AGE_LINE.match(line)]
    else:
        first = _FIRST_LINE.match(lines[0]) if lines else None
        sex, value, unit, rest = (part or "" for part in first.groups()) if first else ("", "", "", "")
        # A number without a unit may be of months: it is no age.
        age = f"{value}{unit}" if unit or not value else f"{value} without unit"
        lines = [rest, *lines[1:]] if first else lines
    text = " ".join(filter(None, lines))
    same = _SAME_PATIENT.search(text)
    text = _SAME_PATIENT.sub("", text).strip()
    letter = sex[:1].upper()
    return Reading(
        Sex(letter) if letter in ("F", "M") else Sex.UNKNOWN,
        age,
        "" if text.upper() == "NO REPORT" else text,
        same[1].upper() if same else "",
    )


def _owners(same_as: Mapping[str, str]) -> dict[str, str]:
    """Film → the first film of its patient ("MCUCXR_0162"), by what the readings say."""
    stems = {name: name.rpartition("_")[0] for name in same_as}
    earlier = {stems[name]: other for name, other in same_as.items() if other and other != stems[name]}
    owners: dict[str, str] = {}
    for name, stem in stems.items():
        chain = [stem]
        while (before := earlier.get(chain[-1])) and before not in chain:
            chain.append(before)
        owners[name] = min(chain) if before else chain[-1]
    return owners


def _lungs(folder: Path, name: str, film: Film, problems: Problems) -> list[Region]:
    """Each lung, by where it lies: a frontal picture has the patient's right lung on its left."""
    masks: list[RunLengths] = []
    for side in ("leftMask", "rightMask"):
        masks += _masks(folder / "ManualMask" / side / f"{name}.png", film, problems)
    boxes = [(box, mask) for mask in masks if (box := mask.box()) is not None]
    boxes.sort(key=lambda lung: lung[0][0] + lung[0][2])
    if len(boxes) == 2:
        sides = [Side.RIGHT, Side.LEFT]
    else:
        sides = [Side.RIGHT if box[0] + box[2] < 1 else Side.LEFT for box, _ in boxes]
    lungs = [
        Region(box, f"{side.value} lung", side=side, mask=mask)
        for side, (box, mask) in zip(sides, boxes, strict=True)
    ]
    for place in ("mask", "mask/mask"):
        for mask in _masks(folder / place / f"{name}_mask.png", film, problems):
            box = mask.box()
            lungs += [Region(box, "lungs", side=Side.BILATERAL, mask=mask)] if box else []
    return lungs


def _masks(path: Path, film: Film, problems: Problems) -> list[RunLengths]:
    """The one mask of a file; none where there is none or it does not fit, which is noted."""
    try:
        return [mask_in(path, film.width, film.height)] if path.is_file() else []
    except DataError as error:
        problems.add(error)
        return []


def _lesion_masks(
    folder: Path, images: Mapping[str, Path], problems: Problems
) -> defaultdict[str, list[tuple[str, Path]]]:
    """Film → its lesions: word and mask file."""
    found: defaultdict[str, list[tuple[str, Path]]] = defaultdict(list)
    places = [folder / name / "masks" for name in ("Annotations", "Annotations-2")]
    for path in sorted(next((p for p in places if p.is_dir()), places[0]).glob("*.png")):
        named = _LESION.fullmatch(path.stem)
        if named is None or named[1] not in images:
            problems.add(DataError(path.name, "is a mask of no film that is there", "it is left out"))
        elif named[2] not in WORDS:
            problems.add(DataError(path.name, "has an unknown label", "it is left out"))
        else:
            found[named[1]].append((named[2], path))
    return found


def _lesions(named: list[tuple[str, Path]], film: Film, problems: Problems) -> Iterator[Region]:
    for word, path in named:
        for mask in _masks(path, film, problems):
            box = mask.box()
            if box is not None:
                yield Region(box, WORDS[word].phrase, WORDS[word].finding, mask=mask)


def _statistics(
    folder: Path, images: Mapping[str, Path], problems: Problems
) -> dict[str, dict[str, Presence]]:
    """Film → what the counts of the annotations say of each word."""
    places = [folder / name / STATISTICS for name in ("Annotations", "Annotations-2", ".")]
    path = next((place for place in places if place.is_file()), None)
    said: dict[str, dict[str, Presence]] = {}
    for where, row in numbered_rows(path, ("imagename",), problems) if path else ():
        name = row["imagename"].strip().removesuffix(".png")
        counts = {word: number(row[word]) for word in WORDS if word in row}
        if name not in images or name in said:
            problem = "is a duplicate row" if name in said else "has a row but no image file"
            problems.add(DataError(where, problem, "the row is left out"))
            continue
        if any(count is None or count < 0 for count in counts.values()):
            problems.add(DataError(where, "has a count that is no number", "it is left unknown"))
        said[name] = {
            word: Presence.PRESENT if count else Presence.ABSENT
            for word, count in counts.items()
            if count is not None and count >= 0
        }
    return said


SOURCE = Source(
    name="nlm-tb",
    summary="800 frontal films with and without tuberculosis, readings, lung and lesion masks",
    files="MontgomerySet/, ChinaSet_AllFiles/: CXR_png/; optional: ClinicalReadings/, "
    "ManualMask/, Annotations/, mask/",
    terms="free for research with citation (National Library of Medicine)",
    citation="Jaeger et al., Quantitative Imaging in Medicine and Surgery 2014; Yang et al., Data 2022",
    read=read,
    access="open",
)
