from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFont

from hilum.cli.pictures import label_synthetic, numbered, resampling, resized, write_boxed, write_sheet


@pytest.mark.parametrize("shape", [(32, 32), (64, 64), (128, 96), (512, 400)])
def test_the_label_is_burned_into_the_lower_edge_only(shape):
    grey = np.full(shape, 0.5, np.float32)
    marked = label_synthetic(grey)
    assert marked.shape == shape
    assert marked.dtype == np.float32
    assert 0 <= marked.min() <= marked.max() <= 1
    touched = np.abs(marked - grey) > 0.01
    assert touched[-1].any()
    assert marked.max() > 0.8
    assert not touched[: shape[0] * 2 // 3].any()
    assert grey.min() == grey.max() == np.float32(0.5)


def test_one_picture_keeps_its_name_and_several_are_numbered():
    assert numbered(Path("a/b.png"), 1) == [Path("a/b.png")]
    assert numbered(Path("a/b.png"), 3) == [Path("a/b-1.png"), Path("a/b-2.png"), Path("a/b-3.png")]


@pytest.mark.parametrize("size", [20, 32, 100])
def test_a_resized_picture_shows_the_same(size):
    y, x = np.mgrid[:32, :32] / 32
    smooth = (0.5 + 0.4 * np.sin(4 * x) * np.cos(3 * y)).astype(np.float32)
    made = resized(smooth, size)
    assert (made.shape, made.dtype) == ((size, size), np.float32)
    centre = (np.arange(size) + 0.5) / size - 0.5 / 32
    wanted = 0.5 + 0.4 * np.sin(4 * centre)[None] * np.cos(3 * centre)[:, None]
    inside = slice(size // 8, -size // 8)
    assert np.abs(made - wanted)[inside, inside].max() < 0.01
    assert bool(resampling(32, size)) is (size != 32)
    hard = resized(np.kron(np.eye(4), np.ones((8, 8))).astype(np.float32), size)
    assert 0 <= hard.min() <= hard.max() <= 1


@pytest.mark.parametrize(("count", "columns", "rows"), [(1, 1, 1), (2, 2, 1), (5, 3, 2), (9, 3, 3)])
def test_a_sheet_holds_every_picture_labelled_with_its_caption_below(tmp_path, count, columns, rows):
    size = 200
    strip = sum(ImageFont.load_default(max(9, size // 24)).getmetrics()) + 2
    pictures = [np.full((50, 50), (i + 1) / 20, np.float32) for i in range(count)]
    made = []
    for captions in ([f"no. {i}, seed 3, synthetic" for i in range(count)], [""] * count):
        write_sheet(tmp_path / "sheet.png", pictures, captions, text="Clear.", made_by="tiny", size=size)
        made.append(np.asarray(Image.open(tmp_path / "sheet.png")))
    sheet, bare = made
    assert sheet.shape[1] == columns * size
    assert sheet.shape[0] > rows * (size + strip)
    for i, picture in enumerate(pictures):
        x, y = i % columns * size, i // columns * (size + strip)
        cell = sheet[y : y + size, x : x + size]
        assert np.abs(cell[: size // 2] - picture[0, 0] * 255).max() < 1
        assert (cell[-20:] == 255).any()
        below = slice(y + size, y + size + strip), slice(x, x + size)
        assert (sheet[below] > 128).sum() > 50
        assert not (bare[below]).any()


@pytest.mark.parametrize("box", [(0.9, 0.0, 1.0, 1.0), (0.0, 0.95, 0.3, 1.0), (0.1, 0.1, 0.2, 0.2)])
def test_the_phrase_is_readable_wherever_the_box_lies(tmp_path, box):
    counts = []
    for grey in (0.0, 1.0):
        write_boxed(
            tmp_path / "boxed.png",
            np.full((300, 300), grey, np.float32),
            [box],
            "pleural effusion",
            "tiny 0f",
        )
        write_boxed(tmp_path / "bare.png", np.full((300, 300), grey, np.float32), [box], "", "tiny 0f")
        word, bare = (np.asarray(Image.open(tmp_path / name)) for name in ("boxed.png", "bare.png"))
        yellow = [(picture[:300, :, 0] > 128) & (picture[:300, :, 2] < 100) for picture in (word, bare)]
        letters = yellow[0] & ~yellow[1]
        counts.append(letters.sum())
        columns = np.nonzero(letters)[1]
        assert columns.max() - columns.min() > 40
    assert counts[0] == counts[1] > 50  # the same on air and on bone


def test_a_box_is_drawn_where_it_is_said_to_be(tmp_path):
    out = tmp_path / "boxed.png"
    write_boxed(out, np.zeros((100, 200), np.float32), [(0.25, 0.5, 0.75, 0.9)], "nodule", "tiny 0f")
    picture = np.asarray(Image.open(out))
    coloured = picture[:100, :, 0] > 128
    rows, columns = np.nonzero(coloured)
    assert (columns.min(), columns.max()) == (50, 149)
    assert (rows.min(), rows.max()) == (50, 89)
    assert not coloured[:49].any()
    assert [p.name for p in tmp_path.iterdir()] == ["boxed.png"]


@pytest.mark.parametrize("shape", [(1, 1), (64, 40), (300, 300), (1200, 900)])
@pytest.mark.parametrize("boxes", [[], [(0.1, 0.1, 0.9, 0.9)]])
def test_a_boxed_picture_names_its_model_beside_the_film_and_not_on_it(tmp_path, shape, boxes):
    film = np.random.default_rng(0).random(shape, np.float32)
    pictures = []
    for number, model in enumerate(("nano 0f3c", "micro 77ab")):
        write_boxed(tmp_path / f"{number}.png", film, boxes, "", model)
        with Image.open(tmp_path / f"{number}.png") as picture:
            pictures.append(np.asarray(picture))
            assert model in picture.text["Software"]
            assert picture.text["Comment"] == "research only — not for clinical use"
            assert ("not found" in picture.text["Description"]) is not bool(boxes)
    height, width = shape
    one, two = (picture[:height, :width] for picture in pictures)
    assert np.array_equal(one, two)
    grey = (film * 255 + 0.5).astype(np.uint8)
    assert boxes or np.array_equal(one, np.repeat(grey[..., None], 3, 2))
    bands = [picture[height:] for picture in pictures]
    assert bands[0].shape != bands[1].shape or not np.array_equal(*bands)
    for band in bands:
        assert (band > 128).all(2).sum() > 100  # letters
        assert not band[:, -1].any()  # none cut off at the right edge
        assert not band[-1].any()


def test_a_narrow_film_still_has_whole_words_below_it(tmp_path):
    write_boxed(tmp_path / "boxed.png", np.zeros((64, 8), np.float32), [], "nodule", "nano 0f3c")
    assert Image.open(tmp_path / "boxed.png").width > 30
