"""Image files to codes: a row each, whatever their kind, and nothing half-written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from hilum.errors import DataError, UsageError
from hilum.images import fit, image_id, read_image, write_png
from hilum.recipes import tokenize
from hilum.recipes.tokenize import image_files, load_tokenizer, tokenize_files
from hilum.tokenizer import ImageTokenizer, TokenizerConfig
from hilum.tokenizer.codes import weights_hash


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer") / "tokenizer"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        ImageTokenizer(
            TokenizerConfig(image_size=32, grid=2, levels=(4, 4), width=8, blocks=1)
        ).save_pretrained(folder)
    return folder


@pytest.fixture
def films(tmp_path) -> Path:
    folder = tmp_path / "films"
    (folder / "more").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, shape in {"a": (40, 32), "more/b": (32, 50), "c": (70, 70)}.items():
        write_png(folder / f"{name}.png", rng.random(shape).astype(np.float32))
    (folder / "notes.txt").write_text("not an image")
    (folder / "d.png").write_bytes((folder / "c.png").read_bytes()[:200])
    return folder


@pytest.mark.parametrize("parquet", [True, False])
def test_every_file_has_its_row(tokenizer, films, tmp_path, monkeypatch, parquet) -> None:
    monkeypatch.setattr(tokenize, "BATCH", 2)  # several batches of three films
    tally = tokenize_files(tokenizer, [films], tmp_path / "out", parquet=parquet, progress=False)
    assert (tally.tokenized, tally.failed) == (3, 1)
    if parquet:
        rows = pl.read_parquet(tmp_path / "out" / "codes.parquet").to_dicts()
    else:
        rows = [json.loads(line) for line in (tmp_path / "out" / "codes.jsonl").open()]
    named = {Path(row["image"]).name: row for row in rows}
    assert list(named) == ["a.png", "c.png", "d.png", "b.png"]
    assert "d.png" in named["d.png"]["error"]
    assert named["d.png"]["codes"] is None
    painter = ImageTokenizer.from_pretrained(tokenizer)
    for path in (films / "a.png", films / "more" / "b.png", films / "c.png"):
        pixels = read_image(path).pixels
        square = torch.from_numpy(fit(pixels, 32))[None]
        row = named[path.name]
        assert row["image_id"] == image_id(pixels)
        assert row["codes"] == painter.encode(square)[0].tolist()
        error = float((painter.decode(painter.encode(square)) - square).square().mean())
        assert row["psnr"] == pytest.approx(-10 * np.log10(error), rel=1e-4)
    assert tally.psnr == pytest.approx(np.mean([r["psnr"] for r in rows if r["psnr"] is not None]), rel=1e-5)
    said = json.loads((tmp_path / "out" / "tokenizer.json").read_text())
    assert (said["weights"], said["n_codes"]) == (weights_hash(painter), 16)


def test_pictures_are_shown_film_beside_what_came_back(tokenizer, films, tmp_path) -> None:
    shown = {}

    def show(path, film, back):
        shown[path.name] = film, back

    tokenize_files(tokenizer, [films / "c.png", films / "a.png"], tmp_path / "out", show=show, progress=False)
    assert list(shown) == ["000001-c.png", "000002-a.png"]
    film, back = shown["000002-a.png"]
    np.testing.assert_array_equal(film, fit(read_image(films / "a.png").pixels, 32))
    assert back.shape == film.shape


def test_nothing_is_written_when_something_is_wrong(tokenizer, films, tmp_path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("mine")
    with pytest.raises(UsageError, match="mine"):
        tokenize_files(tokenizer, [films], tmp_path / "mine", progress=False)
    with pytest.raises(UsageError, match="films"):
        tokenize_files(tokenizer, [films], films / "codes", progress=False)
    with pytest.raises(UsageError, match="does not exist"):
        tokenize_files(tokenizer, [films, tmp_path / "gone.png"], tmp_path / "out", progress=False)
    with pytest.raises(DataError, match="no image tokenizer"):
        load_tokenizer(films)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["films", "mine"]


def test_a_folder_without_images_is_refused(tmp_path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(UsageError, match="holds no image"):
        list(image_files([tmp_path]))
