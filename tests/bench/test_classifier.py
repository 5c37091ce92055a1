"""The judge of drawn pictures: it learns what it is shown, and comes back from its file as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from hilum.bench.classifier import Classifier, Reading, _Batches, train_classifier
from hilum.bench.metrics import FINDINGS, auroc
from hilum.errors import DataError


def pictures(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise, in half of the pictures with a bright disc; only the first finding is known."""
    return sided(count, seed)[:2]


def sided(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same, and on which side of the patient the disc is."""
    rng = np.random.default_rng(seed)
    images = rng.integers(60, 120, (count, 128, 128)).astype(np.uint8)
    labels = np.full((count, len(FINDINGS)), np.nan, np.float32)
    labels[:, 0] = np.arange(count) % 2
    rows, columns = np.mgrid[:128, :128]
    sides = np.full((count, len(FINDINGS), 2), np.nan, np.float32)
    for i in range(1, count, 2):
        y, x = rng.integers(30, 98, 2)
        images[i][(rows - y) ** 2 + (columns - x) ** 2 < 15**2] = 240
        sides[i, 0] = (1, 0) if x < 64 else (0, 1)  # the patient's right is on the image's left
    return images, labels, sides


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classifier")
    images, labels = pictures(64, seed=0)
    return train_classifier(images, labels, folder, steps=40, batch_size=16, progress=False), folder


def test_pictures_are_learned_from_a_little_moved_each_way() -> None:
    spot = np.zeros((1, 128, 128), np.uint8)
    spot[0, 64, 32] = 255
    batches = _Batches(spot, Reading(*(np.zeros((1, 1)) for _ in Reading._fields)), 1, seed=0)
    places = [divmod(int(batches(step).pixels_BHW.argmax()), 128) for step in range(60)]
    for middle, moved in zip((64, 32), zip(*places, strict=True), strict=True):
        assert {min(moved), max(moved)} <= set(range(middle - 6, middle + 7))
        assert len(set(moved)) > 8


def test_it_finds_in_new_pictures_what_it_was_shown(trained) -> None:
    classifier, _ = trained
    images, labels = pictures(40, seed=1)
    scores = classifier.scores(images)
    assert scores.shape == (40, len(FINDINGS))
    [area] = auroc(np.ones((1, 40)), scores[:, 0], labels[:, 0])
    assert area > 0.9


def test_it_comes_back_from_its_file_as_it_was(trained) -> None:
    classifier, folder = trained
    images, _ = pictures(8, seed=2)
    again = Classifier.load(folder)
    np.testing.assert_array_equal(again.scores(images), classifier.scores(images))


def test_larger_and_smaller_pictures_are_brought_to_its_size(trained) -> None:
    classifier, _ = trained
    images, _ = pictures(4, seed=3)
    doubled = images.repeat(2, 1).repeat(2, 2)
    np.testing.assert_allclose(classifier.scores(doubled), classifier.scores(images), atol=1e-5)
    assert classifier.scores(images[:, ::2, ::2]).shape == (4, len(FINDINGS))


def test_what_cannot_be_used_is_named(trained, tmp_path) -> None:
    with pytest.raises(DataError, match="is missing"):
        Classifier.load(tmp_path)
    weights = load_file(trained[1] / "classifier.safetensors")
    weights["overall.bias"] = torch.zeros(3)
    save_file(weights, tmp_path / "classifier.safetensors")
    with pytest.raises(DataError, match="other findings"):
        Classifier.load(tmp_path)
    blank = np.zeros((0, 128, 128), np.uint8)
    with pytest.raises(DataError, match="no images"):
        train_classifier(blank, np.zeros((0, len(FINDINGS))), tmp_path)


def test_mirrored_pictures_have_their_findings_on_the_other_side(tmp_path) -> None:
    images, labels, sides = sided(96, seed=0)
    classifier = train_classifier(
        images, labels, tmp_path, sides=sides, steps=60, batch_size=16, progress=False
    )
    images, _, sides = sided(40, seed=1)
    read, mirrored = (classifier.read(side).sides[1::2, 0] for side in (images, images[:, :, ::-1].copy()))
    wanted = sides[1::2, 0, 0] > 0.5
    assert ((read[:, 0] > read[:, 1]) == wanted).mean() > 0.8
    assert ((mirrored[:, 0] > mirrored[:, 1]) == ~wanted).mean() > 0.8


def test_a_classifier_of_an_earlier_version_is_refused(trained, tmp_path) -> None:
    weights = load_file(trained[1] / "classifier.safetensors")
    old = {name: weight for name, weight in weights.items() if not name.startswith("grade")}
    save_file(old, tmp_path / "classifier.safetensors")
    with pytest.raises(DataError, match="earlier version"):
        Classifier.load(tmp_path)
