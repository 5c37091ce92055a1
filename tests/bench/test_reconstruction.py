"""What codes keep: a tokenizer that keeps all loses nothing, one that keeps nothing loses the findings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from bench.helpers import EFFUSION, Films, pixels_of, record
from hilum.bench.classifier import Classifier, Network
from hilum.bench.image_metrics import Moments, frechet_distance, kernel_distance
from hilum.bench.intervals import Bootstrap, Estimate
from hilum.bench.labels import asked_labels
from hilum.bench.metrics import FINDINGS
from hilum.bench.population import Choice, Population
from hilum.bench.readings import compare_readings
from hilum.bench.reconstruction import reconstruct, reconstructed, restore
from hilum.errors import UsageError
from hilum.study import Position, Presence, Split
from hilum.tokenizer import ImageTokenizer, TokenizerConfig, code_usage
from hilum.tokenizer.codes import fidelity


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


def test_every_figure_is_the_one_that_its_name_tells(made) -> None:
    config, films, patients, about = made
    with torch.random.fork_rng():
        torch.manual_seed(5)
        tokenizer = ImageTokenizer(config).eval()
    kept, back = reconstructed(tokenizer, films, patients, **about)
    assert kept == reconstructed(tokenizer, films, patients, seed=0, **about)[0]
    assert kept != reconstructed(tokenizer, films, patients, seed=1, **about)[0]
    codes, again = restore(tokenizer, films)
    np.testing.assert_array_equal(again, back)
    real, boot, judge = films / np.float32(255), Bootstrap(patients, seed=0), about["classifier"]
    read = compare_readings(judge.scores(back), judge.scores(real), about["labels"].astype(float), boot)
    assert (kept.macro, kept.macro_films, kept.lost, kept.findings) == (
        read.drawn,
        read.real,
        read.gap,
        read.findings,
    )
    assert kept.macro.value != kept.macro_films.value
    likeness = fidelity(real, back)
    assert (kept.psnr, kept.ssim) == (boot.mean(likeness.psnr), boot.mean(likeness.ssim))
    assert (kept.n_codes, kept.codes_used) == (16, len(np.unique(codes)))
    assert kept.codes_used < 16
    assert kept.perplexity == code_usage(codes, 16)[1]
    assert kept.markers == Estimate(None, None, None, 0), "noise shows no marker"
    sides = judge.features(real), judge.features(back)
    assert kept.fd == pytest.approx(frechet_distance(*map(Moments.of, sides)))
    assert kept.kd == kernel_distance(*sides, seed=0)[0]


def test_two_films_make_a_set_and_one_makes_none(made) -> None:
    config, films, patients, about = made
    judge = about["classifier"]
    for count in (1, 2):
        kept, _ = reconstructed(
            ImageTokenizer(config).eval(), films[:count], patients[:count], classifier=judge
        )
        assert ((kept.fd is None), (kept.kd is None), kept.macro) == (count == 1, count == 1, None)


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


class Bright:
    """Calls an image the more likely to show anything the brighter it is."""

    def scores(self, images, *, batch: int = 128):
        return np.asarray(images).mean((1, 2))[:, None].repeat(len(FINDINGS), 1)

    features = scores


def test_findings_are_read_off_frontal_films_and_intervals_are_over_patients_of_a_source() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = TokenizerConfig(image_size=16, grid=2, levels=(4, 4), width=16, blocks=1, fold=4)
        tokenizer = ImageTokenizer(config).eval()
    records = [
        record(
            f"s{i}",
            image_ids=(f"{i:02}-pa", f"{i:02}-lateral"),
            positions=(Position.PA, Position.LATERAL),
            patient=f"p{i // 2:02}",
            facts=(EFFUSION,) if i % 3 else (),
            labels={EFFUSION.finding: Presence.PRESENT if i % 3 else Presence.ABSENT},
        )
        for i in range(16)
    ]
    shards = Films(*records, split=Split.TEST)
    found, pairs = reconstruct(tokenizer, Population.choose(shards, Choice.TEST), Bright())
    assert shards.asked == sorted(image for one in records for image in one.image_ids)
    labels = np.full((32, len(FINDINGS)), np.nan, np.float32)
    labels[1::2] = [asked_labels(one) for one in records]
    films = shards.pixels_many(shards.asked)
    patients = [f"phantom/p{i // 4:02}" for i in range(32)]
    expected, back = reconstructed(tokenizer, films, patients, classifier=Bright(), labels=labels)
    assert found == expected
    assert [finding.asked for finding in found.findings] == [10]
    assert found.findings[0].real.n == 16
    np.testing.assert_array_equal([pair[1] for pair in pairs], back[:6])
    some, _ = reconstruct(tokenizer, Population.choose(shards, Choice.TEST), limit=5)
    first = shards.asked
    reconstruct(tokenizer, Population.choose(shards, Choice.TEST), limit=5, seed=0)
    assert (shards.asked, some.films) == (first, 5)
    reconstruct(tokenizer, Population.choose(shards, Choice.TEST), limit=5, seed=1)
    assert shards.asked != first
