"""Alignment of a run that is there: other reports than it has learned from, another judge, another algorithm.

align_run("quickstart", "aligned", AlignConfig(algorithm=Algorithm.RDPO, alpha=0.05))
align_run("quickstart", "drawn", picture_config, what=What.PICTURES)

The new folder: model/ (the aligned model), work/ (samples, verdicts, pairs, reference log-probabilities and
checkpoints, each under its key), align.json and align.html (what was sampled, judged and learned).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import hilum
from hilum.align import ENCODER_FROZEN, Algorithm, AlignConfig, AlignResult, Grader, Prompts, Reports, align
from hilum.bench import Trained
from hilum.bench.alignment import PictureGrader, write_page
from hilum.bench.alignment.pictures import Labels
from hilum.errors import UsageError
from hilum.files import MARK, only_writer, refuse_overlap, require_ours, sweep, write_json
from hilum.images import Frame
from hilum.instruct import Shards
from hilum.instruct.selection import kept_back
from hilum.judge import named_judge
from hilum.model import Model, Writes
from hilum.model.model import TEMPERATURE
from hilum.recipes.examples import align_prompts
from hilum.recipes.pictures import draw_prompts, picture_grader
from hilum.recipes.whole import data_of, recipe_of
from hilum.study import Split
from hilum.training import FitConfig

ALPHA = 0.05
"""R-DPO's, as CheXalign has it."""


PICTURE_SFT_WEIGHT = 0.3
"""Of the better picture's own loss: at 1 it drowns the preference."""

CLASSIFIER_STEPS = 1050
"""Of the classifier that rewards pictures, for a run whose recipe does not tell."""


class What(StrEnum):
    """What is sampled and compared."""

    REPORTS = "reports"
    PICTURES = "pictures"


@dataclass(frozen=True)
class Source:
    """A run and the prompts that it can be aligned on.

    Args:
        data: the shards of the prompts' patients.
        own: the shards that the run was trained on, where it holds them.
        asked: of prompts to draw, the findings that each asks for, see `hilum.bench.labels.asked_labels`.
    """

    run: Path
    model: Model
    prompts: Prompts
    data: Shards
    own: Path | None
    recipe: dict[str, Any]
    asked: Mapping[str, Labels] = field(default_factory=dict)

    def picture_grader(self, store: Path) -> PictureGrader:
        """What rewards pictures: a classifier of another seed than the one that measures them."""
        seed = int(self.recipe.get("seed") or 0) + 1
        steps = int(self.recipe.get("classifier_steps") or CLASSIFIER_STEPS)
        return picture_grader(self.model, self.data, self.asked, store, seed=seed, steps=steps)


def align_run(
    run: str | Path,
    out: str | Path,
    config: AlignConfig,
    *,
    what: What = What.REPORTS,
    data: str | Path | None = None,
    limit: int | None = None,
    grader: Grader | None = None,
    preferences: str | Path | None = None,
    command: str = "",
) -> AlignResult:
    """Align a run's model and write the aligned one into `out`; killed, it goes on when called again.

    Args:
        run: a run folder with a trained model.
        out: the new folder.
        what: reports of films, judged by their radiologists' reports, or drawn pictures, judged by a
            classifier that looks for the findings asked for.
        data: shards to take prompts from: of their training patients those that the run has not learned from.
            The run's own when None: those that it kept for alignment.
        limit: most prompts.
        grader: says how good answers are; facts compared, or findings looked for, when None.
        preferences: a file of pairs to learn from instead of sampling and judging.
        command: printed on the page.

    Raises:
        UsageError: `out` holds something else, or the alignment of another run; the run has kept no patients,
            or writes no images; `preferences` are given for pictures.
        DataError: there is no report to judge by, or no two answers differ in score.
    """
    out = Path(out)
    if preferences is not None and what is What.PICTURES:
        raise UsageError(preferences, "holds reports, no pictures", "leave it out, or align reports")
    source = open_source(run, data, limit, what)
    refuse_overlap(out, [source.run, source.data.folder, *([Path(preferences)] if preferences else [])])
    with only_writer(out):
        _guard(out, source, config)
        require_ours(out / "model")
        sweep(out)
        weights = source.model.weights_hash()
        if grader is None and what is What.PICTURES:
            grader = source.picture_grader(out / "work")
        grader = grader or Reports(named_judge("facts"))
        result = align(
            source.model,
            source.prompts,
            config,
            out / "work",
            grader,
            preferences=None if preferences is None else Path(preferences),
        )
        source.model.save(out / "model")
        document: dict[str, Any] = {
            "made_by": MARK,
            "what": what.value,
            "settings": asdict(config),
            "supervised": weights,
            "aligned": source.model.weights_hash(),
            "judge": grader.identity,
            "spent": grader.judge.spent() if isinstance(grader, Reports) else {},
            **result.to_json(),
        }
        write_json(out / "align.json", json.loads(json.dumps(document, default=str)))
        write_page(
            out / "align.html",
            result,
            config,
            source.prompts.pixels_of,
            judge=grader.judge.name if isinstance(grader, Reports) else grader.identity,
            command=command,
            paint=grader.paint if isinstance(grader, PictureGrader) else None,
        )
    return result


def default_config(
    run: str | Path, algorithm: Algorithm, what: What = What.REPORTS, *, seed: int = 0
) -> AlignConfig:
    """How a run is aligned unless asked otherwise: as its recipe has it, or by CheXalign's settings.

    Everything but the vision encoder moves. Pictures are sampled as they are drawn, and the better one's own
    loss weighs less.
    """
    held = recipe_of(Path(run)).get("align")
    fit = FitConfig(
        steps=1,
        lr=1e-6,
        warmup=10,
        weight_decay=0.0,
        trainable=ENCODER_FROZEN,
        seed=seed,
        description="align",
    )
    config = AlignConfig(algorithm=algorithm, fit=fit, seed=seed)
    if isinstance(held, dict):
        fit = replace(fit, **{name: held["fit"][name] for name in ("lr", "warmup", "precision")})
        names = ("sft_weight", "batch_size", "max_new_tokens")
        # A run of an earlier version has not all of them.
        config = replace(config, fit=fit, **{name: held[name] for name in names if name in held})
    if algorithm is Algorithm.RDPO:
        config = replace(config, alpha=ALPHA)
    if what is What.PICTURES:
        config = replace(config, temperature=TEMPERATURE, top_p=1.0, sft_weight=PICTURE_SFT_WEIGHT)
    if algorithm is Algorithm.GRPO:  # no answer of a group is the chosen one
        config = replace(config, sft_weight=0.0)
    return config


def open_source(
    run: str | Path, data: str | Path | None = None, limit: int | None = None, what: What = What.REPORTS
) -> Source:
    """A run's model, and the prompts it may be aligned on; see `align_run`.

    Raises:
        UsageError: the run holds no data and none were given, it has kept no patients for alignment, or it is
            to be aligned on pictures and writes none.
        DataError: there is no report to judge by.
    """
    run = Path(run)
    own, recipe = data_of(run), recipe_of(run)
    if own is None and data is None:
        remedy = "name shards of other patients with --data"
        raise UsageError(run, "holds no studies of its own to sample reports of", remedy)
    model = hilum.load(run)
    if what is What.PICTURES and model.config.writes is not Writes.CODES:
        raise UsageError(run, "does not write images", "use a model trained with writes=codes")
    share = float(recipe.get("align_share") or 0)
    if data is None and not share:
        remedy = "train it with --set align_share=0.1, or name shards of other patients with --data"
        raise UsageError(run, "has learned from all its patients and kept none for alignment", remedy)
    folder = own if data is None else Path(data)
    assert folder is not None
    shards = Shards(folder, Frame(model.config.image_size, model.fit))
    studies = kept_back(shards, Split.TRAIN, share).studies if data is None else _new_to(own, shards)
    if what is What.PICTURES:
        prompts, asked = draw_prompts(shards, studies, limit)
        return Source(run, model, prompts, shards, own, recipe, asked)
    return Source(run, model, align_prompts(shards, studies, limit), shards, own, recipe)


def _new_to(own: Path | None, shards: Shards) -> frozenset[str]:
    """The training studies of other shards that a run has not seen."""
    seen = None if own is None else Trained.of(Shards(own))
    return frozenset(r.id for r in shards.records(Split.TRAIN) if seen is None or not seen.saw(r))


def _guard(out: Path, source: Source, config: AlignConfig) -> None:
    """A folder belongs to one run's alignment; other settings of it may follow one another there."""
    path = out / "recipe.json"
    mine: dict[str, Any] = {
        "made_by": MARK,
        "recipe": {**source.recipe, "align": asdict(config)},
        # What the model learned most from decides whom it may be measured on.
        "data": str((source.own or source.data.folder).resolve()),
        "aligned_from": source.model.weights_hash(),
    }
    mine = json.loads(json.dumps(mine, default=str))
    if path.is_file():
        held = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(held, dict) or held.get("aligned_from") != mine["aligned_from"]:
            raise UsageError(out, "holds another run, or the alignment of one", "choose another --out")
    elif out.is_dir() and any(out.iterdir()):
        raise UsageError(out, "is not empty and holds no alignment", "choose another --out")
    write_json(path, mine)
