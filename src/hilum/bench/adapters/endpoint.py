"""Any OpenAI-compatible endpoint as an adapter. It is sent the films: use one that may see them.

adapter = Endpoint("http://127.0.0.1:8000/v1", "my-model", key_variable="HILUM_ENDPOINT_KEY")
[reply] = adapter.answer([question])

Needs the extra: `pip install 'hilum[endpoint]'`. Films go as PNG in data URIs, by way of `hilum.endpoint`,
which says where they go and what becomes of the key.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from hilum.bench.adapters.asking import PROTOCOL, in_words, png, read_reply
from hilum.bench.adapters.base import Failure, Question, Reply
from hilum.bench.adapters.batches import crashed
from hilum.endpoint import ChatEndpoint, Ended, Told
from hilum.errors import UsageError

MAX_NEW_TOKENS = 512


class Endpoint:
    """A model behind an address.

    Args:
        url: its base, such as `https://host/v1`.
        model: its name there.
        options: of `hilum.endpoint.ChatEndpoint`, such as `retries` and `concurrency`.

    Raises:
        UsageError: the address is none, or the library `openai` is missing.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key_variable: str = "",
        max_new_tokens: int = MAX_NEW_TOKENS,
        **options: Any,
    ) -> None:
        self.chat = ChatEndpoint(url, model, key_variable=key_variable, **options)
        self.max_new_tokens = max_new_tokens

    @classmethod
    def named(cls, text: str, *, key_variable: str) -> Endpoint:
        """The endpoint that `URL#MODEL` names.

        Raises:
            UsageError: it names none.
        """
        chat = ChatEndpoint.named(text, key_variable=key_variable)
        return cls(chat.url, chat.model, key_variable=key_variable)

    def answer(self, questions: Sequence[Question]) -> list[Reply]:
        """Ask at temperature 0, several at once; whatever happens to one question is its reply's state.

        Raises:
            UsageError: the endpoint refuses every question: it knows neither the key nor the model, or the
                account is empty. What it answered before that is returned, and the rest has crashed.
        """
        given: dict[int, Reply] = {}

        def ask(number: int) -> None:
            given[number] = self._ask(questions[number])

        try:
            self.chat.each(ask, range(len(questions)))
        except UsageError as error:
            if not given:
                raise
            rest = Reply("", failure=Failure.CRASHED, detail=f"the endpoint {error.problem}")
            return [given.get(number, rest) for number in range(len(questions))]
        return [given[number] for number in range(len(questions))]

    def loglikelihood(self, questions: Sequence[Question]) -> list[tuple[float, ...]]:
        """Refused: chat endpoints do not score words that are given to them.

        Raises:
            UsageError: always.
        """
        raise UsageError(self.chat.url, "gives no likelihoods of options", "compare by what it answers")

    def describe(self) -> dict[str, str]:
        """Address, name and how questions are worded; what weights answer there nobody can tell."""
        return {
            "adapter": "endpoint",
            "model": self.chat.model,
            "url": self.chat.url,
            "protocol": PROTOCOL,
            "max_new_tokens": str(self.max_new_tokens),
        }

    def _ask(self, question: Question) -> Reply:
        try:
            content = _content(question)
        except Exception as error:  # a film may be anything
            return crashed(error)
        return _reply(question, self.chat.ask(content, max_tokens=self.max_new_tokens))


def _content(question: Question) -> list[dict[str, Any]]:
    """The films, then the words."""
    films = (base64.b64encode(png(path)).decode() for path in question.images)
    shown = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{film}"}} for film in films]
    return [*shown, {"type": "text", "text": in_words(question)}]


def _reply(question: Question, told: Told) -> Reply:
    match told.ended:
        case Ended.DONE | Ended.CUT_OFF:
            return read_reply(question, told.text, finished=told.ended is Ended.DONE)
        case Ended.REFUSED:
            return Reply(told.text or told.detail, failure=Failure.REFUSED, detail=told.cause)
    # The kind alone: an endpoint's own words may repeat the question, and a result is handed on.
    return Reply(told.text, failure=Failure.CRASHED, detail=told.cause)
