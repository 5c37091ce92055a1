"""Conversations as token ids: the chat template's layout, images widened to features and codes, targets.

encoded = encode(conversation.messages, vocabulary, config, codes_of=lambda image_id: codes[image_id])

The whole conversation is one text for the tokenizer, as `apply_chat_template` would give it, in which an
image is one token, what is said of its role standing in words before it; that token is then widened to the
image's feature positions and/or its codes. Only what the assistant says, and the token that ends it, is a
target. What a person types is never a control token.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hilum.errors import DataError, UsageError
from hilum.model.config import ModelConfig, Reads
from hilum.model.vocabulary import BOX, BOXED, DRAW, DRAWN, END, IMAGE, Vocabulary
from hilum.study import ImageIn, ImageOut, Message, Part, Text

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
        DataError: the sequence is longer than the model's context, an image has no codes, or the chat
            template refuses the conversation.
    """
    text, spoken = _as_text(messages, vocabulary, answer)
    encoding = vocabulary.tokenizer.backend_tokenizer.encode(text, add_special_tokens=False)
    targets = _inside(encoding.offsets, spoken)
    images = [p for m in messages for p in m.parts if isinstance(p, ImageIn | ImageOut)]
    ids, targets = _widened(encoding.ids, targets, images, vocabulary, config, codes_of)
    shown = tuple(image.image_id for image in images if isinstance(image, ImageIn))
    if len(ids) > config.context:
        remedy = "show fewer images, or shorten the text" if len(shown) > 1 else "shorten the text"
        problem = f"is {len(ids)} tokens, the model reads {config.context}"
        raise DataError("prompt", problem, remedy)
    return Encoded(tuple(ids), tuple(targets), shown)


def encode_options(
    options: Sequence[str], vocabulary: Vocabulary, config: ModelConfig
) -> tuple[tuple[int, ...], ...]:
    """Token ids of each option as training would write it for an answer, without the token that ends it.

    Raises:
        UsageError: an option holds a control token, or does not come out of the tokenizer as it went in.
        DataError: it is longer than the model's context.
    """
    asked = (Message("user", (Text("?"),)),)
    opened = encode(asked, vocabulary, config, answer=True).ids
    start, end = len(opened), vocabulary.id(END)
    found = []
    for option in options:
        control = vocabulary.layout.control.search(option)
        if control is not None:
            raise UsageError(f"option {option!r}", f"holds the control token {control[0]}", "leave it out")
        told = encode((*asked, Message("assistant", (Text(option),))), vocabulary, config)
        ids = told.ids[start : told.ids.index(end, start)]
        if told.ids[:start] != opened:  # the tokenizer joins the layout's last white space to the answer
            ids = tuple(vocabulary.encode(option))
        written = vocabulary.decode(ids)
        if written != option:
            raise UsageError(f"option {option!r}", f"would be written {written!r}", "give it like that")
        found.append(ids)
    return tuple(found)


def _as_text(
    messages: Sequence[Message], vocabulary: Vocabulary, answer: bool
) -> tuple[str, list[tuple[int, int]]]:
    """The conversation as one text, and where in it the assistant speaks (start, end)."""
    turns = [(message.role, message.in_words) for message in messages]
    shape = tuple((role, len(parts)) for role, parts in turns)
    pieces = iter(vocabulary.layout.pieces(shape, answer=answer))
    end = vocabulary.tokenizer.eos_token
    text = next(pieces)
    spoken: list[tuple[int, int]] = []
    for role, parts in turns:
        start = len(text)
        for part in parts:
            text += _words(part, vocabulary)
            stop, after = len(text), next(pieces)
            text += after
        if role == "assistant" and parts:
            closed = after.find(end)
            spoken.append((start, stop if closed < 0 else stop + closed + len(end)))
    return text, spoken


def _words(part: Part, vocabulary: Vocabulary) -> str:
    match part:
        case ImageIn():
            return IMAGE
        case ImageOut():
            return DRAW
        case _:
            return vocabulary.layout.harmless(part.text, allowed=(BOX, BOXED))


def _inside(offsets: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int]]) -> list[bool]:
    """Which tokens lie in one of the spans of characters; both run forwards.

    The first may begin before its span: a tokenizer joins the layout's last space to the first word.
    """
    inside = [False] * len(offsets)
    index = 0
    for start, stop in spans:
        while index < len(offsets) and offsets[index][1] <= start:
            index += 1
        while index < len(offsets) and offsets[index][1] <= stop:
            inside[index] = True
            index += 1
    return inside


def _widened(
    ids: Sequence[int],
    targets: Sequence[bool],
    images: Sequence[ImageIn | ImageOut],
    vocabulary: Vocabulary,
    config: ModelConfig,
    codes_of: CodesOf | None,
) -> tuple[list[int], list[bool]]:
    """The same tokens with each image's one token replaced by all that stand for it."""
    single = (vocabulary.id(IMAGE), vocabulary.id(DRAW))
    places = [place for place, token in enumerate(ids) if token in single] if images else []
    wide: list[int] = []
    learned: list[bool] = []
    before = 0
    for place, image in zip(places, images, strict=True):
        inserted = _image(image, vocabulary, config, codes_of)
        wide += [*ids[before:place], *inserted]
        learned += [*targets[before:place], *([targets[place]] * len(inserted))]
        before = place + 1
    return [*wide, *ids[before:]], [*learned, *targets[before:]]


def _image(
    image: ImageIn | ImageOut, vocabulary: Vocabulary, config: ModelConfig, codes_of: CodesOf | None
) -> list[int]:
    drawn = isinstance(image, ImageOut)
    features = [] if drawn else [vocabulary.id(IMAGE)] * config.features_per_image
    if not drawn and config.reads is Reads.FEATURES:
        return features
    if codes_of is None:
        raise DataError(image.image_id, "has no image codes", "encode the images with the tokenizer first")
    codes = [vocabulary.first_code + int(code) for code in codes_of(image.image_id)]
    return [*features, vocabulary.id(DRAW), *vocabulary.in_rows(codes), vocabulary.id(DRAWN)]
