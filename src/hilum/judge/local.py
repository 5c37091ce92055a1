"""A language model in this process as a judge's model.

model = LocalModel.load("models/GREEN-radllama2-7b")       # a folder, or an id of the Hugging Face hub
judge = LanguageJudge("green", green.VERSION, green.PROMPT, green.read, model)

Weights are read from safetensors, and no Python that comes with them is run. On a GPU they keep their own
precision; on a CPU they are float32.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import torch

from hilum.endpoint import Ended, Told
from hilum.model.intact import Fingerprint
from hilum.model.pretrained import load_language
from hilum.model.scoring import generate, padded, token_ids

BATCH: Final = 8
_PLAIN: Final = "<|user|>\n{prompt}{end}\n<|assistant|>\n"
"""The layout of a model whose tokenizer has no chat template: GREEN's own."""


class LocalModel:
    """A causal language model with its tokenizer, asked greedily in batches.

    Args:
        network: any that `generate`s.
        name: how results call it.
        batch: prompts answered at once; where they do not fit into memory, the batch is halved.
    """

    def __init__(self, network: Any, tokenizer: Any, *, name: str, batch: int = BATCH) -> None:
        self.network, self.tokenizer, self.name, self.batch = network.eval(), tokenizer, name, batch
        self._weights = Fingerprint.of(network).digits
        self._spent = {"prompt_tokens": 0, "completion_tokens": 0}

    @classmethod
    def load(cls, source: str, *, batch: int = BATCH) -> LocalModel:
        """Read a folder, or a model of the Hugging Face hub, onto the GPU where there is one.

        Raises:
            DataError: it is missing or damaged, or asks to run its own Python.
        """
        cuda = torch.cuda.is_available()
        network, tokenizer = load_language(source, dtype="auto" if cuda else torch.float32)
        moved: Any = network
        return cls(moved.to("cuda" if cuda else "cpu"), tokenizer, name=source, batch=batch)

    @property
    def identity(self) -> Mapping[str, Any]:
        """Hashes of its weights and its layout of a prompt."""
        layout = str(getattr(self.tokenizer, "chat_template", None) or _PLAIN)
        return {
            "weights": self._weights,
            "dtype": str(self.network.dtype),
            "layout": hashlib.sha256(layout.encode()).hexdigest()[:12],
        }

    def spent(self) -> dict[str, int]:
        """Tokens read and written."""
        return dict(self._spent)

    def answer(self, prompts: Sequence[str], max_tokens: int, keep: Callable[[int, Told], None]) -> None:
        """Answer every prompt, those of like length together; what does not fit the model is `TOO_LONG`."""
        rows = {number: self._ids(prompt) for number, prompt in enumerate(prompts)}
        most = getattr(self.network.config, "max_position_embeddings", None)
        for number, ids in list(rows.items()):
            if most is not None and len(ids) + max_tokens > most:
                keep(number, Told("", Ended.TOO_LONG))
                del rows[number]
        order = sorted(rows, key=lambda number: len(rows[number]))
        for start in range(0, len(order), self.batch):
            some = order[start : start + self.batch]
            for number, told in zip(some, self._told([rows[n] for n in some], max_tokens), strict=True):
                keep(number, told)

    def _told(self, rows: Sequence[Sequence[int]], max_tokens: int) -> list[Told]:
        try:
            return self._generated(rows, max_tokens)
        except Exception as error:  # a checkpoint may do anything; that is its failure
            if len(rows) == 1:
                return [Told("", Ended.FAILED, type(error).__name__)]
        half = len(rows) // 2
        return self._told(rows[:half], max_tokens) + self._told(rows[half:], max_tokens)

    def _generated(self, rows: Sequence[Sequence[int]], max_tokens: int) -> list[Told]:
        pad = self.tokenizer.pad_token_id
        inputs = padded(rows, 0 if pad is None else pad, "left", self.network.device)
        written = generate(self.network, inputs, self.tokenizer, most=max_tokens)
        told = [Told(one.text, Ended.DONE if one.finished else Ended.CUT_OFF) for one in written]
        self._spent["prompt_tokens"] += sum(map(len, rows))
        self._spent["completion_tokens"] += sum(len(token_ids(self.tokenizer, one.text)) for one in told)
        return told

    def _ids(self, prompt: str) -> list[int]:
        """One user turn by the model's own chat template, the assistant's to follow."""
        if getattr(self.tokenizer, "chat_template", None):
            turns = [{"role": "user", "content": prompt}]
            text = self.tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
            return token_ids(self.tokenizer, text)
        text = _PLAIN.format(prompt=prompt, end=self.tokenizer.eos_token or "")
        ids: list[int] = self.tokenizer(text)["input_ids"]
        return ids
