"""Fixtures every room's tests share."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import hypothesis
import pytest
import torch

# A shared machine's clock says nothing about the code, and a failing example must fail again.
hypothesis.settings.register_profile("hilum", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("hilum")

# A shell starts background jobs deaf to Ctrl-C, and so would be each process that a test starts to interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

_ROOT = Path(__file__).parents[1]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Random weights are the same whichever tests ran before in this process, for fixtures too."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real data: `HILUM_DATA`, or `shared/data` beside the checkout; skips when absent."""
    folder = Path(os.environ.get("HILUM_DATA", _ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no real data: set HILUM_DATA to its folder")
    return folder
