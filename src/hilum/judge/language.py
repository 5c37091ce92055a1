"""A language model as a judge: a prompt that holds both reports, and a strict reading of the answer.

judge = LanguageJudge("green", 1, GREEN_PROMPT, read_green, EndpointModel(endpoint))

A model may chat, refuse, be cut off, be out of reach or answer in another form. Each of these is a state of
the verdict; none is a score.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final, Protocol

from hilum.endpoint import ChatEndpoint, Ended, Told
from hilum.errors import UsageError
from hilum.judge.base import Keep, Pair, PairJudge
from hilum.study import State, Verdict

MOST_WORDS: Final = 300
"""Of a report: GREEN's own code reads no more and says nothing of the rest. Here more is a state."""
MAX_TOKENS: Final = 1024
LONGEST: Final = 20_000
"""Characters of an answer: more is no judgement."""
PLACEHOLDERS: Final = ("{reference}", "{candidate}")

_PLACE: Final = re.compile("|".join(map(re.escape, PLACEHOLDERS)))
_REFUSES: Final = re.compile(
    r"\s*(?:i['’]?m (?:very )?sorry|sorry|i (?:can(?:not|['’]?t)|am (?:unable|not able))|as an ai)\b",
    re.IGNORECASE,
)

Read = Callable[[str], Verdict]
"""The verdict that an answer gives: `SCORED`, or `UNPARSABLE` with the reason."""


class Model(Protocol):
    """What answers a judge's prompts."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """What decides its answers, as plain JSON."""
        ...

    def answer(self, prompts: Sequence[str], max_tokens: int, keep: Callable[[int, Told], None]) -> None:
        """Answer each prompt greedily; hand each answer to `keep`, from whatever thread, when it is there."""
        ...

    def spent(self) -> dict[str, int]:
        """What was asked and paid so far."""
        ...


class EndpointModel:
    """A model behind an OpenAI-compatible endpoint, vLLM's for example."""

    def __init__(self, endpoint: ChatEndpoint) -> None:
        self.endpoint = endpoint

    @property
    def identity(self) -> Mapping[str, Any]:
        """Its address and name; what weights answer there nobody can tell."""
        return {"endpoint": self.endpoint.url, "model": self.endpoint.model}

    def answer(self, prompts: Sequence[str], max_tokens: int, keep: Callable[[int, Told], None]) -> None:
        """Ask several at once; each answer is kept by the thread that got it, also while a run is ended.

        Raises:
            UsageError: the endpoint refuses every question.
        """

        def ask(number: int) -> None:
            keep(number, self.endpoint.ask(prompts[number], max_tokens=max_tokens))

        self.endpoint.each(ask, range(len(prompts)))

    def spent(self) -> dict[str, int]:
        """Requests, retries and tokens; see `hilum.endpoint.Usage`."""
        return asdict(self.endpoint.usage)


class LanguageJudge(PairJudge):
    """A prompt, a model and how its answer is read.

    Args:
        version: of prompt and reading, in the judge's identity.
        prompt: holds `{reference}` and `{candidate}`, each once or more; other braces are left alone.
        max_tokens: of an answer; one that is cut off there is `TOO_LONG`.
        most_words: of a report.
        keep_answers: keep the model's words in the verdict and the cache. They repeat the reports.
        cache: see `PairJudge`.

    Raises:
        UsageError: a placeholder is missing from the prompt.
    """

    def __init__(
        self,
        name: str,
        version: int,
        prompt: str,
        read: Read,
        model: Model,
        *,
        max_tokens: int = MAX_TOKENS,
        most_words: int = MOST_WORDS,
        keep_answers: bool = False,
        cache: Path | None = None,
    ) -> None:
        super().__init__(cache=cache, most_words=most_words)
        for place in PLACEHOLDERS:
            if place not in prompt:
                raise UsageError("the prompt", f"lacks {place}", "say where the two reports go")
        self.name, self.version, self.prompt, self.read, self.model = name, version, prompt, read, model
        self.max_tokens, self.keep_answers = max_tokens, keep_answers

    @property
    def identity(self) -> Mapping[str, Any]:
        """Name, version, model, the prompt's hash and the settings."""
        return {
            "judge": self.name,
            "version": self.version,
            "prompt": hashlib.sha256(self.prompt.encode()).hexdigest()[:12],
            "max_tokens": self.max_tokens,
            "most_words": self.most_words,
            "keep_answers": self.keep_answers,
            **self.model.identity,
        }

    def spent(self) -> dict[str, Any]:
        """What the pairs came to, and what the model spent on them."""
        return {**super().spent(), **self.model.spent()}

    def _judge(self, pairs: Sequence[Pair], keep: Keep) -> None:
        prompts = [self._filled(*pair) for pair in pairs]
        self.model.answer(prompts, self.max_tokens, lambda number, told: keep({number: self._verdict(told)}))

    def _filled(self, reference: str, candidate: str) -> str:
        """The prompt with both texts, in one pass: a report that holds a placeholder stays as it is."""
        texts = dict(zip(PLACEHOLDERS, (reference.strip(), candidate.strip()), strict=True))
        return _PLACE.sub(lambda place: texts[place[0]], self.prompt)

    def _verdict(self, told: Told) -> Verdict:
        verdict = self._of_told(told)
        return replace(verdict, answer=told.text) if self.keep_answers else verdict

    def _of_told(self, told: Told) -> Verdict:
        match told.ended:
            case Ended.FAILED:
                return _failed(State.FAILED, told.cause)
            case Ended.REFUSED:
                return _failed(State.REFUSED)
            case Ended.TOO_LONG:
                return _failed(State.TOO_LONG, "the prompt is longer than the model can take")
            case Ended.CUT_OFF:
                return _failed(State.TOO_LONG, f"the answer was cut off at {self.max_tokens} tokens")
        if len(told.text) > LONGEST:
            return _failed(State.TOO_LONG, f"the answer has over {LONGEST:,} characters")
        verdict = self.read(told.text)
        if verdict.state is State.UNPARSABLE and _REFUSES.match(told.text):
            return _failed(State.REFUSED)
        return verdict


def _failed(state: State, detail: str = "") -> Verdict:
    return Verdict(None, state=state, detail=detail)
