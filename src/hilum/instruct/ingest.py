"""Studies ingested: every image read once, named by its content, kept smaller; every region carried along.

ingest(StudyChunk(studies), size=512).studies      # an Arrow batch of `STUDIES`

This is what worker processes do. A chunk holds studies, or the place of some in the phantom's cohort,
which are then made where they are needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
from scipy import ndimage

from hilum.errors import DataError, HilumError, NoChestRadiograph
from hilum.files import Problems
from hilum.images import encode_png, image_id, shrink, shrink_mask, shrunken_shape
from hilum.images.duplicates import Signature, signature
from hilum.instruct.label_state import LabelState, Tally, total
from hilum.instruct.records import RegionRecord, StudyRecord, study_batch
from hilum.instruct.rows import IMAGES, image_row
from hilum.phantom import Cohort
from hilum.prompts import frontal
from hilum.reports import is_english
from hilum.study import Position, Region, Report, RunLengths, Split, Study, TextExample, View

LONGEST = 1000
"""Words of the longest report that is taken; longer ones are not reports but several of them in one file."""


@dataclass(frozen=True)
class StudyChunk:
    """Some studies in order: themselves, or `range` of a cohort."""

    studies: Sequence[Study] = ()
    cohort: Cohort | None = None
    range: tuple[int, int] = (0, 0)

    def __len__(self) -> int:
        return len(self.studies) or self.range[1] - self.range[0]

    def __iter__(self) -> Iterator[Study]:
        if self.cohort is None:
            return iter(self.studies)
        cohort = self.cohort
        return (cohort[index] for index in range(*self.range))


@dataclass
class IngestResult:
    """What became of a chunk.

    Args:
        images: each image once; another chunk may hold it too.
        signatures: of each image that was not computed, to find its copies by.
        owners: per study its patient, the ids of all its images, and the split its source gives it.
        tally: what is known of which findings.
        read: how many studies the chunk held, those left out included.
    """

    studies: pa.RecordBatch
    images: pa.RecordBatch
    signatures: Mapping[str, Signature]
    owners: list[tuple[str, tuple[str, ...], Split | None]]
    tally: Tally
    problems: Problems
    read: int


@dataclass(frozen=True)
class _Picture:
    image: str
    kept: tuple[int, int]


@dataclass
class _Reader:
    """Reads views, each once; a prior study's image is often another study's own."""

    size: int
    source: str
    problems: Problems
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    signatures: dict[str, Signature] = field(default_factory=dict)
    known: dict[str, _Picture | None] = field(default_factory=dict)

    def read(self, view: View) -> _Picture | None:
        """The picture of a view; None, and a problem noted, when it cannot be read."""
        if view.id not in self.known:
            self.known[view.id] = self._read(view)
        return self.known[view.id]

    def _read(self, view: View) -> _Picture | None:
        try:
            pixels = view.load()
            if pixels.min() == pixels.max():
                # The equal black films of two people would also make one patient of them.
                raise DataError(
                    view.path or view.id, "shows nothing: all its pixels are equal", "it is left out"
                )
            name = image_id(pixels)
            if name not in self.rows:
                kept = shrink(pixels, self.size)
                about = (view.position.value, self.source, view.synthetic)
                self.rows[name] = image_row(name, encode_png(kept), *about, pixels.shape)
                if not view.synthetic:
                    self.signatures[name] = signature(kept)
        except Exception as error:
            # A decoder may raise anything on a damaged file, and one bad image never stops a build.
            self.problems.add(_named(error, view.path or view.id))
            return None
        return _Picture(name, shrunken_shape(pixels.shape, self.size))


def _named(error: Exception, thing: str) -> HilumError:
    if isinstance(error, NoChestRadiograph):
        return left_out(error)
    if isinstance(error, HilumError):
        return error
    return DataError(thing, f"cannot be read ({type(error).__name__})", "get the file again; it is left out")


def left_out(error: HilumError) -> DataError:
    """A film that its header refuses, with what helps in a build, which forces nothing."""
    remedy = "it is left out; if the header is wrong, correct it, or save the film as PNG"
    return DataError(error.thing, error.problem, remedy)


def ingest(chunk: StudyChunk, size: int) -> IngestResult:
    """Read the images of a chunk of one source's studies and turn each study into a row.

    Args:
        size: most pixels of the short side of a working copy.

    A view that cannot be read is left out; a study none of whose views can be read is left out as well. Both
    are noted as problems.
    """
    problems = Problems()
    reader: _Reader | None = None
    kept: list[tuple[StudyRecord, Study]] = []
    for study in chunk:
        reader = reader or _Reader(size, study.source, problems)
        try:
            record = _record(study, reader)
        except (HilumError, ValueError) as error:
            problems.add(_named(error, study.id))
            continue
        if record is not None:
            kept.append((record, study))
    kept = [(record, study) for record, study in kept if _storable(record, problems)]
    records = [record for record, _ in kept]
    owners = [(s.patient, (*record.image_ids, *record.prior_image_ids), s.split) for record, s in kept]
    images = pa.RecordBatch.from_pylist(list(reader.rows.values()) if reader else [], IMAGES)
    signatures = reader.signatures if reader else {}
    tally = total(LabelState(record).tally() for record in records)
    return IngestResult(study_batch(records), images, signatures, owners, tally, problems, len(chunk))


def _storable(record: StudyRecord, problems: Problems) -> bool:
    """Whether a record's texts can be written at all: half a surrogate pair, for one, is no UTF-8."""
    report = record.report
    texts = [record.id, record.patient, *(q.question + q.answer for q in record.questions)]
    texts += [report.indication, report.comparison, report.text] if report else []
    try:
        "".join([*texts, *(region.phrase for region in record.regions)]).encode()
    except UnicodeEncodeError:
        problems.add(DataError(record.id, "holds text that is not Unicode", "it is left out"))
        return False
    return True


def _record(study: Study, reader: _Reader) -> StudyRecord | None:
    pictures = {index: reader.read(view) for index, view in enumerate(study.views)}
    read = {index: picture for index, picture in pictures.items() if picture is not None}
    if study.views and not read:
        return None
    place = {index: new for new, index in enumerate(read)}
    before, taken = _prior(study, reader)
    parts = (part for region in study.regions if region.view in read for part in connected(region))
    regions = (_region(part, read[part.view], place[part.view]) for part in parts)
    return StudyRecord(
        id=study.id,
        patient=study.patient,
        source=study.source,
        image_ids=tuple(picture.image for picture in read.values()),
        positions=tuple(study.views[index].position for index in read),
        prior_image_ids=before,
        prior_positions=taken,
        facts=study.facts,
        facts_complete=study.facts_complete,
        labels=dict(study.labels),
        regions=tuple(region for region in regions if region is not None),
        report=_report(study, reader.problems),
        questions=tuple(replace(q, view=place[q.view]) for q in study.questions if q.view in read),
        sex=study.sex,
        age=study.age,
        group=study.group,
        race=study.race,
        device=study.device,
        taken=study.taken,
        caption=study.caption,
        terms=dict(study.terms),
        texts=tuple(_placed(text, place) for text in study.texts if text.view is None or text.view in read),
    )


def _placed(text: TextExample, place: Mapping[int, int]) -> TextExample:
    return text if text.view is None else replace(text, view=place[text.view])


def _prior(study: Study, reader: _Reader) -> tuple[tuple[str, ...], tuple[Position, ...]]:
    """The prior study's frontal image; a second view of it would show the model nothing it is asked for."""
    views = study.prior.views if study.prior else ()
    first = frontal([view.position for view in views])
    picture = None if first is None else reader.read(views[first])
    if first is None or picture is None:
        return (), ()
    return (picture.image,), (views[first].position,)


_SPECK = 1e-4
"""Share of an image below which a part of a mask is a slip of the pen."""
_TOUCHING = np.ones((3, 3), bool)
"""Pixels that touch at a corner are connected."""


def connected(region: Region) -> list[Region]:
    """The connected parts of a mask that was read from a file, each a region with the box around it.

    Such a file has one mask for all that is marked in an image; the phantom's masks are of one thing each.
    Specks are dropped where there is more.
    """
    if not isinstance(region.mask, RunLengths):
        return [region]
    labelled, count = ndimage.label(region.mask.mask(), _TOUCHING)
    if count < 2:
        return [region]
    sizes = np.bincount(labelled.ravel())[1:]
    least = min(_SPECK * labelled.size, sizes.max())
    masks = [RunLengths.of_mask(labelled == part + 1) for part in np.flatnonzero(sizes >= least)]
    return [replace(region, mask=mask, box=box) for mask in masks if (box := mask.box()) is not None]


def _region(region: Region, picture: _Picture, view: int) -> RegionRecord | None:
    x1, y1, x2, y2 = (min(1.0, max(0.0, value)) for value in region.box)
    if x2 <= x1 or y2 <= y1:
        return None
    mask = region.mask.mask() if isinstance(region.mask, RunLengths) else region.mask
    kept = None if mask is None else RunLengths.of_mask(shrink_mask(mask, picture.kept))
    about = (region.finding, region.phrase, (x1, y1, x2, y2), region.side, region.visibility)
    return RegionRecord(view, *about, kept)


def _report(study: Study, problems: Problems) -> Report | None:
    """The report, with its blanks set right; one that is not a report in English is left out."""
    if study.report is None:
        return None
    sections: Mapping[str, str] = {
        name: " ".join(getattr(study.report, name).split())
        for name in ("indication", "comparison", "findings", "impression")
    }
    report = Report(**sections)
    words = len(report.text.split())
    problem = None
    if not words:
        problem = "its report is empty"
    elif words > LONGEST:
        problem = f"its report has more than {LONGEST} words"
    elif not is_english(report.text):
        problem = "its report is not in English"
    if problem is None:
        return report
    problems.add(DataError(study.id, problem, "the study is kept without it"))
    return None
