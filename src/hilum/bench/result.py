"""What a benchmark found: figures with their intervals, and the pictures and reports that show them.

result = run(model, shards)
result.to_json()["tasks"][0]["value"]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hilum.bench.findings import FINDING_COLUMNS, FindingAccuracy
from hilum.bench.image_metrics.sets import SetScores
from hilum.bench.intervals import Estimate
from hilum.bench.items import ItemScore
from hilum.bench.kept import Reconstruction
from hilum.bench.population import Choice, SourceCount
from hilum.bench.probability import Probabilities
from hilum.bench.readings import FindingScore
from hilum.bench.shown import AskedShown
from hilum.bench.sides import SideTable
from hilum.study import Box, Fact, Pixels

COLUMNS = ("task", "metric", "n", "value [95 % interval]", "majority", "no image", "gain over no image")


@dataclass(frozen=True)
class Baseline:
    """A baseline's own figure, and what the model gains over it on the same items, paired."""

    estimate: Estimate
    gain: Estimate

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {**self.estimate.to_json(), "gain": self.gain.to_json()}


@dataclass(frozen=True)
class Figure:
    """One line of the benchmark.

    Args:
        title: its name for people.
        unusable: items that could not be compared as they are, by what was wrong with them.
    """

    name: str
    version: int
    title: str
    metric: str
    estimate: Estimate
    baselines: Mapping[str, Baseline] = field(default_factory=dict)
    unusable: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        baselines = {name: baseline.to_json() for name, baseline in self.baselines.items()}
        head = {"name": self.name, "version": self.version, "title": self.title, "metric": self.metric}
        unusable = {"unusable": dict(self.unusable)} if self.unusable else {}
        return {**head, **self.estimate.to_json(), **unusable, "baselines": baselines}

    def row(self) -> list[str]:
        """Cells under `COLUMNS`."""
        majority, blind = self.baselines.get("majority"), self.baselines.get("no_image")
        return [
            self.name,
            self.metric,
            str(self.estimate.n),
            str(self.estimate),
            str(majority.estimate) if majority else "",
            str(blind.estimate) if blind else "",
            str(blind.gain) if blind else "",
        ]


@dataclass(frozen=True)
class Skipped:
    """A figure that could not be measured, and why."""

    name: str
    title: str
    reason: str

    def to_json(self) -> dict[str, str]:
        """A plain dictionary."""
        return {"name": self.name, "reason": self.reason}


@dataclass(frozen=True)
class Measured:
    """Whom the figures are about.

    Args:
        choice: how the studies were chosen; `why` says it in words.
        counts: how many of each source.
    """

    choice: Choice
    why: str
    counts: tuple[SourceCount, ...]

    @property
    def phantom_only(self) -> bool:
        """Whether every measured study is a synthetic one."""
        return {count.source for count in self.counts if count.studies} == {"phantom"}

    @property
    def faulty(self) -> bool:
        """Whether anything in the files of their sources was faulty."""
        return any(count.problems for count in self.counts)

    @property
    def seen(self) -> int:
        """How many of the measured studies the model is known to have seen in training."""
        return sum(count.seen or 0 for count in self.counts)

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        sources = [count.to_json() for count in self.counts]
        return {"split": self.choice.value, "meaning": self.why, "sources": sources}


@dataclass(frozen=True)
class Change:
    """One figure before and after alignment, on the same items."""

    name: str
    title: str
    metric: str
    before: Estimate
    after: Estimate
    gain: Estimate

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary; `relative` is the gain over the value before."""
        relative = None
        if self.gain.value is not None and self.before.value:
            relative = self.gain.value / self.before.value
        sides = {"before": self.before.to_json(), "after": self.after.to_json(), "gain": self.gain.to_json()}
        return {"name": self.name, "metric": self.metric, **sides, "relative": relative}


@dataclass(frozen=True)
class Alignment:
    """Before and after side by side; `length_ratio` is words after over words before."""

    changes: tuple[Change, ...]
    length_ratio: Estimate

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        changes = [change.to_json() for change in self.changes]
        return {"changes": changes, "length_ratio": self.length_ratio.to_json()}


@dataclass(frozen=True)
class Drawing:
    """Drawn pictures: share with exactly the right number of codes, and whether they show what was asked.

    Args:
        drawn, real, gap: macro AUROC of the asked findings, and drawn less real; None without a classifier.
        aligned, aligned_real: how often a picture fits its own report better than another one, by the same
            classifier; one half is chance.
        sets: the drawn pictures as a set beside the real ones; None without an encoder. `rebuilt_sets` the
            real ones' reconstructions beside them.
        shown: side, severity and absence of what was asked; None without a classifier.
    """

    right_codes: Estimate
    drawn: Estimate | None = None
    real: Estimate | None = None
    gap: Estimate | None = None
    findings: tuple[FindingScore, ...] = ()
    aligned: Estimate | None = None
    aligned_real: Estimate | None = None
    sets: SetScores | None = None
    rebuilt_sets: SetScores | None = None
    shown: AskedShown | None = None

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        named = {
            "macro_auroc_drawn": self.drawn,
            "macro_auroc_real": self.real,
            "gap": self.gap,
            "aligned_drawn": self.aligned,
            "aligned_real": self.aligned_real,
        }
        return {
            "right_codes": self.right_codes.to_json(),
            **{name: found and found.to_json() for name, found in named.items()},
            "findings": [finding.to_json() for finding in self.findings],
            "sets": self.sets and self.sets.to_json(),
            "rebuilt_sets": self.rebuilt_sets and self.rebuilt_sets.to_json(),
            "shown": self.shown and self.shown.to_json(),
        }


@dataclass(frozen=True)
class ReportShown:
    """A generated report beside the one it should be."""

    study: str
    images: tuple[Pixels, ...]
    truth: tuple[Fact, ...]
    reference: str
    written: str
    before: str | None = None


@dataclass(frozen=True)
class BoxShown:
    """A phrase with its true and its given boxes."""

    study: str
    image: Pixels
    phrase: str
    truth: tuple[Box, ...]
    given: tuple[Box, ...]
    iou: float


@dataclass(frozen=True)
class DrawnShown:
    """A drawn picture beside the real one of the same report.

    Args:
        nearest: the film of the training that is nearest to it in an encoder's features, and pixel by pixel.
    """

    study: str
    text: str
    real: Pixels
    drawn: Pixels
    nearest: tuple[Pixels, Pixels] | None = None


@dataclass(frozen=True)
class QuestionShown:
    """A question with the right and the given answer."""

    study: str
    task: str
    image: Pixels | None
    question: str
    reference: str
    given: str
    right: bool


@dataclass(frozen=True)
class Gallery:
    """What a person looks at beside the numbers; it is not part of the JSON."""

    reports: tuple[ReportShown, ...] = ()
    boxes: tuple[BoxShown, ...] = ()
    drawn: tuple[DrawnShown, ...] = ()
    questions: tuple[QuestionShown, ...] = ()
    reconstructed: tuple[tuple[Pixels, Pixels], ...] = ()


@dataclass(frozen=True)
class BenchResult:
    """Everything a benchmark found, and the protocol by which it did.

    Args:
        skipped: what was not measured.
        items: what every answer scored; a file of its own beside the JSON.
        sides: how often a finding is put on the wrong side, task by task.
        probabilities: how good the likelihoods of yes and no are, where a disease is asked for.
        complete: False while tasks are still to come, and for good when something broke the benchmark off.
    """

    figures: tuple[Figure, ...]
    protocol: Mapping[str, Any]
    measured: Measured
    findings: tuple[FindingAccuracy, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    complete: bool = True
    alignment: Alignment | None = None
    drawing: Drawing | None = None
    reconstruction: Reconstruction | None = None
    gallery: Gallery = field(default_factory=Gallery, repr=False)
    items: tuple[ItemScore, ...] = field(default=(), repr=False)
    sides: tuple[SideTable, ...] = ()
    probabilities: Probabilities | None = None

    def figure(self, name: str) -> Figure:
        """The figure of a task.

        Raises:
            KeyError: it was not measured.
        """
        for figure in self.figures:
            if figure.name == name:
                return figure
        raise KeyError(name)

    def to_json(self) -> dict[str, Any]:
        """One JSON document; `columns` and `rows` are the same figures as a table of text."""
        return {
            "complete": self.complete,
            "measured": self.measured.to_json(),
            "tasks": [figure.to_json() for figure in self.figures],
            "skipped": [skipped.to_json() for skipped in self.skipped],
            "findings": [finding.to_json() for finding in self.findings],
            "sides": [table.to_json() for table in self.sides],
            "probabilities": self.probabilities and self.probabilities.to_json(),
            "alignment": self.alignment and self.alignment.to_json(),
            "drawing": self.drawing and self.drawing.to_json(),
            "reconstruction": self.reconstruction and self.reconstruction.to_json(),
            "protocol": dict(self.protocol),
            "columns": list(COLUMNS),
            "rows": [figure.row() for figure in self.figures] + self._further_rows(),
            "finding_columns": list(FINDING_COLUMNS),
            "finding_rows": [finding.row() for finding in self.findings],
        }

    def _further_rows(self) -> list[list[str]]:
        named: list[tuple[str, str, Estimate | None]] = []
        if self.drawing is not None:
            named += [
                ("drawn_codes", "share with exactly the right number of codes", self.drawing.right_codes),
                ("drawn_auroc", "macro AUROC of the asked findings, drawn", self.drawing.drawn),
                ("real_auroc", "macro AUROC of the same findings, real", self.drawing.real),
                ("drawn_aligned", "share that fits its report better than another", self.drawing.aligned),
                ("real_aligned", "the same of real pictures", self.drawing.aligned_real),
            ]
            named += self.drawing.sets.rows() if self.drawing.sets else []
            named += self.drawing.shown.rows() if self.drawing.shown else []
        if self.reconstruction is not None:
            named += self.reconstruction.rows()
        return [[name, metric, str(e.n), str(e), "", "", ""] for name, metric, e in named if e is not None]
