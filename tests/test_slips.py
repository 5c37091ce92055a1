"""What a newcomer may well write: it works, or one line says what to pass."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import hilum
from hilum.errors import UsageError, a_text
from hilum.images import Fit, fit, fit_box, read_image, view_of, write_png
from hilum.instruct import build
from hilum.judge import compare, score
from hilum.phantom import only, write_cohort
from hilum.recipes import bench_run
from hilum.reports import extract_facts
from hilum.sources import SourceSpec, open_source, specs_of
from hilum.study import Fact, Finding, Position, Presence, Severity, Side, Study, Tip, member
from model.helpers import picture, prompt, tiny

TEXT = "Small left pleural effusion."


@pytest.fixture(scope="module")
def model():
    return tiny(context=1024)


@pytest.fixture
def film(tmp_path):
    (tmp_path / "films").mkdir()
    path = tmp_path / "films" / "chest.png"
    write_png(path, picture(1, 64))
    return path


def test_one_image_needs_no_list_and_may_be_a_path_or_a_pil_image(model, film) -> None:
    pixels = read_image(film).pixels
    report, answer = model.report([pixels]), model.ask([pixels], "Any nodule?")
    for given in (film, str(film), [str(film)], Image.open(film), pixels, np.uint8(np.rint(pixels * 255))):
        assert model.report(given) == report
        assert model.ask(given, "Any nodule?") == answer
    study = Study("s", "p", "test", (view_of(film),))
    assert model.report(study) == report
    box = model.locate(pixels, "nodule")
    assert model.locate(film, "nodule") == model.locate([film], "nodule") == box


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda m: m.ask(picture(1), ["Any nodule?"]), "question: is a list, not a text; ask one question"),
        (lambda m: m.ask("Any nodule?", picture(1)), "question: is a ndarray, not a text"),
        (lambda m: m.ask([None], "Any nodule?"), "image 1: is a NoneType; give a path"),
        (lambda m: m.ask([picture(1), len], "Any nodule?"), "image 2: is a builtin_function_or_method"),
        (lambda m: m.report([]), "images: are missing"),
        (lambda m: m.report(picture(1), indication=["Cough."]), "indication: is a list"),
        (lambda m: m.locate(picture(1), ["nodule"]), "phrase: is a list"),
        (lambda m: m.locate([picture(1), picture(2)], "nodule"), "image: is 2 images; look in one at a time"),
        (lambda m: m.draw([TEXT]), "report: is a list"),
        (
            lambda m: m.draw(TEXT, position="sideways"),
            "position: 'sideways' is no Position; choose from PA, AP",
        ),
        (lambda m: m.answer(prompt("Any nodule?", 1)), "prompts: are one prompt; give a list"),
        (lambda m: extract_facts([TEXT]), "report: is a list, not a text; give the text of one report"),
        (lambda m: extract_facts(None), "report: is a NoneType"),
        (lambda m: score(TEXT, TEXT), r"references: are one text; give lists: score\("),
        (lambda m: score([TEXT], TEXT), "candidates: are one text"),
        (lambda m: score([TEXT], [None]), "candidates, number 1: is a NoneType, not a text"),
        (
            lambda m: compare(TEXT, TEXT),
            r"reference: does not hold facts alone; give .*extract_facts\(text\)",
        ),
        (lambda m: compare(extract_facts(TEXT), [TEXT]), "candidate: does not hold facts alone"),
        (lambda m: Fact("Effusio"), "finding: 'Effusio' is no Finding; choose from No Finding, "),
        (lambda m: Fact("Edema", side="top"), "side: 'top' is no Side; choose from left, right"),
        (lambda m: only("Effusio"), "finding: 'Effusio' is no Finding"),
        (lambda m: fit(picture(1), 16, "stretch"), "fit: 'stretch' is no Fit; choose from crop, pad"),
        (lambda m: build("phantm", "out"), "phantm: is no known source; did you mean phantom"),
        (lambda m: bench_run("run", tasks="views"), "task: 'views' is no Task; choose from findings_gen"),
    ],
)
def test_a_slip_is_one_line_with_the_remedy(model, call, said) -> None:
    with pytest.raises(UsageError, match=f"^{said}") as caught:
        call(model)
    assert "\n" not in str(caught.value)


def test_terms_may_be_given_as_text(model) -> None:
    exact = Fact(Finding.PLEURAL_EFFUSION, Presence.ABSENT, Side.LEFT, severity=Severity.MILD, tip=Tip.CARINA)
    for words in (
        ("Pleural Effusion", "absent", "left", "mild", "carina"),
        ("pleural effusion", "ABSENT", "Left", "Mild", "Carina"),
        ("PLEURAL_EFFUSION", "Absent", "LEFT", "MILD", "CARINA"),
    ):
        finding, presence, side, severity, tip = words
        fact = Fact(finding, presence, side, severity=severity, tip=tip)
        assert fact == exact
        assert fact.to_json() == exact.to_json()
        assert fact.side is Side.LEFT
    assert only("edema") == only(Finding.EDEMA)
    assert view_of("x.png", position="ap").position is Position.AP
    drawn = model.draw(TEXT, position="lateral", seed=1)
    assert drawn[0].codes == model.draw(TEXT, position=Position.LATERAL, seed=1)[0].codes
    with pytest.raises(UsageError, match=r"^x: 3 is no Side"):
        member(Side, 3, "x")


def test_how_to_fit_may_be_given_as_text() -> None:
    wide = np.random.default_rng(0).random((20, 40)).astype(np.float32)
    for how in Fit:
        assert np.array_equal(fit(wide, 16, how.value), fit(wide, 16, how))
    assert fit_box((0.4, 0.4, 0.6, 0.6), wide.shape, "pad") == fit_box(
        (0.4, 0.4, 0.6, 0.6), wide.shape, Fit.PAD
    )


def test_sources_may_be_given_as_words(tmp_path, film) -> None:
    spec = SourceSpec("folder", film.parent)
    words = f"folder={film.parent}"
    assert specs_of(words) == specs_of([words]) == specs_of(spec) == specs_of((spec,)) == [spec]
    assert [study.id for study in open_source(words)] == [study.id for study in open_source(spec)]
    shards = build(words, str(tmp_path / "out" / "shards"), size=32, workers=1)
    assert shards.folder == tmp_path / "out" / "shards"


def test_a_text_passes_as_it_is() -> None:
    assert a_text(TEXT, "report", "give a text") is TEXT


@pytest.mark.parametrize("folder", [None, 5, b"run"])
def test_a_run_that_is_no_path(folder):
    with pytest.raises(UsageError, match="not a path"):
        hilum.load(folder)


def test_numbers_that_are_none(model, film):
    asked = prompt("Any nodule?", 0)
    for slip, words in (
        ({"temperature": float("nan")}, "temperature/top_p: out of range"),
        ({"n": "2"}, "n: is '2'; give a whole number"),
        ({"n": 1.5}, "n: is 1.5; give a whole number"),
        ({"seed": "a"}, "seed: is 'a'; give a whole number"),
    ):
        with pytest.raises(UsageError, match=f"^{words}"):
            model.answer([asked], **slip)
    with pytest.raises(UsageError, match="is a str"):
        model.stream("hi")


def test_nothing_asked(model):
    for ask in (
        lambda: model.ask(picture(0), " "),
        lambda: model.locate(picture(0), ""),
        lambda: model.draw(""),
    ):
        with pytest.raises(UsageError, match="is empty"):
            ask()


def test_no_patients(tmp_path):
    with pytest.raises(UsageError, match="write at least one study"):
        write_cohort(-1, tmp_path / "zz")
