"""What is known of an image carried into the square that a model sees.

framed(conversation, Frame(256, Fit.CROP), shape_of)      # its boxes in fractions of the square

Shards hold every image with its own aspect, and boxes in fractions of the whole of it, so that one build
serves models of any size. Of an answer that lists boxes, those beyond a crop are left out. A conversation
that would say something wrong without them, or nothing at all, is left out as a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hilum.images import Frame, fit_box, fit_mask
from hilum.instruct.records import RegionRecord, StudyRecord
from hilum.study import BoxPart, Conversation, ImageIn, Message, Part, RunLengths

ShapeOf = Callable[[str], tuple[int, int]]
"""An image's id to its height and width."""


def framed(conversation: Conversation, frame: Frame, shape_of: ShapeOf) -> Conversation | None:
    """A conversation with its boxes in fractions of the square.

    A box is one in the image that was shown last before it.

    Returns:
        None when it cannot do without a box that lies beyond the crop.
    """
    if not any(isinstance(part, BoxPart) for m in conversation.messages for part in m.parts):
        return conversation
    image: str | None = None
    messages: list[Message] = []
    for message in conversation.messages:
        parts: list[Part] = []
        for part in message.parts:
            image = part.image_id if isinstance(part, ImageIn) else image
            if isinstance(part, BoxPart) and image is not None:
                box = fit_box(part.box, shape_of(image), frame.fit)
                parts += [] if box is None else [BoxPart(box)]
            else:
                parts.append(part)
        listed = message.role == "assistant" and all(isinstance(part, BoxPart) for part in message.parts)
        if len(parts) < len(message.parts) and not (listed and parts):
            return None
        messages.append(Message(message.role, tuple(parts)))
    return replace(conversation, messages=tuple(messages))


def framed_record(record: StudyRecord, frame: Frame, shape_of: ShapeOf) -> StudyRecord:
    """A study with its regions in fractions of the square, those beyond the crop left out."""
    if not record.regions:
        return record
    regions = (_framed_region(r, frame, shape_of(record.image_ids[r.view])) for r in record.regions)
    return replace(record, regions=tuple(region for region in regions if region is not None))


def _framed_region(region: RegionRecord, frame: Frame, shape: tuple[int, int]) -> RegionRecord | None:
    box = fit_box(region.box, shape, frame.fit)
    if box is None:
        return None
    mask = region.mask
    if mask is not None and (mask.height, mask.width) != (frame.size, frame.size):
        mask = RunLengths.of_mask(fit_mask(mask.mask(), frame.size, frame.fit))
    return replace(region, box=box, mask=mask)
