"""What the text stages of a run learn from: its conversations as token ids, and those that a stage may draw.

examples = write_examples(path, shards, TextOnly.named("general"), model, codes_of)
left = left_out_of(stage, shards)
batches = batches_of(stage, examples, features, left, model, seed=0, drawn_by=shards.mixture)
"""

from __future__ import annotations

from collections.abc import Container
from itertools import chain, islice
from pathlib import Path

from hilum.align import AlignItem, Prompts
from hilum.errors import DataError
from hilum.files import Problems
from hilum.instruct import Mixture, Shards
from hilum.instruct.selection import LeftOut, left_out
from hilum.instruct.text_only import SOURCE, TextOnly
from hilum.model import Model
from hilum.model.encode import CodesOf
from hilum.model.vocabulary import PAD
from hilum.progress import headline
from hilum.recipes.config import TextStage
from hilum.study import Conversation, Split, Task, Text
from hilum.training.examples import FeatureFile, TextBatches, TokenFile, encoded, mixture

SHOWN = 10
"""Most rows of a file of text that are named when they are left out; `--plan --json` names more."""


def write_examples(
    path: Path, shards: Shards, text_only: TextOnly | None, model: Model, codes_of: CodesOf | None
) -> TokenFile:
    """Encode the training conversations of the studies, and behind them those of a file of instructions.

    What is left out is said.
    """
    problems, of_text = Problems(), Problems()
    streams = [encoded(shards.conversations(Split.TRAIN, problems=problems), model, codes_of, problems)]
    if text_only is not None:
        said = text_only.conversations(of_text, model.vocabulary.layout.control)
        streams.append(encoded(said, model, None, of_text))
    examples = TokenFile.write_rows(path, chain.from_iterable(streams))
    if problems:  # without their ids, which may name patients
        headline("left out", f"{len(problems):,} conversations; the first {problems.kept[0].problem}")
    if text_only is not None:
        count = examples.sources.counts().get(SOURCE, 0)
        headline(SOURCE, f"{count:,} conversations; {len(of_text):,} rows of {text_only.path} left out")
    for problem in of_text.kept[:SHOWN]:
        headline("-", str(problem))
    return examples


def left_out_of(stage: TextStage, shards: Shards, align_share: float = 0.0) -> LeftOut:
    """What a stage does without.

    Args:
        align_share: see `Recipe.align_share`.

    Raises:
        DataError: no study would be left.
    """
    conditions = {name: getattr(stage, name) for name in ("earliest_study", "frontal", "impression")}
    if not any(conditions.values()) and not align_share:
        return LeftOut()
    found = left_out(shards, Split.TRAIN, **conditions, align_share=align_share)
    if found.studies and all(
        study in found.studies for (study,) in shards.columns("studies", Split.TRAIN, ("id",))
    ):
        asked = [name for name, wanted in conditions.items() if wanted]
        remedy = f"--set {stage.name}.{asked[-1]}=false" if asked else "--set align_share=0"
        asked += ["align_share"] if align_share else []
        raise DataError(stage.name, f"has no study left to learn from ({', '.join(asked)})", remedy)
    return found


def batches_of(
    stage: TextStage,
    examples: TokenFile,
    features: FeatureFile | None,
    left: LeftOut,
    model: Model,
    seed: int,
    drawn_by: Mixture | None = None,
) -> TextBatches:
    """The batches of one stage, drawn from all examples but those left out.

    Args:
        drawn_by: the mixture of the shards, for a stage without weights of its own.
    """
    kept = examples.without(left.studies, left.images) if left else None
    if kept is not None:
        headline(stage.name, f"learns from {int(kept.sum()):,} of {len(kept):,} conversations")
    if stage.weights:
        drawn_by = None
    if drawn_by is not None:
        headline(stage.name, f"draws by the mixture of the shards, temperature {drawn_by.temperature:g}")
    plan = mixture(
        examples,
        stage.weights,
        tokens_per_batch=stage.tokens_per_batch,
        seed=seed,
        drawn_by=drawn_by,
        parts={SOURCE: stage.text_only_part},
        kept=kept,
    )
    return TextBatches(examples, features, plan, model.vocabulary.id(PAD))


def align_prompts(shards: Shards, studies: Container[str], limit: int | None = None) -> Prompts:
    """Prompts that ask for the findings of some training studies, with the report to judge answers by.

    Args:
        studies: of patients from whom the model has not learned: on films that training has seen, it makes
            fewer and other mistakes than on new ones, and it is those that preferences should teach.

    Raises:
        DataError: none of them has a report.
    """
    asked = (c for c in shards.conversations(Split.TRAIN, tasks=[Task.FINDINGS]) if c.study in studies)
    items = [align_item(conversation) for conversation in islice(asked, limit)]
    if not items:
        problem = "holds no report of a patient kept for alignment or new to the run"
        raise DataError(shards.folder, problem, "add a source with reports, or raise align_share")
    return Prompts(items, shards.pixels_many)


def align_item(conversation: Conversation) -> AlignItem:
    """A conversation without its last answer, by which answers in words are judged.

    Pictures are judged by what was asked: the words of the question stand for the answer.
    """
    *asked, answer = conversation.messages
    drawn = conversation.task is Task.DRAW
    reference = " ".join(p.text for p in (asked[-1] if drawn else answer).parts if isinstance(p, Text))
    return AlignItem(conversation.id, tuple(asked), conversation.images_in, reference, drawn)
