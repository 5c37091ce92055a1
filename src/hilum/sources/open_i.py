"""Open-i (Indiana University): reports with hand-coded terms, and their images where they were downloaded.

hilum build --source open-i=FOLDER --out DIR

Access: open. Licence: CC BY-NC-ND 4.0. Cite: Demner-Fushman et al., JAMIA 2016.

The folder holds `NLMCXR_reports.tgz` as published, or its XML files unpacked, and, for the images,
`NLMCXR_png.tgz` unpacked: PNG files named by image id, in any subfolder. Without images every study has
its report and no view. The collection has one visit of each patient.
"""

from __future__ import annotations

import re
import tarfile
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Iterator
from pathlib import Path

from hilum.errors import DataError
from hilum.images import view_of
from hilum.sources.base import Request, Seen, Source
from hilum.sources.mesh import MAPPED, NORMAL, NOT_INDEXED, facts_of
from hilum.study import Finding, Presence, Report, Study, View

ARCHIVE = "NLMCXR_reports.tgz"
MAX_BYTES = 1 << 20
"""Of one XML file; the longest that is published has 20 KiB."""

UNSATISFACTORY = "Technical Quality of Image Unsatisfactory"
"""A term about the film; alone it says nothing about the chest."""

_SECTIONS = {
    "INDICATION": "indication",
    "COMPARISON": "comparison",
    "FINDINGS": "findings",
    "IMPRESSION": "impression",
}


def read(request: Request) -> Iterator[Study]:
    """One study per report, in the order of the archive, or of the numbers in the file names."""
    images = images_below(request.folder)
    seen = Seen(request.problems)
    for name, data in _documents(request):
        try:
            study = parse(name, data, images, request)
        except DataError as error:
            request.problems.add(error)
            continue
        if not seen.again(study.id):
            yield study


def _documents(request: Request) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every XML file."""
    place = request.folder
    archive = place if place.is_file() else place / ARCHIVE
    if archive.is_file():
        yield from _from_archive(archive, request)
        return
    files = sorted(place.rglob("*.xml"), key=_numeric)
    if not files:
        raise DataError(archive, "is missing, and there are no XML files", f"download {ARCHIVE} from Open-i")
    for path in files:
        try:
            if _not_too_long(path.name, path.stat().st_size, request):
                yield path.name, path.read_bytes()
        except OSError as error:
            request.problems.add(DataError(path.name, f"cannot be read ({error.strerror})", "it is left out"))


def _from_archive(archive: Path, request: Request) -> Iterator[tuple[str, bytes]]:
    try:
        # Not as a pipe ("r|*"): that mode takes a compressed file that breaks off for a whole one.
        with tarfile.open(archive, "r:*") as tar:
            for member in tar:
                if not member.isfile() or not member.name.endswith(".xml"):
                    continue
                file = tar.extractfile(member)
                if file and _not_too_long(member.name, member.size, request):
                    yield member.name, file.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise DataError(archive, f"cannot be unpacked ({error})", "download it again") from error


def _not_too_long(name: str, size: int, request: Request) -> bool:
    if size <= MAX_BYTES:
        return True
    remedy = f"it is left out with its {size:,} bytes"
    request.problems.add(DataError(name, "is larger than any report", remedy))
    return False


def _numeric(path: Path) -> tuple[int, str]:
    digits = re.search(r"\d+", path.stem)
    return (int(digits.group()) if digits else 0, str(path))


def images_below(place: Path) -> dict[str, Path]:
    """Image id → file, in any folder; none where the place is the archive of the reports."""
    if place.is_file():
        return {}
    return {path.stem: path for path in sorted(place.rglob("*.png"))}


def parse(name: str, data: bytes, images: dict[str, Path], request: Request) -> Study:
    """One XML file as a study.

    Args:
        name: the file's name, for errors.
        images: image id → file; empty when there are no images at all, and then none is missed.

    Raises:
        DataError: it is not such a document.
    """
    root = _safe_xml(name, data)
    uid = root.find("uId")
    identifier = uid.get("id", "").strip() if uid is not None else ""
    if not identifier:
        raise DataError(name, "has no uId, so it is no Open-i report", "it is left out")
    terms = [" ".join((term.text or "").split()) for term in root.iter("major")]
    facts = facts_of(terms)
    return Study(
        id=f"open-i/{identifier}",
        patient=f"open-i/{identifier}",
        source="open-i",
        views=tuple(_views(root, images, request)),
        report=_report(root),
        labels=_labels(terms, {fact.finding for fact in facts}),
        facts=facts,
    )


def _safe_xml(name: str, data: bytes) -> ET.Element:
    """The document's root. A document type is refused: only there can entities be defined that explode."""
    try:
        text = data.decode("utf-8-sig")
        if "<!DOCTYPE" in text:
            raise DataError(name, "declares a document type, which no report does", "it is left out")
        return ET.fromstring(text)
    except (ET.ParseError, ValueError) as error:
        remedy = f"it is left out ({error}): download it again"
        raise DataError(name, "is not readable XML", remedy) from error


def _report(root: ET.Element) -> Report | None:
    """The four sections; None when neither findings nor impression were written."""
    parts = {
        _SECTIONS[label]: " ".join("".join(element.itertext()).split())
        for element in root.iter("AbstractText")
        if (label := element.get("Label", "").upper()) in _SECTIONS
    }
    report = Report(**parts)
    return report if report.text else None


def _labels(terms: list[str], found: set[Finding]) -> dict[Finding, Presence]:
    """What the coders coded is there. Only "normal" says that the rest is absent."""
    if NOT_INDEXED in terms or all(term.startswith(UNSATISFACTORY) for term in terms):
        return {}
    if terms == [NORMAL]:
        return {Finding.NO_FINDING: Presence.PRESENT, **dict.fromkeys(MAPPED, Presence.ABSENT)}
    there = dict.fromkeys((f for f in MAPPED if f in found), Presence.PRESENT)
    return {Finding.NO_FINDING: Presence.ABSENT, **there}


def _views(root: ET.Element, images: dict[str, Path], request: Request) -> Iterator[View]:
    for element in root.iter("parentImage"):
        identifier = element.get("id", "")
        if identifier in images:
            yield view_of(images[identifier], id=f"{identifier}.png")
        elif images:
            request.problems.add(
                DataError(identifier, "has a report but no image file", "download its archive")
            )


SOURCE = Source(
    name="open-i",
    summary="3,955 reports with hand-coded findings; 7,470 frontal and lateral films",
    files="NLMCXR_reports.tgz or its XML files; NLMCXR_png.tgz unpacked (optional)",
    terms="CC BY-NC-ND 4.0",
    citation="Demner-Fushman et al., JAMIA 2016",
    read=read,
    access="open",
)
