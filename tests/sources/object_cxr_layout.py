"""Object-CXR in its published layout: a dozen made-up films."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from sources.helpers import table

SIZE = (200, 100)


def films(folder: Path, name: str, rows: Sequence[tuple[str, str]], column: str = "image_name") -> Path:
    table(folder / f"{name}.csv", [{column: image, "annotation": said} for image, said in rows])
    (folder / name).mkdir(exist_ok=True)
    for image, _ in rows:
        noise = np.random.default_rng(list((name + image).encode())).integers(0, 255, SIZE[::-1], np.uint8)
        Image.fromarray(noise).save(folder / name / image.rpartition("/")[2])
    return folder


def write_object_cxr(folder: Path, count: int = 14) -> Path:
    """A polygon, nothing, in turn, and of the first film a rectangle too; lists of all three names."""
    shapes = ("2 100 20 140 20 120 60", "")
    train = [(f"{n:05}.jpg", shapes[n % 2]) for n in range(count)]
    films(folder, "train", [("00000.jpg", f"0 20 10 60 50;{shapes[0]}"), *train[1:]])
    films(folder, "dev", [(f"{n:05}.jpg", shapes[n % 2]) for n in range(8000, 8002)])
    tests = [(f"test/{n:05}.jpg", shapes[n % 2]) for n in range(9000, 9002)]
    return films(folder, "test", tests, "image_path")
