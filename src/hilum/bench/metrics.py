"""What is counted: facts right, wrong and missed; boxes that overlap; rankings of scores.

counts = Counts.of([finding_counts(truth, stated) for truth, stated in pairs])
Bootstrap(patients).estimate(counts.micro_f1)

Shape suffixes: R resamples, N items, K findings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from skimage import metrics as likeness

from hilum.bench.intervals import Array, Flags, divide
from hilum.study import Box, Fact, Finding, Pixels, Presence, iou

_likeness: Any = likeness  # untyped

FINDINGS: tuple[Finding, ...] = tuple(finding for finding in Finding if finding is not Finding.NO_FINDING)
"""The K findings that are counted; "no finding" is their absence and not one of them."""

Triple = npt.NDArray[np.int64]
"""Right, wrong and missed of one item: (3, K)."""


def stated(facts: Iterable[Fact]) -> list[Fact]:
    """The facts that say a finding is there; a hedged one says so too (CheXpert's U-Ones policy)."""
    return [f for f in facts if f.presence is not Presence.ABSENT and f.finding is not Finding.NO_FINDING]


def finding_counts(truth: Iterable[Fact], said: Iterable[Fact]) -> Triple:
    """Findings present in the truth against findings stated, whatever their side, site or severity."""
    true = {fact.finding for fact in stated(truth)}
    given = {fact.finding for fact in stated(said)}
    return _triple(Counter(true), Counter(given))


def fact_counts(truth: Iterable[Fact], said: Iterable[Fact]) -> Triple:
    """Whole facts: finding, side, site and severity must all be equal; each counts in its finding's column.

    A fact stated twice is stated once.
    """
    true, given = (
        {(f.finding, f.side, f.site, f.severity) for f in stated(facts)} for facts in (truth, said)
    )
    right = Counter(key[0] for key in true & given)
    wrong = Counter(key[0] for key in given - true)
    missed = Counter(key[0] for key in true - given)
    return np.array([[side[finding] for finding in FINDINGS] for side in (right, wrong, missed)])


def _triple(true: Counter[Finding], given: Counter[Finding]) -> Triple:
    sides = (true & given, given - true, true - given)
    return np.array([[side[finding] for finding in FINDINGS] for side in sides])


def set_counts(truth: AbstractSet[str], given: AbstractSet[str]) -> Triple:
    """Members of two sets in one column, (3, 1): right, wrong, missed."""
    return np.array([[len(truth & given)], [len(given - truth)], [len(truth - given)]])


def box_counts(truth: Sequence[Box], given: Sequence[Box], least: float = 0.4) -> Triple:
    """Boxes matched one to one, (3, 1): a match is right from an IoU of `least` on.

    0.4 is the threshold of VinBigData's chest X-ray detection challenge.
    """
    right = 0
    if truth and given:
        hits = np.array([[iou(t, g) >= least for g in given] for t in truth])
        rows, columns = linear_sum_assignment(hits, maximize=True)
        right = int(hits[rows, columns].sum())
    return np.array([[right], [len(given) - right], [len(truth) - right]])


@dataclass(frozen=True)
class Counts:
    """Right, wrong and missed of N items in K columns, each (N, K); F1 of any resampling of the items."""

    right: Array
    wrong: Array
    missed: Array

    @classmethod
    def of(cls, triples: Sequence[npt.NDArray[np.generic]]) -> Counts:
        """From one (3, K) triple an item."""
        stack = np.asarray(triples, dtype=np.float64).reshape(len(triples), 3, -1)
        return cls(stack[:, 0], stack[:, 1], stack[:, 2])

    @classmethod
    def of_labels(cls, truth_NK: npt.NDArray[np.bool_], said_NK: npt.NDArray[np.bool_]) -> Counts:
        """From which labels are true and which are stated, (N, K) each."""
        sides = (truth_NK & said_NK, said_NK & ~truth_NK, truth_NK & ~said_NK)
        return cls(*(side.astype(np.float64) for side in sides))

    def __len__(self) -> int:
        return len(self.right)

    def micro_f1(self, weights_RN: Array) -> Array:
        """F1 of the summed counts (R,): 2 right / (2 right + wrong + missed)."""
        right, wrong, missed = (weights_RN @ part.sum(1) for part in self._parts)
        return _f1(right, wrong, missed)

    def f1_each(self, weights_RN: Array) -> Array:
        """F1 of each column (R, K); NaN where the column is neither true nor stated."""
        return _f1(*(weights_RN @ part for part in self._parts))

    def macro_f1(self, weights_RN: Array) -> Array:
        """Mean of the columns' F1 (R,), those that are neither true nor stated left out."""
        return _mean_known(self.f1_each(weights_RN))

    @property
    def counted(self) -> Flags:
        """Which items have anything right, wrong or missed, (N,): the others leave every F1 as it is."""
        counted: Flags = np.any(self.right + self.wrong + self.missed, axis=1)
        return counted

    def of_items(self, places: npt.NDArray[np.intp]) -> Counts:
        """Some of the items."""
        return Counts(*(part[places] for part in self._parts))

    @property
    def _parts(self) -> tuple[Array, Array, Array]:
        return self.right, self.wrong, self.missed


def _mean_known(each_RK: Array) -> Array:
    """Mean over the columns that are defined, (R,)."""
    known = np.isfinite(each_RK)
    return divide(np.where(known, each_RK, 0).sum(1), known.sum(1))


def _f1(right: Array, wrong: Array, missed: Array) -> Array:
    return divide(2 * right, 2 * right + wrong + missed)


def matched_iou(truth: Sequence[Box], given: Sequence[Box]) -> float:
    """IoU of the best one-to-one matching over the larger number of boxes.

    One box against one is plain IoU; a box too many or too few counts as 0, and so does no box at all.
    """
    if not truth or not given:
        return 0.0
    table = np.array([[iou(t, g) for g in given] for t in truth])
    rows, columns = linear_sum_assignment(table, maximize=True)
    return sum(float(table[r, c]) for r, c in zip(rows, columns, strict=True)) / max(len(truth), len(given))


def auroc(weights_RN: Array, scores_N: Array, labels_N: Array) -> Array:
    """Area under the ROC curve of each resample (R,); NaN without both classes. Unknown labels are NaN.

    The chance that a positive scores above a negative, ties counting half (Hanley & McNeil, Radiology
    143:29, 1982): equal to scikit-learn's with the resample's counts as sample weights.
    """
    known = np.isfinite(labels_N)
    order = np.argsort(scores_N[known], kind="stable")
    scores, labels = scores_N[known][order], labels_N[known][order] > 0.5
    weights = weights_RN[:, known][:, order]
    starts = np.flatnonzero(np.diff(scores, prepend=np.nan) != 0)
    if not len(starts):
        return np.full(len(weights_RN), np.nan)
    positive = np.add.reduceat(weights * labels, starts, axis=1)
    negative = np.add.reduceat(weights * ~labels, starts, axis=1)
    below = np.cumsum(negative, axis=1) - negative
    wins = (positive * (below + negative / 2)).sum(1)
    pairs = positive.sum(1) * negative.sum(1)
    return divide(wins, pairs)


def scorable(labels_NK: Array, least: int = 5) -> npt.NDArray[np.int64]:
    """Columns with at least `least` positives and as many negatives."""
    return np.flatnonzero(((labels_NK == 1).sum(0) >= least) & ((labels_NK == 0).sum(0) >= least))


def macro_auroc(weights_RN: Array, scores_NK: Array, labels_NK: Array, columns: Sequence[int]) -> Array:
    """Mean AUROC over the named columns (R,); a column without both classes in a resample is left out."""
    if not len(columns):
        return np.full(len(weights_RN), np.nan)
    each = [auroc(weights_RN, scores_NK[:, k], labels_NK[:, k]) for k in columns]
    return _mean_known(np.stack(each, 1))


def psnr(truth: Pixels, drawn: Pixels) -> float:
    """Peak signal-to-noise ratio in decibels for pixels in [0, 1]; equal images give 100."""
    if np.array_equal(truth, drawn):
        return 100.0
    return min(100.0, float(_likeness.peak_signal_noise_ratio(truth, drawn, data_range=1.0)))


def ssim(truth: Pixels, drawn: Pixels) -> float:
    """Structural similarity for pixels in [0, 1] (Wang et al., IEEE TIP 13:600, 2004), Gaussian windows."""
    return float(
        _likeness.structural_similarity(
            truth, drawn, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
    )
