"""What the text stages of a run learn from: its conversations as token ids, and those that a stage may draw.

examples = write_examples(path, shards, TextOnly.named("general"), model, codes_of)
left = left_out_of(stage, shards)
batches = batches_of(stage, examples, features, left, model, seed=0, drawn_by=shards.mixture)
"""

from __future__ import annotations

from itertools import chain, islice
from pathlib import Path

from hilum.align import AlignItem
from hilum.errors import DataError
from hilum.files import Problems
from hilum.instruct import Mixture, Shards
from hilum.instruct.selection import LeftOut, left_out
from hilum.instruct.text_only import SOURCE, TextOnly
from hilum.model import Model, Prompt
from hilum.model.encode import CodesOf
from hilum.model.vocabulary import PAD
from hilum.progress import headline
from hilum.recipes.config import TextStage
from hilum.study import Conversation, Message, Split, Task, Text
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


def left_out_of(stage: TextStage, shards: Shards) -> LeftOut:
    """What a stage does without.

    Raises:
        DataError: no study would be left.
    """
    conditions = {name: getattr(stage, name) for name in ("earliest_study", "frontal", "impression")}
    if not any(conditions.values()):
        return LeftOut()
    found = left_out(shards, Split.TRAIN, **conditions)
    if found.studies and all(
        study in found.studies for (study,) in shards.columns("studies", Split.TRAIN, ("id",))
    ):
        asked = [name for name, wanted in conditions.items() if wanted]
        remedy = f"--set {stage.name}.{asked[-1]}=false"
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


def align_items(shards: Shards, limit: int) -> list[AlignItem]:
    """Prompts that ask for findings, with the report to judge answers by.

    The validation patients' come first: on images that training has seen, a model makes fewer and other
    mistakes than it will make on new ones, and it is those that preferences should teach.
    """
    asked = (shards.conversations(split, tasks=[Task.FINDINGS]) for split in (Split.VAL, Split.TRAIN))
    items = []
    for conversation in islice(chain.from_iterable(asked), limit):
        reference = " ".join(p.text for p in conversation.messages[-1].parts if isinstance(p, Text))
        items.append(AlignItem(conversation.id, prompt_of(conversation, shards), reference))
    if not items:
        raise DataError("alignment", "there are no reports to judge by", "add a source with reports")
    return items


def prompt_of(conversation: Conversation, shards: Shards) -> Prompt:
    """The conversation without its last answer."""
    asked: tuple[Message, ...] = conversation.messages[:-1]
    return Prompt(asked, tuple(shards.pixels(image) for image in conversation.images_in))
