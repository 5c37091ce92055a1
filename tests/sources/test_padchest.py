import gzip
from collections import Counter

import numpy as np
import pytest

from hilum.study import Fact, Finding, Position, Presence, Sex, Side
from sources.helpers import read, said, table
from sources.padchest_layout import HEADER, TABLE, film, row, write


def test_rows_of_a_study_become_a_study(tmp_path):
    cells = {
        "Labels": ["pleural effusion", " goiter"],
        "LabelsLocalizationsBySentence": [["pleural effusion", "loc  left"], ["goiter"]],
    }
    long = "1" * 39
    rows = [
        row("a.png", long, "9" * 39, **cells),
        row("b.png", long, "9" * 39, Projection="L", **cells),
    ]
    left_out: Counter[str] = Counter()
    (study,), problems = read("padchest", write(tmp_path, rows), left_out=left_out)
    assert (study.id, study.patient) == (f"padchest/{long}", f"padchest/{'9' * 39}")
    assert [(v.id, v.position) for v in study.views] == [
        ("a.png", Position.PA),
        ("b.png", Position.LATERAL),
    ]
    assert study.labels == {
        Finding.PLEURAL_EFFUSION: Presence.PRESENT,
        Finding.NO_FINDING: Presence.ABSENT,
    }
    assert study.terms == {"goiter": Presence.PRESENT}
    assert study.facts == (Fact(Finding.PLEURAL_EFFUSION, side=Side.LEFT),)
    assert (study.sex, study.age, study.taken) == (Sex.FEMALE, 65, "2015-03-01")
    assert study.device == "PhilipsMedicalSystems"
    assert study.report is None, "it is Spanish"
    assert left_out == {"reports in Spanish": 1}
    assert not len(problems), said(problems)


def test_dates_order_studies_and_ids_do_not(tmp_path):
    rows = [
        row("a.png", "1", StudyDate_DICOM="20160101"),
        row("b.png", "2", StudyDate_DICOM="20140101"),
        row("c.png", "3", "10", StudyDate_DICOM="20130101"),
    ]
    studies, _ = read("padchest", write(tmp_path, rows))
    assert [(s.id[-1], s.prior and s.prior.id[-1]) for s in studies] == [("2", None), ("1", "2"), ("3", None)]


@pytest.mark.parametrize(
    ("projection", "header", "position"),
    [
        ("AP", "", Position.AP),
        ("AP_horizontal", "", Position.AP),
        ("COSTAL", "PA", Position.UNKNOWN),
        ("", "LL", Position.LATERAL),
        ("", "ANTEROPOSTERIOR", Position.AP),
        ("", "LLD", Position.UNKNOWN),
    ],
)
def test_the_curators_projection_outranks_the_header(tmp_path, projection, header, position):
    write(tmp_path, [row("a.png", Projection=projection, ViewPosition_DICOM=header)])
    (study,), problems = read("padchest", tmp_path)
    assert study.views[0].position is position
    assert not len(problems)


@pytest.mark.parametrize("place", ["0", ".", "images/0", "images"])
def test_films_are_found_by_folder_or_flat(tmp_path, place):
    table(tmp_path / TABLE, [row("a.png")], HEADER)
    path = film(tmp_path / place / "a.png")
    (study,), _ = read("padchest", tmp_path)
    assert study.views[0].path == str(path)
    pixels = study.views[0].load()
    assert pixels.dtype == np.float32
    assert 0.9 < pixels.max() <= 1, "16 bits are scaled by the bits in use"


def test_the_packed_table_is_read_and_line_ends_and_encodings_do_not_matter(tmp_path):
    path = write(tmp_path, [row("a.png", Report="no opac según torax . ")]) / TABLE
    content = path.read_text(encoding="utf-8").replace("\r\n", "\n").encode("cp1252")
    path.with_name(f"{TABLE}.gz").write_bytes(gzip.compress(content))
    path.unlink()
    assert read("padchest", tmp_path)[0][0].id == "padchest/100"


def test_bad_rows_are_counted_with_their_line_and_the_others_kept(tmp_path):
    rows = [
        row("a.png", "1"),
        row("a.png", "2"),
        row("c.png", "3", Labels=["nodule", "rash"]),
        row("d.png", "4", Labels="[__import__('os').getpid()]"),
        row("e.png", "5", PatientID=""),
        row("f.png", "6", Projection="EXCLUDE"),
        row("g.png", "7", Projection="SKYLINE", PatientBirth="", PatientSex_DICOM="None"),
        row("h.png", "8", PatientBirth="1850.0", Manufacturer_DICOM="None"),
        row("i.png", "9", StudyDate_DICOM="2015"),
        row("j.png", "10"),
    ]
    write(tmp_path, rows)
    (tmp_path / "0/j.png").unlink()
    with (tmp_path / TABLE).open("a") as file:
        file.write("3,x.png\n")
    left_out: Counter[str] = Counter()
    studies, problems = read("padchest", tmp_path, left_out=left_out)
    by_id = {study.id.rsplit("/", 1)[1]: study for study in studies}
    assert set(by_id) == {"1", "3", "4", "7", "8", "9"}
    assert by_id["3"].labels[Finding.NODULE] is Presence.PRESENT
    assert by_id["4"].labels == by_id["4"].terms == {}
    assert (by_id["7"].age, by_id["7"].sex, by_id["8"].age, by_id["8"].device) == (
        None,
        Sex.UNKNOWN,
        None,
        "",
    )
    assert left_out["films whose projection the curators excluded"] == 1
    found = " ".join(said(problems))
    for where in (
        "line 3: a.png: is a duplicate id",
        "line 4: 'rash': has a label outside the published list",
        "line 5, Labels: is no list of labels",
        "line 6: names no patient",
        "line 8: has a projection",
        "line 9: its age",
        "line 10: has a date",
        "line 11: j.png: has a row but no image file",
        "line 12: has 2 cells",
    ):
        assert where in found, where
    assert len(problems) == 9
