"""A VQ-GAN of taming-transformers taken in from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file

from hilum.cli import main
from hilum.images import fit, image_id, read_image, write_png
from hilum.tokenizer import ImageTokenizer
from hilum.tokenizer.codes import weights_hash
from tokenizer.vqgan import GOLDEN, SIDE, checkpoint


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    save_file(checkpoint(GOLDEN["lowest"]["weights"]), tmp_path / "vqgan.safetensors")
    return tmp_path / "vqgan.safetensors"


def test_it_writes_a_tokenizer_and_says_what_it_is(weights, tmp_path, capsys) -> None:
    words = ["tokenizer-import", str(weights), "--out", str(tmp_path / "tokenizer"), "--size", str(SIDE)]
    assert main(words) == 0
    assert capsys.readouterr().out.startswith("256 codes an image, each one of 64: ")
    assert main([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    tokenizer = ImageTokenizer.from_pretrained(tmp_path / "tokenizer")
    assert document == {
        "out": str(tmp_path / "tokenizer"),
        "size": SIDE,
        "n_codes": tokenizer.n_codes,
        "codes_per_image": tokenizer.codes_per_image,
        "weights": weights_hash(tokenizer),
    }


@pytest.mark.parametrize(
    ("words", "status", "complaint"),
    [
        (["vqgan.safetensors", "--size", "33"], 2, "multiple of 2"),
        (["vqgan.safetensors", "--size", "0"], 2, "--size"),
        (["missing.ckpt"], 1, "missing.ckpt"),
        (["vqgan.safetensors", "--out", "."], 2, "."),
    ],
)
def test_a_slip_is_named_and_nothing_written(
    words, status, complaint, weights, tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    out = [] if "--out" in words else ["--out", "tokenizer"]
    assert main(["tokenizer-import", *words, *out]) == status
    assert complaint in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [weights]


def test_images_become_codes_and_pictures(weights, tmp_path, capsys) -> None:
    film = np.random.default_rng(0).random((40, 40)).astype(np.float32)
    write_png(tmp_path / "film.png", film)
    tokenizer = str(tmp_path / "tokenizer")
    assert main(["tokenizer-import", str(weights), "--out", tokenizer, "--size", str(SIDE)]) == 0
    out = tmp_path / "codes"
    words = ["tokenize", str(tmp_path / "film.png"), "--run", tokenizer, "--out", str(out)]
    capsys.readouterr()
    assert main([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["tokenized"], document["failed"]) == (1, 0)
    identifier = image_id(read_image(tmp_path / "film.png").pixels)
    picture = read_image(out / "pictures" / f"film-{identifier}.png").pixels
    assert picture.shape == (SIDE, 2 * SIDE)
    np.testing.assert_allclose(picture[:, :SIDE], fit(film, SIDE), atol=1 / 255)
    assert document["tokenized_before"] == 0
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    more = ["tokenize", str(tmp_path / "film.png"), str(tmp_path / "broken.png"), *words[2:]]
    assert main([*more, "--codes-only", "--format", "jsonl"]) == 3
    said = capsys.readouterr().out
    assert "1 were tokenized before" in said
    assert "1 could not be read" in said
    assert main([*more[:-1], str(tmp_path / "bare"), "--codes-only", "--format", "jsonl"]) == 3
    assert sorted(path.name for path in (tmp_path / "bare").iterdir()) == ["codes.jsonl", "tokenizer.json"]
