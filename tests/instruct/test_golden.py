"""The bytes of small builds, and what is asked of a few studies, pinned: no change may move them unnoticed.

After a change that means to: HILUM_GOLDEN=1 pytest tests/instruct/test_golden.py
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from hilum.instruct import Shards, build, conversations
from hilum.sources import SOURCES, Source, SourceSpec
from hilum.study import (
    Change,
    Fact,
    Finding,
    Position,
    Presence,
    Question,
    Report,
    Severity,
    Side,
    Site,
    Split,
    Study,
    Task,
)
from instruct.helpers import EFFUSION, Broken, Film, balance_of, record, study, view
from instruct.tasks.made import BARE, PAIR, region

GOLDEN = Path(__file__).with_name("golden.json")
SIZE = 48


def films(_):
    """Studies with priors, images that several share, unreadable views, and splits of their own."""
    last: Study | None = None
    for k in range(40):
        views = [view(f"{k}-pa", Film(k % 31, (50, 60)))]
        if k % 5 == 0:
            views.insert(0, view(f"{k}-bad", Broken()))
        if k % 11 == 3:
            views = [view(f"{k}-bad", Broken())]
        one = study(f"films/{k}", f"films/{k // 2}", views=tuple(views), prior=last if k % 2 else None)
        last = one = replace(one, source="films", regions=one.regions if len(views) == 1 else ())
        yield one


def texts(_):
    """Studies without images: labels alone, or a report alone."""
    for k in range(90):
        labels = {Finding.EDEMA: Presence.PRESENT if k % 3 else Presence.ABSENT}
        fields = {"report": None, "labels": labels} if k % 2 else {}
        one = study(f"texts/{k}", f"texts/{k // 3}", views=(), regions=(), facts=(), facts_complete=False)
        yield replace(one, source="texts", **fields)


@pytest.fixture(autouse=True)
def _sources(monkeypatch):
    for name, read in (("films", films), ("texts", texts)):
        monkeypatch.setitem(SOURCES, name, Source(name, "made up", "none", "free", "none", read, True))


def digests(shards: Shards) -> dict[str, str]:
    files = sorted(path for path in shards.folder.rglob("*") if path.is_file())
    named = {path.relative_to(shards.folder).as_posix(): path for path in files}
    # How pages look, which studies the gallery shows, and the order of problems, are no part of the promise.
    others = ("problems.jsonl", ".hilum.json", "gallery.html", "card.html")
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        for name, path in named.items()
        if name not in others
    }


@pytest.mark.parametrize("names", ["phantom", "films", "texts", "films texts phantom"])
def test_the_bytes_of_a_build_do_not_move(names: str, tmp_path: Path) -> None:
    specs = [SourceSpec(name) for name in names.split()]
    made = digests(build(specs, tmp_path / "out", size=SIZE, limit=90, workers=1, progress=False))
    golden = json.loads(GOLDEN.read_text()) if GOLDEN.is_file() else {}
    if os.environ.get("HILUM_GOLDEN"):
        GOLDEN.write_text(json.dumps(golden | {names: made}, indent=1) + "\n")
    else:
        assert made == golden[names]


OPTIONS = ("Left lung", "Right lung", "heart, or vessels")
SEVERAL = Question("Which are large?", "Left lung; heart, or vessels", True, options=OPTIONS, several=True)
QUESTIONS = (
    Question("Is the heart large? ", " YES ", True, history=(("Is there a heart?", "yes"),)),
    Question("Where is the mass?", "right apex", False),
    Question("Where is  the Mass?", "left apex", False),
    Question("Where is the mass?", "right base", False, view=1),
    Question("Where is the mass?", "nowhere", False, view=2),
    Question("Where is it?", "RIGHT  lung", True, options=OPTIONS),
    Question("Where is it not?", "spleen", True, options=OPTIONS),
    SEVERAL,
    Question("What has changed?", "nothing", False, compares=True),
)
GRADED = (
    Fact(Finding.ATELECTASIS, side=Side.BILATERAL, site=Site.BASAL, severity=Severity.SEVERE),
    Fact(Finding.NODULE, side=Side.RIGHT, site=Site.MIDDLE_LOBE, change=Change.NEW),
    Fact(Finding.HIATAL_HERNIA, side=Side.MIDLINE),
    Fact(Finding.CHEST_TUBE, side=Side.LEFT),
    Fact(Finding.PNEUMOTHORAX, presence=Presence.UNCERTAIN, change=Change.STABLE),
    Fact(Finding.EDEMA, presence=Presence.ABSENT, change=Change.RESOLVED),
)
SPOKEN = (
    "There is a mass. There may be edema. No pneumothorax or pleural effusion. An effusion cannot be seen."
)
ASKED = (
    replace(PAIR, questions=QUESTIONS),
    record("graded", *GRADED, prior_image_ids=("before",), prior_positions=(Position.UNKNOWN,)),
    record("many", *(Fact(finding) for finding in list(Finding)[1:14]), complete=True),
    record("two", Fact(Finding.MASS), Fact(Finding.FRACTURE), report=Report("", "", SPOKEN, "")),
    record("twice", *(Fact(Finding.MASS, side=side) for side in (Side.LEFT, Side.RIGHT)), EFFUSION),
    record("nothing", Fact(Finding.NO_FINDING, severity=Severity.MILD)),
    record("unknown", EFFUSION, positions=(Position.UNKNOWN,)),
    record("lateral", EFFUSION, positions=(Position.LATERAL,)),
    record("read", report=Report("Cough.", "Old film.", "", "Normal."), image_ids=(), positions=()),
    record("ct", report=Report("", "", SPOKEN, "Mass."), image_ids=(), positions=(), group="CT"),
    record(
        "places",
        Fact(Finding.NODULE),
        Fact(Finding.MASS),
        regions=(
            *(region(f"nodule {n}", Finding.NODULE, (0.6 - n / 10, 0.1, 0.7, 0.2)) for n in range(3)),
            *(region("mass", Finding.MASS, (0.1 + n / 10, 0.1, 0.7, 0.2)) for n in range(4)),
            region("old scar", None, (0.2, 0.2, 0.4, 0.4)),
        ),
    ),
    BARE,
)


def test_what_is_asked_of_a_study_does_not_move() -> None:
    """Of every task: what depends on chance is drawn with many seeds, so that each share shows."""
    said: dict[str, list[str]] = defaultdict(list)
    for tasks, split, one in product((frozenset({*Task}), None), Split, ASKED):
        for seed in range(8):
            chosen = {} if tasks is None else {"tasks": tasks}
            others = [other for other in ASKED if other.id != one.id][:6]
            for c in conversations(one, split, balance_of(*ASKED), seed=seed, others=others, **chosen):
                said[c.task.value].append(repr(c))
    made = {
        task: hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
        for task, lines in sorted(said.items())
    }
    golden = json.loads(GOLDEN.read_text())
    if os.environ.get("HILUM_GOLDEN"):
        GOLDEN.write_text(json.dumps(golden | {"asked": made}, indent=1) + "\n")
    else:
        assert made == golden["asked"]
