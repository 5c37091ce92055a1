"""Conversations as token ids: the one place that knows how a turn, an image and a box are laid out.

encoded = encode(conversation.messages, vocabulary, config, codes_of=lambda image_id: codes[image_id])

The layout equals the chat template's, with every shown image widened to its feature positions and/or
its codes. Only what the assistant says is a target.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hilum.errors import DataError
from hilum.model.config import ModelConfig, Reads
from hilum.model.vocabulary import ASSISTANT, DRAW, DRAWN, END, IMAGE, Vocabulary
from hilum.study import ImageIn, ImageOut, Message, Part

CodesOf = Callable[[str], Sequence[int]]


@dataclass(frozen=True)
class Encoded:
    """Token ids, which of them are targets, and the ids of the images shown, in order."""

    ids: tuple[int, ...]
    targets: tuple[bool, ...]
    images: tuple[str, ...]


def encode(
    messages: Sequence[Message],
    vocabulary: Vocabulary,
    config: ModelConfig,
    *,
    codes_of: CodesOf | None = None,
    answer: bool = False,
) -> Encoded:
    """Lay messages out as tokens; with `answer` the assistant's turn is opened at the end.

    Raises:
        DataError: the sequence is longer than the model's context.
    """
    ids: list[int] = []
    targets: list[bool] = []
    images: list[str] = []
    for message in messages:
        spoken = message.role == "assistant"
        content: list[int] = []
        for part in message.parts:
            content += _part(part, spoken, vocabulary, config, codes_of)
            if isinstance(part, ImageIn):
                images.append(part.image_id)
        content.append(vocabulary.id(END))
        ids += [vocabulary.id(f"<|{message.role}|>"), *content]
        targets += [False, *([spoken] * len(content))]
    if answer:
        ids.append(vocabulary.id(ASSISTANT))
        targets.append(False)
    if len(ids) > config.context:
        raise DataError(
            "prompt", f"is {len(ids)} tokens, the model reads {config.context}", "shorten the text"
        )
    return Encoded(tuple(ids), tuple(targets), tuple(images))


def _part(
    part: Part, spoken: bool, vocabulary: Vocabulary, config: ModelConfig, codes_of: CodesOf | None
) -> list[int]:
    match part:
        case ImageIn(image_id):
            shown = [vocabulary.id(IMAGE)] * config.features_per_image
            return shown if config.reads is Reads.FEATURES else shown + _codes(image_id, vocabulary, codes_of)
        case ImageOut(image_id):
            return _codes(image_id, vocabulary, codes_of)
        case _:
            return vocabulary.encode(part.text) if spoken else vocabulary.encode_user(part.text)


def _codes(image_id: str, vocabulary: Vocabulary, codes_of: CodesOf | None) -> list[int]:
    if codes_of is None:
        raise DataError(image_id, "has no image codes", "encode the images with the tokenizer first")
    first = vocabulary.first_code
    codes = [first + int(code) for code in codes_of(image_id)]
    return [vocabulary.id(DRAW), *vocabulary.in_rows(codes), vocabulary.id(DRAWN)]
