"""Pictures that commands write: a drawn radiograph that says it is synthetic, a radiograph with boxes.

write_drawn(Path("synthetic.png"), answer.image, text="Small left pleural effusion.")
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hilum.study import Box, Pixels

MARK = "SYNTHETIC"
_BOX_COLOUR = (255, 196, 0)


def label_synthetic(pixels: Pixels) -> Pixels:
    """Burn the word SYNTHETIC into the lower edge, white on black, so that no crop of the chest loses it.

    Args:
        pixels: (H, W) in [0, 1].

    Returns:
        A copy with the label in it.
    """
    from PIL import Image, ImageDraw, ImageFont

    height, width = pixels.shape
    canvas = Image.fromarray((np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8))
    pen = ImageDraw.Draw(canvas)
    pen.fontmode = "1"  # crisp: a small picture leaves no room for soft edges
    points = max(8, min(height // 18, width // 8))
    font = ImageFont.load_default(points)
    left, top, right, bottom = (round(v) for v in pen.textbbox((0, 0), MARK, font=font))
    x, y = 2, height - (bottom - top) - 3
    pen.rectangle((0, y - 2, x + right - left + 2, height), fill=0)
    pen.text((x - left, y - top), MARK, fill=255, font=font)
    return (np.asarray(canvas, dtype=np.float32) / 255).astype(np.float32)


def resized(pixels: Pixels, size: int) -> Pixels:
    """A square picture at another size: made larger by Lanczos's filter, smaller by area.

    Args:
        pixels: (H, H) in [0, 1].
        size: height and width wanted; the picture gains no detail by it.

    Returns:
        (size, size) in [0, 1].
    """
    from PIL import Image

    from hilum.images import fit

    if size <= len(pixels):
        return fit(pixels, size)
    larger = Image.fromarray(pixels.astype(np.float32)).resize((size, size), Image.Resampling.LANCZOS)
    return np.clip(np.asarray(larger, dtype=np.float32), 0, 1)  # the filter overshoots at edges


def resampling(side: int, size: int) -> str:
    """What `resized` does to a picture, in words; none where it does nothing."""
    if side == size:
        return ""
    how = "enlarged by Lanczos interpolation, which adds no detail" if size > side else "reduced by area"
    return f"drawn with {side} pixels a side, {how}"


def write_drawn(path: Path, pixels: Pixels, *, text: str, made_by: str, size: int | None = None) -> None:
    """Write a drawn radiograph as PNG; the pixels and the PNG's own text both say that it is synthetic.

    Args:
        path: where to; used as given.
        pixels: (H, H) in [0, 1].
        text: the report it was drawn from.
        made_by: the model that drew it.
        size: height and width of the PNG in pixels; those of the drawing when None.
    """
    from hilum.images import write_png

    size = size or len(pixels)
    said = _said(text, made_by, resampling(len(pixels), size))
    write_png(path, label_synthetic(resized(pixels, size)), text=said)


def write_sheet(
    path: Path,
    pictures: Sequence[Pixels],
    captions: Sequence[str],
    *,
    text: str,
    made_by: str,
    size: int | None = None,
) -> None:
    """Write drawings of one text as one PNG, each labelled as synthetic and above its caption.

    Args:
        path: where to; used as given.
        pictures: (H, H) in [0, 1] each.
        captions: of each, in a line below it.
        text: the report they were drawn from, which stands below all.
        made_by: the model that drew them.
        size: height and width of each in pixels; those of the drawing when None.
    """
    from PIL import Image, ImageDraw, ImageFont

    from hilum.images import write_png
    from hilum.model.answer import NOTICE

    size = size or len(pictures[0])
    font: Any = ImageFont.load_default(max(9, size // 24))
    strip = sum(font.getmetrics()) + 2
    cell = max(size, *(round(font.getlength(caption)) + 4 for caption in captions))
    columns = columns_of(len(pictures))
    width, rows = columns * cell, -(-len(pictures) // columns)
    band = _band(f"{text} {made_by}. {NOTICE}", width, font).convert("L")
    sheet = Image.new("L", (max(width, band.width), rows * (size + strip) + band.height))
    sheet.paste(band, (0, rows * (size + strip)))
    pen = ImageDraw.Draw(sheet)
    for place, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        x, y = place % columns * cell, place // columns * (size + strip)
        grey = label_synthetic(resized(picture, size))
        sheet.paste(Image.fromarray((grey * 255 + 0.5).astype(np.uint8)), (x, y))
        pen.text((x + 2, y + size), caption, fill=255, font=font)
    said = _said(text, made_by, resampling(len(pictures[0]), size))
    write_png(path, (np.asarray(sheet, np.float32) / 255).astype(np.float32), text=said)


def columns_of(count: int) -> int:
    """Columns of a sheet of so many pictures: as many as rows, or one more."""
    return math.ceil(math.sqrt(count))


def _said(text: str, made_by: str, resampled: str) -> dict[str, str]:
    """What the text chunks of a drawn PNG say."""
    from hilum.model.answer import NOTICE

    said = {"Synthetic": "yes: drawn by a model, not taken of a patient", "Software": made_by}
    said |= {"Resampled": resampled} if resampled else {}
    return said | {"Description": text, "Comment": NOTICE}


def write_restored(path: Path, film: Pixels, back: Pixels) -> None:
    """Write a film, left, beside what came back from its codes, which is labelled as synthetic.

    Args:
        film, back: (H, W) in [0, 1], of one size.
    """
    from hilum.images import write_png
    from hilum.model.answer import NOTICE

    said = {"Synthetic": "yes, the right half: painted from codes", "Comment": NOTICE}
    write_png(path, np.concatenate([film, label_synthetic(back)], axis=1), text=said)


def numbered(path: Path, n: int) -> list[Path]:
    """The paths of `n` pictures: the path itself for one, `stem-1.png` … `stem-N.png` for more."""
    if n == 1:
        return [path]
    return [path.with_name(f"{path.stem}-{i}{path.suffix}") for i in range(1, n + 1)]


def write_boxed(path: Path, pixels: Pixels, boxes: Sequence[Box], phrase: str, model: str) -> None:
    """Write a radiograph with its boxes in colour and the phrase beside them.

    A band below it says which model drew the boxes and that they are for research only: a picture travels
    without the words it came with, and no pixel of the radiograph is given up for it.

    Args:
        path: the PNG to write.
        pixels: (H, W) in [0, 1].
        boxes: corners as fractions of width and height.
        phrase: what was looked for.
        model: the model's name and weights.
    """
    from PIL import Image, ImageDraw, ImageFont

    from hilum.files import atomic_path
    from hilum.images.png import marked
    from hilum.model.answer import NOTICE

    height, width = pixels.shape
    grey = (np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8)
    font = ImageFont.load_default(max(9, height // 32))
    said = phrase if boxes else f"{phrase}: not found"
    band = _band(f"{said}. Hilum model {model}. {NOTICE}", width, font)
    canvas: Any = Image.new("RGB", (max(width, band.width), height + band.height))
    canvas.paste(Image.fromarray(grey).convert("RGB"), (0, 0))
    canvas.paste(band, (0, height))
    pen = ImageDraw.Draw(canvas)
    line = max(1, round(min(height, width) / 200))
    left, top, right, bottom = (round(v) for v in pen.textbbox((0, 0), phrase, font=font))
    for x1, y1, x2, y2 in boxes:
        corners = [round(v) for v in (x1 * width, y1 * height, x2 * width - 1, y2 * height - 1)]
        pen.rectangle(corners, outline=_BOX_COLOUR, width=line)
        # Within the picture, wherever the box lies, and on black: yellow on bone is not read.
        x = max(0, min(corners[0] + 2 * line, width - (right - left) - line))
        y = max(0, min(corners[1] + 2 * line, height - (bottom - top) - line))
        pen.rectangle((x - 1, y - 1, x + right - left, y + bottom - top), fill=0)
        pen.text((x - left, y - top), phrase, fill=_BOX_COLOUR, font=font)
    chunks = marked()
    for key, text in {"Software": f"Hilum model {model}", "Description": said, "Comment": NOTICE}.items():
        chunks.add_text(key, text)
    with atomic_path(path) as tmp:
        canvas.save(tmp, format="PNG", pnginfo=chunks)


def _band(text: str, width: int, font: Any) -> Any:
    """White words on black, broken into lines of `width` pixels, wider only where one word is."""
    from PIL import Image, ImageDraw

    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    ascent, descent = font.getmetrics()
    step = ascent + descent + 1
    band = Image.new("RGB", (round(max(map(font.getlength, lines))) + 2, step * len(lines) + 2))
    pen = ImageDraw.Draw(band)
    for number, words in enumerate(lines):
        pen.text((1, 1 + number * step), words, fill=(255, 255, 255), font=font)
    return band
