"""The encoder's supervision: unknowns count for nothing, places come from the records, seeing is learned."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from devices import on, put_on
from hilum.errors import DataError, UsageError
from hilum.instruct import StudyRecord
from hilum.instruct.records import RegionRecord
from hilum.model import ModelConfig
from hilum.study import Fact, Finding, Position, Presence, RunLengths, Severity, Side
from hilum.training import FitConfig, fit
from hilum.training.encoder import (
    UNKNOWN,
    Clinical,
    ClinicalHeads,
    Encoder,
    ImageBatch,
    ImageBatches,
    PerceptualFeatures,
    Targets,
    gather_targets,
    install,
)
from hilum.training.log import read_history
from model.helpers import picture, tiny
from training.helpers import assert_accumulation_is_one_batch

CONFIG = ModelConfig(image_size=32, patch=16, vision_width=32)
FINDINGS = (Finding.PLEURAL_EFFUSION, Finding.CARDIOMEGALY, Finding.PNEUMOTHORAX)
NAN = float("nan")


def batch(labels, grades, views, covered) -> ImageBatch:
    pixels = torch.from_numpy(np.stack([picture(seed) for seed in range(len(views))]))
    known = (torch.tensor(values) for values in (labels, grades, views, covered))
    return ImageBatch(pixels, *known)


def test_the_loss_is_the_sum_of_its_parts_over_what_is_known() -> None:
    encoder = Encoder(CONFIG, len(FINDINGS))
    objective = Clinical(encoder, positive_weight=3.0)
    labels = [[1.0, 0.0, NAN], [NAN, NAN, 1.0]]
    covered = [[[1.0, NAN, 0.0]] * 4, [[NAN] * 3] * 4]
    grades = [[0.5, NAN, NAN], [NAN, NAN, 1.0]]
    shown = batch(labels, grades, [2, UNKNOWN], covered)
    with torch.no_grad():
        loss = objective.loss(shown)
        patch, image, grade, view = encoder.heads(encoder(shown.pixels_BHW))

    def bce(logit: torch.Tensor, wanted: float, positive: float = 3) -> float:
        """By its definition, the positive side three times as heavy."""
        p = torch.sigmoid(logit.double())
        return float(-(positive * wanted * p.log() + (1 - wanted) * (1 - p).log()))

    label = np.mean([bce(image[0, 0], 1), bce(image[0, 1], 0), bce(image[1, 2], 1)])
    places = np.mean([bce(patch[0, p, k], wanted) for p in range(4) for k, wanted in ((0, 1), (2, 0))])
    severity = np.mean([bce(grade[0, 0], 0.5, 1), bce(grade[1, 2], 1, 1)])
    angle = float(F.cross_entropy(view[:1], torch.tensor([2])))
    wanted = {"label": (label, 3), "grade": (severity, 2), "cell": (places, 8), "view": (angle, 1)}
    for name, (mean, known) in wanted.items():
        assert float(loss.metrics[name].sum) == pytest.approx(known * mean, rel=1e-4)
        assert int(loss.metrics[name].weight) == known
    assert float(loss.mean()) == pytest.approx(label + 0.05 * severity + 5 * places + 0.3 * angle, rel=1e-4)


def test_nothing_known_is_no_loss_and_no_gradient() -> None:
    objective = Clinical(Encoder(CONFIG, len(FINDINGS)))
    blank = [[NAN] * 3] * 2
    loss = objective.loss(batch(blank, blank, [UNKNOWN] * 2, [[[NAN] * 3] * 4] * 2)).mean()
    loss.backward()
    assert float(loss.detach()) == 0
    assert all(p.grad is None or not p.grad.any() for p in objective.module.parameters())


def test_accumulated_images_are_one_larger_batch(tmp_path) -> None:
    """Batches that know unlike numbers of labels, grades, cells and views."""
    rng = np.random.default_rng(0)

    def known(share: float, *shape: int) -> torch.Tensor:
        values = rng.integers(0, 2, shape).astype(np.float32)
        return torch.from_numpy(np.where(rng.random(shape) < share, values, np.nan).astype(np.float32))

    parts = [
        ImageBatch(
            torch.from_numpy(rng.random((size, 32, 32)).astype(np.float32)),
            known(share, size, 3),
            known(share**2, size, 3),
            torch.from_numpy(rng.integers(UNKNOWN, 3, size)),
            known(share, size, 4, 3),
        )
        for size, share in ((2, 1.0), (1, 0.0), (4, 0.4), (3, 0.8))
    ]
    whole = ImageBatch(*(torch.cat([getattr(p, f.name) for p in parts]) for f in fields(ImageBatch)))

    def make() -> Clinical:
        encoder = Encoder(CONFIG, len(FINDINGS))
        # Batch norm measures the batch it is shown, which no accumulation can make up for.
        for module in list(encoder.modules()):
            for name, child in module.named_children():
                if isinstance(child, nn.BatchNorm2d):
                    setattr(module, name, nn.Identity())
        # A softmax does not see it: its gradient is rounding alone, which Adam would scale up.
        encoder.heads.attention.bias.requires_grad_(False)
        return Clinical(encoder)

    assert_accumulation_is_one_batch(make, parts, whole, tmp_path)


def region(finding: Finding, view: int, cell: int, side: int = 10) -> RegionRecord:
    """A square in one of two by two cells, of some of its 10 pixels a side."""
    mask = np.zeros((20, 20), bool)
    top, left = 10 * (cell // 2), 10 * (cell % 2)
    mask[top : top + side, left : left + side] = True
    return RegionRecord(view, finding, "x", (0.1, 0.1, 0.2, 0.2), mask=RunLengths.of_mask(mask))


def test_targets_say_what_the_records_say() -> None:
    effusion, heart, _ = FINDINGS
    records = [
        StudyRecord(
            "one",
            "p",
            "s",
            image_ids=("a", "b"),
            positions=(Position.PA, Position.LATERAL),
            labels={effusion: Presence.PRESENT, heart: Presence.ABSENT, Finding.NODULE: Presence.PRESENT},
            facts=(
                Fact(effusion, side=Side.LEFT, severity=Severity.MILD),
                Fact(effusion, side=Side.RIGHT, severity=Severity.MODERATE),
                Fact(heart, Presence.ABSENT, severity=Severity.SEVERE),
            ),
            regions=(
                region(effusion, 0, 2),
                region(effusion, 0, 3, side=1),  # too little of the cell to be seen
                region(effusion, 0, 0),  # the other side
                region(Finding.NODULE, 0, 1),  # not among those learned
            ),
        ),
        StudyRecord("two", "p", "s", image_ids=("a", "c"), positions=(Position.AP, Position.UNKNOWN)),
    ]
    ids, targets = gather_targets(records, FINDINGS, 4)
    assert ids == ["a", "b", "c"]
    np.testing.assert_array_equal(targets.labels, [[1, 0, NAN], [1, 0, NAN], [NAN] * 3])
    worst = [0.5, NAN, NAN]
    np.testing.assert_array_equal(targets.grades, [worst, worst, [NAN] * 3])
    assert targets.views.tolist() == [0, 2, UNKNOWN]
    assert targets.covered[0].tolist() == [[1, 0, 1, 0], [0] * 4, [255] * 4]
    assert targets.covered[1].tolist() == [[255] * 4, [0] * 4, [255] * 4]
    assert targets.covered[2].tolist() == [[255] * 4] * 3


def batches(n: int, size: int, **options) -> ImageBatches:
    """Image i is grey of brightness i / n; its label 0 is whether i is odd."""
    images = np.stack([np.full((32, 32), 255 * i // n, np.uint8) for i in range(n)])
    labels = np.array([[i % 2, NAN, NAN] for i in range(n)], np.float32)
    targets = Targets(
        labels,
        np.full_like(labels, NAN),
        np.arange(n) % 3,
        np.full((n, 3, 4), 255, np.uint8),
        np.array(["s"] * n),
    )
    return ImageBatches(lambda rows: images[rows], targets, size, **options)


def test_a_batch_depends_on_its_number_alone() -> None:
    wanted = [batches(10, 4, seed=2)(step) for step in range(5)]
    again = batches(10, 4, seed=2)
    for step in (4, 0, 2, 2, 1, 3):
        found = again(step)
        assert torch.equal(found.pixels_BHW, wanted[step].pixels_BHW)
        assert torch.equal(found.views_B, wanted[step].views_B)
        assert 0 <= float(found.pixels_BHW.min()) <= float(found.pixels_BHW.max()) <= 1
    other = batches(10, 4, seed=3)(0)
    assert not torch.equal(other.pixels_BHW, wanted[0].pixels_BHW)


def test_every_image_comes_once_an_epoch() -> None:
    plain = batches(12, 4, shift=0)
    for epoch in range(2):
        odd = sum(int(plain(step).labels_BK[:, 0].sum()) for step in range(3 * epoch, 3 * epoch + 3))
        assert odd == 6
        views = [int(v) for step in range(3 * epoch, 3 * epoch + 3) for v in plain(step).views_B]
        assert sorted(views) == [0] * 4 + [1] * 4 + [2] * 4


def test_a_weighted_image_comes_as_often_as_it_weighs() -> None:
    weights = np.zeros(12)
    weights[[3, 8]] = 1.0, 3.0
    weighted = batches(12, 4, weights=weights)
    views = torch.cat([weighted(step).views_B for step in range(200)])
    assert set(views.tolist()) == {0, 2}  # image 3 and image 8
    assert float((views == 2).float().mean()) == pytest.approx(0.75, abs=0.06)


def test_what_is_unknown_stays_unknown_in_a_batch() -> None:
    still = batches(10, 4, shift=0)(0)
    assert still.covered_BCK.shape == (4, 4, 3)
    assert still.covered_BCK.isnan().all()
    assert still.labels_BK[:, 1:].isnan().all()
    assert float(still.pixels_BHW.flatten(1).std(1).max()) == pytest.approx(0, abs=1e-6), "grey stays grey"


def test_a_batch_moves_alike_far_in_each_direction() -> None:
    spot = np.zeros((1, 32, 32), np.float32)
    spot[0, 16, 16] = 1.0
    targets = batches(1, 1).targets
    made = ImageBatches(lambda rows: spot[rows], targets, 1, shift=2)
    places = {divmod(int(made(step).pixels_BHW.argmax()), 32) for step in range(300)}
    assert places == {(16 + down, 16 + right) for down in range(-2, 3) for right in range(-2, 3)}


def test_the_encoder_learns_to_see(tmp_path) -> None:
    """A bright square on the left or the right: the labels, and the patches that hold it."""
    rng = np.random.default_rng(0)
    left = rng.random(64) < 0.5
    images = rng.uniform(0.2, 0.4, (64, 32, 32)).astype(np.float32)
    covered = np.zeros((64, 3, 4), np.uint8)
    for i, is_left in enumerate(left):
        images[i, 20:28, slice(4, 12) if is_left else slice(20, 28)] = 0.9
        covered[i, 0, 2 if is_left else 3] = 1
    labels = np.stack([left, ~left, np.full(64, NAN)], 1).astype(np.float32)
    targets = Targets(labels, np.full_like(labels, NAN), np.full(64, UNKNOWN), covered, np.array(["s"] * 64))
    made = ImageBatches(lambda rows: images[rows], targets, 16, shift=0)
    config = FitConfig(steps=60, lr=3e-3, warmup=5, log_every=1)
    objective = Clinical(Encoder(CONFIG, len(FINDINGS)))
    rows = read_history(fit(objective, made, config, tmp_path, progress=False).history)
    assert rows[-1]["label"] < 0.5 * rows[0]["label"]
    assert rows[-1]["cell"] < 0.5 * rows[0]["cell"]


def test_cells_lie_where_their_patch_lies() -> None:
    """Two by two patches, four cells each: the logits of a patch fill its own quarter of the grid."""
    heads = ClinicalHeads(8, 1, patches=4, cells=16)
    features = torch.zeros(1, 4, 8)
    features[0, 1] = 1.0  # the patch at the upper right
    torch.nn.init.zeros_(heads.cell.bias)
    with torch.no_grad():
        shown = heads(features)[0][0, :, 0].reshape(4, 4)
    torch.testing.assert_close(shown[:2, 2:].flatten(), heads.cell.weight.detach().sum(1))
    assert not shown[2:].any()
    assert not shown[:2, :2].any()


def test_more_patches_than_cells_share_them() -> None:
    """Four by four patches, two by two cells: a cell is the mean of its four patches."""
    heads = ClinicalHeads(8, 1, patches=16, cells=4)
    features = torch.zeros(1, 16, 8)
    features[0, 3] = 1.0  # at the right of the uppermost row
    torch.nn.init.zeros_(heads.cell.bias)
    with torch.no_grad():
        shown = heads(features)[0][0, :, 0]
    torch.testing.assert_close(
        shown, torch.stack([shown[0], heads.cell.weight.detach().sum() / 4, *shown[2:]])
    )
    assert not shown[[0, 2, 3]].any()
    assert heads(torch.zeros(1, 16, 8))[0].shape == (1, 4, 1)


def test_cells_need_not_divide_among_the_patches() -> None:
    """224 pixels are 7 by 7 patches, and findings are located on 8 by 8 cells."""
    heads = ClinicalHeads(8, 1, patches=49, cells=64)
    features = torch.zeros(1, 49, 8)
    features[0, 0] = 1.0  # at the upper left
    with torch.no_grad():
        shown, nothing = (heads(given)[0][0, :, 0] for given in (features, torch.zeros(1, 49, 8)))
    assert (shown != nothing).nonzero().flatten().tolist() == [0, 1, 8, 9]


def test_patches_and_cells_are_squares() -> None:
    with pytest.raises(UsageError, match="6 or 4 patches are no square"):
        ClinicalHeads(8, 1, patches=4, cells=6)


def test_the_bridge_starts_from_the_heads() -> None:
    model = tiny(width=32)
    encoder = Encoder(model.config, len(FINDINGS))
    pixels = torch.from_numpy(np.stack([picture(seed) for seed in range(16)]))
    install(encoder, model, pixels)
    with torch.no_grad():
        features = model.features(pixels)
        hidden = model.network.model.multi_modal_projector.linear_1(features).flatten(0, 1)
        logits = encoder.heads.value(features).flatten(0, 1)
        torch.testing.assert_close(features, encoder.eval()(pixels))
    torch.testing.assert_close(hidden.mean(0), torch.zeros(32), atol=1e-4, rtol=0)
    torch.testing.assert_close(hidden.std(0), torch.ones(32), atol=1e-3, rtol=0)
    for k in range(len(FINDINGS)):
        assert float(torch.corrcoef(torch.stack([hidden[:, k], logits[:, k]]))[0, 1]) > 0.999


def test_the_bridge_starts_from_the_heads_of_an_encoder_on_another_device() -> None:
    """The encoder lies where it has learned, the model is not there yet."""
    model = tiny(width=32)
    encoder = Encoder(model.config, len(FINDINGS))
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    put_on(mode, model.network, "cpu")
    put_on(mode, encoder, "meta")
    with mode:
        install(encoder, model, on(mode, torch.zeros(16, 32, 32), "meta"), size=0.02)
    assert {weight.device.type for weight in model.network.parameters()} == {"cpu"}


def test_sight_compares_images_by_standard_features_of_several_stages() -> None:
    encoder = Encoder(CONFIG, len(FINDINGS))
    pixels = torch.from_numpy(np.stack([picture(seed) for seed in range(16)]))
    stages = PerceptualFeatures(encoder, pixels, stages=2)(pixels)
    assert [seen.shape[1] for seen in stages] == [CONFIG.vision_sizes[-2], CONFIG.vision_width]
    for seen in stages:
        mean, spread = seen.mean((0, 2, 3)), seen.std((0, 2, 3))
        torch.testing.assert_close(mean, torch.zeros_like(mean), atol=1e-4, rtol=0)
        assert (spread <= 1.0).all()
        assert (spread > 0.9).any()
    torch.testing.assert_close(
        torch.corrcoef(torch.stack([stages[-1][:, 0].flatten(), encoder(pixels)[:, :, 0].flatten()]))[0, 1],
        torch.ones(()),
    )
    assert not any(p.requires_grad for p in encoder.parameters())


def test_a_small_source_is_not_lost_beside_a_large_one() -> None:
    blank = np.zeros((100, 1, 4), np.uint8)
    nothing = np.full((100, 1), NAN)
    targets = Targets(nothing, nothing, np.zeros(100, int), blank, np.array(["big"] * 96 + ["small"] * 4))
    weights = targets.weights
    assert weights[:96].sum() / weights[96:].sum() == pytest.approx((96 / 4) ** 0.5)
    assert len(set(weights[:96])) == 1


def test_no_images_is_an_error_that_says_so() -> None:
    with pytest.raises(DataError, match="has no images to learn from"):
        gather_targets([], FINDINGS, 4)
