"""Findings read off painted pictures and off films: the same AUROC, finding by finding and over all."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_auc_score

from hilum.bench.intervals import Bootstrap
from hilum.bench.metrics import FINDINGS
from hilum.bench.readings import compare_readings


def test_each_side_has_the_auroc_of_scikit_learn_and_the_gap_is_theirs() -> None:
    rng = np.random.default_rng(0)
    labels = np.full((60, len(FINDINGS)), np.nan)
    labels[:, :2] = rng.integers(0, 2, (60, 2))
    labels[:, 2] = 1  # never absent: there is no AUROC of it
    labels[::7, 0] = np.nan
    real = rng.random(labels.shape) + np.nan_to_num(labels)
    drawn = rng.random(labels.shape) + 0.3 * np.nan_to_num(labels)
    scores = compare_readings(drawn, real, labels, Bootstrap([str(i) for i in range(60)]))
    assert [one.finding for one in scores.findings] == [finding.value for finding in FINDINGS[:2]]
    for k, one in enumerate(scores.findings):
        known = np.isfinite(labels[:, k])
        for side, found in ((drawn, one.drawn), (real, one.real)):
            np.testing.assert_allclose(found.value, roc_auc_score(labels[known, k], side[known, k]))
        assert (one.asked, one.drawn.n) == ((labels[:, k] == 1).sum(), known.sum())
    np.testing.assert_allclose(scores.drawn.value, np.mean([one.drawn.value for one in scores.findings]))
    np.testing.assert_allclose(scores.gap.value, scores.drawn.value - scores.real.value)
    assert scores.gap.high < 0
