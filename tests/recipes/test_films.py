"""A folder of films: each reported as it would be alone, none twice, whatever kills or breaks in between."""

from __future__ import annotations

import csv
import fcntl
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from hilum.errors import DataError, UsageError
from hilum.files import Problems
from hilum.images import read_image
from hilum.model import Model
from hilum.recipes import films, report_folder
from hilum.study import Position
from model.helpers import tiny

COUNT = 5


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return tiny(context=1024).save(tmp_path_factory.mktemp("run") / "model")


@pytest.fixture(scope="module")
def model(run) -> Model:
    return Model.load(run)


@pytest.fixture(scope="module", autouse=True)
def small_batches():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(films, "BATCH", 3)
        yield


def write_films(folder: Path, count: int = COUNT) -> list[Path]:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    paths = [folder / f"{number}.png" for number in range(count)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (40, 30 + len(path.name)), dtype=np.uint8)).save(path)
    return paths


def write_table(folder: Path, header: list[str], *rows: list[str]) -> None:
    with (folder / "metadata.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("films") / "films"
    write_films(folder)
    return folder


def lines(out: Path) -> list[dict]:
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def whole(run, folder, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "deep" / "reports.jsonl"
    assert report_folder(run, folder, out) == films.Tally(COUNT, 0, 0, 0, Problems())
    return out


def test_every_film_is_reported_as_it_would_be_alone(model, folder, whole) -> None:
    paths = sorted(folder.glob("*.png"))
    rows = lines(whole)
    assert [row["id"] for row in rows] == [f"folder/films/{path.name}" for path in paths]
    for row, path in zip(rows, paths, strict=True):
        alone = films.as_document(model.report([read_image(path).pixels]), [str(path)])
        assert {key: row[key] for key in alone} == alone
        assert {"notice", "seen", "flags"} < set(row)
        assert (row["model"], row["weights"]) == (model.name, model.weights_hash())
        assert set(model.provenance()) < set(row)
    assert len({row["findings"] for row in rows}) > COUNT // 2


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_run_cut_short_anywhere_goes_on_and_repeats_nothing(run, folder, whole, tmp_path, data) -> None:
    written = whole.read_bytes()
    kept = written[: data.draw(st.integers(0, len(written)))]
    out = tmp_path / "reports.jsonl"
    out.write_bytes(kept)
    tally = report_folder(run, folder, out)
    ended = kept.count(b"\n")
    assert (tally.reported, tally.failed, tally.answered) == (COUNT - ended, 0, ended)
    assert out.read_bytes().startswith(kept[: kept.rfind(b"\n") + 1])
    assert [row | {"date": ""} for row in lines(out)] == [row | {"date": ""} for row in lines(whole)]


@pytest.mark.parametrize(
    "mine",
    ['{"id": "a", "note": "mine"}', '{"id": "patient list, my notes", "todo": [1,2', '{"id": "', "{}", "a"],
)
def test_somebody_s_own_line_without_an_end_is_not_lost(run, folder, tmp_path, mine) -> None:
    out = tmp_path / "own.jsonl"
    out.write_text(mine)
    with pytest.raises(UsageError, match="line 1 is none that `hilum report` wrote"):
        report_folder(run, folder, out)
    assert out.read_text() == mine


def test_a_film_that_cannot_be_read_has_a_line_and_stops_nothing(run, tmp_path) -> None:
    paths = write_films(tmp_path / "films")
    out = tmp_path / "reports.jsonl"
    whole = paths[2].read_bytes()
    paths[2].write_bytes(whole[:60])
    paths[4].write_bytes(b"")
    tally = report_folder(run, tmp_path / "films", out)
    assert (tally.reported, tally.failed) == (COUNT - 2, 2)
    broken, empty = (row for row in lines(out) if "error" in row)
    assert str(paths[2]) in broken["error"]
    assert "cannot be read" in broken["error"]
    assert "is empty" in empty["error"]
    assert set(empty) == {"made_by", "id", "read", "images", "error", "model", "weights", "date"}
    before = out.read_bytes()
    assert report_folder(run, tmp_path / "films", out).failed == 2
    assert out.read_bytes() == before  # the same failures are not written again
    paths[2].write_bytes(whole)
    tally = report_folder(run, tmp_path / "films", out)
    assert (tally.reported, tally.failed, tally.answered) == (1, 1, COUNT - 2)
    assert out.read_bytes().startswith(before)
    assert lines(out)[-1]["id"] == "folder/films/2.png"
    assert lines(out)[-1]["findings"]


def test_the_table_gives_views_indications_and_priors(run, model, tmp_path) -> None:
    paths = write_films(tmp_path / "films", 5)
    header = ["image", "study", "patient", "view", "indication", "findings", "prior"]
    write_table(
        tmp_path / "films",
        header,
        ["0.png", "before", "p", "PA", "", "Clear lungs.", ""],
        ["1.png", "now", "p", "LATERAL", "Cough.", "Clear lungs.", "before"],
        ["2.png", "now", "p", "PA", "Cough.", "Clear lungs.", "before"],
        ["3.png", "other", "q", "PA", "Fever.", "", ""],
        ["lost.png", "lost", "r", "PA", "", "Clear lungs.", ""],
    )
    out = tmp_path / "reports.jsonl"
    tally = report_folder(run, tmp_path / "films", out)
    before, now, other = lines(out)
    assert sum(tally.problems.counts.values()) == 1
    assert now["images"] == [str(paths[1]), str(paths[2])]
    assert now["prior"] == [str(paths[0])]
    assert other["indication"] == "Fever."
    assert not {"prior", "changes"} & (set(before) | set(other))
    images = [films.Radiograph(read_image(path).pixels, Position.PA) for path in paths]
    images[1] = replace(images[1], position=Position.LATERAL)
    report = model.report([images[1], images[2]], indication="Cough.")
    assert (now["indication"], now["findings"]) == ("Cough.", report.findings)
    assert report.findings != model.report([i.pixels for i in images[1:3]], indication="Cough.").findings
    assert [now["changes"]] == model.changes([(images[0], images[2], report.findings)])


def test_a_prior_that_cannot_be_read_costs_the_comparison_alone(run, tmp_path) -> None:
    paths = write_films(tmp_path / "films", 2)
    write_table(
        tmp_path / "films",
        ["image", "patient", "prior"],
        ["0.png", "p", ""],
        ["1.png", "p", "0.png"],
    )
    paths[0].write_bytes(b"")
    report_folder(run, tmp_path / "films", tmp_path / "reports.jsonl")
    first, second = lines(tmp_path / "reports.jsonl")
    assert "is empty" in first["error"]
    assert "is empty" in second["prior_error"]
    assert second["findings"]
    assert "changes" not in second


def test_change_is_told_from_the_first_image_that_is_no_lateral() -> None:
    shapes = [np.zeros((2, 2), np.float32)] * 3
    lateral, first, second = (
        films.Radiograph(pixels, position)
        for pixels, position in zip(shapes, (Position.LATERAL, Position.AP, Position.PA), strict=True)
    )
    assert films.frontal([lateral, first, second]) is first
    assert films.frontal([lateral]) is lateral


@pytest.mark.parametrize(
    "content", [b"my notes", b"my notes\n", b'{"id": 1}\n', b"[1]\n", b'{"id": "x", "weights": "other"}\n']
)
def test_a_file_of_others_is_refused_and_left_alone(run, folder, tmp_path, content) -> None:
    out = tmp_path / "reports.jsonl"
    out.write_bytes(content)
    with pytest.raises(UsageError, match="name another file") as caught:
        report_folder(run, folder, out)
    assert str(out) in str(caught.value)
    assert out.read_bytes() == content


def test_a_note_behind_the_reports_is_kept(run, folder, whole, tmp_path) -> None:
    out = tmp_path / "reports.jsonl"
    shutil.copy(whole, out)
    with out.open("a") as file:
        file.write("check no. 3")
    with pytest.raises(UsageError, match=f"line {COUNT + 1} is none that"):
        report_folder(run, folder, out)
    assert out.read_text().endswith("check no. 3")


def test_two_runs_do_not_write_one_file(run, folder, whole) -> None:
    before = whole.read_bytes()
    with whole.open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="is being written by another process"):
            report_folder(run, folder, whole)
    assert whole.read_bytes() == before


def test_reports_do_not_go_among_the_films(run, folder) -> None:
    with pytest.raises(UsageError, match="lies inside the input"):
        report_folder(run, folder, folder / "reports.jsonl")
    assert not (folder / "reports.jsonl").exists()


def test_a_folder_without_films_is_an_error_and_makes_no_file(run, tmp_path) -> None:
    (tmp_path / "films").mkdir()
    with pytest.raises(DataError, match="holds no study"):
        report_folder(run, tmp_path / "films", tmp_path / "reports.jsonl")
    assert not (tmp_path / "reports.jsonl").exists()


def test_a_limit_is_kept(run, folder, tmp_path) -> None:
    assert report_folder(run, folder, tmp_path / "reports.jsonl", limit=2).reported == 2
    assert report_folder(run, folder, tmp_path / "reports.jsonl", limit=4).reported == 2


def test_another_film_of_the_same_name_is_not_taken_for_answered(run, tmp_path) -> None:
    out = tmp_path / "reports.jsonl"
    for site, new in (("a", 0), ("b", COUNT)):
        write_films(tmp_path / site / "films")
        tally = report_folder(run, tmp_path / site / "films", out)
        assert (tally.reported, tally.answered, tally.changed) == (COUNT, 0, new)
    again = report_folder(run, tmp_path / "b" / "films", out)
    assert (again.reported, again.answered, again.changed) == (0, COUNT, 0)
