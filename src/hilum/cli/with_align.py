"""The commands about preferences: align tunes a model by them, align-study tells what that does to the truth.

Align(run_folder=Path("quickstart"), out=Path("aligned"), algorithm="rdpo", alpha=0.05).run()
AlignStudy(run_folder=Path("quickstart/supervised"), out=Path("study"), judge=("facts", "matches")).run()
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, UseAppendAction, arg

from hilum.cli import inputs, show
from hilum.cli.command import Base, Limit, Number, WithJudge
from hilum.cli.screen import Outcome

Real = Annotated[float | None, arg(metavar="X", help_behavior_hint="")]
Name = Literal["dpo", "ipo", "kto", "orpo", "rdpo", "grpo"]


@dataclass(frozen=True, kw_only=True)
class Align(WithJudge):
    """Make a trained model prefer the better of its own reports or pictures: sample, judge, pair, train.

    Reports are sampled for patients that training has left out, judged against the reports of their
    radiologists, and compared. Pictures are drawn of such reports, and judged by a classifier that looks for
    the findings asked for. Every step is kept in the new folder: stopped, it goes on when given again, and
    another algorithm there samples and judges nothing twice. align.html shows what was learned from.

    Example:
      hilum align quickstart --out aligned
      hilum align quickstart --algorithm rdpo --alpha 0.05 --beta 0.05 --out shorter
      hilum align run --judge green --endpoint http://127.0.0.1:8000/v1#green --length-controlled --out green
      hilum align quickstart --algorithm grpo --rounds 8 --n 8 --out grpo
      hilum align quickstart --what pictures --out drawn
      hilum align run --data shards --steps 500 --lr 1e-6 --out aligned
    """

    run_folder: Annotated[Positional[Path], arg(metavar="RUN")]
    """The run folder of a trained model."""
    out: Path = Path("aligned")
    """The folder to write; its model/ is what the other commands take."""
    what: Literal["reports", "pictures"] = "reports"
    """What is sampled and compared."""
    data: Path | None = None
    """Shards of other patients, which `hilum build` wrote; else those that the run kept for alignment."""
    preferences: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None
    """Pairs to learn from, instead of sampling and judging: .jsonl or .parquet with id (of a prompt), chosen,
    rejected."""
    algorithm: Name = "dpo"
    """The loss: dpo, ipo, kto, orpo, rdpo (DPO that holds length back) or grpo (group-relative policy
    optimisation)."""
    beta: Real = None
    """Strength of the pull towards the supervised model (of orpo: weight of the odds ratio); default 0.1."""
    alpha: Real = None
    """Of rdpo: how much length is held back, per token; default 0.05."""
    n: Number = 6
    """Reports or pictures sampled for each prompt."""
    rounds: Number = 1
    """How often to sample from the newest model and train on that."""
    steps: Annotated[int | None, arg(metavar="N", help_behavior_hint="")] = None
    """Steps of each round; by default once over its pairs."""
    lr: Real = None
    """Peak learning rate; by default the run's recipe's for alignment, or 1e-6."""
    limit: Limit = None
    """Take at most this many prompts."""
    seed: Number = 0
    """The same seed samples the same answers and trains in the same order."""

    def run(self) -> Outcome:
        """Align."""
        inputs.at_least("--n", self.n, 2)
        inputs.at_least("--rounds", self.rounds)
        inputs.at_least("--seed", self.seed, 0)
        inputs.at_least("--limit", self.limit)
        inputs.at_least("--steps", self.steps)
        from hilum.align import Algorithm, Reports
        from hilum.recipes.align import What, align_run, default_config

        what = What(self.what)
        config = default_config(self.run_folder, Algorithm(self.algorithm), what, seed=self.seed)
        config = replace(
            config,
            n=self.n,
            rounds=self.rounds,
            beta=config.beta if self.beta is None else self.beta,
            alpha=config.alpha if self.alpha is None else self.alpha,
            epochs=0.0 if self.steps else 1.0,
            fit=replace(
                config.fit,
                steps=self.steps or config.fit.steps,
                lr=config.fit.lr if self.lr is None else self.lr,
            ),
        )
        grader = None
        if what is What.PICTURES:
            self.refuse_judge("pictures are judged by a classifier")
        else:
            grader = Reports(self.opened(self.cache or self.out / "work" / "judged.jsonl"))
        result = align_run(
            self.run_folder,
            self.out,
            config,
            grader=grader,
            what=what,
            data=self.data,
            limit=self.limit,
            preferences=self.preferences,
            command=self._command(),
        )
        document = {"run": str(self.out), "what": self.what, **result.to_json()}
        return Outcome(document, show.lines(*result.lines(), f"the page: {self.out / 'align.html'}"))

    def _command(self) -> str:
        options = {"beta": self.beta, "alpha": self.alpha, "n": self.n, "rounds": self.rounds}
        options |= {"steps": self.steps, "lr": self.lr, "limit": self.limit, "seed": self.seed}
        judged = f" --judge {self.judge}" if self.what == "reports" else f" --what {self.what}"
        command = f"hilum align {self.run_folder.name} --algorithm {self.algorithm}{judged}"
        command += " --length-controlled" if self.length_controlled else ""
        return inputs.given_again(command, (), (), options)


@dataclass(frozen=True, kw_only=True)
class AlignStudy(Base):
    """Show what alignment does to the truth: reward, truth, length and drift along training, on one page.

    The model is aligned once for every algorithm, judge and beta, each time from the same start. Along the
    way its policies answer the same questions about patients of the validation split. On the phantom the
    truth is known exactly; of other studies it is not, and is left out. The judge `matches` ignores
    false findings: it is there to be gamed. Stopped, a study goes on when given again. Start from the
    supervised model: of a run of `hilum quickstart`, supervised/.

    Example:
      hilum align-study quickstart/supervised --out study
      hilum align-study quickstart/supervised --algorithm dpo --algorithm ipo --beta 0.02 --out study
      hilum align-study quickstart/supervised --judge facts --length-control --tax --out study
    """

    run_folder: Annotated[Positional[Path], arg(metavar="RUN")]
    """The run folder of a trained model."""
    out: Path = Path("align-study")
    """The folder to write: study.html, study.json and work/."""
    data: Path | None = None
    """Shards of other patients, which `hilum build` wrote; else those that the run kept for alignment."""
    algorithm: Annotated[UseAppendAction[tuple[Name, ...]], arg(metavar="NAME")] = ()
    """A loss, repeatable: dpo (which is the default), ipo, kto, orpo, rdpo, grpo."""
    judge: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="NAME")] = ()
    """A judge, repeatable: facts, matches, or one that `hilum judge` opens by its name alone; facts and
    matches when none is named."""
    beta: Annotated[UseAppendAction[tuple[float, ...]], arg(metavar="X")] = ()
    """Strength of the pull towards the start, repeatable; default 0.1."""
    length_control: bool = False
    """Align each once more by the judge's score / max(words / reference's words, 1)."""
    steps: Number = 120
    """Steps of each alignment."""
    lr: Real = None
    """Peak learning rate; by default the run's recipe's for alignment, or 1e-6."""
    sft_weight: Annotated[float, arg(metavar="X")] = 0.0
    """Weight of the better answer's own likelihood, which holds an alignment back; 0 shows the plain loss."""
    n: Number = 6
    """Reports sampled for each prompt."""
    limit: Limit = None
    """Take at most this many prompts."""
    items: Number = 300
    """Most questions that each policy is asked."""
    tax: bool = False
    """Also measure six other tasks before and after each alignment."""
    seed: Number = 0
    """The same seed samples the same reports, trains in the same order and asks the same questions."""

    def run(self) -> Outcome:
        """Study."""
        inputs.at_least("--n", self.n, 2)
        inputs.at_least("--seed", self.seed, 0)
        for option in ("limit", "steps", "items"):
            inputs.at_least(f"--{option}", getattr(self, option))
        from hilum.align import Algorithm
        from hilum.bench.alignment import Cell
        from hilum.recipes.align import ALPHA, default_config
        from hilum.recipes.align_study import JUDGES, align_study

        config = default_config(self.run_folder, Algorithm.DPO, seed=self.seed)
        lr = config.fit.lr if self.lr is None else self.lr
        fit = replace(config.fit, steps=self.steps, lr=lr)
        config = replace(config, n=self.n, sft_weight=self.sft_weight, fit=fit)
        cells = [
            Cell(algorithm, judge, beta, ALPHA if algorithm is Algorithm.RDPO else 0.0, control)
            for judge in self.judge or JUDGES
            for algorithm in map(Algorithm, self.algorithm or ("dpo",))
            for beta in self.beta or (config.beta,)
            for control in ((False, True) if self.length_control else (False,))
        ]
        result = align_study(
            self.run_folder,
            self.out,
            cells,
            config,
            data=self.data,
            limit=self.limit,
            items=self.items,
            tax=self.tax,
            command=self._command(),
        )
        page = f"the page: {self.out / 'study.html'}"
        return Outcome({"study": str(self.out), **result.to_json()}, show.lines(*result.lines(), page))

    def _command(self) -> str:
        words = [f"hilum align-study {self.run_folder.name}"]
        for option in ("algorithm", "judge", "beta"):
            words += [f"--{option} {value}" for value in getattr(self, option)]
        words += [f"--{o.replace('_', '-')}" for o in ("length_control", "tax") if getattr(self, o)]
        options = {"sft-weight": self.sft_weight or None}
        options |= {name: getattr(self, name) for name in ("steps", "lr", "n", "limit", "items", "seed")}
        return inputs.given_again(" ".join(words), (), (), options)
