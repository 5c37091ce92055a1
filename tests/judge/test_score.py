"""Reports judged by their text."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.errors import UsageError
from hilum.judge import score
from hilum.reports import write_report
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
        ("", NORMAL, "empty"),
        (NORMAL, " \n", "empty"),
        ("", "", "empty"),
        (NORMAL, "Das Herz ist nicht vergrößert, kein Erguss, die Lunge ist frei.", "unparsable"),
        ("El corazón es de tamaño normal y los pulmones están limpios.", NORMAL, "unparsable"),
        ("The cat sat on the mat.", NORMAL, "unparsable"),
    ],
)
def test_what_cannot_be_judged_has_a_state_and_no_score(reference, candidate, state):
    verdict = score([reference], [candidate]).scores[0]
    assert (verdict.value, verdict.state) == (None, state)


@pytest.mark.parametrize("reference", [NORMAL, "Small left pleural effusion. No pneumothorax."])
def test_a_candidate_that_says_nothing_of_the_chest_misses_everything(reference):
    verdict = score([reference], ["The patient is on the table."]).scores[0]
    assert (verdict.value, verdict.state) == (0, "ok")
    assert verdict.errors["b"]


def test_the_mean_leaves_out_what_has_no_score():
    verdicts = score([NORMAL, NORMAL, NORMAL], [NORMAL, "", "Cardiomegaly."])
    assert [s.value for s in verdicts.scores] == [1, None, 0]
    assert verdicts.mean == 0.5
    assert score([""], [""]).mean is None
    assert score([], []).mean is None


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
