from collections import Counter

import pytest

from hilum.sources.rexval import CATEGORIES, RATINGS, REPORTS
from hilum.study import Split, TextExample, TextKind
from sources.helpers import read, said, table
from sources.mimic_texts_layout import CANDIDATES, rating, study, subject, write_mimic_images, write_rexval


def one_report(folder, ratings, **more):
    report = (
        {"study_id": study(0), "gt_report": "Edema."} | dict.fromkeys(CANDIDATES, "") | {"bleu": "Normal."}
    )
    table(folder / REPORTS, [report | more])
    table(folder / RATINGS, ratings)
    return folder


def counted(folder, counts):
    """What is answered when raters count so many omissions."""
    ratings = [rating(0, "bleu", i, 2, True, count) for i, count in enumerate(counts)]
    (one,), _ = read("rexval", one_report(folder, ratings))
    return one.texts[0].answer.split("; ")[1]


def test_every_candidate_arrives_with_the_errors_that_matter(tmp_path):
    left_out = Counter()
    studies, problems = read("rexval", write_rexval(tmp_path), left_out=left_out)
    assert not len(problems), said(problems)
    assert len(studies) == 12
    assert studies[3].texts[1] == TextExample(
        TextKind.EVALUATION,
        ("Small effusion, patient 3. No edema.", "Report 3 by bertscore."),
        "false prediction of finding: 2; omission of finding: 0; incorrect location of finding: 0; "
        "incorrect severity of finding: 0; comparison not in the reference: 0; omission of comparison: 0",
    )
    assert all(s.split is Split.TEST and not s.views and len(s.texts) == 4 for s in studies)
    assert studies[3].patient == f"rexval/{study(3)}"
    assert left_out == {"errors without clinical significance": 12 * 4 * 6}
    assert len(CATEGORIES) == 6


def test_the_patient_is_known_where_mimics_table_is_there(tmp_path):
    write_rexval(tmp_path)
    write_mimic_images(tmp_path, {0: 5})
    assert read("rexval", tmp_path)[0][0].patient == f"mimic/{subject(5)}"


@pytest.mark.parametrize(
    ("counts", "mode"), [((1, 1, 2), 1), ((2, 2, 1), 2), ((3, 1, 2), 1), ((0, 0, 4, 4), 0), ((5,), 5)]
)
def test_the_mode_of_the_raters_counts_and_of_several_the_lowest(tmp_path, counts, mode):
    assert counted(tmp_path, counts) == f"omission of finding: {mode}"


def test_a_rater_without_a_row_for_a_category_counted_none(tmp_path):
    ratings = [rating(0, "bleu", 0, 2, True, 3)] + [rating(0, "bleu", i, 1, False, 0) for i in (1, 2)]
    (one,), problems = read("rexval", one_report(tmp_path, ratings))
    assert "omission of finding: 0" in one.texts[0].answer
    assert problems.counts == {"has no text": 3}


def test_bad_rows_are_counted_and_the_others_kept(tmp_path):
    good = rating(0, "bleu", 0, 2, True, 1)
    bad = [
        good,
        {**good, "rater_index": 1, "num_errors": "many"},
        {**good, "rater_index": 1, "num_errors": 0.5},
        {**good, "candidate_type": "rouge"},
        {**good, "error_category": 7},
        {**good, "clinically_significant": "maybe"},
    ]
    (one,), problems = read("rexval", one_report(tmp_path, [good, *bad], radgraph="Also."))
    assert [text.texts for text in one.texts] == [("Edema.", "Normal.")]
    assert problems.counts == {
        "is a duplicate id": 1,
        "has no study_number, rater_index or whole num_errors": 2,
        "has a candidate_type that is none of radgraph, bertscore, s_emb, bleu": 1,
        "has an error_category that is not 1 to 6": 1,
        "has a clinically_significant that is not True or False": 1,
        "has no ratings": 1,
        "has no text": 2,
    }, said(problems)


def test_a_broken_report_does_not_move_the_ratings_of_the_others(tmp_path):
    write_rexval(tmp_path, 3)
    rows = [
        {"study_id": study(i), "gt_report": "" if i == 1 else f"{i}."} | dict.fromkeys(CANDIDATES, f"{i}?")
        for i in range(3)
    ]
    table(tmp_path / REPORTS, rows)
    studies, problems = read("rexval", tmp_path)
    assert [s.id for s in studies] == ["rexval/0", "rexval/2"]
    assert problems.counts == {"has no gt_report": 1}
