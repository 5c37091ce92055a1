"""Any folder of DICOM, PNG or JPEG images, with or without a table that says what is known of them.

hilum build --source folder=FOLDER --map patient=COLUMN --out DIR

The table is `metadata.csv`, `.tsv`, `.xlsx`, `.jsonl` or `.parquet`, or the only such file in the folder. A
row is an image, or one label or box of an image; rows of a study may stand anywhere. The names under which
columns are known are in `hilum.sources.columns`; `--map` names others:

    image                 path within the folder, or the name or id of a file in it; it must be there
    study                 id; by default as the path says, else every image is a study
    patient               id; by default as the path or the DICOM header says, else every study is one
    modality              what is no radiograph (CT, MR, US, …) is left out and counted
    view                  PA, AP or LATERAL, as DICOM and the public sets write it; by default as the header
    report                a whole report; or its sections: indication, comparison, findings, impression
    labels                findings that are there, "Edema|Pneumonia"; "No Finding" when there is none
    Edema, Fracture, …    or one column per finding: 1 or yes, 0 or no, -1 or blank unknown
    boxes                 JSON: [{"box": [x1, y1, x2, y2], "phrase": "…", "finding": "Nodule"}, …], corners as
                          fractions of width and height; of phrase and finding one is enough
    x_min, y_min, …       or one box a row: corners, or a corner with width and height; fractions or pixels
    age, sex              years, or as DICOM writes them ("045Y"); F or M
    prior                 id of the patient's previous study, whose rows come earlier
    split                 train, val or test

What else a table holds is listed and not read. A column that looks like a patient's id and is not read stops
the source: films of one patient in two splits are a leak that no later figure shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hilum.errors import DataError
from hilum.files import Problems
from hilum.images import view_of
from hilum.sources.base import Request, Source
from hilum.sources.columns import Columns, columns_of
from hilum.sources.gather import Group, gathered
from hilum.sources.identity import named_by_path, patient_key
from hilum.sources.inventory import Inventory, image_size
from hilum.sources.row import SECTIONS, Row, agreed
from hilum.sources.table import SUFFIXES, Table, find_table, open_table
from hilum.study import Finding, Presence, Region, Report, Sex, Split, Study, View

_CUT_SHORT = re.compile(r"\d([.,]\d+)?E\+\d+", re.IGNORECASE)


def read(request: Request) -> Iterator[Study]:
    """Studies in the order in which the table first names them, or in that of the file names."""
    folder = request.folder
    if not folder.is_dir():
        raise DataError(folder, "is not a folder", "name the folder of the images")
    reader = _Reader(request, Inventory(folder))
    table = find_table(folder)
    return reader.listed(open_table(table, request.problems)) if table else reader.unlisted()


@dataclass
class _Reader:
    """Reads one folder.

    Args:
        claims: each image's patient, and the row that first named it.
        others: images that a row calls no radiograph.
        reported: whether the table has a column of reports.
        nameless: whether a study without a patient was met.
    """

    request: Request
    inventory: Inventory
    claims: dict[Path, tuple[str, str]] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)
    reported: bool = False
    nameless: bool = False

    def unlisted(self) -> Iterator[Study]:
        """Every image a study, unless its path names one."""
        nested = [f"{path.parent.name}/{path.name}" for path in self.request.folder.glob("*/metadata.*")]
        if tables := sorted(name for name in nested if name.lower().endswith(SUFFIXES)):
            raise DataError(
                self.request.folder,
                f"has no table, but folders in it have ({', '.join(tables[:3])})",
                "name each of these folders as a source of its own, or put one table at the top",
            )
        others = ", ".join(f"{count} {suffix}" for suffix, count in self.inventory.others.most_common(8))
        self.request.notes.append(
            "no table: every image is read" + (f"; not read: {others}" if others else "")
        )
        rows = (_keyed(Row(name, {"image": name}), name) for name in self.inventory.images)
        for group in gathered(rows):
            yield from self._studies(group, [Row(name, {"image": name}) for name in group.values])

    def listed(self, table: Table) -> Iterator[Study]:
        """The studies of a table."""
        name, problems = table.path.name, self.request.problems
        columns = self._with_images(columns_of(str(table.path), table.names, self.request.columns), table)
        self.reported = any(key in columns.fields for key in ("report", *SECTIONS))
        about = (columns.described(), table.note)
        self.request.notes.extend(f"{name}: {note}" for note in about if note)
        # Kept is what some row names as its prior, without a prior of its own: that would be the whole past.
        wanted: set[str] = set()
        earlier: dict[str, list[Study]] = {}
        for group in gathered(self._rows(table, columns, wanted)):
            rows = [Row(f"{name}, row {number}", cells) for number, cells in group.values]
            for study in self._studies(group, rows):
                if group.study in wanted:
                    earlier.setdefault(group.study, []).append(study)
                yield replace(study, prior=_prior(study, rows[0], earlier, problems))
        if left := len(self.inventory.images) - len(self.claims) - len(self.others):
            self.request.notes.append(f"{left} images that no row of {name} names are not read")

    def _with_images(self, columns: Columns, table: Table) -> Columns:
        """Where no column is of images, that of patients may name the files, as in RSNA's challenge."""
        if "image" in columns.fields:
            return columns
        _, first = next(iter(open_table(table.path, Problems(keep=0)).rows), (1, {}))
        patient = Row("", columns.cells(first)).name("patient")
        if patient and self.inventory.holds(patient):
            return replace(columns, fields={"image": columns.fields["patient"], **columns.fields})
        remedy = f"it has: {', '.join(table.names)}; add --map image=COLUMN for the one that names the files"
        if any(
            not name.strip() or name.startswith("__UNNAMED__") for name in table.names
        ):  # as polars calls it
            remedy += ", and delete what stands above the header, if row 1 is not it"
        raise DataError(table.path, "lacks the column 'image'", remedy)

    def _rows(self, table: Table, columns: Columns, wanted: set[str]) -> Iterator[tuple[str, str, Any]]:
        for number, line in table.rows:
            row = Row(f"{table.path.name}, row {number}", columns.cells(line))
            if nested := _check_ids(row):
                self.request.problems.add(nested)
                continue
            if not row.image:
                self.request.problems.add(DataError(row.thing, "names no image", "fill its column image"))
                continue
            if modality := row.other_modality:
                self._leave_out(row, modality)
                continue
            if prior := row.name("prior"):
                wanted.add(prior)
            yield _keyed(row, (number, row.cells))

    def _leave_out(self, row: Row, modality: str) -> None:
        """A table of several modalities has images of other kinds, which are no fault in it."""
        if row.image not in self.others and self.inventory.holds(row.image):
            self.others.add(row.image)
            self.request.left_out[f"images of modality {modality[:16]}"] += 1

    def _studies(self, group: Group, rows: list[Row]) -> Iterator[Study]:
        """The rows of one study; of several where headers or folders tell of several patients."""
        owned: dict[str, dict[Path, list[Row]]] = {}
        mine: set[Path] = set()
        for row in rows:
            path = self._path(row)
            if path is None:
                continue
            owner = group.patient or self._owner(path)
            if path not in mine and not self._claim(path, owner, group.study, row):
                continue
            mine.add(path)
            owned.setdefault(owner, {}).setdefault(path, []).append(row)
        patients = [owner for owner in owned if owner]
        if "" in owned and (group.shared or len(patients) > 1):
            problem, remedy = "names no patient, and its study is of several", "fill its column patient"
            for row in (row for films in owned.pop("").values() for row in films):
                self.request.problems.add(DataError(row.thing, problem, f"{remedy}; it is left out"))
        elif "" in owned and patients:
            owned[patients[0]] |= owned.pop("")
        for owner, films in owned.items():
            name = f"{owner}/{group.study}" if group.shared or len(patients) > 1 else group.study
            yield self._study(name, owner, films)

    def _claim(self, path: Path, owner: str, study: str, row: Row) -> bool:
        """Whether the row's study gets the image: not if another study of its patient has it.

        Two patients both keep it, for the split is made by the images that patients share.
        """
        claimant = f"patient {owner}" if owner else f"study {study}, whose patient nobody names,"
        first, thing = self.claims.setdefault(path, (claimant, row.thing))
        if thing == row.thing:
            return True
        same = first == claimant or (not owner and study == row.image)  # or only spelt otherwise
        if same:
            problem, remedy = "is in another study already", f"that of {thing} keeps it"
        else:
            problem = "is claimed by two patients"
            remedy = (
                f"{first} in {thing} and {claimant} here go into one split; correct the row that is wrong"
            )
        self.request.problems.add(DataError(f"{row.thing}: {row.image}", problem, remedy))
        return not same

    def _path(self, row: Row) -> Path | None:
        try:
            return self.inventory.find(row.image)
        except DataError as error:
            thing = f"{row.thing}: {row.image}"
            self.request.problems.add(DataError(thing, error.problem, error.remedy))
            return None

    def _owner(self, path: Path) -> str:
        by_path, _ = named_by_path(path.relative_to(self.request.folder).as_posix())
        return by_path or patient_key(path) or ""

    def _study(self, name: str, patient: str, films: Mapping[Path, list[Row]]) -> Study:
        problems = self.request.problems
        rows = [row for own in films.values() for row in own]
        identifier = f"{self.request.folder.resolve().name}/{name}"
        if not patient:
            self._warn_of_nameless(rows[0])
        report = _report(rows, problems)
        if report is None and self.reported:
            problems.add(DataError(rows[0].thing, "its report is empty", "the study is kept without it"))
        splits = [split for row in rows if (split := row.split(problems))]
        return Study(
            id=f"folder/{identifier}",
            patient=f"folder/{patient or identifier}",
            source="folder",
            views=tuple(_view(path, own, problems) for path, own in films.items()),
            report=report,
            labels=_labels(rows, problems),
            regions=_regions(films, problems),
            sex=next((sex for row in rows if (sex := row.sex(problems))), Sex.UNKNOWN),
            age=next((age for row in rows if (age := row.age(problems)) is not None), None),
            split=max(
                splits, key=list(Split).index, default=None
            ),  # tested on by one row, never learned from
        )

    def _warn_of_nameless(self, row: Row) -> None:
        if not self.nameless:
            self.nameless = True
            self.request.warnings.append(
                f"{row.thing} names no patient: such a study counts as a patient of its own, and films of "
                "one patient may end in two splits; if a column names the patient, add --map patient=COLUMN"
            )


def _keyed(row: Row, value: Any) -> tuple[str, str, Any]:
    """Patient and study as far as the row and the path in it tell, for bringing rows together."""
    patient, study = named_by_path(row.image)
    return row.name("patient") or patient, row.name("study") or study or row.image, value


def _check_ids(row: Row) -> DataError | None:
    """The problem of a row whose patient or study is no text.

    Raises:
        DataError: an id is what a spreadsheet leaves of a long number, which would make one patient of many.
    """
    for key in ("patient", "study"):
        value, text = row.cells.get(key), row.name(key)
        if isinstance(value, list | Mapping) and value:
            remedy = f"write the id of the {key} as a text; the row is left out"
            return DataError(f"{row.thing}, {key}", "is nested", remedy)
        if key == "patient" and isinstance(value, str) and _CUT_SHORT.fullmatch(text):
            problem = (
                f"is a number that a spreadsheet has cut short ({text}), so that different ids look alike"
            )
            remedy = f"export the table again with its column of the {key} formatted as text"
            raise DataError(f"{row.thing}, {key}", problem, remedy)
    return None


def _view(path: Path, rows: list[Row], problems: Problems) -> View:
    said = (position for row in rows if (position := row.position(problems)))
    return view_of(path, id=rows[0].image, position=next(said, None))


def _report(rows: list[Row], problems: Problems) -> Report | None:
    """The report of all rows: sections that rows add to each other; of two that differ the first."""
    parts: dict[str, str] = {}
    for row in rows:
        report = row.report(problems)
        own = {name: text for name in SECTIONS if report and (text := getattr(report, name))}
        differs = next((name for name, text in own.items() if parts.get(name, text) != text), None)
        if differs is None:
            parts |= own
        else:
            problem = "its report differs from that of an earlier row of its study"
            remedy = "the first is kept; give each report a study of its own"
            problems.add(DataError(f"{row.thing}, {differs}", problem, remedy))
    return Report(**parts) if parts else None


def _labels(rows: list[Row], problems: Problems) -> dict[Finding, Presence]:
    """The labels of all rows; No Finding gives way to a finding."""
    labels = agreed(rows, problems)
    said = [pair for row in rows for pair in row.said(Problems(keep=0))]
    there = {finding for finding, presence in said if presence is Presence.PRESENT}
    if labels.get(Finding.NO_FINDING) is Presence.PRESENT and there - {
        Finding.NO_FINDING,
        Finding.SUPPORT_DEVICES,
    }:
        del labels[Finding.NO_FINDING]
        problems.add(DataError(rows[0].thing, "says No Finding beside a finding", "No Finding is left out"))
    return labels


def _regions(films: Mapping[Path, list[Row]], problems: Problems) -> tuple[Region, ...]:
    regions: list[Region] = []
    for view, (path, rows) in enumerate(films.items()):
        boxed = any(row.boxed() and not row.image_size() for row in rows)
        size = image_size(path) if boxed else None
        for row in rows:
            regions += row.regions(view, problems, size)
    return tuple(dict.fromkeys(regions))


def _prior(study: Study, row: Row, earlier: Mapping[str, list[Study]], problems: Problems) -> Study | None:
    name = row.name("prior")
    if not name:
        return None
    named = earlier.get(name, [])
    prior = next((other for other in named if other.patient == study.patient and other.id != study.id), None)
    if prior is None:
        if any(other.id != study.id for other in named):
            problem, remedy = "its prior is another patient's study", f"correct it or the patient of {name}"
        else:
            problem, remedy = "its prior is no earlier study", f"put the rows of {name} first"
        problems.add(DataError(row.thing, problem, remedy))
    return prior


SOURCE = Source(
    name="folder",
    summary="your own images, with a table of what is known of them",
    files="DICOM, PNG or JPEG images; metadata.csv, .tsv, .xlsx, .jsonl or .parquet (optional)",
    terms="your own",
    citation="none",
    read=read,
)
