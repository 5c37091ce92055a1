"""Tasks put in words: messages of text, images and boxes.

from hilum.study import ImageIn, Message, Text
Message("user", (ImageIn("0", Position.PA), Text("Is there an effusion?")))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hilum.study.boxes import write_box
from hilum.study.roles import role_words
from hilum.study.terms import Position, Split, Task
from hilum.study.visits import Box


@dataclass(frozen=True, slots=True)
class Text:
    """Words."""

    text: str


@dataclass(frozen=True, slots=True)
class ImageIn:
    """An image the model is shown, by its image id, and its role.

    Args:
        position: how the view was taken; None where the prompt does not say.
        prior: whether the prompt says that it is of an earlier study.
    """

    image_id: str
    position: Position | None = None
    prior: bool = False

    @property
    def role(self) -> str:
        """`PA view: `, `Prior image: ` or nothing, see `hilum.study.roles`."""
        return role_words(self.position, self.prior)


@dataclass(frozen=True, slots=True)
class ImageOut:
    """An image the model is asked to draw, by its image id."""

    image_id: str


@dataclass(frozen=True, slots=True)
class BoxPart:
    """A box in an answer."""

    box: Box

    @property
    def text(self) -> str:
        """`<|box|>(x1,y1),(x2,y2)<|/box|>`, see `hilum.study.boxes`."""
        return write_box(self.box)


Part = Text | ImageIn | ImageOut | BoxPart


@dataclass(frozen=True, slots=True)
class Message:
    """One turn: `role` is "system", "user" or "assistant"."""

    role: str
    parts: tuple[Part, ...]

    @property
    def in_words(self) -> tuple[Part, ...]:
        """The parts as every layout writes them: an image's role is words of its own before it."""
        written: list[Part] = []
        for part in self.parts:
            if isinstance(part, ImageIn) and part.role:
                written.append(Text(part.role))
            written.append(part)
        return tuple(written)


@dataclass(frozen=True, slots=True)
class Conversation:
    """One training or test example: a task put in words for one study."""

    id: str
    study: str
    patient: str
    source: str
    task: Task
    split: Split
    messages: tuple[Message, ...]

    @property
    def images_in(self) -> tuple[str, ...]:
        """Ids of the images shown to the model, in order."""
        return tuple(p.image_id for m in self.messages for p in m.parts if isinstance(p, ImageIn))

    @property
    def images_out(self) -> tuple[str, ...]:
        """Ids of the images the model is to draw, in order."""
        return tuple(p.image_id for m in self.messages for p in m.parts if isinstance(p, ImageOut))

    def to_chat(self) -> list[dict[str, Any]]:
        """The Hugging Face chat format: messages whose content is a list of typed parts.

        An image shown and an image drawn are both `{"type": "image", "id": …}`; who says it tells them
        apart. A box becomes text, and so does what is said of an image's role.
        """
        return [{"role": m.role, "content": [_part_to_chat(p) for p in m.in_words]} for m in self.messages]


def _part_to_chat(part: Part) -> dict[str, str]:
    match part:
        case ImageIn() | ImageOut():
            return {"type": "image", "id": part.image_id}
        case _:
            return {"type": "text", "text": part.text}
