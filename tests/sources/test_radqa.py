import json
from collections import Counter

import pytest

from hilum.errors import DataError
from hilum.sources import SourceSpec, open_source
from hilum.study import Split, TextExample, TextKind
from sources.helpers import read, said
from sources.mimic_texts_layout import CONTEXT, qa, write_radqa


def written(folder, paragraphs, name="train.json", title="7"):
    (folder / name).write_text(json.dumps({"data": [{"title": title, "paragraphs": paragraphs}]}))
    return folder


def paragraph(*questions, context=CONTEXT):
    return {"document_id": "7_F", "context": context, "qas": list(questions)}


def test_answers_are_spans_word_for_word_over_line_ends(tmp_path):
    studies, problems = read("radqa", write_radqa(tmp_path))
    assert not len(problems), said(problems)
    assert [s.split for s in studies] == [Split.TRAIN] * 8 + [Split.VAL] * 2 + [Split.TEST] * 2
    assert (studies[8].id, studies[8].patient, studies[8].views) == ("radqa/dev-8", "radqa/8", ())
    assert studies[0].texts == (
        TextExample(TextKind.TEXT_QA, (CONTEXT, "Is there an effusion?"), "left\n effusion"),
        TextExample(TextKind.TEXT_QA, (CONTEXT, "Is there a fracture?"), "not answerable"),
    )


def test_contexts_of_one_title_are_one_study_wherever_they_stand(tmp_path):
    data = [
        {"title": "7", "paragraphs": [paragraph(qa(str(i), "How large?", CONTEXT, "small"))]}
        for i in range(2)
    ]
    (tmp_path / "train.json").write_text(json.dumps({"data": data}))
    notes = []
    (one,), _ = read("radqa", tmp_path, notes=notes)
    assert len(one.texts) == 2
    assert [note.split()[0] for note in notes] == ["dev.json", "test.json"]


def test_of_several_answers_the_first_is_taken_and_the_others_counted(tmp_path):
    question = qa("1", "How large?", CONTEXT, "small")
    question["answers"].append({"text": "is small", "answer_start": CONTEXT.index("is small")})
    left_out = Counter()
    (one,), _ = read("radqa", written(tmp_path, [paragraph(question)]), left_out=left_out)
    assert [text.answer for text in one.texts] == ["small"]
    assert left_out == {"further answers to a question": 1}


def test_bad_parts_are_counted_and_the_others_kept(tmp_path):
    good = qa("1", "How large?", CONTEXT, "small")
    moved = {**good, "id": "2", "answers": [{"text": "small", "answer_start": 0}]}
    bad = [
        good,
        moved,
        {**good, "id": "3", "answers": []},
        {**good, "id": "4", "answers": [{"text": "small"}]},
        {**good, "id": "5", "question": ""},
        "no object",
    ]
    paragraphs = [paragraph(good, *bad), {"qas": []}, {"context": "x"}, 3]
    (one,), problems = read("radqa", written(tmp_path, paragraphs))
    assert len(one.texts) == 1
    assert problems.counts == {
        "is a duplicate id": 1,
        "has an answer that does not stand in its place": 1,
        "has no answers": 1,
        "has an answer without text or place": 1,
        "has no question or id": 2,
        "has a paragraph without context": 2,
        "has no list of qas": 1,
    }, said(problems)
    assert any(line.startswith("train.json, document 1, question 2:") for line in said(problems))


@pytest.mark.parametrize(("text", "says"), [("[]", "is not a JSON object"), ("{}", "has no list of data")])
def test_a_file_of_another_layout_is_named(tmp_path, text, says):
    (tmp_path / "train.json").write_text(text)
    with pytest.raises(DataError, match=says):
        open_source(SourceSpec("radqa", tmp_path))
