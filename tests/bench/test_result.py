"""The JSON of a result has every figure under its name, and the table every row."""

from __future__ import annotations

import json

import pytest

from bench.helpers import figure, result
from hilum.bench.findings import FindingAccuracy
from hilum.bench.image_metrics.sets import SetScores
from hilum.bench.intervals import Estimate
from hilum.bench.kept import Reconstruction
from hilum.bench.population import Choice, SourceCount
from hilum.bench.probability import Bin, Probabilities
from hilum.bench.readings import FindingScore
from hilum.bench.result import Alignment, Baseline, Change, Drawing, Figure, Measured, Skipped
from hilum.bench.shown import AskedShown
from hilum.bench.sides import SideTable
from hilum.study import Finding, Task


def e(n: int) -> Estimate:
    """An estimate that no other number makes."""
    return Estimate(n / 100, n / 1000, None, n)


def j(n: int) -> dict[str, object]:
    return {"value": n / 100, "low": n / 1000, "high": None, "n": n}


NONE = Estimate(None, None, None, 0)
SETS = SetScores("net", 4, 5, 6, 1.5, 1.25, 0.5, 0.25, e(40), e(41), e(42), e(43), e(44), 0.75, e(45), e(46))
SHOWN = AskedShown(e(50), e(51), e(52), e(53), e(54), e(55), e(56), e(57))
DRAWING = Drawing(
    e(30), e(31), e(32), e(33), (FindingScore("Edema", 9, e(34), e(35)),), e(36), e(37), SETS, SETS, SHOWN
)
KEPT = Reconstruction(
    6,
    e(60),
    e(61),
    16,
    12,
    7.5,
    e(62),
    e(63),
    e(64),
    e(65),
    (FindingScore("Mass", 2, e(66), e(67)),),
    3.5,
    4.5,
)


def test_every_part_stands_under_its_name():
    found = result(
        [
            Figure(
                "view", 2, "View", "accuracy", e(1), {"majority": Baseline(e(2), e(3))}, {"candidates": 4}
            ),
            Figure("vqa", 1, "All questions", "share", e(5)),
        ],
        measured=Measured(
            Choice.VALIDATION, "because", (SourceCount("open-i", 7, 2, 3, {"a"}), SourceCount("phantom"))
        ),
        findings=(FindingAccuracy(Finding.EDEMA, Task.BINARY, 1, 2, 3, 4, e(10), e(11), e(12), e(13)),),
        skipped=(Skipped("length", "Length", "no report"),),
        complete=False,
        sides=(SideTable(Task.VQA_OPEN, {("left", "right"): 3, ("none", "both"): 7}, e(14), e(15)),),
        probabilities=Probabilities(
            e(16), e(17), e(18), 0.75, ((0.0, 0.0), (1.0, 1.0)), (Bin(0.1, 0.2, 0.15, e(19)),)
        ),
        alignment=Alignment((Change("view", "View", "accuracy", e(20), e(25), e(5)),), e(21)),
        drawing=DRAWING,
        reconstruction=KEPT,
    )
    sets = {
        "encoder": "net",
        "real": 4,
        "drawn": 5,
        "training": 6,
        "fd": 1.5,
        "fd_infinity": 1.25,
        "kd": 0.5,
        "kd_deviation": 0.25,
        "precision": j(40),
        "recall": j(41),
        "density": j(42),
        "coverage": j(43),
        "nearer": j(44),
        "nearest_ratio": 0.75,
        "copied": j(45),
        "copied_real": j(46),
    }
    document = json.loads(json.dumps(found.to_json()))
    rows, finding_rows = document.pop("rows"), document.pop("finding_rows")
    assert document == {
        "complete": False,
        "measured": {
            "split": "validation",
            "meaning": "because",
            "sources": [
                {
                    "source": "open-i",
                    "studies": 7,
                    "patients": 1,
                    "left_out": 2,
                    "seen_in_training": 3,
                    "problems": {},
                },
                {
                    "source": "phantom",
                    "studies": 0,
                    "patients": 0,
                    "left_out": 0,
                    "seen_in_training": None,
                    "problems": {},
                },
            ],
        },
        "tasks": [
            {
                "name": "view",
                "version": 2,
                "title": "View",
                "metric": "accuracy",
                **j(1),
                "unusable": {"candidates": 4},
                "baselines": {"majority": {**j(2), "gain": j(3)}},
            },
            {
                "name": "vqa",
                "version": 1,
                "title": "All questions",
                "metric": "share",
                **j(5),
                "baselines": {},
            },
        ],
        "skipped": [{"name": "length", "reason": "no report"}],
        "findings": [
            {
                "finding": "Edema",
                "task": "binary_disease",
                "true_positive": 1,
                "false_negative": 2,
                "false_positive": 3,
                "true_negative": 4,
                "sensitivity": j(10),
                "specificity": j(11),
                "ppv": j(12),
                "npv": j(13),
            }
        ],
        "sides": [
            {
                "task": "vqa_open",
                "categories": ["left", "right", "both", "no side", "none"],
                "counts": [[0, 3, 0, 0, 0], *[[0] * 5] * 3, [0, 0, 7, 0, 0]],
                "right": j(14),
                "mirrored": j(15),
            }
        ],
        "probabilities": {
            "auroc": j(16),
            "brier": j(17),
            "excess": j(18),
            "yes": 0.75,
            "roc": [[0.0, 0.0], [1.0, 1.0]],
            "bins": [{"low": 0.1, "high": 0.2, "stated": 0.15, "observed": j(19)}],
        },
        "alignment": {
            "changes": [
                {
                    "name": "view",
                    "metric": "accuracy",
                    "before": j(20),
                    "after": j(25),
                    "gain": j(5),
                    "relative": 0.25,
                }
            ],
            "length_ratio": j(21),
        },
        "drawing": {
            "right_codes": j(30),
            "macro_auroc_drawn": j(31),
            "macro_auroc_real": j(32),
            "gap": j(33),
            "aligned_drawn": j(36),
            "aligned_real": j(37),
            "findings": [{"finding": "Edema", "asked": 9, "drawn": j(34), "real": j(35)}],
            "sets": sets,
            "rebuilt_sets": sets,
            "shown": {
                "side": j(50),
                "side_films": j(51),
                "grade": j(52),
                "grade_films": j(53),
                "unasked": j(54),
                "unasked_films": j(55),
                "round_trip": j(56),
                "round_trip_films": j(57),
            },
        },
        "reconstruction": {
            "films": 6,
            "psnr_db": j(60),
            "ssim": j(61),
            "n_codes": 16,
            "codes_used": 12,
            "perplexity": 7.5,
            "markers": j(62),
            "macro": j(63),
            "macro_films": j(64),
            "lost": j(65),
            "findings": [{"finding": "Mass", "asked": 2, "drawn": j(66), "real": j(67)}],
            "fd": 3.5,
            "kd": 4.5,
        },
        "protocol": {
            "model": "tiny",
            "weights": "abc",
            "interval_of_sensitivity_and_specificity": "Wilson",
        },
        "columns": [
            "task",
            "metric",
            "n",
            "value [95 % interval]",
            "majority",
            "no image",
            "gain over no image",
        ],
        "finding_columns": [
            "finding",
            "task",
            "present",
            "absent",
            "sensitivity",
            "specificity",
            "PPV",
            "NPV",
        ],
    }
    assert finding_rows == [
        ["Edema", "binary_disease", "3", "7", "0.100", "0.110", "0.120", "0.130"],
    ]
    assert [row[:4] for row in rows] == [
        ["view", "accuracy", "1", "0.010"],
        ["vqa", "share", "5", "0.050"],
        ["drawn_codes", "share with exactly the right number of codes", "30", "0.300"],
        ["drawn_auroc", "macro AUROC of the asked findings, drawn", "31", "0.310"],
        ["real_auroc", "macro AUROC of the same findings, real", "32", "0.320"],
        ["drawn_aligned", "share that fits its report better than another", "36", "0.360"],
        ["real_aligned", "the same of real pictures", "37", "0.370"],
        ["drawn_fd", "Fréchet distance to real pictures", "5", "1.500"],
        ["drawn_fd_infinity", "the same, extrapolated to infinitely many", "5", "1.250"],
        ["drawn_kd", "kernel distance to real pictures", "5", "0.500"],
        ["drawn_precision", "share of drawn pictures that look like real ones", "40", "0.400"],
        ["drawn_recall", "share of real pictures that drawn ones look like", "41", "0.410"],
        ["drawn_density", "real pictures near a drawn one, over k", "42", "0.420"],
        ["drawn_coverage", "share of real pictures with a drawn one near", "43", "0.430"],
        ["drawn_nearer", "chance to lie nearer to training films than real ones do", "44", "0.440"],
        ["drawn_copied", "share that copies a training film", "45", "0.450"],
        ["real_copied", "the same of real pictures", "46", "0.460"],
        ["drawn_side", "share of one-sided findings on the asked side", "50", "0.500"],
        ["real_side", "the same of real pictures", "51", "0.510"],
        ["drawn_grade", "share of graded findings as severe as asked", "52", "0.520"],
        ["real_grade", "the same of real pictures", "53", "0.530"],
        ["drawn_unasked", "share of absent findings that are seen", "54", "0.540"],
        ["real_unasked", "the same of real pictures", "55", "0.550"],
        ["drawn_round_trip", "fact F1 of reports of the drawings", "56", "0.560"],
        ["real_round_trip", "the same of real pictures", "57", "0.570"],
        ["reconstruction_psnr", "decibels", "60", "0.600"],
        ["reconstruction_ssim", "structural similarity", "61", "0.610"],
        ["reconstruction_auroc", "macro AUROC of findings on reconstructions", "63", "0.630"],
        ["reconstruction_auroc_lost", "the same less that on the films", "65", "0.650"],
        ["reconstruction_markers", "share of side markers that can be read", "62", "0.620"],
    ]
    assert [row[4:] for row in rows] == [["0.020", "", ""], *[["", "", ""]] * 29]


def test_what_was_not_measured_is_nothing_and_has_no_row():
    empty = result().to_json()
    parts = ("probabilities", "alignment", "drawing", "reconstruction")
    assert [empty[name] for name in parts] == [None] * 4
    assert (empty["complete"], empty["rows"], empty["tasks"], empty["finding_rows"]) == (True, [], [], [])
    alone = result(drawing=Drawing(e(1)), reconstruction=Reconstruction(1, e(2), e(3), 4, 4, 4.0, NONE))
    document = alone.to_json()
    assert [row[0] for row in document["rows"]] == [
        "drawn_codes",
        "reconstruction_psnr",
        "reconstruction_ssim",
        "reconstruction_markers",
    ]
    known = {name for name, value in document["drawing"].items() if value}
    assert known == {"right_codes"}


def test_a_row_tells_the_baselines_and_the_gain_over_the_one_without_an_image():
    one = figure("view", 0.8, 0.7, 0.9, majority=(0.5, 0.4, 0.6), no_image=(0.25, 0.2, 0.3))
    assert one.row() == [
        "view",
        "metric of view",
        "10",
        "0.800 [0.700, 0.900]",
        "0.500 [0.400, 0.600]",
        "0.250 [0.200, 0.300]",
        "0.550 [0.010, 0.020]",
    ]


@pytest.mark.parametrize(
    ("before", "gain", "relative"),
    [(0.5, -0.25, -0.5), (0.0, 0.25, None), (None, 0.25, None), (0.5, None, None)],
)
def test_a_relative_gain_is_over_the_value_before_where_there_is_one(before, gain, relative):
    change = Change("a", "A", "m", *(Estimate(value, None, None, 1) for value in (before, 0.5, gain)))
    assert change.to_json()["relative"] == relative


def test_studies_seen_in_training_are_summed_over_the_sources_that_tell():
    counts = (SourceCount("a", 5, seen=2), SourceCount("b", 5), SourceCount("c", 5, seen=3))
    assert Measured(Choice.ALL, "", counts).seen == 5
    assert Measured(Choice.ALL, "", ()).seen == 0


@pytest.mark.parametrize(
    ("counts", "phantom"),
    [
        ((SourceCount("phantom", 5),), True),
        ((SourceCount("phantom", 5), SourceCount("open-i", 0)), True),
        ((SourceCount("phantom", 5), SourceCount("open-i", 1)), False),
        ((SourceCount("phantom", 0), SourceCount("open-i", 1)), False),
        ((), False),
    ],
)
def test_all_is_phantom_where_every_measured_study_is(counts, phantom):
    assert Measured(Choice.ALL, "", counts).phantom_only is phantom
