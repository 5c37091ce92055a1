"""The commands that use a trained model: report, ask, locate, draw.

Ask(run_folder=Path("quickstart"), images_and_question=("chest.dcm", "Is there an effusion?")).run()
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, arg

from hilum.cli import inputs, pictures, show
from hilum.cli.command import Base, Images, Limit, Number, Options, Run
from hilum.cli.faults import LEFT_OUT
from hilum.cli.screen import Outcome
from hilum.errors import DataError, UsageError
from hilum.study import Position

if TYPE_CHECKING:
    from hilum.model import Caveats, Model

MAX_DRAWN = 64
"""Pictures of one text: they are drawn side by side, and each takes its share of the memory."""
MAX_SIZE = 4096
"""Pixels a side of a PNG."""


@dataclass(frozen=True, kw_only=True)
class ReportImages(Base):
    """Write the report of a study from its images, or of every study in a folder.

    A folder is read as `hilum build --source folder=…` reads it, with its table of studies, indications and
    priors where it has one. Its reports go to the file --out, one JSON object a line; stopped, it goes on
    when given again.

    Example:
      hilum report quickstart pa.dcm lateral.dcm --indication "Cough and fever."
      hilum report quickstart today.dcm --prior before.dcm
      hilum report quickstart films --out reports.jsonl
    """

    run_folder: Run
    """The run folder of a trained model."""
    images: Images = field(metadata={"at_least": 1})
    """The images of one study: DICOM, PNG or JPEG; or one folder of films."""
    indication: Annotated[str, arg(metavar="TEXT", help_behavior_hint="")] = ""
    """Why the study was made."""
    prior: Annotated[Path | None, arg(metavar="IMAGE", help_behavior_hint="")] = None
    """An earlier image of the same patient: says what became of each finding since."""
    out: Annotated[Path | None, arg(metavar="JSONL", help_behavior_hint="")] = None
    """Of a folder: the file to write, one line a study; an interrupted one is continued."""
    limit: Limit = None
    """Of a folder: take at most this many studies."""
    force: bool = False
    """Also read what its header says is not a chest radiograph."""

    def run(self) -> Outcome:
        """Report."""
        if any(path.is_dir() for path in self.images):
            return self._folder()
        for option, value in (("--out", self.out), ("--limit", self.limit)):
            if value is not None:
                raise UsageError(option, "goes with a folder of films", "name one folder, or leave it out")
        from hilum.recipes.films import as_document, frontal

        radiographs = inputs.images(self.images, force=self.force)
        prior = inputs.images([self.prior], force=self.force) if self.prior else []
        model = _load(self.run_folder)
        report = model.report(radiographs, indication=self.indication or None)
        changes = None
        if prior:
            [changes] = model.changes([(prior[0], frontal(radiographs), report.findings)])
        names = [str(path) for path in self.images]
        source = model.provenance()
        document = as_document(report, names, changes)
        notes = report.caveats.lines(_named(source), names)
        return Outcome({**document, **source}, show.report(document, notes))

    def _folder(self) -> Outcome:
        """Report every study of a folder."""
        from hilum.recipes import report_folder

        inputs.at_least("--limit", self.limit)
        if len(self.images) > 1:
            raise UsageError("IMAGE", "are several, a folder among them", "name images, or one folder")
        if self.indication or self.prior:
            option = "--indication" if self.indication else "--prior"
            remedy = "give each study its own in the folder's table (columns indication, prior)"
            raise UsageError(option, "is of one study", remedy)
        if self.out is None:
            raise UsageError("--out", "is missing", "name the file for the reports, such as reports.jsonl")
        (folder,) = self.images
        tally = report_folder(self.run_folder, folder, self.out, limit=self.limit, force=self.force)
        document = {
            "out": str(self.out),
            "reported": tally.reported,
            "failed": tally.failed,
            "answered_before": tally.answered,
            "changed": tally.changed,
            "problems": dict(tally.problems.counts),
        }
        notes = [f"{tally.reported} reported: {self.out}"]
        if tally.changed:
            notes.append(f"{tally.changed} of them had a line of other films: the later one holds")
        if tally.answered:
            notes.append(f"{tally.answered} were answered before")
        if tally.failed:
            notes.append(f"{tally.failed} could not be read; their lines say why")
        notes += [f"{count} × {problem}" for problem, count in tally.problems.counts.items()]
        return Outcome(document, show.lines(*notes), status=LEFT_OUT if tally.failed else 0)


@dataclass(frozen=True, kw_only=True)
class Ask(Base):
    """Answer a question about the images of a study.

    Ask in English, one question at a time; a short one about presence, side, place or view is answered best.

    Example:
      hilum ask quickstart chest.dcm "Is there a pleural effusion?"
      hilum ask quickstart chest.dcm "On which side is the pneumothorax?" --json
      hilum ask quickstart chest.dcm "Is there a pleural effusion?" --option yes --option no
    """

    run_folder: Run
    """The run folder of a trained model."""
    images_and_question: Annotated[
        Positional[tuple[str, ...]], arg(metavar='IMAGE... "QUESTION"', help_behavior_hint="(required)")
    ] = field(metadata={"at_least": 2})
    """The images of one study, then the question."""
    option: Options = ()
    """A text that the answer may be, repeatable; with none, the model answers freely."""
    force: bool = False
    """Also read what its header says is not a chest radiograph."""

    def run(self) -> Outcome:
        """Ask."""
        *paths, question = self.images_and_question
        if not question.strip():
            raise UsageError("question", "is empty", "ask something about the image")
        if self.option:
            from hilum.model.answer import check_options

            check_options(self.option)
        radiographs = inputs.images([Path(path) for path in paths], force=self.force)
        model = _load(self.run_folder)
        answer = model.ask([r.pixels for r in radiographs], question, options=self.option or None)
        source = model.provenance()
        offered = {"options": list(self.option)} if self.option else {}
        document = {"question": question, **offered, "answer": answer.text, "images": paths, **source}
        return _outcome(document, answer.caveats, paths, answer.text)


@dataclass(frozen=True, kw_only=True)
class Locate(Base):
    """Find the place of a phrase in an image, as a box.

    The box is printed in fractions of the image's width and height, from its top left corner.

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
            inputs.new_picture(self.out, [self.image, self.run_folder])
        (radiograph,) = inputs.images([self.image], force=self.force)
        model = _load(self.run_folder)
        answer = model.locate(radiograph.pixels, self.phrase)
        source = model.provenance()
        if self.out is not None:
            pictures.write_boxed(self.out, radiograph.pixels, answer.boxes, self.phrase, _named(source))
        boxes = [[round(v, 4) for v in box] for box in answer.boxes]
        document = {
            "phrase": self.phrase,
            "found": answer.found,
            "boxes": boxes,
            "image": str(self.image),
            **source,
        }
        notes = [f"x {x1:.2f}-{x2:.2f}, y {y1:.2f}-{y2:.2f}" for x1, y1, x2, y2 in boxes] or ["not found"]
        notes += [f"boxed: {self.out}"] if self.out else []
        return _outcome(document, answer.caveats, [str(self.image)], *notes)


@dataclass(frozen=True, kw_only=True)
class Draw(Base):
    """Draw a radiograph from the text of a report; the picture is marked as synthetic.

    Example:
      hilum draw quickstart "Large right pleural effusion." --out synthetic.png --view PA
      hilum draw quickstart "Large right pleural effusion." --out synthetic.png --n 9 --sheet --size 256
    """

    run_folder: Run
    """The run folder of a trained model that writes images."""
    text: Annotated[Positional[str], arg(metavar='"REPORT TEXT"')]
    """What the picture is to show; "-" reads it from standard input."""
    out: Annotated[Path, arg(metavar="PNG")]
    """The PNG to write, exactly here; with --n more than 1 and no --sheet, PNG-1, PNG-2 and so on."""
    view: Literal["PA", "AP", "LATERAL"] = "PA"
    """How the view is taken."""
    n: Number = 1
    """How many different pictures."""
    seed: Number = 0
    """The same seed draws the same pictures."""
    size: Annotated[int | None, arg(metavar="PX", help_behavior_hint="(default: as drawn)")] = None
    """Height and width of each picture written; a larger one shows no more than was drawn."""
    sheet: bool = False
    """All pictures on one sheet, at --out, with a caption below each."""

    def run(self) -> Outcome:
        """Draw."""
        inputs.at_least("--n", self.n)
        inputs.at_most("--n", self.n, MAX_DRAWN)
        inputs.at_least("--seed", self.seed, 0)
        inputs.at_least("--size", self.size, 16)
        inputs.at_most(
            "--size", self.size or 0, MAX_SIZE // (pictures.columns_of(self.n) if self.sheet else 1)
        )
        paths = pictures.numbered(self.out, 1 if self.sheet else self.n)
        for path in paths:
            inputs.new_picture(path, [self.run_folder])
        text = inputs.checked_report(self.text, "report text")
        model = _load(self.run_folder)
        answers = model.draw(text, position=Position(self.view), n=self.n, seed=self.seed)
        source = model.provenance()
        drawn = [answer.image for answer in answers if answer.image is not None]
        if len(drawn) < self.n:
            raise DataError(self.run_folder, "drew no picture", "use a run whose model writes images")
        made_by, side = f"Hilum model {_named(source)}", len(drawn[0])
        if self.sheet:
            captions = [f"no. {number}, seed {self.seed}, synthetic" for number in range(1, self.n + 1)]
            pictures.write_sheet(self.out, drawn, captions, text=text, made_by=made_by, size=self.size)
        else:
            for path, picture in zip(paths, drawn, strict=True):
                pictures.write_drawn(path, picture, text=text, made_by=made_by, size=self.size)
        resampled = pictures.resampling(side, self.size or side)
        document = {
            "text": text,
            "view": self.view,
            "images": [str(path) for path in paths],
            "synthetic": True,
            "size": self.size or side,
            "drawn_size": side,
            "resampled": resampled or None,
            **source,
        }
        notes = [f"synthetic: {path}" for path in paths] + ([resampled] if resampled else [])
        return _outcome(document, answers[0].caveats, [], *notes)


def _load(run_folder: Path) -> Model:
    import hilum

    return hilum.load(run_folder)


def _named(source: Mapping[str, str]) -> str:
    return f"{source['model']} {source['weights']}"


def _outcome(document: dict[str, Any], known: Caveats | None, images: Sequence[str], *texts: str) -> Outcome:
    """An answer with what its reader must know beside it, for programs and for people."""
    assert known is not None
    notes = known.lines(f"{document['model']} {document['weights']}", images)
    return Outcome({**document, **known.to_json()}, show.lines(*texts, *notes))
