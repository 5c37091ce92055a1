"""The text tokenizer: words, image codes and boxes as tokens; learned from reports, or a model's, extended.

vocabulary = Vocabulary.learn(texts, n_codes=1000, rows=8, size=1200)
vocabulary = Vocabulary.extend(AutoTokenizer.from_pretrained(folder), n_codes=1000, rows=8)
vocabulary.encode("No pleural effusion.")

Either is a Hugging Face tokenizer, saved with its chat template, so that any tool that loads one reads it.
Every image code is a token of its own (`<|code_17|>`). Each row of an image's codes is opened by a token that
numbers it (`<|row_3|>`): RoPE encodes relative positions only, and where on the picture a code lies is then a
short one.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from hilum.errors import DataError, UsageError
from hilum.model.layout import FLATTEN, Layout, end_of_answer, known_layout, known_layouts
from hilum.study.boxes import CLOSE, OPEN

Code = TypeVar("Code")

PAD, END = "<|pad|>", "<|end|>"
SYSTEM, USER, ASSISTANT = "<|system|>", "<|user|>", "<|assistant|>"
IMAGE = "<|image|>"
DRAW, DRAWN = "<|codes|>", "<|/codes|>"
BOX, BOXED = OPEN, CLOSE
CONTROL = (IMAGE, DRAW, DRAWN, BOX, BOXED)
"""What every vocabulary has; roles and ends are the chat template's own."""
SPECIAL = (PAD, END, SYSTEM, USER, ASSISTANT, *CONTROL)

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' }}"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '<|image|>' if message['role'] != 'assistant' else '<|codes|>' }}"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}"
    "{{ '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
"""A turn is `<|role|>content<|end|>`; a shown image is one `<|image|>`, widened to features or codes."""


def row_token(row: int) -> str:
    """The token that opens a row of image codes."""
    return f"<|row_{row}|>"


def code_token(code: int) -> str:
    """The token that stands for one image code."""
    return f"<|code_{code}|>"


@dataclass(frozen=True)
class Vocabulary:
    """A Hugging Face tokenizer and the ids the model needs by name."""

    tokenizer: PreTrainedTokenizerFast
    n_codes: int
    rows: int = 0

    @classmethod
    def learn(cls, texts: Iterable[str], *, n_codes: int, rows: int = 0, size: int = 1200) -> Vocabulary:
        """Learn a byte-level BPE of at most `size` text tokens; row tokens and image codes come on top.

        Deterministic for the same texts in the same order. Nothing is out of vocabulary: bytes are the
        base alphabet.
        """
        bpe = Tokenizer(models.BPE())
        bpe.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=False), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
        bpe.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            special_tokens=list(SPECIAL),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        bpe.train_from_iterator(texts, trainer)
        # A box corner must be one step for the model and for the grammar; single digits are bytes already.
        # Also a number the merges have learned is added: they may spell it otherwise ("1" + "00").
        bpe.add_tokens([str(number) for number in range(10, 101)])
        if n_codes:
            bpe.add_special_tokens([row_token(row) for row in range(rows)])
            bpe.add_special_tokens([code_token(code) for code in range(n_codes)])
        wrap: Any = PreTrainedTokenizerFast  # its constructor is untyped
        tokenizer = wrap(
            tokenizer_object=bpe,
            pad_token=PAD,
            eos_token=END,
            additional_special_tokens=[t for t in SPECIAL if t not in (PAD, END)],
            chat_template=CHAT_TEMPLATE,
            padding_side="left",
            clean_up_tokenization_spaces=False,
        )
        return cls(tokenizer, n_codes, rows)

    @classmethod
    def extend(
        cls, tokenizer: Any, *, n_codes: int = 0, rows: int = 0, layout: str | None = None
    ) -> Vocabulary:
        """A language model's own tokenizer with control tokens, row tokens and image codes added to it.

        Args:
            tokenizer: any fast Hugging Face tokenizer; it is copied, not changed.
            n_codes: image codes; 0 for a model that neither reads nor writes them.
            rows: rows of an image's codes, 0 for codes without row tokens.
            layout: one of Hilum's layouts (`layouts.toml`) instead of the tokenizer's own chat template.

        Raises:
            UsageError: the tokenizer has no fast version or no chat template, its answers have no end, or it
                holds Hilum's control tokens already.
            DataError: its chat template cannot be used, see `Layout.pieces`.
        """
        tokenizer = _with_layout(copy.deepcopy(_fast(tokenizer)), layout)
        taken = [token for token in (*CONTROL, row_token(0), code_token(0)) if token in tokenizer.get_vocab()]
        if taken:
            raise UsageError("tokenizer", f"already holds {taken[0]}", "extend the tokenizer as it came")
        end = end_of_answer(tokenizer)
        Layout(tokenizer).pieces((("user", 1),), answer=True)  # refused before hours of training
        tokenizer.eos_token = end
        if tokenizer.pad_token is None:
            tokenizer.pad_token = end
        rows = rows if n_codes else 0
        names = [*CONTROL, *(row_token(row) for row in range(rows)), *(code_token(c) for c in range(n_codes))]
        tokenizer.add_tokens([AddedToken(name, normalized=False, special=True) for name in names])
        tokenizer.padding_side = "left"
        return cls(tokenizer, n_codes, rows)

    @classmethod
    def load(cls, folder: Path) -> Vocabulary:
        """Read the tokenizer of a run folder.

        Raises:
            DataError: the folder holds no tokenizer, or one that Hilum did not write.
        """
        if not (folder / "tokenizer.json").is_file():
            raise DataError(
                folder / "tokenizer.json", "is missing", "name a run folder that training finished"
            )
        try:
            tokenizer: Any = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
        except Exception as error:  # the Rust side of `tokenizers` raises nothing more precise
            problem = f"its tokenizer cannot be read ({type(error).__name__})"
            raise DataError(folder, problem, "name a run folder that training finished") from error
        vocab = tokenizer.get_vocab()
        count = sum(token.startswith("<|code_") for token in vocab)
        codes = [vocab.get(code_token(code)) for code in range(count)]
        missing = [token for token in CONTROL if token not in vocab]
        missing += [name for name in ("eos_token", "pad_token") if getattr(tokenizer, name) is None]
        # A token that a repair appended stands apart from its kind, and would shift what codes stand for.
        if missing or not (_in_a_row(codes) and _in_a_row([vocab[token] for token in CONTROL])):
            problem = f"lacks {missing[0]}" if missing else "has tokens of its own out of order"
            raise DataError(folder, f"its tokenizer {problem}", "name a run folder made by hilum")
        return cls(tokenizer, count, sum(token.startswith("<|row_") for token in vocab))

    def __len__(self) -> int:
        return len(self.tokenizer)

    def id(self, token: str) -> int:
        """The id of a token that must exist; `END` and `PAD` are the tokenizer's own, however named."""
        return int(self.ids[token])

    @cached_property
    def ids(self) -> dict[str, int]:
        """Token → id."""
        named: Any = self.tokenizer  # its annotations leave these open
        return {**self.tokenizer.get_vocab(), PAD: named.pad_token_id, END: named.eos_token_id}

    @cached_property
    def layout(self) -> Layout:
        """How conversations are laid out."""
        return Layout(self.tokenizer)

    @cached_property
    def first_code(self) -> int:
        """Id of image code 0; the others follow it without gaps."""
        return self.id(code_token(0)) if self.n_codes else len(self)

    @property
    def code_ids(self) -> range:
        """Ids of the image codes, in order."""
        return range(self.first_code, self.first_code + self.n_codes)

    @cached_property
    def row_ids(self) -> range:
        """Ids of the tokens that open the rows of an image; image code 0 follows the last of them."""
        return range(self.first_code - self.rows, self.first_code)

    def in_rows(self, codes: Sequence[Code]) -> list[Code | int]:
        """An image's codes, or what stands for them, with the token of its row before each row."""
        if not self.rows:
            return list(codes)
        columns = len(codes) // self.rows
        laid: list[Code | int] = []
        for number, row in enumerate(self.row_ids):
            laid += [row, *codes[number * columns : (number + 1) * columns]]
        return laid

    @cached_property
    def special_ids(self) -> frozenset[int]:
        """Ids of the control tokens, image codes and row tokens among them."""
        return frozenset(i for i, token in self.tokenizer.added_tokens_decoder.items() if token.special)

    @cached_property
    def text_ids(self) -> tuple[int, ...]:
        """Ids that plain words are made of: neither special nor an image code."""
        return tuple(i for i in range(len(self)) if i not in self.special_ids)

    def is_code(self, token: int) -> bool:
        """Whether a token stands for an image code."""
        return token in self.code_ids

    def encode(self, text: str) -> list[int]:
        """Token ids of text; a control token written out in it is read as that token."""
        # The Rust tokenizer itself: the wrapper around it takes most of the time.
        return list(self.tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids)

    def encode_user(self, text: str) -> list[int]:
        """Token ids of words a person typed: whatever looks like a control token stays plain text."""
        return self.encode(self.layout.harmless(text, allowed=(BOX, BOXED)))

    def decode(self, ids: Sequence[int]) -> str:
        """Words and boxes of an answer; control tokens and image codes are left out."""
        hidden = self.special_ids - {self.id(BOX), self.id(BOXED)}
        return str(self.tokenizer.decode([i for i in ids if i not in hidden])).strip()


def _in_a_row(ids: Sequence[int | None]) -> bool:
    return not ids or (ids[0] is not None and list(ids) == list(range(ids[0], ids[0] + len(ids))))


def _fast(tokenizer: Any) -> Any:
    if not getattr(tokenizer, "is_fast", False):
        raise UsageError(
            "tokenizer", "has no fast version (tokenizer.json)", "convert it, or use another model"
        )
    return tokenizer


def _with_layout(tokenizer: Any, layout: str | None) -> Any:
    if layout is None:
        if not tokenizer.chat_template:
            remedy = f"choose a layout: {', '.join(known_layouts())}"
            raise UsageError("tokenizer", "has no chat template", remedy)
        tokenizer.chat_template = FLATTEN + tokenizer.chat_template
        return tokenizer
    chosen = known_layout(layout)
    tokenizer.add_tokens([AddedToken(t, normalized=False, special=True) for t in chosen["tokens"]])
    tokenizer.chat_template = FLATTEN + chosen["template"]
    return tokenizer
