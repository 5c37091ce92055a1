"""Optional libraries: there when asked for, and a remedy where they are not."""

from __future__ import annotations

import json

import pytest

from hilum.errors import DataError, UsageError
from hilum.extras import extra, weights_of


def test_a_library_is_given_or_its_remedy_named() -> None:
    assert extra("json", "none needed") is json
    with pytest.raises(UsageError, match=r"not-there: is not installed.*pip install it"):
        extra("hilum_not_there", "pip install it", "not-there")


def test_weights_are_given_or_what_hindered_them_named() -> None:
    assert weights_of("x", lambda: 3) == 3

    def broken() -> None:
        raise OSError("no route")

    with pytest.raises(DataError, match=r"cannot load its weights \(no route\)"):
        weights_of("x", broken)
