"""From candidates and their scores to preferences: the best against the worst of each prompt.

preferences = pair(prompt_ids, candidates, scores, threshold=0.05)
"""

from __future__ import annotations

from collections.abc import Sequence

from hilum.study import Preference, Score


def pair(
    prompt_ids: Sequence[str],
    candidates: Sequence[Sequence[str]],
    scores: Sequence[Sequence[Score]],
    *,
    threshold: float = 1e-8,
    max_length_ratio: float | None = None,
) -> list[Preference]:
    """Best and worst candidate of each prompt, as CheXalign pairs them (arXiv 2410.07025).

    A candidate without a score is never chosen or rejected: a judge's failure says nothing about it.
    Of equal scores the shortest is the best and the longest the worst, so that ties teach brevity
    rather than length.

    Args:
        threshold: a prompt whose best and worst differ by no more is dropped.
        max_length_ratio: drop pairs whose chosen answer has over this many times the rejected one's words.
    """
    preferences = []
    for prompt, texts, judged in zip(prompt_ids, candidates, scores, strict=True):
        ranked = sorted(
            (-score.value, len(text.split()), text)
            for text, score in zip(texts, judged, strict=True)
            if score.state == "ok" and score.value is not None
        )
        if not ranked:
            continue
        best, worst = ranked[0], ranked[-1]
        gap = worst[0] - best[0]
        too_long = max_length_ratio is not None and best[1] > max_length_ratio * max(1, worst[1])
        if gap > threshold and best[2] != worst[2] and not too_long:
            preferences.append(Preference(prompt, best[2], worst[2], -best[0], -worst[0]))
    return preferences
