"""Teaching the vision encoder what a finding looks like and where it is, before any words.

encoder = Encoder(config, len(findings))
fit(Clinical(encoder), batches, FitConfig(steps=2800, lr=3e-3), run_dir)
install(encoder, model, some_pixels)

Supervision comes from whatever the sources state: labels of the image (an unknown one counts for
nothing), the view, and where findings are marked, which cells of a grid they cover. The features stay;
of the heads stays what the bridge to the language model starts from (`install`). Shape suffixes:
B images, P patches, C cells (one or several to a patch, or of several patches), K findings, D width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel

from hilum.errors import DataError, UsageError
from hilum.instruct import StudyRecord
from hilum.loss import Loss, Mean, known_bce
from hilum.model import Model, ModelConfig
from hilum.model.build import build_tower
from hilum.model.network import bridge, patches, pixel_values, see_stages, vision_tower
from hilum.study import Finding, Position, Presence, Severity
from hilum.tokenizer.codes import Images, as_pixels
from hilum.training.order import shuffled_rows

POSITIONS = (Position.PA, Position.AP, Position.LATERAL)
UNKNOWN = -1
GRADES = {Severity.MILD: 0.0, Severity.MODERATE: 0.5, Severity.SEVERE: 1.0}
COVERED = 0.03
"""A cell counts as showing a finding from this share of its area; a thin line covers little more."""
_COEFFICIENTS = {"label": 1.0, "grade": 0.05, "cell": 5.0, "view": 0.3}
"""Of each term in the encoder's loss."""


@dataclass(frozen=True)
class Targets:
    """What is known of N images: labels (N, K) with NaN unknown, grades (N, K) from 0 mild to 1 severe with
    NaN unknown or absent, view (N,) index into `POSITIONS` or -1, covered (N, K, C) in {0, 1, 255 unknown},
    and the name of the source (N,).
    """

    labels: npt.NDArray[np.float32]
    grades: npt.NDArray[np.float32]
    views: npt.NDArray[np.int64]
    covered: npt.NDArray[np.uint8]
    sources: npt.NDArray[np.str_]

    @property
    def weights(self) -> npt.NDArray[np.float64]:
        """How often to draw each image: a source of N images has a share of √N, so that a small real one
        is not lost beside a large synthetic one.
        """
        _, source, counts = np.unique(self.sources, return_inverse=True, return_counts=True)
        weights: npt.NDArray[np.float64] = 1 / np.sqrt(counts[source])
        return weights


@dataclass(frozen=True)
class ImageBatch:
    """Pixels (B, H, W) in [0, 1] and what is known of them."""

    pixels_BHW: Tensor
    labels_BK: Tensor
    grades_BK: Tensor
    views_B: Tensor
    covered_BCK: Tensor


class ClinicalHeads(nn.Module):
    """Logits of cells and of images from encoder features; an image's logits, whether a finding is there and
    how severe it is, pool patches by attention.

    All but the attention's weights are linear in the features, so that a bridge can start from them.
    """

    def __init__(self, width: int, findings: int, patches: int, cells: int) -> None:
        super().__init__()
        self.side, self.cells = math.isqrt(patches), math.isqrt(cells)
        self.split = math.ceil(self.cells / self.side)
        if self.side**2 != patches or self.cells**2 != cells:
            raise UsageError("cells", f"{cells} or {patches} patches are no square", "give square numbers")
        self.cell = nn.Linear(width, self.split**2 * findings)
        self.attention = nn.Linear(width, findings)
        self.value = nn.Linear(width, findings)
        self.grade = nn.Linear(width, findings)
        self.view = nn.Linear(width, len(POSITIONS))

    def forward(self, features_BPD: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Logits of cells (B, C, K), of findings (B, K), of their grades (B, K), of views (B, 3)."""
        side, split = self.side, self.split
        cells = self.cell(features_BPD).unflatten(1, (side, side)).unflatten(3, (split, split, -1))
        cell_BCK = cells.transpose(2, 3).flatten(1, 4)
        if side * split != self.cells:
            squares = cell_BCK.mT.unflatten(2, (side * split, side * split))
            cell_BCK = F.adaptive_avg_pool2d(squares, self.cells).flatten(2).mT
        share = self.attention(features_BPD).softmax(1)
        pooled, grade = ((share * head(features_BPD)).sum(1) for head in (self.value, self.grade))
        return cell_BCK, pooled, grade, self.view(features_BPD.mean(1))


class Encoder(nn.Module):
    """A vision encoder with its heads.

    Args:
        findings: how many the heads tell apart.
        cells: of the grid that says where findings are; one to a patch by default.
    """

    def __init__(self, config: ModelConfig, findings: int, cells: int | None = None, seed: int = 0) -> None:
        super().__init__()
        patches = config.features_per_image
        self.tower: PreTrainedModel = build_tower(config, seed)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.heads = ClinicalHeads(config.vision_width, findings, patches, cells or patches)

    def forward(self, pixels_BHW: Tensor) -> Tensor:
        """Features (B, P, D) of pixels in [0, 1]."""
        values = pixel_values(pixels_BHW.to(next(self.parameters()).device))
        return patches(see_stages(self.tower, values))


class Clinical:
    """Binary cross-entropy of labels, grades and cells plus cross-entropy of the view, unknowns left out.

    Each of the four is counted by what is known of it: an image says much about cells and may say nothing of
    grades.

    Args:
        positive_weight: how much heavier a finding that is there weighs than one that is not.
    """

    name = "clinical"

    def __init__(self, encoder: Encoder, *, positive_weight: float = 3.0) -> None:
        self.module = encoder
        self.weight = torch.tensor(positive_weight)

    def loss(self, batch: ImageBatch) -> Loss:
        """Sums of the four losses, and how many labels, grades, cells and views are known."""
        device = next(self.module.parameters()).device
        cell_BCK, image_BK, grade_BK, view_B3 = self.module.heads(self.module(batch.pixels_BHW))
        views = batch.views_B.to(device)
        terms = {
            "label": known_bce(image_BK, batch.labels_BK.to(device), self.weight.to(device)),
            "grade": known_bce(grade_BK, batch.grades_BK.to(device)),
            "cell": known_bce(cell_BCK, batch.covered_BCK.to(device), self.weight.to(device)),
            "view": (
                F.cross_entropy(view_B3, views, ignore_index=UNKNOWN, reduction="sum"),
                (views != UNKNOWN).sum(),
            ),
        }
        means = {name: Mean(total.detach(), known) for name, (total, known) in terms.items()}
        return Loss(
            torch.stack([total for total, _ in terms.values()]),
            torch.stack([known for _, known in terms.values()]),
            {"samples": len(views), **means},
            torch.tensor([_COEFFICIENTS[name] for name in terms], device=device),
        )


class PerceptualFeatures:
    """What a frozen encoder sees, to compare images by: its last stages, each with mean 0 and variance 1 over
    a sample.

    The coarse stages know which findings there are, the finer ones keep what is too small for a coarse cell.

    Args:
        sample_BHW: pixels of some images.
        stages: how many of the encoder's stages, counted from the last.
    """

    def __init__(self, encoder: Encoder, sample_BHW: Tensor, stages: int = 3) -> None:
        self._encoder, self._stages = encoder.eval().requires_grad_(False), stages
        self._measures: list[tuple[Tensor, Tensor]] = [
            (seen.mean((0, 2, 3), keepdim=True), seen.std((0, 2, 3), keepdim=True) + 1e-2)
            for seen in self._see(sample_BHW)
        ]

    def __call__(self, pixels_BHW: Tensor) -> tuple[Tensor, ...]:
        """Features (B, C, h, w) of each stage, the finest first."""
        seen = zip(self._see(pixels_BHW), self._measures, strict=True)
        return tuple((features - mean) / spread for features, (mean, spread) in seen)

    def _see(self, pixels_BHW: Tensor) -> tuple[Tensor, ...]:
        pixels_BHW = pixels_BHW.to(next(self._encoder.parameters()).device)
        return see_stages(self._encoder.tower, pixel_values(pixels_BHW))[-self._stages :]


@torch.no_grad()
def install(
    encoder: Encoder, model: Model, sample_BHW: Tensor, seed: int = 0, size: float | None = None
) -> None:
    """Give a model this encoder, and let its bridge start from what the heads learned instead of from chance.

    The bridge's first hidden units are the heads' logits (findings, view, grades, cells, as many as there is
    room for), the others random directions, each with mean 0 and variance 1 over a sample. A language model
    finds findings in an image several times sooner this way.

    Args:
        sample_BHW: pixels of some images.
        size: standard deviation that the bridge's output gets, to fit embeddings that are there already.
    """
    vision_tower(model.network).load_state_dict(encoder.tower.state_dict())
    projector: Any = bridge(model.network)
    sample = encoder.eval()(sample_BHW).flatten(0, 1)
    heads, hidden = encoder.heads, len(projector.linear_1.weight)
    learned = torch.cat([head.weight for head in (heads.value, heads.view, heads.grade, heads.cell)])[:hidden]
    generator = torch.Generator().manual_seed(seed)
    chance = torch.randn(hidden - len(learned), sample.shape[1], generator=generator).to(sample)
    rows = torch.cat([learned, chance / (sample.std(0) + 1e-3)])
    rows = rows / ((sample @ rows.T).std(0) + 1e-6)[:, None]
    projector.linear_1.weight.copy_(rows)
    projector.linear_1.bias.copy_(-(rows @ sample.mean(0)))
    projector.linear_2.weight.copy_(
        torch.randn(projector.linear_2.weight.shape, generator=generator) / hidden**0.5
    )
    projector.linear_2.bias.zero_()
    if size is not None:
        # A trained encoder lies on the GPU, a new model not yet.
        embedded = projector(sample.to(projector.linear_1.weight))
        projector.linear_2.weight.mul_(size / embedded.std())


@dataclass
class ImageBatches:
    """Shuffled batches of images, a pure function of the step; brightness and place vary a little.

    Args:
        pixels_of: rows → (B, H, W) pixels.
        weights: how often each image is drawn beside the others, or None for once an epoch.
    """

    pixels_of: Callable[[npt.NDArray[np.int64]], Images]
    targets: Targets
    batch_size: int
    seed: int = 0
    weights: npt.NDArray[np.float64] | None = None
    shift: int = 3

    def __call__(self, step: int) -> ImageBatch:
        """Batch `step`."""
        rows = self._rows(step)
        rng = np.random.default_rng((self.seed, step, 3))
        pixels = _jitter(as_pixels(self.pixels_of(rows)), rng, self.shift)
        covered = torch.from_numpy(self.targets.covered[rows].astype(np.float32)).transpose(1, 2)
        return ImageBatch(
            pixels,
            torch.from_numpy(self.targets.labels[rows]),
            torch.from_numpy(self.targets.grades[rows]),
            torch.from_numpy(self.targets.views[rows]),
            torch.where(covered == 255, torch.nan, covered),
        )

    def _rows(self, step: int) -> npt.NDArray[np.int64]:
        n = len(self.targets.views)
        if self.weights is not None:
            rng = np.random.default_rng((self.seed, step, 2))
            return rng.choice(n, self.batch_size, p=self.weights / self.weights.sum())
        return shuffled_rows(n, step, self.batch_size, self.seed)


def _jitter(pixels_BHW: Tensor, rng: np.random.Generator, shift: int) -> Tensor:
    """Gain, offset and gamma of each image vary, and it moves by up to `shift` pixels; never mirrored."""
    count = len(pixels_BHW)
    gamma, gain = rng.uniform(0.8, 1.25, count), rng.uniform(0.85, 1.15, count)
    offset = rng.uniform(-0.07, 0.07, count)
    shape = (count, 1, 1)
    value = pixels_BHW.clamp(min=1e-4) ** torch.from_numpy(gamma.reshape(shape).astype(np.float32))
    value = value * torch.from_numpy(gain.reshape(shape).astype(np.float32))
    value = (value + torch.from_numpy(offset.reshape(shape).astype(np.float32))).clamp(0, 1)
    if not shift:
        return value
    dy, dx = rng.integers(-shift, shift + 1, 2)
    return value.roll((int(dy), int(dx)), (1, 2))


def gather_targets(
    records: Iterable[StudyRecord], findings: Sequence[Finding], cells: int
) -> tuple[list[str], Targets]:
    """What the records say about each of their images, image by image in the order met.

    A finding known to be absent covers no cell; one known to be there but marked nowhere in the
    image leaves its cells unknown.

    Args:
        records: studies as the shards hold them.
        findings: the K findings to learn.
        cells: C, how many cells a region's coverage grid has.

    Raises:
        DataError: the records have no images.
    """
    column = {finding: k for k, finding in enumerate(findings)}
    side = math.isqrt(cells)
    seen: dict[str, int] = {}
    labels: list[npt.NDArray[np.float32]] = []
    grades: list[npt.NDArray[np.float32]] = []
    views: list[int] = []
    covered: list[npt.NDArray[np.uint8]] = []
    sources: list[str] = []
    for record in records:
        known = np.full(len(findings), np.nan, np.float32)
        for finding, presence in record.labels.items():
            if finding in column and presence is not Presence.UNCERTAIN:
                known[column[finding]] = presence is Presence.PRESENT
        severe = np.full(len(findings), np.nan, np.float32)
        for fact in record.facts:
            if fact.finding in column and fact.severity and fact.presence is Presence.PRESENT:
                k = column[fact.finding]
                severe[k] = np.fmax(severe[k], GRADES[fact.severity])
        for view, (image, position) in enumerate(zip(record.image_ids, record.positions, strict=True)):
            if image in seen:
                continue
            seen[image] = len(seen)
            grid = np.full((len(findings), cells), 255, np.uint8)
            grid[known == 0] = 0
            for region in record.regions:
                if region.view == view and region.finding in column:
                    k = column[region.finding]
                    grid[k] = np.where(grid[k] == 255, 0, grid[k]) | (region.grid(side) > COVERED)
            labels.append(known)
            grades.append(severe)
            views.append(POSITIONS.index(position) if position in POSITIONS else UNKNOWN)
            covered.append(grid)
            sources.append(record.source)
    if not seen:
        raise DataError("encoder", "has no images to learn from", "add a source with images")
    known_of = (np.stack(labels), np.stack(grades), np.asarray(views, np.int64), np.stack(covered))
    return list(seen), Targets(*known_of, np.array(sources))
