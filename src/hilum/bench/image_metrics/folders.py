"""Two folders of pictures compared.

found = compare_folders("real", "drawn", pretrained_encoder("microsoft/rad-dino"), training="train")
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hilum.bench.image_metrics.encoders import Encoder, pictures_of
from hilum.bench.image_metrics.sets import K, Pictures, SetScores, compare_sets
from hilum.errors import DataError
from hilum.images import read_image
from hilum.study import Pixels

_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".dcm", ".dicom"})


def compare_folders(
    real: str | Path,
    drawn: str | Path,
    encoder: Encoder,
    *,
    training: str | Path | None = None,
    k: int = K,
    seed: int = 0,
) -> SetScores:
    """Compare the pictures in two folders and below; each file counts as a patient of its own.

    Args:
        real: films that the drawing model was not trained on.
        training: films it was trained on, to tell memorisation by.

    Raises:
        DataError: a folder holds no pictures, or one cannot be read.
        UsageError: a folder holds no more than k pictures.
    """
    sides = [_pictures(Path(folder), encoder) for folder in (real, drawn)]
    known = None if training is None else _pictures(Path(training), encoder)
    return compare_sets(*sides, encoder=encoder.name, training=known, k=k, seed=seed)


def _pictures(folder: Path, encoder: Encoder) -> Pictures:
    files = _files(folder)
    return pictures_of(_pixels(files), [str(path) for path in files], encoder)


def _pixels(files: list[Path]) -> Iterator[Pixels]:
    for path in files:
        yield read_image(path).pixels


def _files(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _ENDINGS)
    if not found:
        raise DataError(folder, "holds no pictures", "name a folder of PNG, JPEG or DICOM files")
    return found
