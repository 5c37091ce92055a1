"""Codes of a whole data set, made once; which codes it uses; how faithful the pictures come back.

codes = encode_images(tokenizer, image_ids, pixels_of, folder)
used, perplexity = code_usage(codes.values(), tokenizer.n_codes)
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from hilum.files import atomic_path, sweep
from hilum.tokenizer.network import ImageTokenizer

Codes = npt.NDArray[np.int64]
Images = npt.NDArray[np.uint8] | npt.NDArray[np.float32]


def weights_hash(tokenizer: ImageTokenizer, *, decoder: bool = True) -> str:
    """Twelve hex digits that name a tokenizer's weights; its codes are the same where all but the decoder's
    are.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(tokenizer.state_dict().items()):
        if name.startswith("decoder.") and not decoder:
            continue
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().numpy().tobytes())
    return digest.hexdigest()[:12]


def encode_images(
    tokenizer: ImageTokenizer,
    image_ids: Sequence[str],
    pixels_of: Callable[[Sequence[str]], Images],
    folder: Path,
    *,
    batch: int = 128,
) -> dict[str, Codes]:
    """Codes of every image, from the cache in `folder` where this tokenizer has made them before.

    Args:
        image_ids: content hashes; equal images are encoded once.
        pixels_of: ids → (B, H, W), uint8 or float32 in [0, 1].
    """
    sweep(folder)
    path = folder / f"codes-{weights_hash(tokenizer, decoder=False)}.parquet"
    known = _read_cache(path)
    missing = [i for i in dict.fromkeys(image_ids) if i not in known]
    for start in range(0, len(missing), batch):
        ids = missing[start : start + batch]
        codes = tokenizer.encode(as_pixels(pixels_of(ids))).cpu().numpy()
        known |= dict(zip(ids, codes, strict=True))
    if missing:
        columns = {"image_id": list(known), "codes": [c.astype(np.int32) for c in known.values()]}
        with atomic_path(path, ours=_is_parquet) as tmp:  # the name itself says what the file is
            pl.DataFrame(columns, schema={"image_id": pl.String, "codes": pl.List(pl.Int32)}).write_parquet(
                tmp
            )
    return {i: known[i] for i in image_ids}


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _read_cache(path: Path) -> dict[str, Codes]:
    if not path.is_file():
        return {}
    try:
        table = pl.read_parquet(path)
        return {i: np.asarray(c, np.int64) for i, c in zip(table["image_id"], table["codes"], strict=True)}
    except (OSError, pl.exceptions.PolarsError) as error:
        # A cache is never worth stopping for: what it held can be made again.
        warnings.warn(f"{path}: cannot be read ({type(error).__name__}); encoding anew", stacklevel=3)
        return {}


def as_pixels(images: Images) -> torch.Tensor:
    """(B, H, W) uint8 or float images as float32 in [0, 1]."""
    tensor = torch.from_numpy(np.ascontiguousarray(images))
    return tensor.float() / 255 if tensor.dtype == torch.uint8 else tensor.float()


def code_usage(codes: Iterable[Codes], n_codes: int) -> tuple[int, float]:
    """How many codes a data set uses, and the perplexity of their use, counted over the whole set.

    A batch's perplexity misleads: it cannot exceed the batch.
    """
    counts = np.zeros(n_codes, np.int64)
    for row in codes:
        counts += np.bincount(row, minlength=n_codes)
    share = counts[counts > 0] / counts.sum()
    return int((counts > 0).sum()), float(np.exp(-(share * np.log(share)).sum()))


@dataclass(frozen=True)
class Fidelity:
    """Per image: PSNR in dB and SSIM, both with data range 1."""

    psnr: npt.NDArray[np.float64]
    ssim: npt.NDArray[np.float64]


def fidelity(real: npt.NDArray[np.floating], back: npt.NDArray[np.floating]) -> Fidelity:
    """How faithful pictures (N, H, W) are to the real ones, both in [0, 1], by scikit-image's definitions."""
    from skimage import metrics

    measure: Any = metrics  # untyped

    pairs = list(zip(real, back, strict=True))
    psnr = [measure.peak_signal_noise_ratio(a, b, data_range=1.0) for a, b in pairs]
    ssim = [measure.structural_similarity(a, b, data_range=1.0) for a, b in pairs]
    return Fidelity(np.asarray(psnr, np.float64), np.asarray(ssim, np.float64))
