"""Questions gathered by image."""

from hilum.files import Problems
from hilum.sources.image_questions import ImageQuestions
from hilum.study import Question, Split
from sources.helpers import picture, said


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
