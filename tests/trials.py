"""Trials of every writer in a folder full of somebody else's files: done, refused or killed, it loses none.

    PYTHONPATH=src:tests python tests/trials.py --trials 1000 --seed 0

Each trial lays out a random tree (own files, hidden ones, links, sources within one another, own files inside
an earlier output), chooses a writer and where it is to write, and runs it in a process of its own, which in
most trials is killed: after a random time, or at a random one of its own acts on the file system. Then the
same is done once more, undisturbed. Both times every file and link that is not Hilum's must still be there
byte for byte, a refusal must have changed nothing, and in the end nothing temporary may be left.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import torch
from PIL import Image

from hilum.bench import BenchResult, Choice, Classifier, render
from hilum.bench.classifier import Network
from hilum.bench.metrics import FINDINGS
from hilum.bench.result import Measured
from hilum.cli import main
from hilum.cli.pictures import write_boxed
from hilum.errors import HilumError, UsageError
from hilum.files import only_writer, write_json
from hilum.images import write_png
from hilum.instruct import build
from hilum.phantom import write_cohort
from hilum.phantom.contact_sheets import save
from hilum.recipes import nano
from hilum.recipes.run import Run
from hilum.sources import SourceSpec
from hilum.tokenizer import encode_images
from hilum.training import FitConfig, fit
from hilum.training import checkpoint as store
from hilum.training.examples import FeatureFile, TokenFile
from model.helpers import image_tokenizer, seeing
from training.helpers import Squares, points

DONE, REFUSED, FAILED, KILLED, HUNG = "done", "refused", "failed", "killed", "hung"
ACTS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.utime", "os.scandir", "os.listdir"}
GREY = np.random.default_rng(0).random((48, 40), dtype=np.float32)
IDS = ["a", "b"]
MEASURED = Measured(Choice.ALL, "", ())
FIT = FitConfig(steps=6, lr=1e-2, warmup=1, checkpoint_every=1, keep=2, log_every=1)

WARM = ("write_cohort", "model.save", "tokenizer.save")
"""Run once before processes fork; what starts threads (Polars, PyArrow, the loading of weights) is not."""

Spent = dict[str, tuple[float, int]]
Tree = dict[str, bytes | str | None]


@dataclass(frozen=True)
class Writer:
    """One way to write, and what then stands at its path: a "file", a "folder", or a "run" that grows."""

    name: str
    kind: str
    suffix: str
    write: Callable[[Path, Path], object]


def _fit(out: Path, films: Path) -> None:
    fit(Squares(), points, FIT, out, progress=False)


def _checkpoints(out: Path, films: Path) -> None:
    for step in range(1, 5):
        weights = {"w": torch.full((8,), float(step))}
        store.save(out, store.Checkpoint(step, weights, weights), keep=2)


def _sizes(ids: object) -> np.ndarray:
    return np.zeros((len(ids), 32, 32), np.uint8)  # type: ignore[arg-type]


def _command(*words: object) -> None:
    status = main([str(word) for word in words])
    if status:
        raise UsageError("command", "was refused") if status == 2 else RuntimeError(status)


@cache
def _model() -> object:
    return seeing()


@cache
def _classifier() -> Classifier:
    return Classifier(Network(len(FINDINGS)).eval())


WRITERS = [
    Writer("write_cohort", "folder", "", lambda out, films: write_cohort(1, out, size=64)),
    Writer("build", "folder", "", lambda out, films: _build(out, films)),
    Writer("model.save", "folder", "", lambda out, films: _model().save(out)),  # type: ignore[attr-defined]
    Writer("tokenizer.save", "folder", "", lambda out, films: image_tokenizer().save_pretrained(out)),
    Writer(
        "hilum phantom",
        "folder",
        "",
        lambda out, films: _command("phantom", "--n=1", "--size=64", f"--out={out}"),
    ),
    Writer("fit", "run", "", _fit),
    Writer("checkpoints", "run", "", _checkpoints),
    Writer("codes", "run", "", lambda out, films: encode_images(image_tokenizer(), IDS, _sizes, out)),
    Writer("classifier", "run", "", lambda out, films: _classifier().save(out)),
    Writer("run", "run", "", lambda out, films: _run(out, films)),
    Writer("hilum locate", "file", ".png", lambda out, films: _locate(out, films)),
    Writer("write_png", "file", ".png", lambda out, films: write_png(out, GREY, {"Synthetic": "yes"})),
    Writer(
        "write_boxed",
        "file",
        ".png",
        lambda out, films: write_boxed(out, GREY, [(0.1, 0.1, 0.9, 0.9)], "heart", "nano"),
    ),
    Writer("sheet", "file", ".png", lambda out, films: save(Image.new("RGB", (9, 9)), out)),
    Writer(
        "render",
        "file",
        ".html",
        lambda out, films: render(
            BenchResult((), {"model": "m", "weights": "w"}, Measured(Choice.ALL, "", ())), out
        ),
    ),
    Writer("write_json", "file", ".json", lambda out, films: write_json(out, {"tasks": [], "seed": 0})),
    Writer("features", "file", ".npy", lambda out, films: FeatureFile.write(out, IDS, _sizes, _model())),  # type: ignore[arg-type]
    Writer("tokens", "file", ".arrow", lambda out, films: TokenFile.write(out, [], _model(), None)),  # type: ignore[arg-type]
]


def _build(out: Path, films: Path) -> None:
    build([SourceSpec("folder", films)], out, size=32, workers=1, progress=False)


def _run(out: Path, films: Path) -> None:
    """A run as far as its first stage; the stages after it take minutes, and write by `fit` and `save`."""
    with only_writer(out):
        assert Run(replace(nano(0), studies=1, image_size=64), out, [SourceSpec("phantom")]).shards


def _locate(out: Path, films: Path) -> None:
    _command("locate", films.parent / "model", films / "1.png", "heart", "--out", out)


def lay_out(root: Path, rng: Random, writer: Writer, templates: Path) -> tuple[Path, Path]:
    """Own files and links all over `root`, perhaps an earlier output; where to read and where to write."""
    films = root / "films"
    (films / "nested").mkdir(parents=True)
    for k, folder in enumerate((films, films, films / "nested")):
        take_film(folder / f"{k}.png", k)
    (root / "model").symlink_to(templates / "model.save")
    for folder in ("own", "own/deep/deeper", "elsewhere", "films/nested"):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for _ in range(rng.randint(0, 3)):
            plant(root / folder, rng, root)
    if rng.random() < 0.5:
        (films / "linked").symlink_to(root / "elsewhere")
        shutil.copy(films / "0.png", root / "elsewhere" / "film.png")
    out = root / ("out" + writer.suffix)
    if rng.random() < 0.5:
        copy(templates / (writer.name + writer.suffix), out)
        if out.is_dir() and rng.random() < 0.6:
            inside = [out, *(path for path in out.rglob("*") if path.is_dir())]
            for _ in range(rng.randint(1, 2)):
                plant(rng.choice(inside), rng, root)
            if writer.kind == "folder" and rng.random() < 0.3:
                edit(rng.choice([path for path in out.rglob("*.*") if path.is_file()]), rng)
        elif rng.random() < 0.2:
            (root / "link").symlink_to(out)
    elif rng.random() < 0.2:
        plant(out, rng, root, itself=True)
    elif rng.random() < 0.2 and writer.kind != "file":
        out.mkdir()
    if rng.random() < 0.1:  # what Hilum would like to work in
        (root / f".{out.name}.hilum").mkdir()
        plant(root / f".{out.name}.hilum", rng, root)
    return films, target(root, rng, writer, out, films)


def take_film(path: Path, k: int) -> None:
    """A film of the user's own, which carries no mark of Hilum's."""
    Image.fromarray((np.roll(GREY, 7 * k) * 255).astype(np.uint8)).save(path)


def target(root: Path, rng: Random, writer: Writer, out: Path, films: Path) -> Path:
    """Where a writer is told to write: mostly a place of its own, now and then one that is taken."""
    if rng.random() < 0.65:
        return out
    taken = [films, films / "nested", root, root / "own", root / "elsewhere", films / "new", root / "link"]
    files = [path for path in sorted(root.rglob("*")) if path.is_file()]
    return rng.choice([*taken, *files, films / "1.png"] if writer.kind == "file" else [*taken, *files[:20]])


def plant(folder: Path, rng: Random, root: Path, *, itself: bool = False) -> None:
    """Put a file, a folder with a file, or a link of the user's own into a folder, or in its place."""
    names = [
        "notes.txt",
        ".hidden",
        "card.json",
        "hilum.json",
        ".hilum.json",
        "history.jsonl",
        "a b.csv",
        "Größe",
    ]
    path = folder if itself else folder / f"{rng.choice(('', '', 'my '))}{rng.choice(names)}"
    if path.exists() or path.is_symlink():
        return
    kind = rng.random()
    if kind < 0.6:
        path.write_bytes(rng.choice([rng.randbytes(30), b"{}", b"[1, 2]", b'{"entries": {}}', b"line\nline"]))
    elif kind < 0.7:
        path.mkdir()
        (path / "inner.txt").write_bytes(rng.randbytes(9))
    elif kind < 0.8:
        os.link(root / "films" / "0.png", path)
    else:
        path.symlink_to(
            rng.choice([root / "films", root / "own", root / "films" / "1.png", root / "nowhere", root])
        )


def edit(path: Path, rng: Random) -> None:
    """Change a file that Hilum wrote, with or without changing its size."""
    data = path.read_bytes()
    path.write_bytes(data + b" mine" if rng.random() < 0.5 else bytes(b ^ 1 for b in data))


def copy(template: Path, to: Path) -> None:
    shutil.copytree(template, to) if template.is_dir() else shutil.copy2(template, to)


def tree(folder: Path) -> Tree:
    """Every entry: a file's bytes, a link's target, None for a folder."""
    found: Tree = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = str(path.readlink())
        else:
            found[name] = path.read_bytes() if path.is_file() else None
    return found


def run(writer: Writer, out: Path, films: Path, *, seconds: float = 0, act: int = 0) -> str:
    """Run a writer in a process of its own, killed after `seconds` or at its own act number `act`."""
    child = os.fork()
    if not child:
        status = 3
        try:
            for stream in (1, 2):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
            signal.alarm(60)  # a process that hangs is a failure, not a pause
            if act:
                sys.addaudithook(killer(act))
            writer.write(out, films)
            status = 0
        except HilumError:
            status = 2
        finally:
            os._exit(status)
    if seconds:
        time.sleep(seconds)
        os.kill(
            child, signal.SIGKILL
        )  # it may be done already, but nobody has asked: its id is still its own
    _, ended = os.waitpid(child, 0)
    ends = {0: DONE, 2: REFUSED, -signal.SIGKILL: KILLED, -signal.SIGALRM: HUNG}
    return ends.get(os.waitstatus_to_exitcode(ended), FAILED)


def killer(act: int) -> Callable[[str, object], None]:
    left = [act]

    def hook(event: str, _: object) -> None:
        if event in ACTS:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    return hook


def try_one(root: Path, seed: int, templates: Path, spent: Spent) -> tuple[str, str, str]:
    """One trial; the writer's name, how its first run ended and how its second."""
    rng = Random(seed)
    writer = rng.choice(WRITERS)
    films, out = lay_out(root, rng, writer, templates)
    before = tree(root)
    hilums = made_by_hilum(writer, templates)
    own = {name: content for name, content in before.items() if (name, content) not in hilums}
    seconds, acts = spent[writer.name]
    how = rng.choice(["whole", "time", "act", "act"])
    first = run(
        writer,
        out,
        films,
        seconds=rng.uniform(0.0005, 1.1 * seconds) if how == "time" else 0,
        act=rng.randint(1, acts) if how == "act" else 0,
    )
    check(
        root,
        own,
        before if first in (REFUSED, FAILED) and writer.kind != "run" else {},
        f"seed {seed}, {writer.name} to {out}, {first}",
    )
    taken = out.exists()  # as a folder by a file, or a file by a folder: then the system refuses
    second = run(writer, out, films)
    where = f"seed {seed}, {writer.name} to {out}, {first} then {second}"
    check(root, own, {}, where)
    assert second in (DONE, REFUSED) or (second == FAILED and taken), where
    if second == DONE:
        left = [path for path in root.rglob(".*.hilum") if str(path.relative_to(root)) not in before]
        assert not left, f"{where}: {left} is left"
    return writer.name, first, second


def made_by_hilum(writer: Writer, templates: Path) -> set[tuple[str, bytes | str | None]]:
    """The entries of an earlier output as Hilum wrote them; changed or added to, they are somebody's own."""
    template, name = templates / (writer.name + writer.suffix), "out" + writer.suffix
    if writer.kind == "file":
        return {(name, template.read_bytes())}
    return {(name, None), *((f"{name}/{inner}", content) for inner, content in tree(template).items())}


def check(root: Path, own: Tree, all_of_it: Tree, where: str) -> None:
    """Nothing of `own` is lost or changed; nothing of `all_of_it` either."""
    now = tree(root)
    for name, content in {**all_of_it, **own}.items():
        assert name in now, f"{where}: {name} is lost"
        assert now[name] == content, f"{where}: {name} is changed"


def measure(templates: Path) -> Spent:
    """Make an output of every writer, and take the time and the number of acts it needs."""
    spent = {}
    films = templates / "films"
    films.mkdir(parents=True)
    for k in range(3):
        take_film(films / f"{k}.png", k)
    for writer in sorted(WRITERS, key=lambda writer: writer.name != "model.save"):
        out = templates / (writer.name + writer.suffix)
        if writer.name == "model.save":
            (templates / "model").symlink_to(out)
        if writer.name in WARM:
            writer.write(out, films)
        else:
            assert run(writer, out, films) == DONE, writer.name
        started = time.monotonic()
        assert run(writer, out, films) == DONE, writer.name
        seconds = time.monotonic() - started
        spent[writer.name] = seconds, count_acts(writer, templates / ("fresh" + writer.suffix), films)
    return spent


def count_acts(writer: Writer, out: Path, films: Path) -> int:
    """How many acts on the file system a writer needs for an output that is not there yet."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(60)
        acts: Counter[str] = Counter()
        sys.addaudithook(lambda event, _: acts.update([event] if event in ACTS else []))
        writer.write(out, films)
        os.write(writing, str(acts.total()).encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as answer:
        count = int(answer.read())
    shutil.rmtree(out) if out.is_dir() else out.unlink()
    return count


def main_of_trials() -> None:
    """Run the trials, and print how they went as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    ends: Counter[str] = Counter()
    by_writer: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        templates = Path(scratch) / "templates"
        with redirect_stdout(sys.stderr):  # what the commands say
            spent = measure(templates)
        for seed in range(options.seed, options.seed + options.trials):
            root = Path(scratch) / "trial"
            root.mkdir()
            name, first, second = try_one(root, seed, templates, spent)
            ends[first] += 1
            by_writer.setdefault(name, Counter())[f"{first}, {second}"] += 1
            shutil.rmtree(root)
    print(json.dumps({"trials": options.trials, "first": ends, "writers": by_writer}, indent=1))


if __name__ == "__main__":
    main_of_trials()
