"""From candidates and their scores to preferences: the best against the worst of each prompt.

preferences = pair(prompt_ids, candidates, scores, threshold=0.05)
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from hilum.study import Preference, State, Verdict


def pair(
    prompt_ids: Sequence[str],
    candidates: Sequence[Sequence[str]],
    scores: Sequence[Sequence[Verdict]],
    *,
    threshold: float = 1e-8,
    max_length_ratio: float | None = None,
) -> list[Preference]:
    """Best and worst candidate of each prompt, as CheXalign pairs them (arXiv 2410.07025).

    A candidate without a score is never chosen or rejected: a judge's failure says nothing about it.
    Where several share the best or the worst score, the two whose lengths differ least are paired, so that
    the pair is about facts: whatever the rest of the pairs have in common, brevity too, is learned as well.

    Args:
        threshold: a prompt whose best and worst differ by no more is dropped.
        max_length_ratio: drop pairs of which one answer has over this many times the other one's words.
    """
    preferences = []
    for prompt, texts, judged in zip(prompt_ids, candidates, scores, strict=True):
        scored = [
            (score.value, text)
            for text, score in zip(texts, judged, strict=True)
            if score.state is State.SCORED and score.value is not None
        ]
        if not scored:
            continue
        (worst, _), (best, _) = min(scored), max(scored)
        if best - worst <= threshold:
            continue
        lefts = sorted(text for value, text in scored if value == best)
        rights = sorted(text for value, text in scored if value == worst)
        chosen, rejected = min(itertools.product(lefts, rights), key=lambda pair: _length_ratio(*pair))
        if max_length_ratio is None or _length_ratio(chosen, rejected) <= max_length_ratio:
            preferences.append(Preference(prompt, chosen, rejected, best, worst))
    return preferences


def _length_ratio(one: str, other: str) -> float:
    """How many times the words of the shorter text the longer one has."""
    few, many = sorted(max(1, len(text.split())) for text in (one, other))
    return many / few
