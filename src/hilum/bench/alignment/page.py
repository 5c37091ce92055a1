"""An alignment as one HTML file that opens offline: what was sampled, judged, compared and learned.

write_page(Path("aligned/align.html"), result, prompts.pixels_of)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from hilum.align import AlignConfig, AlignResult, RoundResult
from hilum.align.prompts import PixelsOf
from hilum.align.result import shown
from hilum.bench import plots
from hilum.bench.alignment.figures import histogram, scatter
from hilum.bench.template import environment
from hilum.files import MARK, write_text
from hilum.study import Pixels
from hilum.training.log import read_history

SHOWN = 12
"""Examples on the page, the first of the last round."""
CURVES = ("loss", "accuracy", "margin", "reward_chosen", "kl")
"""What the history of a round is drawn of, where it holds it."""


@dataclass(frozen=True)
class Example:
    """Answers of one prompt as the page shows them, the better first: text, score and, if drawn, picture."""

    film: Any
    reference: str
    answers: tuple[tuple[str, float, Pixels | None], ...]


Paint = Callable[[Sequence[int]], Pixels | None]
"""Token ids of a drawn answer to its picture, (H, W) in [0, 1]."""


def write_page(
    path: Path,
    result: AlignResult,
    config: AlignConfig,
    pixels_of: PixelsOf,
    *,
    judge: str,
    command: str,
    paint: Paint | None = None,
) -> None:
    """Write the page; what Hilum wrote there before is replaced.

    Args:
        paint: shows drawn answers; None for answers in words.
    """
    last = result.rounds[-1]
    page = (
        environment(shown=shown)
        .get_template("alignment/align.html.j2")
        .render(
            mark=MARK,
            result=result,
            config=config,
            judge=judge,
            command=command,
            rounds=[(number, one, _curves(one)) for number, one in enumerate(result.rounds, start=1)],
            scores=histogram(list(_scores(last)), "score"),
            lengths=scatter(list(_lengths(last)), "words of the reference", "words of the answer"),
            examples=list(islice(_examples(last, pixels_of, paint), SHOWN)),
            drawn=paint is not None,
        )
    )
    write_text(path, page)


def _curves(one: RoundResult) -> list[Any]:
    rows = read_history(one.fit.history)
    names = [name for name in CURVES if rows and name in rows[-1]]
    return [plots.curve([(row["step"], row[name]) for row in rows if name in row], name) for name in names]


def _scores(one: RoundResult) -> Iterator[float]:
    """Of every drawn answer that has one."""
    for sample, verdict in zip(*one.tables[:2], strict=True):
        for value, draws in zip(verdict["values"], sample["draws"], strict=True):
            if value is not None:
                yield from [value] * draws


def _lengths(one: RoundResult) -> Iterator[tuple[float, float]]:
    """Words of the reference and of each answer, of some prompts."""
    for sample in islice(one.tables[0], 400):
        if not sample["draw"]:
            yield from ((len(sample["reference"].split()), len(text.split())) for text in sample["texts"])


def _examples(one: RoundResult, pixels_of: PixelsOf, paint: Paint | None) -> Iterator[Example]:
    for row in one.tables[2]:
        pictures = [None if paint is None else paint(ids) for ids in row["answers"]]
        kept = tuple(zip(row["texts"], row["values"], pictures, strict=True))
        if row["desirable"] is not None:  # the second is another prompt's
            kept = kept[:1]
        film = None
        if row["images"]:
            levels = pixels_of(row["images"][:1])[0]
            film = levels.astype(np.float32) / 255 if levels.dtype == np.uint8 else levels
        yield Example(film, row["reference"], kept)
