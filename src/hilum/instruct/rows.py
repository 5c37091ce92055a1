"""Conversations and images as table rows, in a form that `datasets` and chat templates read as they are.

datasets.load_dataset("parquet", data_files="data/conversations/train-*.parquet")[0]["messages"]

A message's `content` is a list of parts: `{"type": "text"}`, `{"type": "image"}` (shown by the user, drawn by
the assistant) or `{"type": "box"}`, whose `text` is the box as the model writes it. What is said of an
image's role is a text before it, which any chat template shows, and again its fields `position` and `prior`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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
    """Conversations as one Arrow batch."""
    return pa.RecordBatch.from_pylist([_row(conversation) for conversation in conversations], CONVERSATIONS)


def conversations_of(batch: pa.RecordBatch) -> list[Conversation]:
    """The inverse of `conversation_batch`."""
    return [_conversation(row) for row in batch.to_pylist()]


def _row(conversation: Conversation) -> dict[str, Any]:
    messages = [
        {"role": m.role, "content": [_part_row(p) for p in m.in_words]} for m in conversation.messages
    ]
    return {
        "id": conversation.id,
        "study": conversation.study,
        "patient": conversation.patient,
        "source": conversation.source,
        "task": conversation.task.value,
        "split": conversation.split.value,
        "messages": messages,
        "images_in": list(conversation.images_in),
        "images_out": list(conversation.images_out),
    }


def _part_row(part: Part) -> dict[str, Any]:
    match part:
        case ImageIn(image, position, prior):
            return {"type": "image", "id": image, "position": position and position.value, "prior": prior}
        case ImageOut(image):
            return {"type": "image", "id": image}
        case BoxPart(box):
            return {"type": "box", "text": part.text, "box": list(box)}
        case Text(text):
            return {"type": "text", "text": text}


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
