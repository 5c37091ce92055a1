"""Films of full size a second through ingest: decoded, named by their pixels, made smaller, encoded as PNG.

    python benchmarks/ingest.py --json

Films are drawn by the phantom at 2,544 × 3,056 pixels (the usual size of MIMIC-CXR-JPG) and stored as JPEG of
quality 95 in memory. Ours is what a worker of `hilum build` does for each; the peer is the plain script that
people write with Pillow: open, convert to grey, resize to the same size (Lanczos), save as PNG. Processor
seconds on one core, the two in turns; the details give bytes, and from them the hours and the disk that whole
collections take on some numbers of cores.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from hilum.images import encode_png, image_id, read_image, shrink
from hilum.phantom import PhantomConfig, cohort
from result import Result, print_result

SHAPE = (3056, 2544)
COLLECTIONS = {"MIMIC-CXR-JPG": 377_110, "CheXpert": 224_316}
CORES = (2, 16, 64)


def films(count: int) -> list[bytes]:
    """Phantom films with the grain of a detector, as JPEG."""
    found = []
    for number, study in enumerate(cohort(count, seed=0, config=PhantomConfig(size=1024))):
        drawn = Image.fromarray((study.views[0].load() * 255).astype(np.uint8))
        large = np.asarray(drawn.resize(SHAPE[::-1], Image.Resampling.BICUBIC), np.float32)
        grain = np.random.default_rng(number).normal(0, 2, SHAPE).astype(np.float32)
        stored = BytesIO()
        Image.fromarray((large + grain).clip(0, 255).astype(np.uint8)).save(stored, "JPEG", quality=95)
        found.append(stored.getvalue())
    return found


def ours(film: bytes, size: int) -> int:
    """As ingest does it; returns the bytes of the working copy."""
    pixels = read_image(film).pixels
    image_id(pixels)
    return len(encode_png(shrink(pixels, size)))


def peer(film: bytes, size: int) -> int:
    """As a plain script does it."""
    image = Image.open(BytesIO(film)).convert("L")
    share = size / min(image.size)
    stored = BytesIO()
    shape = (round(image.width * share), round(image.height * share))
    image.resize(shape, Image.Resampling.LANCZOS).save(stored, "PNG")
    return len(stored.getvalue())


def seconds(work: Callable[[bytes, int], int], some: list[bytes], size: int) -> tuple[float, float]:
    """Processor seconds and bytes a film."""
    started = time.process_time()
    written = sum(work(film, size) for film in some)
    return (time.process_time() - started) / len(some), written / len(some)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--films", type=int, default=6)
    parser.add_argument("--size", type=int, default=512, help="pixels of the short side that is kept")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    some = films(options.films)
    sides = (ours, peer)
    runs = [[seconds(side, some, options.size) for side in sides] for _ in range(options.rounds)]
    mine, theirs = (min(run[side] for run in runs) for side in (0, 1))
    each, kept = mine
    whole: dict[str, Any] = {
        name: {"disk_gb": round(count * kept / 1e9, 1)}
        | {f"hours_on_{cores}_cores": round(count * each / cores / 3600, 2) for cores in CORES}
        for name, count in COLLECTIONS.items()
    }
    details = {
        "ms_per_film": round(1000 * each, 1),
        "film_bytes": round(sum(map(len, some)) / len(some)),
        "kept_bytes": round(kept),
        "peer_kept_bytes": round(theirs[1]),
        "collections": whole,
    }
    print_result(Result("ingest", 1 / each, 1 / theirs[0], "films/s", details), as_json=options.json)


if __name__ == "__main__":
    main()
