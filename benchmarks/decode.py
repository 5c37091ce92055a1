"""Reading a film: ours against pydicom's own functions on whole arrays, and Pillow with NumPy.

python benchmarks/decode.py --json

A film of 2048² (12 bits, window, MONOCHROME1, uncompressed) and a PNG of 1024² (8 bits), from bytes in memory
to float32 in [0, 1], bone white. The peers are the usual lines: `apply_modality_lut`, `apply_voi_lut` and
an inversion; `Image.open` and a division. Both must give the same pixels, which is checked. Ours also reads
the view, the spacing and the patient, and refuses what is no chest.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pydicom
import torch
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid

from hilum.images import read_image
from result import Result, print_result

TOP = 4095


def picture(side: int) -> np.ndarray:
    """Something smooth with noise on it, in [0, 1]."""
    y, x = np.mgrid[:side, :side] / side
    noise = np.random.default_rng(0).normal(0, 0.02, (side, side))
    return np.clip(0.5 + 0.3 * np.sin(9 * x) * np.cos(7 * y) + noise, 0, 1)


def film(side: int) -> bytes:
    """An uncompressed CR film of 12 bits."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = ComputedRadiographyImageStorage, generate_uid()
    dataset.Modality, dataset.BodyPartExamined, dataset.ViewPosition = "CR", "CHEST", "PA"
    dataset.Rows = dataset.Columns = side
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME1"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.WindowCenter, dataset.WindowWidth = 2000, 3000
    dataset.PixelData = np.rint(picture(side) * TOP).astype(np.uint16).tobytes()
    dataset["PixelData"].VR = "OW"
    out = BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def png(side: int) -> bytes:
    """A PNG of 8 bits."""
    out = BytesIO()
    Image.fromarray(np.rint(picture(side) * 255).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def peer_film(data: bytes) -> np.ndarray:
    """The film by pydicom's functions."""
    dataset = pydicom.dcmread(BytesIO(data))
    shown = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset)
    return (1 - shown / TOP).astype(np.float32)


def peer_png(data: bytes) -> np.ndarray:
    """The PNG by Pillow and NumPy."""
    return np.asarray(Image.open(BytesIO(data)).convert("L")).astype(np.float32) / np.float32(255)


def best_ms(read: Callable[[], object], repeats: int) -> float:
    """The fastest of so many readings, in milliseconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        read()
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--repeats", type=int, default=9)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cases = (("DICOM 2048²", film(2048), peer_film), ("PNG 1024²", png(1024), peer_png))
    for name, data, peer in cases:
        assert np.allclose(read_image(data).pixels, peer(data), atol=1e-6), f"{name}: the pixels differ"
        ours, theirs = (
            best_ms(lambda read=read, data=data: read(data), arguments.repeats) for read in (read_image, peer)
        )
        result = Result(f"read {name}", round(ours, 2), round(theirs, 2), "ms")
        print_result(result, as_json=arguments.json)


if __name__ == "__main__":
    main()
