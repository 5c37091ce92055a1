"""The page says what was found, colours what a report says, and never breaks on what a report may hold."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from bench.helpers import BOX, EFFUSION, figure, result
from hilum.bench.findings import FindingAccuracy
from hilum.bench.html import TITLES, columns, mark, render, write
from hilum.bench.image_metrics.sets import SetScores
from hilum.bench.intervals import Estimate
from hilum.bench.kept import Reconstruction
from hilum.bench.population import Choice, SourceCount
from hilum.bench.probability import evaluate
from hilum.bench.readings import FindingScore
from hilum.bench.result import (
    Alignment,
    BoxShown,
    Change,
    Drawing,
    DrawnShown,
    Gallery,
    Measured,
    QuestionShown,
    ReportShown,
    Skipped,
)
from hilum.bench.shown import AskedShown
from hilum.bench.sides import SideTable
from hilum.bench.tasks import MEANINGS
from hilum.bench.template import picture
from hilum.files import MARK
from hilum.study import Fact, Finding, Presence, Task

FILM = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
HALF = Estimate(0.5, 0.25, 0.75, 12)


def marks(html: str) -> list[tuple[str, str]]:
    return re.findall(r'<mark class="(\w+)">([^<]*)</mark>', html)


def whole():
    """A result with everything that a page can show."""
    change = Change(
        "fact_f1", "Facts", "micro F1", HALF, replace(HALF, value=0.75), Estimate(0.25, 0.1, 0.3, 12)
    )
    shown = ReportShown("study 1", (FILM,), (EFFUSION,), "Small left effusion.", "No effusion.", "Clear <b>.")
    gallery = Gallery(
        (shown,),
        (BoxShown("s", FILM, "the effusion", (BOX,), (BOX,), 0.996),),
        (DrawnShown("s", "Large effusion.", FILM, FILM[::-1], (FILM[::-1], FILM)),),
        (QuestionShown("s", "vqa closed", None, "Is it?", "Yes", "", False),),
        ((FILM, FILM),),
    )
    accuracy = FindingAccuracy(
        Finding.EDEMA, Task.BINARY, 3, 1, 2, 6, HALF, HALF, replace(HALF, value=0.6), HALF
    )
    return result(
        [figure("finding_f1", 0.9996, 0.9, 1.0, majority=(0.5, 0.4, 0.6)), figure("view", 0.5, 0.4, 0.6)],
        findings=(accuracy,),
        skipped=(Skipped("progression", "Change", "no question of progression"),),
        sides=(SideTable(Task.VQA_OPEN, {("left", "right"): 3, ("left", "left"): 7}, HALF, HALF),),
        probabilities=evaluate(np.array([0.1, 0.4, 0.8]), [False, True, True], ["a", "b", "c"]),
        alignment=Alignment((change,), HALF),
        drawing=Drawing(HALF, HALF, HALF, HALF, (FindingScore("Edema", 5, HALF, HALF),)),
        reconstruction=Reconstruction(
            6, replace(HALF, value=31.5), HALF, 1000, 900, 400.0, HALF, HALF, HALF, HALF, fd=1.5
        ),
        gallery=gallery,
    )


def page_of(found, folder, **options) -> str:
    return render(found, folder / "page.html", **options).read_text(encoding="utf-8")


def test_a_page_holds_every_section_and_leads_to_each(tmp_path):
    history = tmp_path / "history.jsonl"
    history.write_text("".join(json.dumps({"step": i, "loss": 3.0 - i}) + "\n" for i in range(3)))
    page = page_of(whole(), tmp_path, curves={"language": history}, title="A title")
    assert re.findall(r'<h2 id="(\w+)">', page) == re.findall(r'<a href="#(\w+)">', page) == list(TITLES)
    assert "<h1>A title</h1>" in page
    assert "<h1>Hilum benchmark</h1>" in render(whole(), tmp_path / "plain.html").read_text()
    assert page.count('polyline class="curve"') == 1
    assert page.count('polyline class="roc"') == 1
    assert "3 / 4" in page
    assert "6 / 8" in page
    assert "Change: no question of progression" in page
    assert "+50.0 %" in page, "the relative gain of 0.5 to 0.75"


def test_numbers_say_what_they_mean_and_what_they_do_not(tmp_path):
    page = page_of(whole(), tmp_path)
    assert page.count('<tr class="meaning">') == 2
    assert MEANINGS["view"] in page
    assert "0.600 [0.250, 0.750]" in page, "the positive predictive value"
    assert "Of these questions 67 % have the answer yes" in page


def test_a_finding_on_the_wrong_side_stands_out(tmp_path):
    page = page_of(whole(), tmp_path)
    assert '<td class="right">7</td><td class="wrong">3</td>' in page
    assert page.count("<tr><th>left</th>") == 1
    assert "<tr><th>both</th>" not in page, "a row without a finding"


class Outline(HTMLParser):
    """Checks that every element is closed in its turn, and collects the attributes."""

    VOID = frozenset({"meta", "img", "input", "br", "line", "circle", "rect", "polyline"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_the_page_is_well_formed_and_loads_nothing(tmp_path):
    outline = Outline()
    outline.feed(page_of(whole(), tmp_path))
    outline.close()
    assert outline.open == []
    assert not [tag for tag, _ in outline.found if tag in ("script", "link", "iframe", "object")]
    sources = [attributes["src"] for tag, attributes in outline.found if "src" in attributes]
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert not [name for _, attributes in outline.found for name in attributes if name.startswith("on")]


def test_every_film_can_be_enlarged(tmp_path):
    outline = Outline()
    outline.feed(page_of(whole(), tmp_path))
    tags = [tag for tag, _ in outline.found]
    assert tags.count("input") == tags.count("label") == tags.count("img")


EVIL = '"><img src=x onerror=alert(1)><script>alert(2)</script>'


def test_no_text_of_a_study_or_a_model_becomes_markup(tmp_path):
    gallery = Gallery(
        (ReportShown(EVIL, (FILM,), (), EVIL, EVIL, EVIL),),
        (BoxShown(EVIL, FILM, EVIL, (BOX,), (BOX,), 0.5),),
        (DrawnShown(EVIL, EVIL, FILM, FILM),),
        (QuestionShown(EVIL, EVIL, FILM, EVIL, EVIL, EVIL, False),),
    )
    found = result(gallery=gallery, sources=[EVIL], skipped=(Skipped(EVIL, EVIL, EVIL),))
    outline = Outline()
    outline.feed(page_of(found, tmp_path, title=EVIL))
    assert "script" not in [tag for tag, _ in outline.found]
    assert not [attributes for _, attributes in outline.found if "onerror" in attributes]


def test_what_is_not_there_has_no_section(tmp_path):
    page = page_of(result(), tmp_path)
    assert re.findall(r'<h2 id="(\w+)">', page) == ["protocol"]


def test_a_number_below_one_never_reads_as_one(tmp_path):
    page = page_of(whole(), tmp_path)
    assert "<b>0.9996</b>" in page
    assert "IoU 0.996" in page


def test_phantom_is_said_where_all_is_phantom_and_only_there(tmp_path):
    assert "All of this is phantom" in page_of(result(sources=["phantom"]), tmp_path)
    assert "All of this is phantom" not in page_of(result(sources=["phantom", "folder"]), tmp_path)
    counts = (SourceCount("phantom", 3), SourceCount("open-i", 0))
    assert "All of this is phantom" in page_of(result(measured=Measured(Choice.ALL, "", counts)), tmp_path)
    assert "All of this is phantom" not in page_of(result(sources=[]), tmp_path)


def test_unfinished_and_seen_before_are_said(tmp_path):
    page = page_of(result(), tmp_path)
    assert "Unfinished" not in page
    assert "Seen before" not in page
    assert "folder: 3 studies of 2 patients" in page_of(result(sources=["folder"]), tmp_path)
    assert "Unfinished" in page_of(result(complete=False), tmp_path)
    measured = Measured(Choice.ALL, "all studies", (SourceCount("folder", 5, seen=4),))
    assert "trained on 4 of these" in page_of(result(measured=measured), tmp_path)


def test_what_a_model_writes_cannot_become_markup(tmp_path):
    page = page_of(whole(), tmp_path)
    assert "Clear &lt;b&gt;." in page
    assert "<b>." not in page


def test_metrics_have_names_for_people(tmp_path):
    found = result(
        [replace(figure("vqa_closed", 0.5, 0.4, 0.6), title="Closed questions", unusable={"candidates": 2})]
    )
    page = page_of(found, tmp_path)
    assert "Closed questions" in page
    assert "2 candidates that cannot be read, counted 0" in page


@pytest.mark.parametrize("most", [2, 3, 4])
@pytest.mark.parametrize("count", range(1, 24))
def test_no_tile_is_alone_in_its_row(count, most):
    wide = columns(count, most)
    assert 1 <= wide <= most + 3
    assert count <= wide or count % wide != 1
    assert columns(0, most) == 1


def test_a_picture_is_in_the_page_itself():
    address = picture(FILM)
    assert address.startswith("data:image/png;base64,")
    image = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))
    np.testing.assert_array_equal(np.asarray(image.convert("L")), np.round(FILM * 255).astype(np.uint8))


def test_words_of_a_report_are_coloured_by_the_truth():
    text = "Small left pleural effusion. No pneumothorax. There is edema."
    marked = mark(text, (EFFUSION, Fact(Finding.CARDIOMEGALY), Fact(Finding.MASS, Presence.ABSENT)))
    kinds = {words: kind for kind, words in marks(str(marked.html))}
    assert {kind for words, kind in kinds.items() if "effusion" in words} == {"right"}
    assert {kind for words, kind in kinds.items() if "pneumothorax" in words} == {"absent"}
    assert {kind for words, kind in kinds.items() if "edema" in words} == {"wrong"}
    assert re.sub(r"<[^>]+>", "", str(marked.html)) == text
    [missed] = marked.missed
    assert "cardiomegaly" in missed.lower() or "heart" in missed.lower()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Small left pleural effusion.", "right"),
        ("Large left pleural effusion.", "part"),
        ("Small right pleural effusion.", "part"),
        ("No pleural effusion.", "wrong"),
        ("Left pneumothorax.", "wrong"),
        ("No acute disease.", "wrong"),
    ],
)
def test_a_fact_is_coloured_by_how_far_it_is_right(text, kind):
    [(found, _)] = marks(str(mark(text, (EFFUSION,)).html))
    assert found == kind


def test_no_acute_disease_is_right_where_there_is_none():
    marked = mark("No acute disease.", (Fact(Finding.EDEMA, Presence.ABSENT),))
    assert [kind for kind, _ in marks(str(marked.html))] == ["absent"]
    assert marked.missed == ()


def test_a_finding_said_wrongly_and_rightly_by_the_same_words_shows_as_wrong():
    truth = (EFFUSION,)
    [(kind, _)] = {
        pair for pair in marks(str(mark("Left effusion and edema.", truth).html)) if "edema" in pair[1]
    }
    assert kind == "wrong"


def test_texts_without_facts_are_left_as_they_are():
    assert str(mark("", (EFFUSION,)).html) == ""
    assert str(mark("a < b & c", ()).html) == "a &lt; b &amp; c"


def test_the_json_beside_the_page_is_the_result(tmp_path):
    found = whole()
    write(found, tmp_path / "out")
    document = json.loads((tmp_path / "out" / "report.json").read_text())
    assert document.pop("made_by") == MARK
    assert document == json.loads(json.dumps(found.to_json()))
    assert (tmp_path / "out" / "report.html").is_file()
    assert document["alignment"]["changes"][0]["relative"] == 0.5
    assert [row[0] for row in document["rows"]] == [
        "finding_f1",
        "view",
        "drawn_codes",
        "drawn_auroc",
        "real_auroc",
        "reconstruction_psnr",
        "reconstruction_ssim",
        "reconstruction_auroc",
        "reconstruction_auroc_lost",
        "reconstruction_markers",
    ]
    assert all(len(row) == len(document["columns"]) for row in document["rows"])
    assert document["rows"][0][3:] == [
        "0.9996 [0.900, 1.000]",
        "0.500 [0.400, 0.600]",
        "",
        "",
    ]
    assert document["findings"][0]["true_negative"] == 6
    assert document["tasks"][1] == {
        "name": "view",
        "version": 1,
        "title": "View",
        "metric": "metric of view",
        "value": 0.5,
        "low": 0.4,
        "high": 0.6,
        "n": 10,
        "baselines": {},
    }
    assert set(document["tasks"][0]["baselines"]["majority"]) == {"value", "low", "high", "n", "gain"}
    assert document["measured"] == {
        "split": "test",
        "meaning": "the test split",
        "sources": [
            {
                "source": "phantom",
                "studies": 3,
                "patients": 2,
                "left_out": 0,
                "seen_in_training": None,
                "problems": {},
            }
        ],
    }
    assert document["skipped"] == [{"name": "progression", "reason": "no question of progression"}]
    assert found.figure("view").estimate.value == 0.5
    with pytest.raises(KeyError):
        found.figure("nothing")


def words(page: str) -> str:
    """What a reader sees of a page, all blanks alike."""
    body = re.sub(r"<svg.*?</svg>|<[^>]+>", "", page.partition("<body>")[2], flags=re.DOTALL)
    return " ".join(unescape(body).split())


def test_sentences_that_are_not_always_there_stand_apart_from_their_neighbours(tmp_path):
    sets = SetScores(
        "hilum abc", 4, 5, 90, 12.5, 11.0, 0.25, 0.0, HALF, HALF, HALF, HALF, HALF, 0.9, HALF, HALF
    )
    shown = AskedShown(*[HALF] * 8)
    drawing = Drawing(HALF, HALF, HALF, HALF, sets=sets, rebuilt_sets=sets, shown=shown)
    kept = Reconstruction(6, HALF, HALF, 1000, 900, 400.0, HALF, HALF, HALF, HALF, fd=1.5)
    page = words(page_of(result(drawing=drawing, reconstruction=kept), tmp_path))
    for said in (
        "that must be absent (real 0.500 [0.250, 0.750]). The model's reports",
        "copy one of 90 such films (real pictures 0.500",
        "in its features 1.50. 900 of 1000 codes are used",
    ):
        assert said in page
    assert re.findall(r"[a-z\]]\.[A-Z0-9]\w+", page) == []


def test_bars_of_findings_stand_best_drawn_first(tmp_path):
    scores = [
        FindingScore(name, 5, Estimate(value, None, None, 5), HALF)
        for name, value in (("Edema", 0.4), ("Mass", 0.9), ("Nodule", None))
    ]
    page = page_of(result(drawing=Drawing(HALF, HALF, HALF, HALF, tuple(scores))), tmp_path)
    assert '<h2 id="drawn">' in page
    assert re.findall(r'text-anchor="end">(Edema|Mass|Nodule)<', page) == ["Mass", "Edema", "Nodule"]


def test_drawn_pictures_as_a_set_are_told_with_how_many_they_are(tmp_path):
    sets = SetScores("hilum abc", 40, 40, 90, 12.5, 11.0, 0.25, 0.0, HALF, HALF, HALF, HALF)
    alone = page_of(result(drawing=Drawing(HALF, sets=sets)), tmp_path)
    assert "40 drawn pictures lie at a Fréchet distance of <b>12.500</b>" in alone
    assert "film of the training" not in alone
    assert "reconstructions, which" not in alone
    known = replace(sets, nearer=HALF, nearest_ratio=0.9, copied=HALF, copied_real=HALF)
    page = page_of(result(drawing=Drawing(HALF, sets=known, rebuilt_sets=replace(sets, fd=3.5))), tmp_path)
    assert "copy one of 90 such films" in page
    assert "real pictures 0.500" in page
    assert "alone account for: 3.500" in page
    assert "Fréchet" not in page_of(result(drawing=Drawing(HALF)), tmp_path)
