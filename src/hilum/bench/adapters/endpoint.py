"""Any OpenAI-compatible endpoint as an adapter. It is sent the films: use one that may see them.

adapter = Endpoint("http://127.0.0.1:8000/v1", "my-model", key_variable="HILUM_ENDPOINT_KEY")
[reply] = adapter.answer([question])

Needs the extra: `pip install 'hilum[endpoint]'`. Films go as PNG in data URIs, to this address and no other:
redirects are not followed. The key is read from the environment when the adapter is made, and is part of no
message, result or log of Hilum's.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from hilum.bench.adapters.asking import PROTOCOL, in_words, png, read_reply
from hilum.bench.adapters.base import Failure, Question, Reply
from hilum.bench.adapters.batches import crashed
from hilum.errors import UsageError

CONCURRENCY = 4
MAX_NEW_TOKENS = 512
RETRIES = 4
TIMEOUT = 120.0
"""Seconds for one try of one question."""


class Endpoint:
    """A model behind an address.

    Args:
        url: its base, such as `https://host/v1`.
        model: its name there.
        key_variable: the environment variable that holds the key; where it is not set, none is sent.
        concurrency: questions under way at once.
        retries: after a lost connection, a time-out, or the statuses 408, 409, 429 and 5xx, with exponential
            back-off.

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
        concurrency: int = CONCURRENCY,
        retries: int = RETRIES,
        timeout: float = TIMEOUT,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(url, "is no address", "give http(s)://HOST/v1")
        if parts.username or parts.password:
            remedy = "put the key in an environment variable"
            raise UsageError(parts.hostname, "is given with a name or password in its address", remedy)
        self.url, self.model, self.key_variable = urlunsplit(parts), model, key_variable
        self.max_new_tokens, self.concurrency = max_new_tokens, concurrency
        self._client = _client(self.url, self._key(), retries, timeout)

    @classmethod
    def named(cls, text: str, *, key_variable: str) -> Endpoint:
        """The endpoint that `URL#MODEL` names.

        Raises:
            UsageError: it names none.
        """
        url, _, model = text.rpartition("#")
        if not url or not model:
            raise UsageError(text, "names no model at an endpoint", "write endpoint:https://HOST/v1#MODEL")
        return cls(url, model, key_variable=key_variable)

    def answer(self, questions: Sequence[Question]) -> list[Reply]:
        """Ask at temperature 0, several at once; whatever happens to one question is its reply's state.

        Raises:
            UsageError: the endpoint knows neither the key nor the model, which no question can change.
        """
        with ThreadPoolExecutor(self.concurrency) as pool:
            try:
                return list(pool.map(self._ask, questions))
            finally:
                pool.shutdown(cancel_futures=True)

    def loglikelihood(self, questions: Sequence[Question]) -> list[tuple[float, ...]]:
        """Refused: chat endpoints do not score words that are given to them.

        Raises:
            UsageError: always.
        """
        raise UsageError(self.url, "gives no likelihoods of options", "compare by what it answers")

    def describe(self) -> dict[str, str]:
        """Address, name and how questions are worded; what weights answer there nobody can tell."""
        return {
            "adapter": "endpoint",
            "model": self.model,
            "url": self.url,
            "protocol": PROTOCOL,
            "max_new_tokens": str(self.max_new_tokens),
        }

    def _ask(self, question: Question) -> Reply:
        import openai

        try:
            told = self._client.chat.completions.create(
                model=self.model,
                messages=[{"role": "user", "content": _content(question)}],
                temperature=0,
                max_tokens=self.max_new_tokens,
            )
            return _reply(question, told.choices[0])
        except (openai.AuthenticationError, openai.NotFoundError) as error:
            remedy = f"set {self.key_variable or 'a key variable'} to its key, and check address and model"
            raise UsageError(self.url, f"refuses every question ({error.status_code})", remedy) from None
        except openai.BadRequestError as error:
            refused = error.code == "content_filter"
            reply = self._failed(error)
            return replace(reply, failure=Failure.REFUSED) if refused else reply
        except Exception as error:  # an endpoint may send anything; that is its failure
            return self._failed(error)

    def _failed(self, error: Exception) -> Reply:
        """A crash, told without the key, which some servers repeat in their errors."""
        return crashed(error, self._key())

    def _key(self) -> str:
        return os.environ.get(self.key_variable, "") if self.key_variable else ""


def _client(url: str, key: str, retries: int, timeout: float) -> Any:
    try:
        import openai
    except ImportError as error:
        raise UsageError("endpoint", "needs openai", "pip install 'hilum[endpoint]'") from error
    client: Any = openai.OpenAI(
        base_url=url,
        api_key=key or "none",  # the library insists on one, and would look in variables of its own
        max_retries=retries,
        timeout=timeout,
        http_client=openai.DefaultHttpxClient(follow_redirects=False, timeout=timeout),
    )
    client.organization = client.project = None  # it took them from variables meant for another address
    return client


def _content(question: Question) -> list[dict[str, Any]]:
    """The films, then the words."""
    films = (base64.b64encode(png(path)).decode() for path in question.images)
    shown = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{film}"}} for film in films]
    return [*shown, {"type": "text", "text": in_words(question)}]


def _reply(question: Question, choice: Any) -> Reply:
    """A choice of the answer, with what the endpoint says of how it ended."""
    text = choice.message.content or ""
    refusal = getattr(choice.message, "refusal", None)
    if refusal or choice.finish_reason == "content_filter":
        return Reply(text, failure=Failure.REFUSED, detail=str(refusal or "content filter"))
    return read_reply(question, text, finished=choice.finish_reason != "length")
