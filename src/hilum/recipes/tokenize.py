"""Image files to codes, by the image tokenizer of a run, a batch at a time.

tally = tokenize_files("quickstart", [Path("films")], Path("codes"))
tally.tokenized, tally.failed, tally.psnr

The folder gets `codes.parquet` or `codes.jsonl`, a row for each file: `image` (its path), `image_id` (of its
decoded pixels, as everywhere in Hilum), `codes` in raster order, `psnr` and `ssim` of what comes back, or
`error`, why it could not be read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from hilum.errors import DataError, UsageError
from hilum.files import atomic_folder, refuse_overlap, write_json
from hilum.images import Fit, fit, image_id, read_image
from hilum.progress import Progress
from hilum.study import Pixels
from hilum.tokenizer import ImageTokenizer
from hilum.tokenizer.codes import fidelity_of, weights_hash

BATCH = 32
READABLE = (".png", ".jpg", ".jpeg", ".dcm", ".dicom")
"""Names that a folder is searched for; a file that is named itself may have any."""

SCHEMA = pa.schema(
    [
        ("image", pa.string()),
        ("image_id", pa.string()),
        ("codes", pa.list_(pa.int32())),
        ("psnr", pa.float32()),
        ("ssim", pa.float32()),
        ("error", pa.string()),
    ]
)

Show = Callable[[Path, Pixels, Pixels], None]
"""Writes a picture at a path: the film as the tokenizer saw it, and what came back."""


@dataclass
class Tokenized:
    """How many files were tokenized and how many not, and the means of PSNR in dB and SSIM."""

    tokenized: int = 0
    failed: int = 0
    psnr: float = 0.0
    ssim: float = 0.0


def load_tokenizer(run: Path) -> tuple[ImageTokenizer, Fit]:
    """The image tokenizer of a run, of a model or of a folder that holds it alone, and how films are fitted.

    Raises:
        DataError: there is none.
    """
    for model in (run, run / "model"):
        if (model / "image_tokenizer").is_dir() and (model / "hilum.json").is_file():
            said = json.loads((model / "hilum.json").read_text(encoding="utf-8")).get("fit", Fit.CROP)
            return ImageTokenizer.from_pretrained(model / "image_tokenizer"), Fit(said)
    for folder in (run / "tokenizer", run):
        if (folder / "model.safetensors").is_file() and not (folder / "hilum.json").is_file():
            return ImageTokenizer.from_pretrained(folder), Fit.CROP
    raise DataError(run, "holds no image tokenizer", "name a run whose model writes images, or a tokenizer")


def image_files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files named, and those of folders that are called like images, in order.

    Raises:
        UsageError: a path is missing, or a folder holds no image.
    """
    for path in paths:
        if path.is_dir():
            found = sorted(p for p in path.rglob("*") if p.suffix.lower() in READABLE and p.is_file())
            if not found:
                raise UsageError(path, "holds no image", f"name files, or a folder of {', '.join(READABLE)}")
            yield from found
        elif path.is_file():
            yield path
        else:
            raise UsageError(path, "does not exist", "check the path")


def tokenize_files(
    run: str | Path,
    images: Sequence[Path],
    out: str | Path,
    *,
    parquet: bool = True,
    show: Show | None = None,
    force: bool = False,
    progress: bool = True,
) -> Tokenized:
    """Write the codes of image files into the folder `out`, which appears when all are done.

    Args:
        run: a run folder, a model, or a tokenizer.
        images: files, and folders that are searched.
        parquet: one Parquet file, else JSON Lines.
        show: writes `pictures/NUMBER-NAME.png` of each image; None for no pictures.
        force: read also what its header says is not a chest radiograph.

    Raises:
        UsageError: `out` holds something that Hilum did not write, or an image; or there is no image.
        DataError: there is no image tokenizer.
    """
    tokenizer, how = load_tokenizer(Path(run))
    refuse_overlap(Path(out), [Path(run), *images])
    files = list(image_files(images))
    tally = Tokenized()
    with atomic_folder(out) as tmp, Progress(progress) as bars, _rows_of(tmp, parquet) as write:
        if show is not None:
            (tmp / "pictures").mkdir()
        following = iter(bars.follow("tokenize", list(enumerate(files, start=1)), len(files)))
        while some := list(islice(following, BATCH)):
            paths = [path for _, path in some]
            batch = _Batch.read(paths, tokenizer.config.image_size, how, force)
            write(batch.tokenized(tokenizer, tally))
            for (number, path), film, back in zip(some, batch.films, batch.back, strict=True):
                if show is not None and film is not None:
                    show(tmp / "pictures" / f"{number:06d}-{path.stem}.png", film, back)
        write_json(
            tmp / "tokenizer.json",
            {
                "weights": weights_hash(tokenizer),
                "n_codes": tokenizer.n_codes,
                "grid": tokenizer.config.grid,
                "image_size": tokenizer.config.image_size,
                "fit": how.value,
            },
        )
    return tally


@dataclass
class _Batch:
    """Files of a batch: what is written of each, its square film and what came back, None where it failed."""

    rows: list[dict[str, Any]]
    films: list[Pixels | None]
    back: list[Any]

    @classmethod
    def read(cls, files: Sequence[Path], side: int, how: Fit, force: bool) -> _Batch:
        rows, films = [], []
        for path in files:
            row: dict[str, Any] = dict.fromkeys(SCHEMA.names)
            row["image"] = str(path)
            film = None
            try:
                pixels = read_image(path, force=force).pixels
                row["image_id"], film = image_id(pixels), fit(pixels, side, how)
            except DataError as error:
                row["error"] = str(error)
            rows.append(row)
            films.append(film)
        return cls(rows, films, [None] * len(files))

    def tokenized(self, tokenizer: ImageTokenizer, tally: Tokenized) -> list[dict[str, Any]]:
        """The rows with their codes; what came back is kept beside the films."""
        whole = [i for i, film in enumerate(self.films) if film is not None]
        tally.failed += len(self.films) - len(whole)
        if not whole:
            return self.rows
        films = np.stack([film for film in self.films if film is not None])
        codes = tokenizer.encode(torch.from_numpy(films))
        back = tokenizer.decode(codes).cpu().numpy()
        likeness = fidelity_of(films, back)
        for place, i in enumerate(whole):
            self.back[i] = back[place]
            # Equal pictures have no finite PSNR, and JSON no infinity.
            psnr, ssim = min(100.0, float(likeness.psnr[place])), float(likeness.ssim[place])
            self.rows[i] |= {"codes": codes[place].tolist(), "psnr": psnr, "ssim": ssim}
            tally.tokenized += 1
            tally.psnr += (psnr - tally.psnr) / tally.tokenized
            tally.ssim += (ssim - tally.ssim) / tally.tokenized
        return self.rows


@contextmanager
def _rows_of(folder: Path, parquet: bool) -> Iterator[Callable[[list[dict[str, Any]]], None]]:
    """What writes rows, a batch at a time."""
    if parquet:
        with pq.ParquetWriter(folder / "codes.parquet", SCHEMA, compression="zstd") as writer:
            yield lambda rows: writer.write_table(pa.Table.from_pylist(rows, SCHEMA))
    else:
        with (folder / "codes.jsonl").open("w", encoding="utf-8") as file:
            yield lambda rows: file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
