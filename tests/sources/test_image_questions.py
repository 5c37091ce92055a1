"""Questions gathered by image, and the sources that consist of them built into conversations."""

import pytest

from hilum.files import Problems
from hilum.instruct import build
from hilum.sources import SourceSpec
from hilum.sources.image_questions import ImageQuestions
from hilum.study import Question, Split, Task
from sources.helpers import picture, said
from sources.vqa_layout import (
    write_medvqa_2019,
    write_pmc_vqa,
    write_rad_restruct,
    write_roco,
    write_slake,
)

WRITERS = {
    "slake": write_slake,
    "rad-restruct": write_rad_restruct,
    "medvqa-2019": write_medvqa_2019,
    "pmc-vqa": write_pmc_vqa,
    "roco": write_roco,
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_build_keeps_what_was_published_and_asks_it(tmp_path, name):
    spec = SourceSpec(name, WRITERS[name](tmp_path / "data"))
    shards = build([spec], tmp_path / "out", size=48, workers=1, progress=False)
    records = [record for split in Split for record in shards.records(split)]
    assert len(records) >= 12
    assert all(record.questions or record.caption for record in records)
    assert {record.id for record in shards.records(Split.TEST)} >= {
        record.id for record in records if record.split is Split.TEST
    }
    tasks = {c.task for split in Split for c in shards.conversations(split)}
    assert name == "roco" or tasks & {Task.VQA_CLOSED, Task.VQA_OPEN}
    if name == "pmc-vqa":
        assert records[0].questions[0].options == ("Left", "Right", "Both", "None")
    if name == "rad-restruct":
        assert len(records[0].questions[1].history) == 2


def test_an_image_stays_in_the_split_that_first_asks_about_it(tmp_path):
    problems = Problems()
    asked = ImageQuestions(problems)
    for number, (image, split) in enumerate(
        [("b.jpg", Split.TEST), ("a.jpg", Split.TRAIN), ("b.jpg", Split.TRAIN), ("b.jpg", Split.TEST)]
    ):
        asked.add(image, Question(f"{number}?", "yes", True), split, f"row {number}")
    studies = list(asked.studies("x", lambda image: picture(tmp_path / image), lambda image: image))
    assert [(s.id, s.split, [q.question for q in s.questions]) for s in studies] == [
        ("x/b", Split.TEST, ["0?", "3?"]),
        ("x/a", Split.TRAIN, ["1?"]),
    ]
    assert said(problems) == ["row 2: asks about an image of another split; it is left out"]
