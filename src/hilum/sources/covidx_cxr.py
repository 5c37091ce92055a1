"""COVIDx CXR: films of several collections with a COVID-19 label (COVID-Net's benchmark, versions 3 and 4).

hilum build --source covidx-cxr=FOLDER --out DIR

Access: registration (a Kaggle account). Licence: research; that of each collection it is made of.
Files: `train.txt`, `test.txt` and, of version 4, `val.txt` (no header, blanks between: patient id, file,
class, source); the films in `train/`, `test/`, `val/`; optional: RSNA's
`pneumonia-challenge-dataset-mappings_2018.json`.
Cite: Pavlova et al., COVIDx CXR-3, 2022; Wang, Lin and Wong, COVID-Net, Scientific Reports 2020.

Classes are positive and negative; of the lists of version 2 and before also normal, pneumonia and COVID-19.
The last three words of a line are file, class and source: patient ids may hold blanks. Films of RSNA's
challenge carry its patients (NIH's, where the mapping is there), those of BIMCV its participants; all other
ids are unique in their source alone. The source is the study's group: nearly all films of a source are of one
class, so a model may learn the source instead of the disease.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hilum.errors import DataError
from hilum.images import view_of
from hilum.sources.base import Request, Seen, Source, file_in, is_there, text_lines
from hilum.sources.rsna_pneumonia import nih_origins
from hilum.study import Finding, Presence, Split, Study

LISTS = (("train", Split.TRAIN), ("val", Split.VAL), ("test", Split.TEST))
TERM = "COVID-19"

_PRESENT, _ABSENT = Presence.PRESENT, Presence.ABSENT
CLASSES: Mapping[str, tuple[Presence, Mapping[Finding, Presence]]] = {
    "positive": (_PRESENT, {}),
    "negative": (_ABSENT, {}),
    "covid-19": (_PRESENT, {}),
    "pneumonia": (_ABSENT, {Finding.PNEUMONIA: _PRESENT, Finding.NO_FINDING: _ABSENT}),
    "normal": (_ABSENT, {Finding.PNEUMONIA: _ABSENT, Finding.NO_FINDING: _PRESENT}),
}
"""Class → whether it is COVID-19, and the findings that it tells. "positive" is by test, not by the film."""

SOURCES_MISSPELT = {"rnsa": "rsna"}


def read(request: Request) -> Iterator[Study]:
    """One study per film, train, val and test in turn, each in the order of its list."""
    lists = [(name, split) for name, split in LISTS if is_there(request.folder / f"{name}.txt")]
    if not lists:
        raise DataError(request.folder / "train.txt", "is missing", "download it with the images")
    origins = nih_origins(request.folder, request.problems)
    seen = Seen(request.problems)
    for name, split in lists:
        for number, line in enumerate(text_lines(request.folder / f"{name}.txt"), start=1):
            where = f"{name}.txt, line {number}"
            study = _study(where, line, request, name, split, origins) if line.strip() else None
            if study is not None and not seen.again(study.id):
                yield study


def _study(
    where: str, line: str, request: Request, place: str, split: Split, origins: Mapping[str, tuple[str, int]]
) -> Study | None:
    """A line as a study; None, and a problem noted, where it cannot be one."""
    words = line.split()
    if len(words) < 4:
        problem = f"has {len(words)} words, not patient, file, class and source"
        request.problems.add(DataError(where, problem, "the line is left out"))
        return None
    patient, (file, kind, source) = " ".join(words[:-3]), words[-3:]
    source = SOURCES_MISSPELT.get(source.lower(), source.lower())
    if kind.lower() not in CLASSES:
        request.problems.add(DataError(where, "has an unknown class", "the line is left out"))
        return None
    path = file_in(request.folder / place, file)
    if path is None:
        thing = f"{where}: {file}"
        request.problems.add(DataError(thing, "has a row but no image file", "download the images"))
        return None
    covid, labels = CLASSES[kind.lower()]
    return Study(
        id=f"covidx-cxr/{file}",
        patient=_patient(source, patient, path.stem, origins),
        source="covidx-cxr",
        views=(view_of(path, id=file),),
        labels=labels,
        terms={TERM: covid},
        group=source,
        split=split,
    )


def _patient(source: str, patient: str, film: str, origins: Mapping[str, tuple[str, int]]) -> str:
    if source == "rsna":
        return origins[film][0] if film in origins else f"rsna/{film}"
    return f"bimcv-covid19/{patient}" if source == "bimcv" else f"covidx-cxr/{source}/{patient}"


SOURCE = Source(
    name="covidx-cxr",
    summary="about 30,000 films (version 3; 84,818 in version 4) of several collections, COVID-19 or not",
    files="train.txt and train/, test.txt and test/; version 4 also val.txt and val/; optional: "
    "pneumonia-challenge-dataset-mappings_2018.json",
    terms="research; that of each collection (Kaggle account)",
    citation="Pavlova et al., COVIDx CXR-3, 2022; Wang et al., COVID-Net, Scientific Reports 2020",
    read=read,
    access="registration",
)
