"""Films on disk and one question of every kind about them."""

from __future__ import annotations

from pathlib import Path

from hilum.bench.adapters import Kind, Question
from hilum.images import write_png
from model.helpers import picture


def films(folder: Path, number: int = 2, size: int = 48) -> list[Path]:
    paths = [folder / f"film{i}.png" for i in range(number)]
    for i, path in enumerate(paths):
        write_png(path, picture(i, size))
    return paths


def every_kind(folder: Path) -> list[Question]:
    """CheXbench's ten tasks."""
    now, before = films(folder)
    choice, one = Kind.CHOICE, (now,)
    changes = ("worsening", "stable", "improving")
    effusion, edema = {"disease": "Pleural Effusion"}, {"disease": "Edema"}
    findings = {"findings": "Small left pleural effusion."}
    return [
        Question("view", choice, "What is the view?", one, ("PA", "AP", "lateral"), "View Classification"),
        Question(
            "binary", choice, "Effusion?", one, ("Yes", "No"), "Binary Disease Classification", effusion
        ),
        Question("single", choice, "Which one?", one, ("Edema", "Mass"), "Single Disease Identification"),
        Question(
            "multiple", choice, "Which?", one, ("Edema, Mass", "Fracture"), "Multiple Disease Identification"
        ),
        Question("temporal", choice, "Edema?", (before, now), changes, "Temporal Classification", edema),
        Question("vqa", choice, "Is it normal?", one, ("no", "yes"), "Visual Question Answering"),
        Question("fine", choice, "Which?", one, ("left edema", "right edema"), "Fine-Grained Reasoning"),
        Question("box", Kind.BOX, "Locate: edema", one, (), "Phrase Grounding", {"phrase": "left edema"}),
        Question(
            "text", Kind.TEXT, "Write.", (now, before), (), "Findings Generation", {"indication": "Cough"}
        ),
        Question("sum", Kind.TEXT, "Sum up: x", (), (), "Findings Summarization", findings),
    ]
