"""The data card as a page: what the card counts, with nothing in it that runs or is loaded."""

from __future__ import annotations

import csv
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from hilum.images import write_png
from hilum.instruct import Mixture, Shards, build
from hilum.instruct.pages import card_page
from hilum.sources import SourceSpec
from hilum.study import Split
from instruct.helpers import Film

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
LINKS = {"gallery.html", "README.md", "card.json", "problems.jsonl"}


class Page(HTMLParser):
    """The tags of a page, and the cells of its tables row by row."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self._cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        self._cell = tag in ("td", "th")
        if self._cell:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._cell = False

    def handle_data(self, data: str) -> None:
        if self._cell:
            self.rows[-1][-1] += data


def card_of(shards: Shards) -> dict:
    return json.loads((shards.folder / "card.json").read_text())


def page_of(shards: Shards) -> Page:
    return Page((shards.folder / "card.html").read_text())


def number(value: int) -> str:
    return f"{value:,}" if value else "–"


def test_the_page_counts_as_the_card_does(shards: Shards) -> None:
    card, page = card_of(shards), page_of(shards)
    for name, row in card["splits"].items():
        counts = [number(row[kind]) for kind in ("patients", "studies", "images", "conversations")]
        assert [name, *counts] in page.rows
    for task in {row["task"] for row in card["counts"]}:
        cells = ["phantom", task]
        for split in Split:
            of = [r for r in card["counts"] if (r["task"], r["split"]) == (task, split.value)] or [{}]
            cells += [number(of[0].get(kind, 0)) for kind in ("conversations", "images", "studies")]
        assert cells in page.rows
    for row in card["labels"]:
        counts = [number(row[presence]) for presence in ("present", "absent", "uncertain")]
        assert [row["label"], *counts] in page.rows


def test_the_card_counts_distinct_studies_and_images(shards: Shards) -> None:
    for row in card_of(shards)["counts"]:
        said = [c for c in shards.conversations(Split(row["split"])) if c.task.value == row["task"]]
        assert row["studies"] == len({c.study for c in said})
        assert row["images"] == len({image for c in said for image in (*c.images_in, *c.images_out)})


def films(folder: Path) -> SourceSpec:
    """Three films to learn from, with columns of two findings, and one that is not there."""
    folder.mkdir()
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["image", "patient", "split", "Cardiomegaly", "Edema", HOSTILE])
        for name, own in enumerate([(1, -1), (1, ""), (0, 0)]):
            write_png(folder / f"{name}.png", Film(name, (50, 60))())
            table.writerow([f"{name}.png", f"p{name}", "train", *own, ""])
        table.writerow(["gone.png", "p9", "train", 1, 1, ""])
    return SourceSpec("folder", folder)


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Shards:
    folder = tmp_path_factory.mktemp("small")
    mixture = Mixture(2.0, {"binary_disease": 0.25}, {"folder": 3.0})
    return build([films(folder / "in")], folder / "out", size=48, workers=1, progress=False, mixture=mixture)


def test_the_card_counts_what_is_stated(small: Shards) -> None:
    kinds = ("present", "absent", "uncertain")
    stated = {row["label"]: tuple(row[kind] for kind in kinds) for row in card_of(small)["labels"]}
    assert stated == {"Cardiomegaly": (2, 1, 0), "Edema": (0, 1, 1)}
    assert list(stated) == ["Cardiomegaly", "Edema"]


def test_the_page_runs_nothing_and_loads_nothing(small: Shards) -> None:
    text = (small.folder / "card.html").read_text()
    page = page_of(small)
    assert text.rstrip().endswith("</html>")
    assert "&lt;script&gt;" in text  # the column that is not read
    assert not {tag for tag, _ in page.tags} & {"script", "img", "iframe", "link", "object", "base", "form"}
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "src"]
    targets = {own["href"] for _, own in page.tags if "href" in own}
    assert targets == LINKS
    assert all((small.folder / target).is_file() for target in LINKS)


def test_whatever_a_source_says_stays_text(small: Shards) -> None:
    card = card_of(small)

    def hostile(value):
        if isinstance(value, dict):
            return {key: hostile(own) for key, own in value.items()}
        if isinstance(value, list):
            return [hostile(own) for own in value]
        return f"{value}{HOSTILE}" if isinstance(value, str) and value not in list(Split) else value

    example = {"study": "a", "with": "b", "from": "train", "to": "test"}
    card["leak_guard"]["moved"][2] |= {"studies": 1, "examples": [example]}
    kept = card["leak_guard"]["moved"]
    changed = hostile(card)
    for own, before in zip(changed["leak_guard"]["moved"], kept, strict=True):
        own["reason"] = before["reason"]
    plain, page = Page(card_page(card)), Page(card_page(changed))
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in plain.tags]
    assert ["a" + HOSTILE, "train", "test", "b" + HOSTILE] in page.rows


def test_the_page_shows_the_mixture(small: Shards, shards: Shards) -> None:
    page, plain = page_of(small), page_of(shards)
    assert ["binary_disease", "0.25"] in page.rows
    assert ["folder", "3.0"] in page.rows
    drawn = [float(row[-1].removesuffix("%")) for row in page.rows if len(row) == 12 and row[0] == "folder"]
    assert sum(drawn) == pytest.approx(100, abs=0.1)
    assert not [row for row in plain.rows if "Weight" in row]
