"""Every task is asked, its answer follows from the facts, and no study changes another one's questions."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from hilum.bench.answers import chosen_names, polarity
from hilum.instruct import Shards, conversations
from hilum.instruct.label_state import KINDS_OF, Balance, LabelState
from hilum.instruct.questions import ABNORMAL
from hilum.instruct.records import RegionRecord
from hilum.instruct.reporting import SILENT_SHARE, UNCONDITIONAL_SHARE, UNSAID_SHARE
from hilum.instruct.sites import others, place
from hilum.instruct.tasks import CORE
from hilum.prompts import WORDINGS, report_views
from hilum.reports import extract_facts, name_of
from hilum.study import (
    DEVICES,
    BoxPart,
    Change,
    Fact,
    Finding,
    ImageIn,
    ImageOut,
    Position,
    Presence,
    Question,
    Severity,
    Side,
    Site,
    Split,
    Task,
    Text,
)
from instruct.helpers import BOX, EFFUSION, balance_of, record

NORMAL = record("normal")
OTHERS = [record(f"o{i}", Fact(f)) for i, f in enumerate((Finding.MASS, Finding.EDEMA, Finding.FRACTURE))]
SICK = record("sick", EFFUSION, prior_image_ids=("before",))
BALANCE = balance_of(NORMAL, SICK, *OTHERS)
NAMED = {name_of(finding): finding for finding in Finding if finding is not Finding.NO_FINDING}
BY_NAME = {finding.name.lower(): finding for finding in Finding}


def said(study, split=Split.TEST, *, seed=0, balance=BALANCE):
    return list(conversations(study, split, balance, seed=seed))


def answer(conversation) -> str:
    return " ".join(part.text for part in conversation.messages[-1].parts if isinstance(part, Text))


def question(conversation) -> str:
    return " ".join(part.text for part in conversation.messages[-2].parts if isinstance(part, Text))


def of_kind(study, kind, seeds=range(30)):
    """Conversations of one kind of question, by the end of their id, under many seeds."""
    return [c for seed in seeds for c in said(study, seed=seed) if c.id.split("/", 1)[1].startswith(kind)]


def test_every_task_of_the_core_is_asked_and_no_other(shards: Shards):
    asked = {c.task for split in Split for c in shards.conversations(split)}
    assert asked == CORE


@pytest.mark.parametrize("split", Split)
def test_a_conversation_is_a_function_of_study_balance_and_seed(split):
    assert said(SICK, split) == said(replace(SICK), split)
    assert said(SICK, split) != said(SICK, split, seed=1)


def test_ids_are_unique_and_images_are_the_studys_own(shards: Shards):
    for split in Split:
        records = {r.id: r for r in shards.records(split)}
        seen = set()
        for c in shards.conversations(split):
            assert c.id not in seen
            seen.add(c.id)
            own = records[c.study]
            assert {*c.images_in, *c.images_out} <= {*own.image_ids, *own.prior_image_ids}
            assert (c.patient, c.split) == (own.patient, split)


def test_turns_alternate_and_images_come_first(shards: Shards):
    for c in shards.conversations(Split.TRAIN):
        assert [m.role for m in c.messages] == ["user", "assistant"] * (len(c.messages) // 2)
        assert not [p for m in c.messages[2:] for p in m.parts if isinstance(p, ImageIn)]
        assert len(c.messages) // 2 <= 6


@pytest.mark.parametrize("split", [Split.VAL, Split.TEST])
def test_questions_stand_alone_where_they_are_graded(shards: Shards, split):
    assert {len(c.messages) for c in shards.conversations(split)} == {2}


def test_graded_answers_are_plain(shards: Shards):
    opens = {"left", "right", "bilateral", "none", *(s.value for s in Severity)}
    for c in [*shards.conversations(Split.VAL), *shards.conversations(Split.TEST)]:
        if c.task in (Task.BINARY, Task.VQA_CLOSED):
            assert answer(c) in ("Yes", "No")
        elif c.task is Task.VIEW:
            assert answer(c) in {p.value for p in Position} - {"UNKNOWN"}
        elif c.task is Task.PROGRESSION:
            assert answer(c) in {change.value for change in Change}
        elif c.task is Task.DISEASES:
            assert chosen_names(answer(c)) <= set(NAMED)
            assert all(name in question(c) for name in chosen_names(answer(c)))
        elif c.task is Task.VQA_OPEN and ("/side-" in c.id or "/severity-" in c.id):
            assert answer(c) in opens


def test_answers_agree_with_the_facts(shards: Shards):
    checked = defaultdict(int)
    for split in (Split.VAL, Split.TEST):
        records = {r.id: r for r in shards.records(split)}
        for c in shards.conversations(split):
            state = LabelState(records[c.study])
            kind, _, name = c.id.rsplit("/", 1)[1].partition("-")
            finding = BY_NAME.get(name or kind)
            if c.task is Task.DISEASES:
                for option in (f for f in NAMED.values() if name_of(f) in chosen_names(answer(c))):
                    assert state.there(option) is True
            elif c.task in (Task.BINARY, Task.VQA_CLOSED) and finding and not name:
                assert state.there(finding) is polarity(answer(c))
            elif c.task is Task.VQA_OPEN and finding and (fact := state.single(finding)):
                right = {
                    "side": fact.side and fact.side.value,
                    "severity": fact.severity and fact.severity.value,
                    "site": fact.site and place(fact.site, fact.side),
                }
                assert answer(c) == right[kind]
            elif c.task is Task.PROGRESSION:
                facts = [f for f in state.facts if f.finding is BY_NAME[kind] and f.change]
                assert answer(c) in {f.change.value for f in facts}
            elif c.task is Task.DETECT:
                boxes = [r.box for r in state.places() if r.finding is finding]
                assert sorted(boxes) == [p.box for p in c.messages[-1].parts if isinstance(p, BoxPart)]
                assert boxes or (answer(c) == "none" and state.there(finding) is False)
            else:
                continue
            checked[c.task] += 1
    assert len(checked) == 6


def test_suggestions_are_right_exactly_when_they_name_the_fact():
    for kind, right in (("vqa_closed/severity_is", "mild"), ("vqa_closed/side_is", "left")):
        asked = of_kind(SICK, kind)
        assert {answer(c) for c in asked} == {"Yes", "No"}
        for c in asked:
            others = {"left", "right", *(s.value for s in Severity)} - {right}
            assert (answer(c) == "Yes") is not bool(others & set(re.findall(r"\w+", question(c).lower())))


def test_counts_say_how_many_findings_and_devices():
    study = record("n", EFFUSION, Fact(Finding.FRACTURE), Fact(Finding.CHEST_TUBE))
    assert {answer(c) for c in of_kind(study, "vqa_open/count-abnormalities")} == {"two"}
    assert {answer(c) for c in of_kind(study, "vqa_open/count-devices")} == {"one"}
    for c in of_kind(study, "vqa_closed/count_is-abnormalities"):
        assert (answer(c) == "Yes") is ("two" in question(c))


def test_the_options_are_shuffled():
    options = {question(c).split(":")[-1] for c in of_kind(SICK, "disease_identification")}
    assert len(options) > 5
    assert {answer(c) for c in of_kind(SICK, "disease_identification")} == {"pleural effusion"}


def test_absent_findings_are_offered_the_oftener_the_more_studies_have_them():
    often, rare = [f for f in Finding if f in ABNORMAL and f not in KINDS_OF][:8:2], Finding.OSTEOPENIA
    known = {(f, "there"): 20 for f in often} | {(rare, "there"): 1}
    offered = "".join(
        question(c)
        for seed in range(300)
        for c in said(NORMAL, seed=seed, balance=Balance(known))
        if c.task is Task.DISEASES
    )
    # Of five four are offered: the rare one is left out unless it comes before one of the others.
    expected = 300 * (1 - np.prod([20 * k / (20 * k + 1) for k in range(1, 5)]))
    assert offered.count(name_of(rare)) == pytest.approx(expected, abs=3.5 * expected**0.5)
    assert min(offered.count(name_of(f)) for f in often) > 250


def test_training_varies_the_form_of_answers_and_never_their_sense():
    forms = set()
    for seed in range(60):
        for c in said(SICK, Split.TRAIN, seed=seed):
            turns = zip(c.messages[::2], c.messages[1::2], strict=True)
            for asked, given in turns:
                words = "".join(p.text for p in asked.parts if isinstance(p, Text)).lower()
                text = "".join(p.text for p in given.parts if isinstance(p, Text))
                if polarity(text) is not None and "effusion" in words and "text" not in c.id:
                    forms.add(text)
    assert {"Yes", "Yes.", "No"} <= forms
    assert any(text.startswith("Yes, mild") for text in forms)


def test_no_turn_gives_another_ones_answer_away():
    study = record("n", EFFUSION, Fact(Finding.FRACTURE), Fact(Finding.CHEST_TUBE))
    for seed in range(20):
        for c in said(study, Split.TRAIN, seed=seed):
            asked = [
                " ".join(p.text for p in m.parts if isinstance(p, Text)).lower() for m in c.messages[::2]
            ]
            assert sum("effusion" in text for text in asked) <= 1


def test_training_bundles_short_questions_of_different_matters():
    study = record("n", EFFUSION, Fact(Finding.FRACTURE), Fact(Finding.CHEST_TUBE))
    pairs = of_kind(study, "", seeds=[0])
    train = said(study, Split.TRAIN)
    assert max(len(c.messages) // 2 for c in train) > 1
    assert len(train) < len(pairs)
    long = [c for c in train if c.task in (Task.FINDINGS, Task.IMPRESSION, Task.DRAW, Task.SUMMARIZE)]
    assert {len(c.messages) for c in long} == {2}


def test_a_phrase_is_grounded_by_its_box():
    grounded = of_kind(SICK, "phrase_grounding")
    assert {c.messages[-1].parts for c in grounded} == {(BoxPart(BOX),)}


def test_a_phrase_of_several_places_or_of_none_is_not_grounded():
    def region(phrase: str, x: float) -> RegionRecord:
        box = (x, 0.1, x + 0.1, 0.2)
        return RegionRecord(0, Finding.NODULE, phrase, box)

    regions = (region("nodule", 0.1), region("nodule", 0.3), region("", 0.5), region("one more", 0.7))
    study = record("s", Fact(Finding.NODULE), regions=regions)
    (grounded,) = [c for c in said(study) if c.task is Task.GROUND]
    assert [p.box for p in grounded.messages[-1].parts if isinstance(p, BoxPart)] == [regions[3].box]


def test_a_box_is_written_in_whole_percent():
    assert BoxPart(BOX).text == "<|box|>(50,50),(90,90)<|/box|>"


def test_progression_shows_the_earlier_image_first():
    (c,) = [c for c in said(SICK) if c.task is Task.PROGRESSION]
    assert c.images_in == ("before", "sick-image")
    assert answer(c) == "worsened"


SEVERAL = record(
    "several",
    EFFUSION,
    image_ids=tuple("abcde"),
    positions=(Position.LATERAL, Position.UNKNOWN, Position.AP, Position.PA, Position.LATERAL),
    prior_image_ids=("before",),
    prior_positions=(Position.AP,),
)
REPORTS = (Task.FINDINGS, Task.IMPRESSION)


def shown(conversation) -> tuple[ImageIn, ...]:
    return tuple(p for m in conversation.messages for p in m.parts if isinstance(p, ImageIn))


@pytest.mark.parametrize("views", [0, 1, 3, 9])
def test_a_report_is_asked_for_with_the_studys_views(views):
    asked = [c for c in conversations(SEVERAL, Split.TEST, BALANCE, views=views) if c.task in REPORTS]
    assert [c.task for c in asked] == list(REPORTS)
    for c in asked:
        assert shown(c) == report_views(SEVERAL.image_ids, SEVERAL.positions, views)


def test_training_now_and_then_says_nothing_of_positions():
    """Share within four standard errors; of one conversation all are said or none; a prior is always said."""
    train = [c for seed in range(300) for c in said(SEVERAL, Split.TRAIN, seed=seed)]
    for task in (*REPORTS, Task.PROGRESSION):
        kinds = [{image.position is None for image in shown(c)} for c in train if c.task is task]
        assert all(len(kind) == 1 for kind in kinds)
        share = np.mean([kind == {True} for kind in kinds])
        assert abs(share - UNSAID_SHARE) < 4 * (UNSAID_SHARE * (1 - UNSAID_SHARE) / len(kinds)) ** 0.5
    assert {tuple(image.prior for image in shown(c)) for c in train if c.task is Task.PROGRESSION} == {
        (True, False)
    }


def test_change_is_asked_with_the_earlier_image_marked():
    [c] = [c for c in said(SEVERAL) if c.task is Task.PROGRESSION]
    assert shown(c) == (ImageIn("before", Position.AP, prior=True), ImageIn("c", Position.AP))
    [c] = [c for c in conversations(SEVERAL, Split.TEST, BALANCE, views=0) if c.task is Task.PROGRESSION]
    assert shown(c) == (ImageIn("before"), ImageIn("c"))


@pytest.mark.parametrize("split", Split)
def test_no_question_for_the_view_is_asked_where_it_is_said(shards: Shards, split):
    """Nor is any other short question: in training they share conversations with those for the view."""
    some = [*shards.conversations(split), *(c for seed in range(20) for c in said(SEVERAL, split, seed=seed))]
    assert {c.task for c in some if any(image.role for image in shown(c))} == {*REPORTS, Task.PROGRESSION}
    for c in some:
        words = {p.text for m in c.messages for p in m.parts if isinstance(p, Text)}
        assert not (words & set(WORDINGS[Task.VIEW]) and any(image.role for image in shown(c)))


def test_what_is_said_of_images_moves_no_other_draw():
    for study, split, seed in product((SICK, SEVERAL), Split, range(5)):
        few, many = (list(conversations(study, split, BALANCE, seed=seed, views=n)) for n in (0, 3))
        bare = [[[p for p in m.parts if not isinstance(p, ImageIn)] for m in c.messages] for c in few]
        assert bare == [
            [[p for p in m.parts if not isinstance(p, ImageIn)] for m in c.messages] for c in many
        ]
        assert [(c.id, c.task) for c in few] == [(c.id, c.task) for c in many]


def test_drawing_answers_with_the_image_and_tells_view_and_report_in_brief():
    (c,) = [c for c in said(SICK) if c.task is Task.DRAW]
    assert c.messages[-1].parts == (ImageOut("sick-image"),)
    assert "PA" in question(c)
    assert "Small left pleural effusion." in question(c)
    assert "heart" not in question(c)
    assert not c.images_in


def test_training_also_asks_without_indication_and_without_a_report():
    """Shares within four standard errors of what they should be."""
    train = [c for seed in range(400) for c in said(SICK, Split.TRAIN, seed=seed)]
    for task, told, silent in (
        (Task.FINDINGS, "Cough", SILENT_SHARE),
        (Task.DRAW, "effusion", UNCONDITIONAL_SHARE),
    ):
        asked = [c for c in train if c.task is task]
        share = np.mean([told not in question(c) for c in asked])
        assert abs(share - silent) < 4 * (silent * (1 - silent) / len(asked)) ** 0.5


def test_reports_are_asked_for_with_the_indication():
    for task, text in ((Task.FINDINGS, SICK.report.findings), (Task.IMPRESSION, SICK.report.impression)):
        (c,) = [c for c in said(SICK) if c.task is task]
        assert "Cough" in question(c)
        assert answer(c) == text
        assert c.images_in == ("sick-image",)


def test_a_study_without_an_image_is_asked_in_text_alone():
    words = replace(SICK, image_ids=(), positions=(), regions=(), prior_image_ids=())
    asked = said(words)
    assert {c.task for c in asked} == {Task.SUMMARIZE, Task.TEXT}
    assert not any(c.images_in or c.images_out for c in asked)


@pytest.mark.parametrize(
    ("group", "films"),
    [("CT", False), ("MR", False), ("chest radiograph", True), ("north", True), (None, True)],
)
def test_texts_on_other_than_films_are_summed_up_and_not_read_for_chest_findings(group, films):
    words = replace(SICK, group=group, image_ids=(), positions=(), regions=(), prior_image_ids=())
    tasks = {c.task for seed in range(20) for c in said(words, Split.TRAIN, seed=seed)}
    assert tasks == ({Task.SUMMARIZE, Task.TEXT} if films else {Task.SUMMARIZE})
    assert Task.TEXT in {c.task for c in said(replace(SICK, group=group))}, "what has a film is a radiograph"


def test_the_questions_about_a_text_are_answered_by_the_text():
    for c in of_kind(SICK, "text_instruction/list"):
        stated = extract_facts(SICK.report.findings)
        there = {name_of(f.finding) for f in stated if f.presence is Presence.PRESENT}
        assert chosen_names(answer(c)) == there


def test_a_studys_own_questions_are_asked_once_with_their_answers():
    own = (
        Question("Is the heart large?", "no", True),
        Question("is the heart  large?", "no", True),
        Question("Where is the mass?", "right apex ", False),
        Question("About an image that is not there?", "yes", True, view=5),
        Question("Where?", "left", False, history=(("Is there a mass?", "yes"),)),
        Question("Where?", "right", False, history=(("Is there a scar?", "yes"),)),
    )
    asked = [c for c in said(replace(NORMAL, questions=own)) if "/own-" in c.id]
    assert [(c.task, question(c), answer(c)) for c in asked] == [
        (Task.VQA_CLOSED, "Is the heart large?", "No"),
        (Task.VQA_OPEN, "Where is the mass?", "right apex"),
        (Task.VQA_OPEN, "Is there a mass? yes. Where?", "left"),
        (Task.VQA_OPEN, "Is there a scar? yes. Where?", "right"),
    ]


def test_a_studys_own_question_on_change_is_left_to_a_task_of_its_own():
    own = (Question("Is the mass new?", "no", True, compares=True), Question("Is the mass new?", "yes", True))
    asked = [c for c in said(replace(SEVERAL, questions=own)) if "/own-" in c.id]
    assert [(c.task, shown(c), answer(c)) for c in asked] == [(Task.VQA_CLOSED, (ImageIn("a"),), "Yes")]


def test_without_a_prior_image_no_question_on_change_is_asked():
    own = (Question("What has changed?", "nothing", False, compares=True), Question("Where?", "left", False))
    for split in Split:
        alone = replace(SEVERAL, questions=own, prior_image_ids=(), prior_positions=())
        assert [question(c) for c in said(alone, split) if "/own-" in c.id] == ["Where?"]


def test_a_lateral_is_asked_for_its_view_and_nothing_else():
    lateral = replace(SICK, positions=(Position.LATERAL,), prior_image_ids=())
    asked = [c for c in said(lateral) if c.images_in]
    assert {c.task for c in asked} == {Task.VIEW}


def test_a_hidden_finding_is_not_asked_for():
    hidden = replace(SICK, regions=tuple(replace(r, visibility=0.05) for r in SICK.regions))
    for c in said(hidden):
        about = "effusion" in question(c) and c.images_in and c.task is not Task.PROGRESSION
        assert not about, question(c)


def test_a_site_is_mistaken_for_another_of_its_kind_that_exists_on_the_side():
    assert others(Site.LOWER_LOBE, Side.RIGHT) == (Site.UPPER_LOBE, Site.MIDDLE_LOBE)
    assert others(Site.LOWER_LOBE, Side.LEFT) == (Site.UPPER_LOBE, Site.LINGULA)
    assert others(Site.LOWER_LOBE, None) == (Site.UPPER_LOBE,)
    assert others(Site.BASAL, Side.LEFT) == (Site.APICAL, Site.PERIHILAR)
    assert others(Site.DIFFUSE, None) == ()


def test_what_is_suggested_of_the_site_does_not_follow_what_is_of_the_side():
    kinds = ("side_is", "site_is")
    pairs = set()
    for seed in range(60):
        answers = {}
        for conversation in said(SICK, seed=seed):
            for kind in kinds:
                if kind in conversation.id:
                    answers[kind] = answer(conversation)
        if len(answers) == 2:
            pairs.add(tuple(answers[kind] for kind in kinds))
    assert pairs == {("Yes", "Yes"), ("Yes", "No"), ("No", "Yes"), ("No", "No")}


def test_sites_are_spoken_of_as_places():
    assert place(Site.BASAL, Side.BILATERAL) == "both bases"
    assert place(Site.LOWER_LOBE, Side.LEFT) == "left lower lobe"
    assert place(Site.LINGULA, Side.LEFT) == "lingula"


def test_devices_are_no_abnormality():
    assert not ABNORMAL & set(DEVICES)


@pytest.mark.parametrize(("known", "asked"), [(3, False), (4, True)])
def test_diseases_are_chosen_among_four_at_least(known, asked):
    some = [f for f in Finding if f in ABNORMAL and f not in KINDS_OF][:known]
    balance = Balance(dict.fromkeys(((finding, "there") for finding in some), 1))
    found = [c for c in said(NORMAL, balance=balance) if c.task is Task.DISEASES]
    assert bool(found) is asked
    for c in found:
        assert all(name_of(finding) in question(c) for finding in some)
        assert answer(c) == "none"
