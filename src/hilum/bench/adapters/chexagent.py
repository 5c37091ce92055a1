"""CheXagent-2-3b by its own protocol: its prompts, its boxes in percent, 1,024 tokens for each image.

adapter = CheXagent.load("StanfordAIMI/CheXagent-2-3b", trust_remote_code=True)
[reply] = adapter.answer([question])

The checkpoint is Python of its own, which runs by the user's explicit word alone. The published one insists
on transformers 4.40.0 and refuses any other; it can then be asked from an environment of its own, behind an
endpoint or a Python function.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from hilum.bench.adapters.asking import png, read_replies, task_of, with_options
from hilum.bench.adapters.base import Kind, Question, Reply, identity
from hilum.bench.adapters.batches import answered, likelihoods
from hilum.bench.adapters.checkpoints import load
from hilum.errors import UsageError
from hilum.files import private_folder
from hilum.model.intact import Fingerprint
from hilum.model.scoring import generate, option_scores, padded, token_ids

PROTOCOL = "chexagent-2-1"
BATCH = 4
MAX_NEW_TOKENS = 512
SYSTEM = "You are a helpful assistant."
FINDINGS_IMAGES = 2
"""Images of a study that findings are asked for with: two fill the context of 2,048 tokens."""

PROMPTS: Mapping[str, str] = {
    "phrase_grounding": "Please locate the following phrase: {phrase}",
    "abnormality_detection": "Locate areas in the chest X-ray where {disease} are present, "
    "using bounding box coordinates",
    "chest_tube_segmentation": "Locate chest tubes and specify their positions with bounding box coordinates",
    "rib_fracture_segmentation": "Locate rib fractures and specify their positions with bounding box "
    "coordinates",
    "foreign_object_detection": "Examine the chest X-ray for the presence of foreign objects, such as tubes, "
    "clips, or hardware, and provide their locations with bounding box coordinates.",
    "findings_generation": 'Given the indication: "{indication}", write a structured findings section for '
    "the CXR.",
    "findings_summarization": "Summarize the following Findings: {findings}",
}
"""The prompts its authors publish for answers that are no choice; a choice is asked as in CheXbench."""


class CheXagent:
    """A network and a tokenizer in CheXagent-2's layout.

    Args:
        network: reads the images whose paths its tokenizer hid among the tokens.
        tokenizer: has `from_list_format`, and a chat template of turns with `from` and `value`.
        name: how results call it.

    Raises:
        UsageError: the tokenizer is another model's.
    """

    def __init__(
        self,
        network: Any,
        tokenizer: Any,
        *,
        name: str,
        max_new_tokens: int = MAX_NEW_TOKENS,
        batch: int = BATCH,
    ) -> None:
        if not hasattr(tokenizer, "from_list_format"):
            raise UsageError(name, "is not in CheXagent-2's layout", "open other models with hf:")
        self.network, self.tokenizer, self.name = network, tokenizer, name
        self.max_new_tokens, self.batch = max_new_tokens, batch
        self._weights = Fingerprint.of(network).digits

    @classmethod
    def load(cls, source: str, *, trust_remote_code: bool = False, **options: Any) -> CheXagent:
        """Read a folder, or a model of the Hugging Face hub.

        Args:
            trust_remote_code: run the Python that comes with it, without which it does nothing.
            options: of the adapter, such as `batch`.

        Raises:
            UsageError: `trust_remote_code` is False, or it is another model.
            DataError: it is missing or damaged, or its Python does not run here.
        """
        from transformers import AutoModelForCausalLM, AutoTokenizer

        network = load(
            AutoModelForCausalLM,
            source,
            trust_remote_code=trust_remote_code,
            dtype="auto",
            use_safetensors=True,
        )
        tokenizer = load(AutoTokenizer, source, trust_remote_code=trust_remote_code)
        return cls(network, tokenizer, name=source, **options)

    def answer(self, questions: Sequence[Question]) -> list[Reply]:
        """Greedy answers; prompts of equal length share a batch, so that none is padded."""
        return answered(
            questions, self._answer, size=self.batch, alike=lambda q: len(self._ids(q, worded(q)))
        )

    def loglikelihood(self, questions: Sequence[Question]) -> list[tuple[float, ...]]:
        """Each option as the assistant's words after the bare question."""
        return likelihoods(questions, self._likelihood, size=1)

    def describe(self) -> dict[str, str]:
        """Name, hash of the weights, and how questions are worded."""
        return identity("chexagent", self.name, self._weights, PROTOCOL, self.max_new_tokens)

    def _answer(self, questions: Sequence[Question]) -> list[Reply]:
        with private_folder() as folder:
            rows = [self._ids(q, worded(q), _films(q, folder)) for q in questions]
            written = generate(
                self.network, self._inputs(rows), self.tokenizer, most=self.max_new_tokens, special=True
            )
        return read_replies(questions, written)

    def _likelihood(self, questions: Sequence[Question]) -> list[tuple[float, ...]]:
        [question] = questions
        with private_folder() as folder:
            ids = self._ids(question, question.prompt, _films(question, folder))
            options = [token_ids(self.tokenizer, option) for option in question.options]
            return [tuple(option_scores(self.network, self._inputs([ids] * len(options)), options))]

    def _ids(self, question: Question, words: str, films: Sequence[str] | None = None) -> list[int]:
        """A system turn and the user's, images first; with `films` None any paths stand for theirs."""
        paths = [str(number) for number in range(len(_shown(question)))] if films is None else films
        # A dataset's words must name no file of this machine: the network opens whatever path it is told.
        harmless = words.replace("<|", "< |")
        query = self.tokenizer.from_list_format([*({"image": path} for path in paths), {"text": harmless}])
        turns = [{"from": "system", "value": SYSTEM}, {"from": "human", "value": query}]
        laid = self.tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
        return list(laid)

    def _inputs(self, rows: Sequence[Sequence[int]]) -> dict[str, Tensor]:
        return padded(rows, 0, "left", self.network.device)  # equally long, so that nothing is filled up


def worded(question: Question) -> str:
    """A question in the words of CheXagent's authors; one whose fields are missing, as it stands."""
    if question.kind is Kind.CHOICE:
        return with_options(question)
    task = task_of(question).removesuffix("_with_indication")
    try:
        return PROMPTS.get(task, "{prompt}").format(prompt=question.prompt, **question.fields)
    except KeyError:
        return question.prompt


def _shown(question: Question) -> tuple[Path, ...]:
    if task_of(question).startswith("findings_generation"):
        return question.images[:FINDINGS_IMAGES]
    return question.images


def _films(question: Question, folder: Path) -> list[str]:
    """The films as PNG files, since its own code reads neither DICOM nor 16 bits."""
    paths = []
    for path in _shown(question):
        film = folder / f"{len(list(folder.iterdir()))}.png"
        film.write_bytes(png(path))
        paths.append(str(film))
    return paths
