"""Conversations and images as table rows, in a form that `datasets` and chat templates read as they are.

datasets.load_dataset("parquet", data_files="data/conversations/train-*.parquet")[0]["messages"]

A message's `content` is a list of parts: `{"type": "text"}`, `{"type": "image"}` (shown by the user, drawn by
the assistant) or `{"type": "box"}`, whose `text` is the box as the model writes it. What is said of an
image's role is a text before it, which any chat template shows, and again its fields `position` and `prior`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence, Sized
from itertools import accumulate
from typing import Any

import pyarrow as pa

from hilum.study import (
    BoxPart,
    Conversation,
    ImageIn,
    ImageOut,
    Message,
    Part,
    Position,
    Split,
    Task,
    Text,
)

_PART = pa.struct(
    [
        ("type", pa.string()),
        ("text", pa.string()),
        ("id", pa.string()),
        ("box", pa.list_(pa.float64())),
        ("position", pa.string()),
        ("prior", pa.bool_()),
    ]
)
"""A part of a message; what does not apply to its type is null."""

_MESSAGE = pa.struct([("role", pa.string()), ("content", pa.list_(_PART))])
CONVERSATIONS = pa.schema(
    [
        ("id", pa.string()),
        ("study", pa.string()),
        ("patient", pa.string()),
        ("source", pa.string()),
        ("task", pa.string()),
        ("split", pa.string()),
        ("messages", pa.list_(_MESSAGE)),
        ("images_in", pa.list_(pa.string())),
        ("images_out", pa.list_(pa.string())),
    ]
)
"""Columns of the `conversations` shards."""

_FEATURES = {
    "id": {"dtype": "string", "_type": "Value"},
    "image": {"_type": "Image"},
    "position": {"dtype": "string", "_type": "Value"},
    "source": {"dtype": "string", "_type": "Value"},
    "synthetic": {"dtype": "bool", "_type": "Value"},
    "height": {"dtype": "int32", "_type": "Value"},
    "width": {"dtype": "int32", "_type": "Value"},
}
IMAGES = pa.schema(
    [
        ("id", pa.string()),
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("position", pa.string()),
        ("source", pa.string()),
        ("synthetic", pa.bool_()),
        ("height", pa.int32()),
        ("width", pa.int32()),
    ],
    metadata={"huggingface": json.dumps({"info": {"features": _FEATURES}})},
)
"""Columns of the `images` shards; the metadata make `datasets` open them as pictures. `image` is a working
copy, `height` and `width` are the original's, whose pixels `id` names."""


def image_row(
    image: str, png: bytes, position: str, source: str, synthetic: bool, shape_hw: tuple[int, ...]
) -> dict[str, Any]:
    """A row of the `images` shards.

    Args:
        image: the original's id, see `hilum.images.image_id`.
        png: the working copy.
        shape_hw: the original's height and width.
    """
    height, width = shape_hw
    return {
        "id": image,
        "image": {"bytes": png, "path": f"{image}.png"},
        "position": position,
        "source": source,
        "synthetic": synthetic,
        "height": height,
        "width": width,
    }


def conversation_batch(conversations: Sequence[Conversation]) -> pa.RecordBatch:
    """Conversations as one Arrow batch, made column by column: a dictionary for each part takes longer."""
    messages = [message for conversation in conversations for message in conversation.messages]
    contents = [message.in_words for message in messages]
    parts = [_part_row(part) for content in contents for part in content]
    content = _lists(contents, _structs(_PART, zip(*parts, strict=True)))
    said = _structs(_MESSAGE, ([message.role for message in messages], content))
    columns = {
        "id": [c.id for c in conversations],
        "study": [c.study for c in conversations],
        "patient": [c.patient for c in conversations],
        "source": [c.source for c in conversations],
        "task": [c.task.value for c in conversations],
        "split": [c.split.value for c in conversations],
        "messages": _lists([c.messages for c in conversations], said),
        "images_in": [c.images_in for c in conversations],
        "images_out": [c.images_out for c in conversations],
    }
    return pa.RecordBatch.from_pydict(columns, CONVERSATIONS)


def _structs(kind: pa.StructType, columns: Iterable[Any]) -> pa.StructArray:
    """Values of a struct from those of its fields."""
    given = list(columns) or [[]] * len(kind)
    arrays = [pa.array(values, field.type) for values, field in zip(given, kind, strict=True)]
    return pa.StructArray.from_arrays(arrays, fields=list(kind))


def _lists(lengths: Iterable[Sized], values: pa.Array) -> pa.ListArray:
    """Lists of these lengths, one after the other out of all values."""
    offsets = pa.array(accumulate(map(len, lengths), initial=0), pa.int32())
    return pa.ListArray.from_arrays(offsets, values)


def conversations_of(batch: pa.RecordBatch) -> list[Conversation]:
    """The inverse of `conversation_batch`."""
    return [_conversation(row) for row in batch.to_pylist()]


def _part_row(part: Part) -> tuple[Any, ...]:
    """The fields of `_PART`."""
    match part:
        case Text(text):
            return "text", text, None, None, None, None
        case ImageIn(image, position, prior):
            return "image", None, image, None, position and position.value, prior
        case ImageOut(image):
            return "image", None, image, None, None, None
        case BoxPart(box):
            return "box", part.text, None, box, None, None


def _conversation(row: Mapping[str, Any]) -> Conversation:
    messages = (Message(m["role"], _parts(m["content"], m["role"])) for m in row["messages"])
    return Conversation(
        row["id"],
        row["study"],
        row["patient"],
        row["source"],
        Task(row["task"]),
        Split(row["split"]),
        tuple(messages),
    )


def _parts(content: Sequence[Mapping[str, Any]], role: str) -> tuple[Part, ...]:
    parts: list[Part] = []
    for row in content:
        part = _part(row, role)
        if isinstance(part, ImageIn) and part.role:
            parts.pop()  # its words, which are written out for templates alone
        parts.append(part)
    return tuple(parts)


def _part(row: Mapping[str, Any], role: str) -> Part:
    if row["type"] == "image" and role == "assistant":
        return ImageOut(row["id"])
    if row["type"] == "image":
        position = row["position"]
        return ImageIn(row["id"], Position(position) if position else None, row["prior"])
    if row["type"] == "box":
        x1, y1, x2, y2 = row["box"]
        return BoxPart((x1, y1, x2, y2))
    return Text(row["text"])
