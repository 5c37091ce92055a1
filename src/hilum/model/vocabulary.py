"""The text tokenizer: report language learned from the shards, image codes and boxes as real tokens.

vocabulary = Vocabulary.learn(texts, n_codes=1000, rows=8, size=1200)
vocabulary.encode("No pleural effusion.")

It is a plain `tokenizers` byte-level BPE wrapped by `transformers`, saved with its chat template, so
any tool that loads a Hugging Face tokenizer reads it. Every image code is a token of its own
(`<|code_17|>`), and so are the whole numbers 0–100 that boxes are made of. Each row of an image's codes
is opened by a token that numbers it (`<|row_3|>`): the decoder knows distances alone, and where on the
picture a code lies is then a short one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from hilum.errors import DataError

Code = TypeVar("Code")

PAD, END = "<|pad|>", "<|end|>"
SYSTEM, USER, ASSISTANT = "<|system|>", "<|user|>", "<|assistant|>"
IMAGE = "<|image|>"
DRAW, DRAWN = "<|codes|>", "<|/codes|>"
BOX, BOXED = "<|box|>", "<|/box|>"
SPECIAL = (PAD, END, SYSTEM, USER, ASSISTANT, IMAGE, DRAW, DRAWN, BOX, BOXED)

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
        missing = [token for token in SPECIAL if token not in vocab]
        # Image codes are the last tokens, without a gap; a token that a repair appended breaks that.
        if missing or codes != list(range(len(tokenizer) - count, len(tokenizer))):
            problem = f"lacks {missing[0]}" if missing else "has its image codes out of order"
            raise DataError(folder, f"its tokenizer {problem}", "name a run folder made by hilum")
        return cls(tokenizer, count, sum(token.startswith("<|row_") for token in vocab))

    def __len__(self) -> int:
        return len(self.tokenizer)

    def id(self, token: str) -> int:
        """The id of a token that must exist."""
        return int(self.ids[token])

    @cached_property
    def ids(self) -> dict[str, int]:
        """Token → id."""
        return dict(self.tokenizer.get_vocab())

    @cached_property
    def first_code(self) -> int:
        """Id of image code 0; the others follow it without gaps."""
        return self.id(code_token(0)) if self.n_codes else len(self)

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
    def numbers(self) -> tuple[int, ...]:
        """Ids of the tokens "0" … "100"."""
        return tuple(self.id(str(number)) for number in range(101))

    @cached_property
    def text_ids(self) -> tuple[int, ...]:
        """Ids that plain words are made of: neither special nor an image code."""
        special = {self.id(token) for token in SPECIAL}
        picture = range(self.row_ids.start, len(self))
        return tuple(i for i in range(len(self)) if i not in special and i not in picture)

    def encode(self, text: str) -> list[int]:
        """Token ids of text; a control token written out in it is read as that token."""
        # The Rust tokenizer itself: the wrapper around it takes most of the time.
        return list(self.tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids)

    def encode_user(self, text: str) -> list[int]:
        """Token ids of words a person typed: whatever looks like a control token stays plain text."""
        for token in (*SPECIAL, "<|row_", "<|code_"):
            if token not in (BOX, BOXED):
                text = text.replace(token, token.replace("|", " "))
        return self.encode(text)

    def decode(self, ids: Sequence[int]) -> str:
        """Words and boxes of an answer; control tokens and image codes are left out."""
        hidden = {self.id(t) for t in SPECIAL if t not in (BOX, BOXED)}
        kept = [i for i in ids if i not in hidden and i < self.row_ids.start]
        return str(self.tokenizer.decode(kept)).strip()
