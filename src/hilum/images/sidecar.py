"""A PNG of a film's stored values with the DICOM header beside it as JSON, as BIMCV publishes films.

pixels = load_with_header("sub-S1_ses-E1_run-1_bp-chest_vp-pa_dx.png", "…_dx.json")

Such a PNG holds the values as the detector stored them: whether they are inverted and which window shows them
stands in the header alone.
"""

from __future__ import annotations

import json
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset

from hilum.errors import DataError, NoChestRadiograph
from hilum.images import header
from hilum.images.grey import to_grey
from hilum.images.radiograph import check_size
from hilum.images.turn import turned
from hilum.study import Pixels

_GREY = ("L", "I;16")
MAX_BYTES = 1 << 24
"""Of a header; those of films have some 20 KiB."""


def read_json_header(path: str | Path) -> Dataset:
    """A header in the DICOM JSON model (PS3.18 F); elements that are not well-formed are left out.

    Raises:
        DataError: the file is missing or is no such JSON.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(path, "is larger than any header", "download it again")
        given = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(path, f"cannot be opened ({error.strerror})", "download it again") from error
    except (ValueError, RecursionError) as error:
        raise DataError(path, "is no JSON file", "download it again") from error
    if not isinstance(given, dict):
        raise DataError(path, "is no header in DICOM's JSON", "download it again")
    dataset = Dataset()
    for tag, element in given.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                dataset.update(Dataset.from_json({tag: element}))
        except Exception:  # its parser raises whatever it stumbles over
            continue
    return dataset


def load_with_header(path: str, header_path: str) -> Pixels:
    """The grey levels of a PNG of stored values: (H, W), float32 in [0, 1], bone white.

    Raises:
        DataError: a file is missing, damaged or in colour, or the header says it is no chest film.
    """
    dataset = read_json_header(header_path)
    reason = header.not_a_chest_radiograph(dataset)
    if reason is not None:
        raise NoChestRadiograph(path, f"is not a chest radiograph: {reason}", "it is left out")
    try:
        data = Path(path).read_bytes()
        with Image.open(BytesIO(data), formats=("PNG",)) as image:
            check_size(*image.size, path)
            if image.mode not in _GREY:
                raise DataError(path, "is a colour picture, not a film", "it is left out")
            stored = np.asarray(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(path, "is no readable PNG", "download it again") from error
    return turned(to_grey(stored, dataset), header.orientation(dataset))
