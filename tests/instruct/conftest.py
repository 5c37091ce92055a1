"""One small build that the tests of this room share."""

from __future__ import annotations

import pytest

from hilum.instruct import Shards, build
from hilum.sources import SourceSpec

STUDIES = 64
SIZE = 96


@pytest.fixture(scope="session")
def shards(tmp_path_factory) -> Shards:
    folder = tmp_path_factory.mktemp("instruct") / "data"
    return build([SourceSpec("phantom")], folder, size=SIZE, limit=STUDIES, workers=1, progress=False)
