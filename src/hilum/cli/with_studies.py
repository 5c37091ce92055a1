"""The commands that read or make studies: quickstart, train, build, leaks, phantom.

Build(source=("phantom",), out=Path("shards"), limit=100).run()
"""

from __future__ import annotations

import json as json_format
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, UseAppendAction, arg

from hilum.cli import inputs, show
from hilum.cli.command import Base, Limit, Made, Maps, Number, Sources
from hilum.cli.faults import LEFT_OUT
from hilum.cli.screen import Outcome
from hilum.errors import DataError, UsageError
from hilum.files import refuse_overlap, require_ours


@dataclass(frozen=True, kw_only=True)
class Quickstart(Base):
    """Build, tokenize, train, align and benchmark a small model; write report.html and report.json.

    Without --source and --data the embedded cohort of synthetic patients is used. It takes about a quarter of
    an hour on two cores; stopped, it goes on when given again.

    Example:
      hilum quickstart --out quickstart
      hilum quickstart --out runs/nih --source phantom --source nih-chestxray14=data/nih-chestxray14
      hilum quickstart --out runs/shards --data shards
    """

    out: Path = Path("quickstart")
    """The run folder to write."""
    recipe: Literal["nano", "small"] = "nano"
    """The recipe; small takes a night on two cores."""
    seed: Number = 0
    """The same seed gives the same data and the same order of training."""
    data: Path | None = None
    """Shards that `hilum build` wrote, of images as large as the recipe's or larger."""
    source: Sources = ()
    """A source of studies, repeatable, instead of --data; `hilum build --help` lists the names."""
    map: Maps = ()
    """Of a folder's table: read FIELD from this COLUMN, repeatable; see `hilum build --help`."""

    def run(self) -> Outcome:
        """Run the whole way."""
        inputs.at_least("--seed", self.seed, 0)
        from hilum.recipes import RECIPES, quickstart

        specs = inputs.sources(self.source, self.map)
        recipe = RECIPES[self.recipe](self.seed, None)
        options = {"recipe": self.recipe, "data": self.data and self.data.name, "seed": self.seed}
        command = inputs.given_again("hilum quickstart", self.source, (), options)
        quickstart(self.out, seed=self.seed, sources=specs, data=self.data, recipe=recipe, command=command)
        page = self.out / "report.html"
        document = _read_json(self.out / "report.json")
        return Outcome(
            document, show.lines(f"the benchmark, with pictures: {page}", f"the model: {self.out}")
        )


@dataclass(frozen=True, kw_only=True)
class Train(Base):
    """Train a model by a recipe, small and new or from a pretrained language model.

    nano reads features and writes codes, small does so with four times the pixels and codes; llm_cxr reads
    and writes images as tokens; chexagent joins an encoder to a language model in stages. Without --data and
    --source the embedded synthetic cohort is used. Stopped, it goes on when given again.

    Example:
      hilum train llm_cxr --text smollm2 --out runs/llm-cxr
      hilum train chexagent --data shards --text meta-llama/Llama-3.2-1B-Instruct --out runs/chexagent
      hilum train llm_cxr --text smollm2 --text-only databricks-dolly-15k.jsonl --out runs/dolly
      hilum train chexagent --set together.steps=200 --set together.lr=1e-4 --stage train --out runs/short
    """

    recipe: Annotated[Positional[Literal["nano", "small", "llm_cxr", "chexagent"]], arg(metavar="RECIPE")]
    """The recipe: nano, small, llm_cxr or chexagent."""
    out: Path = Path("run")
    """The run folder to write; its model/ is what the other commands take."""
    data: Path | None = None
    """Shards that `hilum build` wrote."""
    source: Sources = ()
    """A source of studies, repeatable, instead of --data; `hilum build --help` lists the names."""
    map: Maps = ()
    """Of a folder's table: read FIELD from this COLUMN, repeatable; see `hilum build --help`."""
    text: str | None = None
    """A pretrained language model: a folder, a .gguf file, a Hugging Face id, or smollm2."""
    vision: str | None = None
    """A pretrained vision encoder: a folder or a Hugging Face id; else the recipe trains its own."""
    layout: str | None = None
    """A chat layout where the language model brings none: chatml, llama3, mistral, gemma, phi, dolly."""
    text_only: Annotated[str | None, arg(metavar="FILE")] = None
    """Instructions without images to learn as well: a .jsonl or .parquet file with instruction, response and
    perhaps context, as databricks-dolly-15k has them; or general, some that Hilum brings."""
    stage: str | None = None
    """Stop after this stage: build, see, tokenize, train or align."""
    set: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="FIELD=VALUE")] = ()
    """A field of the recipe to change, repeatable: together.steps=200, model.width=256, studies=500."""
    seed: Number = 0
    """The same seed gives the same data and the same order of training."""
    store: Path | None = None
    """Where the stages' results are kept; runs that share a store make what they have in common once."""
    plan: bool = False
    """Only print what would be trained: parameters, tokens, steps, memory."""

    def run(self) -> Outcome:
        """Train, or plan to."""
        inputs.at_least("--seed", self.seed, 0)
        from dataclasses import replace

        from hilum.instruct import Shards
        from hilum.recipes import RECIPES, train, with_settings
        from hilum.recipes.plan import plan

        recipe = replace(RECIPES[self.recipe](self.seed, self.text), vision=self.vision, layout=self.layout)
        recipe = with_settings(replace(recipe, text_only=self.text_only), self.set)
        if self.plan:
            if self.data is not None:
                Shards(self.data)
            made = plan(recipe)
            return Outcome(made.to_json(), show.lines(*made.lines()))
        specs = inputs.sources(self.source, self.map)
        folder = train(recipe, self.out, sources=specs, data=self.data, until=self.stage, store=self.store)
        document = {"run": str(self.out), "model": str(folder) if folder.is_dir() else None}
        next_step = f"measure it: hilum bench {self.out}"
        if not folder.is_dir():
            next_step = "it is not finished: give the command again without --stage"
        return Outcome(document, show.lines(f"the run: {self.out}", next_step))


@dataclass(frozen=True, kw_only=True)
class Build(Base):
    """Turn studies into conversations: Parquet shards, a data card and a gallery.

    Sources: phantom, which is embedded; folder=PATH, images of your own; and the public datasets that
    `hilum sources` lists, such as mimic-cxr=PATH.
    What is faulty is skipped, counted and listed in problems.jsonl, and the exit status is then 3. A build
    that was stopped goes on when given again.

    A folder's table may have its columns under many usual names (docs/sources.md lists them); --map names
    others. Fields: image, patient, study, view, report, indication, comparison, findings, impression, labels,
    boxes, age, sex, prior, split, or a finding. `--map patient=none` says that no column names the patient.

    Example:
      hilum build --source phantom --source nih-chestxray14=data/nih-chestxray14 --out shards --limit 500
      hilum build --source folder=films --map patient=Code --dry-run
      hilum build --source phantom --tasks core,view_matching --out shards
    """

    source: Sources
    """A source of studies, repeatable."""
    out: Path | None = None
    """The folder to write; a folder that an earlier build wrote is replaced."""
    map: Maps = ()
    """Of a folder's table: read FIELD from this COLUMN, repeatable."""
    dry_run: bool = False
    """Write nothing; print what would be read, what not, and the counts per split."""
    size: Number = 512
    """Keep images with at most this many pixels on the short side; one build serves models of any size up to
    it, which fit each image into their own square. The phantom is drawn at this size."""
    limit: Limit = None
    """Take at most this many studies of each source."""
    views: Number = 3
    """Ask for a report with at most this many of a study's images, the frontal ones first, and say how each
    was taken; 0: with the frontal one alone, and say nothing."""
    tasks: Made = ()
    """Tasks to build: core (thirteen, the default), all, or names parted by commas, as `hilum tasks` lists
    them; repeatable."""
    mixture: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None
    """A TOML file of weights by task and source and a temperature, by which training draws."""
    no_copies: bool = False
    """Do not look for copies of a film (resized, renamed) to keep their patients in one split."""
    seed: Number = 0
    """The same seed gives the same shards."""
    workers: Limit = None
    """Processes; by default one per core."""
    ray: Annotated[str | None, arg(metavar="ADDRESS")] = None
    """Work on a Ray cluster: `auto`, HOST:PORT, or `local`, one that is started here (pip install
    'hilum[ray]'). Sources, --out and --parts must lie where all its machines see them."""
    strict: bool = False
    """Write nothing if anything in a source is faulty."""
    parts: Annotated[Path | None, arg(metavar="FOLDER", help_behavior_hint="(default: OUT.parts)")] = None
    """Where part files are kept, by which a stopped build goes on and a later one reads only what is new. In
    a folder named here they stay, and several builds may share it."""
    keep_parts: bool = False
    """Keep OUT.parts when the build is finished."""

    def run(self) -> Outcome:
        """Build the shards, or only say what they would hold."""
        from hilum.instruct import build, chosen, preview, read_mixture, summary

        tasks = [task.value for task in chosen(self.tasks or "core")]
        mixture = None if self.mixture is None else read_mixture(self.mixture)
        for name, value, least in (
            ("--size", self.size, 1),
            ("--limit", self.limit, 1),
            ("--views", self.views, 0),
            ("--workers", self.workers, 1),
            ("--seed", self.seed, 0),
        ):
            inputs.at_least(name, value, least)
        if not self.source:
            raise UsageError("--source", "is missing", "name one, for example --source phantom")
        specs = inputs.sources(self.source, self.map)
        if self.dry_run:
            if self.out is not None:
                # What the build itself would refuse is better known before hours of reading.
                require_ours(self.out)
                refuse_overlap(self.out, [spec.path for spec in specs if spec.path is not None])
            document = preview(specs, limit=self.limit, seed=self.seed)
            examples = [example for source in document["sources"] for example in source["examples"]]
            lines = show.lines(*summary(document), *(f"such as {example}" for example in examples))
            return Outcome(document, lines, status=LEFT_OUT if examples else 0)
        if self.out is None:
            raise UsageError("--out", "is missing", "name the folder to write, or give --dry-run")
        out = self.out
        build(
            specs,
            out,
            size=self.size,
            limit=self.limit,
            seed=self.seed,
            views=self.views,
            workers=self.workers,
            ray=self.ray,
            strict=self.strict,
            tasks=tasks,
            copies=not self.no_copies,
            mixture=mixture,
            parts=self.parts,
            keep_parts=self.keep_parts,
        )
        document = _read_json(out / "card.json")
        skipped = _count_lines(out / "problems.jsonl")
        notes = [
            f"shards: {self.out}",
            f"data card: {self.out / 'card.html'}",
            f"gallery: {self.out / 'gallery.html'}",
            *summary(document),
        ]
        if skipped:
            notes.append(f"{skipped} problems, listed in {self.out / 'problems.jsonl'}")
        return Outcome(document, show.lines(*notes), status=LEFT_OUT if skipped else 0)


@dataclass(frozen=True, kw_only=True)
class Leaks(Base):
    """Find patients, images and copies of images that the splits of a build, or two builds, share.

    A copy is the same film resized, compressed, windowed anew or renamed. The exit status is 1 where
    something that is learned from on one side is measured on the other.

    Example:
      hilum leaks shards
      hilum leaks shards --against benchmark-shards --json
    """

    shards: Annotated[Positional[Path], arg(metavar="SHARDS")]
    """Shards that `hilum build` wrote."""
    against: Path | None = None
    """Other shards, to compare with."""

    def run(self) -> Outcome:
        """Compare."""
        from hilum.instruct import Shards, audit

        found = audit(Shards(self.shards), None if self.against is None else Shards(self.against))
        document = found.to_json()
        said = [
            f"{row['count']:,} of kind {row['kind']}: {row['one']} and {row['other']}"
            for row in document["counts"]
        ]
        failure = None
        if found.learned:
            problem = f"{found.learned:,} patients or images are both learned from and measured on"
            remedy = "build it again without --no-copies"
            if self.against is not None:
                remedy = "build both from their sources into one folder, where the leak guard parts them"
            failure = DataError(self.shards, problem, remedy)
        return Outcome(document, show.lines(*(said or ["nothing is shared"])), failure)


@dataclass(frozen=True, kw_only=True)
class Phantom(Base):
    """Write synthetic patients with known truth: images, masks, boxes, reports and labels.

    Films are in images/, their true reports in reports/; `hilum report RUN phantoms/images/FILM` reads one.

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
        inputs.at_least("--seed", self.seed, 0)
        write_cohort(self.n, self.out, size=self.size, seed=self.seed)
        document = {"out": str(self.out), "studies": self.n, "size": self.size, "seed": self.seed}
        return Outcome(document, show.lines(f"{self.n} studies: {self.out}"))


def _read_json(path: Path) -> Any:
    return json_format.loads(path.read_text(encoding="utf-8"))


def _count_lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines()) if path.is_file() else 0
