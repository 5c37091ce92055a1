"""A Python function as an adapter: `(question) -> str | Reply`; boxes are read from its words.

adapter = PythonFunction(lambda question: question.options[0])
adapter = named("my_models:answer")           # or an object there that is an adapter itself
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from hilum.bench.adapters.asking import read_reply
from hilum.bench.adapters.base import Adapter, Question, Reply
from hilum.bench.adapters.batches import answered
from hilum.errors import UsageError

Function = Callable[[Question], "str | Reply"]


class PythonFunction:
    """What a function answers; an error it raises fails that question alone.

    Args:
        function: is given one question.
        name: names it in results; its own by default.
    """

    def __init__(self, function: Function, name: str = "") -> None:
        self.function = function
        self.name = name or _own_name(function)

    def answer(self, questions: Sequence[Question]) -> list[Reply]:
        """Ask one by one."""
        return answered(questions, lambda some: [self._ask(question) for question in some], size=1)

    def loglikelihood(self, questions: Sequence[Question]) -> list[tuple[float, ...]]:
        """Refused.

        Raises:
            UsageError: always.
        """
        raise UsageError(self.name, "gives no likelihoods", "compare by what it answers")

    def describe(self) -> dict[str, str]:
        """Its name, and a hash of the file it stands in: after an edit there it is asked anew."""
        return {"adapter": "python", "model": self.name, "source": _source_hash(self.function)}

    def _ask(self, question: Question) -> Reply:
        given = self.function(question)
        if isinstance(given, Reply):
            return given
        if given is None:
            return read_reply(question, "")
        if not isinstance(given, str):
            raise TypeError(f"{self.name} gave a {type(given).__name__}, neither a text nor a Reply")
        return read_reply(question, given)


def named(text: str) -> Adapter:
    """The function or adapter that `module:name` names; modules of the current folder are found.

    Raises:
        UsageError: there is none.
    """
    module, _, name = text.partition(":")
    if not module or not name:
        raise UsageError(text, "names no function", "write module:function")
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        found = getattr(importlib.import_module(module), name)
    except (Exception, SystemExit) as error:  # a module may do anything when it is imported
        reason = f"{type(error).__name__}: {error}"
        raise UsageError(
            text, f"cannot be imported ({reason})", "name a module and a function in it"
        ) from error
    finally:
        sys.path.remove(here)
    if isinstance(found, type):
        raise UsageError(text, "is a class", f"name an object of it, such as adapter = {name}()")
    if isinstance(found, Adapter):
        return found
    if not callable(found):
        raise UsageError(text, f"is a {type(found).__name__}", "name a function or an adapter")
    return PythonFunction(found, text)


def _own_name(function: Function) -> str:
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def _source_hash(function: Function) -> str:
    """Of the whole file, since a function uses what else stands there; without a file of its own source."""
    written = function if inspect.isroutine(function) else type(function)
    try:
        file = Path(inspect.getfile(written))
        source = file.read_bytes() if file.is_file() else inspect.getsource(written).encode()
    except (OSError, TypeError):
        return "unknown"
    return hashlib.sha256(source).hexdigest()[:12]
