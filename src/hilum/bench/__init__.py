"""Benchmarks with an interval beside every mean, and the report.

from hilum import bench
result = bench.run(model, shards, limit=300)
bench.render(result, "report.html")
"""

from hilum.bench.classifier import Classifier, train_classifier
from hilum.bench.drawing import classifier_data
from hilum.bench.html import render, require_writable, write
from hilum.bench.intervals import Bootstrap, Estimate
from hilum.bench.population import Choice, Trained
from hilum.bench.result import BenchResult
from hilum.bench.run import run
from hilum.bench.tasks import TASKS, BenchTask

__all__ = [
    "TASKS",
    "BenchResult",
    "BenchTask",
    "Bootstrap",
    "Choice",
    "Classifier",
    "Estimate",
    "Trained",
    "classifier_data",
    "render",
    "require_writable",
    "run",
    "train_classifier",
    "write",
]
