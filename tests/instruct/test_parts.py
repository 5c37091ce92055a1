"""Ingest is done once: killed, changed or damaged, a build redoes what is new and writes the same bytes."""

from __future__ import annotations

import os
import pickle
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from hilum.errors import DataError, UsageError
from hilum.files import MANIFEST
from hilum.images import read, write_png
from hilum.instruct import build
from hilum.instruct.ingest import StudyChunk, ingest
from hilum.instruct.parts import ingest_part, open_folder, part_key, read_table, remove_parts
from hilum.instruct.streams import CHUNK
from hilum.phantom import PhantomConfig, cohort
from hilum.sources import SourceSpec
from hilum.study import Finding, Presence, Split, View
from instruct.helpers import Broken, Film, study, view
from instruct.test_build import contents, make, row, write_folder

SIZE = 32
FILMS = 2 * CHUNK + 5


@pytest.fixture
def decoded(monkeypatch) -> list[str]:
    """The files whose pixels were read."""
    found: list[str] = []
    original = read.read_image
    monkeypatch.setattr(read, "read_image", lambda path, **k: found.append(path) or original(path, **k))
    return found


def films(folder: Path, count: int = FILMS) -> SourceSpec:
    return write_folder(folder, [row(k) for k in range(count)])


def part_folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir())


def test_a_second_build_reads_no_image_and_writes_the_same_bytes(tmp_path, decoded):
    spec, parts = films(tmp_path / "in"), tmp_path / "parts"
    first = make([spec], tmp_path / "a", parts=parts)
    assert len(decoded) == FILMS
    decoded.clear()
    second = make([spec], tmp_path / "b", parts=parts)
    assert decoded == []
    assert contents(second.folder) == contents(first.folder)
    assert contents(make([spec], tmp_path / "c").folder) == contents(first.folder)


def test_an_added_source_alone_is_read(tmp_path, decoded):
    one, parts = films(tmp_path / "one"), tmp_path / "parts"
    make([one], tmp_path / "a", parts=parts)
    decoded.clear()
    other = films(tmp_path / "other", 3)
    make([other, one], tmp_path / "b", parts=parts)
    assert {Path(path).parent.name for path in decoded} == {"other"}
    assert len(decoded) == 3


def test_a_changed_film_redoes_its_chunk_alone(tmp_path, decoded):
    spec, parts = films(tmp_path / "in"), tmp_path / "parts"
    make([spec], tmp_path / "a", parts=parts)
    decoded.clear()
    write_png(tmp_path / "in" / f"{CHUNK + 1}.png", Film(999, (50, 60))())
    again = make([spec], tmp_path / "b", parts=parts)
    assert {int(Path(path).stem) for path in decoded} == set(range(CHUNK, 2 * CHUNK))
    assert contents(again.folder) == contents(make([spec], tmp_path / "fresh").folder)


def test_another_size_shares_no_part_and_another_seed_all(tmp_path, decoded):
    spec, parts = films(tmp_path / "in", 5), tmp_path / "parts"
    make([spec], tmp_path / "a", parts=parts)
    decoded.clear()
    make([spec], tmp_path / "b", parts=parts, seed=1, views=0)
    assert decoded == []
    make([spec], tmp_path / "c", parts=parts, size=40)
    assert len(decoded) == 5


@pytest.mark.parametrize(
    "name", ["studies.arrow", "owners.arrow", "images.arrow", "signatures.arrow", "manifest.json"]
)
@pytest.mark.parametrize("how", ["cut", "flipped", "gone"])
def test_a_damaged_part_is_made_anew(tmp_path, decoded, name, how):
    spec, parts = films(tmp_path / "in", CHUNK + 2), tmp_path / "parts"
    first = make([spec], tmp_path / "a", parts=parts)
    decoded.clear()
    damaged = max(part_folders(parts), key=lambda path: (path / "images.arrow").stat().st_size) / name
    whole = damaged.read_bytes()
    if how == "gone":
        damaged.unlink()
    else:
        middle = len(whole) // 2
        flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
        damaged.write_bytes(whole[:middle] if how == "cut" else flipped)
    again = make([spec], tmp_path / "b", parts=parts)
    assert len(decoded) == CHUNK
    assert contents(again.folder) == contents(first.folder)


def test_a_part_damaged_while_the_build_runs_is_named(tmp_path):
    part = ingest_part(StudyChunk((study(),)), folder=tmp_path, size=SIZE, code="1").part
    path = tmp_path / part.key / "studies.arrow"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=r"studies\.arrow: is damaged"):
        read_table(tmp_path / part.key, "studies")


def test_a_part_holds_what_ingest_found(tmp_path):
    chunk = StudyChunk((study("a"), study("b", views=(view("bad", Broken()),)), study("c", split=Split.VAL)))
    made, found = (ingest_part(chunk, folder=tmp_path, size=SIZE, code="1") for _ in range(2))
    plain = ingest(chunk, SIZE)
    for name in ("studies", "images"):
        assert read_table(tmp_path / made.part.key, name) == getattr(plain, name)
    assert (found.part, found.read, found.tally) == (made.part, 3, plain.tally)
    assert list(map(str, found.problems.kept)) == list(map(str, plain.problems.kept))
    assert found.problems.counts == plain.problems.counts


def test_the_key_is_that_of_the_studies_wherever_they_have_been():
    chunk = StudyChunk((study("a", prior=study("b")), study("c", labels={Finding.EDEMA: Presence.ABSENT})))
    travelled = pickle.loads(pickle.dumps(chunk))
    assert part_key(chunk, SIZE, "1") == part_key(travelled, SIZE, "1")
    whole = cohort(6, seed=3, config=PhantomConfig(size=96))
    assert whole[3]  # it remembers the last study it made
    longer = cohort(7, seed=3, config=whole.config)
    ranged = [StudyChunk(cohort=one, range=(2, 5)) for one in (whole, longer)]
    ranged += [StudyChunk(cohort=whole, range=(2, 6)), StudyChunk(cohort=cohort(6, seed=4), range=(2, 5))]
    keys = [part_key(one, SIZE, "1") for one in ranged]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


def test_the_key_changes_with_all_that_a_part_is_made_from(tmp_path):
    path = tmp_path / "film.png"
    path.write_bytes(b"1")
    base = study("a", views=(read.view_of(path),), prior=study("b"))
    changed = [
        base,
        replace(base, patient="q"),
        replace(base, labels={Finding.EDEMA: Presence.UNCERTAIN}),
        replace(base, prior=study("b", views=(view("b-pa", Film(5)),))),
        replace(base, views=(read.view_of(path, force=True),)),
        replace(base, split=Split.TEST),
    ]
    keys = [part_key(StudyChunk((one,)), SIZE, "1") for one in changed]
    keys += [
        part_key(StudyChunk((base,)), 33, "1"),
        part_key(StudyChunk((base,)), SIZE, "2"),
    ]
    path.write_bytes(b"22")
    keys.append(part_key(StudyChunk((base,)), SIZE, "1"))
    os.utime(path, (1, 1))
    keys.append(part_key(StudyChunk((base,)), SIZE, "1"))
    path.unlink()
    keys.append(part_key(StudyChunk((base,)), SIZE, "1"))
    assert len(set(keys)) == len(keys)


def test_what_cannot_be_told_is_never_found_again():
    chunk = StudyChunk((study(views=(View("a", lambda: Film(1)()),)),))
    assert part_key(chunk, SIZE, "1") != part_key(chunk, SIZE, "1")


def test_a_build_that_reads_nothing_leaves_the_parts_of_others(tmp_path):
    parts, bad = tmp_path / "parts", tmp_path / "bad"
    bad.mkdir()
    (bad / "film.png").write_bytes(b"no picture")
    open_folder(parts)  # by another build, whose first part is about to come
    with pytest.raises(DataError, match="film"):
        make([SourceSpec("folder", bad)], tmp_path / "b", parts=parts)
    ingest_part(StudyChunk((study(),)), folder=parts, size=SIZE, code="1")
    make([films(tmp_path / "in")], tmp_path / "a", parts=parts)
    before = part_folders(parts)
    with pytest.raises(DataError, match="film"):
        make([SourceSpec("folder", bad)], tmp_path / "b", parts=parts)
    assert set(part_folders(parts)) >= set(before)
    with pytest.raises(DataError, match="film"):
        make([SourceSpec("folder", bad)], tmp_path / "b")
    assert not (tmp_path / "b.parts").exists()


def test_parts_go_with_a_finished_build_unless_they_are_to_be_kept(tmp_path):
    spec = films(tmp_path / "in", CHUNK + 2)
    out, parts = tmp_path / "out", tmp_path / "out.parts"
    make([spec], out)
    assert not parts.exists()
    make([spec], out, keep_parts=True)
    kept = part_folders(parts)
    write_png(tmp_path / "in" / "0.png", Film(999, (50, 60))())
    make([spec], out, keep_parts=True)
    assert len(part_folders(parts)) == len(kept) == 2
    assert len(set(part_folders(parts)) & set(kept)) == 1
    make([spec], out)
    assert not parts.exists()


def test_nothing_but_parts_is_deleted(tmp_path):
    parts = tmp_path / "parts"
    open_folder(parts)
    ingested = ingest_part(StudyChunk((study(),)), folder=parts, size=SIZE, code="1")
    other = ingest_part(StudyChunk((study("b"),)), folder=parts, size=SIZE, code="1")
    (parts / "notes.txt").write_text("mine")
    (parts / other.part.key / "notes.txt").write_text("mine")
    unmarked = parts / ("0" * 32)
    unmarked.mkdir()
    (unmarked / "manifest.json").write_text("{}")
    with pytest.warns(UserWarning, match="is kept"):
        remove_parts(parts)
    assert not (parts / ingested.part.key).exists()
    for path in (parts, parts / other.part.key):
        assert (path / "notes.txt").read_text() == "mine"
    assert (unmarked / "manifest.json").exists()
    assert not (unmarked / MANIFEST).exists()


def test_a_folder_of_something_else_is_refused(tmp_path):
    spec = films(tmp_path / "in", 2)
    (tmp_path / "out.parts").mkdir()
    (tmp_path / "out.parts" / "thesis.tex").write_text("mine")
    with pytest.raises(UsageError, match=r"out\.parts: holds thesis\.tex"):
        make([spec], tmp_path / "out")
    for parts in (tmp_path / "out" / "parts", tmp_path, tmp_path / "out"):
        with pytest.raises(UsageError, match="in the output"):
            make([spec], tmp_path / "out", parts=parts)
    with pytest.raises(UsageError, match="lies inside the input"):
        make([spec], tmp_path / "out", parts=tmp_path / "in" / "parts")
    with pytest.raises(UsageError, match="is a file"):
        make([spec], tmp_path / "out", parts=Path(__file__))
    assert not (tmp_path / "out").exists()


SCRIPT = """
import sys
from pathlib import Path
from hilum.instruct import build
from hilum.sources import SourceSpec
if __name__ == "__main__":
    specs = [SourceSpec("folder", Path("in")), SourceSpec("phantom")]
    Path("started").touch()
    build(specs, Path("out"), size=48, limit=40, workers=int(sys.argv[1]), progress=False)
"""
KILLS = 4


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_any_moment_a_build_goes_on_to_the_same_bytes(tmp_path, monkeypatch, workers):
    films(tmp_path / "in", 40)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "script.py").write_text(SCRIPT)
    specs = [SourceSpec("folder", Path("in")), SourceSpec("phantom")]
    began = time.monotonic()
    fresh = contents(build(specs, Path("fresh"), size=48, limit=40, workers=1, progress=False).folder)
    seconds = time.monotonic() - began
    command = [sys.executable, "script.py", str(workers)]
    rng = random.Random(workers)
    parts = Path("out.parts")
    for kill in range(KILLS):
        Path("started").unlink(missing_ok=True)
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        # The first has made a part; what is killed before that has nothing to go on with.
        awaited = (lambda: Path("started").exists()) if kill else (lambda: any(parts.glob("*/.hilum.json")))
        while process.poll() is None and not awaited():
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 1.2 * seconds) if kill else 0)
        process.kill()
        process.wait()
        assert kill or part_folders(parts)
    subprocess.run(command, check=True)
    assert contents(Path("out")) == fresh
    # What coverage, where it is measured, had begun to write is not Hilum's.
    left = {path.name for path in tmp_path.iterdir() if not path.name.startswith(".coverage")}
    assert left == {"in", "out", "fresh", "script.py", "started"}


LABELS = """
import sys
from pathlib import Path
from hilum.instruct import build
from hilum.sources import SOURCES, Source, SourceSpec
from hilum.study import Finding, Presence, Report, Study

def labels(_):
    for k in range(30):
        labels = {Finding.EDEMA: Presence.PRESENT if k % 2 else Presence.ABSENT}
        yield Study(f"l/{k}", f"l/{k}", "labels", (), Report(findings="No pleural effusion."), labels)

SOURCES["labels"] = Source("labels", "made up", "none", "free", "none", labels, True)
build([SourceSpec("labels")], Path(sys.argv[1]), workers=1, progress=False)
decoders = ("raster", "dicom", "apart", "sidecar")
print([name for name in ("torch", *(f"hilum.images.{room}" for room in decoders)) if name in sys.modules])
"""


def test_studies_without_images_never_import_a_decoder(tmp_path):
    command = [sys.executable, "-c", LABELS, str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]"]
