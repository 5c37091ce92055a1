"""LLM-CXR's layout as an adapter: GPT-NeoX that reads a film as codes of a VQ-GAN, past its tokenizer's ids.

adapter = LlmCxr.load(Path("llm-cxr"))        # a Hugging Face folder, and in it the VQ-GAN, vqgan*
[reply] = adapter.answer([question])

It was trained on one film at a time: of several it is shown the first, of an earlier and a present one the
present. Its authors sample; here it answers greedily, in words alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hilum.bench.adapters.asking import in_words, picture, read_replies, task_of
from hilum.bench.adapters.base import Kind, Question, Reply, identity
from hilum.bench.adapters.batches import answered, likelihoods
from hilum.bench.adapters.checkpoints import load
from hilum.errors import DataError
from hilum.model.intact import Fingerprint
from hilum.model.scoring import generate, option_scores, padded, token_ids
from hilum.tokenizer import ImageTokenizer
from hilum.tokenizer.taming import read_taming

PROTOCOL = "llm-cxr-1"
BATCH = 8
MAX_NEW_TOKENS = 256
INTRO = (
    "Below is an instruction that describes a task. "
    "Write a response that appropriately completes the request."
)
REPORT = "Generate free-text radiology reports for the entered chest X-ray images."
"""The first of the ten instructions its authors drew from; a question is its own instruction."""
END = "### End"


class LlmCxr:
    """A language model, its tokenizer, and its image tokenizer.

    Args:
        network: its embeddings hold the tokenizer's ids, then the codes.
        image_tokenizer: makes the codes.
        name: how results call it.

    Raises:
        DataError: the three do not belong together.
    """

    def __init__(
        self,
        network: Any,
        tokenizer: Any,
        image_tokenizer: ImageTokenizer,
        *,
        name: str,
        max_new_tokens: int = MAX_NEW_TOKENS,
        batch: int = BATCH,
    ) -> None:
        self.network, self.tokenizer, self.image_tokenizer = network, tokenizer, image_tokenizer
        self.name = name
        self.max_new_tokens, self.batch = max_new_tokens, batch
        self.first_code = len(tokenizer)
        rows = network.get_input_embeddings().weight.shape[0]
        if rows < self.first_code + image_tokenizer.n_codes:
            problem = f"has {rows} embeddings for {self.first_code} words and {image_tokenizer.n_codes} codes"
            raise DataError(name, problem, "give the tokenizer and the VQ-GAN it was trained with")
        ends = token_ids(tokenizer, END)
        if len(ends) != 1:
            raise DataError(name, f"does not have {END!r} as one token", "give LLM-CXR's own tokenizer")
        network.generation_config.eos_token_id = ends[0]
        network.generation_config.suppress_tokens = list(range(self.first_code, rows))
        self.pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else ends[0]
        self._weights = f"{Fingerprint.of(network).digits}-{Fingerprint.of(image_tokenizer).digits}"

    @classmethod
    def load(cls, folder: Path, **options: Any) -> LlmCxr:
        """Read a Hugging Face folder that also holds its VQ-GAN: a checkpoint, or what was imported from one.

        Raises:
            DataError: either is missing, damaged, or of another layout.
        """
        found = sorted(
            path
            for path in folder.glob("vqgan*")
            if path.suffix in (".safetensors", ".ckpt", ".pt", ".pth") or path.is_dir()
        )
        if len(found) != 1:
            problem = f"holds {len(found)} of vqgan*.safetensors, .ckpt, .pt, .pth or a folder vqgan*"
            raise DataError(folder, problem, "put the VQ-GAN's weights there")
        from transformers import AutoModelForCausalLM, AutoTokenizer

        network = load(
            AutoModelForCausalLM, str(folder), trust_remote_code=False, dtype="auto", use_safetensors=True
        )
        tokenizer = load(AutoTokenizer, str(folder), trust_remote_code=False)
        [path] = found
        image_tokenizer = ImageTokenizer.from_pretrained(path) if path.is_dir() else read_taming(path)
        return cls(network, tokenizer, image_tokenizer.to(network.device), name=folder.name, **options)

    def answer(self, questions: Sequence[Question]) -> list[Reply]:
        """Greedy answers in words."""
        return answered(questions, self._answer, size=self.batch)

    def loglikelihood(self, questions: Sequence[Question]) -> list[tuple[float, ...]]:
        """Each option as the response to the bare question."""
        return likelihoods(questions, self._likelihood, size=1)

    def describe(self) -> dict[str, str]:
        """Name, hashes of both networks' weights, and how questions are worded."""
        return identity("llm-cxr", self.name, self._weights, PROTOCOL, self.max_new_tokens)

    def _answer(self, questions: Sequence[Question]) -> list[Reply]:
        rows = [self.ids(question, worded(question)) for question in questions]
        inputs = padded(rows, self.pad, "left", self.network.device)
        written = generate(self.network, inputs, self.tokenizer, most=self.max_new_tokens)
        return read_replies(questions, [(text.strip(), finished) for text, finished in written])

    def _likelihood(self, questions: Sequence[Question]) -> list[tuple[float, ...]]:
        [question] = questions
        options = [self._tokens(option) for option in question.options]
        prompts = [self.ids(question, question.prompt)] * len(options)
        inputs = padded(prompts, self.pad, "right", self.network.device)
        return [tuple(option_scores(self.network, inputs, options, pad=self.pad))]

    def ids(self, question: Question, instruction: str) -> list[int]:
        """A prompt as its authors lay it out; the image stands between the brackets of "<image>"."""
        harmless = instruction.replace("###", "# # #")
        head = f"{INTRO}\n\n### Instruction:\n{harmless}\n\n"
        shown = _shown(question)
        if shown is None:
            return self._tokens(f"{head}### Response:\n")
        film = _square(shown, self.image_tokenizer.config.image_size)
        codes = self.image_tokenizer.encode(film[None])[0].tolist()
        before, after = f"{head}Input:\n<", ">\n\n### Response:\n"
        return [*self._tokens(before), *(self.first_code + code for code in codes), *self._tokens(after)]

    def _tokens(self, text: str) -> list[int]:
        return token_ids(self.tokenizer, text)


def worded(question: Question) -> str:
    """A question in its authors' words where they have any."""
    if question.kind is Kind.TEXT and question.images and task_of(question).startswith("findings_generation"):
        return REPORT
    return in_words(question)


def _shown(question: Question) -> Path | None:
    """The one film that is shown."""
    if not question.images:
        return None
    present = task_of(question) in ("temporal_classification", "progression")
    return question.images[-1 if present else 0]


def _square(path: Path, side: int) -> Tensor:
    """A film as its authors prepare it, (side, side) in [0, 1]; one that is too small is enlarged."""
    from PIL import Image

    film = picture(path).convert("L")  # its three colours are the same
    scale = side / min(film.size)
    width, height = (round(scale * length) for length in film.size)
    film = film.resize((width, height), Image.Resampling.LANCZOS)
    left, top = (width - side) // 2, (height - side) // 2
    square = np.asarray(film.crop((left, top, left + side, top + side)), dtype=np.float32)
    return torch.from_numpy(square / 255)
