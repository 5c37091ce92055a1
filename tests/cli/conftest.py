"""A run folder with random weights: what it answers is noise, but every command runs on it for real."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SENTENCES = (
    "Small left pleural effusion. No pneumothorax. The heart is normal in size.",
    "The lungs are clear. Is there an effusion? Yes. No. PA AP LATERAL",
)


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory) -> Path:
    from hilum.model import Model, ModelConfig, Vocabulary
    from hilum.tokenizer import ImageTokenizer, TokenizerConfig

    image_tokenizer = ImageTokenizer(TokenizerConfig(image_size=32, grid=4, levels=(4, 4)))
    vocabulary = Vocabulary.learn(SENTENCES, n_codes=image_tokenizer.n_codes, size=400)
    config = ModelConfig(
        image_size=32, patch=8, width=32, depth=1, vision_width=32, vision_depth=1, vocabulary_size=400
    )
    folder: Path = tmp_path_factory.mktemp("run") / "model"
    Model.new(config, vocabulary, image_tokenizer, name="tiny").save(folder)
    return folder


@pytest.fixture
def chest(tmp_path) -> Path:
    """A picture that decodes: a grey ramp, wider than high."""
    path = tmp_path / "chest.png"
    Image.fromarray(np.tile(np.arange(96, dtype=np.uint8) * 2, (64, 1))).save(path)
    return path


@pytest.fixture
def hilum_process(tmp_path):
    """Run the program as a user does, in its own process."""

    def run(*words: object, **options) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "hilum", *map(str, words)]
        options.setdefault("cwd", tmp_path)
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, **options)

    return run
