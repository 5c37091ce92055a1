"""The two switches and what follows from them."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from hilum.errors import UsageError
from hilum.model import ModelConfig, Reads, Writes


@pytest.mark.parametrize(
    ("reads", "writes", "features", "codes"),
    [
        (Reads.CODES, Writes.CODES, 0, True),
        (Reads.CODES, Writes.NOTHING, 0, True),
        (Reads.FEATURES, Writes.NOTHING, 64, False),
        (Reads.FEATURES, Writes.CODES, 64, True),
        (Reads.BOTH, Writes.CODES, 64, True),
        (Reads.BOTH, Writes.NOTHING, 64, True),
    ],
)
def test_the_switches_decide_what_is_needed(reads, writes, features, codes) -> None:
    config = ModelConfig(reads, writes, image_size=128, patch=16)
    assert config.features_per_image == features
    assert config.sees_features == (features > 0)
    assert config.needs_codes == codes


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"patch": 15}, "patch: 15 does not divide image_size 128"),
        ({"patch": 64}, "patch: is 64; pick 4, 8, 16 or 32"),
        ({"width": 100}, "width: is not a multiple of head 32"),
        ({"vision_width": 33}, "vision_width: "),
        ({"views": -1}, "views: is -1"),
        ({"views": -1, "image_tokens": 4}, "views: is -1"),
    ],
)
def test_sizes_that_do_not_fit_are_refused_by_name(sizes, said) -> None:
    with pytest.raises(UsageError, match=said):
        ModelConfig(**sizes)


def test_a_model_described_by_nothing_has_the_documented_sizes() -> None:
    assert asdict(ModelConfig()) == {
        "reads": "features",
        "writes": "codes",
        "image_size": 128,
        "patch": 16,
        "width": 192,
        "depth": 4,
        "vision_width": 128,
        "vision_depth": 1,
        "head": 32,
        "vocabulary_size": 1200,
        "context": 768,
        "views": 3,
        "image_tokens": 0,
        "image_features": 0,
        "pixel_mean": (0.5, 0.5, 0.5),
        "pixel_std": (0.5, 0.5, 0.5),
    }


def test_a_switch_is_written_by_its_name() -> None:
    assert list(Reads) == ["codes", "features", "both"]
    assert list(Writes) == ["codes", "nothing"]


def test_lists_of_a_run_folder_s_json_are_the_same_description() -> None:
    read = ModelConfig(pixel_mean=[0.1, 0.2, 0.3], pixel_std=[0.4, 0.5, 0.6])
    assert read == ModelConfig(pixel_mean=(0.1, 0.2, 0.3), pixel_std=(0.4, 0.5, 0.6))
    assert hash(read)


def fits(patch: int) -> bool:
    try:
        ModelConfig(image_size=4 * patch, patch=patch, vision_width=840)
    except UsageError:
        return False
    return True


def test_four_patches_are_known() -> None:
    assert [patch for patch in range(1, 70) if fits(patch)] == [4, 8, 16, 32]


@pytest.mark.parametrize(
    ("patch", "width", "stages"),
    [
        (4, 5, (5,)),
        (8, 24, (12, 24)),
        (16, 128, (32, 64, 128)),
        (16, 24, (8, 12, 24)),
        (32, 32, (8, 8, 16, 32)),
    ],
)
def test_each_stage_of_the_encoder_is_half_as_wide_as_the_next_and_8_at_least(patch, width, stages) -> None:
    assert ModelConfig(patch=patch, vision_width=width).vision_sizes == stages


@pytest.mark.parametrize("views", [0, 1])
def test_a_model_may_be_shown_no_image_or_one(views) -> None:
    assert ModelConfig(views=views).views == views


def test_given_parts_say_how_many_features_an_image_has() -> None:
    assert ModelConfig(vision_width=32).feature_shape == (64, 32)
    # Sizes of given parts are not held against each other: 15 divides no 128.
    given = ModelConfig(patch=15, image_tokens=4, image_features=9, vision_width=33)
    assert (given.features_per_image, given.feature_shape) == (4, (9, 33))
    assert ModelConfig(image_tokens=4, vision_width=32).feature_shape == (4, 32)
    assert ModelConfig(Reads.CODES, image_tokens=4).features_per_image == 0
