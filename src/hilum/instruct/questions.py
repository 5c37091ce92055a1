"""Short questions about the frontal image: which diseases, is it there, which side, site, grade, how many.

pairs = list(diseases(case))

Each finding is asked about as often with the answer yes as with no, so that guessing gets half of them right.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from hilum.instruct.label_state import KINDS_OF, aside
from hilum.instruct.options import right_options
from hilum.instruct.qa_pairs import NUMBERS, Case, QAPair, number, qa_pair, yes_no
from hilum.instruct.sites import others, place
from hilum.prompts import Ask, Asked, word
from hilum.reports import name_of, names
from hilum.study import DEVICES, Fact, Finding, Question, Severity, Side, Task

OPTIONS = 4
"""How many diseases there are to choose from."""
ABNORMAL = frozenset(finding for finding in Finding if not aside(finding))


def diseases(case: Case) -> Iterator[QAPair]:
    """Which of four findings are there, in shuffled order; the absent ones are those most often seen."""
    if case.image is None:
        return
    there = [f for f in case.balance.diseases if case.state.there(f)]
    absent = [f for f in case.balance.diseases if case.state.there(f) is False]
    if len(there) + len(absent) < OPTIONS:
        return
    rng = case.rng("diseases")
    there = rng.sample(there, min(len(there), OPTIONS - 1))
    # As first arrivals of so many a year each: drawn one by one, each by its share of those that are left.
    arriving = sorted(absent, key=lambda finding: rng.expovariate(case.balance.count(finding)))
    options = [*there, *arriving[: OPTIONS - len(there)]]
    rng.shuffle(options)
    lettered = rng.random() < 0.3
    listed = [f"({'abcdef'[i]}) {name_of(f)}" if lettered else name_of(f) for i, f in enumerate(options)]
    answer = ", ".join(name_of(f) for f in options if f in there) or "none"
    question = word(Task.DISEASES, rng, options=", ".join(listed))
    yield qa_pair(Task.DISEASES, [case.image], question, answer, about=frozenset(options), bundle=True)


def binary(case: Case) -> Iterator[QAPair]:
    """Is this disease there?"""
    yield from _presence(case, "binary", Task.BINARY, Task.BINARY, share=1.0, devices=False)


def presence(case: Case) -> Iterator[QAPair]:
    """Is this finding or device there?"""
    yield from _presence(case, "presence", Task.VQA_CLOSED, Ask.PRESENCE, share=0.6, devices=True)


def _presence(case: Case, what: str, task: Task, ask: Asked, share: float, devices: bool) -> Iterator[QAPair]:
    if case.image is None:
        return
    rng = case.rng(what)
    for finding in case.balance.findings:
        there = case.state.there(finding)
        kept = there is not None and case.balance.keep(finding, there, rng, share)
        if not kept or (aside(finding) and not devices):
            continue
        assert there is not None
        question = word(ask, rng, **names(finding))
        answer = yes_no(case, question, there, rng, _reason(case.state.single(finding), there))
        about = KINDS_OF.get(finding, frozenset()) | {finding}
        name = finding.name.lower()
        yield qa_pair(task, [case.image], question, answer, about=about, bundle=True, name=name)


def _reason(fact: Fact | None, there: bool) -> str:
    if fact is None:
        return "" if there else "there is none"
    return " ".join(part.value for part in (fact.severity, fact.side) if part)


def normal(case: Case) -> Iterator[QAPair]:
    """Is the chest normal, devices aside?"""
    there = case.state.there(Finding.NO_FINDING)
    if case.image is None or there is None:
        return
    rng = case.rng("normal")
    if case.balance.keep(Finding.NO_FINDING, there, rng, 0.7):
        question = word(Ask.NORMAL, rng)
        answer = yes_no(case, question, there, rng)
        yield qa_pair(
            Task.VQA_CLOSED, [case.image], question, answer, about=ABNORMAL, bundle=True, name="normal"
        )


def attributes(case: Case) -> Iterator[QAPair]:
    """Side, site and grade of what is there: asked openly, and with a right or a wrong suggestion."""
    if case.image is None or not case.state.present:
        return
    rng = case.rng("attributes")
    for finding in case.state.present:
        fact = case.state.single(finding)
        if fact is None or finding is Finding.NO_FINDING:
            continue
        for ask, answer in _open(fact):
            yield _short(case, Task.VQA_OPEN, finding, ask, word(ask, rng, **names(finding)), answer)
        for ask, slots, right in _closed(fact, rng):
            question = word(ask, rng, **names(finding), **slots)
            yield _short(case, Task.VQA_CLOSED, finding, ask, question, yes_no(case, question, right, rng))


def _short(case: Case, task: Task, finding: Finding, ask: Ask, question: str, answer: str) -> QAPair:
    assert case.image is not None
    name = f"{ask.value}-{finding.name.lower()}"
    return qa_pair(task, [case.image], question, answer, about=frozenset({finding}), bundle=True, name=name)


def _open(fact: Fact) -> Iterator[tuple[Ask, str]]:
    if fact.side and fact.side is not Side.MIDLINE:
        yield Ask.SIDE, fact.side.value
    if fact.site:
        yield Ask.SITE, place(fact.site, fact.side)
    if fact.severity:
        yield Ask.SEVERITY, fact.severity.value


def _closed(fact: Fact, rng: random.Random) -> Iterator[tuple[Ask, dict[str, str], bool]]:
    right = rng.random() < 0.5
    if fact.side in (Side.LEFT, Side.RIGHT):
        other = Side.RIGHT if fact.side is Side.LEFT else Side.LEFT
        # One-sided findings outnumber those on both sides, for which the answer is yes.
        if rng.random() < 0.25:
            yield Ask.BOTH_SIDES, {}, False
        else:
            yield Ask.SIDE_IS, {"side": (fact.side if right else other).value}, right
    elif fact.side is Side.BILATERAL:
        yield Ask.BOTH_SIDES, {}, True
    wrong_sites = others(fact.site, fact.side) if fact.site else ()
    if fact.site and wrong_sites:
        right = rng.random() < 0.5
        site = fact.site if right else rng.choice(wrong_sites)
        yield Ask.SITE_IS, {"site": place(site, fact.side)}, right
    if fact.severity:
        right = rng.random() < 0.5
        wrong = [grade for grade in Severity if grade is not fact.severity]
        grade = fact.severity if right else rng.choice(wrong)
        yield Ask.SEVERITY_IS, {"severity": grade.value}, right


def which(case: Case) -> Iterator[QAPair]:
    """Which abnormality, and which device: asked where there is one or none."""
    if case.image is None or not case.state.certain:
        return
    rng = case.rng("which")
    for ask, some in ((Ask.WHICH, ABNORMAL), (Ask.WHICH_DEVICE, frozenset(DEVICES))):
        there = [finding for finding in case.state.present if finding in some]
        rare = rng.random() < 0.3  # nothing there is by far the commonest answer
        if len(there) == 1 or (not there and rare):
            answer = name_of(there[0]) if there else "none"
            question = word(ask, rng)
            yield qa_pair(
                Task.VQA_OPEN, [case.image], question, answer, about=some, bundle=True, name=ask.value
            )


def counts(case: Case) -> Iterator[QAPair]:
    """How many abnormalities, and how many devices."""
    if case.image is None or not case.state.certain:
        return
    rng = case.rng("counts")
    for things, some in (("abnormalities", ABNORMAL), ("devices", frozenset(DEVICES))):
        count = sum(finding in some for finding in case.state.present)
        if rng.random() < (0.25 if count == 0 else 0.5):
            question = word(Ask.COUNT, rng, things=things)
            yield qa_pair(
                Task.VQA_OPEN,
                [case.image],
                question,
                number(count),
                about=some,
                bundle=True,
                name=f"count-{things}",
            )
        right = count >= 2 and rng.random() < 0.7
        if count >= 2 or rng.random() < 0.12:
            suggested = count if right else 3 if count == 2 else 2
            question = word(
                Ask.COUNT_IS, rng, things=things, number=NUMBERS[min(suggested, len(NUMBERS) - 1)]
            )
            answer = yes_no(case, question, right, rng)
            yield qa_pair(
                Task.VQA_CLOSED,
                [case.image],
                question,
                answer,
                about=some,
                bundle=True,
                name=f"count_is-{things}",
            )


def own(case: Case) -> Iterator[QAPair]:
    """The questions that came with the study, each once; those with options or on change are asked elsewhere.

    They stand alone, for some are rewordings of others and would give the answer away.
    """
    seen: set[tuple[int, str]] = set()
    for index, asked_of in enumerate(case.record.questions):
        if asked_of.compares or right_options(asked_of):
            continue
        question = after_history(asked_of)
        same = (asked_of.view, " ".join(question.lower().split()))
        if asked_of.view < len(case.record.image_ids) and same not in seen:
            seen.add(same)
            task = Task.VQA_CLOSED if asked_of.closed else Task.VQA_OPEN
            answer = asked_of.answer.strip()
            answer = answer.capitalize() if answer.lower() in ("yes", "no") else answer
            image = case.record.image_ids[asked_of.view]
            yield qa_pair(task, [image], question, answer, name=f"own-{index}")


def after_history(asked: Question) -> str:
    """The question in words, after those it follows from, each with its answer."""
    earlier = [f"{question.strip()} {answer.strip()}." for question, answer in asked.history]
    return " ".join([*earlier, asked.question.strip()])
