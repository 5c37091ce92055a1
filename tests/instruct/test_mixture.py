"""A file of weights says how often training draws from each task and source."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.cli import main
from hilum.errors import DataError, UsageError
from hilum.instruct import Mixture, Shards, build, read_mixture
from hilum.sources import SourceSpec
from hilum.study import Split, Task

WRITTEN = """
temperature = 2
[tasks]
findings_generation = 3
view_classification = 0
[sources]
phantom = 0.5
"""

tasks = st.sampled_from(["findings_generation", "view_classification", "binary_disease"])
sources = st.sampled_from(["phantom", "brax", "open-i"])
weights = st.floats(0.0, 10.0)


def written(folder: Path, text: str) -> Path:
    path = folder / "mixture.toml"
    path.write_text(text)
    return path


def test_a_mixture_is_read_from_toml(tmp_path: Path) -> None:
    found = read_mixture(written(tmp_path, WRITTEN))
    assert found == Mixture(2.0, {"findings_generation": 3.0, "view_classification": 0.0}, {"phantom": 0.5})
    assert read_mixture(written(tmp_path, "")) == Mixture()


@given(
    st.floats(0.3, 20.0),
    st.dictionaries(tasks, weights),
    st.dictionaries(sources, weights),
    st.dictionaries(st.tuples(tasks, sources), st.integers(0, 10**6), min_size=1),
)
def test_shares_are_as_stated(temperature, of_tasks, of_sources, counts) -> None:
    shares = Mixture(temperature, of_tasks, of_sources).shares(counts)
    masses = {
        (task, source): of_tasks.get(task, 1) * of_sources.get(source, 1) * n ** (1 / temperature)
        for (task, source), n in counts.items()
    }
    assert sum(shares.values()) == pytest.approx(1 if sum(masses.values()) else 0)
    for pair, mass in masses.items():
        assert shares[pair] * sum(masses.values()) == pytest.approx(mass)


def test_at_temperature_1_shares_are_those_of_the_counts() -> None:
    counts = {("a", "x"): 10, ("a", "y"): 30, ("b", "x"): 0}
    assert Mixture().shares(counts) == {("a", "x"): 0.25, ("a", "y"): 0.75, ("b", "x"): 0.0}


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        (
            "[tasks]\nfinding_generation = 1",
            UsageError,
            "unknown task: finding_generation; did you mean findings_",
        ),
        ("[sources]\nphanton = 1", UsageError, "unknown source: phanton; did you mean phantom"),
        ("temperatur = 1", UsageError, "unknown field: temperatur; did you mean temperature"),
        ("temperature = 0", UsageError, "has the temperature 0.0; give a number from 0.1 up"),
        ("temperature = inf", UsageError, "has inf for temperature"),
        ("[tasks]\nbinary_disease = -1", UsageError, "has -1 for binary_disease"),
        ("[tasks]\nbinary_disease = true", UsageError, "has True for binary_disease"),
        ("[tasks]\nbinary_disease = nan", UsageError, "has nan for binary_disease"),
        ("tasks = 3", UsageError, "has no table of weights in tasks"),
        ("temperature: 2", UsageError, "is not a TOML file"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(tmp_path: Path, text: str, error, said: str) -> None:
    with pytest.raises(error) as raised:
        read_mixture(written(tmp_path, text))
    assert said in str(raised.value)


def test_a_file_that_is_not_there_is_an_error_before_anything_is_built(tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    asked = ["build", "--source", "phantom", "--out", str(out), "--mixture", str(tmp_path / "no.toml")]
    assert main(asked) == 2
    assert "no.toml: cannot be read" in capsys.readouterr().err
    assert not out.exists()


def test_the_shards_and_the_card_keep_the_mixture(shards: Shards, tmp_path: Path) -> None:
    mixture = Mixture(2.0, {Task.VIEW.value: 0.0}, {"phantom": 0.5})
    made = build(
        [SourceSpec("phantom")],
        tmp_path / "out",
        size=64,
        limit=20,
        workers=1,
        progress=False,
        mixture=mixture,
    )
    assert made.mixture == mixture
    assert shards.mixture is None
    text = (made.folder / "README.md").read_text()
    counts = {
        (task.value, "phantom"): sum(1 for _ in made.conversations(Split.TRAIN, tasks=[task]))
        for task in Task
    }
    for (task, source), share in mixture.shares(counts).items():
        if counts[task, source]:
            assert f"| {source} | {task} | {share:.2%} |" in text
    assert "## Mixture" not in (shards.folder / "README.md").read_text()


def test_a_damaged_card_is_an_error(tmp_path: Path) -> None:
    made = build([SourceSpec("phantom")], tmp_path / "out", size=64, limit=2, workers=1, progress=False)
    path = made.folder / "card.json"
    for text in ("[]", json.dumps({"mixture": {"temperatures": 1}}), "{"):
        path.write_text(text)
        with pytest.raises(DataError, match="is damaged"):
            _ = Shards(made.folder).mixture


def test_what_a_mixture_names_in_vain_is_said(tmp_path: Path) -> None:
    mixture = Mixture(tasks={"view_matching": 3.0}, sources={"phantom": 0.0})
    shards = build([SourceSpec("phantom")], tmp_path / "out", limit=20, size=64, workers=1, mixture=mixture)
    said = json.loads((shards.folder / "card.json").read_text())["warnings"]
    assert "the mixture names view_matching, of which train has no conversation" in said
    assert "by the mixture's weights training draws nothing" in said
