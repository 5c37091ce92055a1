"""Asked and shown: is what a report asks for in the picture, on its side and as severe, and nothing else?

found = asked_and_shown(classifier.read(drawn), classifier.read(films), asked_of(studies), boot)
found.side, found.side_films

An independent reader looks at the drawn pictures and at the films of the same reports: a reader that cannot
tell on films says nothing of drawings, so both figures stand together.
Shape suffixes: N pictures, K findings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hilum.bench.classifier import Reading
from hilum.bench.intervals import Array, Bootstrap, Estimate
from hilum.bench.labels import asked_grades, asked_labels, asked_sides
from hilum.bench.shown import AskedShown
from hilum.instruct import StudyRecord

LIKELY = 0.5
"""Chance from which the reader holds a finding to be there."""


def asked_of(records: Sequence[StudyRecord]) -> Reading:
    """What pictures of studies must show: labels (N, K), sides (N, K, 2), grades (N, K), NaN unknown."""
    each = (asked_labels, asked_sides, asked_grades)
    return Reading(*(np.stack([ask(record) for record in records]).astype(float) for ask in each))


def asked_and_shown(drawn: Reading, films: Reading, asked: Reading, boot: Bootstrap) -> AskedShown:
    """Compare what the reader sees in drawn pictures, and in films of the same reports, with what was asked.

    Args:
        drawn, films: chances, see `Classifier.read`.
        asked: see `asked_of`.
        boot: over the patients of whose reports they are.
    """
    of_drawn, of_films = (_Seen(side, asked, boot) for side in (drawn, films))
    return AskedShown(
        of_drawn.sided(),
        of_films.sided(),
        of_drawn.graded(),
        of_films.graded(),
        of_drawn.unasked(),
        of_films.unasked(),
    )


@dataclass(frozen=True)
class _Seen:
    """What the reader saw in N pictures beside what was asked."""

    seen: Reading
    asked: Reading
    boot: Bootstrap

    def sided(self) -> Estimate:
        """Share of the asked one-sided findings whose side looks likelier than the other."""
        wanted_NK = self.asked.sides[:, :, 0] - self.asked.sides[:, :, 1]
        shown_NK = self.seen.sides[:, :, 0] - self.seen.sides[:, :, 1]
        one_sided = (self.asked.present == 1) & (np.abs(wanted_NK) == 1)
        return self._share(np.where(one_sided, wanted_NK * shown_NK > 0, np.nan))

    def graded(self) -> Estimate:
        """Share of the asked findings with a grade whose grade, the nearest of three, is right."""
        nearest_NK = np.round(2 * self.seen.grades) / 2
        graded = (self.asked.present == 1) & np.isfinite(self.asked.grades)
        return self._share(np.where(graded, nearest_NK == self.asked.grades, np.nan))

    def unasked(self) -> Estimate:
        """Share of the findings known to be absent that the reader sees."""
        return self._share(np.where(self.asked.present == 0, self.seen.present >= LIKELY, np.nan))

    def _share(self, values_NK: Array) -> Estimate:
        """The mean over all findings of all pictures that have a value."""
        known_N = np.isfinite(values_NK).sum(1).astype(float)
        sums_N = np.nansum(values_NK, 1)
        total = int(known_N.sum())
        if not total:
            return Estimate(None, None, None, 0)
        return self.boot.estimate(lambda w: (w @ sums_N) / np.maximum(w @ known_N, 1e-9), total)
