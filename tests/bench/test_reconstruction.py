"""What codes keep: a tokenizer that keeps all loses nothing, one that keeps nothing loses the findings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from bench.helpers import Films, pixels_of, record
from hilum.bench.classifier import Classifier, Network
from hilum.bench.metrics import FINDINGS
from hilum.bench.population import Choice, Population
from hilum.bench.reconstruction import reconstruct, reconstructed
from hilum.errors import UsageError
from hilum.study import Split
from hilum.tokenizer import ImageTokenizer, TokenizerConfig


class Perfect(ImageTokenizer):
    """Its codes are numbers of the films it has been shown."""

    def encode(self, pixels_BHW):
        self.seen = pixels_BHW
        return torch.arange(len(pixels_BHW))[:, None].repeat(1, self.codes_per_image) % self.n_codes

    def decode(self, codes_BN):
        return self.seen


@pytest.fixture(scope="module")
def made():
    torch.manual_seed(0)
    config = TokenizerConfig(image_size=32, grid=2, levels=(4, 4), width=8, blocks=1)
    films = np.random.default_rng(0).integers(0, 256, (24, 32, 32), dtype=np.uint8)
    labels = np.full((24, len(FINDINGS)), np.nan, np.float32)
    labels[:, :3] = np.random.default_rng(1).integers(0, 2, (24, 3))
    about = {"classifier": Classifier(Network(len(FINDINGS)).eval()), "labels": labels}
    return config, films, [f"p{i // 2}" for i in range(24)], about


@pytest.mark.filterwarnings("ignore:divide by zero")  # the PSNR of equal pictures is infinite
def test_what_comes_back_unchanged_has_lost_nothing(made) -> None:
    config, films, patients, about = made
    kept, back = reconstructed(Perfect(config), films, patients, **about)
    np.testing.assert_allclose(back, films / 255, atol=1e-6)
    assert kept.ssim.value == pytest.approx(1)
    assert kept.lost.value == 0
    assert kept.macro == kept.macro_films
    assert kept.fd == pytest.approx(0, abs=1e-6)
    assert [finding.real == finding.drawn for finding in kept.findings] == [True] * 3
    assert (kept.n_codes, kept.codes_used, kept.films) == (16, 16, 24)


def test_a_random_tokenizer_loses_likeness(made) -> None:
    config, films, patients, about = made
    kept, back = reconstructed(ImageTokenizer(config).eval(), films, patients, **about)
    errors = ((films / 255 - back) ** 2).mean((1, 2))
    assert kept.psnr.value == pytest.approx(-10 * np.log10(errors).mean(), rel=1e-4)
    assert kept.fd > 0.05
    assert kept.psnr.low < kept.psnr.value < kept.psnr.high
    document = kept.to_json()
    assert document["lost"]["n"] == 24
    assert {finding["asked"] for finding in document["findings"]} <= set(range(25))


def test_figures_that_need_a_judge_are_left_out_without_one(made) -> None:
    config, films, patients, _ = made
    kept, _ = reconstructed(ImageTokenizer(config).eval(), films, patients)
    assert (kept.macro, kept.findings, kept.fd) == (None, (), None)
    assert replace(kept).to_json()["macro"] is None
    with pytest.raises(UsageError, match="none"):
        reconstructed(ImageTokenizer(config).eval(), films[:0], [])


def test_reconstructions_are_measured_on_the_chosen_studies():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = TokenizerConfig(image_size=16, grid=2, levels=(4, 4), width=16, blocks=1, fold=4)
        tokenizer = ImageTokenizer(config).eval()
    films = Films(*(record(f"s{i}") for i in range(9)), split=Split.TEST)
    population = Population.choose(films, Choice.TEST)
    found, pairs = reconstruct(tokenizer, population)
    assert found.psnr.n == found.ssim.n == 9
    assert 0 < found.psnr.value < 100
    assert found.ssim.value < 1
    assert len(pairs) == 6
    np.testing.assert_allclose(pairs[0][0], pixels_of("s0-image"), atol=1 / 255)
    assert reconstruct(tokenizer, population, limit=4)[0].psnr.n == 4
    assert films.asked == sorted(films.asked)
    assert reconstruct(tokenizer, Population.choose(Films(), Choice.TEST)) == (None, ())
    assert found.macro is None
    assert {"psnr_db", "ssim", "codes_used"} <= set(found.to_json())
