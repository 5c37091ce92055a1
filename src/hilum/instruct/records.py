"""Studies as the shards hold them: what is known of one visit, its images named by their content.

record = next(Shards("data").records(Split.TEST))
record.facts, record.image_ids, record.regions[0].grid
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from hilum.prompts import frontal
from hilum.study import (
    Box,
    Fact,
    Finding,
    Mask,
    Position,
    Presence,
    Question,
    Report,
    RunLengths,
    Sex,
    Side,
    Split,
    TextExample,
    TextKind,
)

GRID = 8
"""Cells a side of the grid by which an encoder learns places."""


@dataclass(frozen=True, slots=True)
class RegionRecord:
    """A marked place in one image of a study.

    Args:
        view: index into the study's `image_ids`.
        box: fractions of the image's width and height.
        visibility: 0 (there but hidden) to 1 (plain to see).
        mask: its outline, of the size in which the image is kept; None where it was marked by a box alone.
    """

    view: int
    finding: Finding | None
    phrase: str
    box: Box
    side: Side | None = None
    visibility: float = 1.0
    mask: RunLengths | None = None

    def grid(self, cells: int = GRID) -> npt.NDArray[np.float64]:
        """Share of each of the image's cells, `cells` a side, that it covers: in [0, 1], row by row."""
        return grid_of_box(self.box, cells) if self.mask is None else grid_of_mask(self.mask.mask(), cells)


@dataclass(frozen=True, slots=True)
class StudyRecord:
    """A study with its images by id; see `hilum.study.Study` for what the fields mean.

    Args:
        image_ids: one for each view that could be read.
        positions: how each of them was taken.
        prior_image_ids: images of the patient's previous study, the frontal one first.
        prior_positions: how each of them was taken.
        split: None until the splits of the whole set are settled.
    """

    id: str
    patient: str
    source: str
    image_ids: tuple[str, ...] = ()
    positions: tuple[Position, ...] = ()
    prior_image_ids: tuple[str, ...] = ()
    prior_positions: tuple[Position, ...] = ()
    facts: tuple[Fact, ...] = ()
    facts_complete: bool = False
    labels: Mapping[Finding, Presence] = field(default_factory=dict)
    regions: tuple[RegionRecord, ...] = ()
    report: Report | None = None
    questions: tuple[Question, ...] = ()
    sex: Sex = Sex.UNKNOWN
    age: float | None = None
    group: str | None = None
    race: str = ""
    device: str = ""
    taken: str = ""
    caption: str = ""
    terms: Mapping[str, Presence] = field(default_factory=dict)
    texts: tuple[TextExample, ...] = ()
    split: Split | None = None

    @property
    def frontal(self) -> int | None:
        """The view that questions are asked about: the first PA or AP one, else one of unknown position."""
        return frontal(self.positions)

    @property
    def prior_position(self) -> Position:
        """How the prior study's first image was taken."""
        return self.prior_positions[0] if self.prior_positions else Position.UNKNOWN

    def to_row(self) -> dict[str, Any]:
        """A row of the `studies` shards."""
        return {
            "id": self.id,
            "patient": self.patient,
            "source": self.source,
            "split": self.split and self.split.value,
            "image_ids": list(self.image_ids),
            "positions": [p.value for p in self.positions],
            "prior_image_ids": list(self.prior_image_ids),
            "prior_positions": [p.value for p in self.prior_positions],
            "facts": [fact.to_json() for fact in self.facts],
            "facts_complete": self.facts_complete,
            "labels": [{"finding": f.value, "presence": p.value} for f, p in self.labels.items()],
            "regions": [_region_row(region) for region in self.regions],
            "report": asdict(self.report) if self.report else None,
            "questions": [_question_row(question) for question in self.questions],
            "sex": self.sex.value,
            "age": self.age,
            "group": self.group,
            "race": self.race,
            "device": self.device,
            "taken": self.taken,
            "caption": self.caption,
            "terms": [{"term": term, "presence": p.value} for term, p in self.terms.items()],
            "texts": [asdict(text) for text in self.texts],
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> StudyRecord:
        """The inverse of `to_row`."""
        return cls(
            id=row["id"],
            patient=row["patient"],
            source=row["source"],
            image_ids=tuple(row["image_ids"]),
            positions=tuple(Position(p) for p in row["positions"]),
            prior_image_ids=tuple(row["prior_image_ids"]),
            prior_positions=tuple(Position(p) for p in row["prior_positions"]),
            facts=tuple(Fact.from_json(fact) for fact in row["facts"]),
            facts_complete=row["facts_complete"],
            labels={_FINDINGS[said["finding"]]: _PRESENCES[said["presence"]] for said in row["labels"]},
            regions=tuple(_region(region) for region in row["regions"]),
            report=Report(**row["report"]) if row["report"] else None,
            questions=tuple(_question(question) for question in row["questions"]),
            sex=Sex(row["sex"]),
            age=row["age"],
            group=row["group"],
            race=row["race"],
            device=row["device"],
            taken=row["taken"],
            caption=row["caption"],
            terms={said["term"]: _PRESENCES[said["presence"]] for said in row["terms"]},
            texts=tuple(_text_example(text) for text in row["texts"]),
            split=Split(row["split"]) if row["split"] else None,
        )


_FINDINGS = {finding.value: finding for finding in Finding}
_PRESENCES = {presence.value: presence for presence in Presence}
"""Looked up: a study has many labels, and to call an enum takes several times as long."""


def _question(row: Mapping[str, Any]) -> Question:
    history = tuple((earlier["question"], earlier["answer"]) for earlier in row["history"])
    return Question(**{**row, "options": tuple(row["options"]), "history": history})


def _question_row(question: Question) -> dict[str, Any]:
    history = [{"question": asked, "answer": answer} for asked, answer in question.history]
    return {**asdict(question), "history": history}


def _text_example(row: Mapping[str, Any]) -> TextExample:
    lists = {name: tuple(row[name]) for name in ("texts", "options")}
    return TextExample(**{**row, **lists, "kind": TextKind(row["kind"])})


def _region_row(region: RegionRecord) -> dict[str, Any]:
    return {
        "view": region.view,
        "finding": region.finding and region.finding.value,
        "phrase": region.phrase,
        "box": list(region.box),
        "side": region.side and region.side.value,
        "visibility": region.visibility,
        "mask": region.mask and region.mask.to_json(),
    }


def _region(row: Mapping[str, Any]) -> RegionRecord:
    x1, y1, x2, y2 = row["box"]
    return RegionRecord(
        view=row["view"],
        finding=Finding(row["finding"]) if row["finding"] else None,
        phrase=row["phrase"],
        box=(x1, y1, x2, y2),
        side=Side(row["side"]) if row["side"] else None,
        visibility=row["visibility"],
        mask=row["mask"] and RunLengths.of_json(row["mask"]),
    )


def grid_of_mask(mask: Mask, cells: int = GRID) -> npt.NDArray[np.float64]:
    """Share of each cell that a mask (height, width) covers, row by row."""
    total = np.pad(np.asarray(mask, np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    rows, columns = (np.linspace(0, n, cells + 1).round().astype(int) for n in mask.shape)
    corner = total[np.ix_(rows, columns)]
    covered = corner[1:, 1:] - corner[:-1, 1:] - corner[1:, :-1] + corner[:-1, :-1]
    area = np.outer(np.diff(rows), np.diff(columns))
    shares: npt.NDArray[np.float64] = (covered / np.maximum(area, 1)).ravel()
    return shares


def grid_of_box(box: Box, cells: int = GRID) -> npt.NDArray[np.float64]:
    """Share of each cell that a box covers, row by row: all that is known where no mask is."""
    edges = np.arange(cells + 1) / cells
    across = (np.minimum(box[2], edges[1:]) - np.maximum(box[0], edges[:-1])).clip(min=0) * cells
    down = (np.minimum(box[3], edges[1:]) - np.maximum(box[1], edges[:-1])).clip(min=0) * cells
    return np.outer(down, across).ravel()


_STRINGS = pa.list_(pa.string())
_FACT = pa.struct(
    [
        ("finding", pa.string()),
        ("presence", pa.string()),
        ("side", pa.string()),
        ("site", pa.string()),
        ("severity", pa.string()),
        ("change", pa.string()),
        ("size_mm", pa.float64()),
        ("levels", pa.list_(pa.string())),
        ("acuity", pa.string()),
        ("tip", pa.string()),
        ("malposition", pa.bool_()),
        ("span", pa.list_(pa.int32())),
    ]
)
_MASK = pa.struct(
    [
        ("height", pa.int32()),
        ("width", pa.int32()),
        ("starts", pa.list_(pa.int32())),
        ("lengths", pa.list_(pa.int32())),
    ]
)
_REGION = pa.struct(
    [
        ("view", pa.int32()),
        ("finding", pa.string()),
        ("phrase", pa.string()),
        ("box", pa.list_(pa.float64())),
        ("side", pa.string()),
        ("visibility", pa.float64()),
        ("mask", _MASK),
    ]
)
_QUESTION = pa.struct(
    [
        ("question", pa.string()),
        ("answer", pa.string()),
        ("closed", pa.bool_()),
        ("view", pa.int32()),
        ("kind", pa.string()),
        ("options", _STRINGS),
        ("compares", pa.bool_()),
        ("several", pa.bool_()),
        ("history", pa.list_(pa.struct([("question", pa.string()), ("answer", pa.string())]))),
    ]
)
_TEXT = pa.struct(
    [
        ("kind", pa.string()),
        ("texts", _STRINGS),
        ("answer", pa.string()),
        ("options", _STRINGS),
        ("view", pa.int32()),
    ]
)
STUDIES = pa.schema(
    [
        ("id", pa.string()),
        ("patient", pa.string()),
        ("source", pa.string()),
        ("split", pa.string()),
        ("image_ids", _STRINGS),
        ("positions", _STRINGS),
        ("prior_image_ids", _STRINGS),
        ("prior_positions", _STRINGS),
        ("facts", pa.list_(_FACT)),
        ("facts_complete", pa.bool_()),
        ("labels", pa.list_(pa.struct([("finding", pa.string()), ("presence", pa.string())]))),
        ("regions", pa.list_(_REGION)),
        (
            "report",
            pa.struct([(f, pa.string()) for f in ("indication", "comparison", "findings", "impression")]),
        ),
        ("questions", pa.list_(_QUESTION)),
        ("sex", pa.string()),
        ("age", pa.float64()),
        ("group", pa.string()),
        ("race", pa.string()),
        ("device", pa.string()),
        ("taken", pa.string()),
        ("caption", pa.string()),
        ("terms", pa.list_(pa.struct([("term", pa.string()), ("presence", pa.string())]))),
        ("texts", pa.list_(_TEXT)),
    ]
)
"""Columns of the `studies` shards."""


def study_batch(records: Sequence[StudyRecord]) -> pa.RecordBatch:
    """Records as one Arrow batch."""
    return pa.RecordBatch.from_pylist([record.to_row() for record in records], STUDIES)


def records_of(batch: pa.RecordBatch) -> list[StudyRecord]:
    """The inverse of `study_batch`."""
    return [StudyRecord.from_row(row) for row in batch.to_pylist()]
