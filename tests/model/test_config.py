"""The two switches and what follows from them."""

from __future__ import annotations

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
        ({"width": 100}, "width: is not a multiple of head 32"),
        ({"vision_width": 33}, "vision_width: "),
        ({"views": -1}, "views: is -1"),
        ({"views": -1, "image_tokens": 4}, "views: is -1"),
    ],
)
def test_sizes_that_do_not_fit_are_refused_by_name(sizes, said) -> None:
    with pytest.raises(UsageError, match=said):
        ModelConfig(**sizes)
