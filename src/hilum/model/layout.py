"""How a conversation is laid out: by the tokenizer's own chat template, whatever that is.

layout = Layout(tokenizer)
layout.pieces((("user", 2), ("assistant", 1)), answer=False)     # the text before, between and after 3 parts

A template is rendered once for each shape of conversation (who speaks, in how many parts), with a mark in
the place of every part; what stands between the marks is the layout. Nothing else knows how a turn looks.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from typing import Any

from jinja2.exceptions import TemplateError

from hilum.errors import DataError, UsageError, did_you_mean

Shape = tuple[tuple[str, int], ...]
"""Who speaks in turn, and in how many parts each."""

FLATTEN = (
    # Nobody was taught to think first; templates that have it put an empty block before every answer then.
    "{%- if enable_thinking is not defined -%}{%- set enable_thinking = false -%}{%- endif -%}"
    "{%- set flat = namespace(messages=[]) -%}"
    "{%- for message in messages -%}"
    "{%- set turn = namespace(text='') -%}"
    "{%- if message['content'] is string -%}{%- set turn.text = message['content'] -%}"
    "{%- else -%}{%- for part in message['content'] -%}"
    "{%- if part['type'] != 'image' -%}{%- set turn.text = turn.text + part['text'] -%}"
    "{%- elif message['role'] == 'assistant' -%}{%- set turn.text = turn.text + '<|codes|>' -%}"
    "{%- else -%}{%- set turn.text = turn.text + '<|image|>' -%}{%- endif -%}"
    "{%- endfor -%}{%- endif -%}"
    "{%- set flat.messages = flat.messages + [dict(message, content=turn.text)] -%}"
    "{%- endfor -%}"
    "{%- set messages = flat.messages -%}"
)
"""Put before a template that knows text alone: typed parts become text, images their token; no thinking."""

_MARK = re.compile("\ue000(\\d+)\ue001")
_MARKER = re.compile(r"\[/?[A-Za-z_]+\]|<[^<>\s]+>|^#+ ?[A-Za-z][\w ]*:?", re.MULTILINE)
"""What in a template's own text is a control word, though the tokenizer may have no token for it."""
_FIXED_DATE = "26 Jul 2024"
"""Llama 3's own default; its template would else take today's date, and a prompt be another one tomorrow."""


def known_layouts() -> dict[str, dict[str, Any]]:
    """The layouts that Hilum brings, by name; see `layouts.toml`."""
    text = files("hilum.model").joinpath("layouts.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def known_layout(name: str) -> dict[str, Any]:
    """One of them.

    Raises:
        UsageError: there is none of that name; the nearest is offered.
    """
    known = known_layouts()
    if name not in known:
        remedy = f"{did_you_mean(name, known)}choose from {', '.join(known)}"
        raise UsageError(name, "is no layout", remedy)
    return known[name]


@dataclass(frozen=True)
class Layout:
    """The chat template of one tokenizer, taken apart.

    Args:
        tokenizer: a Hugging Face tokenizer with a chat template.
    """

    tokenizer: Any
    _known: dict[tuple[Shape, bool], tuple[str, ...]] = field(default_factory=dict, repr=False, compare=False)

    def pieces(self, shape: Shape, *, answer: bool) -> tuple[str, ...]:
        """The text before, between and after a conversation's parts, one piece more than there are parts.

        Args:
            answer: open the assistant's turn at the end.

        Raises:
            DataError: the template refuses the conversation, drops or reorders its parts, or opens an answer
                otherwise than it stands before one.
        """
        key = (shape, answer)
        if key not in self._known:
            found = self._take_apart(shape, answer)
            if answer and shape and shape[-1][0] != "assistant":
                self._require_learned(shape, found)
            self._known[key] = found
        return self._known[key]

    def _require_learned(self, shape: Shape, opened: tuple[str, ...]) -> None:
        """Refuse to ask by what no answer was learned after; white space at its end may differ."""
        learned = self.pieces((*shape, ("assistant", 1)), answer=False)[: len(opened)]
        if [*opened[:-1], opened[-1].rstrip()] != [*learned[:-1], learned[-1].rstrip()]:
            ends = " and learns one after ".join(repr(pieces[-1][-60:]) for pieces in (opened, learned))
            remedy = f"choose a layout: {', '.join(known_layouts())}"
            raise DataError("chat template", f"opens an answer by {ends}", remedy)

    def _take_apart(self, shape: Shape, answer: bool) -> tuple[str, ...]:
        count = 0
        chat = []
        for role, parts in shape:
            marks = [{"type": "text", "text": f"\ue000{count + i}\ue001"} for i in range(parts)]
            chat.append({"role": role, "content": marks})
            count += parts
        try:
            text = self.tokenizer.apply_chat_template(
                chat,
                tokenize=False,
                add_generation_prompt=answer,
                enable_thinking=False,
                date_string=_FIXED_DATE,
            )
        except (TemplateError, TypeError, ValueError) as error:
            said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise DataError("chat template", f"refuses the conversation ({said})", "give another") from error
        split = _MARK.split(text)
        if split[1::2] != [str(i) for i in range(count)]:
            raise DataError("chat template", "drops or reorders what was said", "give another template")
        return tuple(split[::2])

    @cached_property
    def control(self) -> re.Pattern[str]:
        """Whatever in a person's text would be read as a control token or as a turn's end."""
        special = {str(t) for t in self.tokenizer.added_tokens_decoder.values() if t.special}
        own = "".join(self.pieces((("user", 1), ("assistant", 1)), answer=True))
        words = {w for w in special | set(_MARKER.findall(own)) if len(w) > 1}
        return re.compile("|".join(re.escape(word) for word in sorted(words, key=lambda w: (-len(w), w))))

    def harmless(self, text: str, allowed: Sequence[str] = ()) -> str:
        """The text with every control word in it broken up by a space, so that it stays plain text."""
        if self.control.search(text) is None:
            return text
        while True:
            made = self.control.sub(lambda m: m[0] if m[0] in allowed else f"{m[0][0]} {m[0][1:]}", text)
            if made == text:
                return made
            text = made


def end_of_answer(tokenizer: Any) -> str:
    """The token that ends an answer, by the template: the first special one after what was said.

    Raises:
        UsageError: nothing ends an answer.
    """
    after = Layout(tokenizer).pieces((("user", 1), ("assistant", 1)), answer=False)[-1]
    special = [str(t) for t in tokenizer.added_tokens_decoder.values() if t.special]
    found = sorted((after.find(t), -len(t), t) for t in special if t in after)
    if not found:
        raise UsageError(
            "chat template",
            "ends an answer with no special token of the tokenizer",
            f"choose a layout: {', '.join(known_layouts())}",
        )
    return found[0][2]
