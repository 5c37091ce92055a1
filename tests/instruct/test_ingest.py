"""Images are read once, named by content and kept smaller; what cannot be read is left out and counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hilum.errors import NoChestRadiograph
from hilum.images import image_id, shrink
from hilum.images.raster import decode_raster
from hilum.instruct.ingest import LONGEST, IngestResult, StudyChunk, connected, ingest
from hilum.instruct.records import RegionRecord, StudyRecord, records_of
from hilum.phantom import PhantomConfig, cohort
from hilum.study import (
    Finding,
    Position,
    Presence,
    Question,
    Region,
    Report,
    RunLengths,
    Sex,
    Side,
    Split,
    Study,
    TextExample,
    TextKind,
)
from instruct.helpers import BOX, EFFUSION, REPORT, Broken, Film, study, view

SIZE = 32


def ingested(*studies: Study) -> IngestResult:
    return ingest(StudyChunk(studies), SIZE)


def records(*studies: Study) -> list[StudyRecord]:
    return records_of(ingested(*studies).studies)


@pytest.mark.parametrize("size", [16, 32, 64])
def test_an_image_is_named_by_its_original_and_kept_with_its_aspect_and_never_enlarged(size):
    original = Film(1, (40, 60))()
    result = ingest(StudyChunk((study(views=(view("a", Film(1, (40, 60))),)),)), size)
    (row,) = result.images.to_pylist()
    (record,) = records_of(result.studies)
    assert record.image_ids == (row["id"],) == (image_id(original),)
    assert (row["height"], row["width"]) == (40, 60)
    kept = decode_raster(row["image"]["bytes"], "kept").pixels
    short = min(size, 40)
    assert kept.shape == (short, round(60 * short / 40))
    assert kept == pytest.approx(shrink(original, size), abs=0.5 / 255 + 1e-6)


def test_an_image_in_two_studies_is_kept_once():
    result = ingested(study("a", views=(view("x", Film(1)),)), study("b", views=(view("y", Film(1)),)))
    assert result.images.num_rows == 1
    first, second = records_of(result.studies)
    assert first.image_ids == second.image_ids


def test_a_view_is_loaded_once_however_often_it_is_met():
    loads = []

    def load():
        loads.append(1)
        return Film(1)()

    before = study("a", views=(view("a-pa", load),))
    (_, after) = records(before, study("b", prior=before))
    assert len(loads) == 1
    assert after.prior_image_ids


def test_an_unreadable_view_is_left_out_and_what_points_at_views_moves_along():
    views = (view("bad", Broken()), view("good", Film(1), Position.AP))
    question = Question("Is it?", "yes", True, view=1)
    region = Region(BOX, "mass", Finding.MASS, view=1)
    lost = Region(BOX, "nodule", Finding.NODULE, view=0)
    result = ingested(study(views=views, regions=(lost, region), questions=(question,)))
    (record,) = records_of(result.studies)
    assert record.positions == (Position.AP,)
    assert [(r.view, r.finding) for r in record.regions] == [(0, Finding.MASS)]
    assert record.questions[0].view == 0
    assert dict(result.problems.counts) == {"is cut off": 1}


@pytest.mark.parametrize("shape", [(1, 1), (40, 40)])
def test_a_film_of_one_grey_is_left_out_so_that_two_people_with_one_stay_two(shape):
    black = study("a", patient="one", views=(view("a", lambda: np.zeros(shape, np.float32)),))
    white = study("b", patient="two", views=(view("b", lambda: np.ones(shape, np.float32)),))
    result = ingested(black, white)
    assert not result.owners
    assert dict(result.problems.counts) == {"shows nothing: all its pixels are equal": 2}


@pytest.mark.parametrize(
    "load",
    [
        Broken(),
        lambda: np.full((8, 8), np.nan, np.float32),
        lambda: np.zeros((0, 8), np.float32),
        lambda: 1 / 0,
    ],
    ids=["cut off", "not a number", "no pixels", "any fault"],
)
def test_a_study_without_a_readable_view_is_left_out_and_the_next_is_kept(load):
    bad = study("bad", views=(view("bad", load),))
    result = ingested(bad, study("good"))
    assert [r.id for r in records_of(result.studies)] == ["good"]
    assert [patient for patient, _, _ in result.owners] == ["p"]
    assert (len(result.problems), result.read) == (1, 2)


def test_a_study_that_never_had_views_is_kept():
    (record,) = records(study(views=(), regions=()))
    assert record.image_ids == ()
    assert record.report == REPORT


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "its report is empty"),
        ("word " * (LONGEST + 1), f"its report has more than {LONGEST} words"),
        ("Das Herz ist nicht vergrößert und die Lunge ist frei von Infiltraten und Ergüssen.", "English"),
    ],
)
def test_a_report_that_is_none_is_left_out_and_its_study_kept(text, problem):
    result = ingested(study(report=Report(findings=text)))
    (record,) = records_of(result.studies)
    assert record.report is None
    assert [kind for kind in result.problems.counts if problem in kind]


def test_text_that_cannot_be_stored_costs_its_study_alone():
    bad = study("bad", questions=(Question("\ud800?", "yes", True),))
    result = ingested(bad, study("good"))
    assert [r.id for r in records_of(result.studies)] == ["good"]
    assert dict(result.problems.counts) == {"holds text that is not Unicode": 1}


def test_blanks_of_a_report_are_set_right():
    (record,) = records(study(report=Report(findings=" The  heart is\n normal in size. ")))
    assert record.report.findings == "The heart is normal in size."


def test_boxes_are_those_of_the_whole_image_and_masks_of_the_copy_that_is_kept():
    mask = np.zeros((64, 128), bool)
    mask[16:48, 48:80] = True
    wide = view("wide", Film(1, (64, 128)))
    box = (48 / 128, 16 / 64, 80 / 128, 48 / 64)
    inside = Region(box, "mass", Finding.MASS, mask=mask)
    corner = Region((-0.1, 0.0, 0.1, 0.1), "nodule", Finding.NODULE)
    nowhere = Region((1.0, 0.0, 1.2, 0.1), "nodule", Finding.NODULE)
    (record,) = records(study(views=(wide,), regions=(inside, corner, nowhere)))
    mass, nodule = record.regions
    assert (mass.box, nodule.box, nodule.mask) == (box, (0.0, 0.0, 0.1, 0.1), None)
    assert np.array_equal(mass.mask.mask(), mask[::2, ::2])
    assert mass.grid().reshape(8, 8)[2:6].sum() == pytest.approx(mass.grid().sum()) == pytest.approx(8)


def test_only_the_frontal_image_of_the_study_before_is_kept():
    views = (view("l", Film(2), Position.LATERAL), view("f", Film(3)))
    (record,) = records(study("b", prior=study("a", views=views)))
    assert record.prior_image_ids == (image_id(Film(3)()),)
    assert record.prior_positions == (Position.PA,)


def test_owners_name_patient_all_images_and_the_sources_split():
    result = ingested(study(split=Split.TEST, prior=study("before", views=(view("old", Film(9)),))))
    ((patient, images, own),) = result.owners
    (record,) = records_of(result.studies)
    assert (patient, own) == ("p", Split.TEST)
    assert images == (*record.image_ids, *record.prior_image_ids)


def test_a_range_of_a_cohort_digests_like_its_studies():
    whole = cohort(6, seed=3, config=PhantomConfig(size=96))
    ranged = ingest(StudyChunk(cohort=whole, range=(2, 5)), SIZE)
    listed = ingest(StudyChunk([whole[i] for i in (2, 3, 4)]), SIZE)
    assert ranged.studies == listed.studies
    assert ranged.images == listed.images
    assert ranged.tally == listed.tally
    assert ranged.read == listed.read == 3


def test_all_that_is_known_of_a_study_becomes_its_record():
    known = {
        "report": Report("Cough.", "Old film.", "Clear.", "The heart is normal in size."),
        "labels": {Finding.MASS: Presence.ABSENT},
        "terms": {"scar": Presence.UNCERTAIN},
        "facts": (EFFUSION,),
        "facts_complete": False,
        "sex": Sex.FEMALE,
        "age": 51.5,
        "group": "north",
        "race": "ASIAN",
        "device": "one",
        "taken": "2150-01-01",
        "caption": "A film.",
    }
    texts = (
        TextExample(TextKind.TEXT_QA, ("a text", "a question"), "an answer"),
        TextExample(TextKind.EXPLANATION, ("edema",), "so", view=2),
        TextExample(TextKind.EXPLANATION, ("mass",), "lost", view=0),
    )
    views = (view("bad", Broken()), view("l", Film(1), Position.LATERAL), view("f", Film(2)))
    question = Question("Is it?", "yes", True, view=2, kind="presence", options=("yes", "no"))
    lost = Question("Was it?", "yes", True, view=0)
    region = Region(BOX, "mass", Finding.MASS, Side.LEFT, view=2, visibility=0.25)
    prior = study("before", views=(view("old", Film(9), Position.AP),))
    given = study(
        views=views, questions=(lost, question), regions=(region,), texts=texts, prior=prior, **known
    )
    (record,) = records(given)
    assert {name: getattr(record, name) for name in known} == known
    assert (record.id, record.patient, record.source) == ("s", "p", "folder")
    assert record.image_ids == tuple(image_id(Film(n)()) for n in (1, 2))
    assert record.positions == (Position.LATERAL, Position.PA)
    assert (record.prior_image_ids, record.prior_positions) == ((image_id(Film(9)()),), (Position.AP,))
    assert record.questions == (replace(question, view=1),)
    assert record.texts == (texts[0], replace(texts[1], view=1))
    assert record.regions == (RegionRecord(1, Finding.MASS, "mass", BOX, Side.LEFT, 0.25),)


def outlined(*places: tuple[int, int, int, int], shape: tuple[int, int] = (200, 100)) -> Region:
    """One mask of several rectangles, each by its rows and columns."""
    mask = np.zeros(shape, bool)
    for top, bottom, left, right in places:
        mask[top:bottom, left:right] = True
    return Region(BOX, "mass", Finding.MASS, mask=RunLengths.of_mask(mask))


def test_each_connected_part_of_a_mask_is_a_region_with_its_own_box():
    one, two = (10, 20, 10, 30), (50, 60, 50, 70)
    parts = connected(outlined(two, one))
    assert [part.box for part in parts] == [(0.1, 0.05, 0.3, 0.1), (0.5, 0.25, 0.7, 0.3)]
    assert [int(part.mask.mask().sum()) for part in parts] == [200, 200]
    whole = outlined(one)
    assert connected(whole) == [whole]
    touching = outlined(one, (20, 30, 30, 40))
    assert connected(touching) == [touching], "at a corner"
    drawn = Region(BOX, "mass", mask=outlined(one, two).mask.mask())
    assert connected(drawn) == [drawn], "the phantom's masks are of one thing each"


def test_specks_are_left_out_where_there_is_more():
    # Of 20,000 pixels a part of two is a ten-thousandth and stays; one of a single pixel is a speck.
    parts = connected(outlined((10, 20, 10, 30), (50, 51, 50, 51), (70, 71, 50, 52)))
    assert sorted(int(part.mask.mask().sum()) for part in parts) == [2, 200]
    specks = connected(outlined((10, 11, 10, 11), (50, 51, 50, 51)))
    assert [int(part.mask.mask().sum()) for part in specks] == [1, 1], "there is nothing more"


@pytest.mark.parametrize("more", [0, 1])
def test_the_longest_report_that_is_taken_has_a_thousand_words(more):
    words = ("The heart is normal in size. " * 200).split()[:1000] + ["Clear."] * more
    result = ingested(study(report=Report(findings=" ".join(words))))
    (record,) = records_of(result.studies)
    assert (record.report is None) is bool(more) is bool(len(result.problems))
    assert all(problem.remedy == "the study is kept without it" for problem in result.problems.kept)


class OfAKnee:
    def __call__(self) -> np.ndarray:
        raise NoChestRadiograph("film.dcm", "is not a chest radiograph (KNEE)", "force it")


def test_what_is_wrong_with_a_film_is_said_with_what_helps_in_a_build():
    views = (view("v", OfAKnee()), view("w", Broken()), view("x", lambda: 1 / 0), view("y", Film(1)))
    flat = view("z", lambda: np.ones((8, 8), np.float32))
    result = ingested(study(views=(*views, replace(flat, path="z.png"))))
    assert [str(problem) for problem in result.problems.kept] == [
        "film.dcm: is not a chest radiograph (KNEE); it is left out; if the header is wrong, correct it, or "
        "save the film as PNG",
        "film.png: is cut off; get it again",
        "x: cannot be read (ZeroDivisionError); get the file again; it is left out",
        "z.png: shows nothing: all its pixels are equal; it is left out",
    ]


def test_a_study_that_makes_no_record_is_said_and_the_next_is_kept():
    flat = Region(BOX, "mass", Finding.MASS, mask=np.ones(5, bool))
    result = ingested(study("bad", regions=(flat,)), study("good"))
    assert [r.id for r in records_of(result.studies)] == ["good"]
    assert [(p.thing, p.problem) for p in result.problems.kept] == [("bad", "cannot be read (ValueError)")]


def test_copies_are_looked_for_among_films_and_not_among_what_is_drawn():
    drawn = replace(view("a", Film(1)), synthetic=True)
    result = ingested(study("a", views=(drawn,)), study("b", views=(view("b", Film(2)),)))
    assert list(result.signatures) == [image_id(Film(2)())]
    assert [row["synthetic"] for row in result.images.to_pylist()] == [True, False]
    nothing = ingested()
    assert (nothing.read, nothing.owners, nothing.images.num_rows, nothing.studies.num_rows) == (0, [], 0, 0)
