"""Questions that others wrote about images, gathered image by image and made into studies.

asked = ImageQuestions(problems)
asked.add("a.jpg", Question("Is it normal?", "No", True), Split.TRAIN, "train.json, question 7")
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hilum.errors import DataError
from hilum.files import Problems
from hilum.images import view_of
from hilum.sources.base import first_there
from hilum.study import Position, Question, Split, Study


@dataclass
class _Asked:
    split: Split | None
    caption: str = ""
    questions: list[Question] = field(default_factory=list)


class ImageQuestions:
    """Questions by image, in the order the images are first asked about.

    An image belongs to the split that first asks about it; questions about it in another are left out and
    counted, for they would show a test image in training.
    """

    def __init__(self, problems: Problems) -> None:
        self._asked: dict[str, _Asked] = {}
        self._problems = problems

    def add(self, image: str, question: Question, split: Split | None, where: str, caption: str = "") -> None:
        """Note a question; `where` names its row, `caption` what describes the image."""
        asked = self._asked.setdefault(image, _Asked(split))
        if asked.split is not split:
            self._problems.add(DataError(where, "asks about an image of another split", "it is left out"))
            return
        asked.caption = asked.caption or caption
        asked.questions.append(question)

    def studies(
        self,
        source: str,
        find: Callable[[str], Path | None],
        patient: Callable[[str], str],
        position: Callable[[Sequence[Question]], Position] = lambda questions: Position.UNKNOWN,
    ) -> Iterator[Study]:
        """One study per image; images that are not there are counted.

        Args:
            find: image → its file.
            patient: image → whose it is.
            position: what the questions tell of how the film was taken.
        """
        for image, asked in self._asked.items():
            path = find(image)
            if path is None:
                problem = "has questions but no image file"
                self._problems.add(DataError(image, problem, "download the images"))
                continue
            yield Study(
                id=f"{source}/{stem(image)}",
                patient=patient(image),
                source=source,
                views=(view_of(path, id=image, position=position(asked.questions)),),
                questions=tuple(asked.questions),
                caption=asked.caption,
                split=asked.split,
            )


def split_files(
    folder: Path, releases: Sequence[Sequence[tuple[Sequence[str], Split]]], problems: Problems
) -> Iterator[tuple[Path, Split]]:
    """The files of questions, packed or not, of the first release that has any there.

    A file that is missing beside the others is a problem.

    Args:
        releases: of each its splits, with the names that the file of one may have.

    Raises:
        DataError: there is none.
    """
    for release in releases:
        found = [(first_there(folder / name for name in names), names[0], split) for names, split in release]
        if any(path for path, _, _ in found):
            for path, name, split in found:
                if path is not None:
                    yield path, split
                else:
                    problems.add(DataError(name, "is missing", "its split is left out"))
            return
    names, _ = releases[0][0]
    raise DataError(folder / names[0], "is missing", "download the questions with the images")


def stem(image: str) -> str:
    """An image's name without folders and suffix."""
    return Path(image).stem


def yes_or_no(answer: str) -> bool:
    """Whether an answer is "yes" or "no"."""
    return answer.strip().strip(".").lower() in ("yes", "no")
