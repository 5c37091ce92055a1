"""What a build would read, before any image is: `hilum build --dry-run`.

preview([SourceSpec("folder", Path("films"))])["splits"]["train"]       # {"patients": 81, "studies": 90, …}
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from hilum.images.read import refusal_of
from hilum.instruct.card import empty_splits
from hilum.instruct.ingest import left_out
from hilum.instruct.splits import LeakGuard, Splits
from hilum.instruct.streams import Stream, open_streams, refuse_if_all_failed
from hilum.sources import SourceSpec
from hilum.study import Split, View


def preview(specs: Sequence[SourceSpec], *, limit: int | None = None, seed: int = 0) -> dict[str, Any]:
    """Read the tables and headers of the sources, but no image, and count.

    An image that cannot be decoded, or that two patients each have a file of, is only found by the build.

    Returns:
        Per source `name`, `studies`, `notes`, `problems` (by kind), `examples` (the first problems) and
        `failed`; per split `patients`, `studies` and `images`; `warnings`.

    Raises:
        UsageError: an unknown source or a number out of range.
        DataError: no source can be read.
    """
    guard, studies, images = LeakGuard(), Counter[str](), Counter[str]()
    streams = open_streams(specs, limit=limit, seed=seed)
    sources = []
    for stream in streams:
        count = 0
        for study in (study for chunk in stream for study in chunk):
            views = [view for view in study.views if _readable(view, stream)]
            if study.views and not views:
                continue
            guard.add(study.patient, [view.path for view in views if view.path is not None], study.split)
            studies[study.patient] += 1
            images[study.patient] += len(views)
            count += 1
        sources.append(_source(stream, count))
    refuse_if_all_failed(streams)
    splits = _splits(guard.settle(), studies, images)
    warnings = [warning for stream in streams for warning in stream.warnings]
    return {"sources": sources, "splits": splits, "warnings": warnings + empty_splits(splits)}


def _readable(view: View, stream: Stream) -> bool:
    """Whether no header says that a view is no chest radiograph; one that does is noted as in a build."""
    refused = refusal_of(view.path) if view.path is not None else None
    if refused is not None:
        stream.problems.add(left_out(refused))
    return refused is None


def _source(stream: Stream, studies: int) -> dict[str, Any]:
    return {
        "name": stream.spec.name,
        "studies": studies,
        "notes": stream.notes,
        "problems": dict(stream.problems.counts.most_common()),
        "examples": [str(problem) for problem in stream.problems.kept[:5]],
        "failed": None if stream.failed is None else str(stream.failed),
    }


def _splits(settled: Splits, studies: Counter[str], images: Counter[str]) -> dict[str, dict[str, int]]:
    splits = {split.value: {"patients": 0, "studies": 0, "images": 0} for split in Split}
    for patient in studies:
        own = splits[settled.patient(patient).value]
        own["patients"] += 1
        own["studies"] += studies[patient]
        own["images"] += images[patient]
    return splits
