"""A source that breaks off is known for what it is, early where it can be; what came before it is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hilum.errors import DataError, UsageError
from hilum.files import Problems
from hilum.instruct import build, streams
from hilum.instruct.streams import CHUNK, DRAWN_CHUNK, TEXT_CHUNK, open_streams
from hilum.sources import SOURCES, Source, SourceSpec
from hilum.study import Split
from instruct.helpers import study

BREAKS = SourceSpec("breaks")
TWICE = SourceSpec("twice")
PHANTOM = SourceSpec("phantom")
LIMIT = CHUNK + 8  # beyond the place where the one breaks off


def breaks(_):
    yield from (replace(study(f"s{i}", f"p{i}"), source="breaks") for i in range(CHUNK + 4))
    raise PermissionError(13, "Permission denied", "table.csv")


def twice(_):
    yield from (replace(study(f"s{i % 3}", "p"), source="twice") for i in range(6))


@pytest.fixture(autouse=True)
def _sources(monkeypatch):
    for name, read in (("breaks", breaks), ("twice", twice)):
        monkeypatch.setitem(SOURCES, name, Source(name, "made up", "none", "free", "none", read))


def make(specs, out: Path):
    return build(specs, out, size=96, limit=LIMIT, workers=1, progress=False)


def test_a_source_that_breaks_off_is_fatal_when_it_is_the_only_one(tmp_path):
    with pytest.raises(DataError, match=r"table\.csv: cannot be read \(Permission denied\)"):
        make([BREAKS], tmp_path / "out")
    # What was read of it waits for it to be repaired.
    assert [path.name for path in tmp_path.iterdir()] == ["out.parts"]


def test_beside_others_it_is_reported_and_its_whole_parcels_are_kept(tmp_path):
    shards = make([BREAKS, PHANTOM], tmp_path / "out")
    card = json.loads((shards.folder / "card.json").read_text())
    broken, whole = card["sources"]
    assert "table.csv" in broken["failed"][0]
    assert (broken["studies"], whole["studies"]) == (CHUNK, LIMIT)
    assert "table.csv" in (shards.folder / "problems.jsonl").read_text()


def test_a_study_met_again_is_a_problem_and_the_first_is_kept(tmp_path):
    shards = make([TWICE], tmp_path / "out")
    assert sorted(r.id for split in Split for r in shards.records(split)) == ["s0", "s1", "s2"]
    assert (shards.folder / "problems.jsonl").read_text().count("is a duplicate id") == 3


def test_an_id_is_new_once_however_many_there_are(monkeypatch):
    monkeypatch.setattr(streams._Ids, "RECENT", 4)
    ids = streams._Ids()
    names = [str(k % 29) for k in range(100)]
    assert [ids.add(name) for name in names] == [k < 29 for k in range(100)]


def test_the_same_source_named_twice_is_read_once():
    assert len(open_streams([PHANTOM, PHANTOM], limit=2)) == 1


def test_the_phantoms_pictures_are_left_to_the_workers():
    (stream,) = open_streams([PHANTOM], limit=2 * DRAWN_CHUNK + 1, size=32)
    chunks = list(stream)
    assert [chunk.range for chunk in chunks] == [(0, 16), (16, 32), (32, 33)]
    assert not any(chunk.studies for chunk in chunks)
    assert chunks[0].cohort.config.size == 64  # the smallest it can be drawn at
    assert stream.total == 33


def test_studies_without_images_come_in_larger_chunks(monkeypatch):
    def mixed(_):
        for k in range(CHUNK + 2 * TEXT_CHUNK):
            fields = {} if k < CHUNK else {"views": (), "regions": ()}
            yield replace(study(f"s{k}", "p", **fields), source="mixed")

    monkeypatch.setitem(SOURCES, "mixed", Source("mixed", "made up", "none", "free", "none", mixed))
    (stream,) = open_streams([SourceSpec("mixed")])
    assert [len(chunk) for chunk in stream] == [CHUNK, TEXT_CHUNK, TEXT_CHUNK]


def test_no_source_and_an_unknown_one_are_refused():
    with pytest.raises(UsageError, match="none is given"):
        open_streams([])
    with pytest.raises(UsageError, match="nhi: is no known source"):
        open_streams([SourceSpec("nhi"), PHANTOM])


def test_two_folders_of_one_name_are_refused(tmp_path):
    here, there = tmp_path / "a" / "films", tmp_path / "b" / "films"
    for place in (here, there):
        place.mkdir(parents=True)
    with pytest.raises(UsageError, match=r"films: has the name of another source, .*rename one of"):
        open_streams([SourceSpec("folder", here), SourceSpec("folder", there)])


def test_what_breaks_a_source_off_is_said_in_its_own_words_early_or_late(monkeypatch):
    wrong = DataError("table.csv, line 9", "is no row", "mend it")

    def late(_):
        yield replace(study("late", "p"), source="late")
        raise wrong

    def early(_):
        raise OSError(5, "Input/output error", "film.png")
        yield

    def nameless(_):
        raise OSError
        yield

    for name, read in (("late", late), ("early", early), ("nameless", nameless)):
        monkeypatch.setitem(SOURCES, name, Source(name, "made up", "none", "free", "none", read))
    names = ("late", "early", "nameless", "phantom")
    opened = open_streams([SourceSpec(name) for name in names], limit=3)
    assert [stream.failed is None for stream in opened] == [True, False, False, True]
    assert [sum(map(len, stream)) for stream in opened] == [0, 0, 0, 3]
    assert opened[0].failed is wrong
    assert [str(stream.failed) for stream in opened[1:3]] == [
        "film.png: cannot be read (Input/output error); check the file and its permissions",
        "nameless: cannot be read (); check the file and its permissions",
    ]
    assert [stream.total for stream in opened] == [3, 3, 3, 3]
    for some in (opened[1:3], opened[:2]):
        with pytest.raises(DataError, match="film.png" if some[0] is opened[1] else "is no row"):
            streams.refuse_if_all_failed(some)
    streams.refuse_if_all_failed(opened)
    streams.refuse_if_all_failed([])


def test_problems_of_ingest_are_counted_and_listed_as_long_as_there_is_room(monkeypatch):
    monkeypatch.setattr(streams, "KEPT", 3)
    stream = streams.Stream(PHANTOM)
    problems = [DataError(str(n), "is bad" if n % 2 else "is gone") for n in range(6)]
    for some in (problems[:2], problems[2:5], problems[5:]):
        found = Problems()
        for problem in some:
            found.add(problem)
        stream.note(found)
    assert stream.problems.counts == {"is gone": 3, "is bad": 3}
    assert stream.problems.kept == problems[:3]
    stream.problems.add(problems[0])
    assert len(stream.problems.kept) == 3


@pytest.mark.parametrize(("asked", "drawn"), [(32, 64), (64, 64), (65, 65), (2048, 2048), (2049, 2048)])
def test_the_phantom_is_drawn_at_the_nearest_size_it_can_be(asked, drawn):
    (stream,) = open_streams([PHANTOM], limit=1, size=asked)
    assert next(iter(stream)).cohort.config.size == drawn
