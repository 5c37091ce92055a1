"""BIMCV-COVID19: films of people tested for COVID-19 in Valencia's hospitals, labelled as PadChest is.

hilum build --source bimcv-covid19=FOLDER --out DIR

Full name: BIMCV-COVID19+ and BIMCV-COVID19−, Medical Imaging Databank of the Valencia Region, iterations 1
to 3. Access: open. Licence: BIMCV-COVID19 dataset research use agreement, no redistribution.
Citation: de la Iglesia Vayá et al., 2020 (arXiv 2006.01174).

The folder is `covid19_posi` or `covid19_neg`, or holds both, unpacked: `participants.tsv` (participant, age,
gender); `sub-…/sub-…_sessions.tsv` (session_id, study_date);
`sub-…/ses-…/mod-rx/…_bp-chest_vp-…_{cr,dx}.png`, each with its header as `.json`; `derivatives/labels/*.tsv`
(ReportID, Labels, LabelsLocalizationsBySentence); `derivatives/EHR/sil_reg*` (participant, result). A study
is a session.

The PNG hold stored values: window and inversion are taken from the header, and a film without one is left
out, since nobody could tell bone from air. A view is lateral where its header says so, else what the file's
name says. Labels become findings, facts and terms, see `hilum.sources.padchest_labels`; "COVID 19 uncertain"
is the uncertain term "COVID 19". A test belongs to the patient and not to the day of a film: it is the
study's group, "SARS-CoV-2 positive", "… negative" or "… indeterminate". CT is left out. There is no split:
the original trained on the set that a third party had called "test".

Reports are Spanish: they are counted and not taken over. CheXinstruct had them in English: its translation
(`test.report.en.tok`) was never released with it. A translation of your own is read from `translations.csv`
(session_id, report), with or without headings, see `hilum.sources.translations`.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pydicom.dataset import Dataset

from hilum.errors import DataError
from hilum.files import Problems
from hilum.images import header
from hilum.sources.base import NumberedRow, Request, Seen, Source, age_years, duplicate, numbered_rows
from hilum.sources.padchest_labels import Coded, coded
from hilum.sources.patients import by_date, iso_date, sex_of
from hilum.sources.translations import Translations
from hilum.study import Position, Sex, Study, View

_LABELS = ("ReportID", "Labels", "LabelsLocalizationsBySentence")
_SESSIONS = ("session_id", "study_date")
_RESULTS = {"POSITIVO": "positive", "NEGATIVO": "negative", "INDETERMINADO": "indeterminate"}
_DEVICE = ("Manufacturer", "ManufacturerModelName")
_PART = re.compile(r"_bp-([a-z]+)")
_VIEW = re.compile(r"_vp-([a-z]+)")
_POSITIONS = {
    "pa": Position.PA,
    "ap": Position.AP,
    **dict.fromkeys(("lateral", "lat", "ll", "rl"), Position.LATERAL),
}


@dataclass(frozen=True)
class _Tables:
    """What the tables say: by session its labels and report, by subject whether a test was positive."""

    labels: Mapping[str, NumberedRow]
    tests: Mapping[str, str]
    texts: Translations


def read(request: Request) -> Iterator[Study]:
    """One study per session with its films, subject by subject, those of the positive set first."""
    roots = _roots(request.folder)
    seen, texts = Seen(request.problems), Translations.open(request, "session_id")
    for root in roots:
        tables = _Tables(_label_table(root, request), _test_table(root, request.problems), texts)
        people = _participants(root, request.problems)
        folders = {path.name: path for path in sorted(root.glob("sub-*")) if path.is_dir()}
        for name in sorted(folders.keys() - people.keys()):
            problem = "is not in participants.tsv"
            request.problems.add(DataError(name, problem, "its films are read, its sex and age unknown"))
        _note_absent(people, folders, request.problems)
        for name, folder in folders.items():
            yield from _subject(folder, people.get(name, (name, {})), tables, seen, request)
    texts.note_unmatched()


def _roots(folder: Path) -> list[Path]:
    found = [folder] if (folder / "participants.tsv").is_file() else []
    found = found or sorted(path.parent for path in folder.glob("*/participants.tsv"))
    if not found:
        raise DataError(folder / "participants.tsv", "is missing", "unpack it from the archive of metadata")
    return sorted(found, key=lambda root: "posi" not in root.name)


# ---------------------------------------------------------------------------------------------- tables


def _participants(root: Path, problems: Problems) -> dict[str, NumberedRow]:
    rows = numbered_rows(root / "participants.tsv", ("participant", "gender"), problems, delimiter="\t")
    return {row["participant"].strip(): (where, row) for where, row in rows if row["participant"].strip()}


def _label_table(root: Path, request: Request) -> dict[str, NumberedRow]:
    found: dict[str, NumberedRow] = {}
    for path in sorted((root / "derivatives" / "labels").glob("*.tsv")):
        for where, row in numbered_rows(path, _LABELS, request.problems, delimiter="\t"):
            session = row["ReportID"].strip()
            if session in found:
                request.problems.add(duplicate(f"{where}: {session}"))
            else:
                kept = {column: row[column] for column in _LABELS}
                found[session] = where, {**kept, "Report": "yes" if row.get("Report", "").strip() else ""}
    if not found:
        request.notes.append("there are no derivatives/labels/*.tsv, so no film has a label")
    return found


def _test_table(root: Path, problems: Problems) -> dict[str, str]:
    """Subject → the strongest of its results: one positive test outweighs any number of negative ones."""
    strength = list(_RESULTS.values())
    found: dict[str, str] = {}
    ehr = root / "derivatives" / "EHR"
    for path in sorted(p for p in ehr.glob("*") if p.name.lower().startswith("sil_reg")):
        for where, row in numbered_rows(path, ("participant", "result"), problems, delimiter="\t"):
            name, result = row["participant"].strip(), _RESULTS.get(row["result"].strip().upper())
            if result is None:
                problems.add(DataError(where, "has a result that is none", "it is left out"))
            elif name not in found or strength.index(result) < strength.index(found[name]):
                found[name] = result
    return found


# ---------------------------------------------------------------------------------------------- studies


def _subject(
    folder: Path, person: NumberedRow, tables: _Tables, seen: Seen, request: Request
) -> Iterator[Study]:
    listed = _sessions(folder, request.problems)
    there = {path.name: path for path in sorted(folder.glob("ses-*")) if path.is_dir()}
    _note_absent(listed, there, request.problems)
    studies = (
        _session(path, listed.get(name), person, tables, request)
        for name, path in there.items()
        if not seen.again(f"{folder.name}/{name}")
    )
    return by_date(studies)


def _note_absent(listed: Mapping[str, NumberedRow], there: Container[str], problems: Problems) -> None:
    for name, (where, _) in listed.items():
        if name not in there:
            problems.add(DataError(f"{where}: {name}", "is listed but has no folder", "unpack its archive"))


def _sessions(folder: Path, problems: Problems) -> dict[str, NumberedRow]:
    path = folder / f"{folder.name}_sessions.tsv"
    if not path.is_file():
        problems.add(DataError(path.name, "is missing", "its subject's dates are unknown"))
        return {}
    try:
        rows = list(numbered_rows(path, _SESSIONS, problems, delimiter="\t"))
    except DataError as error:  # one subject's table never stops a build
        problems.add(error)
        return {}
    return {row["session_id"].strip(): (where, row) for where, row in rows}


def _session(
    folder: Path, listed: NumberedRow | None, person: NumberedRow, tables: _Tables, request: Request
) -> Study | None:
    """A study; None when the session has no film."""
    problems = request.problems
    report = tables.texts.report(folder.name)
    films = [film for path in _films(folder, request) if (film := _film(path, problems))]
    if not films:
        return None
    views, headers = zip(*films, strict=True)
    subject, name = folder.parent.name, folder.name
    labels = tables.labels.get(name)
    where, row = listed or (name, {})
    written = row.get("medical_evaluation", "").strip() or (labels and labels[1]["Report"])
    if written and report is None:
        request.left_out["reports in Spanish"] += 1
    said = coded(labels[1]["Labels"], labels[1][_LABELS[2]], labels[0], problems) if labels else Coded()
    tested = tables.tests.get(subject)
    return Study(
        id=f"bimcv-covid19/{subject}/{name}",
        patient=f"bimcv-covid19/{subject}",
        source="bimcv-covid19",
        views=views,
        report=report,
        labels=said.labels,
        terms=said.terms,
        facts=said.facts,
        sex=_sex(person, headers[0], problems),
        age=_age(person, headers[0], problems),
        group=f"SARS-CoV-2 {tested}" if tested else None,
        device=" ".join(header.text(headers[0], keyword) for keyword in _DEVICE).strip(),
        taken=iso_date(row.get("study_date", ""), where, problems),
    )


def _sex(person: NumberedRow, dataset: Dataset, problems: Problems) -> Sex:
    where, row = person
    stated = sex_of(row.get("gender", ""), where, problems)
    return header.sex(dataset) if stated is Sex.UNKNOWN else stated


def _age(person: NumberedRow, dataset: Dataset, problems: Problems) -> float | None:
    """By the film's header; else as the table of people says, where it gives one age alone."""
    where, row = person
    ages = re.findall(r"\d+", row.get("age", ""))
    return header.age_years(dataset) or age_years(ages[0] if len(ages) == 1 else "", where, problems)


def _films(folder: Path, request: Request) -> Iterator[Path]:
    """The PNG of a session that show a chest, by their names; what else there is is counted."""
    for path in sorted(folder.rglob("*")):
        part = _PART.search(path.name)
        if path.name.endswith((".nii.gz", ".nii")):
            request.left_out["CT volumes"] += 1
        elif path.suffix == ".png" and part and part[1] not in ("chest", "thorax"):
            request.left_out["films of other parts of the body"] += 1
        elif path.suffix == ".png":
            yield path


def _film(path: Path, problems: Problems) -> tuple[View, Dataset] | None:
    from hilum.images.sidecar import load_with_header, read_json_header  # decoders, for the first film

    beside = path.with_suffix(".json")
    if not beside.is_file():
        problem = "has no header (.json) beside it, so whether it is inverted is unknown"
        problems.add(DataError(path.name, problem, "unpack its archive again; it is left out"))
        return None
    try:
        dataset = read_json_header(beside)
    except DataError as error:
        problems.add(error)
        return None
    load = partial(load_with_header, str(path), str(beside))
    spacing = header.spacing_mm(dataset)
    return View(path.stem, load, _position(path.name, dataset), spacing, str(path)), dataset


def _position(name: str, dataset: Dataset) -> Position:
    """Lateral where the header says so, for some names call a lateral AP or PA; else as the name says."""
    stated = header.position(dataset)
    found = _VIEW.search(name)
    named = _POSITIONS.get(found[1]) if found else None
    return stated if stated is Position.LATERAL or named is None else named


SOURCE = Source(
    name="bimcv-covid19",
    summary="56,171 films of people tested for COVID-19, labelled as PadChest is; reports are Spanish",
    files="participants.tsv, sub-*/ses-*/mod-rx/ (PNG with JSON), sub-*/sub-*_sessions.tsv; optional: "
    "derivatives/labels/*.tsv, derivatives/EHR/sil_reg*, translations.csv",
    terms="research use agreement, no redistribution",
    citation="de la Iglesia Vayá et al., BIMCV-COVID19, arXiv 2006.01174",
    read=read,
    access="open",
)
