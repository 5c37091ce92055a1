"""A model says what it has seen, and flags images that are blank, too small, out of range or unlike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from hilum.errors import DataError, UsageError
from hilum.model import Concern, Model, Reads, Writes
from hilum.model.limits import Limits
from hilum.model.ood import FeatureStatistics
from hilum.study import Finding
from model.helpers import tiny


def ramps(count: int, seed: int) -> np.ndarray:
    """Smooth pictures that differ a little."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:32, :32] / 32
    slopes = rng.uniform(0.4, 0.6, (count, 2, 1, 1))
    return (slopes[:, 0] * y + slopes[:, 1] * x * 0.8).astype(np.float32)


def taught(reads: Reads = Reads.FEATURES) -> Model:
    model = tiny(reads, Writes.CODES)
    training, unseen = (model.pooled_features(torch.from_numpy(ramps(200, seed))) for seed in (0, 1))
    return replace(model, limits=Limits({"phantom": 200}, FeatureStatistics.fit(training, unseen)))


@pytest.mark.parametrize("reads", [Reads.FEATURES, Reads.CODES])
def test_what_is_unlike_training_is_flagged_and_what_is_like_it_is_not(reads) -> None:
    model = taught(reads)
    alike = model.caveats(list(ramps(200, 2)))
    assert len(alike.flags) < 20
    noise = list(np.random.default_rng(0).random((5, 32, 32), np.float32))
    assert [(f.image, f.concern) for f in model.caveats(noise).flags] == [
        (i, Concern.UNLIKE) for i in range(5)
    ]


@pytest.mark.parametrize(
    ("image", "concern"),
    [
        (np.full((32, 32), 0.5, np.float32), Concern.CONSTANT),
        (np.zeros((1, 1), np.float32), Concern.SMALL),
        (ramps(1, 0)[0] * 255, Concern.OUT_OF_RANGE),
        (ramps(1, 0)[0] - 0.5, Concern.OUT_OF_RANGE),
    ],
)
def test_images_out_of_range_are_flagged(image, concern) -> None:
    known = taught().caveats([ramps(1, 0)[0], image])
    assert (1, concern) in [(flag.image, flag.concern) for flag in known.flags]
    assert known.to_json()["notice"] == "research only — not for clinical use"
    assert known.to_json()["seen"] == {"studies": {"phantom": 200}, "synthetic_only": True}
    assert any("warning: b.png" in line for line in known.lines("tiny", ["a.png", "b.png"]))


def test_pixels_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(UsageError, match="image 1: holds NaN"):
        tiny().caveats([np.full((32, 32), np.nan, np.float32)])


def test_limits_are_saved_and_an_old_model_says_it_does_not_know(tmp_path) -> None:
    model = taught()
    loaded = Model.load(model.save(tmp_path / "run"))
    picture = np.random.default_rng(0).random((32, 32), np.float32)
    assert loaded.caveats([picture]) == model.caveats([picture])
    (tmp_path / "run" / "statistics.safetensors").write_bytes(b"no")
    with pytest.raises(DataError, match=r"statistics\.safetensors"):
        Model.load(tmp_path / "run")
    [flag] = tiny().caveats([picture]).flags
    assert flag.concern is Concern.UNKNOWN
    assert tiny().caveats().synthetic_only is None


def test_a_finding_the_report_lacks_is_not_found(monkeypatch) -> None:
    model, image = tiny(), ramps(1, 0)[0]
    answer = model.locate(image, "left pleural effusion")
    assert (answer.found, answer.boxes, answer.text) == (False, (), "not found")
    assert model.locate(image, "left lung").boxes
    monkeypatch.setattr("hilum.model.model.present", lambda _: frozenset({Finding.PLEURAL_EFFUSION}))
    stated = model.locate(image, "left pleural effusion")
    assert stated.found
    assert stated.boxes
