"""The command that measures: a run on studies, or any model on CheXbench.

Bench(model="quickstart", chexbench=Path("data.json"), images=Path("images"), out=Path("bench")).run()
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from tyro.conf import Positional, arg

from hilum.cli import inputs, show
from hilum.cli.command import OnStudies
from hilum.cli.faults import LEFT_OUT
from hilum.cli.screen import Outcome
from hilum.errors import UsageError

if TYPE_CHECKING:
    from hilum.bench.adapters import Adapter
    from hilum.bench.chexbench.result import ChexbenchResult
    from hilum.bench.result import BenchResult

Result = TypeVar("Result", "BenchResult", "ChexbenchResult")


@dataclass(frozen=True, kw_only=True)
class Bench(OnStudies):
    """Measure a model on each task, with a 95 % interval beside every figure.

    A run folder is measured on studies; with --chexbench any model is asked CheXbench's questions.

    Without --source it is measured on the test split that the run was built with. Sources are those of
    `hilum build --help`; phantom too has to be named to be measured on. A task that the studies give no
    question for is skipped, and said to be. When it is broken off, what was measured until then is shown.

    Tasks: findings_generation, impression_generation, report_to_image, findings_summarization,
    view_classification, disease_identification, binary_disease, vqa_closed, vqa_open, phrase_grounding,
    abnormality_detection, progression; there is no figure for text_instruction,
    nor for the further tasks of `hilum tasks`.

    CheXbench: its data.json as published, with the folder its image paths are relative to. MODEL is then a
    run folder, hf:PATH_OR_ID, chexagent:PATH_OR_ID, llm-cxr:PATH, endpoint:URL#MODEL or
    python:MODULE:FUNCTION. Each task is asked again without the images, with another item's, and with the
    options in another order. Items that cannot be asked are counted and named, and the exit status is then 3.
    Answers are kept in --out: a run that was stopped goes on when given again. Tasks: view_classification,
    binary_disease_classification, single_disease_identification, multiple_disease_identification,
    temporal_classification, visual_question_answering, fine_grained_reasoning, phrase_grounding,
    findings_generation, findings_summarization.

    Example:
      hilum bench quickstart --source nih-chestxray14=data/nih-chestxray14 --out bench
      hilum bench quickstart --chexbench data.json --images films --out chexbench
      hilum bench hf:llava-hf/llava-1.5-7b-hf --chexbench data.json --images films --protocol likelihood
    """

    model: Annotated[Positional[str], arg(metavar="MODEL")]
    """The run folder of a trained model; with --chexbench any model."""
    out: Annotated[Path | None, arg(metavar="FOLDER", help_behavior_hint="")] = None
    """Also write report.html, with pictures, report.json and items.jsonl into this folder, task by task. A
    folder that holds the result of another model, or of other questions, is refused; the same command given
    again replaces its own."""
    chexbench: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None
    """CheXbench's JSON: ask its questions instead of those about studies."""
    images: Annotated[Path | None, arg(metavar="FOLDER", help_behavior_hint="")] = None
    """The folder that the image paths of --chexbench are relative to."""
    protocol: Annotated[
        Literal["likelihood", "generation", "both"] | None,
        arg(metavar="likelihood|generation|both", help_behavior_hint="(default: both)"),
    ] = None
    """How CheXbench's choices are answered. likelihood: the option with the highest mean log-probability per
    token; generation: the model's words, read as a letter or as an option's own words. Figures of the two are
    different measurements."""
    controls: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: 300)")] = None
    """Most of CheXbench's questions of each task to ask again without images, with others' images and in
    another order; 0: none."""
    trust_remote_code: bool = False
    """Run Python code that comes with a checkpoint (hf: and chexagent: alone)."""

    def run(self) -> Outcome:
        """Measure."""
        inputs.at_least("--limit", self.limit)
        inputs.at_least("--seed", self.seed, 0)
        if self.chexbench is not None:
            return self._chexbench(self.chexbench)
        for name in ("images", "protocol", "controls", "trust_remote_code"):
            if getattr(self, name) not in (None, False):
                raise UsageError(f"--{name.replace('_', '-')}", "is for --chexbench", "name CheXbench's JSON")
        run_folder = Path(self.model)
        tasks = inputs.tasks(self.task)
        specs = inputs.sources(self.source, self.map)
        from hilum import bench
        from hilum.bench.saved import refuse_other
        from hilum.recipes import bench_run

        if self.out is not None:
            inputs.apart(self.out, run_folder, specs)
            bench.require_writable(self.out)
            refuse_other(self.out, {"command": self._command()})
        measure = partial(
            bench_run,
            run_folder,
            specs,
            tasks=tasks,
            split=bench.Choice(self.split) if self.split else None,
            limit=self.limit,
            seed=self.seed,
            command=self._command(),
        )
        result, failure = _as_far_as_it_goes(lambda keep: measure(keep=keep), bench.write, self.out)
        notes = [f"the page: {self.out / 'report.html'}"] if self.out is not None else []
        status = LEFT_OUT if specs and result.measured.faulty else 0
        return Outcome(result.to_json(), show.benchmark(result, notes), failure, status)

    def _chexbench(self, path: Path) -> Outcome:
        inputs.at_least("--controls", self.controls, 0)
        for name, given in (("source", self.source), ("map", self.map), ("split", self.split)):
            if given:
                raise UsageError(f"--{name}", "is not for --chexbench", "leave one of the two out")
        if self.images is None:
            raise UsageError("--images", "is missing", "name the folder that the image paths are relative to")
        from hilum.bench import chexbench
        from hilum.bench.adapters import Stored, open_adapter
        from hilum.bench.chexbench.ask import CONTROLLED
        from hilum.bench.saved import refuse_other
        from hilum.files import refuse_overlap

        out = self.out
        if out is not None:
            chexbench.require_writable(out)
            model = [Path(self.model)] if Path(self.model).exists() else []
            refuse_overlap(out, [path, self.images, *model])
        bench = chexbench.read(path, self.images, self.task)
        adapter: Adapter = open_adapter(self.model, trust_remote_code=self.trust_remote_code)
        if out is not None:
            about = {"command": self._command(), "adapter": adapter.describe(), "file_sha256": bench.sha256}
            refuse_other(out, about)
            adapter = Stored(adapter, out / "answers.jsonl")
        measure = partial(
            chexbench.run,
            adapter,
            bench,
            protocol=self.protocol or "both",
            limit=self.limit,
            controlled=CONTROLLED if self.controls is None else self.controls,
            seed=self.seed,
            command=self._command(),
        )
        result, failure = _as_far_as_it_goes(lambda keep: measure(keep=keep), chexbench.write, out)
        notes = [f"the page: {out / 'report.html'}"] if out is not None else []
        draw = show.chexbench(result, notes)
        failure = failure or result.failure
        return Outcome(result.to_json(), draw, failure, LEFT_OUT if bench.problems else 0)

    def _command(self) -> str:
        model = Path(self.model).name if Path(self.model).exists() else self.model
        chexbench = f" --chexbench {self.chexbench.name} --images FOLDER" if self.chexbench else ""
        names = ("split", "protocol", "controls", "limit")
        options = {**{name: getattr(self, name) for name in names}, "seed": self.seed or None}
        return inputs.given_again(f"hilum bench {model}{chexbench}", self.source, self.task, options)


def _as_far_as_it_goes(
    measure: Callable[[Callable[[Result], None]], object],
    write: Callable[[Result, Path], None],
    out: Path | None,
) -> tuple[Result, BaseException | None]:
    """The last result that a measurement kept, also in `out`, and what broke it off, if anything did.

    Raises:
        UsageError: `out` holds the result of another model.
    """
    from hilum.bench.saved import refuse_other

    found: list[Result] = []

    def keep(result: Result) -> None:
        if out is not None and not found:
            refuse_other(out, result.protocol)
        found[:] = [result]
        if out is not None:
            write(result, out)

    failure: BaseException | None = None
    try:
        measure(keep)
    except BaseException as error:
        if not found:
            raise
        failure = error
    return found[0], failure
