"""Copies of films found among real ones: recall of planted copies and precision beside unlike films.

    HILUM_DATA=../shared/data python benchmarks/duplicates.py --json

`HILUM_DATA` holds `nih-chestxray14/` and `hannover-covid/`, as `hilum build` reads them; without them it is
skipped (status 77). Of every film copies are planted (a quarter of its size, JPEG at quality 30, three other
windows with gammas, and all of it) and looked for among all films of the other patients by
`hilum.images.duplicates.copies`. The peer is the difference hash of 256 bits with the Hamming distance that
keeps its precision at 0.999, chosen on these very films; our threshold was set after a look at them too.
Both are given the middle square of the film. The figure is the recall.
"""

from __future__ import annotations

import argparse
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from hilum.images import fit
from hilum.images.duplicates import THRESHOLD, signature
from hilum.sources import open_source
from hilum.study import Pixels
from result import Result, print_result, skip

SIDE = 512
SOURCES = ("nih-chestxray14", "hannover-covid")


def resized(pixels: Pixels, share: float) -> Pixels:
    """A film of another size, by a filter that is not ours."""
    height, width = (max(32, int(n * share)) for n in pixels.shape)
    picture = Image.fromarray((pixels * 255).round().astype(np.uint8))
    return np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS), np.float32) / 255


def compressed(pixels: Pixels, quality: int) -> Pixels:
    """A film as JPEG."""
    file = io.BytesIO()
    Image.fromarray((pixels * 255).round().astype(np.uint8)).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file), np.float32) / 255


def windowed(pixels: Pixels, low: float, high: float, gamma: float) -> Pixels:
    """A film whose darkest and brightest parts are cut off."""
    first, last = np.quantile(pixels, [low, high])
    return np.clip((pixels - first) / max(last - first, 1e-6), 0, 1).astype(np.float32) ** gamma


COPIES: dict[str, Callable[[Pixels], Pixels]] = {
    "quarter": lambda p: resized(p, 0.25),
    "jpeg 30": lambda p: compressed(p, 30),
    "window 2-98 %": lambda p: windowed(p, 0.02, 0.98, 1.0),
    "window 5-99 %, gamma 0.6": lambda p: windowed(p, 0.05, 0.99, 0.6),
    "window 0-95 %, gamma 1.6": lambda p: windowed(p, 0.0, 0.95, 1.6),
    "half, jpeg 50, window, gamma 1.3": lambda p: compressed(resized(windowed(p, 0.01, 0.97, 1.3), 0.5), 50),
}


def difference_hash(pixels: Pixels) -> npt.NDArray[np.int8]:
    """256 bits as ±1: whether each of 16 × 16 cells is brighter than its neighbour."""
    cells = np.asarray(Image.fromarray((fit(pixels, 256) * 255).astype(np.uint8)).resize((17, 16)))
    return np.where(cells[:, 1:] > cells[:, :-1], 1, -1).astype(np.int8).ravel()


def films(data: Path, limit: int | None) -> Iterator[tuple[str, Pixels]]:
    """Patients and films."""
    for name in SOURCES:
        for study in open_source(f"{name}={data / name}", limit=limit):
            for view in study.views:
                pixels = view.load()
                yield study.patient, resized(pixels, min(1.0, SIDE / min(pixels.shape)))


def unit(rows: list[npt.NDArray[np.int8]]) -> npt.NDArray[np.float32]:
    """Rows of length one."""
    values = np.stack(rows).astype(np.float32)
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    root = os.environ.get("HILUM_DATA", Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--data", type=Path, default=Path(root))
    parser.add_argument("--limit", type=int)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    lacking = [name for name in SOURCES if not (asked.data / name).exists()]
    if lacking:
        skip(f"{asked.data / lacking[0]} does not exist; set HILUM_DATA to the folder that holds it")
    patients: list[str] = []
    rows: dict[str, list[list[npt.NDArray[np.int8]]]] = {"ours": [], "peer": []}
    for patient, film in films(asked.data, asked.limit):
        versions = [film, *(make(film) for make in COPIES.values())]
        patients.append(patient)
        rows["ours"].append([signature(version) for version in versions])
        rows["peer"].append([difference_hash(version) for version in versions])
    recall, details = {}, {"films": len(patients), "copies": len(patients) * len(COPIES)}
    other = np.not_equal.outer(np.array(patients), np.array(patients))
    for name, signatures in rows.items():
        vectors = np.stack([unit(versions) for versions in signatures])  # films, versions, bits
        found = np.einsum("ivd,ivd->iv", vectors[:, :1], vectors[:, 1:])
        wrong = np.concatenate([(vectors[:, 0] @ vectors[:, k].T)[other] for k in range(vectors.shape[1])])
        threshold = THRESHOLD if name == "ours" else float(np.sort(wrong)[-max(1, found.size // 1000)])
        recall[name] = float((found > threshold).mean())
        hits, misses = int((found > threshold).sum()), int((wrong > threshold).sum())
        details[f"{name}_precision"] = round(hits / max(1, hits + misses), 5)
        details[f"{name}_highest_of_others"] = round(float(wrong.max()), 4)
    print_result(Result("duplicates", recall["ours"], recall["peer"], "recall", details), as_json=asked.json)


if __name__ == "__main__":
    main()
