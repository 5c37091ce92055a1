"""The commands that read or make studies: quickstart, build, bench, phantom.

Build(source=("phantom",), out=Path("shards"), limit=100).run()
"""

from __future__ import annotations

import json as json_format
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import arg

from hilum.cli import inputs, show
from hilum.cli.command import Base, Limit, Number, Run, Sources, Tasks
from hilum.cli.screen import Outcome
from hilum.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Quickstart(Base):
    """Build, tokenize, train, align and benchmark a small model; write report.html and report.json.

    Without --source the embedded cohort of synthetic patients is used.

    Example:
      hilum quickstart --out quickstart
      hilum quickstart --out runs/nih --source phantom --source nih-chestxray14=data/nih-chestxray14
    """

    out: Path = Path("quickstart")
    """The run folder to write."""
    seed: Number = 0
    """The same seed gives the same data and the same order of training."""
    source: Sources = ()
    """A source of studies, repeatable; `hilum build --help` lists the names."""

    def run(self) -> Outcome:
        """Run the whole way."""
        from hilum.recipes import quickstart

        specs = inputs.sources(self.source)
        quickstart(self.out, seed=self.seed, sources=specs)
        page = self.out / "report.html"
        document = _read_json(self.out / "report.json")
        return Outcome(
            document, show.lines(f"the benchmark, with pictures: {page}", f"the model: {self.out}")
        )


@dataclass(frozen=True, kw_only=True)
class Build(Base):
    """Turn studies into conversations: Parquet shards, a data card and a gallery.

    Sources: phantom, nih-chestxray14=PATH, open-i=PATH, vqa-rad=PATH, hannover-covid=PATH, folder=PATH.
    A bad row is skipped, counted and listed in problems.jsonl.

    Example:
      hilum build --source phantom --source nih-chestxray14=data/nih-chestxray14 --out shards --limit 500
    """

    source: Sources
    """A source of studies, repeatable."""
    out: Path
    """The folder to write; a folder that an earlier build wrote is replaced."""
    limit: Limit = None
    """Take at most this many studies of each source."""
    seed: Number = 0
    """The same seed gives the same shards."""

    def run(self) -> Outcome:
        """Build the shards."""
        from hilum.instruct import build

        inputs.at_least("--limit", self.limit)
        if not self.source:
            raise UsageError("--source", "is missing", "name one, for example --source phantom")
        out = inputs.new_folder(self.out, "card.json")
        build(inputs.sources(self.source), out, limit=self.limit, seed=self.seed)
        document = _read_json(out / "card.json")
        skipped = _count_lines(out / "problems.jsonl")
        notes = [
            f"shards: {self.out}",
            f"data card: {self.out / 'card.md'}",
            f"gallery: {self.out / 'gallery.html'}",
        ]
        if skipped:
            notes.append(f"{skipped} problems, listed in {self.out / 'problems.jsonl'}")
        return Outcome(document, show.lines(*notes))


@dataclass(frozen=True, kw_only=True)
class Bench(Base):
    """Measure a trained model on each task, with a 95 % interval beside every figure.

    Without --source it is measured on the test split that the run was built with.

    Tasks: findings_generation, impression_generation, report_to_image, findings_summarization,
    view_classification, disease_identification, binary_disease, vqa_closed, vqa_open, phrase_grounding,
    abnormality_detection, progression, text_instruction.

    Example:
      hilum bench quickstart --source nih-chestxray14=data/nih-chestxray14 --task view_classification
    """

    run_folder: Run
    """The run folder of a trained model."""
    source: Sources = ()
    """A source of studies, repeatable; `hilum build --help` lists the names."""
    task: Tasks = ()
    """A task to measure, repeatable; all of them when none is named."""
    limit: Limit = None
    """Take at most this many studies of each source."""
    seed: Number = 0
    """The seed of the bootstrap and of sampling."""

    def run(self) -> Outcome:
        """Measure."""
        inputs.at_least("--limit", self.limit)
        tasks = inputs.tasks(self.task)
        specs = inputs.sources(self.source)
        from hilum.recipes import bench_run

        result = bench_run(self.run_folder, specs, tasks=tasks, limit=self.limit, seed=self.seed)
        document = result.to_json()
        return Outcome(document, show.table("", *_figures(document)))


@dataclass(frozen=True, kw_only=True)
class Phantom(Base):
    """Write synthetic patients with known truth: images, masks, boxes, reports and labels.

    Example:
      hilum phantom --n 24 --out phantoms --size 256
    """

    n: Number
    """How many studies."""
    out: Path
    """The folder to write."""
    size: Annotated[int, arg(metavar="PX")] = 256
    """Height and width of the images in pixels."""
    seed: Number = 0
    """The same seed gives the same bytes."""

    def run(self) -> Outcome:
        """Write the cohort."""
        from hilum.phantom import write_cohort

        inputs.at_least("--n", self.n)
        inputs.at_most("--n", self.n, 10**6)  # some hundred gigabytes
        inputs.at_least("--size", self.size, 64)
        out = inputs.new_folder(self.out, "studies.jsonl")
        write_cohort(self.n, out, size=self.size, seed=self.seed)
        document = {"out": str(self.out), "studies": self.n, "size": self.size, "seed": self.seed}
        return Outcome(document, show.lines(f"{self.n} studies: {self.out}"))


def _read_json(path: Path) -> Any:
    return json_format.loads(path.read_text(encoding="utf-8"))


def _count_lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines()) if path.is_file() else 0


def _figures(document: Any) -> tuple[list[str], list[list[str]]]:
    """Columns and rows of a benchmark's own table."""
    return list(document["columns"]), [[str(cell) for cell in row] for row in document["rows"]]
