"""A chat endpoint in every condition: each is an end of the answer, counted, and the key is told nowhere."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from chat_server import Answer, serving
from hilum import endpoint as module
from hilum.endpoint import ChatEndpoint, Ended, Usage
from hilum.errors import UsageError

KEY = "sk-secret-of-the-test"


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(module, "BACKOFF", 0.001)


def ask(script, **options):
    """The answer to one question, with the server and the endpoint that gave it."""
    with serving(script) as server:
        chat = ChatEndpoint(server.url, "m", **{"retries": 2, **options})
        return chat.ask("Is it?", max_tokens=7), server, chat


def test_a_question_is_asked_as_the_protocol_says() -> None:
    told, server, chat = ask(lambda *_: Answer("It is."))
    assert (told.text, told.ended) == ("It is.", Ended.DONE)
    [asked] = server.asked
    assert asked["messages"] == [{"role": "user", "content": "Is it?"}]
    assert (asked["model"], asked["temperature"], asked["max_tokens"]) == ("m", 0, 7)
    assert chat.usage == Usage(requests=1, prompt_tokens=10, completion_tokens=4)


@pytest.mark.parametrize(
    ("answer", "ended", "cause"),
    [
        (Answer("a and", finish="length"), Ended.CUT_OFF, ""),
        (Answer("", finish="content_filter"), Ended.REFUSED, ""),
        (Answer(None, refusal="I cannot."), Ended.REFUSED, ""),
        (Answer(status=400, body={"error": {"message": "", "code": "content_filter"}}), Ended.REFUSED, "400"),
        (Answer(status=400, body={"error": {"message": "maximum context length"}}), Ended.TOO_LONG, "400"),
        (Answer(status=400, body={"error": {"message": "what?"}}), Ended.FAILED, "BadRequestError 400"),
        (Answer(status=403, body={}), Ended.FAILED, "403"),
        (Answer(status=307, headers={"Location": "http://127.0.0.1:9/v1"}), Ended.FAILED, "307"),
    ],
)
def test_what_no_second_try_can_change_is_asked_once(answer, ended, cause) -> None:
    told, server, chat = ask(lambda *_: answer)
    assert told.ended is ended
    assert cause in told.cause
    assert (len(server.asked), chat.usage.retries) == (1, 0)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=500, body={"error": "x"}),
        Answer(status=503, body="<html>Service unavailable</html>"),
        Answer(status=429, body={"error": {"message": "slow down"}}),
        Answer(body="<html><body>Welcome to the proxy</body></html>"),
        Answer(body="{'no': json"),
        Answer(body={"hello": "world"}),
        Answer(body={"choices": []}),
        Answer(body={"choices": [{"message": {"content": [1]}}]}),
        Answer(body="null"),
    ],
    ids=lambda answer: f"{answer.status} {str(answer.body)[:20]}",
)
def test_garbage_and_trouble_are_tried_again_and_counted(answer) -> None:
    told, server, chat = ask(lambda *_: answer)
    assert (told.text, told.ended) == ("", Ended.FAILED)
    assert (len(server.asked), chat.usage.requests, chat.usage.retries) == (3, 3, 2)
    told, server, chat = ask(lambda _, before: Answer("It is.") if before else answer)
    assert (told.text, told.ended) == ("It is.", Ended.DONE)
    assert (chat.usage.requests, chat.usage.retries) == (2, 1)


def test_an_endpoint_that_hangs_or_is_down_has_failed() -> None:
    told, _, chat = ask(lambda *_: Answer(hang=True), timeout=0.1, retries=1)
    assert (told.ended, told.cause, chat.usage.requests) == (Ended.FAILED, "APITimeoutError", 2)
    gone = ChatEndpoint("http://127.0.0.1:9/v1", "m", retries=1)
    told = gone.ask("?", max_tokens=1)
    assert (told.ended, told.cause, gone.usage.requests) == (Ended.FAILED, "APIConnectionError", 2)


@pytest.mark.parametrize("header", ["seconds", "milliseconds", "date"])
def test_an_endpoint_s_own_wish_to_wait_is_obeyed(header, monkeypatch) -> None:
    wishes = {
        "seconds": {"Retry-After": "30"},
        "milliseconds": {"Retry-After-Ms": "30000"},
        "date": {"Retry-After": format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)},
    }
    held = []
    monkeypatch.setattr(module._Pace, "hold", lambda self, seconds: held.append(seconds))
    busy = Answer(status=429, body={}, headers=wishes[header])
    told, *_ = ask(lambda _, before: Answer("ok") if before else busy)
    assert told.text == "ok"
    assert held == [pytest.approx(30, abs=5)]


def test_who_wants_to_wait_too_long_has_failed_for_now() -> None:
    told, server, _ = ask(lambda *_: Answer(status=429, body={}, headers={"Retry-After": "86400"}))
    assert told.ended is Ended.FAILED
    assert "asks to wait 86400 s" in told.cause
    assert len(server.asked) == 1


def test_a_hold_keeps_everybody_waiting(monkeypatch) -> None:
    pace = module._Pace(None)
    waited = []
    monkeypatch.setattr(pace, "pause", waited.append)
    pace.wait()
    pace.hold(30)
    pace.wait()
    pace.wait()
    assert waited[0] == 0
    assert waited[1:] == [pytest.approx(30, abs=1)] * 2


def test_requests_are_spread_over_the_minute(monkeypatch) -> None:
    pace = module._Pace(60)
    waited = []
    monkeypatch.setattr(pace, "pause", waited.append)
    for _ in range(4):
        pace.wait()
    assert waited == [pytest.approx(second, abs=0.5) for second in range(4)]
    with pytest.raises(UsageError, match="per_minute"):
        module._Pace(0)


def test_the_cost_is_of_reported_tokens_alone() -> None:
    usage = Usage(requests=2, prompt_tokens=1_000_000, completion_tokens=500_000)
    assert usage.cost(0.5, 2.0) == 1.5
    _, _, chat = ask(lambda *_: Answer("ok", usage=None))
    assert chat.usage.unreported == 1
    assert chat.usage.cost(0.5, 2.0) is None


@pytest.mark.parametrize("status", [401, 404])
def test_what_no_question_can_change_stops_the_run(status) -> None:
    with pytest.raises(UsageError, match="refuses every question"):
        ask(lambda *_: Answer(status=status, body={"error": {"message": "no"}}))
    empty = Answer(status=429, body={"error": {"message": "pay", "code": "insufficient_quota"}})
    with pytest.raises(UsageError, match="refuses every question"):
        ask(lambda *_: empty)


def test_where_one_raises_what_was_not_begun_is_not_asked() -> None:
    def script(prompt, before):
        return Answer(status=401, body={}) if prompt == "3" else Answer("ok")

    with serving(script) as server:
        chat = ChatEndpoint(server.url, "m", concurrency=1)
        with pytest.raises(UsageError):
            chat.each(lambda word: chat.ask(word, max_tokens=1), [str(i) for i in range(50)])
        assert len(server.asked) < 10
        assert chat.each(lambda word: chat.ask(word, max_tokens=1).text, ["a"]) == ["ok"], "it goes on"


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
def test_the_key_is_told_nowhere(status, monkeypatch, caplog, capsys) -> None:
    monkeypatch.setenv("KEY_FOR_TEST", KEY)
    caplog.set_level(logging.DEBUG)
    bad = Answer(status=status, body={"error": {"message": f"your key {KEY} is bad", "code": KEY}})
    told = []
    try:
        answer, server, chat = ask(lambda *_: bad, key_variable="KEY_FOR_TEST")
        told += [repr(answer), repr(chat.usage)]
        assert f"Bearer {KEY}" in server.headers[0].values()
    except UsageError as error:
        told += [str(error), repr(error.__cause__)]
    assert KEY not in " ".join([*told, caplog.text, *capsys.readouterr()])


def test_no_part_of_the_key_is_left_where_words_are_cut(monkeypatch) -> None:
    monkeypatch.setenv("KEY_FOR_TEST", KEY)
    chat = ChatEndpoint("http://127.0.0.1:9/v1", "m", key_variable="KEY_FOR_TEST")
    for before in range(501):
        assert "sk-" not in chat._failed(KeyError("." * before + KEY)).detail
    for answer in (Answer(f"It is {KEY}."), Answer(f"It is {KEY}.", refusal=f"No {KEY}")):
        told, *_ = ask(lambda *_, answer=answer: answer, key_variable="KEY_FOR_TEST")
        assert "sk-" not in str(told)
        assert told.text == "It is …."


def test_a_word_in_place_of_a_key_may_be_an_answer(monkeypatch) -> None:
    monkeypatch.setenv("KEY_FOR_TEST", "none")
    told, *_ = ask(lambda *_: Answer("none of them"), key_variable="KEY_FOR_TEST")
    assert told.text == "none of them"


def test_without_a_variable_no_key_is_sent(monkeypatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, KEY)
    _, server, _ = ask(lambda *_: Answer("ok"))
    assert KEY not in str(server.headers)


@pytest.mark.parametrize(
    "text",
    ["http://host/v1", "#m", "ftp://host#m", "host:80/v1#m", f"http://me:{KEY}@host/v1#m",
     f"http://host/v1?key={KEY}#m", f"ftp://me:{KEY}@host#m", f"http://host/v1?key={KEY}"],
)  # fmt: skip
def test_a_wrong_address_is_refused_and_told_without_its_secrets(text) -> None:
    with pytest.raises(UsageError) as caught:
        ChatEndpoint.named(text)
    assert KEY not in str(caught.value)


def test_an_interrupted_run_tries_nothing_again(monkeypatch) -> None:
    monkeypatch.setattr(module, "BACKOFF", 60.0)
    monkeypatch.setattr(module, "LONGEST_BACKOFF", 60.0)

    def script(prompt, before):
        return Answer(status=401, body={}) if prompt == "bad" else Answer(status=500, body={})

    with serving(script) as server:
        chat = ChatEndpoint(server.url, "m", concurrency=2, retries=9)
        with pytest.raises(UsageError):
            chat.each(lambda word: chat.ask(word, max_tokens=1), ["slow", "bad"])
    assert len(server.asked) == 2, "the wait before the second try was broken off, and nothing followed"
