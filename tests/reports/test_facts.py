"""What the extractor takes from a report, sentence by sentence and as a whole."""

import tomllib
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.reports import extract_facts
from hilum.reports.facts import merge
from hilum.sources import open_source
from hilum.sources.base import SourceSpec
from hilum.sources.mesh import as_coded
from hilum.study import Finding, Presence
from reports.made import facts
from reports.notation import fact, line

_TABLE = tomllib.loads(Path(__file__).with_name("sentences.toml").read_text(encoding="utf-8"))
_ROWS = [
    pytest.param(sentence, expected, id=f"{topic}-{sentence}")
    for topic, rows in _TABLE.items()
    for sentence, expected in rows.items()
]


def lines(text):
    return [line(f) for f in extract_facts(text)]


@pytest.mark.parametrize(("sentence", "expected"), _ROWS)
def test_a_sentence_reads_as_a_radiologist_means_it(sentence, expected):
    assert sorted(lines(sentence)) == sorted(line(fact(e)) for e in expected)


@pytest.mark.parametrize(("sentence", "expected"), _ROWS)
def test_case_and_blanks_do_not_matter(sentence, expected):
    loud = sentence.upper().replace(" ", "  ")
    assert sorted(lines(loud)) == sorted(line(fact(e)) for e in expected)


def test_the_span_is_where_the_text_says_it():
    text = "FINDINGS: Heart is normal. There is a small left pleural effusion."
    said = {f.finding: text[slice(*f.span)] for f in extract_facts(text)}
    assert said == {Finding.CARDIOMEGALY: "Heart is normal", Finding.PLEURAL_EFFUSION: "pleural effusion"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Left effusion. IMPRESSION: Small left effusion.", ["+Pleural Effusion left mild"]),
        ("Possible pneumonia. Impression: Pneumonia.", ["+Pneumonia"]),
        ("No effusion on the left. Right effusion.", ["-Pleural Effusion left", "+Pleural Effusion right"]),
        ("Lungs are clear. Small nodule.", ["-Lung Opacity", "-Consolidation", "+Nodule"]),
        ("No consolidation. Right lower lobe consolidation.", ["+Consolidation right lower lobe"]),
        ("No acute disease. Pacemaker.", ["+No Finding", "+Pacemaker"]),
        ("No acute disease. Cardiomegaly.", ["+Cardiomegaly"]),
        (
            "Nodule in the left upper lobe. Nodule in the right lower lobe.",
            ["+Nodule left upper lobe", "+Nodule right lower lobe"],
        ),
    ],
)
def test_mentions_of_one_finding_are_joined_where_they_agree(text, expected):
    assert lines(text) == [line(fact(e)) for e in expected]


@given(st.lists(facts(), max_size=6))
def test_merging_again_changes_nothing(mentions):
    once = merge(mentions)
    assert merge(once) == once


@given(st.lists(facts(), max_size=6).flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))))
def test_merging_does_not_depend_on_the_order_of_mentions(pair):
    one, two = map(merge, pair)
    assert sorted(map(line, one)) == sorted(map(line, two))


@pytest.mark.parametrize(
    ("mentions", "expected"),
    [
        (["+Pleural Effusion left mild", "+Pleural Effusion left severe"], 2),
        (["+Pleural Effusion left mild", "+Pleural Effusion left stable"], 1),
        (["+Pleural Effusion left mild", "+Pleural Effusion right mild", "+Pleural Effusion severe"], 3),
        (["+Pleural Effusion left", "+Pleural Effusion right", "+Pleural Effusion mild"], 2),
        (["+Fracture rib 5", "+Fracture rib 6"], 2),
        (["+Endotracheal Tube misplaced", "+Endotracheal Tube placed well"], 2),
    ],
)
def test_mentions_that_differ_in_one_detail_stay_apart(mentions, expected):
    assert len(merge(map(fact, mentions))) == expected


@pytest.mark.parametrize(
    ("mentions", "merged"),
    [
        (["+Nodule left upper lobe", "+Nodule 8mm"], ["+Nodule left upper lobe 8mm"]),
        (
            ["+Nodule left upper lobe", "+Nodule right upper lobe", "+Nodule 8mm"],
            ["+Nodule left upper lobe", "+Nodule right upper lobe"],
        ),
    ],
    ids=["of the one", "of which of the two"],
)
def test_a_detail_goes_to_a_mention_only_where_it_can_mean_no_other(mentions, merged):
    assert [line(one) for one in merge(map(fact, mentions))] == merged


FOREIGN = [
    "Kein Pneumothorax. Kein Erguss.",
    "Geen pneumothorax, geen pleuravocht.",
    "Non pneumotorace né versamento pleurico.",
    "Pas d'épanchement. Pas de pneumothorax.",
    "Sin derrame pleural. No se observa neumotórax.",
    "Sem pneumotórax.",
    "Ingen pneumothorax.",
]


@pytest.mark.parametrize("text", FOREIGN)
def test_a_report_in_another_language_is_not_read(text):
    assert extract_facts(text) == []


@pytest.mark.parametrize(
    "text", ["ET tube in place, post op.", "ETT at 8 AM unchanged.", "En face nodule. Pleural effusion."]
)
def test_abbreviations_that_other_languages_have_as_words_are_english(text):
    assert extract_facts(text)


@pytest.mark.parametrize("text", ["", " \n", ".", "XXXX", "___ ___", "Portable view.", "12:30", "病变 é ∂"])
def test_a_text_that_says_nothing_gives_nothing(text):
    assert extract_facts(text) == []


@given(st.text())
def test_any_text_is_read_without_an_error(text):
    for found in extract_facts(text):
        first, last = found.span
        assert 0 <= first < last <= len(text)


WORDS = "no not effusion left nodule , . or and may heart is normal new : ("


@given(st.lists(st.sampled_from(WORDS.split())))
def test_any_order_of_words_is_read_without_an_error(words):
    text = " ".join(words)
    assert all(text[slice(*found.span)].strip() for found in extract_facts(text))


RUN_ON = ["No effusion, possible left opacity or edema ", ". ", ".", ", ", "FINDINGS: ", "no ", "\n ", "1."]


@pytest.mark.parametrize("unit", RUN_ON)
def test_a_run_on_text_is_read_to_its_end(unit):
    # A hundred thousand characters: what costs the square of the length would be minutes, not a moment.
    text = unit * (100_000 // len(unit))
    assert lines(f"{text}. Large right pneumothorax.")[-1] == "+Pneumothorax right severe"


def test_a_report_of_ten_thousand_words_is_read_to_its_end():
    text = "The lungs are clear. " * 2500 + "Large right pneumothorax."
    assert lines(text)[-1] == "+Pneumothorax right severe"


@pytest.mark.data
def test_real_reports_agree_with_their_coders(data_root):
    folder = data_root / "open-i"
    if not folder.is_dir():
        pytest.skip("no Open-i reports in the data folder")
    count: Counter[str] = Counter()
    for study in open_source(SourceSpec("open-i", folder)):
        if study.labels and study.report:
            true = {f.finding for f in study.facts}
            found = extract_facts(study.report.text)
            said = as_coded(f.finding for f in found if f.presence is not Presence.ABSENT)
            count.update(right=len(true & said), wrong=len(said - true), missed=len(true - said))
    assert count["right"] > 1000
    assert 2 * count["right"] / (2 * count["right"] + count["wrong"] + count["missed"]) >= 0.87
