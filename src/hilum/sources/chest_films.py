"""Which images of a mixed collection are chest radiographs: the one rule of all readers of such collections.

is_chest_film("ROCO_00042.jpg", None, "PA chest radiograph of a smoker")                  # True
is_chest_film("a/1.jpg", chest_list(Path("pmc-vqa")), "")                        # as listed

CheXinstruct's own lists (`list_chest_xray.txt`) are private. A file of that name in a source's folder is
obeyed: one image a line, with or without its folders and suffix; it alone decides then. Without it the words
decide that the dataset says of the image. They err towards leaving out: they choose 843 of the 16,359
captions of ROCO's validation and test sets; of 110 of them that were read, one was of anything else (a pig,
whose kind is since excluded).
"""

from __future__ import annotations

import re
from collections.abc import Set
from pathlib import Path

from hilum.errors import DataError
from hilum.sources.base import text_lines

LIST = "list_chest_xray.txt"

_FILM = (
    r"(?:x[\s-]?rays?|xr|radiogra(?:ph|m)s?|radiography|roentgeno?gra(?:ph|m)s?|plain films?|films?"
    r"|skiagrams?)"
)
_CHEST = (
    r"(?:chest|thorax|lungs?"
    r"|thoracic(?! (?:spin|vert|level|curv|kypho|scolio|segment|disc|region of the sp)))"
)
_BETWEEN = r"\W+(?:[\w-]+\W+){0,3}?"
_CHEST_FILM = re.compile(rf"\b(?:{_CHEST}{_BETWEEN}{_FILM}|{_FILM}{_BETWEEN}{_CHEST}|cxrs?)\b", re.IGNORECASE)
"""Both words, at most three others between them: "radiograph of the chest", "chest PA x-ray"."""

_OTHER = re.compile(
    r"\b(?:CT|CTA|HRCT|CECT|NCCT|MDCT|CBCT|MR|MRI|MRA|PET|SPECT|DSA|US|TTE|TEE|ECG|EKG)\b"
    r"|\b(?i:ct|mri|pet)\b|(?i:tomogra|magnetic|ultraso|sonogra|echocardio|scintigra|angiogra|fluorosc|mammogra"
    r"|microsc|histolog|barium|esophagogra|venogra|endoscop|graphical abstract)"
    r"|\b(?i:dogs?|cats?|canine|feline|horses?|equine|rats?|mice|mouse|rabbits?|porcine|piglets?|monkeys?|cal(?:f|ves))\b"
)
"""Other modalities, compound figures that show one beside a film, and animals."""


def chest_list(folder: Path) -> frozenset[str] | None:
    """The images that the folder's own list names; None where it has none.

    Raises:
        DataError: the list names no image.
    """
    if not (folder / LIST).is_file():
        return None
    names = [line.strip() for line in text_lines(folder / LIST)]
    listed = frozenset(tail for name in names if name for tail in _tails(name))
    if not listed:
        raise DataError(folder / LIST, "names no image", "write one a line, or delete the file")
    return listed


def _tails(name: str) -> list[str]:
    """Without the suffix, the name within every folder it lies in: "imgs/7/a.jpg" is also "7/a" and "a"."""
    parts = _key(name).split("/")
    return ["/".join(parts[start:]) for start in range(len(parts))]


def _key(name: str) -> str:
    return re.sub(r"\.(?:jpe?g|png)$", "", name.replace("\\", "/"), flags=re.IGNORECASE).removeprefix("./")


def is_chest_film(
    image: str, listed: Set[str] | None, said: str = "", *, modality: str = "", region: str = ""
) -> bool:
    """Whether an image is a chest radiograph, by the list where there is one, else by what is said of it.

    Args:
        image: its name in its dataset.
        listed: see `chest_list`.
        said: a text about it (a caption, a question with its answer), which must name a chest film in one
            phrase, and no other modality.
        modality: what the dataset states in a field of its own ("X-Ray"), and no other there.
        region: the same of the part of the body ("Lung").
    """
    if listed is not None:
        return _key(image) in listed
    for text, chest in ((said, _CHEST_FILM.search(said)), (modality, _stated(modality, region))):
        if chest and not _OTHER.search(text):
            return True
    return False


def _stated(modality: str, region: str) -> bool:
    film = re.search(rf"\b{_FILM}\b", modality, re.IGNORECASE)
    return film is not None and re.search(rf"\b{_CHEST}\b", region, re.IGNORECASE) is not None
