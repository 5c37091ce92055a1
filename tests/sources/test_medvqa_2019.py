from collections import Counter

import pytest

from hilum.errors import DataError
from hilum.sources import SourceSpec, open_source
from hilum.study import Position, Question, Split
from sources.helpers import read, said
from sources.vqa_layout import MED_ANSWERS, MED_TRAIN, med_film, medvqa, write_medvqa_2019


def test_every_field_arrives(tmp_path):
    left_out = Counter()
    studies, problems = read("medvqa-2019", write_medvqa_2019(tmp_path), left_out=left_out)
    assert not len(problems), said(problems)
    by_id = {s.id: s for s in studies}
    assert sorted(by_id) == [f"medvqa-2019/synpic{i}" for i in (*range(100, 110), 300, 301, 400, 401)]
    study = by_id["medvqa-2019/synpic101"]
    assert (study.patient, study.split) == ("vqa-rad/synpic101", Split.TRAIN)
    assert study.questions == (
        Question("what imaging method was used?", "xr - plain film", False, kind="modality"),
        Question("what is the plane of the image?", "pa", False, kind="plane"),
        Question("what organ system is pictured here?", "lung, mediastinum, pleura", False, kind="organ"),
        Question("what is most alarming about this x-ray?", "pneumothorax", False, kind="abnormality"),
    )
    assert (study.views[0].id, study.views[0].position) == ("synpic101.jpg", Position.PA)
    assert by_id["medvqa-2019/synpic100"].views[0].position is Position.LATERAL
    assert by_id["medvqa-2019/synpic300"].split is Split.VAL
    assert by_id["medvqa-2019/synpic300"].views[0].position is Position.AP
    assert list(left_out.values()) == [4 + 4 + 1 + 1]


def test_test_questions_have_four_fields_and_alternative_answers(tmp_path):
    studies, _ = read("medvqa-2019", write_medvqa_2019(tmp_path))
    organ, abnormality = studies[-2:]
    assert {organ.split, abnormality.split} == {Split.TEST}
    assert organ.questions[0].answer == "gastrointestinal"
    assert (abnormality.questions[0].kind, abnormality.questions[0].answer) == (
        "abnormality",
        "apical scar",
    )


def test_the_authors_list_tells_of_test_images(tmp_path):
    write_medvqa_2019(tmp_path)
    (tmp_path / "list_chest_xray.txt").write_text("synpic402.jpg\n")
    (study,), _ = read("medvqa-2019", tmp_path)
    assert study.id == "medvqa-2019/synpic402"


def test_the_file_of_all_pairs_is_read_without_the_categories(tmp_path):
    write_medvqa_2019(tmp_path)
    place = tmp_path / MED_TRAIN / "QAPairsByCategory"
    for path in place.iterdir():
        path.unlink()
    place.rmdir()
    studies, problems = read("medvqa-2019", tmp_path)
    assert not len(problems), said(problems)
    assert len(studies) == 14
    assert {q.kind for q in studies[0].questions} == {""}
    assert studies[0].views[0].position is Position.LATERAL


def test_bad_lines_are_counted_and_an_answer_may_hold_the_separator(tmp_path):
    medvqa(
        tmp_path, MED_TRAIN, "train", {"synpic1": med_film(abnormality="mass | left"), "synpic2": med_film()}
    )
    with (tmp_path / MED_TRAIN / "QAPairsByCategory" / "C4_Abnormality_train.txt").open("ab") as file:
        file.write(b"synpic1|what?\r\n\r\nsynpic1||yes\nsynpic1|is it a na\xefve question?|yes\n")
        file.write(b"synpic2|what is most alarming about this x-ray?|pneumothorax\n")
    (tmp_path / MED_TRAIN / "Train_images" / "synpic2.jpg").unlink()
    (study,), problems = read("medvqa-2019", tmp_path)
    assert [q.answer for q in study.questions[3:]] == ["mass | left", "yes"]
    assert study.questions[-1].question == "is it a naïve question?"
    assert study.questions[-1].closed
    assert said(problems)[:2] == [
        f"C4_Abnormality_train.txt, line {n}: does not have 3 fields with something in each; it is left out"
        for n in (3, 5)
    ]
    assert len(problems) == 2 + 2 + 1 + 1, said(problems)


def test_a_missing_part_is_counted_and_all_of_them_an_error(tmp_path):
    with pytest.raises(DataError, match="is missing"):
        open_source(SourceSpec("medvqa-2019", tmp_path))
    write_medvqa_2019(tmp_path)
    (tmp_path / "VQAMed2019Test" / MED_ANSWERS).unlink()
    (tmp_path / MED_TRAIN / "QAPairsByCategory" / "C2_Plane_train.txt").unlink()
    studies, problems = read("medvqa-2019", tmp_path)
    assert len(studies) == 12
    assert problems.counts == {"is missing": 2}
