"""MIMIC-CXR and MIMIC-CXR-JPG: 377,110 films of 65,379 patients with reports and labels mined from them.

hilum build --source mimic-cxr=FOLDER --out DIR

FOLDER holds MIMIC-CXR-JPG 2.0.0 or 2.1.0 (`files/p10/p10000032/s50414267/DICOM.jpg` and its tables),
MIMIC-CXR with its DICOM tree and reports, or both in subfolders; what is missing there is looked for beside
it in folders whose names begin with "mimic". Access: credentialed (PhysioNet Credentialed Health Data
License 1.5.0).

Read from the tables, which may be packed: `mimic-cxr-2.0.0-metadata.csv` (dicom_id, subject_id, study_id,
ViewPosition, ViewCodeSequence_CodeMeaning, StudyDate, StudyTime; without it `cxr-record-list.csv` and the
DICOM headers), `…-split.csv` (study_id, split), `…-chexpert.csv` or else `…-negbio.csv` (subject_id,
study_id, 14 labels), `mimic-cxr-2.1.0-test-set-labeled.csv` (labels given by hand, which replace the
mined ones), `mimic_cxr_sectioned.csv`, the reports' text files or `mimic-cxr-reports.zip`, and MIMIC-IV's
`patients.csv` and `admissions.csv`. CheXinstruct counted findings that a report does not mention as absent,
mapped "uncertain" to a guess and read columns that the release lacks; here what is not mentioned stays
unknown. Cite: Johnson et al., MIMIC-CXR, Scientific Data 2019; Johnson et al., MIMIC-CXR-JPG, arXiv
1901.07042.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hilum.errors import DataError
from hilum.files import Problems
from hilum.sources.base import PHYSIONET, Request, Source, duplicate, numbered_rows
from hilum.sources.chexpert_labels import mined_labels
from hilum.sources.mimic_index import MimicIndex, Visit, mimic_id, table_among, visit_before
from hilum.sources.mimic_patients import MimicPatients
from hilum.sources.mimic_reports import MimicReports
from hilum.study import CHEXPERT_14, Finding, Presence, Study

CHEXPERT, NEGBIO = "mimic-cxr-2.0.0-chexpert.csv", "mimic-cxr-2.0.0-negbio.csv"
BY_HAND = "mimic-cxr-2.1.0-test-set-labeled.csv"

Labels = Mapping[Finding, Presence]


@dataclass(frozen=True)
class Joined:
    """MIMIC-CXR with all that lies beside it, for the datasets that are made from its studies."""

    index: MimicIndex
    reports: MimicReports
    patients: MimicPatients
    labels: Mapping[str, Labels]

    @classmethod
    def open(cls, request: Request) -> Joined:
        """Read the tables and note what was found and what was not.

        Raises:
            DataError: the metadata are missing, or a table lacks a column.
        """
        index = MimicIndex.open(request.folder, request.problems)
        subjects = {visit.subject for visit in index.visits.values()}
        joined = cls(
            index,
            MimicReports(index, request.problems),
            MimicPatients(index.folders, request.problems, subjects),
            read_labels(index.folders, request.problems),
        )
        for study in sorted(joined.labels.keys() - index.visits.keys()):
            problem = "has labels but is not in the metadata"
            request.problems.add(DataError(f"s{study}", problem, "they are left out"))
        found = {
            "reports": joined.reports.places,
            "labels": [n for n in (CHEXPERT, NEGBIO, BY_HAND) if table_among(index.folders, n)],
            "sex, age and race": joined.patients.found,
            "images": [str(root) for root in index.roots],
        }
        request.notes.extend(f"{what}: {', '.join(names) or 'none found'}" for what, names in found.items())
        return joined

    def study(self, visit: Visit, source: str) -> Study:
        """A visit as a study of a source, without its prior; views that are not there are left out.

        Where no images lie anywhere, none is missed.
        """
        films = visit.films if self.index.roots else []
        views = (self.index.view(film) for film in films)
        study = Study(
            id=f"{source}/{visit.study}",
            patient=f"mimic/{visit.subject}",
            source=source,
            views=tuple(view for view in views if view is not None),
            taken=visit.taken,
            split=self.index.splits.get(visit.study),
        )
        return self.patients.described(study, visit.subject)


def read_labels(folders: Sequence[Path], problems: Problems) -> dict[str, Labels]:
    """Study → labels: CheXpert's labeler, or NegBio's where that is missing; those read by hand win."""
    labels: dict[str, Labels] = {}
    words = [finding.value for finding in CHEXPERT_14]
    mined = table_among(folders, CHEXPERT, NEGBIO)
    if mined:
        labels.update(_label_rows(mined, words, problems))
    by_hand = table_among(folders, BY_HAND)
    if by_hand:
        renamed = ["Airspace Opacity" if word == "Lung Opacity" else word for word in words]
        labels.update(_label_rows(by_hand, renamed, problems))
    return labels


def _label_rows(table: Path, words: Sequence[str], problems: Problems) -> dict[str, Labels]:
    labels: dict[str, Labels] = {}
    for where, row in numbered_rows(table, ("study_id", *words), problems):
        study = mimic_id(row["study_id"])
        if not study:
            problems.add(DataError(where, "names no study", "it is left out"))
        elif study in labels:
            problems.add(duplicate(where))
        else:
            labels[study] = mined_labels(row, where, problems)
    return labels


def read(request: Request) -> Iterator[Study]:
    """One study per visit, patient by patient, the earliest visit first.

    The prior is the visit right before, by date and time; where that one has neither image nor report there
    is none, as an older one would not be what the report compares with. A study without images keeps its
    report; one without either is left out.
    """
    joined = Joined.open(request)
    for visits in joined.index.patients():
        made: dict[str, Study] = {}
        for visit in visits:
            study = joined.study(visit, "mimic-cxr")
            report = joined.reports.of(visit.subject, visit.study)
            if not study.views and report is None:
                request.problems.add(DataError(study.id, "has neither image nor report", "it is left out"))
                continue
            study = replace(study, report=report, labels=joined.labels.get(visit.study, {}))
            made[visit.study] = study  # without its prior: a chain would keep the whole past
            before = visit_before(visits, visit)
            yield replace(study, prior=made.get(before.study) if before else None)


SOURCE = Source(
    name="mimic-cxr",
    summary="227,835 studies of 65,379 patients: 377,110 films, reports, 14 labels",
    files="MIMIC-CXR-JPG (files/, mimic-cxr-2.0.0-{metadata,split,chexpert}.csv.gz) or MIMIC-CXR (files/, "
    "cxr-record-list.csv.gz); optional: mimic_cxr_sectioned.csv or mimic-cxr-reports.zip, "
    "mimic-cxr-2.1.0-test-set-labeled.csv.gz, MIMIC-IV",
    terms=PHYSIONET,
    citation="Johnson et al., MIMIC-CXR, Scientific Data 2019; MIMIC-CXR-JPG, arXiv 1901.07042",
    read=read,
    access="credentialed",
)
