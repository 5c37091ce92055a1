"""Any judge by its name.

judge = named_judge("facts")
judge = named_judge("green", endpoint="http://127.0.0.1:8000/v1#green", cache=Path("verdicts.jsonl"))
judge = named_judge("llm", model="models/my-llm", prompt=Path("prompt.txt"), length_controlled=True)
judge = composite({"facts": 0.5, "bertscore": 0.5})
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from hilum.endpoint import KEY_VARIABLE, ChatEndpoint
from hilum.errors import UsageError, did_you_mean
from hilum.judge import green, llm
from hilum.judge.base import Judge
from hilum.judge.composed import Composite, LengthControlled
from hilum.judge.language import MAX_TOKENS, EndpointModel, LanguageJudge, Model
from hilum.judge.radeval import RADEVAL_JUDGES, RadevalJudge
from hilum.judge.rules import FactsJudge, MatchesJudge

JUDGES: Final = ("facts", "matches", "green", "llm", *RADEVAL_JUDGES)
"""Every name."""
_RULES: Final[Mapping[str, type[FactsJudge]]] = {"facts": FactsJudge, "matches": MatchesJudge}


def named_judge(
    name: str,
    *,
    endpoint: str = "",
    key_variable: str = KEY_VARIABLE,
    model: str = "",
    prompt: Path | None = None,
    max_tokens: int = MAX_TOKENS,
    keep_answers: bool = False,
    cache: Path | None = None,
    length_controlled: bool = False,
    **options: Any,
) -> Judge:
    """One of `JUDGES`.

    Args:
        endpoint: of a language model: `URL#MODEL` of an OpenAI-compatible endpoint. It is sent the reports.
        key_variable: the environment variable that holds its key.
        model: instead of an endpoint, a folder or an id of the Hugging Face hub, run in this process.
        prompt: of `llm`: a file with the prompt; see `hilum.judge.llm`.
        max_tokens: of a language model's answer.
        keep_answers: see `hilum.judge.language.LanguageJudge`.
        cache: the file that verdicts are kept in.
        length_controlled: divide each score by max(verbosity, 1).
        options: of the endpoint (`concurrency`, `retries`, `timeout`, `per_minute`) or the model (`batch`).

    Raises:
        UsageError: there is no such judge, it lacks what it needs, or is given what it has no use for.
        DataError: a file or model cannot be read.
    """
    if name not in JUDGES:
        raise UsageError(name, "is no judge", f"{did_you_mean(name, JUDGES)}choose from {', '.join(JUDGES)}")
    asks = name in ("green", "llm")
    idle = {"endpoint": endpoint, "model": model, "prompt": prompt, "keep_answers": keep_answers} | options
    if (name == "llm") != (prompt is not None):
        if name == "llm":
            raise UsageError(name, "has no prompt", "give a file with {reference} and {candidate} in it")
        raise UsageError(f"the judge {name}", "has a prompt of its own", "give a prompt to the judge llm")
    if not asks and any(idle.values()):
        given = next(option for option, value in idle.items() if value)
        raise UsageError(f"the judge {name}", f"has no use for {given}", "leave it out")
    judge: Judge
    if asks:
        words = (green.VERSION, green.PROMPT, green.read)
        if prompt is not None:
            words = (llm.VERSION, llm.read_prompt(prompt), llm.read)
        answering = _model(name, endpoint, key_variable, model, options)
        kept: dict[str, Any] = {"keep_answers": keep_answers, "cache": cache}
        judge = LanguageJudge(name, *words, answering, max_tokens=max_tokens, **kept)
    elif name in _RULES:
        judge = _RULES[name](cache=cache)
    else:
        judge = RadevalJudge(name, cache=cache)
    return LengthControlled(judge) if length_controlled else judge


def _model(name: str, endpoint: str, key_variable: str, model: str, options: Mapping[str, Any]) -> Model:
    if bool(endpoint) == bool(model):
        problem = "has both an endpoint and a model" if model else "has no language model to ask"
        raise UsageError(f"the judge {name}", problem, "give an endpoint URL#MODEL, or a model's folder")
    if endpoint:
        return EndpointModel(ChatEndpoint.named(endpoint, key_variable=key_variable, **options))
    from hilum.judge.local import LocalModel

    return LocalModel.load(model, **options)


def composite(weights: Mapping[str, float], **judges: Judge) -> Composite:
    """The weighted mean of judges; see `Composite`.

    Args:
        weights: of each judge, by its name.
        judges: those that need settings, already opened, by the name they have in `weights`.

    Raises:
        UsageError: as `named_judge` and `Composite`.
    """
    opened = {name: judges.get(name) or named_judge(name) for name in weights}
    return Composite({opened[name]: weight for name, weight in weights.items()})
