"""The commands that use a trained model: report, ask, locate, draw.

Ask(run_folder=Path("quickstart"), images_and_question=("chest.dcm", "Is there an effusion?")).run()
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from hilum.cli import inputs, pictures, show
from hilum.cli.command import Base, Images, Number, Run
from hilum.cli.screen import Outcome
from hilum.errors import DataError, UsageError
from hilum.study import Position

if TYPE_CHECKING:
    from hilum.model import Model

MAX_DRAWN = 64
"""Pictures of one text: they are drawn side by side, and each takes its share of the memory."""


@dataclass(frozen=True, kw_only=True)
class ReportImages(Base):
    """Write the report of a study from its images.

    Example:
      hilum report quickstart pa.dcm lateral.dcm --indication "Cough and fever."
    """

    run_folder: Run
    """The run folder of a trained model."""
    images: Images = field(metadata={"at_least": 1})
    """The images of one study: DICOM, PNG or JPEG."""
    indication: Annotated[str, arg(metavar="TEXT", help_behavior_hint="")] = ""
    """Why the study was made."""
    force: bool = False
    """Also read what its header says is not a chest radiograph."""

    def run(self) -> Outcome:
        """Report."""
        radiographs = inputs.images(self.images, force=self.force)
        model = _load(self.run_folder)
        report = model.report([r.pixels for r in radiographs], indication=self.indication or None)
        sections = {
            "indication": report.indication or self.indication,
            "comparison": report.comparison,
            "findings": report.findings,
            "impression": report.impression,
        }
        document = {**sections, "images": [str(path) for path in self.images], **_provenance(model)}
        return Outcome(document, show.report(sections))


@dataclass(frozen=True, kw_only=True)
class Ask(Base):
    """Answer a question about the images of a study.

    Example:
      hilum ask quickstart chest.dcm "Is there a pleural effusion?"
    """

    run_folder: Run
    """The run folder of a trained model."""
    images_and_question: Annotated[
        Positional[tuple[str, ...]], arg(metavar='IMAGE... "QUESTION"', help_behavior_hint="(required)")
    ] = field(metadata={"at_least": 2})
    """The images of one study, then the question."""
    force: bool = False
    """Also read what its header says is not a chest radiograph."""

    def run(self) -> Outcome:
        """Ask."""
        *paths, question = self.images_and_question
        if not question.strip():
            raise UsageError("question", "is empty", "ask something about the image")
        radiographs = inputs.images([Path(path) for path in paths], force=self.force)
        model = _load(self.run_folder)
        answer = model.ask([r.pixels for r in radiographs], question)
        document = {"question": question, "answer": answer.text, "images": paths, **_provenance(model)}
        return Outcome(document, show.lines(answer.text))


@dataclass(frozen=True, kw_only=True)
class Locate(Base):
    """Find the place of a phrase in an image, as a box.

    Example:
      hilum locate quickstart chest.dcm "left pleural effusion" --out boxed.png
    """

    run_folder: Run
    """The run folder of a trained model."""
    image: Annotated[Positional[Path], arg(metavar="IMAGE")]
    """DICOM, PNG or JPEG."""
    phrase: Annotated[Positional[str], arg(metavar='"PHRASE"')]
    """What to look for."""
    out: Annotated[Path | None, arg(metavar="PNG", help_behavior_hint="")] = None
    """Also write the image with the box drawn in it."""
    force: bool = False
    """Also read what its header says is not a chest radiograph."""

    def run(self) -> Outcome:
        """Locate."""
        if not self.phrase.strip():
            raise UsageError("phrase", "is empty", "say what to look for")
        if self.out is not None:
            inputs.new_picture(self.out)
        (radiograph,) = inputs.images([self.image], force=self.force)
        model = _load(self.run_folder)
        answer = model.locate(radiograph.pixels, self.phrase)
        if self.out is not None:
            pictures.write_boxed(self.out, radiograph.pixels, answer.boxes, self.phrase)
        boxes = [[round(v, 4) for v in box] for box in answer.boxes]
        document = {"phrase": self.phrase, "boxes": boxes, "image": str(self.image), **_provenance(model)}
        notes = [f"x {x1:.2f}-{x2:.2f}, y {y1:.2f}-{y2:.2f}" for x1, y1, x2, y2 in boxes] or ["not found"]
        return Outcome(document, show.lines(*notes, *([f"boxed: {self.out}"] if self.out else [])))


@dataclass(frozen=True, kw_only=True)
class Draw(Base):
    """Draw a radiograph from the text of a report; the picture is marked as synthetic.

    Example:
      hilum draw quickstart "Large right pleural effusion." --out synthetic.png --view PA
    """

    run_folder: Run
    """The run folder of a trained model that writes images."""
    text: Annotated[Positional[str], arg(metavar='"REPORT TEXT"')]
    """What the picture is to show; "-" reads it from standard input."""
    out: Annotated[Path, arg(metavar="PNG")]
    """The PNG to write, exactly here; with --n more than 1, PNG-1, PNG-2 and so on."""
    view: Literal["PA", "AP", "LATERAL"] = "PA"
    """How the view is taken."""
    n: Number = 1
    """How many different pictures."""
    seed: Number = 0
    """The same seed draws the same pictures."""

    def run(self) -> Outcome:
        """Draw."""
        inputs.at_least("--n", self.n)
        inputs.at_most("--n", self.n, MAX_DRAWN)
        inputs.new_picture(self.out)
        text = inputs.checked_report(self.text, "report text")
        model = _load(self.run_folder)
        answers = model.draw(text, position=Position(self.view), n=self.n, seed=self.seed)
        paths = pictures.numbered(self.out, self.n)
        source = _provenance(model)
        made_by = f"Hilum model {source['model']} {source['weights']}"
        for path, answer in zip(paths, answers, strict=True):
            if answer.image is None:
                raise DataError(self.run_folder, "drew no picture", "use a run whose model writes images")
            pictures.write_drawn(path, answer.image, text=text, made_by=made_by)
        document = {
            "text": text,
            "view": self.view,
            "images": [str(path) for path in paths],
            "synthetic": True,
            **source,
        }
        return Outcome(document, show.lines(*(f"synthetic: {path}" for path in paths)))


def _load(run_folder: Path) -> Model:
    import hilum

    return hilum.load(run_folder)


def _provenance(model: Model) -> dict[str, str]:
    """What every answer of a model carries: which weights gave it, and when."""
    return {
        "model": model.name,
        "weights": model.weights_hash(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "use": "research only",
    }
