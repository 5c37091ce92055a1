import json
import pickle
from collections import Counter

import pytest

from hilum.errors import DataError
from hilum.sources import SourceSpec, open_source
from hilum.study import Question
from sources.helpers import picture, read, said


def asked(image="a.jpg", organ="CHEST", question="Is it normal?", answer="No", answer_type="CLOSED", **more):
    return {
        "image_name": image,
        "image_organ": organ,
        "question": question,
        "answer": answer,
        "answer_type": answer_type,
        "question_type": "PRES",
        **more,
    }


def vqa(folder, rows, name="trainset.json", place="images"):
    (folder / name).write_text(json.dumps(rows))
    for row in rows:
        if isinstance(row, dict) and row.get("image_name"):
            picture(folder / place / row["image_name"])
    return folder


def test_questions_on_one_image_are_one_study(tmp_path):
    vqa(tmp_path, [asked(), asked("b.jpg"), asked(question=" How  many\n?", answer=2, answer_type="OPEN")])
    (one, two), problems = read("vqa-rad", tmp_path)
    assert (one.id, one.patient, one.views[0].id) == ("vqa-rad/a", "vqa-rad/a", "a.jpg")
    assert one.questions == (
        Question("Is it normal?", "No", True, kind="PRES"),
        Question("How many ?", "2", False, kind="PRES"),
    )
    assert len(two.questions) == 1
    assert pickle.loads(pickle.dumps(one)).views[0].load().shape == (8, 8)
    assert not len(problems)


@pytest.mark.parametrize(("answer_type", "closed"), [("CLOSED ", True), ("closed", True), ("OPEN ", False)])
def test_blanks_around_the_answer_type_do_not_matter(tmp_path, answer_type, closed):
    vqa(tmp_path, [asked(answer_type=answer_type)])
    assert read("vqa-rad", tmp_path)[0][0].questions[0].closed is closed


def test_a_question_is_kept_as_often_as_it_is_published(tmp_path):
    vqa(tmp_path, [asked(phrase_type="freeform"), asked(phrase_type="para")])
    assert len(read("vqa-rad", tmp_path)[0][0].questions) == 2


def test_other_organs_are_left_out_and_counted_but_no_problem(tmp_path):
    vqa(
        tmp_path,
        [asked("h.jpg", "HEAD"), asked("a.jpg", " chest "), asked("d.jpg", "ABD"), asked("d.jpg", "ABD")],
    )
    left_out = Counter()
    studies, problems = read("vqa-rad", tmp_path, left_out=left_out)
    assert [s.id for s in studies] == ["vqa-rad/a"]
    assert left_out == {"questions on the head": 1, "questions on the abdomen": 2}
    assert not len(problems)


def test_train_and_test_questions_on_an_image_stay_together_in_no_published_split(tmp_path):
    vqa(tmp_path, [asked()])
    vqa(tmp_path, [asked(question="Where?")], "testset.json")
    (study,), _ = read("vqa-rad", tmp_path)
    assert [q.question for q in study.questions] == ["Is it normal?", "Where?"]
    assert study.split is None


@pytest.mark.parametrize("listed", [False, True])
def test_how_many_test_images_are_in_train_too_is_noted(tmp_path, listed):
    train = [asked(phrase_type="freeform"), asked("b.jpg", phrase_type="para")]
    test = [asked("b.jpg", question="Where?", phrase_type="test_freeform")]
    test += [asked("c.jpg", phrase_type="test_para"), asked("h.jpg", "HEAD", phrase_type="test_para")]
    if listed:
        vqa(tmp_path, train + test, "VQA_RAD Dataset Public.json")
    else:
        vqa(tmp_path, train)
        vqa(tmp_path, test, "testset.json")
    notes: list[str] = []
    read("vqa-rad", tmp_path, notes=notes)
    assert notes[0].startswith("1 of 2 images of the published test questions are in the training questions")


def test_without_published_test_questions_nothing_is_noted(tmp_path):
    vqa(tmp_path, [asked()])
    notes: list[str] = []
    read("vqa-rad", tmp_path, notes=notes)
    assert notes == []


def test_the_public_file_is_read_when_there_are_no_sets(tmp_path):
    row = asked(
        question_rephrase="Is this normal?", question_frame="NULL", question_relation="Strict Agreement"
    )
    vqa(tmp_path, [row], "VQA_RAD Dataset Public.json", "VQA_RAD Image Folder")
    assert [q.question for q in read("vqa-rad", tmp_path)[0][0].questions] == ["Is it normal?"]
    vqa(tmp_path, [asked(question="Only this?")])
    assert [q.question for q in read("vqa-rad", tmp_path)[0][0].questions] == ["Only this?"]


def test_bad_questions_are_counted_and_the_others_kept(tmp_path):
    rows = [asked(), asked(answer=""), asked(question=None), asked(answer=[1]), "no object", asked(answer=0)]
    vqa(tmp_path, rows)
    gone = [asked("gone.jpg"), asked("../trainset.json")]
    (tmp_path / "testset.json").write_text(json.dumps(gone))
    (study,), problems = read("vqa-rad", tmp_path)
    assert [q.answer for q in study.questions] == ["No", "0"]
    assert problems.counts == {
        "has no answer": 2,
        "has no question": 1,
        "has no image_name": 1,
        "has questions but no image file": 2,
    }, said(problems)


@pytest.mark.parametrize(
    ("text", "says"),
    [("{", "is not a JSON file"), ("{}", "is not a list"), ("[" * 10**5, "is not a JSON file")],
)
def test_a_broken_file_is_named(tmp_path, text, says):
    (tmp_path / "trainset.json").write_text(text)
    with pytest.raises(DataError, match=rf"trainset\.json: {says}"):
        open_source(SourceSpec("vqa-rad", tmp_path))


@pytest.mark.data
def test_the_real_questions_are_read_whole(data_root):
    left_out = Counter()
    studies, problems = read("vqa-rad", data_root / "vqa-rad", left_out=left_out)
    assert not len(problems), said(problems)
    assert len({s.id for s in studies}) == len({s.patient for s in studies}) == len(studies) == 107
    assert sum(len(s.questions) for s in studies) == 1088
    assert left_out == {"questions on the head": 977, "questions on the abdomen": 999}
    assert len(list((data_root / "vqa-rad" / "images").iterdir())) == 113
    assert studies[0].views[0].load().ndim == 2
