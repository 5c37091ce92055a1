"""The command that tunes a model by preferences: align.

Align(run_folder=Path("quickstart"), out=Path("aligned"), algorithm="rdpo", alpha=0.05).run()
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from hilum.cli import inputs, show
from hilum.cli.command import Base, Limit, Number
from hilum.cli.screen import Outcome

Real = Annotated[float | None, arg(metavar="X", help_behavior_hint="")]


@dataclass(frozen=True, kw_only=True)
class Align(Base):
    """Make a trained model prefer the better of its own reports or pictures: sample, judge, pair, train.

    Reports are sampled for patients that training has left out, judged against the reports of their
    radiologists, and compared. Pictures are drawn of such reports, and judged by a classifier that looks for
    the findings asked for. Every step is kept in the new folder: stopped, it goes on when given again, and
    another algorithm there samples and judges nothing twice. align.html shows what was learned from.

    Example:
      hilum align quickstart --out aligned
      hilum align quickstart --algorithm rdpo --alpha 0.05 --beta 0.05 --out shorter
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
    algorithm: Literal["dpo", "ipo", "kto", "orpo", "rdpo", "grpo"] = "dpo"
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
        from hilum.align import Algorithm
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
        result = align_run(
            self.run_folder,
            self.out,
            config,
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
        what = "" if self.what == "reports" else f" --what {self.what}"
        command = f"hilum align {self.run_folder.name}{what} --algorithm {self.algorithm}"
        return inputs.given_again(command, (), (), options)
