"""What `small` changes of nano, and nothing else."""

from __future__ import annotations

from dataclasses import asdict

from hilum.recipes.nano import nano
from hilum.recipes.small import small


def flat(value: object, name: str = "") -> dict[str, object]:
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, tuple):
        parts = enumerate(value)
    else:
        return {name: value}
    return {
        key: leaf for part, held in parts for key, leaf in flat(held, f"{name}.{part}".strip(".")).items()
    }


def test_small_is_nano_with_four_times_the_pixels_and_codes_and_more_steps():
    ours, theirs = (flat(asdict(make(7, "smollm2"))) for make in (small, nano))
    changed = {name: (theirs.get(name), value) for name, value in ours.items() if theirs.get(name) != value}
    assert changed == {
        "name": ("nano", "small"),
        "studies": (8000, 16000),
        "image_size": (128, 256),
        "tokenizer.image_size": (128, 256),
        "tokenizer.grid": (8, 16),
        "tokenizer.width": (48, 64),
        "tokenizer.paint": (4, 2),
        "tokenizer_stage.fit.steps": (850, 6000),
        "tokenizer_stage.fit.warmup": (50, 100),
        "decoder_stage.fit.steps": (550, 5000),
        "decoder_stage.fit.lr": (0.002, 0.001),
        "decoder_stage.fit.warmup": (50, 100),
        "decoder_stage.loss.start": (200, 1500),
        "decoder_stage.loss.width": (16, 32),
        "decoder_stage.loss.average": (0.0, 0.998),
        "model.image_size": (128, 256),
        "model.width": (128, 256),
        "model.depth": (4, 6),
        "model.context": (768, 1024),
        "encoder_fit.steps": (2200, 6000),
        "encoder_fit.warmup": (100, 200),
        "stages.0.fit.steps": (1700, 12000),
        "stages.0.fit.lr": (0.004, 0.003),
        "stages.0.fit.warmup": (60, 200),
        "stages.0.tokens_per_batch": (2500, 5000),
        "classifier_steps": (1050, 3000),
    }
    assert ours.keys() == theirs.keys()
    assert (ours["seed"], ours["text"]) == (7, "smollm2")
