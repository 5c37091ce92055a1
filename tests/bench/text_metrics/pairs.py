"""Pairs of reports to score, with repeated words, empty texts and texts without a match among them."""

from __future__ import annotations

import random

_TEXT = (
    "the heart is enlarged . small left pleural effusion no pneumothorax lungs are clear effusions "
    "cardiac size stable Lines, tubes: in place ; enlarging opacity opacities right lower lobe"
)
WORDS = _TEXT.split()


def pairs(count: int = 200, seed: int = 0) -> tuple[list[str], list[str]]:
    rng = random.Random(seed)
    references, candidates = [], []
    for _ in range(count):
        reference = rng.choices(WORDS, k=rng.randint(1, 30))
        candidate = [word for word in reference if rng.random() < 0.7]
        candidate += rng.choices(WORDS, k=rng.randint(0, 8))
        if rng.random() < 0.3:
            rng.shuffle(candidate)
        references.append(" ".join(reference))
        candidates.append(" ".join(candidate))
    return [*references, "alpha beta", "heart", ""], [*candidates, "gamma", "", "heart"]
