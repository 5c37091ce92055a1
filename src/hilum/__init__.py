"""Hilum: chest X-ray vision-language models, from raw studies to proof of how good they are.

import hilum
model = hilum.load("quickstart")
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hilum.model import Model

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def load(run: str | Path) -> Model:
    """Load a trained model from its run folder.

    Args:
        run: what `hilum quickstart --out` wrote, or the Hugging Face directory inside it.

    Returns:
        A model with `report`, `ask`, `locate` and `draw`.

    Raises:
        DataError: the folder is missing, unfinished or damaged.
    """
    # Here, not above: the network libraries take seconds to import, and `hilum facts` needs none of them.
    from hilum.model import Model

    return Model.load(run)
