"""Plain `transformers`, with no Hilum to import, answers from a PNG as Hilum does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from hilum.images import Fit, read_image
from hilum.model import Model, Reads, Writes
from hilum.model.vocabulary import BOX, BOXED, END
from hilum.prompts import canonical
from hilum.study import Task
from model.helpers import picture, prompt, tiny

PAGE = Path(__file__).parents[2] / "docs" / "transformers.md"
SCRIPT = re.search(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)[1]

ALONE = "import sys, runpy; sys.modules['hilum'] = None; sys.argv = sys.argv[1:]; "
ONE = ALONE + "runpy.run_path(sys.argv[0], run_name='__main__')"
MANY = ALONE + (
    "import json; page = runpy.run_path(sys.argv[0]); folder = sys.argv[1]; "
    "model = page['AutoModelForImageTextToText'].from_pretrained(folder); "
    "processor = page['AutoProcessor'].from_pretrained(folder); "
    "print(json.dumps([page['answer'](model, processor, *asked) for asked in json.loads(sys.argv[2])]))"
)
"""Programs that cannot import Hilum: the page's script as it is run, and its function on many questions."""


def wordy() -> Model:
    """A model that writes no box: what one is made of is Hilum's grammar, which plain `generate` lacks."""
    model = tiny(Reads.FEATURES, Writes.CODES)
    with torch.no_grad():
        for token in (BOX, BOXED):
            model.network.get_input_embeddings().weight[model.vocabulary.id(token)] = 0
    return model


def films(folder: Path) -> list[str]:
    """PNGs of every kind: 8 and 12 bits, grey, colour, palette, transparent, small, wide and tall."""
    rng = np.random.default_rng(0)

    def grey(*shape: int, top: int = 256) -> np.ndarray:
        return rng.integers(0, top, shape)

    made = {
        "grey": Image.fromarray(grey(32, 32).astype(np.uint8)),
        "wide": Image.fromarray(grey(61, 97).astype(np.uint8)),
        "tall": Image.fromarray(grey(200, 47).astype(np.uint8)),
        "small": Image.fromarray(grey(9, 14).astype(np.uint8)),
        "deep": Image.fromarray(grey(70, 64, top=4096).astype(np.uint16)),
        "colour": Image.fromarray(grey(40, 50, 3).astype(np.uint8)),
        "transparent": Image.fromarray(grey(40, 50, 4).astype(np.uint8)),
        "palette": Image.fromarray(grey(64, 64, 3).astype(np.uint8)).quantize(64),
        "bits": Image.fromarray(grey(64, 64).astype(np.uint8)).convert("1"),
    }
    for name, image in made.items():
        image.save(folder / f"{name}.png")
    return [str(folder / f"{name}.png") for name in made]


def plain(program: str, *words: str, folder: Path) -> str:
    script = folder / "answer.py"
    script.write_text(SCRIPT, encoding="utf-8")
    command = [sys.executable, "-c", program, str(script), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_s_script_answers_every_png_as_hilum_does(tmp_path) -> None:
    model = wordy()
    run = str(model.save(tmp_path / "run"))
    paths = films(tmp_path)
    question = "Is there a nodule?"
    asked = [([path], question) for path in paths]
    asked.append((paths[:2], "Which lung?"))
    mine = [model.ask([read_image(p).pixels for p in some], question).text for some, question in asked]
    assert len(set(mine)) > len(asked) // 2  # the films matter, and so do the words
    assert json.loads(plain(MANY, run, json.dumps(asked), folder=tmp_path)) == mine
    assert plain(ONE, run, paths[1], question, folder=tmp_path).strip() == mine[1]


def test_the_page_asks_for_a_report_in_hilum_s_words() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for indication in ("", "Cough and fever."):
        assert f"`{canonical(Task.FINDINGS, indication=indication)}`" in page


def test_hilum_cannot_be_imported_by_those_programs(tmp_path) -> None:
    with pytest.raises(AssertionError, match="import of hilum halted"):
        plain(ALONE + "import hilum", folder=tmp_path)


def test_a_film_and_a_question_become_what_hilum_makes_of_them(tmp_path) -> None:
    model = tiny()
    processor = AutoProcessor.from_pretrained(model.save(tmp_path / "run"))
    content = [{"type": "image"}, {"type": "text", "text": "Any nodule?"}]
    words = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    film = Image.fromarray(np.uint8(255 * picture(1, 32)))
    inputs = processor(images=film, text=words, return_tensors="pt")
    assert inputs["input_ids"].tolist() == [list(model.tokenize(prompt("Any nodule?", 1)).ids)]
    grey = np.asarray(film) / np.float32(255)
    assert torch.allclose(
        inputs["pixel_values"], torch.from_numpy(grey * 2 - 1).expand(1, 3, 32, 32), atol=1e-6
    )


def test_the_processor_s_own_resize_is_near_hilum_s(tmp_path) -> None:
    model = tiny()
    processor = AutoProcessor.from_pretrained(model.save(tmp_path / "run"))
    smooth = np.add.outer(np.arange(90), 2 * np.arange(120)) / 327
    seen = processor.image_processor(Image.fromarray(np.uint8(255 * smooth)), return_tensors="np")[
        "pixel_values"
    ]
    assert np.abs(seen[0, 0] - (2 * model.prepare(smooth.astype(np.float32)).numpy() - 1)).max() < 0.02


def test_a_padding_model_takes_squares_alone(tmp_path) -> None:
    model = tiny()
    model.fit = Fit.PAD
    processor = AutoProcessor.from_pretrained(model.save(tmp_path / "run"))
    wide = Image.fromarray(np.zeros((20, 30), np.uint8))
    assert processor.image_processor(wide, return_tensors="np")["pixel_values"].shape == (1, 3, 20, 30)


@pytest.mark.parametrize("reads", [Reads.CODES, Reads.BOTH])
def test_a_model_that_reads_codes_has_no_processor(tmp_path, reads) -> None:
    folder = tiny(reads).save(tmp_path / "run")
    assert (folder / "generation_config.json").is_file()
    assert not (folder / "processor_config.json").exists()


def test_plain_generation_writes_words_alone(tmp_path) -> None:
    model = tiny()
    network = AutoModelForImageTextToText.from_pretrained(model.save(tmp_path / "run"))
    ids = torch.tensor([model.vocabulary.encode("Draw a chest radiograph.")])
    written = set(network.generate(input_ids=ids)[0, ids.shape[1] :].tolist())
    assert written
    assert written <= {*model.vocabulary.text_ids, *(model.vocabulary.id(t) for t in (BOX, BOXED, END))}
