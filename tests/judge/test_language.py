"""A language model's answer becomes a score only when it is one; everything else is a state."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.endpoint import Ended, Told
from hilum.errors import DataError, UsageError
from hilum.judge import green, llm
from hilum.judge.green_parser import LETTERS
from hilum.judge.language import LONGEST, MOST_WORDS, LanguageJudge
from hilum.study import State, Verdict
from judge.judges import EFFUSION, MASS, Scripted
from judge.test_green_parser import WHOLE


def judge_of(*told: Told, **settings) -> LanguageJudge:
    return LanguageJudge("green", green.VERSION, green.PROMPT, green.read, Scripted(*told), **settings)


ENDS = {
    "a whole answer": (Told(WHOLE), State.SCORED),
    "a whole answer that was cut off": (Told(WHOLE, Ended.CUT_OFF), State.TOO_LONG),
    "nothing": (Told(""), State.UNPARSABLE),
    "chat": (Told("The candidate report is quite good."), State.UNPARSABLE),
    "another language": (Told("Der Befund stimmt weitgehend überein."), State.UNPARSABLE),
    "HTML": (Told("<html><body>502 Bad Gateway</body></html>"), State.UNPARSABLE),
    "a polite refusal": (Told("I'm sorry, but I can't help with that."), State.REFUSED),
    "an apology before the answer": (Told(f"I'm sorry for the delay.\n{WHOLE}"), State.SCORED),
    "a refusal by the endpoint's word": (Told("", Ended.REFUSED, detail="no"), State.REFUSED),
    "a prompt too long": (Told("", Ended.TOO_LONG, "BadRequestError 400"), State.TOO_LONG),
    "a failure": (Told("", Ended.FAILED, "APITimeoutError", "words"), State.FAILED),
    "endless": (Told(WHOLE + " and a" * LONGEST), State.TOO_LONG),
    "the prompt itself": (Told(green.PROMPT), State.UNPARSABLE),
}


DETAILS = {
    "a whole answer that was cut off": "the answer was cut off at 1024 tokens",
    "a polite refusal": "",
    "a refusal by the endpoint's word": "",
    "a prompt too long": "the prompt is longer than the model can take",
    "a failure": "APITimeoutError",
    "endless": "the answer has over 20,000 characters",
}


@pytest.mark.parametrize("name", DETAILS)
def test_what_went_wrong_is_said_in_a_word(name) -> None:
    [verdict] = judge_of(ENDS[name][0])([EFFUSION], [MASS])
    assert verdict == Verdict(None, state=ENDS[name][1], detail=DETAILS[name])


def test_the_longest_answer_is_read_and_one_of_a_letter_more_is_not() -> None:
    longest = "x" * (20_000 - len(WHOLE) - 1) + "\n" + WHOLE
    states = [judge_of(Told(text))([EFFUSION], [MASS])[0].state for text in (longest, "x" + longest)]
    assert states == [State.SCORED, State.TOO_LONG]


@pytest.mark.parametrize("name", ENDS)
def test_every_end_is_a_state_and_only_a_whole_answer_a_score(name) -> None:
    told, state = ENDS[name]
    [verdict] = judge_of(told)([EFFUSION], [MASS])
    assert verdict.state is state
    assert (verdict.value is None) == (state is not State.SCORED)


def test_a_score_brings_its_counts() -> None:
    [verdict] = judge_of(Told(WHOLE))([EFFUSION], [MASS])
    assert verdict.value == 3 / 7
    assert verdict.counts == {
        "matched": 3,
        **dict(zip(LETTERS, (1, 2, 0, 0, 1, 0), strict=True)),
        "insignificant": 3,
    }


def test_no_word_of_the_answer_is_kept_unless_asked_for(tmp_path) -> None:
    path = tmp_path / "verdicts.jsonl"
    told = Told(f"Mrs Doe.\n{WHOLE}"), Told("", Ended.FAILED, "Error 500", "Mrs Doe"), Told("Mrs Doe said so")
    verdicts = judge_of(*told, cache=path)([EFFUSION] * 3, [MASS, EFFUSION, MASS * 2])
    assert [verdict.state for verdict in verdicts] == [State.SCORED, State.FAILED, State.UNPARSABLE]
    assert "Doe" not in f"{verdicts} {path.read_text()}"
    [kept] = judge_of(*told, cache=path, keep_answers=True)([EFFUSION], [MASS])
    assert kept.answer == told[0].text
    assert judge_of(cache=path, keep_answers=True)([EFFUSION], [MASS]) == [kept]


def test_a_report_of_over_300_words_is_not_cut_but_said() -> None:
    judge = judge_of(Told(WHOLE))
    long = "No effusion. " * (MOST_WORDS // 2)
    whole, more = judge([EFFUSION] * 2, [long, f"{long} Mass."])
    assert (whole.value, more.value) == (3 / 7, 0)
    assert "301 words" in more.detail
    assert long.strip() in judge.model.prompts[0]


@given(st.text(), st.text())
def test_both_reports_are_in_the_prompt_as_they_are(reference, candidate) -> None:
    judge = LanguageJudge("llm", 1, "{candidate}|{x}|{reference}|{}", llm.read, Scripted())
    filled = judge._filled(reference, candidate)
    assert filled == f"{candidate.strip()}|{{x}}|{reference.strip()}|{{}}"


def test_prompt_settings_and_model_are_the_identity() -> None:
    def identity(prompt="{reference}{candidate}", model="a", **settings):
        scripted = Scripted()
        scripted.identity = {"model": model}
        return str(LanguageJudge("llm", 1, prompt, llm.read, scripted, **settings).identity)

    others = [
        identity("{candidate}{reference}"),
        identity(model="b"),
        identity(max_tokens=9),
        identity(most_words=9),
    ]
    assert len({identity(), *others}) == 5


def test_the_identity_is_these_words_so_that_what_was_paid_stays_known() -> None:
    settings = {"max_tokens": 1024, "most_words": 300, "keep_answers": False, "model": "scripted"}
    digits = hashlib.sha256(green.PROMPT.encode()).hexdigest()[:12]
    assert judge_of().identity == {"judge": "green", "version": 1, "prompt": digits, **settings}
    own = LanguageJudge("llm", llm.VERSION, "{reference}{candidate}", llm.read, Scripted(), max_tokens=9)
    assert own.identity == {
        "judge": "llm",
        "version": 1,
        "prompt": hashlib.sha256(b"{reference}{candidate}").hexdigest()[:12],
        **settings,
        "max_tokens": 9,
    }


def test_what_was_spent_is_of_pairs_and_of_the_model() -> None:
    judge = judge_of(Told(WHOLE))
    judge([EFFUSION] * 3, [MASS, MASS, ""])
    assert judge.spent() == {"pairs": 3, "duplicates": 1, "cached": 0, "asked": 1, "requests": 1}


def test_a_prompt_is_the_whole_file(tmp_path) -> None:
    (tmp_path / "prompt.txt").write_text("Score {candidate} by {reference}", encoding="utf-8")
    assert llm.read_prompt(tmp_path / "prompt.txt") == "Score {candidate} by {reference}"


def test_a_prompt_without_both_reports_is_refused(tmp_path) -> None:
    with pytest.raises(UsageError, match="candidate"):
        LanguageJudge("llm", 1, "Score {reference}", llm.read, Scripted())
    with pytest.raises(DataError, match="cannot be read"):
        llm.read_prompt(tmp_path / "none.txt")
    (tmp_path / "prompt.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="cannot be read"):
        llm.read_prompt(tmp_path / "prompt.txt")


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ('{"score": 0.5, "parts": {"location": {"score": 0.9}}}', 0.5),
        ('{"score": 0.7}', 0.7),
        ('Because.\n```json\n{"why": "good", "score": 1}\n```', 1.0),
        ('{"score": "0.25"}', 0.25),
        ("It is good.\nScore: 0.7", 0.7),
        ("**Score:** 0.7.", 0.7),
        ("final score: 0", 0.0),
        ("<think>Score: 0.1</think>Score: .5", 0.5),
        ('Score: 0.5\n{"score": 0.5}', 0.5),
    ],
)
def test_a_score_is_read(answer, value) -> None:
    assert llm.read(answer).value == value


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "0.7",
        "Good.",
        "Score: high",
        "Score: 7/10",
        "Score: 70%",
        "Score: 7",
        "Score: -0.5",
        "Score: 1.01",
        '{"score": NaN}',
        '{"score": null}',
        '{"score": true}',
        '{"score": [0.5]}',
        '{"score": 0.5',
        '{"score" 0.5}',
        '{"score": 0.1, "score": 0.9}',
        "Score: 0.1\nScore: 0.9",
        'Score: 0.1\n{"score": 0.9}',
        "Score: 0.5 or so",
        '{"scores": 0.5}',
        "Score: 1e-1",
        "Score: ٠",
        "The score: is 0.5",
        '{"score": Infinity}',
    ],
)
def test_what_is_no_score_is_unparsable(answer) -> None:
    verdict = llm.read(answer)
    assert (verdict.value, verdict.state) == (None, State.UNPARSABLE)
    two = ('{"score": 0.1, "score": 0.9}', "Score: 0.1\nScore: 0.9", 'Score: 0.1\n{"score": 0.9}')
    none = ("", "0.7", "Good.", '{"scores": 0.5}', '{"score": 0.5', "The score: is 0.5")
    assert verdict.detail == (
        "more than one score"
        if answer in two
        else "no score"
        if answer in none
        else "a score that is no number from 0 to 1"
    )


@given(st.text())
def test_no_text_breaks_a_reader(text) -> None:
    for read in (llm.read, green.read):
        assert (read(text).value is None) == (read(text).state is State.UNPARSABLE)
