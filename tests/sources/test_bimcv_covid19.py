import pickle
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from hilum.errors import DataError
from hilum.study import Fact, Finding, Position, Presence, Sex, Side, Site
from sources.bimcv_covid19_layout import film, labels, person, write, write_bimcv_covid19
from sources.helpers import read, said

SUBJECT, SESSION = "sub-S00001", "ses-E00001"


def one(root, *, view="pa", stored=None, people=None, sessions=None, coded=(), tests=(), **elements):
    """A set with one film."""
    path = film(root, SUBJECT, SESSION, view, stored, **elements)
    sessions = {SUBJECT: {SESSION: "20200405"}} if sessions is None else sessions
    write(root, [person(SUBJECT)] if people is None else people, sessions, coded, tests)
    return path


def test_a_session_becomes_a_study(tmp_path):
    root = tmp_path / "covid19_posi"
    coded = [labels(SESSION, ["COVID 19", " pneumonia"], [["pneumonia", "loc basal", "loc  right"]])]
    one(root, coded=coded, tests=[(SUBJECT, "NEGATIVO"), (SUBJECT, "POSITIVO"), (SUBJECT, "INDETERMINADO")])
    left_out: Counter[str] = Counter()
    (study,), problems = read("bimcv-covid19", root, left_out=left_out)
    assert (study.id, study.patient) == (f"bimcv-covid19/{SUBJECT}/{SESSION}", f"bimcv-covid19/{SUBJECT}")
    assert study.views[0].id == f"{SUBJECT}_{SESSION}_run-1_bp-chest_vp-pa_dx"
    assert study.views[0].position is Position.PA
    assert study.labels[Finding.PNEUMONIA] is Presence.PRESENT
    assert study.terms == {"COVID 19": Presence.PRESENT}
    assert study.facts == (Fact(Finding.PNEUMONIA, side=Side.RIGHT, site=Site.BASAL),)
    assert (study.sex, study.age, study.taken) == (Sex.FEMALE, 63, "2020-04-05")
    assert (study.group, study.device) == ("SARS-CoV-2 positive", "KONICA MINOLTA 0862")
    assert study.report is None
    assert left_out == {"reports in Spanish": 1}
    assert pickle.loads(pickle.dumps(study)).views[0].load().shape == (8, 8)
    assert not len(problems), said(problems)


def test_stored_values_are_shown_by_the_header(tmp_path):
    stored = np.arange(64, dtype=np.uint16).reshape(8, 8) * 64
    one(tmp_path, stored=stored)
    plain = read("bimcv-covid19", tmp_path)[0][0].views[0].load()
    one(tmp_path, stored=stored, PhotometricInterpretation="MONOCHROME1")
    inverted = read("bimcv-covid19", tmp_path)[0][0].views[0].load()
    one(tmp_path, stored=stored, WindowCenter=1024, WindowWidth=512)
    narrow = read("bimcv-covid19", tmp_path)[0][0].views[0].load()
    assert plain[0, 0] < plain[-1, -1]
    assert np.allclose(plain, stored / 4095, atol=1e-3)
    assert np.allclose(inverted, 1 - plain)
    assert (narrow == 0).sum() > 5
    assert (narrow == 1).sum() > 5


@pytest.mark.parametrize(
    ("view", "elements", "position"),
    [
        ("pa", {"ViewPosition": "LL"}, Position.LATERAL),
        ("ap", {"SeriesDescription": "Torax Lateral"}, Position.LATERAL),
        ("ap", {"ViewPosition": "PA"}, Position.AP),
        ("ll", {}, Position.LATERAL),
        ("oblique", {"ViewPosition": "AP"}, Position.AP),
    ],
)
def test_the_header_tells_laterals_and_the_name_the_rest(tmp_path, view, elements, position):
    one(tmp_path, view=view, **elements)
    assert read("bimcv-covid19", tmp_path)[0][0].views[0].position is position


def test_dates_order_sessions_and_one_without_a_date_is_before_none(tmp_path):
    for number in range(4):
        film(tmp_path, SUBJECT, f"ses-E{number}")
    dates = {"ses-E0": "20200601", "ses-E1": "", "ses-E2": "20200401", "ses-E3": "20200501"}
    write(tmp_path, [person(SUBJECT)], {SUBJECT: dates})
    studies, _ = read("bimcv-covid19", tmp_path)
    assert [(s.id[-1], s.prior and s.prior.id[-1]) for s in studies] == [
        ("2", None),
        ("3", "2"),
        ("0", "3"),
        ("1", None),
    ]


def test_attributes_come_from_the_header_where_the_table_is_silent(tmp_path):
    one(tmp_path, people=[person(SUBJECT, age="[63, 64]", gender="None")], PatientAge="064Y")
    assert (study := read("bimcv-covid19", tmp_path)[0][0]).age == 64
    assert study.sex is Sex.FEMALE
    one(tmp_path, people=[person(SUBJECT, age="[70]", gender="M")], PatientAge=None, PatientSex=None)
    assert (study := read("bimcv-covid19", tmp_path)[0][0]).age == 70
    assert study.sex is Sex.MALE


def test_ct_and_other_parts_of_the_body_are_counted(tmp_path):
    path = one(tmp_path)
    path.with_name(path.name.replace("bp-chest", "bp-abdomen")).write_bytes(path.read_bytes())
    (tmp_path / SUBJECT / SESSION / "mod-ct").mkdir()
    (tmp_path / SUBJECT / SESSION / "mod-ct" / "a_ct.nii.gz").write_bytes(b"")
    left_out: Counter[str] = Counter()
    (study,), problems = read("bimcv-covid19", tmp_path, left_out=left_out)
    assert len(study.views) == 1
    assert left_out["CT volumes"] == left_out["films of other parts of the body"] == 1
    assert not len(problems)


def test_what_is_missing_or_broken_is_counted_and_the_rest_kept(tmp_path):
    one(
        tmp_path,
        people=[person(SUBJECT), person("sub-S00009")],
        sessions={SUBJECT: {SESSION: "20200405", "ses-E9": "20200101"}},
        coded=[labels(SESSION, ["pneumonia", "rash"]), labels(SESSION, ["normal"])],
        tests=[(SUBJECT, "QUIZÁS")],
    )
    film(tmp_path, "sub-S00002", "ses-E00002")
    film(tmp_path, SUBJECT, "ses-E3").with_suffix(".json").unlink()
    film(tmp_path, SUBJECT, "ses-E4").with_suffix(".json").write_text("{")
    with (tmp_path / "participants.tsv").open("a") as file:
        file.write("derivatives\n")
    studies, problems = read("bimcv-covid19", tmp_path)
    assert [study.id.rsplit("/", 1)[1] for study in studies] == [SESSION, "ses-E00002"]
    assert (studies[1].sex, studies[1].age, studies[0].group) == (Sex.FEMALE, 63, None)
    assert studies[0].labels[Finding.PNEUMONIA] is Presence.PRESENT
    found = "\n".join(said(problems))
    for where in (
        "participants.tsv, line 3: sub-S00009: is listed but has no folder",
        "participants.tsv, line 4: has 1 cells",
        "sub-S00002: is not in participants.tsv",
        "sub-S00002_sessions.tsv: is missing",
        "sub-S00001_sessions.tsv, line 3: ses-E9: is listed but has no folder",
        "labels_covid_posi.tsv, line 2: 'rash': has a label outside",
        f"labels_covid_posi.tsv, line 3: {SESSION}: is a duplicate id",
        "sil_reg_covid_posi.tsv, line 2: has a result that is none",
        "ses-E3_run-1_bp-chest_vp-pa_dx.png: has no header",
        "ses-E4_run-1_bp-chest_vp-pa_dx.json: is no JSON file",
    ):
        assert where in found, where
    assert len(problems) == 10


REFUSED = {
    "empty": "is no readable PNG",
    "broken": "is no readable PNG",
    "colour": "is a colour picture",
    "knee": "is not a chest radiograph",
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_film_is_refused_when_its_pixels_are_read(tmp_path, kind):
    path = one(tmp_path, BodyPartExamined="KNEE" if kind == "knee" else "CHEST")
    if kind == "colour":
        Image.new("RGB", (8, 8)).save(path)
    elif kind != "knee":
        path.write_bytes(path.read_bytes()[:60] if kind == "broken" else b"")
    (study,), _ = read("bimcv-covid19", tmp_path)
    with pytest.raises(DataError, match=REFUSED[kind]):
        study.views[0].load()


def test_both_sets_are_read_each_with_the_results_of_its_patients(tmp_path):
    studies, _ = read("bimcv-covid19", write_bimcv_covid19(tmp_path))
    assert [study.group for study in studies] == ["SARS-CoV-2 positive"] * 12 + ["SARS-CoV-2 negative"] * 4


def test_a_table_of_sessions_that_cannot_be_read_leaves_their_dates_unknown(tmp_path):
    one(tmp_path)
    (tmp_path / SUBJECT / f"{SUBJECT}_sessions.tsv").write_text("session_id\nses-E00001\n")
    (study,), problems = read("bimcv-covid19", tmp_path)
    assert study.taken == ""
    assert [text.split(": ", 1)[1] for text in said(problems)] == [
        "lacks the column 'study_date'; it has: session_id"
    ]


@pytest.mark.parametrize(
    ("results", "group"),
    [
        (["NEGATIVO", "INDETERMINADO"], "SARS-CoV-2 negative"),
        (["INDETERMINADO", "negativo ", "POSITIVO", "NEGATIVO"], "SARS-CoV-2 positive"),
        (["INDETERMINADO"], "SARS-CoV-2 indeterminate"),
        ([], None),
    ],
)
def test_the_strongest_result_of_a_subject_counts(tmp_path, results, group):
    one(tmp_path, tests=[(SUBJECT, result) for result in results])
    assert read("bimcv-covid19", tmp_path)[0][0].group == group
