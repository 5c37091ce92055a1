"""Reports judged by their text."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.errors import UsageError
from hilum.judge import Verdicts, counted, mean, score
from hilum.judge.compare import OVERALL, PARTIAL
from hilum.judge.overall import overall
from hilum.reports import write_report
from hilum.study import Change, Finding, State, Verdict
from reports.made import fact_lists

NORMAL = "No acute cardiopulmonary abnormality."
NORMALS = [
    NORMAL,
    "The lungs are clear. Heart size is normal. No pleural effusion or pneumothorax.",
    "Normal chest radiograph.",
    "FINDINGS: Clear lungs. IMPRESSION: No acute disease.",
]


def value(reference, candidate):
    return score([reference], [candidate]).scores[0].value


@pytest.mark.parametrize("reference", NORMALS)
@pytest.mark.parametrize("candidate", NORMALS)
def test_normal_in_other_words_matches(reference, candidate):
    assert value(reference, candidate) == 1


@pytest.mark.parametrize("reference", NORMALS)
def test_a_finding_stated_of_a_normal_chest_scores_nothing(reference):
    assert value(reference, "Small left pleural effusion. The lungs are clear.") == 0
    assert value("Small left pleural effusion.", reference) == 0


@pytest.mark.parametrize(
    ("reference", "candidate", "state"),
    [
        ("", NORMAL, "no reference"),
        (NORMAL, " \n", "empty"),
        (NORMAL, "...", "empty"),
        ("", "", "no reference"),
        (NORMAL, "Das Herz ist nicht vergrößert, kein Erguss, die Lunge ist frei.", "foreign"),
        ("El corazón es de tamaño normal y los pulmones están limpios.", NORMAL, "no reference"),
        ("The cat sat on the mat.", NORMAL, "no reference"),
    ],
)
def test_what_cannot_be_judged_has_a_state_and_no_score(reference, candidate, state):
    verdict = score([reference], [candidate]).scores[0]
    assert (verdict.value, verdict.state) == (None, state)


def test_a_candidate_that_says_nothing_misses_just_what_is_there():
    for reference, missed in (
        (NORMAL, ["No Finding"]),
        ("No pneumothorax.", ["No Finding"]),
        ("Small left pleural effusion. No pneumothorax.", ["Pleural Effusion"]),
    ):
        [verdict] = score([reference], ["The patient is on the table."]).scores
        found = {letter: [f.finding for f in facts] for letter, facts in verdict.errors.items()}
        assert found == {"a": [], "b": missed, "c": [], "d": [], "e": [], "f": []}
        assert verdict.matched == ()


@pytest.mark.parametrize("reference", [NORMAL, "Small left pleural effusion. No pneumothorax."])
def test_a_candidate_that_says_nothing_of_the_chest_misses_everything(reference):
    verdict = score([reference], ["The patient is on the table."]).scores[0]
    assert (verdict.value, verdict.state) == (0, "scored")
    assert verdict.errors["b"]


def test_a_failed_candidate_counts_nothing_and_a_failed_reference_is_left_out():
    german = "Kein Erguss, die Lunge ist frei, das Herz ist nicht vergrößert."
    references = [NORMAL, NORMAL, NORMAL, NORMAL, "", german]
    verdicts = score(references, [NORMAL, "", german, "Cardiomegaly.", NORMAL, NORMAL])
    assert [s.value for s in verdicts.scores] == [1, None, None, 0, None, None]
    assert [counted(s) for s in verdicts.scores] == [1, 0, 0, 0, None, None]
    assert (verdicts.mean, verdicts.failed, verdicts.left_out) == (1 / 4, 2, 2)
    assert verdicts.mean == mean(verdicts.scores)
    counts = {"mean": 1 / 4, "failed": 2, "left_out": 2, "unjudged": {}}
    assert verdicts.to_json() | {"reports": []} == counts | {"reports": []}


def test_what_a_judge_could_not_judge_is_counted_by_state_and_left_out():
    verdicts = Verdicts((Verdict(0.5), *(Verdict(None, state=s) for s in State if s is not State.SCORED)))
    assert (verdicts.failed, verdicts.left_out) == (2, 1)
    assert verdicts.unjudged == {"unparsable": 1, "refused": 1, "too long": 1, "failed": 1}
    assert verdicts.mean == pytest.approx(0.5 / 3)
    assert score([""], [""]).mean is None
    assert score([], []).mean is None


@pytest.mark.parametrize(
    "text",
    [
        "ET tube.",
        "ETT in place.",
        "ET tube, NG tube.",
        "Post op changes.",
        "Post-op film, 5 AM. Small left effusion.",
        "AM film. ETT and NGT. Small left effusion.",
    ],
)
def test_the_shorthand_of_the_wards_is_english(text):
    reference = "Small left pleural effusion."
    assert score([reference], [text]).scores[0].state == "scored"


@pytest.mark.parametrize(
    "words",
    [
        "No interval change.",
        "No significant interval change.",
        "Unchanged.",
        "Otherwise unchanged since the prior study.",
        "Stable appearance of the chest.",
        "Stable examination.",
        "There has been no change since the previous radiograph.",
        "The findings are not significantly changed.",
        "Similar to prior.",
        "Compared to yesterday, no change.",
        "As compared to the previous radiograph of ___, there is no relevant change.",
    ],
)
def test_a_comparison_of_the_whole_chest_must_have_a_ground(words):
    plain, compared = "Small left pleural effusion.", "Stable small left pleural effusion."
    made_up = score([plain], [f"{plain} {words}"]).scores[0]
    assert (made_up.value, len(made_up.errors["e"])) == (1 / 2, 1)
    assert made_up.errors["e"][0].change is Change.STABLE
    omitted = score([f"{plain} {words}"], [plain]).scores[0]
    assert (omitted.value, len(omitted.errors["f"])) == (1 / 2, 1)
    assert value(compared, f"{plain} {words}") == 1
    assert value(f"{plain} {words}", compared) == 1
    assert value(f"{plain} {words}", f"{words} {plain}") == 1
    worse = score(["Increased small left pleural effusion."], [f"{plain} {words}"]).scores[0]
    assert len(worse.errors["e"]) == 1


@pytest.mark.parametrize(
    "words",
    [
        "No acute osseous changes.",
        "The patient is stable.",
        "COMPARISON: Unchanged since last week. FINDINGS: Small left pleural effusion.",
    ],
)
def test_other_words_of_change_compare_no_whole_chest(words):
    assert overall(f"Small left pleural effusion. {words}") == []


@pytest.mark.parametrize(
    "words",
    [
        "Heart size is unchanged.",
        "No interval change in the lungs.",
        "Stable mediastinal contour.",
        "The lungs remain clear.",
        "Heart size is unchanged, without pneumothorax.",
        "Normal chest, no interval change.",
    ],
)
def test_a_comparison_of_an_organ_must_have_a_ground_and_speaks_for_no_finding(words):
    plain, compared = "Small left pleural effusion.", "Stable small left pleural effusion."
    assert len(score([plain], [f"{plain} {words}"]).scores[0].errors["e"]) == 1
    assert value(compared, f"{compared} {words}") == 1
    assert value(compared, f"{plain} {words}") == 1 / 2
    assert value(f"{plain} {words}", plain) == 1
    assert overall(f"{words} No interval change.") == [OVERALL]
    assert overall(f"{words} {words}") == [PARTIAL]


def test_a_finding_within_a_bilateral_one_of_its_kin_can_be_missed():
    both = "Bilateral opacities."
    missed = score([f"{both} Left atelectasis."], [both]).scores[0]
    assert [f.finding for f in missed.errors["b"]] == [Finding.ATELECTASIS]
    assert missed.value == 1 / 2
    assert value(both, f"{both} Left atelectasis.") == 1 / 2


def test_the_json_lists_every_matched_and_wrong_fact():
    reference = "Small left pleural effusion. Cardiomegaly."
    document = score([reference], ["Large left pleural effusion. Pneumothorax."]).to_json()
    row = document["reports"][0]
    assert json.loads(json.dumps(document)) == document
    assert list(row) == ["score", "matched", "errors", "state"]
    assert row["score"] == document["mean"] == 0.25
    found = {letter: [f["finding"] for f in facts] for letter, facts in row["errors"].items()}
    assert found == {
        "a": ["Pneumothorax"],
        "b": ["Cardiomegaly"],
        "c": [],
        "d": ["Pleural Effusion"],
        "e": [],
        "f": [],
    }
    assert row["errors"]["a"][0]["span"] == [29, 41]


def test_the_json_of_what_another_judge_says_holds_its_words():
    told = Verdict(None, state=State.REFUSED, detail="why", counts={"matched": 0}, answer="no")
    row = Verdicts((told,)).to_json()["reports"][0]
    assert {name: row[name] for name in ("state", "detail", "counts", "answer")} == {
        "state": "refused",
        "detail": "why",
        "counts": {"matched": 0},
        "answer": "no",
    }
    nan, half = Verdicts((told, Verdict(0.5))).values
    assert np.isnan(nan)
    assert half == 0.5


@pytest.mark.parametrize(
    ("references", "candidates", "said"),
    [
        (NORMAL, [NORMAL], "references: are one text; give lists"),
        ([NORMAL], NORMAL, "candidates: are one text; give lists"),
        ([NORMAL, None], [NORMAL, NORMAL], "references, number 2: .*give the text of one report for each"),
        ([NORMAL], [7], "candidates, number 1: .*give the text of one report for each"),
        ([NORMAL, NORMAL], [NORMAL], "candidates: are 1 for 2 references; give one candidate for each"),
    ],
)
def test_what_is_no_list_of_texts_is_named(references, candidates, said):
    with pytest.raises(UsageError, match=said):
        score(references, candidates)


def test_references_and_candidates_must_pair_up():
    with pytest.raises(UsageError, match="2 for 1 references"):
        score([NORMAL], [NORMAL, NORMAL])


@settings(max_examples=60)
@given(fact_lists(most=5), st.integers(0, 99))
def test_one_truth_written_twice_in_different_words_matches(facts, seed):
    texts = [
        write_report(facts, rng=np.random.default_rng([seed, n]), prior=True, style=style).findings
        for n, style in enumerate(("prose", "brief", "labelled"))
    ]
    assert value(texts[0], texts[1]) == 1
    assert value(texts[1], texts[2]) == 1


@settings(max_examples=60)
@given(fact_lists(most=5), st.randoms(use_true_random=False))
def test_the_order_of_the_sentences_does_not_matter(facts, random):
    text = write_report(facts, rng=np.random.default_rng(0), style="prose").findings
    sentences = text.split(". ")
    random.shuffle(sentences)
    other = ". ".join(sentence.rstrip(".") for sentence in sentences) + "."
    assert value(text, other) == 1


@pytest.mark.parametrize("false", ["Large right pneumothorax.", "Possible mass.", "Pacemaker in place."])
def test_every_false_sentence_costs(false):
    reference = "Small left pleural effusion. Cardiomegaly."
    assert value(reference, f"{reference} {false}") == pytest.approx(2 / 3)
