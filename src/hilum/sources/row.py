"""A row of a `folder` source's table, and how each of its cells is understood.

row = Row("metadata.csv, row 3", {"image": "a.png", "age": "045Y", "Edema": "yes"})
row.age(problems), row.labels(problems)         # 45.0, {Finding.EDEMA: Presence.PRESENT}

What the columns mean is written in `hilum.sources.columns`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from hilum.errors import DataError
from hilum.files import Problems
from hilum.reports import parse_sections
from hilum.sources.base import SPLITS, age_years, number
from hilum.sources.columns import FIELDS, FINDINGS, missing, squash
from hilum.sources.patients import SEXES
from hilum.study import Box, Finding, Position, Presence, Region, Report, Sex, Side, Split

_T = TypeVar("_T")

SECTIONS = ("indication", "comparison", "findings", "impression")
CONTRADICTION = "is said to be there and not to be there"
_UNREADABLE = "has an unreadable box: give x1 < x2 and y1 < y2, in pixels or in fractions of the image"
_SIDES = {side.value: side for side in Side}
_PRESENCE: Mapping[str, Presence | None] = {
    **dict.fromkeys(("1", "true", "t", "yes", "y", "positive", "present"), Presence.PRESENT),
    **dict.fromkeys(("0", "false", "f", "no", "n", "negative", "absent"), Presence.ABSENT),
    **dict.fromkeys(("-1", "uncertain", "u", "unclear"), Presence.UNCERTAIN),
    "unknown": None,
}
_NO_RADIOGRAPH = re.compile(
    r"\b(CTPA|(HR)?CT|MRI?|US|PT|PET|NM|MG|SPECT)\b|tomogra|magnetic|ultraso|sonogra|mammo|scintigra",
    re.IGNORECASE,
)
_VIEWS = (
    (re.compile(r"\bLAT(ERAL)?\b(?! DECUB)|^(L|LL|RL)$"), Position.LATERAL),
    (re.compile(r"\bPA\b|\bPOSTERO ?ANTERIOR\b"), Position.PA),
    (re.compile(r"\bAP\b|\bANTERO ?POSTERIOR\b"), Position.AP),
    (re.compile(r"^(FRONTAL|UNKNOWN|UNK)$"), Position.UNKNOWN),
)


@dataclass(frozen=True)
class Row:
    """One row; what cannot be understood is counted as a problem and left unknown.

    Args:
        thing: what the row is called in errors.
        cells: a field of `hilum.sources.columns`, or a finding's name → text or JSON value.
    """

    thing: str
    cells: Mapping[str, Any]

    def get(self, field: str) -> str:
        """A cell as text without blanks around it; empty when there is none."""
        return _text(self.cells.get(field))

    def name(self, field: str) -> str:
        """A cell that names something; where a blank stands in the column, pandas has made 17 a 17.0."""
        text = self.get(field)
        return re.sub(r"(?<=^\d)(\d*)\.0$", r"\1", text)

    @property
    def image(self) -> str:
        """The image's name."""
        return self.name("image")

    def position(self, problems: Problems) -> Position | None:
        """The view; None when the row does not say."""
        text = " ".join(re.sub(r"[\W_]+", " ", self.get("view")).upper().split())
        if not text:
            return None
        found = {position for pattern, position in _VIEWS if pattern.search(text)}
        if len(found) == 1:  # "PA AND LAT" is of two
            return found.pop()
        self._note(f"view: {text[:40]}", "is none of PA, AP, LATERAL", problems)
        return None

    @property
    def other_modality(self) -> str:
        """What the image is where it is no radiograph: "CT"; empty when it may be one."""
        text = self.get("modality")
        return text if _NO_RADIOGRAPH.search(text) else ""

    def split(self, problems: Problems) -> Split | None:
        """The split; None when the row does not say."""
        return self._one_of("split", SPLITS, problems)

    def sex(self, problems: Problems) -> Sex | None:
        """The sex; None when the row does not say."""
        return self._one_of("sex", SEXES, problems)

    def age(self, problems: Problems) -> float | None:
        """The age in years, None when unknown."""
        return age_years(self.get("age"), self.thing, problems)

    def report(self, problems: Problems) -> Report | None:
        """The report, if only why it was asked for; None when the row has none."""
        nested = self.cells.get("report")
        named: dict[str, Any] = {}
        whole = Report()
        if isinstance(nested, Mapping):
            named = {name: nested[key] for name in SECTIONS for key in nested if squash(key) in FIELDS[name]}
            if not named and nested:
                self._note("report", f"is nested and has none of {', '.join(SECTIONS)}", problems)
        elif text := self._prose("report", nested, problems):
            whole = parse_sections(text)
        named |= {name: self.cells[name] for name in SECTIONS if not missing(self.cells.get(name))}
        texts = {name: " ".join(self._prose(name, value, problems).split()) for name, value in named.items()}
        parts = {name: texts.get(name) or getattr(whole, name) for name in SECTIONS}
        report = Report(**parts)
        return report if report.text or report.indication else None

    def _prose(self, field: str, value: Any, problems: Problems) -> str:
        """A text, or the lines of a list of texts."""
        lines = value if isinstance(value, list) else [value]
        if any(isinstance(line, list | Mapping) for line in lines):
            self._note(field, "is nested and no text", problems)
            return ""
        return "\n".join(filter(None, map(_text, lines)))

    def labels(self, problems: Problems) -> dict[Finding, Presence]:
        """Findings known to be there, not to be there, or to be doubted."""
        return agreed([self], problems)

    def said(self, problems: Problems) -> Iterator[tuple[Finding, Presence]]:
        """All that it says of findings, also where one column says otherwise than another."""
        for finding in Finding:
            cell = self.cells.get(finding.value)
            for text in map(_text, cell if isinstance(cell, list) else [cell]):
                value = number(text)
                word = text.casefold() if value is None else f"{value:g}"
                if (presence := _PRESENCE.get(word)) is not None:
                    yield finding, presence
                elif text and word not in _PRESENCE:
                    self._note(f"{finding.value}: {text[:40]}", "is not 1, 0, -1, yes, no or blank", problems)
        for word in self._words():
            found = FINDINGS.get(squash(word))
            if found is None:
                self._note(f"labels: {word[:40]}", "is no known finding", problems)
            else:
                yield found, Presence.PRESENT

    def _words(self) -> list[str]:
        """What stands in the column of labels: one word, a list, or a list as Python prints it."""
        value = self.cells.get("labels")
        if isinstance(value, list):
            parts = [str(part) for part in value]
        elif squash(text := self.get("labels")) in FINDINGS:
            parts = [text]
        else:
            parts = re.split(r"[|;,\n]", text.strip("[]()"))
        words = (part.strip().strip("'\"").strip() for part in parts)
        return [label for word in words if not missing(word) for label in _labels_in(word)]

    def boxed(self) -> bool:
        """Whether it has a box in columns of its own, in fractions or pixels."""
        return bool(self.get("x1"))

    def image_size(self) -> tuple[float, float] | None:
        """Width and height of the image that the box was drawn on, in pixels, where the row says."""
        width, height = number(self.get("image_width")), number(self.get("image_height"))
        return (width, height) if width and height and min(width, height) > 0 else None

    def regions(
        self, view: int, problems: Problems, size: tuple[float, float] | None = None
    ) -> Iterator[Region]:
        """The row's boxes as regions of view number `view`.

        Args:
            size: width and height of the image in pixels, for boxes in pixels; unless the row says them.
        """
        yield from self._listed(view, problems)
        if self.boxed():
            yield from self._drawn(view, problems, self.image_size() or size)

    def _listed(self, view: int, problems: Problems) -> Iterator[Region]:
        value = self.cells.get("boxes")
        if isinstance(value, str):
            try:
                value = json.loads(value) if value.strip() else []
            except (ValueError, RecursionError):
                self._note("boxes", "are not JSON", problems)
                return
        if value is None:
            return
        if not isinstance(value, list):
            self._note("boxes", "are no list", problems)
            return
        for item in value:
            region = _region(item, view)
            if region is None:
                problem = (
                    "has an unreadable box: write box as [x1, y1, x2, y2] in fractions of the image, x1 < x2"
                )
                self._note("boxes", f"{problem}, y1 < y2, with its phrase", problems)
            else:
                yield region

    def _drawn(self, view: int, problems: Problems, size: tuple[float, float] | None) -> Iterator[Region]:
        box, problem = self._box(size)
        if box is None:
            self._note("box", problem, problems)
            return
        words = self._words() or [
            f.value for f, p in self.labels(Problems(keep=0)).items() if p is Presence.PRESENT
        ]
        if phrase := self.get("phrase"):
            yield Region(box, phrase, FINDINGS.get(squash(words[0])) if len(words) == 1 else None, view=view)
            return
        if not words:
            self._note("box", "names no finding", problems)
        for word in words:
            finding = FINDINGS.get(squash(word))
            yield Region(box, finding.value.lower() if finding else word.lower(), finding, view=view)

    def _box(self, size: tuple[float, float] | None) -> tuple[Box | None, str]:
        """The box as fractions, or None and what is wrong with it."""
        values = [number(self.get(field)) for field in ("x1", "y1")]
        if self.get("box_width") or self.get("box_height"):
            sides = [number(self.get(field)) for field in ("box_width", "box_height")]
            pairs = zip(values, sides, strict=True)
            values += [None if at is None or side is None else at + side for at, side in pairs]
        else:
            values += [number(self.get(field)) for field in ("x2", "y2")]
        corners = [value for value in values if value is not None]
        if len(corners) != 4:
            return None, _UNREADABLE
        if max(corners) > 1:
            if size is None:
                return None, "is in pixels of an image of unknown size"
            corners = [value / side for value, side in zip(corners, (*size, *size), strict=True)]
        # A pixel beyond the edge is a matter of rounding; more, and the image is not the one it was drawn on.
        if max(corners) > 1.01:
            return None, "has a box beyond the image: give image_width and image_height of the original"
        if min(corners) < -0.01:
            return None, "has a box with a corner below 0: cut it at the edge of the image"
        x1, y1, x2, y2 = (min(1.0, max(0.0, value)) for value in corners)
        return ((x1, y1, x2, y2), "") if x1 < x2 and y1 < y2 else (None, _UNREADABLE)

    def _one_of(self, field: str, known: Mapping[str, _T], problems: Problems) -> _T | None:
        text = self.get(field).lower()
        if text and text not in known:
            self._note(f"{field}: {text[:40]}", f"is none of {', '.join(known)}", problems)
        return known.get(text)

    def _note(self, what: str, problem: str, problems: Problems) -> None:
        problems.add(DataError(f"{self.thing}, {what}", problem, "it is left unknown"))


def agreed(rows: Sequence[Row], problems: Problems) -> dict[Finding, Presence]:
    """What rows of one study say of findings; what is affirmed and denied is noted and left unknown, what one
    row doubts is doubted.
    """
    first: dict[tuple[Finding, Presence], Row] = {}
    for row in rows:
        for said in row.said(problems):
            first.setdefault(said, row)
    labels: dict[Finding, Presence] = {}
    for (finding, presence), row in first.items():
        denier = first.get((finding, Presence.ABSENT))
        affirmed = (finding, Presence.PRESENT) in first
        if not (denier and affirmed):
            labels[finding] = Presence.UNCERTAIN if (finding, Presence.UNCERTAIN) in first else presence
        elif presence is Presence.PRESENT:
            where = row.thing if denier is row else f"{row.thing} (there), {denier.thing} (not there)"
            error = DataError(f"{where}, {finding.value}", CONTRADICTION, "it is left unknown")
            problems.add(error)
    return labels


def _text(value: Any) -> str:
    if missing(value) or not isinstance(value, str | int | float):
        return ""
    return str(int(value) if isinstance(value, bool) else value).strip()


def _labels_in(word: str) -> list[str]:
    """A label, or those that slashes part: "Nodule/Mass" is one, "Pneumonia/Viral/COVID-19" three."""
    parts = [part.strip() for part in word.split("/")]
    known = squash(word) in FINDINGS or all(squash(part) not in FINDINGS for part in parts)
    return [word] if known else parts


def _region(item: Any, view: int) -> Region | None:
    """A box of the JSON list with its phrase, or None when it is not one."""
    if not isinstance(item, dict) or not isinstance(item.get("box"), list):
        return None
    values = [v for corner in item["box"] if (v := number(str(corner))) is not None and 0 <= v <= 1]
    named = {key: str(item.get(key) or "").strip() for key in ("finding", "side", "phrase")}
    finding, side = FINDINGS.get(squash(named["finding"])), _SIDES.get(named["side"].lower())
    unknown = (named["finding"] and not finding) or (named["side"] and not side)
    phrase = named["phrase"] or (finding.value.lower() if finding else "")
    if unknown or not phrase or len(item["box"]) != 4 or len(values) != 4:
        return None
    x1, y1, x2, y2 = values
    return Region((x1, y1, x2, y2), phrase, finding, side, view) if x1 < x2 and y1 < y2 else None
