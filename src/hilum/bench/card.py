"""A model card from results of the benchmark, in the form that the Hugging Face Hub reads.

hilum card bench bench-nih --out model-card.md
text = model_card([read_result(Path("bench"))])
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from hilum.bench.documents import markdown_table, plain
from hilum.bench.intervals import Estimate
from hilum.bench.leaderboard import estimate
from hilum.bench.saved import SavedResult, require_different
from hilum.bench.tasks import TASKS
from hilum.errors import UsageError
from hilum.files import MARK

_ENTRIES = {entry.name: entry for entry in TASKS}

USE = """For research on reading chest radiographs by machine. It is no medical device: nobody may be
diagnosed, treated or triaged by what it writes, draws or marks. Drawn pictures are synthetic and must be
called so wherever they are shown."""

CAVEATS = """- The figures hold for the studies named beside them. Other hospitals, devices, age groups and
  findings may give others; measure the model on your own before relying on any.
- An interval tells the spread between patients of the same kind, and nothing about patients of another.
- References and labels have errors of their own, which count against the model, or for it.
- Figures of another version of a task are not comparable with these."""


def model_card(results: Sequence[SavedResult], *, seed: int = 0) -> str:
    """Front matter and text.

    Args:
        results: of one model, measured on one or several sets of studies.
        seed: of the resamples behind the intervals.

    Raises:
        UsageError: there is no result, one is given twice, or they are of different weights.
    """
    if not results:
        raise UsageError("results", "are none", "name the folder of a result")
    require_different(results)
    first = results[0]
    for other in results[1:]:
        if (other.weights, other.model) != (first.weights, first.model):
            problem = f"is of {other.model} ({other.weights}), not of {first.model} ({first.weights})"
            raise UsageError(other.name, problem, "make one card a model")
    known = [(result, {name: estimate(result, name, seed) for name in result.items}) for result in results]
    evaluations = [_evaluation(r, name, e) for r, row in known for name, e in row.items()]
    data = ModelCardData(
        model_name=first.model,
        language="en",
        library_name=_library(first),
        pipeline_tag="image-text-to-text",
        tags=["chest-x-ray", "radiology", "research-only", "hilum"],
        base_model=_told(results, "base_model") or None,
        datasets=_told(results, "trained_on") or None,
        eval_results=[evaluation for evaluation in evaluations if evaluation is not None] or None,
    )
    parts = [f"---\n{data.to_yaml()}\n---", f"# {plain(first.model)}", *_identity(first, results)]
    parts += ["## Intended use", USE, "## Figures", "In brackets the 95 % interval over patients."]
    for result, row in known:
        parts += _figures(result, row)
    parts += ["## Caveats", CAVEATS + _further(results)]
    return _marked("\n\n".join(parts))


def _marked(words: str) -> str:
    """A card that tells whether it was changed since."""
    digest = hashlib.sha256(words.encode()).hexdigest()[:12]
    return f"{words}\n\n<!-- {MARK}, unless it was changed: {digest} -->\n"


def is_card(path: Path) -> bool:
    """Whether a file is a card as Hilum wrote it, which nobody has changed."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return text == _marked(text.rpartition("\n\n<!-- ")[0])


def _library(result: SavedResult) -> str | None:
    """What loads the model: of a Python function or an endpoint nothing that is known."""
    adapter = _mapping(result.protocol.get("adapter")).get("adapter")
    return "transformers" if adapter not in ("python", "endpoint") else None


def _evaluation(result: SavedResult, name: str, found: Estimate) -> EvalResult | None:
    if found.value is None:
        return None
    entry = _ENTRIES.get(name)
    measured = ", ".join(_names(result.protocol.get("studies"))) or result.name
    return EvalResult(
        task_type="image-text-to-text",
        task_name=entry.title if entry else name,
        dataset_type=measured,
        dataset_name=measured,
        dataset_split=result.protocol.get("split"),
        metric_type=name,
        metric_name=entry.metric if entry else name,
        metric_value=round(found.value, 4),
        metric_args={
            "low": None if found.low is None else round(found.low, 4),
            "high": None if found.high is None else round(found.high, 4),
            "n": found.n,
            "version": result.versions[name],
        },
    )


def _identity(first: SavedResult, results: Sequence[SavedResult]) -> list[str]:
    new = any(r.protocol.get("base_model") == [] for r in results)
    base = ", ".join(_told(results, "base_model")) or ("none: from random weights" if new else "not told")
    counts = {k: v for r in results for k, v in _mapping(r.protocol.get("trained_on")).items()}
    trained = ", ".join(f"{source} ({count:,} studies)" for source, count in counts.items())
    rows = [
        ("weights", first.weights or "not told"),
        ("base model", base),
        ("trained on", trained or "not told"),
        ("use", "research only"),
    ]
    return [markdown_table(("", ""), rows)]


def _figures(result: SavedResult, found: Mapping[str, Estimate]) -> list[str]:
    protocol = result.protocol
    told = ("command", "split_meaning", "studies", "seed", "decoding", "versions", "machine", "date")
    known = {key.replace("_", " "): _words(protocol[key]) for key in told if protocol.get(key) is not None}
    lines = [f"- {key}: {plain(words)}" for key, words in known.items()]
    rows = []
    for name, value in found.items():
        entry = _ENTRIES.get(name)
        title, meaning = (entry.title, entry.meaning) if entry else (name, "")
        rows.append((title, f"{name} v{result.versions[name]}", str(value), str(value.n), meaning))
    columns = ("figure", "name and version", "value", "n", "what it means and does not say")
    return [f"### {plain(result.name)}", markdown_table(columns, rows), "\n".join(lines)]


def _further(results: Sequence[SavedResult]) -> str:
    """What the protocols themselves warn of."""
    said = [
        f"{r.name} is unfinished: tasks that were still to come are missing"
        for r in results
        if not r.complete
    ]
    said += _told(results, "seen") + _told(results, "notice")
    return "".join(f"\n- {plain(words)}." for words in said)


def _told(results: Sequence[SavedResult], key: str) -> list[str]:
    """Names that the protocols give under a key, each once."""
    return list(dict.fromkeys(name for result in results for name in _names(result.protocol.get(key))))


def _names(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if value else []
    return [str(name) for name in value] if isinstance(value, Mapping | Sequence) else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {count}" for key, count in value.items())
    return str(value)
