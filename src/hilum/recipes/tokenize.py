"""Image files to codes, by the image tokenizer of a run, a batch at a time.

tally = tokenize_files("quickstart", [Path("films")], Path("codes"))
tally.tokenized, tally.failed, tally.psnr

The folder gets `codes.jsonl`, a line for each file: `image` (its whole path), `image_id` (of its decoded
pixels, as everywhere in Hilum), `codes` in raster order, `psnr` in dB and `ssim` of what comes back, or
`error`, why it could not be read. It grows as films are read, and a killed call goes on with it;
`codes.parquet` is made of it at the end. No more than a batch of films is in memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from hilum.errors import DataError, UsageError
from hilum.files import MARK, atomic_path, refuse_overlap, write_json
from hilum.images import Fit, fit, image_id, read_image
from hilum.model.run_folder import read_image_tokenizer
from hilum.progress import Progress
from hilum.recipes.lines import Lines, stamp
from hilum.sources.inventory import files_of, is_image
from hilum.study import Pixels
from hilum.tokenizer import ImageTokenizer
from hilum.tokenizer.codes import fidelity, weights_hash

BATCH = 32
ROWS = 4096
"""Rows of a group in the Parquet file, the least that is read at once."""

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
    """What the folder holds after a call: files tokenized and not, and the means of PSNR in dB and SSIM.

    Args:
        before: how many of the files given were found tokenized by an earlier call.
    """

    tokenized: int = 0
    failed: int = 0
    before: int = 0
    psnr: float = 0.0
    ssim: float = 0.0

    def count(self, row: dict[str, Any]) -> None:
        """Count one row."""
        if "error" in row:
            self.failed += 1
            return
        self.tokenized += 1
        self.psnr += (row["psnr"] - self.psnr) / self.tokenized
        self.ssim += (row["ssim"] - self.ssim) / self.tokenized


def load_tokenizer(run: Path) -> tuple[ImageTokenizer, Fit]:
    """The image tokenizer of a run, of a model or of a folder that holds it alone, and how films are fitted.

    Raises:
        DataError: there is none, or it is damaged.
    """
    if (found := read_image_tokenizer(run)) is not None:
        return found
    for folder in (run / "tokenizer", run):
        if (folder / "model.safetensors").is_file() and not (folder / "hilum.json").is_file():
            return ImageTokenizer.from_pretrained(folder), Fit.CROP
    raise DataError(run, "holds no image tokenizer", "name a run whose model writes images, or a tokenizer")


def image_files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files named, and the images in folders, DICOM files without a suffix among them, each once.

    Raises:
        UsageError: a path is missing, or a folder holds no image.
    """
    seen: set[str] = set()
    for path in paths:
        if not path.exists():
            raise UsageError(path, "does not exist", "check the path")
        found = filter(is_image, files_of(path)) if path.is_dir() else iter([path])
        first = next(found, None)
        if first is None:
            raise UsageError(path, "holds no image", "name files, or a folder of DICOM, PNG or JPEG files")
        for file in (first, *found):
            if str(file) not in seen:
                seen.add(str(file))
                yield file


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
    """Write the codes of image files into the folder `out`.

    Called again, it goes on: files that have their codes are left alone, those that could not be read or have
    changed are read again, others are added.

    Args:
        run: a run folder, a model, or a tokenizer.
        images: files, and folders that are searched.
        parquet: also make `codes.parquet`, of all that the folder has codes of.
        show: writes `pictures/NAME-IMAGE_ID.png` of each image; None for no pictures.
        force: read also what its header says is not a chest radiograph.

    Raises:
        UsageError: `out` holds something else, or codes of another tokenizer, or an image; another process
            writes it; or there is no image.
        DataError: there is no image tokenizer.
    """
    out = Path(out)
    tokenizer, how = load_tokenizer(Path(run))
    refuse_overlap(out, [Path(run), *images])
    files = list(image_files([path.absolute() for path in images]))
    about = {
        "made_by": MARK,
        "weights": weights_hash(tokenizer),
        "n_codes": tokenizer.n_codes,
        "grid": tokenizer.config.grid,
        "image_size": tokenizer.config.image_size,
        "fit": how.value,
    }
    _claim(out, about)
    tokenizer.to("cuda" if torch.cuda.is_available() else "cpu")
    tally = Tokenized()
    provenance = {"weights": str(about["weights"])}
    with Lines(out / "codes.jsonl", "hilum tokenize", "image", provenance) as lines:
        with Progress(progress) as bars:
            following = iter(bars.follow("tokenize", files, len(files)))
            while some := list(islice(following, BATCH)):
                fresh = [path for path in some if not lines.has(str(path), stamp([path]))]
                tally.before += len(some) - len(fresh)
                if fresh:
                    batch = _Batch.read(fresh, tokenizer.config.image_size, how, force)
                    batch.tokenize(tokenizer)
                    batch.show(out / "pictures", show)
                    lines.add(batch.rows)
        _finish(lines, out / "codes.parquet", tally, parquet)
    return tally


def _claim(out: Path, about: dict[str, Any]) -> None:
    """Begin a folder of codes, or go on with one of the same tokenizer.

    Raises:
        UsageError: it holds something else.
    """
    card = out / "tokenizer.json"
    if card.is_file():
        try:
            said = json.loads(card.read_text(encoding="utf-8"))
        except (ValueError, RecursionError):
            said = None
        if said != about:
            raise UsageError(out, "does not hold codes of this tokenizer", "name another folder with --out")
    elif out.is_dir() and (names := sorted(path.name for path in out.iterdir() if path.name[0] != ".")):
        problem = f"holds {names[0]}, and no codes that Hilum wrote"
        raise UsageError(out, problem, "name another folder with --out")
    else:
        write_json(card, about)


@dataclass
class _Batch:
    """Files of a batch: what is written of each, and of those that could be read the square film."""

    paths: Sequence[Path]
    rows: list[dict[str, Any]]
    films: dict[int, Pixels]
    back: Any = None

    @classmethod
    def read(cls, files: Sequence[Path], side: int, how: Fit, force: bool) -> _Batch:
        rows: list[dict[str, Any]] = [{"image": str(path), "read": stamp([path])} for path in files]
        films = {}
        for i, path in enumerate(files):
            try:
                pixels = read_image(path, force=force).pixels
                films[i] = fit(pixels, side, how)
                rows[i]["image_id"] = image_id(pixels)
            except DataError as error:
                rows[i]["error"] = str(error)
        return cls(files, rows, films)

    def tokenize(self, tokenizer: ImageTokenizer) -> None:
        """Complete the rows of the films that could be read."""
        if not self.films:
            return
        films = np.stack(list(self.films.values()))
        codes = tokenizer.encode(torch.from_numpy(films))
        self.back = tokenizer.decode(codes).cpu().numpy()
        likeness = fidelity(films, self.back)
        for place, i in enumerate(self.films):
            # Equal pictures have no finite PSNR, and JSON no infinity.
            psnr, ssim = min(100.0, float(likeness.psnr[place])), float(likeness.ssim[place])
            self.rows[i] |= {"codes": codes[place].tolist(), "psnr": psnr, "ssim": ssim}

    def show(self, folder: Path, show: Show | None) -> None:
        """Have the films shown beside what came back."""
        for place, (i, film) in enumerate(self.films.items()):
            if show is not None:
                name = f"{self.paths[i].stem[:50]}-{self.rows[i]['image_id']}.png"
                show(folder / name, film, self.back[place])


def _finish(lines: Lines, table: Path, tally: Tokenized, parquet: bool) -> None:
    """Count all that the folder holds, and bring it into a Parquet file."""
    if not parquet:
        for row in lines.rows():
            tally.count(row)
        return
    schema = SCHEMA.with_metadata({"made_by": MARK, **lines.provenance})
    with atomic_path(table) as tmp, pq.ParquetWriter(tmp, schema, compression="zstd") as writer:
        rows = lines.rows()
        while some := list(islice(rows, ROWS)):
            for row in some:
                tally.count(row)
                # Of a path that is not UTF-8, as Parquet has no other strings.
                row["image"] = row["image"].encode(errors="backslashreplace").decode()
            writer.write_table(pa.Table.from_pylist(some, schema))
