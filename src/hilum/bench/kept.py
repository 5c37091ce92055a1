"""Figures of what an image tokenizer's codes keep; `hilum.bench.reconstruction` works them out.

kept.psnr, kept.macro, kept.to_json()
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from hilum.bench.intervals import Estimate
from hilum.bench.readings import FindingScore


@dataclass(frozen=True)
class Reconstruction:
    """What codes keep of a set of films.

    Args:
        psnr, ssim: per film, means; data range 1.
        codes_used, perplexity: counted over the whole set.
        macro, macro_films: macro AUROC of the findings on reconstructions and on films, by the same
            classifier; `lost` their difference, paired.
        findings: of each, as `drawn` on reconstructions and as `real` on films.
        markers: share of the films' side markers that can still be read.
        fd, kd: Fréchet and kernel distance of the two sets in the classifier's features.
    """

    films: int
    psnr: Estimate
    ssim: Estimate
    n_codes: int
    codes_used: int
    perplexity: float
    markers: Estimate
    macro: Estimate | None = None
    macro_films: Estimate | None = None
    lost: Estimate | None = None
    findings: tuple[FindingScore, ...] = ()
    fd: float | None = None
    kd: float | None = None

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        found = asdict(self)
        return {"psnr_db": found.pop("psnr"), **found}

    def rows(self) -> list[tuple[str, str, Estimate | None]]:
        """Name, meaning and value of each figure."""
        return [
            ("reconstruction_psnr", "decibels", self.psnr),
            ("reconstruction_ssim", "structural similarity", self.ssim),
            ("reconstruction_auroc", "macro AUROC of findings on reconstructions", self.macro),
            ("reconstruction_auroc_lost", "the same less that on the films", self.lost),
            ("reconstruction_markers", "share of side markers that can be read", self.markers),
        ]
