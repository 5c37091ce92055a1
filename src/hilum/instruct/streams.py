"""Sources opened: each a stream of chunks for the workers, whose faults are noted and not thrown.

for stream in open_streams([SourceSpec("phantom")], limit=100, seed=0, size=128):
    for chunk in stream: ...
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hilum.errors import DataError, HilumError, UsageError
from hilum.files import Problems
from hilum.instruct.ingest import StudyChunk
from hilum.instruct.splits import name_key
from hilum.sources import Request, SourceSpec, folder, open_source, phantom, specs_of
from hilum.study import Study

CHUNK = 64
"""Studies with images that a worker is given at a time, and that become one part.

To open, cut up and write the tables of a part takes as long as to write up ten studies; and what a worker
holds of 64 films, or loses when it is killed, is still little.
"""

DRAWN_CHUNK = 16
"""The same for the phantom's, which are drawn and so take much longer than a film does to read."""

TEXT_CHUNK = 1024
"""The same for studies without images, which take little time and room."""

KEPT = 100_000
"""Problems of one source that are listed one by one; beyond them only their kinds are counted."""

SIZES = (64, 2048)
"""Pixels a side the phantom can be drawn with; other sizes are scaled from the nearer of these."""


@dataclass
class Stream:
    """The chunks of one source, in the order of the source.

    Args:
        total: how many studies there will be, where that is known beforehand.
        problems: what was skipped, by the reader and later by ingest.
        left_out: what the source holds that is no chest film, counted by kind.
        notes: what is read of the source and what is not.
        warnings: what makes it doubtful to learn from.
        failed: what broke the source off, before its first study or later.
    """

    spec: SourceSpec
    chunks: Iterable[StudyChunk] = ()
    total: int | None = None
    problems: Problems = field(default_factory=lambda: Problems(KEPT))
    left_out: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    failed: HilumError | None = None

    def __iter__(self) -> Iterator[StudyChunk]:
        try:
            yield from self.chunks
        except HilumError as error:
            self.failed = error
        except OSError as error:
            self.failed = _of_system(error, self.spec)

    def note(self, problems: Problems) -> None:
        """Add what ingest had to leave out."""
        self.problems.counts.update(problems.counts)
        self.problems.kept.extend(problems.kept[: max(0, KEPT - len(self.problems.kept))])


def open_streams(
    specs: Sequence[SourceSpec], *, limit: int | None = None, seed: int = 0, size: int = 256
) -> list[Stream]:
    """Open every source as far as its first study, so that a missing file is known before the work starts.

    Raises:
        UsageError: no source, or one of an unknown name.
        DataError: none of the sources can be read; of several, one that cannot is kept with `failed` set.
    """
    chosen = tuple(dict.fromkeys(specs_of(specs)))
    if not chosen:
        raise UsageError("sources", "none is given", "name one, for example phantom")
    _refuse_namesakes(chosen)
    seen = _Ids()
    streams = [_open(spec, limit, seed, size, seen) for spec in chosen]
    refuse_if_all_failed(streams)
    return streams


def _refuse_namesakes(specs: Sequence[SourceSpec]) -> None:
    """Refuse two folders of the same name, by which their studies are told apart."""
    paths = [spec.path for spec in specs if spec.name == folder.SOURCE.name and spec.path is not None]
    first: dict[str, Path] = {}
    for path in paths:
        other = first.setdefault(path.resolve().name, path)
        if other.resolve() != path.resolve():
            problem = f"has the name of another source, {other}: their studies would have the same ids"
            raise UsageError(path, problem, "rename one of the folders, or name the folder above both")


def refuse_if_all_failed(streams: Sequence[Stream]) -> None:
    """Raise what broke the first source off when no other is left whole."""
    faults = [stream.failed for stream in streams if stream.failed is not None]
    if faults and len(faults) == len(streams):
        raise faults[0]


def _open(spec: SourceSpec, limit: int | None, seed: int, size: int, seen: _Ids) -> Stream:
    if spec.name == phantom.SOURCE.name:
        return _phantom(spec, limit, seed, size)
    stream = Stream(spec, total=limit)
    try:
        studies = open_source(
            spec, stream.problems, limit, seed, size, stream.left_out, stream.notes, stream.warnings
        )
        stream.chunks = _chunks(_once(studies, seen, stream.problems))
    except UsageError:
        raise
    except HilumError as error:
        stream.failed = error
    except OSError as error:
        stream.failed = _of_system(error, spec)
    return stream


def _phantom(spec: SourceSpec, limit: int | None, seed: int, size: int) -> Stream:
    """Ranges of a cohort: the pictures are drawn by the workers, which is nearly all the work."""
    stream = Stream(spec)
    drawable = min(max(size, SIZES[0]), SIZES[1])
    cohort = phantom.read(Request(None, stream.problems, limit, seed, drawable))
    stream.total = len(cohort)
    starts = range(0, len(cohort), DRAWN_CHUNK)
    stops = (min(start + DRAWN_CHUNK, len(cohort)) for start in starts)
    stream.chunks = (StudyChunk(cohort=cohort, range=span) for span in zip(starts, stops, strict=True))
    return stream


def _chunks(studies: Iterator[Study]) -> Iterator[StudyChunk]:
    """Cut by the studies alone, not by the number of workers, so that a part is found again by any."""
    some: list[Study] = []
    films = 0
    for study in studies:
        some.append(study)
        films += bool(study.views)
        if films == CHUNK or len(some) == TEXT_CHUNK:
            yield StudyChunk(tuple(some))
            some, films = [], 0
    if some:
        yield StudyChunk(tuple(some))


class _Ids:
    """Ids met so far, eight bytes each.

    They are told by 64 bits of their hash. That of ten million studies one is taken for another, and listed
    among the problems as a duplicate, has a chance of three in a million.
    """

    RECENT = 2**17

    def __init__(self) -> None:
        self._sorted, self._recent = array("q"), set[int]()

    def add(self, name: str) -> bool:
        """Whether an id is new."""
        key = name_key(name)
        place = bisect_left(self._sorted, key)
        if key in self._recent or self._sorted[place : place + 1] == array("q", [key]):
            return False
        self._recent.add(key)
        if len(self._recent) == self.RECENT:
            recent = np.fromiter(self._recent, np.int64, len(self._recent))
            merged = np.sort(np.concatenate([np.frombuffer(self._sorted, np.int64), recent]))
            self._sorted = array("q", merged.tobytes())
            self._recent.clear()
        return True


def _once(studies: Iterable[Study], seen: _Ids, problems: Problems) -> Iterator[Study]:
    for study in studies:
        if seen.add(study.id):
            yield study
        else:
            problems.add(DataError(study.id, "is a duplicate id", "the first one is kept"))


def _of_system(error: OSError, spec: SourceSpec) -> DataError:
    thing = error.filename or spec.path or spec.name
    return DataError(
        thing, f"cannot be read ({error.strerror or error})", "check the file and its permissions"
    )
