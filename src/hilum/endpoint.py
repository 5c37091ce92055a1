"""An OpenAI-compatible chat endpoint: asked with retries, at a limited rate, everything counted.

endpoint = ChatEndpoint.named("http://127.0.0.1:8000/v1#my-model", key_variable="HILUM_ENDPOINT_KEY")
told = endpoint.ask("Is the sky blue?", max_tokens=8)      # Told(text, ended, …): a failure is an end too
told = endpoint.each(lambda q: endpoint.ask(q, max_tokens=8), questions)

Needs the extra: `pip install 'hilum[endpoint]'`. What is asked goes to this address and no other: redirects
are not followed. The key is read from the environment when the endpoint is made, and is part of no message,
result or log of Hilum's.
"""

from __future__ import annotations

import os
import random
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlsplit

from hilum.errors import UsageError

KEY_VARIABLE = "HILUM_ENDPOINT_KEY"
"""The environment variable an endpoint's key is read from."""
CONCURRENCY = 4
RETRIES = 4
TIMEOUT = 120.0
"""Seconds for one try of one question."""
BACKOFF, LONGEST_BACKOFF = 0.5, 8.0
"""Seconds before the first retry, doubled with each, and the most of them."""
LONGEST_WAIT = 120.0
"""Seconds that an endpoint may ask to wait; who asks for more has failed for now."""
_SECRET = 8
"""Characters of the shortest key that is kept out of what an endpoint said."""
_DETAIL = 500
"""Most characters of an endpoint's own words that are kept."""

Item = TypeVar("Item")
Given = TypeVar("Given")


class Ended(StrEnum):
    """How an answer ended."""

    DONE = "done"
    CUT_OFF = "cut off"
    """At the most tokens an answer may have."""
    REFUSED = "refused"
    """By the endpoint's own word."""
    TOO_LONG = "too long"
    """The question is longer than the model can take."""
    FAILED = "failed"
    """The endpoint could not be reached or broke down, or what it sent was no answer."""


@dataclass(frozen=True)
class Told:
    """What a model answered.

    Args:
        text: its words as they came.
        cause: of a failure, its kind alone: "RateLimitError 429 rate_limit_exceeded".
        detail: of a failure, the endpoint's words, which may repeat the question, but never the key.
    """

    text: str
    ended: Ended = Ended.DONE
    cause: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Usage:
    """What was sent and paid.

    Args:
        requests: tries, `retries` of them after a failure. One that timed out may have been paid as well.
        prompt_tokens: as the endpoint reports them.
        completion_tokens: likewise.
        unreported: answers of which it reported none.
    """

    requests: int = 0
    retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    unreported: int = 0

    def cost(self, prompt_price: float, completion_price: float) -> float | None:
        """In dollars, from prices per million tokens; None where answers came without their tokens."""
        if self.unreported:
            return None
        return (self.prompt_tokens * prompt_price + self.completion_tokens * completion_price) / 1e6


class ChatEndpoint:
    """A model behind an address.

    Args:
        url: its base, such as `https://host/v1`.
        model: its name there.
        key_variable: the environment variable that holds the key; where it is not set, none is sent.
        concurrency: questions under way at once.
        retries: after a lost connection, a time-out, the statuses 408, 409, 429 and 5xx or an answer that is
            no chat completion, with exponential back-off or after the time that the endpoint asks for.
        timeout: seconds for one try.
        per_minute: most requests in a minute, evenly spread; None for no limit.

    Raises:
        UsageError: the address is none, or the library `openai` is missing.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key_variable: str = "",
        concurrency: int = CONCURRENCY,
        retries: int = RETRIES,
        timeout: float = TIMEOUT,
        per_minute: float | None = None,
    ) -> None:
        self.url, self.model, self.key_variable = _checked(url), model, key_variable
        self.concurrency, self.retries = concurrency, retries
        self.usage = Usage()
        self._lock, self._pace = threading.Lock(), _Pace(per_minute)
        self._client = _client(self.url, self._key(), timeout)

    @classmethod
    def named(cls, text: str, *, key_variable: str = KEY_VARIABLE, **options: Any) -> ChatEndpoint:
        """The endpoint that `URL#MODEL` names.

        Raises:
            UsageError: it names none.
        """
        url, _, model = text.rpartition("#")
        if not url or not model:
            raise UsageError(_shown(text), "names no model at an endpoint", "write https://HOST/v1#MODEL")
        return cls(url, model, key_variable=key_variable, **options)

    def each(self, ask: Callable[[Item], Given], items: Sequence[Item]) -> list[Given]:
        """What `ask` gives for each item, several at once; where one raises, those not begun are not asked.

        Raises:
            UsageError: as `ask`.
        """
        self._pace.go()
        with ThreadPoolExecutor(self.concurrency) as pool:
            try:
                under_way = [pool.submit(ask, item) for item in items]
                wait(under_way, return_when=FIRST_EXCEPTION)
                raised = (one.exception() for one in under_way if one.done())
                if (error := next(filter(None, raised), None)) is not None:
                    raise error
                return [one.result() for one in under_way]
            except BaseException:
                self._pace.stop()
                raise
            finally:
                pool.shutdown(cancel_futures=True)

    def ask(self, content: str | list[dict[str, Any]], *, max_tokens: int) -> Told:
        """One user turn, answered at temperature 0; whatever happens to it is how the answer ended.

        Args:
            content: words, or the parts of a message as the protocol has them.

        Raises:
            UsageError: the endpoint refuses every question: it knows neither the key nor the model, or the
                account is empty.
        """
        told = Told("", Ended.FAILED, "interrupted")
        for attempt in range(self.retries + 1):
            if not self._pace.wait():
                break
            told, pause = self._try(content, max_tokens, attempt)
            if pause is None:
                break
            if attempt < self.retries:
                self._pace.pause(pause)
        return told

    def _try(
        self, content: str | list[dict[str, Any]], max_tokens: int, attempt: int
    ) -> tuple[Told, float | None]:
        """An answer, and the seconds after which to ask again, None where that is of no use."""
        import openai

        self._count(requests=1, retries=min(attempt, 1))
        pause = min(BACKOFF * 2**attempt, LONGEST_BACKOFF) * (1 - random.random() / 4)
        try:
            answer = self._client.chat.completions.create(
                model=self.model,
                messages=[{"role": "user", "content": content}],
                temperature=0,
                max_tokens=max_tokens,
            )
            self._count(**_tokens(answer))
            return self._told(answer.choices[0]), None
        except openai.APIStatusError as error:
            status = error.status_code
            if status in (401, 404) or error.code == "insufficient_quota":
                remedy = f"set {self.key_variable or 'a key variable'} to its key, check address and model"
                raise UsageError(self.url, f"refuses every question ({status})", remedy) from None
            if status == 400:
                return replace(self._failed(error, _status(error)), ended=_of_bad_request(error)), None
            told = self._failed(error, _status(error))
            if status not in (408, 409, 429) and status < 500:
                return told, None
            asked = _asked_to_wait(error.response.headers)
            if asked is None:
                return told, pause
            if asked > LONGEST_WAIT:
                return replace(told, cause=f"{told.cause}, asks to wait {asked:.0f} s"), None
            self._pace.hold(asked)  # for everybody: the others would be turned away as well
            return told, 0.0
        except Exception as error:  # an endpoint may send anything; that is its failure
            return self._failed(error), pause

    def _told(self, choice: Any) -> Told:
        """A choice of the answer, with what the endpoint says of how it ended."""
        text = choice.message.content or ""
        if not isinstance(text, str):
            raise TypeError(f"a {type(text).__name__} is no text")
        refusal = getattr(choice.message, "refusal", None)
        if refusal or choice.finish_reason == "content_filter":
            detail = self._without_key(str(refusal or "content filter"))
            return Told(self._without_key(text), Ended.REFUSED, detail=detail[:_DETAIL])
        cut = choice.finish_reason == "length"
        return Told(self._without_key(text), Ended.CUT_OFF if cut else Ended.DONE)

    def _failed(self, error: Exception, status: str = "") -> Told:
        name = type(error).__name__
        return Told("", Ended.FAILED, name + status, self._without_key(f"{name}: {error}")[:_DETAIL])

    def _without_key(self, words: str) -> str:
        """What an endpoint said, without the key, which some servers repeat.

        A word such as "none", which servers without keys are given, is no secret, and may be the answer.
        """
        key = self._key()
        return words.replace(key, "…") if key and len(key) >= _SECRET else words

    def _count(self, **more: int) -> None:
        with self._lock:
            known = vars(self.usage)
            self.usage = Usage(**{name: count + more.get(name, 0) for name, count in known.items()})

    def _key(self) -> str:
        return os.environ.get(self.key_variable, "") if self.key_variable else ""


class _Pace:
    """When the next request may go out: evenly spread, none while the endpoint wants to be left alone."""

    def __init__(self, per_minute: float | None) -> None:
        if per_minute is not None and not per_minute > 0:
            raise UsageError("per_minute", f"is {per_minute}", "give a number of requests above 0")
        self._gap = 60 / per_minute if per_minute else 0.0
        self._free, self._lock, self._stopped = 0.0, threading.Lock(), threading.Event()

    def go(self) -> None:
        self._stopped.clear()

    def stop(self) -> None:
        self._stopped.set()

    def wait(self) -> bool:
        """Until a request may go out; False where none shall any more."""
        with self._lock:
            now = time.monotonic()
            at = max(now, self._free)
            self._free = at + self._gap
        self.pause(at - now)
        return not self._stopped.is_set()

    def pause(self, seconds: float) -> None:
        if seconds > 0:
            self._stopped.wait(seconds)

    def hold(self, seconds: float) -> None:
        with self._lock:
            self._free = max(self._free, time.monotonic() + seconds)


def _checked(url: str) -> str:
    """Raises: UsageError: the address is none, or holds what may be a secret."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(_shown(url), "is no address", "give http(s)://HOST/v1")
    if parts.username or parts.password or parts.query:
        problem = "is given with a name, a password or a query in its address"
        raise UsageError(parts.hostname, problem, "put the key in an environment variable")
    return url


def _shown(url: str) -> str:
    """An address that was mistyped, without what may be a password or a key in it."""
    return url.rpartition("@")[2].partition("?")[0]


def _client(url: str, key: str, timeout: float) -> Any:
    try:
        import openai
    except ImportError as error:
        raise UsageError("endpoint", "needs openai", "pip install 'hilum[endpoint]'") from error
    client: Any = openai.OpenAI(
        base_url=url,
        api_key=key or "none",  # the library insists on one, and would look in variables of its own
        max_retries=0,  # they are counted, and paced, here
        timeout=timeout,
        http_client=openai.DefaultHttpxClient(follow_redirects=False, timeout=timeout),
    )
    client.organization = client.project = None  # it took them from variables meant for another address
    return client


def _tokens(answer: Any) -> dict[str, int]:
    usage = getattr(answer, "usage", None)
    asked, told = getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None)
    if not isinstance(asked, int) or not isinstance(told, int):
        return {"unreported": 1}
    return {"prompt_tokens": asked, "completion_tokens": told}


def _status(error: Any) -> str:
    """The number and, where the endpoint gives one that is a mere word, the code of what went wrong."""
    code = error.code if isinstance(error.code, str) and re.fullmatch("[a-z_]{1,40}", error.code) else ""
    return f" {error.status_code} {code}".rstrip()


def _of_bad_request(error: Any) -> Ended:
    if error.code == "content_filter":
        return Ended.REFUSED
    wide = error.code == "context_length_exceeded" or "context length" in str(error).lower()
    return Ended.TOO_LONG if wide else Ended.FAILED


def _asked_to_wait(headers: Mapping[str, str]) -> float | None:
    """The seconds of a `Retry-After` header, which may be a date; None without one."""
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        with suppress(ValueError):
            return max(0.0, float(headers.get(name, "")) * unit)
    with suppress(ValueError, TypeError):
        return max(0.0, parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - time.time())
    return None
