"""The commands that need no model, only reports: facts, judge.

Facts(text="Small left pleural effusion.").run().document
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, UseAppendAction, arg

from hilum.cli import inputs, report_files, show
from hilum.cli.command import Base, WithJudge
from hilum.cli.screen import Outcome


@dataclass(frozen=True, kw_only=True)
class Facts(Base):
    """List what a report states: finding, presence, side, site, severity, change, and where it says so.

    Example:
      hilum facts "Small left pleural effusion. No pneumothorax." --json
    """

    text: Annotated[Positional[str], arg(metavar='"REPORT TEXT"')]
    """The report; "-" reads it from standard input."""

    def run(self) -> Outcome:
        """Extract."""
        from hilum.reports import extract_facts

        found = [fact.to_json() for fact in extract_facts(inputs.checked_report(self.text, "report text"))]
        return Outcome(found, show.facts(found))


@dataclass(frozen=True, kw_only=True)
class Judge(WithJudge):
    """Score candidate reports against reference reports, in [0, 1], by the facts they state or by --judge.

    Errors are sorted into GREEN's categories a to f. The files hold one report per line, or are CSV or JSONL
    with a column `report` (or `findings` and `impression`) and perhaps an `id`, by which they are paired.

    The judges green and llm ask a language model: --endpoint, which is sent the reports, or --model, in this
    process. What a judge could not judge is counted, left out of the mean, and makes the exit status 3.

    Example:
      hilum judge --references references.txt --candidates candidates.txt --json
      hilum judge --references references.csv --candidates candidates.jsonl --metric all
      hilum judge --references r.csv --candidates c.csv --judge green --model models/green --cache green.jsonl
    """

    references: Path
    """What is true: one report per line, CSV or JSONL."""
    candidates: Path
    """What is to be judged, in the same order or with the same ids."""
    metric: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="METRIC")] = ()
    """A metric to print beside the judge's score, repeatable: bleu, rouge, meteor, cider, facts, chexpert, or
    all of these; meteor_1_5, f1chexbert, radgraph, ratescore, green, bertscore need the extra
    hilum[metrics]."""

    def run(self) -> Outcome:
        """Judge."""
        from hilum.judge import Verdicts

        judge = self.opened(self.cache)
        references, candidates = report_files.paired(self.references, self.candidates)
        texts = [row.text for row in references], [row.text for row in candidates]
        verdicts = Verdicts(tuple(judge(*texts)))
        document = {"judge": judge.name, **verdicts.to_json(), "spent": judge.spent()}
        for row, reference in zip(document["reports"], references, strict=True):
            if reference.id is not None:
                row["id"] = reference.id
        if self.metric:
            document["metrics"] = _measured(*texts, self.metric)
        return Outcome(
            document, show.verdicts(document), status=3 if verdicts.unjudged or verdicts.mean is None else 0
        )


def _measured(references: list[str], candidates: list[str], names: tuple[str, ...]) -> dict[str, Any]:
    """Each metric's values with their intervals, every pair of reports counting as one patient's."""
    from hilum.bench.text_metrics import METRICS, measure

    chosen = tuple(dict.fromkeys(n for name in names for n in (METRICS if name == "all" else (name,))))
    scores = measure(references, candidates, chosen)
    patients = [str(number) for number in range(len(references))]
    return {
        name: {
            **found.to_json(),
            "values": {value: e.to_json() for value, e in found.estimates(patients).items()},
        }
        for name, found in scores.items()
    }
