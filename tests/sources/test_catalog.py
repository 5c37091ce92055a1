import gzip
import pickle
import re
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from hilum.errors import DataError, UsageError
from hilum.files import Problems
from hilum.phantom import Cohort, PhantomConfig, cohort
from hilum.sources import SOURCES, Request, SourceSpec, open_source, parse_source
from hilum.sources.base import PHYSIONET, file_in, first_there, parts_there, read_table
from hilum.sources.chexpert_labels import mined_labels, study_labels
from hilum.study import Finding, Presence
from sources.helpers import lines, picture, read, said, table


def test_a_source_is_named_as_on_the_command_line():
    assert parse_source("phantom") == SourceSpec("phantom")
    assert parse_source("open-i=/data/a=b c") == SourceSpec("open-i", Path("/data/a=b c"))
    assert parse_source("folder=~/x").path == Path.home() / "x"


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("mimic=/data", "mimic: is no known source"),
        ("", "is no known source"),
        ("openi=/data", "did you mean open-i"),
        ("open-i", "open-i: names no folder; write open-i=PATH"),
        ("open-i=", "open-i: names no folder"),
        ("phantom=/data", "phantom: is built in"),
    ],
)
def test_a_wrongly_named_source_is_misuse_and_the_known_ones_are_listed(word, says):
    with pytest.raises(UsageError, match=says) as caught:
        parse_source(word)
    if "known" in says:
        assert all(name in str(caught.value) for name in SOURCES)


@pytest.mark.parametrize("name", [name for name, source in SOURCES.items() if not source.embedded])
def test_what_is_missing_is_said_when_a_source_is_opened_not_later(tmp_path, name):
    with pytest.raises(DataError, match="does not exist"):
        open_source(SourceSpec(name, tmp_path / "gone"))
    with pytest.raises(DataError, match=r"is missing|holds no study"):
        open_source(SourceSpec(name, tmp_path))
    with pytest.raises(DataError, match="names no folder"):
        open_source(SourceSpec(name))


def test_every_source_states_its_terms():
    for name, source in SOURCES.items():
        assert source.name == name
        assert all((source.summary, source.files, source.terms, source.citation))
        assert source.citation == "none" or re.search(r" (19|20)\d\d$| \d{4}\.\d{5}$", source.citation)


@pytest.mark.parametrize("source", [s for s in SOURCES.values() if s.access], ids=lambda source: source.name)
def test_a_source_says_the_same_of_itself_as_its_module(source):
    module = sys.modules[getattr(source.read, "func", source.read).__module__]
    words = " ".join(module.__doc__.split())
    assert f"Access: {source.access}" in words
    authors = [cited.split(" et al.")[0].split(",")[0].strip() for cited in source.citation.split(";")]
    assert [name for name in authors if name not in words] == []
    assert PHYSIONET not in source.terms or PHYSIONET in words


def test_the_phantom_is_the_cohort_of_that_seed_and_size():
    studies, problems = read("phantom", None, limit=5, seed=3, size=64)
    expected = cohort(5, seed=3, config=PhantomConfig(size=64))
    assert [study.id for study in studies] == [study.id for study in expected]
    assert np.array_equal(studies[4].views[0].load(), expected[4].views[0].load())
    assert not len(problems)


def test_the_phantom_can_be_dealt_to_other_processes_as_a_cohort():
    whole = SOURCES["phantom"].read(Request(None, Problems()))
    assert isinstance(whole, Cohort)
    assert len(whole) == 2000
    assert pickle.loads(pickle.dumps(whole))[7] == whole[7]


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_that_makes_no_sense_is_misuse(limit):
    with pytest.raises(UsageError, match="limit"):
        open_source(SourceSpec("phantom"), limit=limit)


def test_studies_are_made_one_by_one_and_the_limit_is_kept(tmp_path):
    for number in range(3):
        picture(tmp_path / f"{number}.png")
    lines(tmp_path / "metadata.jsonl", [{"image": f"{number}.png"} for number in range(4)])
    problems = Problems()
    stream = open_source(SourceSpec("folder", tmp_path), problems)
    assert [next(stream).views[0].id for _ in range(3)] == ["0.png", "1.png", "2.png"]
    assert not len(problems), "the last study was made before it was asked for"
    assert not list(stream)
    assert problems.counts == {"is not in the folder": 1}
    studies, problems = read("folder", tmp_path, limit=2)
    assert [study.views[0].id for study in studies] == ["0.png", "1.png"]
    assert not len(problems)


def test_columns_are_for_a_folder_alone():
    with pytest.raises(UsageError, match="--map: is given, but phantom has known columns"):
        open_source(SourceSpec("phantom", columns=(("patient", "Code"),)))


def test_a_source_without_one_readable_study_says_why(tmp_path):
    table(tmp_path / "metadata.csv", [{"image": "gone.png"}])
    with pytest.raises(DataError, match=r"holds no study that can be read .*gone.png"):
        open_source(SourceSpec("folder", tmp_path))


def test_films_that_are_still_packed_are_to_be_unpacked(tmp_path):
    (tmp_path / "films.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"holds no study that can be read; unpack films\.zip"):
        open_source(SourceSpec("folder", tmp_path))


def test_a_name_that_leads_out_of_the_folder_is_no_file_in_it(tmp_path):
    inside = picture(tmp_path / "data" / "a.png")
    picture(tmp_path / "b.png")
    assert file_in(tmp_path / "data", "a.png") == inside
    assert file_in(tmp_path / "data", "./x/../a.png") == inside
    for name in ("../b.png", str(tmp_path / "b.png"), "", ".", "a\0b", "x" * 5000):
        assert file_in(tmp_path / "data", name) is None, name[:9]


def test_a_row_that_breaks_off_has_blanks(tmp_path):
    (tmp_path / "t.csv").write_text("\ufeffa,b\n1\n2,3,4\n\n")
    assert list(read_table(tmp_path / "t.csv", ("a", "b"))) == [{"a": "1", "b": ""}, {"a": "2", "b": "3"}]


def test_a_table_that_is_no_text_is_named(tmp_path):
    (tmp_path / "t.csv").write_bytes("a,b\nc,d\n".encode("utf-16"))
    with pytest.raises(DataError, match=r"t\.csv: is not a CSV text file"):
        list(read_table(tmp_path / "t.csv", ("a",)))


def test_a_column_that_lacks_is_named_with_those_that_are_there(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"lacks the column 'c'; it has: a, b"):
        list(read_table(tmp_path / "t.csv", ("c",)))


def test_problems_of_one_kind_are_counted_as_one_kind(tmp_path):
    for number in range(2):
        picture(tmp_path / f"{number}.png")
    rows = [
        {"image": f"{i}.png", "age": f"{200 + i}", "sex": f"x{i}", "Edema": i + 7, "boxes": "{" * i}
        for i in range(2)
    ]
    table(tmp_path / "metadata.csv", [*rows, {"image": "a.png"}, {"image": "b.png"}])
    _, problems = read("folder", tmp_path)
    assert sorted(problems.counts.values()) == [1, 2, 2, 2, 2], said(problems)


@pytest.mark.parametrize("packed", ["plain", "gz", "zip", "stem.zip"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_a_table_is_read_packed_or_not_in_any_usual_encoding(tmp_path, packed, encoding):
    content = 'name,said\r\n"1\n1",Müller\r\n2,b\r\n'.encode(encoding)
    path = tmp_path / "labels.csv"
    if packed == "gz":
        (tmp_path / "labels.csv.gz").write_bytes(gzip.compress(content))
    elif packed == "plain":
        path.write_bytes(content)
    else:
        with zipfile.ZipFile(
            tmp_path / ("labels.zip" if packed == "stem.zip" else "labels.csv.zip"), "w"
        ) as file:
            file.writestr("data/labels.csv", content)
    assert list(read_table(path, ["name"])) == [
        {"name": "1\n1", "said": "Müller"},
        {"name": "2", "said": "b"},
    ]


def test_a_row_of_another_width_is_counted_with_its_line(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n3\n4,5,6\n\n7,8\n")
    problems = Problems()
    assert [row["a"] for row in read_table(path, ["a"], problems)] == ["1", "7"]
    assert said(problems) == [
        "t.csv, line 3: has 1 cells for 2 columns; the row is left out",
        "t.csv, line 4: has 3 cells for 2 columns; the row is left out",
    ]
    assert [row["b"] for row in read_table(path, ["a"])] == ["2", "", "5", "8"]


def test_a_damaged_archive_is_named(tmp_path):
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n" * 500)[:-20])
    with pytest.raises(DataError, match="is not a CSV text file"):
        list(read_table(tmp_path / "t.csv", ["a"]))


@pytest.mark.parametrize("packed", ["", ".gz", ".zip"])
def test_the_first_table_that_is_there_is_known_by_its_unpacked_name(tmp_path, packed):
    (tmp_path / f"b.csv{packed}").touch()
    (tmp_path / "a.zip").touch()  # may hold the images
    assert first_there(tmp_path / name for name in ("a.csv", "b.csv", "c.csv")) == tmp_path / "b.csv"
    assert first_there([tmp_path / "a.csv"]) is None


def test_parts_that_are_not_there_are_noted_and_none_at_all_is_an_error(tmp_path):
    request = Request(tmp_path, Problems())
    names = ("train.json", "test.json")
    with pytest.raises(DataError, match=r"train\.json: is missing; get it"):
        parts_there(request, names, "get it", "questions", (".", "inner"))
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "test.json").touch()
    (found,) = parts_there(request, names, "get it", "questions", (".", "inner"))
    assert found == tmp_path / "inner" / "test.json"
    assert request.notes == ["train.json is not there: its questions are not read"]


def test_a_file_is_looked_for_by_each_name_in_each_place_and_never_outside_of_it(tmp_path):
    (tmp_path / "b").mkdir()
    for name in ("b/2.png", "1.json"):
        (tmp_path / name).touch()
    assert file_in(tmp_path, "1.png", "2.png", places=("a", "b")) == tmp_path / "b" / "2.png"
    assert file_in(tmp_path, "../1.json", places=("a", "b", ".")) is None


def test_a_studys_labels_are_those_of_its_first_row_and_others_are_noted():
    problems = Problems()
    rows = [("row 1", {"Edema": "1"}), ("row 2", {"Edema": "1.0"}), ("row 3", {"Edema": "0"})]
    assert study_labels(rows, problems) == {Finding.EDEMA: Presence.PRESENT}
    assert [line.split(":")[0] for line in said(problems)] == ["row 3"]
    assert study_labels([], problems) == {}


def test_mined_labels_keep_what_is_uncertain():
    problems = Problems()
    row = {
        "Edema": "-1.0",
        "Fracture": "",
        "No Finding": "1.0",
        "Airspace Opacity": "0",
        "Pneumonia": "maybe",
    }
    assert mined_labels(row, "x.csv, line 2", problems) == {
        Finding.EDEMA: Presence.UNCERTAIN,
        Finding.NO_FINDING: Presence.PRESENT,
        Finding.LUNG_OPACITY: Presence.ABSENT,
    }
    assert said(problems) == [
        "x.csv, line 2, Pneumonia: is 'maybe', not 1, 0, -1 or blank; it is left unknown"
    ]
