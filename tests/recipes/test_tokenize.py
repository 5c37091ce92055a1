"""Image files to codes: a row each, whatever their kind, and nothing half-written."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal

from hilum.errors import DataError, UsageError
from hilum.images import Fit, fit, image_id, read_image, write_png
from hilum.recipes import tokenize
from hilum.recipes.tokenize import image_files, load_tokenizer, tokenize_files
from hilum.tokenizer import ImageTokenizer, TokenizerConfig
from hilum.tokenizer.codes import weights_hash
from model.helpers import tiny


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
    assert (tmp_path / "out" / "codes.parquet").exists() is parquet
    named = {Path(row["image"]).name: row for row in rows}
    assert list(named) == ["a.png", "c.png", "d.png", "b.png"]
    assert "d.png" in named["d.png"]["error"]
    assert named["d.png"].get("codes") is None
    painter = ImageTokenizer.from_pretrained(tokenizer)
    for path in (films / "a.png", films / "more" / "b.png", films / "c.png"):
        pixels = read_image(path).pixels
        square = torch.from_numpy(fit(pixels, 32))[None]
        row = named[path.name]
        assert row["image_id"] == image_id(pixels)
        assert row["codes"] == painter.encode(square)[0].tolist()
        error = float((painter.decode(painter.encode(square)) - square).square().mean())
        assert row["psnr"] == pytest.approx(-10 * np.log10(error), rel=1e-4)
    assert tally.psnr == pytest.approx(np.mean([r["psnr"] for r in rows if r.get("psnr")]), rel=1e-5)
    said = json.loads((tmp_path / "out" / "tokenizer.json").read_text())
    assert (said["weights"], said["n_codes"]) == (weights_hash(painter), 16)


@pytest.mark.parametrize(("gpu", "device"), [(True, "cuda"), (False, "cpu")])
def test_a_gpu_that_is_there_is_used(tokenizer, films, tmp_path, monkeypatch, gpu, device) -> None:
    asked = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(ImageTokenizer, "to", lambda _, *where, **options: asked.extend(where))
    tokenize_files(tokenizer, [films], tmp_path / "out", progress=False)
    assert asked == [device]


def test_pictures_are_shown_film_beside_what_came_back(tokenizer, films, tmp_path) -> None:
    shown = {}

    def show(path, film, back):
        shown[path.name] = film, back

    tokenize_files(tokenizer, [films / "c.png", films / "a.png"], tmp_path / "out", show=show, progress=False)
    pixels = read_image(films / "a.png").pixels
    assert [name[:2] for name in shown] == ["c-", "a-"]
    film, back = shown[f"a-{image_id(pixels)}.png"]
    np.testing.assert_array_equal(film, fit(pixels, 32))
    assert back.shape == film.shape


def test_nothing_is_written_when_something_is_wrong(tokenizer, films, tmp_path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"mine: holds letter\.txt"):
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


def test_a_dicom_file_needs_no_suffix_and_none_is_read_twice(films) -> None:
    (films / "IM0001").write_bytes(b"\0" * 128 + b"DICM")
    names = [path.name for path in image_files([films, films / "a.png"])]
    assert names == ["IM0001", "a.png", "c.png", "d.png", "b.png"]


def test_a_damaged_card_is_named(tokenizer, tmp_path) -> None:
    (tmp_path / "image_tokenizer").mkdir()
    (tmp_path / "hilum.json").write_text("{")
    with pytest.raises(DataError, match=r"hilum\.json: is damaged"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("card", ["{", "", "[" * 100_000, "[]"])
def test_codes_with_a_damaged_card_are_left_alone(tokenizer, films, tmp_path, card) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "tokenizer.json").write_text(card)
    with pytest.raises(
        UsageError, match="does not hold codes of this tokenizer; name another folder with --out"
    ):
        tokenize_files(tokenizer, [films], out, progress=False)
    assert [path.name for path in out.iterdir()] == ["tokenizer.json"]
    assert (out / "tokenizer.json").read_text() == card


def test_a_folder_of_hidden_files_alone_is_an_empty_one(tokenizer, films, tmp_path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".DS_Store").write_text("")
    assert tokenize_files(tokenizer, [films / "a.png"], tmp_path / "out", progress=False).tokenized == 1


def test_the_image_tokenizer_is_the_model_s_the_run_s_or_the_folder_s_own(tokenizer, tmp_path) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = tiny()
    model.save(tmp_path / "model")
    found, fitted = load_tokenizer(tmp_path / "model")
    assert weights_hash(found) == weights_hash(model.image_tokenizer)
    assert fitted is model.fit
    shutil.copytree(tokenizer, tmp_path / "run" / "tokenizer")
    for folder in (tokenizer, tmp_path / "run"):
        found, fitted = load_tokenizer(folder)
        assert weights_hash(found) == weights_hash(ImageTokenizer.from_pretrained(tokenizer))
        assert fitted is Fit.CROP


@pytest.mark.parametrize("cut", [0.0, 0.2, 0.6, 0.99])
def test_a_killed_call_goes_on_and_ends_the_same(tokenizer, films, tmp_path, monkeypatch, cut) -> None:
    tokenize_files(tokenizer, [films], tmp_path / "whole", progress=False)
    whole = (tmp_path / "whole" / "codes.jsonl").read_bytes()
    out = tmp_path / "out"
    tokenize_files(tokenizer, [films], out, progress=False)
    (out / "codes.parquet").unlink()
    kept = whole[: int(cut * len(whole))]
    (out / "codes.jsonl").write_bytes(kept)
    read = []
    real = tokenize.read_image
    monkeypatch.setattr(tokenize, "read_image", lambda path, force: (read.append(path.name), real(path))[1])
    tally = tokenize_files(tokenizer, [films], out, progress=False)
    done = [json.loads(line) for line in kept.splitlines(keepends=True) if line.endswith(b"\n")]
    assert tally.before == sum("error" not in row for row in done)
    assert len(read) == 4 - tally.before
    assert (tally.tokenized, tally.failed) == (3, 1)
    ended, undisturbed = (
        pl.read_parquet(tmp_path / name / "codes.parquet").sort("image") for name in ("out", "whole")
    )
    assert_frame_equal(ended, undisturbed, rel_tol=1e-4)  # batches of other sizes round otherwise


def test_films_are_added_and_broken_ones_tried_again(tokenizer, films, tmp_path) -> None:
    out = tmp_path / "out"
    first = tokenize_files(tokenizer, [films / "a.png", films / "d.png"], out, progress=False)
    assert (first.tokenized, first.failed, first.before) == (1, 1, 0)
    (films / "d.png").write_bytes((films / "c.png").read_bytes())
    second = tokenize_files(tokenizer, [films], out, progress=False)
    assert (second.tokenized, second.failed, second.before) == (4, 0, 1)
    rows = pl.read_parquet(out / "codes.parquet")
    assert rows["error"].to_list() == [None] * 4
    assert sorted(Path(path).name for path in rows["image"]) == ["a.png", "b.png", "c.png", "d.png"]


def test_codes_of_another_tokenizer_are_not_mixed_in(tokenizer, films, tmp_path) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    tokenize_files(tokenizer, [films / "a.png"], out, progress=False)
    ImageTokenizer(TokenizerConfig(image_size=32, grid=4, width=8, blocks=1)).save_pretrained(other)
    before = (out / "codes.jsonl").read_bytes()
    with pytest.raises(UsageError, match="does not hold codes of this tokenizer"):
        tokenize_files(other, [films], out, progress=False)
    assert (out / "codes.jsonl").read_bytes() == before


def test_a_name_that_is_no_text_is_kept(tokenizer, films, tmp_path) -> None:
    name = os.fsdecode(b"film-\xff.png")
    (films / "a.png").rename(films / name)
    tally = tokenize_files(tokenizer, [films / name], tmp_path / "out", progress=False)
    assert (tally.tokenized, tally.failed) == (1, 0)
    [row] = [json.loads(line) for line in (tmp_path / "out" / "codes.jsonl").open()]
    assert Path(row["image"]).name == name
    assert tokenize_files(tokenizer, [films / name], tmp_path / "out", progress=False).before == 1


def test_films_of_one_name_in_two_places_each_have_their_row(tokenizer, films, tmp_path, monkeypatch) -> None:
    for site in ("a", "b"):
        place = tmp_path / site / "films"
        place.mkdir(parents=True)
        shutil.copy(films / "a.png", place / "1.png")
        monkeypatch.chdir(tmp_path / site)
        tally = tokenize_files(tokenizer, [Path("films")], tmp_path / "out")
    assert (tally.tokenized, tally.before) == (2, 0)
