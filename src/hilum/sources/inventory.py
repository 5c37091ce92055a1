r"""The files of a folder: its images, and the one that a table means by a name.

inventory = Inventory(Path("films"))
inventory.find("C:\\\\export\\\\films\\\\a.png")        # Path("films/a.png")
"""

from __future__ import annotations

import os
import unicodedata
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

from hilum.errors import DataError
from hilum.sources.base import file_in

SUFFIXES = frozenset({".dcm", ".dicom", ".dic", ".png", ".jpg", ".jpeg"})
_NEVER = frozenset(
    {".csv", ".tsv", ".xlsx", ".jsonl", ".parquet", ".json", ".txt", ".md", ".html", ".pdf", ".py"}
)
"""Suffixes of files that are not opened to see whether they are DICOM."""


_ORIENTATION = 0x0112


def files_of(folder: Path) -> Iterator[Path]:
    """All files but hidden ones, in the order of their names; linked folders too, each folder once."""
    seen: set[tuple[int, int]] = set()
    for at, folders, names in os.walk(folder, followlinks=True):
        status = os.stat(at)  # noqa: PTH116
        if (status.st_dev, status.st_ino) in seen:  # a link to a folder above would never end
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and (path := Path(at, name)).is_file():
                yield path


def is_image(path: Path) -> bool:
    """Whether a file is one by its suffix, or a DICOM file by its first bytes."""
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return True
    if suffix in _NEVER or path.name.upper() == "DICOMDIR":
        return False
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def image_size(path: Path) -> tuple[int, int] | None:
    """Width and height in pixels, as the image's header says them; None when it does not."""
    import pydicom  # by the first image: text and labels alone need none
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if path.suffix.lower() in (".png", ".jpg", ".jpeg"):
                with Image.open(path, formats=("PNG", "JPEG")) as image:
                    turned = image.getexif().get(_ORIENTATION, 1) >= 5
                    return (image.height, image.width) if turned else image.size
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["Rows", "Columns"])
            return int(header.Columns), int(header.Rows)
    except Exception:  # whoever loads the pixels is told what is wrong
        return None


class Inventory:
    """Finds images by the names that tables give them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, name: str) -> Path:
        """The image of a name: its path within the folder, the end of a longer one, or a bare name or id.

        Raises:
            DataError: there is none, or there are several.
        """
        for spelt in dict.fromkeys((name, name.replace("\\", "/"))):
            if path := file_in(self._folder, spelt):
                return path
        found = self._like(name.replace("\\", "/"))
        if not found:
            raise DataError(name, "is not in the folder", "the row is left out")
        if len(found) > 1:
            several = ", ".join(sorted(found)[:3])
            raise DataError(
                name, f"may be one of several files ({several})", "write its path within the folder"
            )
        return self._folder / found[0]

    def holds(self, name: str) -> bool:
        """Whether an image is found by that name."""
        try:
            return self.find(name).is_file()
        except DataError:
            return False

    def _like(self, name: str) -> list[str]:
        """Images whose path ends as the name does, or that lie where the end of the name says."""
        parts = PurePosixPath(_key(name)).parts
        if not parts or ".." in parts:
            return []
        found = self._by_name.get(parts[-1]) or self._by_stem.get(parts[-1], [])
        return [path for path in found if self._same(parts, PurePosixPath(_key(path)).parts)]

    def _same(self, named: Sequence[str], lies: Sequence[str]) -> bool:
        """Whether the shorter path is the end of the longer, but for the suffix of the file.

        Of a relative name like "test/1.png" the file "1.png" may be another than is meant, unless the folder
        itself is called test.
        """
        short = min(len(named), len(lies))
        if named[-short:-1] != lies[-short:-1]:
            return False
        above = named[:-short]
        absolute = named[0] == "/" or ":" in named[0]
        return not above or absolute or short > 1 or above[-1] == _key(self._folder.resolve().name)

    @cached_property
    def images(self) -> list[str]:
        """The paths of all images within the folder, sorted."""
        return sorted(p.relative_to(self._folder).as_posix() for p in files_of(self._folder) if is_image(p))

    @cached_property
    def others(self) -> Counter[str]:
        """What else lies there, counted by suffix."""
        paths = (path for path in files_of(self._folder) if not is_image(path))
        return Counter(path.suffix.lower() or "no suffix" for path in paths)

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        names = defaultdict(list)
        for path in self.images:
            names[_key(path.rpartition("/")[2])].append(path)
        return dict(names)

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        stems = defaultdict(list)
        for path in self.images:
            if (suffix := PurePosixPath(path).suffix).lower() in SUFFIXES:
                stems[_key(path.rpartition("/")[2].removesuffix(suffix))].append(path)
        return dict(stems)


def _key(name: str) -> str:
    """A name in one spelling: disks differ in case and in how an accent is written."""
    return unicodedata.normalize("NFC", name).casefold()
