"""Any image-text model of `transformers` as an adapter, by its own processor and chat template.

adapter = TransformersModel.load("llava-hf/llava-1.5-7b-hf")
[reply] = adapter.answer([question])
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Literal

from hilum.bench.adapters.asking import PROTOCOL, in_words, picture, read_replies
from hilum.bench.adapters.base import Question, Reply, identity
from hilum.bench.adapters.batches import answered, likelihoods
from hilum.bench.adapters.checkpoints import load
from hilum.errors import UsageError
from hilum.model.intact import Fingerprint
from hilum.model.scoring import generate, option_scores, token_ids

BATCH = 8
MAX_NEW_TOKENS = 512


class TransformersModel:
    """A network of `AutoModelForImageTextToText` with its processor.

    Args:
        network: any that `generate`s and gives logits.
        processor: its own, with a chat template.
        name: how results call it.

    Raises:
        UsageError: the processor has no chat template.
    """

    def __init__(
        self,
        network: Any,
        processor: Any,
        *,
        name: str,
        max_new_tokens: int = MAX_NEW_TOKENS,
        batch: int = BATCH,
    ) -> None:
        self.network, self.processor, self.name = network, processor, name
        self.max_new_tokens, self.batch = max_new_tokens, batch
        self.tokenizer = getattr(processor, "tokenizer", processor)
        if not getattr(processor, "chat_template", None):
            raise UsageError(name, "has no chat template", "give its folder one: chat_template.jinja")
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self._weights = Fingerprint.of(network).digits

    @classmethod
    def load(cls, source: str, *, trust_remote_code: bool = False, **options: Any) -> TransformersModel:
        """Read a folder, or a model of the Hugging Face hub.

        Args:
            trust_remote_code: run Python that comes with it.
            options: of the adapter, such as `batch`.

        Raises:
            UsageError: it asks to run its own Python, or has no chat template.
            DataError: it is missing or damaged.
        """
        from transformers import AutoModelForImageTextToText, AutoProcessor

        network = load(
            AutoModelForImageTextToText,
            source,
            trust_remote_code=trust_remote_code,
            dtype="auto",
            use_safetensors=True,
        )
        processor = load(AutoProcessor, source, trust_remote_code=trust_remote_code)
        return cls(network, processor, name=source, **options)

    def answer(self, questions: Sequence[Question]) -> list[Reply]:
        """Greedy answers to the question with its options by letter, as CheXbench asks."""
        return answered(questions, self._answer, size=self.batch, alike=_images)

    def loglikelihood(self, questions: Sequence[Question]) -> list[tuple[float, ...]]:
        """Each option as the assistant's words after the bare question."""
        return likelihoods(questions, self._likelihood, size=max(1, self.batch // 4), alike=_images)

    def describe(self) -> dict[str, str]:
        """Name, hashes of the weights and of the chat template, and how questions are worded."""
        template = hashlib.sha256(str(self.processor.chat_template).encode()).hexdigest()[:12]
        about = ("transformers", self.name, self._weights, PROTOCOL, self.max_new_tokens)
        return identity(*about, template=template)

    def _answer(self, questions: Sequence[Question]) -> list[Reply]:
        inputs = self._inputs(questions, [self._prompt(q, in_words(q)) for q in questions], "left")
        written = generate(self.network, inputs, self.tokenizer, most=self.max_new_tokens)
        return read_replies(questions, written)

    def _likelihood(self, questions: Sequence[Question]) -> list[tuple[float, ...]]:
        rows = [question for question in questions for _ in question.options]
        prompts = [self._prompt(question, question.prompt) for question in rows]
        options = [option for question in questions for option in question.options]
        ids = [self._option(prompt, option) for prompt, option in zip(prompts, options, strict=True)]
        inputs = self._inputs(rows, prompts, "right")
        scores = iter(option_scores(self.network, inputs, ids, pad=self.tokenizer.pad_token_id))
        return [tuple(next(scores) for _ in question.options) for question in questions]

    def _prompt(self, question: Question, words: str) -> str:
        """One user turn, images first, laid out by the model's own chat template."""
        content = [*({"type": "image"} for _ in question.images), {"type": "text", "text": words}]
        turns = [{"role": "user", "content": content}]
        text: str = self.processor.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        return text

    def _option(self, prompt: str, option: str) -> list[int]:
        """An option's tokens; after "ASSISTANT:" or a word, a space parts them."""
        apart = " " if prompt[-1:].isalnum() or prompt.endswith(":") else ""
        return token_ids(self.tokenizer, apart + option)

    def _inputs(
        self, questions: Sequence[Question], prompts: list[str], side: Literal["left", "right"]
    ) -> Any:
        pictures = [[picture(path) for path in question.images] for question in questions]
        begin = self.tokenizer.bos_token
        made = self.processor(
            text=prompts,
            images=pictures if pictures[0] else None,
            padding=True,
            padding_side=side,
            # Most templates write the token that begins a text themselves.
            add_special_tokens=not (begin and prompts[0].startswith(begin)),
            return_tensors="pt",
        )
        return made.to(self.network.device, self.network.dtype)


def _images(question: Question) -> int:
    """Processors lay out batches in which all questions show equally many images."""
    return len(question.images)
