"""How the facts of two reports are compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.errors import UsageError
from hilum.judge import compare
from hilum.judge.compare import OVERALL, PARTIAL
from hilum.judge.equivalence import are_equivalent
from hilum.study import Acuity, Fact, Finding, Presence, Tip
from reports.made import fact_lists, facts
from reports.notation import fact, line

LEFT = "+Pleural Effusion left mild"


def verdict(reference, candidate):
    """Score, matches and errors in the notation of the tables; empty categories left out."""
    score = compare(map(fact, reference), map(fact, candidate))
    errors = {letter: [line(f) for f in found] for letter, found in score.errors.items() if found}
    return score.value, [line(f) for f in score.matched], errors


def counts(score):
    return {letter: len(found) for letter, found in score.errors.items()}


@pytest.mark.parametrize(
    ("reference", "candidate", "value", "errors"),
    [
        pytest.param([LEFT], [LEFT], 1, {}, id="the same"),
        pytest.param([LEFT], [], 0, {"b": [LEFT]}, id="missed"),
        pytest.param([], [LEFT], 0, {"a": [LEFT]}, id="false"),
        pytest.param([], [], 1, {}, id="both normal"),
        pytest.param(["+No Finding"], ["-Pneumothorax", "-Lung Opacity"], 1, {}, id="normal in other words"),
        pytest.param(
            [LEFT],
            ["+Pleural Effusion right mild"],
            1 / 2,
            {"c": ["+Pleural Effusion right mild"]},
            id="wrong side",
        ),
        pytest.param(
            [LEFT],
            ["+Pleural Effusion left severe"],
            1 / 2,
            {"d": ["+Pleural Effusion left severe"]},
            id="wrong severity",
        ),
        pytest.param(
            [LEFT],
            ["+Pleural Effusion right severe"],
            1 / 3,
            {"c": ["+Pleural Effusion right severe"], "d": ["+Pleural Effusion right severe"]},
            id="wrong side and severity",
        ),
        pytest.param(
            [LEFT],
            ["+Pleural Effusion"],
            1 / 3,
            {"c": ["+Pleural Effusion"], "d": ["+Pleural Effusion"]},
            id="leaving out what is known does not pay",
        ),
        pytest.param(["+Pleural Effusion"], [LEFT], 1, {}, id="saying more is not known to be wrong"),
        pytest.param(
            [LEFT], [f"{LEFT} stable"], 1 / 2, {"e": [f"{LEFT} stable"]}, id="a comparison out of nowhere"
        ),
        pytest.param([f"{LEFT} new"], [LEFT], 1 / 2, {"f": [f"{LEFT} new"]}, id="a comparison omitted"),
        pytest.param(
            [f"{LEFT} new"],
            [f"{LEFT} stable"],
            1 / 2,
            {"e": [f"{LEFT} stable"]},
            id="a wrong comparison",
        ),
        pytest.param(
            ["-Edema resolved"], ["-Edema"], 1 / 2, {"f": ["-Edema resolved"]}, id="resolved, not said"
        ),
        pytest.param(
            ["-Edema"], ["-Edema resolved"], 1 / 2, {"e": ["-Edema resolved"]}, id="resolved, not so"
        ),
        pytest.param(["-Edema resolved"], ["-Edema resolved"], 1, {}, id="resolved in both"),
        pytest.param([LEFT], ["-Pleural Effusion"], 0, {"b": [LEFT]}, id="denied"),
        pytest.param(["-Pleural Effusion"], [LEFT], 0, {"a": [LEFT]}, id="stated against a denial"),
        pytest.param(["+Pneumonia"], ["?Pneumonia"], 1, {}, id="a hedge counts as stated"),
        pytest.param(["-Pneumonia"], ["?Pneumonia"], 0, {"a": ["?Pneumonia"]}, id="a hedge can be false"),
        pytest.param(
            ["+Pleural Effusion bilateral"],
            ["+Pleural Effusion left", "+Pleural Effusion right"],
            1,
            {},
            id="bilateral is left and right",
        ),
        pytest.param(
            ["+Pleural Effusion bilateral"],
            ["+Pleural Effusion left"],
            1 / 2,
            {"b": ["+Pleural Effusion right"]},
            id="one of two sides",
        ),
        pytest.param(
            ["+Pleural Effusion left"],
            ["+Pleural Effusion bilateral"],
            1 / 2,
            {"a": ["+Pleural Effusion right"]},
            id="two sides for one",
        ),
        pytest.param(
            ["+Nodule right upper lobe", "+Nodule left lower lobe"],
            ["+Nodule left lower lobe", "+Nodule right upper lobe"],
            1,
            {},
            id="several of one finding find their own partners",
        ),
        pytest.param(
            ["+Nodule right upper lobe", "+Nodule left lower lobe"],
            ["+Nodule left lower lobe"],
            1 / 2,
            {"b": ["+Nodule right upper lobe"]},
            id="one of two nodules",
        ),
        pytest.param(["+Nodule"], ["+Lung Lesion"], 1, {}, id="a nodule is a lung lesion"),
        pytest.param(["+Nodule"], ["+Mass"], 0, {"a": ["+Mass"], "b": ["+Nodule"]}, id="a nodule is no mass"),
        pytest.param(["+Support Devices"], ["+Pacemaker"], 1, {}, id="a pacemaker is a device"),
        pytest.param(
            ["+Chest Tube left"],
            ["+Pacemaker left"],
            1 / 3,
            {"a": ["+Pacemaker left"], "b": ["+Chest Tube left"]},
            id="a pacemaker is no chest tube, and both chests are else normal",
        ),
        pytest.param(
            ["+Consolidation right lower lobe"],
            ["+Pneumonia right basal"],
            1,
            {},
            id="one shadow in other words",
        ),
        pytest.param(
            ["+Lung Opacity left basal", "?Pneumonia left basal"],
            ["+Lung Opacity left basal"],
            1,
            {},
            id="a differential diagnosis is no second finding",
        ),
        pytest.param(
            ["+Pneumonia left basal"],
            ["+Lung Opacity left basal", "?Pneumonia left basal"],
            1,
            {},
            id="named by its differential diagnosis",
        ),
        pytest.param(
            ["+Lung Opacity left basal", "?Pneumonia right basal"],
            ["+Lung Opacity left basal"],
            1 / 2,
            {"b": ["?Pneumonia right basal"]},
            id="elsewhere it is one",
        ),
    ],
)
def test_errors_fall_into_greens_categories(reference, candidate, value, errors):
    score, matched, found = verdict(reference, candidate)
    assert (score, found) == (pytest.approx(value), errors)
    assert score == pytest.approx(len(matched) / (len(matched) + sum(map(len, found.values()))))


ETT, LINE, NGT = Finding.ENDOTRACHEAL_TUBE, Finding.CENTRAL_LINE, Finding.NASOGASTRIC_TUBE


@pytest.mark.parametrize(
    ("reference", "candidate", "letters"),
    [
        pytest.param(
            Fact(ETT, tip=Tip.TRACHEA), Fact(ETT, tip=Tip.RIGHT_MAINSTEM_BRONCHUS), "c", id="a tube too deep"
        ),
        pytest.param(Fact(ETT, tip=Tip.TRACHEA), Fact(ETT, tip=Tip.CARINA), "c", id="a tube at the carina"),
        pytest.param(Fact(ETT, tip=Tip.TRACHEA), Fact(ETT), "c", id="its place left out"),
        pytest.param(Fact(ETT), Fact(ETT, tip=Tip.TRACHEA), "", id="its place only in the candidate"),
        pytest.param(Fact(ETT, tip=Tip.TRACHEA), Fact(ETT, malposition=False), "", id="called well"),
        pytest.param(Fact(ETT, malposition=False), Fact(ETT, tip=Tip.TRACHEA), "", id="ends well"),
        pytest.param(Fact(ETT, malposition=False), Fact(ETT), "c", id="that it lies well left out"),
        pytest.param(Fact(ETT, malposition=False), Fact(ETT, malposition=True), "c", id="well called wrong"),
        pytest.param(
            Fact(ETT, malposition=False),
            Fact(ETT, tip=Tip.RIGHT_MAINSTEM_BRONCHUS),
            "c",
            id="wrong place",
        ),
        pytest.param(
            Fact(ETT, tip=Tip.RIGHT_MAINSTEM_BRONCHUS, malposition=True),
            Fact(ETT, tip=Tip.RIGHT_MAINSTEM_BRONCHUS),
            "",
            id="a place that is wrong need not be called so",
        ),
        pytest.param(
            Fact(LINE, tip=Tip.SUPERIOR_VENA_CAVA),
            Fact(LINE, tip=Tip.CAVOATRIAL_JUNCTION),
            "",
            id="a junction that no film shows",
        ),
        pytest.param(
            Fact(LINE, tip=Tip.CAVOATRIAL_JUNCTION),
            Fact(LINE, tip=Tip.RIGHT_ATRIUM),
            "c",
            id="too deep",
        ),
        pytest.param(Fact(NGT, tip=Tip.STOMACH), Fact(NGT, tip=Tip.ESOPHAGUS), "c", id="too short a tube"),
        pytest.param(
            Fact(Finding.NODULE, size_mm=10.0), Fact(Finding.NODULE, size_mm=13.0), "", id="within 3 mm"
        ),
        pytest.param(
            Fact(Finding.NODULE, size_mm=10.0), Fact(Finding.NODULE, size_mm=14.0), "d", id="beyond 3 mm"
        ),
        pytest.param(
            Fact(Finding.NODULE, size_mm=10.0), Fact(Finding.NODULE, size_mm=13.5), "d", id="just beyond 3 mm"
        ),
        pytest.param(
            Fact(Finding.MASS, size_mm=40.0), Fact(Finding.MASS, size_mm=50.0), "", id="within a quarter"
        ),
        pytest.param(
            Fact(Finding.MASS, size_mm=40.0),
            Fact(Finding.MASS, size_mm=51.0),
            "d",
            id="just beyond a quarter",
        ),
        pytest.param(
            Fact(Finding.MASS, size_mm=40.0), Fact(Finding.MASS, size_mm=29.0), "d", id="beyond a quarter"
        ),
        pytest.param(Fact(Finding.MASS, size_mm=40.0), Fact(Finding.MASS), "d", id="a size left out"),
        pytest.param(Fact(Finding.MASS), Fact(Finding.MASS, size_mm=40.0), "", id="a size not known wrong"),
        pytest.param(
            Fact(Finding.FRACTURE, levels=("5",)),
            Fact(Finding.FRACTURE, levels=("6",)),
            "c",
            id="level",
        ),
        pytest.param(
            Fact(Finding.FRACTURE, levels=("5", "6")),
            Fact(Finding.FRACTURE, levels=("6", "5")),
            "",
            id="ribs in another order",
        ),
        pytest.param(
            Fact(Finding.FRACTURE, levels=("T8",)), Fact(Finding.FRACTURE), "c", id="a level left out"
        ),
        pytest.param(
            Fact(Finding.FRACTURE, acuity=Acuity.ACUTE),
            Fact(Finding.FRACTURE, acuity=Acuity.HEALED),
            "d",
            id="another age",
        ),
        pytest.param(Fact(Finding.FRACTURE, acuity=Acuity.ACUTE), Fact(Finding.FRACTURE), "d", id="no age"),
        pytest.param(
            Fact(Finding.FRACTURE), Fact(Finding.FRACTURE, acuity=Acuity.ACUTE), "", id="age not known wrong"
        ),
    ],
)
def test_what_else_can_differ(reference, candidate, letters):
    score = compare([reference], [candidate])
    assert "".join(letter for letter, found in score.errors.items() for _ in found) == letters
    assert compare([reference], [reference]).value == compare([candidate], [candidate]).value == 1


@pytest.mark.parametrize(
    ("true", "partner", "other"),
    [
        pytest.param("+Consolidation right", "+Consolidation right", "+Pneumonia right", id="the same name"),
        pytest.param("+Nodule", "+Nodule", "+Nodule left", id="the same side"),
        pytest.param("+Nodule", "+Nodule", "+Nodule upper lobe", id="the same site"),
        pytest.param("?Edema", "?Edema", "+Edema", id="the same presence"),
        pytest.param("+Consolidation", "+Consolidation left", "+Pneumonia", id="the name before the place"),
        pytest.param(
            "+Consolidation right", "+Pneumonia right", "+Consolidation left", id="no error before the name"
        ),
    ],
)
def test_partners_are_those_that_differ_least(true, partner, other):
    for said in ([partner, other], [other, partner]):
        _, matched, errors = verdict([true], said)
        assert (matched, errors) == ([partner], {"a": [other]})


def test_a_hedged_second_name_goes_to_the_first_by_the_alphabet():
    true = ["+Lung Opacity left basal", "+Consolidation left basal", "?Pneumonia left basal"]
    for reference in (true, true[::-1]):
        assert verdict(reference, ["+Pneumonia left basal"])[2] == {"b": ["+Lung Opacity left basal"]}


@pytest.mark.parametrize("made_up", [[OVERALL], [PARTIAL], [OVERALL, PARTIAL], [PARTIAL, OVERALL]])
def test_a_comparison_that_names_no_finding_is_one_error_and_no_match(made_up):
    score = compare([], made_up)
    assert score.matched == (Fact(Finding.NO_FINDING),)
    assert {letter: found for letter, found in score.errors.items() if found} == {"e": (made_up[0],)}


def test_what_is_no_fact_is_refused():
    with pytest.raises(UsageError, match="reference: does not hold facts alone"):
        compare(["effusion"], [])
    with pytest.raises(UsageError, match="candidate: does not hold facts alone"):
        compare([], [fact(LEFT), None])


def test_what_matched_is_what_the_candidate_says():
    said = fact("+Pneumonia right basal")
    score = compare([fact("+Consolidation right lower lobe")], [said])
    assert score.matched == (said,)
    spanned = Fact(Finding.NO_FINDING, span=(3, 9))
    assert compare([], [spanned]).matched[0].span == (3, 9)


@given(fact_lists())
def test_a_report_against_itself_is_perfect(reference):
    score = compare(reference, reference)
    assert score.value == 1
    assert score.state == "scored"
    assert not any(score.errors.values())


@given(fact_lists(), fact_lists())
def test_the_score_is_greens_formula(reference, candidate):
    score = compare(reference, candidate)
    assert score.value is not None
    assert 0 <= score.value <= 1
    assert list(score.errors) == list("abcdef")
    wrong = sum(counts(score).values())
    assert score.value == len(score.matched) / (len(score.matched) + wrong)


@given(fact_lists(), fact_lists(), facts())
def test_a_false_finding_never_raises_the_score(reference, candidate, false):
    if false.presence is Presence.ABSENT or any(are_equivalent(false.finding, f.finding) for f in reference):
        return
    if any(are_equivalent(false.finding, f.finding) for f in candidate):
        return
    before, after = compare(reference, candidate), compare(reference, [*candidate, false])
    assert after.value is not None
    assert after.value <= (before.value or 0)
    assert counts(after)["a"] == counts(before)["a"] + 1


@given(fact_lists(), fact_lists())
def test_what_one_missed_the_other_made_up(reference, candidate):
    there, back = counts(compare(reference, candidate)), counts(compare(candidate, reference))
    assert (there["a"], there["b"]) == (back["b"], back["a"])


@given(fact_lists(), fact_lists(), st.randoms(use_true_random=False))
def test_the_order_of_the_facts_does_not_matter(reference, candidate, random):
    score = compare(reference, candidate)
    mixed = [random.sample(x, len(x)) for x in (reference, candidate)]
    other = compare(*mixed)
    assert other.value == score.value
    assert counts(other) == counts(score)


@given(fact_lists(), fact_lists())
def test_denials_neither_gain_nor_lose(reference, candidate):
    said = {f.finding for f in candidate}
    denials = [Fact(f, Presence.ABSENT) for f in Finding if f not in said and f is not Finding.NO_FINDING]
    assert compare(reference, candidate).value == compare(reference, [*candidate, *denials]).value


@given(fact_lists())
def test_a_false_finding_in_a_normal_chest_scores_nothing(candidate):
    stated = [f for f in candidate if f.presence is not Presence.ABSENT]
    sick = [f for f in stated if not are_equivalent(f.finding, Finding.SUPPORT_DEVICES)]
    if sick:
        assert compare([], candidate).value == 0
