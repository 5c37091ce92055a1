"""Labels of reports and the F1 of them, by scikit-learn's definition."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from hilum.bench.text_metrics import CHEXPERT_5, chexpert, chexpert_labels, facts
from hilum.judge import score
from hilum.study import CHEXPERT_14, Finding, Presence

REPORTS = [
    "Small left pleural effusion. The heart is enlarged.",
    "No pleural effusion or pneumothorax. The lungs are clear.",
    "Possible pneumonia in the right lower lobe.",
    "An endotracheal tube is in place. No acute cardiopulmonary abnormality.",
    "A nodule in the left upper lobe. Mild pulmonary edema.",
    "Bibasilar atelectasis, cannot exclude consolidation.",
]


def test_labels_are_present_absent_uncertain_or_not_mentioned():
    assert chexpert_labels(REPORTS[0]) == {
        Finding.PLEURAL_EFFUSION: Presence.PRESENT,
        Finding.CARDIOMEGALY: Presence.PRESENT,
    }
    second = chexpert_labels(REPORTS[1])
    assert second[Finding.PNEUMOTHORAX] is Presence.ABSENT
    assert second[Finding.NO_FINDING] is Presence.PRESENT
    third = chexpert_labels(REPORTS[2])
    assert third[Finding.PNEUMONIA] is Presence.UNCERTAIN
    assert Finding.NO_FINDING not in third
    tube = chexpert_labels(REPORTS[3])
    assert tube[Finding.SUPPORT_DEVICES] is Presence.PRESENT
    assert tube[Finding.NO_FINDING] is Presence.PRESENT, "devices are no finding"
    assert chexpert_labels(REPORTS[4])[Finding.LUNG_LESION] is Presence.PRESENT
    assert chexpert_labels("") == {}, "a silent report does not say that there is nothing"


def test_of_two_mentions_the_stronger_counts_and_no_tube_is_not_no_device():
    assert (
        chexpert_labels("No effusion on the right. Left pleural effusion.")[Finding.PLEURAL_EFFUSION]
        is Presence.PRESENT
    )
    assert Finding.SUPPORT_DEVICES not in chexpert_labels("No endotracheal tube. Small effusion.")


@pytest.mark.parametrize(("count", "labels"), [("14", CHEXPERT_14), ("5", CHEXPERT_5)])
@pytest.mark.parametrize(
    ("name", "positive"),
    [("u_ones", {Presence.PRESENT, Presence.UNCERTAIN}), ("u_zeros", {Presence.PRESENT})],
)
def test_f1_is_scikit_learn_s(count, labels, name, positive):
    rng = np.random.default_rng(0)
    true, said = (list(rng.choice(REPORTS, 80)) for _ in range(2))
    found = chexpert(true, said)
    tables = [
        np.array([[chexpert_labels(text).get(label) in positive for label in labels] for text in side])
        for side in (true, said)
    ]
    for mean, zero in (("micro", 0.0), ("macro", np.nan)):
        theirs = f1_score(*tables, average=mean, zero_division=zero)
        ours = found[f"chexpert_{count}_{mean}_f1_{name}"]
        assert ours.corpus == pytest.approx(theirs, abs=1e-9)
        assert ours.pairs is None


def test_where_no_label_occurs_f1_is_not_defined():
    found = chexpert(["Clear lungs."], ["Clear lungs."])
    assert np.isnan(found["chexpert_5_micro_f1_u_ones"].corpus)
    assert found.to_json()["values"]["chexpert_5_macro_f1_u_ones"] is None
    assert found["chexpert_14_micro_f1_u_ones"].corpus == 1


def test_the_facts_score_is_the_judge_s():
    references = [*REPORTS, "", REPORTS[0]]
    candidates = [*reversed(REPORTS), REPORTS[0], ""]
    found = facts(references, candidates)["facts"]
    assert found.corpus == pytest.approx(score(references, candidates).mean)
    assert np.isnan(found.pairs[-2]), "the reference cannot be read"
    assert found.pairs[-1] == 0, "the candidate cannot be read"
