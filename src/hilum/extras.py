"""Libraries that few need: imported when they are asked for, with an error that says how to get them.

library = extra("torchxrayvision", "pip install 'hilum[metrics]'")
network = weights_of("torchxrayvision", lambda: library.models.DenseNet(weights=name))
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from hilum.errors import DataError, UsageError


def extra(module: str, remedy: str, package: str = "") -> Any:
    """A module of an optional library.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise UsageError(package or module, "is not installed", remedy) from error


def weights_of(package: str, load: Callable[[], Any]) -> Any:
    """What loads weights that the library downloads.

    Raises:
        DataError: they cannot be loaded.
    """
    try:
        return load()
    except (OSError, RuntimeError) as error:
        remedy = "it downloads them on first use; check the connection"
        raise DataError(package, f"cannot load its weights ({error})", remedy) from error
