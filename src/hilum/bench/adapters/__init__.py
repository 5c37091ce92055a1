"""Models of any make behind three methods, so that a benchmark can ask them all by one protocol."""

from hilum.bench.adapters.base import Adapter, Failure, Kind, Question, Reply

__all__ = ["Adapter", "Failure", "Kind", "Question", "Reply"]
