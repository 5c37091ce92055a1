"""Benchmarks with an interval beside every mean, and the report.

from hilum import bench
result = bench.run(model, shards, limit=300)
bench.render(result, "report.html")
"""

from hilum.bench.audit import Audit, audit
from hilum.bench.audit.html import require_writable as require_audit_writable
from hilum.bench.audit.html import write as write_audit
from hilum.bench.classifier import Classifier, train_classifier
from hilum.bench.html import render, require_writable, write
from hilum.bench.intervals import Bootstrap, Estimate
from hilum.bench.labels import classifier_data
from hilum.bench.population import Choice, Trained
from hilum.bench.result import BenchResult
from hilum.bench.run import run
from hilum.bench.tasks import TASKS, BenchTask

__all__ = [
    "TASKS",
    "Audit",
    "BenchResult",
    "BenchTask",
    "Bootstrap",
    "Choice",
    "Classifier",
    "Estimate",
    "Trained",
    "audit",
    "classifier_data",
    "render",
    "require_audit_writable",
    "require_writable",
    "run",
    "train_classifier",
    "write",
    "write_audit",
]
