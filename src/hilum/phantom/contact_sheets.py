"""Sheets to look the phantom over by: a cohort's first studies, every finding with its box, and the grades.

    python -m hilum.phantom.contact_sheets --out docs/images

writes `phantom.png` (24 studies with what their reports state), `findings.png` (normal views, then each
finding alone with its boxes) and `grades.png` (mild, moderate and severe of what is graded).
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from hilum.files import atomic_path, require_ours
from hilum.images.png import marked
from hilum.phantom import truth
from hilum.phantom.cohort import cohort
from hilum.phantom.config import DRAWABLE, PhantomConfig, only
from hilum.phantom.course import GRADED, Visit, admit
from hilum.phantom.write import STATEMENT
from hilum.reports import phrase
from hilum.study import DEVICES, Box, Finding, Pixels, Position, Presence, Study

GREYS = 56
"""Grey levels of a sheet: few enough that quantum noise still compresses."""
PAPER, INK, FRAME = (255, 255, 255), (20, 20, 20), (255, 190, 0)
BEDSIDE = (Finding.ENDOTRACHEAL_TUBE, Finding.NASOGASTRIC_TUBE, Finding.EDEMA)
"""Findings shown in an AP picture on the sheet of findings, as they usually are."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture of a sheet, its caption and the boxes drawn on it."""

    pixels: Pixels
    caption: str
    boxes: tuple[Box, ...] = ()


def visit_with(finding: Finding | None, *, seed: int = 0, portable: bool = False, patient: int = 0) -> Visit:
    """A visit with this finding and no other, at its middle grade; None gives a normal one."""
    config = PhantomConfig(
        prevalence=only(finding) if finding else only(),
        portable=float(portable),
        lateral=1.0,
        followup=0.0,
    )
    visit = admit(seed, patient, 1, config)[0]
    return replace(visit, signs=tuple(replace(sign, grade=0.6) for sign in visit.signs))


def tile(visit: Visit, position: Position, size: int, caption: str, *, boxes: bool = True) -> Tile:
    """A rendered view with the boxes of what it shows."""
    config = PhantomConfig(size=size)
    seen = truth.look(truth.shadow(visit, position, size), visit, 0) if boxes else []
    return Tile(truth.render(visit, position, config), caption, tuple(one.box for one in seen))


def contact_sheet(size: int = 224, *, seed: int = 0) -> Image.Image:
    """The first 24 studies of a cohort, each with the facts that its report states."""
    studies = cohort(24, seed=seed, config=PhantomConfig(size=size))
    tiles = [
        Tile(study.views[0].load(), f"{study.views[0].position.value}: {stated(study)}") for study in studies
    ]
    return arrange(tiles, 6, lines=3)


def stated(study: Study) -> str:
    """A study's facts in a few words, its devices last."""
    facts = [f for f in study.facts if f.presence is not Presence.ABSENT]
    facts.sort(key=lambda f: f.finding in DEVICES)
    words = [
        phrase(f, None)
        + ("?" if f.presence is Presence.UNCERTAIN else "")
        + (f", {f.change}" if f.change else "")
        for f in facts
    ]
    return "; ".join(words) or "normal"


def finding_sheet(size: int = 224, *, seed: int = 0) -> Image.Image:
    """Normal views, then one study of each finding with its boxes and no other finding."""
    normal, lying = visit_with(None, seed=seed), visit_with(None, seed=seed, portable=True, patient=1)
    tiles = [
        tile(normal, Position.PA, size, "normal, PA"),
        tile(normal, Position.LATERAL, size, "the same, lateral"),
        tile(lying, Position.AP, size, "normal, AP"),
    ]
    for k, finding in enumerate(DRAWABLE):
        portable = finding in BEDSIDE
        visit = visit_with(finding, seed=seed, portable=portable, patient=k + 2)
        tiles.append(tile(visit, truth.positions(visit)[0], size, words_of(visit)))
    return arrange(tiles, 5)


def grade_sheet(size: int = 192, *, seed: int = 0) -> Image.Image:
    """Mild, moderate and severe of every graded finding in one patient each."""
    tiles = []
    for k, finding in enumerate(f for f in DRAWABLE if f in GRADED):
        visit = visit_with(finding, seed=seed, patient=k + 80)
        for grade in (1 / 6, 1 / 2, 5 / 6):
            graded = replace(visit, signs=tuple(replace(sign, grade=grade) for sign in visit.signs))
            caption = f"{graded.signs[0].severity.value} {finding.value.lower()}"
            tiles.append(tile(graded, Position.PA, size, caption, boxes=False))
    return arrange(tiles, 6)


def words_of(visit: Visit) -> str:
    """A caption: the finding with its side and site."""
    sign = visit.signs[0]
    words = [sign.finding.value, *(w.value for w in (sign.side, sign.site) if w is not None)]
    return ", ".join(words).lower()


def arrange(tiles: Sequence[Tile], columns: int, *, lines: int = 1) -> Image.Image:
    """The tiles in rows of `columns`, each above its caption of up to `lines` lines."""
    size = tiles[0].pixels.shape[0]
    rows = -(-len(tiles) // columns)
    below = 4 + 12 * lines
    sheet = Image.new("RGB", (columns * (size + 4), rows * (size + below + 2)), PAPER)
    draw = ImageDraw.Draw(sheet)
    for k, item in enumerate(tiles):
        left, top = (k % columns) * (size + 4) + 2, (k // columns) * (size + below + 2)
        levels = np.round(item.pixels * (GREYS - 1)) * (255 / (GREYS - 1))
        sheet.paste(Image.fromarray(levels.astype(np.uint8)), (left, top))
        for x1, y1, x2, y2 in item.boxes:
            corners = (left + x1 * size, top + y1 * size, left + x2 * size - 1, top + y2 * size - 1)
            draw.rectangle(corners, outline=FRAME)
        words = textwrap.wrap(item.caption, int(size / 5.4), max_lines=lines, placeholder=" …")
        draw.multiline_text((left + 2, top + size + 1), "\n".join(words), fill=INK, spacing=1, font_size=10)
    return sheet


def save(sheet: Image.Image, path: Path) -> None:
    """Write a sheet as a PNG of few colours, which says that it is synthetic."""
    text = marked()
    text.add_text("Description", STATEMENT)
    few = sheet.quantize(GREYS + 16, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    with atomic_path(path) as tmp:
        few.save(tmp, format="PNG", optimize=True, pnginfo=text)


def write_sheets(out: Path, *, seed: int = 0) -> list[Path]:
    """Write the three sheets into the folder `out`; their paths.

    Raises:
        UsageError: a file of that name stands there that Hilum did not write.
    """
    makers = {"phantom.png": contact_sheet, "findings.png": finding_sheet, "grades.png": grade_sheet}
    for name in makers:
        require_ours(out / name)
    for name, make in makers.items():
        save(make(seed=seed), out / name)
    return [out / name for name in makers]


def main(words: Sequence[str] | None = None) -> None:
    """Read the command line and write the sheets."""
    parser = argparse.ArgumentParser(prog="python -m hilum.phantom.contact_sheets", description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(words)
    write_sheets(options.out, seed=options.seed)


if __name__ == "__main__":
    main()
