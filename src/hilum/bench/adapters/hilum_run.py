"""A Hilum run as an adapter: each task in the words its training used, batched by the model's own engine.

adapter = HilumRun(hilum.load("quickstart"))
[reply] = adapter.answer([question])
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hilum.bench.adapters.asking import read_reply, task_of
from hilum.bench.adapters.base import Kind, Question, Reply, identity
from hilum.bench.adapters.batches import answered, likelihoods
from hilum.images import Radiograph, read_image, unfit_box
from hilum.model import Answer, Model, Prompt
from hilum.model.asking import findings_prompt, shown
from hilum.model.wording import unrepeated
from hilum.prompts import canonical, change_views
from hilum.reports import extract_facts, names
from hilum.study import Change, Message, Position, Task, Text

PROTOCOL = "hilum-1"
"""Changes whenever a question is worded otherwise."""
BATCH = 32

TASKS: Mapping[str, Task] = {
    "view_classification": Task.VIEW,
    "binary_disease": Task.BINARY,
    "binary_disease_classification": Task.BINARY,
    "disease_identification": Task.DISEASES,
    "single_disease_identification": Task.DISEASES,
    "multiple_disease_identification": Task.DISEASES,
    "progression": Task.PROGRESSION,
    "temporal_classification": Task.PROGRESSION,
    "phrase_grounding": Task.GROUND,
    "findings_generation": Task.FINDINGS,
    "findings_generation_with_indication": Task.FINDINGS,
    "findings_summarization": Task.SUMMARIZE,
}
"""CheXbench's names and Hilum's; a question of any other task is asked as it stands."""

_CHANGES = {
    "worsening": Change.WORSENED,
    "worse": Change.WORSENED,
    "stable": Change.STABLE,
    "unchanged": Change.STABLE,
    "no change": Change.STABLE,
    "improving": Change.IMPROVED,
    "better": Change.IMPROVED,
}


class HilumRun:
    """A trained model of Hilum.

    Args:
        model: see `hilum.load`.
        max_new_tokens: of a free answer; one that is longer is `Failure.TOO_LONG`.
    """

    def __init__(self, model: Model, *, max_new_tokens: int = 160) -> None:
        self.model = model
        self.max_new_tokens = max_new_tokens

    def answer(self, questions: Sequence[Question]) -> list[Reply]:
        """A choice is made among the options and given by the option's own words; a box is always given."""
        return answered(questions, self._answer, size=BATCH)

    def loglikelihood(self, questions: Sequence[Question]) -> list[tuple[float, ...]]:
        """The mean log-probability per token of each option; its end is not counted, as in CheXbench."""
        return likelihoods(questions, lambda some: [self._likelihood(question) for question in some], size=1)

    def describe(self) -> dict[str, str]:
        """Name and hash of the weights, and how questions are worded."""
        return identity("hilum", self.model.name, self.model.weights_hash(), PROTOCOL, self.max_new_tokens)

    def _answer(self, questions: Sequence[Question]) -> list[Reply]:
        films = [_films(question) for question in questions]
        prompts = [self._prompt(q, study) for q, study in zip(questions, films, strict=True)]
        answers = self.model.answer(prompts, max_new_tokens=self.max_new_tokens)
        together = zip(questions, films, (row[0] for row in answers), strict=True)
        return [self._reply(question, study, answer) for question, study, answer in together]

    def _likelihood(self, question: Question) -> tuple[float, ...]:
        prompt = replace(self._prompt(question, _films(question)), options=None)
        found = self.model.loglikelihood(prompt, own_words(question))
        return tuple(option.per_token for option in found)

    def _prompt(self, question: Question, study: Sequence[Radiograph]) -> Prompt:
        """The question as the model was trained on it."""
        if TASKS.get(task_of(question)) is Task.FINDINGS and question.kind is Kind.TEXT:
            return findings_prompt(study, question.fields.get("indication", ""), self.model.config.views)
        options = own_words(question) if question.kind is Kind.CHOICE else None
        pixels = [film.pixels for film in study]
        prompt = shown(pixels, worded(question), locate=question.kind is Kind.BOX, options=options)
        if TASKS.get(task_of(question)) is Task.PROGRESSION and len(study) == 2:
            roles = change_views(("0", "1"), [film.position for film in study], self.model.config.views)
            return replace(prompt, messages=(Message("user", (*roles, Text(worded(question)))),))
        return prompt

    def _reply(self, question: Question, study: Sequence[Radiograph], answer: Answer) -> Reply:
        if question.kind is Kind.CHOICE:
            return Reply(question.options[own_words(question).index(answer.text)])
        if question.kind is Kind.BOX:
            shape = study[0].pixels.shape if study else None
            boxes = answer.boxes
            if shape is not None:  # the model saw the film fitted to its square
                boxes = tuple(unfit_box(box, (shape[0], shape[1]), self.model.fit) for box in boxes)
            return replace(read_reply(question, answer.text), boxes=boxes)
        return read_reply(question, unrepeated(answer.text), finished=answer.finished)


def worded(question: Question) -> str:
    """The question in the words training has used most, where its task and fields allow that."""
    fields = question.fields
    match TASKS.get(task_of(question)):
        case Task.VIEW:
            return canonical(Task.VIEW)
        case Task.DISEASES if question.options:
            return canonical(Task.DISEASES, options=", ".join(own_words(question)))
        case (Task.BINARY | Task.PROGRESSION) as task if fields.get("disease"):
            return canonical(task, **_named(fields["disease"]))
        case Task.GROUND if fields.get("phrase"):
            return canonical(Task.GROUND, phrase=fields["phrase"])
        case Task.SUMMARIZE if fields.get("findings"):
            return canonical(Task.SUMMARIZE, findings=fields["findings"])
    return question.prompt


def own_words(question: Question) -> list[str]:
    """The options as the model was trained to write them; as they stand where two would be the same."""
    task = TASKS.get(task_of(question))
    rewrite: Callable[[str], str] = str
    if {option.strip().lower() for option in question.options} == {"yes", "no"}:
        rewrite = _polarity
    elif task is Task.DISEASES:
        rewrite = str.lower
    elif task is Task.VIEW:
        rewrite = _view
    elif task is Task.PROGRESSION:
        rewrite = _change
    written = [rewrite(option) for option in question.options]
    if len(set(written)) < len(written):
        return list(question.options)
    return written


def _polarity(option: str) -> str:
    return option.strip().capitalize()


def _view(option: str) -> str:
    upper = option.strip().upper()
    return upper if upper in {position.value for position in Position} else option


def _change(option: str) -> str:
    return _CHANGES.get(option.strip().lower().rstrip("."), option)


def _named(disease: str) -> Mapping[str, str]:
    """The slots that name a disease: those of the finding it is, else its own words."""
    found = [fact.finding for fact in extract_facts(disease)]
    return names(found[0]) if len(found) == 1 else {"name": disease.lower(), "a": disease.lower(), "is": "Is"}


def _films(question: Question) -> list[Radiograph]:
    return [read_image(Path(path)) for path in question.images]
