import json
from collections import Counter

from hilum.study import Finding, Position, Presence, Question, Split
from sources.helpers import read, said, table
from sources.mimic_texts_layout import (
    CHANGE,
    dicom,
    film_row,
    pair_row,
    study,
    subject,
    write_mimic_diff_vqa,
    write_mimic_images,
)


def written(folder, films, pairs):
    table(folder / "mimic_all.csv", films)
    table(folder / "mimic_pair_questions.csv", pairs)
    return folder


def test_every_field_arrives_with_the_reference_as_prior(tmp_path):
    studies, problems = read("mimic-diff-vqa", write_mimic_diff_vqa(tmp_path))
    assert not len(problems), said(problems)
    assert len(studies) == 12
    one = studies[1]
    assert (one.id, one.patient) == (f"mimic-diff-vqa/{study(2)}-{study(3)}", f"mimic/{subject(1)}")
    assert [(view.id, view.position) for view in one.views] == [(dicom(2), Position.PA)]
    assert one.questions == (
        Question(CHANGE, "the edema is new, and mild.", False, kind="difference", compares=True),
        Question("is there edema?", "yes", True, kind="presence"),
        Question("where is the edema?", "both lungs", False, kind="location"),
    )
    assert one.labels == {Finding.EDEMA: Presence.PRESENT, Finding.PNEUMONIA: Presence.UNCERTAIN}
    assert one.terms == {"hilar congestion": Presence.PRESENT, "scarring": Presence.ABSENT}
    assert (one.split, one.taken) == (Split.TRAIN, "2150-01-01 02:05:01")
    assert (one.prior.id, one.prior.patient) == (f"mimic-diff-vqa/{study(3)}", one.patient)
    assert [view.id for view in one.prior.views] == [dicom(3)]
    assert (one.prior.questions, one.prior.prior) == ((), None)


def test_a_later_study_is_no_prior_and_questions_on_the_change_since_it_are_left_out(tmp_path):
    write_mimic_images(tmp_path, {0: 0, 1: 0})
    films = [film_row(0, 0, 1), film_row(1, 0, 0)]
    pairs = [
        pair_row(1, 0, 0, "difference", CHANGE, "worse."),
        pair_row(1, 0, 0, "view", "which view?", "ap view"),
    ]
    left_out = Counter()
    (one,), problems = read("mimic-diff-vqa", written(tmp_path, films, pairs), left_out=left_out)
    assert [q.kind for q in one.questions] == ["view"]
    assert one.prior is None
    assert left_out == {"questions on the change since a later study": 1}
    assert not len(problems)


def test_dates_order_studies_and_the_rank_only_those_of_one_day(tmp_path):
    write_mimic_images(tmp_path, {0: 0, 1: 0, 2: 0})
    films = [
        film_row(0, 0, 0, study_date=21501231, study_order=3),
        film_row(1, 0, 0, study_date=21510101, study_order=1),
        film_row(2, 0, 0, study_date=21501231, study_order=3),
    ]
    pairs = [
        pair_row(now, 0, before, "difference", CHANGE, "more.") for now, before in ((1, 0), (0, 1), (0, 2))
    ]
    studies, _ = read("mimic-diff-vqa", written(tmp_path, films, pairs))
    assert [(s.views[0].id, s.prior.views[0].id) for s in studies] == [
        (dicom(1), dicom(0)),
        (dicom(0), dicom(2)),
    ]


def test_without_metadata_the_table_says_view_and_day(tmp_path):
    write_mimic_diff_vqa(tmp_path)
    (tmp_path / "mimic-cxr-2.0.0-metadata.csv.gz").unlink()
    (tmp_path / "all_diseases.json").unlink()
    studies, _ = read("mimic-diff-vqa", tmp_path)
    assert (studies[0].views[0].position, studies[0].prior.views[0].position) == (Position.PA, Position.AP)
    assert (studies[0].taken, studies[0].prior.taken) == ("2150-01-02", "2150-01-01")
    assert studies[0].terms == {}


def test_the_split_is_mimics_and_not_that_of_the_questions(tmp_path):
    write_mimic_images(tmp_path, {0: 0, 1: 0, 2: 1})
    films = [film_row(0, 0, 1, split="validate"), film_row(1, 0, 0, split="validate"), film_row(2, 1, 0)]
    pairs = [
        pair_row(0, 0, 1, "presence", "edema?", "no") | {"split": "test"},
        pair_row(2, 1, 2, "presence", "edema?", "no") | {"split": "test"},
    ]
    studies, _ = read("mimic-diff-vqa", written(tmp_path, films, pairs))
    assert [s.split for s in studies] == [Split.VAL, Split.TRAIN]
    for row in pairs:
        del row["split"]  # a file that its users made themselves has none
    assert len(read("mimic-diff-vqa", written(tmp_path, films, pairs))[0]) == 2


def test_bad_rows_are_counted_and_the_others_kept(tmp_path):
    write_mimic_images(tmp_path, {0: 0, 1: 0, 4: 2})
    films = [film_row(0, 0, 1), film_row(1, 0, 0), film_row(1, 0, 0), film_row(2, 1, 1), film_row(4, 2, 1)]
    films += [film_row(3, 1, 1, dicom_id=""), film_row(5, 2, 0)]
    good = pair_row(0, 0, 1, "presence", "edema?", "No.")
    pairs = [
        good,
        good,
        {**good, "answer": ""},
        {**good, "question_type": "mood"},
        {**good, "study_id": study(9)},
        {**good, "subject_id": subject(5)},
        pair_row(2, 1, 1, "presence", "edema?", "no"),
        pair_row(4, 2, 5, "difference", CHANGE, "more."),
        pair_row(4, 2, 5, "level", "how much?", "mild"),
    ]
    written(tmp_path, films, pairs)
    with (tmp_path / "mimic_pair_questions.csv").open("a") as file:
        file.write("broken,row\n")
    (tmp_path / "all_diseases.json").write_text(json.dumps([{"study_id": study(0)}]))
    (one, other), problems = read("mimic-diff-vqa", tmp_path)
    assert [(q.answer, q.closed) for q in one.questions] == [("No", True)]
    assert ([q.kind for q in other.questions], other.prior) == (["level"], None)
    assert problems.counts == {
        "is a duplicate": 1,
        "is a duplicate id": 1,
        "has no study, patient or image id": 1,
        "has no study, question or answer": 1,
        "has an unknown question_type": 1,
        "is about a study that mimic_all.csv has not": 1,
        "has another patient than mimic_all.csv": 1,
        "has 2 cells for 7 columns": 1,
        "has no study_id, entity or no_entity": 1,
        "has questions but no image file": 1,
        "has no image of its reference": 1,
    }, said(problems)


def test_without_its_reference_a_study_of_nothing_but_its_change_is_left_out(tmp_path):
    write_mimic_images(tmp_path, {0: 0, 2: 1})
    films = [film_row(0, 0, 1), film_row(1, 0, 0), film_row(2, 1, 0)]
    pairs = [
        pair_row(0, 0, 1, "difference", CHANGE, "worse."),
        pair_row(2, 1, 3, "presence", "edema?", "yes."),
        pair_row(2, 1, 3, "view", "which view?", "ap."),
    ]
    (one,), problems = read("mimic-diff-vqa", written(tmp_path, films, pairs))
    assert [(q.answer, q.closed) for q in one.questions] == [("yes", True), ("ap.", False)]
    assert said(problems) == [
        f"s{study(0)}, s{study(1)}: has no image of its reference; its questions on the change are left out"
    ]
