"""ReXVal: reports found by four metrics, with the errors that six radiologists counted in each.

hilum build --source rexval=FOLDER --out DIR

Full name: Radiology Report Expert Evaluation (ReXVal) Dataset 1.0.0. Access: credentialed (PhysioNet).
Licence: PhysioNet Credentialed Health Data License 1.5.0. Files: `50_samples_gt_and_candidates.csv`
(study_id, gt_report, radgraph, bertscore, s_emb, bleu) and `6_valid_raters_per_rater_error_categories.csv`
(study_number: the row of the first file from 0, candidate_type, rater_index, error_category 1 to 6,
clinically_significant, num_errors). Citation: Yu et al., Patterns 2023.

An example is `TextExample(EVALUATION, (reference, candidate), answer)`; the answer has all six categories of
clinically significant errors in their order, each with the mode of the raters' counts (of several, the
lowest; a rater without a row for a category counted none):

    false prediction of finding: 1; omission of finding: 0; …; omission of comparison: 0

Errors without significance are counted as left out. All is for testing. The patient of a study is known where
MIMIC-CXR's split table is in the folder or beside it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

from hilum.errors import DataError
from hilum.sources.base import PHYSIONET, Request, Seen, Source, number, numbered_rows
from hilum.sources.mimic_index import MimicIndex, mimic_id
from hilum.study import Split, Study, TextExample, TextKind

REPORTS = "50_samples_gt_and_candidates.csv"
RATINGS = "6_valid_raters_per_rater_error_categories.csv"
CANDIDATES = ("radgraph", "bertscore", "s_emb", "bleu")
CATEGORIES = (
    "false prediction of finding",
    "omission of finding",
    "incorrect location of finding",
    "incorrect severity of finding",
    "comparison not in the reference",
    "omission of comparison",
)
"""What `error_category` 1 to 6 stands for."""

_COLUMNS = (
    "study_number",
    "candidate_type",
    "rater_index",
    "error_category",
    "clinically_significant",
    "num_errors",
)
_TRUE = {"true": True, "1": True, "false": False, "0": False}

Ratings = Mapping[tuple[int, str], Mapping[str, Mapping[int, int]]]
"""Row of the reports and candidate → rater → category → errors."""


def read(request: Request) -> Iterator[Study]:
    """One study per reference report with its candidates, without images, in the order of the table."""
    ratings = _ratings(request)
    mimic = MimicIndex.open(request.folder, request.problems, required=False)
    path = request.folder / REPORTS
    # A broken row still counts as one, since ratings name reports by the number of their row.
    for row_number, (where, row) in enumerate(numbered_rows(path, ("study_id", "gt_report", *CANDIDATES))):
        reference, study = " ".join(row["gt_report"].split()), row["study_id"].strip().removesuffix(".0")
        if not reference:
            request.problems.add(DataError(where, "has no gt_report", "it is left out"))
            continue
        examples = []
        for candidate in CANDIDATES:
            text, raters = " ".join(row[candidate].split()), ratings.get((row_number, candidate))
            if text and raters:
                examples.append(TextExample(TextKind.EVALUATION, (reference, text), _answer(raters.values())))
            else:
                problem = "has no text" if not text else "has no ratings"
                request.problems.add(DataError(f"{where}, {candidate}", problem, "it is left out"))
        if examples:
            subject = mimic.subject(mimic_id(study))
            yield Study(
                f"rexval/{row_number}",
                f"mimic/{subject}" if subject else f"rexval/{study or row_number}",
                "rexval",
                (),
                texts=tuple(examples),
                split=Split.TEST,
            )


def _ratings(request: Request) -> Ratings:
    ratings: dict[tuple[int, str], dict[str, dict[int, int]]] = defaultdict(lambda: defaultdict(dict))
    seen = Seen(request.problems)
    for where, row in numbered_rows(request.folder / RATINGS, _COLUMNS, request.problems):
        study, category, errors = (
            number(row[name]) for name in ("study_number", "error_category", "num_errors")
        )
        candidate, rater = row["candidate_type"].strip().lower(), row["rater_index"].strip()
        significant = _TRUE.get(row["clinically_significant"].strip().lower())
        problem = None
        if study is None or errors is None or errors < 0 or errors % 1 or not rater:
            problem = "has no study_number, rater_index or whole num_errors"
        elif candidate not in CANDIDATES:
            problem = f"has a candidate_type that is none of {', '.join(CANDIDATES)}"
        elif category not in range(1, len(CATEGORIES) + 1):
            problem = "has an error_category that is not 1 to 6"
        elif significant is None:
            problem = "has a clinically_significant that is not True or False"
        if problem or study is None or category is None or errors is None:
            request.problems.add(DataError(where, problem or "is broken", "it is left out"))
            continue
        name = f"{RATINGS}: {study:g}/{candidate}/{rater}/{category:g}/{significant}"
        if seen.again(name):
            continue
        # That a rater judged a candidate at all is known from any of the rows.
        counts = ratings[int(study), candidate][rater]
        if significant:
            counts[int(category)] = int(errors)
        else:
            request.left_out["errors without clinical significance"] += int(errors)
    return ratings


def _answer(raters: Iterable[Mapping[int, int]]) -> str:
    """The mode of the raters' counts for each category."""
    given = list(raters)
    return "; ".join(
        f"{name}: {_mode(Counter(counts.get(category, 0) for counts in given))}"
        for category, name in enumerate(CATEGORIES, start=1)
    )


def _mode(counts: Counter[int]) -> int:
    return min(counts, key=lambda count: (-counts[count], count))


SOURCE = Source(
    name="rexval",
    summary="200 candidate reports with the errors six radiologists counted in them",
    files=f"{REPORTS}, {RATINGS}; optional: MIMIC-CXR's mimic-cxr-2.0.0-split.csv(.gz)",
    terms=PHYSIONET,
    citation="Yu et al., Evaluating Progress in Automatic Chest X-Ray Report Generation, Patterns 2023",
    read=read,
    access="credentialed",
)
