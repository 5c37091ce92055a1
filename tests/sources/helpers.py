"""Tiny made-up folders in the layouts of the public datasets."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt
from PIL import Image

from hilum.files import Problems
from hilum.sources import SourceSpec, open_source
from hilum.study import Study


def picture(path: Path, width: int = 8, height: int = 8, name: str = "") -> Path:
    """A picture unlike any of another name; by default the file's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(list((name or path.name).encode()))
    Image.fromarray(noise.integers(0, 255, (height, width), np.uint8)).save(path)
    return path


def table(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns or list(dict.fromkeys(key for row in rows for key in row)))
        writer.writeheader()
        writer.writerows(rows)
    return path


def lines(path: Path, rows: Sequence[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(name: str, folder: Path | None, **options: Any) -> tuple[list[Study], Problems]:
    """All studies of a source, and what was skipped."""
    problems = Problems()
    return list(open_source(SourceSpec(name, folder), problems, **options)), problems


def said(problems: Problems) -> list[str]:
    return [str(problem) for problem in problems.kept]


def run_lengths(mask: npt.NDArray[np.bool_]) -> str:
    """A mask (height, width) down its columns: starts, each counted from the end before, and lengths."""
    edges = np.flatnonzero(np.diff(mask.T.ravel(), prepend=False, append=False))
    return " ".join(map(str, np.diff(edges, prepend=0)))


def workbook(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """An Excel file: numbers as numbers, None as an empty cell, all else as text."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [columns, *([row.get(column) for column in columns] for row in rows)]
    body = "".join(f"<row>{''.join(map(_excel_cell, line))}</row>" for line in lines)
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    package = "http://schemas.openxmlformats.org/package/2006"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    link = '<Relationships xmlns="{}/relationships"><Relationship Id="r1" Type="{}/{}" Target="{}"/>'
    link += "</Relationships>"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/sheet1.xml" ContentType="{kind}.worksheet+xml"/></Types>',
        "_rels/.rels": link.format(package, office, "officeDocument", "xl/workbook.xml"),
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}">'
        '<sheets><sheet name="Sheet1" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": link.format(package, office, "worksheet", "sheet1.xml"),
        "xl/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>',
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as file:
        for name, text in parts.items():
            file.writestr(name, text)
    return path


def _excel_cell(value: Any) -> str:
    if value is None:
        return "<c/>"
    if isinstance(value, int | float):
        return f"<c><v>{value}</v></c>"
    return f'<c t="inlineStr"><is><t>{escape(str(value))}</t></is></c>'
