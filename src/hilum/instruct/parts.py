"""Part files: what ingest made of a chunk of studies, under a key of all that it was made from.

ingested = ingest_part(chunk, folder=Path("shards.parts"), size=512, code=code_version())
read_table(folder / ingested.part.key, "studies")

A part is a folder `KEY/` that a worker writes, whole or not at all: up to four Arrow files, `studies`,
`owners`, `images` and `signatures`, and `manifest.json`, which says what became of the chunk, and size and
CRC-32 of each file. A part that is there under a chunk's key, and is undamaged, is used as it is: so a build
that was killed goes on, and one whose sources have grown or changed reads only what is new.
"""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import re
import uuid
import zlib
from collections import Counter
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa

from hilum.errors import DataError, UsageError
from hilum.files import MARK, Problems, atomic_folder, is_marked, remove_folder, sweep, write_json
from hilum.instruct.copies import SIGNATURES, signature_batch
from hilum.instruct.ingest import IngestResult, StudyChunk, ingest
from hilum.instruct.label_state import Tally
from hilum.instruct.records import STUDIES
from hilum.instruct.rows import IMAGES
from hilum.instruct.splits import OWNERS, owners_batch
from hilum.study import Finding, Study, View

SCHEMAS = {"studies": STUDIES, "owners": OWNERS, "images": IMAGES, "signatures": SIGNATURES}

_MANIFEST = "manifest.json"
_ABOUT = "parts.json"
_KEY = re.compile(r"[0-9a-f]{32}")
_ROOMS = ("images", "instruct", "phantom", "prompts", "reports", "study")
"""Rooms whose code a part is made by."""
_LIBRARIES = (
    "numba",
    "numpy",
    "pillow",
    "pyarrow",
    "pydicom",
    "pylibjpeg",
    "python-gdcm",
    "scikit-image",
    "scipy",
)
"""Libraries that decode, scale, draw or write."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part by its key, and how many rows it holds."""

    key: str
    studies: int
    images: int


@dataclass(frozen=True)
class IngestedPart:
    """What a worker says of a chunk; the rest lies in the part's files.

    Args:
        read: how many studies the chunk held, those left out included.
        tally: what is known of which findings.
    """

    part: Part
    read: int
    tally: Tally
    problems: Problems


def ingest_part(chunk: StudyChunk, *, folder: Path, size: int, code: str) -> IngestedPart:
    """Find the part of a chunk, or make it.

    Args:
        folder: where the parts lie.
        code: see `code_version`.

    Raises:
        UsageError: something that Hilum did not write stands in the part's place.
    """
    key = part_key(chunk, size, code)
    return _read_manifest(folder / key) or _write(folder / key, ingest(chunk, size))


def part_key(chunk: StudyChunk, size: int, code: str) -> str:
    """32 hex digits of a chunk's studies, of path, size and time of their files, and of the settings.

    A view without a file is told by how it is loaded. Studies that cannot be told (loaded by a function that
    has no name) get a key that nothing is ever found by.
    """
    # A study of the phantom is the same whatever the length of the cohort.
    drawn = chunk.cohort and (chunk.cohort.seed, chunk.cohort.config, chunk.range)
    files = [_status(view) for study in chunk.studies for view in _views(study)]
    text = io.BytesIO()
    pickler = pickle.Pickler(text, protocol=5)
    pickler.fast = True  # without references, which tell equal objects from the same one
    try:
        pickler.dump((tuple(chunk.studies), drawn, size, files, code))
    except (pickle.PicklingError, TypeError, AttributeError):
        return uuid.uuid4().hex
    return hashlib.sha256(text.getbuffer()).hexdigest()[:32]


def _views(study: Study) -> Iterator[View]:
    yield from study.views
    yield from study.prior.views if study.prior else ()


def _status(view: View) -> tuple[int, int] | None:
    """Size and time of the file; None where there is none, which may be a problem of its own."""
    try:
        status = Path(view.path).stat() if view.path is not None else None
    except (OSError, ValueError):
        return None
    return status and (status.st_size, status.st_mtime_ns)


@cache
def code_version() -> str:
    """A hash of the code that parts are made by, and of the versions of the libraries it uses."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256(json.dumps([version(name) for name in _LIBRARIES]).encode())
    for path in sorted(path for room in _ROOMS for path in (root / room).rglob("*")):
        if path.suffix in (".py", ".toml"):
            digest.update(f"\0{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def read_table(part: Path, name: str) -> pa.RecordBatch:
    """One of a part's tables, see `SCHEMAS`.

    Raises:
        DataError: it was damaged since the build began.
    """
    path = part / f"{name}.arrow"
    if not path.exists():  # a table without rows
        return pa.RecordBatch.from_pylist([], SCHEMAS[name])
    try:
        with pa.OSFile(str(path)) as file, pa.ipc.open_file(file) as reader:
            return reader.get_batch(0)
    except (OSError, pa.ArrowException) as error:
        raise DataError(path, "is damaged", "build again; it is made anew") from error


def _write(path: Path, result: IngestResult) -> IngestedPart:
    tables = {
        "studies": result.studies,
        "owners": owners_batch(result.owners),
        "images": result.images,
        "signatures": signature_batch(result.signatures),
    }
    part = Part(path.name, result.studies.num_rows, result.images.num_rows)
    with atomic_folder(path, names_only=True, wait=True) as folder:
        files = {}
        for name, batch in tables.items():
            if batch.num_rows:
                data = _packed(batch, None if name == "images" else "lz4")  # pictures are packed already
                (folder / f"{name}.arrow").write_bytes(data)
                files[name] = [data.size, zlib.crc32(data)]
        content = _to_json(IngestedPart(part, result.read, result.tally, result.problems), files)
        text = json.dumps(content)
        (folder / _MANIFEST).write_text(json.dumps({"crc32": zlib.crc32(text.encode()), "content": text}))
    return IngestedPart(part, result.read, result.tally, result.problems)


def _packed(batch: pa.RecordBatch, compression: str | None) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_file(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


def _read_manifest(path: Path) -> IngestedPart | None:
    """What became of the chunk; None when the part is not there or is damaged."""
    try:
        document = json.loads((path / _MANIFEST).read_text(encoding="utf-8"))
        if document["crc32"] != zlib.crc32(document["content"].encode()):
            return None
        content = json.loads(document["content"])
        for name, written in content["files"].items():
            data = (path / f"{name}.arrow").read_bytes()
            if [len(data), zlib.crc32(data)] != written:
                return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return _of_json(path.name, content)


def _to_json(ingested: IngestedPart, files: dict[str, list[int]]) -> dict[str, Any]:
    problems = ingested.problems
    return {
        "files": files,
        "studies": ingested.part.studies,
        "images": ingested.part.images,
        "read": ingested.read,
        "tally": [[finding.value, how, count] for (finding, how), count in ingested.tally.items()],
        "problems": [[error.thing, error.problem, error.remedy] for error in problems.kept],
        "kinds": problems.counts,
    }


def _of_json(key: str, content: dict[str, Any]) -> IngestedPart:
    return IngestedPart(
        Part(key, content["studies"], content["images"]),
        content["read"],
        Counter({(Finding(finding), how): count for finding, how, count in content["tally"]}),
        Problems(kept=[DataError(*words) for words in content["problems"]], counts=Counter(content["kinds"])),
    )


@contextmanager
def opened_folder(folder: Path, *, shared: bool) -> Iterator[None]:
    """A folder for parts, see `open_folder`, while a build goes on.

    Left without any, it goes, unless it is shared: another build may be about to write its first part there.
    """
    open_folder(folder)
    try:
        yield
    finally:
        if folder.is_dir():
            sweep(folder)
            if not shared:
                _remove_empty(folder)


def open_folder(folder: Path) -> None:
    """Make a folder for parts, or take one that is such a folder.

    Raises:
        UsageError: it holds something else.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(folder, "is a file", "name a folder for the parts")
    about = folder / _ABOUT
    if about.is_file() and is_marked(about):
        return
    others = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    others = [name for name in others if name != f".{_ABOUT}.hilum"]  # of a build killed at this very place
    if others:
        problem = f"holds {others[0]}, and no {_ABOUT} says that it is a folder of parts"
        raise UsageError(folder, problem, "name a new folder for the parts")
    folder.mkdir(parents=True, exist_ok=True)
    about_parts = "part files of hilum build, which may be deleted; without them a build starts over"
    write_json(about, {"mark": MARK, "about": about_parts})


def remove_parts(folder: Path, keep: Container[str] = ()) -> None:
    """Delete the parts that are not to be kept, and the folder when nothing is left; nothing else in it."""
    if not folder.is_dir():
        return
    sweep(folder)
    parts = [path for path in folder.iterdir() if _KEY.fullmatch(path.name) and path.is_dir()]
    for path in parts:
        if path.name not in keep and (path / _MANIFEST).is_file():
            remove_folder(path, names_only=True)
    _remove_empty(folder)


def _remove_empty(folder: Path) -> None:
    about = folder / _ABOUT
    if about.is_file() and is_marked(about) and [path.name for path in folder.iterdir()] == [_ABOUT]:
        about.unlink()
        folder.rmdir()
