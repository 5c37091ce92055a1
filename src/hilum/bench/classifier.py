"""An independent reader of pictures: a small convolutional network that says which findings an image shows,
on which side and how severe.

classifier = train_classifier(images, labels, run_dir, seed=0)
classifier.scores(drawn)          # (N, K) chances, a column for each of hilum.bench.metrics.FINDINGS

It is trained on real (phantom) images alone and shares nothing with the model it judges: neither
weights nor features. Shape suffixes: B images, K findings, S the two sides (right, left), D features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import ResNetConfig, ResNetModel

from hilum.bench.intervals import Array
from hilum.bench.metrics import FINDINGS
from hilum.errors import DataError
from hilum.files import MARK, atomic_path
from hilum.loss import Loss, known_bce
from hilum.study import Finding
from hilum.tokenizer.codes import Images, as_pixels
from hilum.training import FitConfig, fit
from hilum.training.order import shuffled_rows

SIDE = 128
_WIDTHS = (16, 32, 64, 128)
_COEFFICIENTS = (1.0, 0.15, 0.03)
"""Of findings, sides and grades in the loss; at 1, 0.5, 0.2 it missed rare findings."""


class Reading(NamedTuple):
    """Of each image: whether a finding is there (B, K), on which sides (B, K, S), and from 0 mild to 1 severe
    how much there is of it (B, K). Logits of a network; chances, read by a classifier.
    """

    present: Any
    sides: Any
    grades: Any


class Network(nn.Module):
    """A stock ResNet; a finding's logit is pooled from where it shows most and from the whole image, its side
    from where it shows most in either half.
    """

    def __init__(self, findings: int) -> None:
        super().__init__()
        trunk: Any = ResNetModel(  # torch's annotations leave the layout out
            ResNetConfig(
                num_channels=1,
                embedding_size=_WIDTHS[0],
                hidden_sizes=list(_WIDTHS),
                depths=[1] * len(_WIDTHS),
                layer_type="basic",
            )
        )
        self.trunk: nn.Module = trunk.to(memory_format=torch.channels_last)
        self.local = nn.Conv2d(_WIDTHS[-1], findings, 1)
        self.overall = nn.Linear(_WIDTHS[-1], findings)
        self.grade = nn.Conv2d(_WIDTHS[-1], findings, 1)

    def trunk_features(self, pixels_BHW: Tensor) -> Tensor:
        """(B, D, 4, 4)."""
        standard = (pixels_BHW - pixels_BHW.mean((1, 2), keepdim=True)) / (
            pixels_BHW.std((1, 2), keepdim=True) + 0.05
        )
        features: Tensor = self.trunk(standard[:, None]).last_hidden_state
        return features

    def forward(self, pixels_BHW: Tensor) -> Reading:
        """Logits."""
        features = self.trunk_features(pixels_BHW)
        local = self.local(features)
        present = _peak(local) + self.overall(features.mean((2, 3)))
        # The patient's right is on the image's left.
        sides = torch.stack([_peak(half) for half in local.chunk(2, 3)], 2)
        where = local.flatten(2).softmax(2)
        return Reading(present, sides, (self.grade(features).flatten(2) * where).sum(2))


def _peak(cells_BKhw: Tensor) -> Tensor:
    """(B, K): a small finding shows in one cell, and the soft maximum lets that cell speak for all."""
    cells = cells_BKhw.flatten(2)
    return torch.logsumexp(cells, 2) - float(np.log(cells.shape[2]))


@dataclass(frozen=True)
class _Batch:
    pixels_BHW: Tensor
    known: Reading


@dataclass
class _Batches:
    """Shuffled images, each moved, brightened and mirrored never; a pure function of the step."""

    images: Images
    known: Reading
    batch_size: int
    seed: int

    def __call__(self, step: int) -> _Batch:
        rows = shuffled_rows(len(self.images), step, self.batch_size, self.seed)
        rng = np.random.default_rng((self.seed, step))
        gamma = torch.from_numpy(rng.uniform(0.8, 1.25, (len(rows), 1, 1)).astype(np.float32))
        pixels = _shrunk(as_pixels(self.images[rows])).clamp(min=1e-4) ** gamma
        dy, dx = (int(v) for v in rng.integers(-6, 7, 2))
        known = Reading(*(torch.from_numpy(values[rows]) for values in self.known))
        return _Batch(pixels.roll((dy, dx), (1, 2)), known)


class _Multilabel:
    """Binary cross-entropy of findings, sides and grades, each counted by what is known of it."""

    name = "classifier"

    def __init__(self, network: Network, labels: npt.NDArray[np.float32]) -> None:
        self.module: nn.Module = network
        # Rare findings weigh more, but never so much that one of them drowns the rest.
        share = np.nan_to_num(np.nanmean(np.where(np.isnan(labels).all(0), 0.5, labels), axis=0), nan=0.5)
        odds = (1 - share) / np.clip(share, 1e-3, None)
        self.weight = torch.from_numpy(np.clip(np.sqrt(odds), 1, 6).astype(np.float32))

    def loss(self, batch: _Batch) -> Loss:
        device = next(self.module.parameters()).device
        found = self.module(batch.pixels_BHW.to(device))
        weights = (self.weight.to(device), None, None)
        terms = [
            known_bce(logits, truth.to(device), weight)
            for logits, truth, weight in zip(found, batch.known, weights, strict=True)
        ]
        sums, counts = (torch.stack(values) for values in zip(*terms, strict=True))
        coefficient = torch.tensor(_COEFFICIENTS, device=device)
        samples = {"samples": len(batch.pixels_BHW)}
        return Loss(sums, counts, samples, coefficient)


@dataclass(frozen=True)
class Classifier:
    """A trained network and the findings its columns stand for."""

    network: Network
    findings: tuple[Finding, ...] = FINDINGS

    @torch.inference_mode()
    def scores(self, images: Images, *, batch: int = 128) -> Array:
        """Chance of each finding in each image.

        Args:
            images: (N, H, W) uint8, or float32 in [0, 1].

        Returns:
            (N, K) in [0, 1].
        """
        present: Array = self.read(images, batch=batch).present
        return present

    @torch.inference_mode()
    def read(self, images: Images, *, batch: int = 128) -> Reading:
        """Chances that each finding is there, on the right, on the left, and how severe it is, in [0, 1].

        Args:
            images: (N, H, W) uint8, or float32 in [0, 1].
        """
        parts = [self.network(part) for part in self._batches(images, batch)]
        if not parts:
            count = len(self.findings)
            return Reading(np.zeros((0, count)), np.zeros((0, count, 2)), np.zeros((0, count)))
        logits = (torch.cat(values) for values in zip(*parts, strict=True))
        return Reading(*(values.sigmoid().cpu().numpy().astype(np.float64) for values in logits))

    @torch.inference_mode()
    def features(self, images: Images, *, batch: int = 128) -> Array:
        """What the trunk makes of each image, averaged over places: (N, D)."""
        parts = [self.network.trunk_features(part).mean((2, 3)) for part in self._batches(images, batch)]
        if not parts:
            return np.zeros((0, _WIDTHS[-1]))
        found: Array = torch.cat(parts).cpu().numpy().astype(np.float64)
        return found

    def _batches(self, images: Images, batch: int) -> Sequence[Tensor]:
        self.network.eval()
        device = next(self.network.parameters()).device
        starts = range(0, len(images), batch)
        return [_shrunk(as_pixels(images[start : start + batch])).to(device) for start in starts]

    def save(self, folder: Path) -> Path:
        """Write `classifier.safetensors` into the folder."""
        path = folder / "classifier.safetensors"
        with atomic_path(path) as tmp:
            weights = {name: weight.contiguous() for name, weight in self.network.state_dict().items()}
            save_file(weights, tmp, {"made_by": MARK, "findings": "|".join(self.findings)})
        return path

    @classmethod
    def load(cls, folder: Path) -> Classifier:
        """Read what `save` wrote.

        Raises:
            DataError: there is none, or it judges other findings.
        """
        path = folder / "classifier.safetensors"
        if not path.is_file():
            raise DataError(path, "is missing", "train the classifier first")
        weights = load_file(path)
        if len(weights["overall.bias"]) != len(FINDINGS):
            raise DataError(path, "judges other findings", "train the classifier anew")
        network = Network(len(FINDINGS))
        if weights.keys() != network.state_dict().keys():
            raise DataError(
                path, "is of an earlier version, which read no grades", "train the classifier anew"
            )
        network.load_state_dict(weights)
        return cls(network.eval())


def train_classifier(
    images: Images,
    labels: npt.NDArray[np.floating],
    run_dir: Path,
    *,
    seed: int = 0,
    sides: npt.NDArray[np.floating] | None = None,
    grades: npt.NDArray[np.floating] | None = None,
    steps: int = 1500,
    batch_size: int = 24,
    progress: bool = True,
) -> Classifier:
    """Train on real images; goes on where it stopped, and returns at once when `run_dir` holds it done.

    Args:
        images: (N, H, W) uint8, or float32 in [0, 1]; larger ones are averaged down to 128 a side.
        labels: (N, K) 1 present, 0 absent, NaN unknown; columns are `hilum.bench.metrics.FINDINGS`.
        sides: (N, K, 2) 1 on the patient's right, left; NaN unknown. Without them no side is learned.
        grades: (N, K) from 0 mild to 1 severe, NaN unknown.

    Raises:
        DataError: there are no images.
    """
    if not len(images):
        raise DataError("classifier", "has no images to learn from", "add studies with labels")
    unknown = np.full(np.shape(labels), np.nan, np.float32)
    known = Reading(
        np.asarray(labels, np.float32),
        np.stack([unknown, unknown], 2) if sides is None else np.asarray(sides, np.float32),
        unknown if grades is None else np.asarray(grades, np.float32),
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Network(known.present.shape[1])
    config = FitConfig(
        steps=steps,
        lr=3e-3,
        warmup=max(1, steps // 20),
        final_lr=0.02,
        weight_decay=0.02,
        seed=seed,
        description="classifier",
    )
    batches = _Batches(images, known, batch_size, seed)
    fit(_Multilabel(network, known.present), batches, config, run_dir, progress=progress)
    classifier = Classifier(network.eval())
    classifier.save(run_dir)
    return classifier


def _shrunk(pixels_BHW: Tensor) -> Tensor:
    """Averaged to the network's side; smaller images are enlarged."""
    if pixels_BHW.shape[1:] == (SIDE, SIDE):
        return pixels_BHW
    if pixels_BHW.shape[1] > SIDE:
        return F.interpolate(pixels_BHW[:, None], (SIDE, SIDE), mode="area")[:, 0]
    return F.interpolate(pixels_BHW[:, None], (SIDE, SIDE), mode="bilinear", align_corners=False)[:, 0]
