import gzip
import pickle
import shutil

import pytest

from hilum.study import Finding, Position, Presence, Report, Sex, Split
from sources.chexpert_layout import (
    HEADER,
    chexbert_line,
    plus_row,
    row,
    write_chexpert,
    write_plus,
    write_tables,
)
from sources.helpers import picture, read, said, table

FILM = "train/patient00001/study1/view1_frontal"


def test_both_releases_together_tell_all_of_a_study(tmp_path):
    studies, problems = read("chexpert", write_chexpert(tmp_path))
    assert not len(problems), said(problems)
    first, second = studies[:2]
    assert (first.id, first.patient) == ("chexpert/patient00001/study1", "chexpert/patient00001")
    assert [view.id for view in first.views] == [
        f"{FILM}.jpg",
        "train/patient00001/study1/view2_lateral.jpg",
    ]
    assert [view.position for view in first.views] == [Position.AP, Position.LATERAL]
    assert first.labels == {Finding.PLEURAL_EFFUSION: Presence.ABSENT, Finding.EDEMA: Presence.UNCERTAIN} | {
        Finding.NO_FINDING: Presence.PRESENT
    }
    assert first.report == Report(
        indication="60-year-old with cough.",
        comparison="None.",
        findings="The lungs are clear. No pleural effusion. The heart is of normal size.",
        impression="1. The lungs are clear. No pleural effusion.",
    )
    assert (first.sex, first.age, first.race) == (Sex.FEMALE, 61, "White")
    assert first.group == "Non-Hispanic/Non-Latino"
    assert second.prior is not None
    assert second.prior.id == first.id
    assert first.prior is None
    assert [study.split for study in studies] == [Split.TRAIN] * 16 + [Split.VAL] * 2 + [Split.TEST] * 2
    assert studies[16].race == "Asian", "the workbook of demographics tells it where Plus does not"
    assert studies[16].report is None
    assert (studies[18].sex, studies[18].age) == (Sex.UNKNOWN, None), "the test set has no such columns"
    assert pickle.loads(pickle.dumps(first)).views[0].load().shape == (8, 8)


def test_studies_are_ordered_as_numbers_and_a_prior_holds_no_further_past(tmp_path):
    films = [f"train/patient00001/study{n}/view1_frontal" for n in (10, 9, 11, 2)]
    write_tables(tmp_path, "train", [row(film) for film in films])
    studies, _ = read("chexpert", tmp_path)
    assert [study.id.rsplit("/", 1)[1] for study in studies] == ["study2", "study9", "study10", "study11"]
    priors = [study.prior for study in studies]
    assert [p and p.id.rsplit("/", 1)[1] for p in priors] == [None, "study2", "study9", "study10"]
    assert all(p is None or p.prior is None for p in priors)


def test_the_order_of_plus_outranks_the_numbers_of_the_studies(tmp_path):
    films = [f"train/patient00001/study{n}/view1_frontal" for n in (1, 2, 3)]
    write_tables(tmp_path, "train", [row(film) for film in films])
    write_plus(tmp_path, [plus_row(f, order=o) for f, o in zip(films, (12, 3, 9), strict=True)])
    notes: list[str] = []
    studies, _ = read("chexpert", tmp_path, notes=notes)
    assert [study.id[-1] for study in studies] == ["2", "3", "1"]
    assert [study.prior and study.prior.id[-1] for study in studies] == [None, "2", "3"]
    assert any("patient_report_date_order" in note for note in notes)


@pytest.mark.parametrize(
    ("place", "suffix"),
    [
        ("CheXpert-v1.0/train/patient00001", ".jpg"),
        ("CheXpert-v1.0-small/train/patient00001", ".jpg"),
        ("CheXpert-v1.0 batch 2 (train 1)/patient00001", ".jpg"),
        ("PNG/train/patient00001", ".png"),
        ("PNG/PNG/train/patient00001", ".png"),
    ],
)
def test_films_are_found_where_the_archives_put_them(tmp_path, place, suffix):
    table(tmp_path / "train.csv", [row(FILM)], HEADER)
    path = picture(tmp_path / place / f"study1/view1_frontal{suffix}")
    (study,), problems = read("chexpert", tmp_path)
    assert (study.views[0].path, study.views[0].id) == (str(path), f"{FILM}.jpg")
    assert not len(problems)


def test_the_png_of_plus_is_preferred_to_the_small_jpeg(tmp_path):
    small = tmp_path / "CheXpert-v1.0-small"
    write_tables(small, "train", [row(FILM)])
    png = picture(tmp_path / "PNG" / f"{FILM}.png")
    assert read("chexpert", tmp_path)[0][0].views[0].path == str(png)
    shutil.rmtree(tmp_path / "PNG")
    assert read("chexpert", tmp_path)[0][0].views[0].path == str(small / f"{FILM}.jpg")


def test_plus_alone_has_the_labels_that_chexbert_read(tmp_path):
    write_plus(tmp_path, [plus_row(FILM, report="IMPRESSION: Small left effusion.", race="", ethnicity="")])
    picture(tmp_path / "PNG" / f"{FILM}.png")
    (tmp_path / "chexbert_labels").mkdir()
    line = chexbert_line(FILM, Edema=1.0, Fracture=-1.0, Pneumonia=0.0)
    (tmp_path / "chexbert_labels" / "impression_fixed.json").write_text(f"{line}\n[]\n")
    (study,), problems = read("chexpert", tmp_path)
    assert study.labels == {
        Finding.EDEMA: Presence.PRESENT,
        Finding.FRACTURE: Presence.UNCERTAIN,
        Finding.PNEUMONIA: Presence.ABSENT,
    }
    assert study.report == Report(impression="Small left effusion."), "sections are read from the whole text"
    assert (study.race, study.group) == ("", None)
    assert said(problems) == ["impression_fixed.json, line 2: is no JSON object; it is left out"]


def test_the_table_of_the_reports_of_an_earlier_release_is_read(tmp_path):
    write_tables(tmp_path, "train", [row(FILM)])
    cells = plus_row(FILM, section_findings="Clear lungs.")
    kept = ("path_to_image", "ap_pa", "patient_report_date_order", "section_findings", "section_impression")
    table(tmp_path / "df_master_77_for_release_with_dcm.csv", [{name: cells[name] for name in kept}])
    assert read("chexpert", tmp_path)[0][0].report == Report(findings="Clear lungs.")


def test_a_frontal_film_that_is_called_lateral_is_of_unknown_view(tmp_path):
    views = ["LL", "RL", "PA", "ap", ""]
    films = [f"train/patient0000{n}/study1/view1_frontal" for n in range(5)]
    write_tables(tmp_path, "train", [row(f, AP=v) for f, v in zip(films, views, strict=True)])
    positions = [study.views[0].position for study in read("chexpert", tmp_path)[0]]
    assert positions == [Position.UNKNOWN, Position.UNKNOWN, Position.PA, Position.AP, Position.UNKNOWN]


def test_an_age_of_zero_and_a_sex_of_unknown_are_unknown(tmp_path):
    films = [f"train/patient0000{n}/study1/view1_frontal" for n in range(3)]
    write_tables(
        tmp_path,
        "train",
        [row(films[0], Age=0, Sex="Unknown"), row(films[1], Age=90), row(films[2], Age=300, Sex="x")],
    )
    studies, problems = read("chexpert", tmp_path)
    assert [(s.age, s.sex) for s in studies] == [(None, Sex.UNKNOWN), (90, Sex.FEMALE), (None, Sex.UNKNOWN)]
    assert sorted(problems.counts.values()) == [1, 1]
    assert all(problem.startswith("train.csv, line 4") for problem in said(problems))


def test_bad_rows_are_counted_with_their_line_and_the_others_kept(tmp_path):
    second = "train/patient00001/study1/view2_lateral"
    rows = [
        row(FILM, Edema="1.0"),
        row(FILM, Edema="0.0"),
        row(second, Edema="2.0"),
        row("train/patient00001/study2/view1_frontal"),
        row("train/patient1"),
    ]
    write_tables(tmp_path, "train", rows)
    shutil.rmtree(tmp_path / "train/patient00001/study2")
    with (tmp_path / "train.csv").open("ab") as file:
        file.write(b"CheXpert-v1.0/train/\xe9,Female\r\n\r\n")
    (study,), problems = read("chexpert", tmp_path)
    assert study.labels == {Finding.EDEMA: Presence.PRESENT}
    assert len(study.views) == 2
    lines = sorted(problem.split(";")[0] for problem in said(problems))
    assert lines == [
        f"train.csv, line 3: {FILM}: is a duplicate id",
        "train.csv, line 4, Edema: is '2.0', not 1, 0, -1 or blank",
        "train.csv, line 4: has other labels than the first film of its study",
        "train.csv, line 5: train/patient00001/study2/view1_frontal: has a row but no image file",
        "train.csv, line 6: has a path that names no film of a study",
        "train.csv, line 7: has 2 cells for 19 columns",
    ]


def test_chexlocalize_names_the_validation_set_otherwise_and_a_table_may_be_packed(tmp_path):
    film = "val/patient64541/study1/view1_frontal"
    cells = row(film, "", Edema="1.0")
    rows = [{name: cells[name] for name in ("Path", *HEADER[5:])}]
    path = table(tmp_path / "CheXpert" / "val" / "val_labels.csv", rows)
    path.with_name("val_labels.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    picture(tmp_path / "CheXpert" / f"{film}.jpg")
    (study,), _ = read("chexpert", tmp_path)
    assert (study.id, study.split) == ("chexpert/patient64541/study1", Split.VAL)
    assert study.views[0].id == "valid/patient64541/study1/view1_frontal.jpg"
