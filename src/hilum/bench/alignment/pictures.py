"""Grades drawn pictures: are the asked findings there, and those that must be absent not.

grader = PictureGrader(model, classifier, {"s1/draw": asked_labels(record)})
verdicts = grader(rows)                        # of hilum.align.sample.SAMPLES

The classifier is not the one that the benchmark measures pictures by: what is rewarded and measured by one
network shows how well that network was deceived. Shape suffixes: K findings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from hilum.bench.classifier import Classifier
from hilum.bench.intervals import Array
from hilum.model import Model
from hilum.study import Pixels, State, Verdict
from hilum.tokenizer.codes import weights_hash

BATCH = 64
"""Pictures decoded and classified at once."""

Labels = npt.NDArray[np.float32]
"""1 asked for, 0 must be absent, NaN unknown: (K,)."""


def agreement(chances_K: Array, asked_K: Labels) -> float | None:
    """How well a picture shows what was asked, in [0, 1]; None where nothing is known of what was asked.

    With p the classifier's chances: ½ mean of p over the findings asked for + ½ mean of 1 − p over those that
    must be absent, so that the many absent ones do not drown the one asked for (balanced accuracy, of chances
    instead of decisions). Where there are none of one kind, the other's mean is the score.
    """
    there, gone = asked_K == 1, asked_K == 0
    means = [side.mean() for side in (chances_K[there], 1 - chances_K[gone]) if len(side)]
    return float(np.mean(means)) if means else None


@dataclass(frozen=True)
class PictureGrader:
    """Grades answers in image codes, see `agreement`.

    Args:
        model: its image tokenizer paints the codes.
        classifier: another than the one that later measures the pictures.
        asked: prompt's id → a value for each of the classifier's findings.
    """

    model: Model
    classifier: Classifier
    asked: Mapping[str, Labels]

    @cached_property
    def identity(self) -> str:
        """The classifier's weights, the image tokenizer's and what was asked."""
        known = hashlib.sha256()
        for name, weight in sorted(self.classifier.network.state_dict().items()):
            known.update(name.encode() + weight.cpu().numpy().tobytes())
        if self.model.image_tokenizer is not None:
            known.update(weights_hash(self.model.image_tokenizer).encode())
        for name, labels in sorted(self.asked.items()):
            known.update(name.encode() + labels.tobytes())
        return f"pictures 1 {known.hexdigest()[:12]}"

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> list[list[Verdict]]:
        """A verdict for each answer, a failure for what is no picture or was asked for nothing known."""
        codes = [[self.codes(ids) for ids in row["answers"]] for row in rows]
        whole = iter(self._chances([one for some in codes for one in some if one is not None]))
        return [
            [self._verdict(row["id"], None if one is None else next(whole)) for one in some]
            for row, some in zip(rows, codes, strict=True)
        ]

    def codes(self, ids: Sequence[int]) -> list[int] | None:
        """The image codes among an answer's token ids; None where they are not those of one picture."""
        vocabulary, painter = self.model.vocabulary, self.model.image_tokenizer
        found = [i - vocabulary.first_code for i in ids if vocabulary.is_code(i)]
        return found if painter is not None and len(found) == painter.codes_per_image else None

    def paint(self, ids: Sequence[int]) -> Pixels | None:
        """The picture of an answer's token ids, (H, W) in [0, 1]; None where they are none."""
        codes = self.codes(ids)
        return None if codes is None else self._painted([codes])[0]

    def _painted(self, codes: Sequence[Sequence[int]]) -> Pixels:
        assert self.model.image_tokenizer is not None
        pictures: Pixels = self.model.image_tokenizer.decode(torch.tensor(codes)).cpu().numpy()
        return pictures

    def _chances(self, codes: Sequence[Sequence[int]]) -> list[Array]:
        parts = [codes[start : start + BATCH] for start in range(0, len(codes), BATCH)]
        return [row for part in parts for row in self.classifier.scores(self._painted(part))]

    def _verdict(self, prompt: str, chances_K: Array | None) -> Verdict:
        if chances_K is None:
            return Verdict(None, state=State.UNPARSABLE, detail="not the codes of one picture")
        asked = self.asked.get(prompt)
        value = None if asked is None else agreement(chances_K, asked)
        if value is None:
            return Verdict(None, state=State.NO_REFERENCE, detail="no finding asked for is known")
        return Verdict(value)
