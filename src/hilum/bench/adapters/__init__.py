"""Models of any make behind three methods, so that a benchmark can ask them all by one protocol."""

from hilum.bench.adapters.base import Adapter, Failure, Kind, NoLikelihood, Question, Reply
from hilum.bench.adapters.open import KINDS, open_adapter
from hilum.bench.adapters.store import Stored
from hilum.endpoint import KEY_VARIABLE

__all__ = [
    "KEY_VARIABLE",
    "KINDS",
    "Adapter",
    "Failure",
    "Kind",
    "NoLikelihood",
    "Question",
    "Reply",
    "Stored",
    "open_adapter",
]
