"""The bytes of small builds, pinned: a change of how a build works must not move what it writes.

After a change that means to: HILUM_GOLDEN=1 pytest tests/instruct/test_golden.py
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from hilum.instruct import Shards, build
from hilum.sources import SOURCES, Source, SourceSpec
from hilum.study import Finding, Presence, Study
from instruct.helpers import Broken, Film, study, view

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
