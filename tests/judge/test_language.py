"""A language model's answer becomes a score only when it is one; everything else is a state."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.endpoint import Ended, Told
from hilum.errors import DataError, UsageError
from hilum.judge import green, llm
from hilum.judge.green_parser import LETTERS
from hilum.judge.language import LONGEST, MOST_WORDS, LanguageJudge
from hilum.study import State
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
    assert (whole.state, more.state) == (State.SCORED, State.TOO_LONG)
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
    assert verdict.detail in ("no score", "a score that is no number from 0 to 1", "more than one score")


@given(st.text())
def test_no_text_breaks_a_reader(text) -> None:
    for read in (llm.read, green.read):
        assert (read(text).value is None) == (read(text).state is State.UNPARSABLE)
