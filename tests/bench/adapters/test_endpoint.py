"""An endpoint on loopback: what is sent, and every way it can fail is a state."""

from __future__ import annotations

import base64
import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench.adapters.helpers import every_kind
from hilum.bench.adapters import Adapter, Failure, Kind, Question, Stored, open_adapter
from hilum.bench.adapters.asking import png
from hilum.bench.adapters.endpoint import Endpoint
from hilum.errors import UsageError

KEY = "sk-secret-of-the-test"


class Server(ThreadingHTTPServer):
    """Answers chat completions; a word in the question decides how."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests, self.keys, self.headers, self.status = [], [], [], None
        self.budget: int | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, asked))
        self.server.keys.append(self.headers.get("Authorization"))
        self.server.headers.append(str(self.headers))
        words = asked["messages"][0]["content"][-1]["text"]
        if self.server.status:
            return self.send(self.server.status, {"error": {"message": f"no {KEY}"}})
        if "busy" in words and sum(words in json.dumps(r) for _, r in self.server.requests) < 3:
            return self.send(429, {"error": {"message": "slow down"}})
        if "broken" in words:
            return self.send(500, {"error": {"message": f"your key {KEY} broke it"}})
        if self.server.budget is not None:
            self.server.budget -= 1
            if self.server.budget < 0:
                return self.send(429, {"error": {"message": "", "code": "insufficient_quota"}})
        if "echoed" in words:
            return self.send(400, {"error": {"message": f"cannot answer {words}", "code": "invalid_prompt"}})
        if "filtered" in words:
            return self.send(400, {"error": {"message": "no", "code": "content_filter"}})
        if "too wide" in words:
            return self.send(400, {"error": {"message": "context length"}})
        if "garbage" in words:
            return self.send(200, {"hello": "world"})
        if "elsewhere" in words:
            return self.send(307, {}, Location=f"{self.server.url}/stolen")
        if "hangs" in words:
            return self.server.hold.wait(5) and None
        message, reason = {"role": "assistant", "content": "(A)"}, "stop"
        if "where" in words:
            message["content"] = "(10,20),(30,40)"
        if "silent" in words:
            message["content"] = None
        if "refused" in words:
            message |= {"content": None, "refusal": "I cannot help with films."}
        if "censored" in words:
            reason = "content_filter"
        if "endless" in words:
            message["content"], reason = "a and a and a", "length"
        choice = {"index": 0, "message": message, "finish_reason": reason}
        body = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
        return self.send(200, body)

    def send(self, status: int, body: dict, **headers: str) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Retry-After-Ms": "1", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server():
    served = Server()
    served.hold = threading.Event()
    thread = threading.Thread(target=served.serve_forever)
    thread.start()
    yield served
    served.hold.set()
    served.shutdown()
    thread.join()
    served.server_close()


@pytest.fixture
def adapter(server, monkeypatch) -> Endpoint:
    monkeypatch.setenv("KEY_FOR_TEST", KEY)
    return Endpoint(server.url, "m", key_variable="KEY_FOR_TEST", retries=2, max_new_tokens=9)


def texts(*prompts: str) -> list[Question]:
    return [Question(str(i), Kind.TEXT, prompt) for i, prompt in enumerate(prompts)]


def test_films_and_words_are_sent_as_the_protocol_says(adapter, server, tmp_path) -> None:
    assert isinstance(adapter, Adapter)
    questions = every_kind(tmp_path)
    replies = adapter.answer(questions)
    assert all(reply.failure is None for reply in replies)
    assert {path for path, _ in server.requests} == {"/v1/chat/completions"}
    assert set(server.keys) == {f"Bearer {KEY}"}
    temporal = next(asked for _, asked in server.requests if "stable" in str(asked))
    *images, words = temporal["messages"][0]["content"]
    heads, films = zip(*(image["image_url"]["url"].split(",") for image in images), strict=True)
    assert heads == ("data:image/png;base64",) * 2
    assert [base64.b64decode(film) for film in films] == [png(path) for path in questions[4].images]
    assert words["text"].startswith("Edema?\nOptions: (A) worsening")
    assert (temporal["model"], temporal["temperature"], temporal["max_tokens"]) == ("m", 0, 9)


def test_every_way_to_fail_is_a_state(adapter) -> None:
    asked = ("fine", "silent", "endless", "refused", "censored", "filtered", "too wide", "broken", "garbage")
    states = dict(zip(asked, adapter.answer(texts(*asked)), strict=True))
    assert {prompt: reply.failure for prompt, reply in states.items()} == {
        "fine": None,
        "silent": Failure.EMPTY,
        "endless": Failure.TOO_LONG,
        "refused": Failure.REFUSED,
        "censored": Failure.REFUSED,
        "filtered": Failure.REFUSED,
        "too wide": Failure.CRASHED,
        "broken": Failure.CRASHED,
        "garbage": Failure.CRASHED,
    }
    assert states["refused"].text == "I cannot help with films."


def test_a_failure_tells_its_kind_and_never_what_the_endpoint_says_of_the_question(adapter) -> None:
    broken, echoed = adapter.answer(texts("broken", "echoed"))
    assert broken.detail == "InternalServerError 500"
    assert echoed.detail == "BadRequestError 400 invalid_prompt"


def test_what_was_answered_before_the_account_ran_empty_is_kept(adapter, server, tmp_path) -> None:
    stored = Stored(adapter, tmp_path / "answers.jsonl")
    adapter.chat.concurrency = 1
    server.budget = 3
    told = stored.answer(texts(*(f"question {i}" for i in range(8))))
    assert [reply.failure for reply in told] == [None] * 3 + [Failure.CRASHED] * 5
    assert told[-1].detail == "the endpoint refuses every question (429)"
    with pytest.raises(UsageError, match="refuses every question"):
        stored.answer(texts(*(f"question {i}" for i in range(8))))
    server.budget = None
    asked = len(server.requests)
    assert all(r.failure is None for r in stored.answer(texts(*(f"question {i}" for i in range(8)))))
    assert len(server.requests) - asked == 5


def test_the_key_is_told_nowhere(adapter, server, caplog, tmp_path) -> None:
    caplog.set_level(logging.DEBUG)
    stored = Stored(adapter, tmp_path / "answers.jsonl")
    replies = stored.answer(texts("broken", "fine"))
    server.status = 401
    with pytest.raises(UsageError, match="KEY_FOR_TEST") as caught:
        adapter.answer(texts("fine"))
    told = [str(replies), str(caught.value), caplog.text, str(stored.describe()), stored.path.read_text()]
    assert not any(KEY in text for text in told)


def test_a_busy_endpoint_is_asked_again(adapter, server) -> None:
    [reply] = adapter.answer(texts("busy"))
    assert reply.failure is None
    assert len(server.requests) == 3


def test_films_are_sent_to_no_other_address(adapter, server) -> None:
    [reply] = adapter.answer(texts("elsewhere"))
    assert reply.failure is Failure.CRASHED
    assert {path for path, _ in server.requests} == {"/v1/chat/completions"}


def test_an_endpoint_that_hangs_or_is_not_there_is_a_state(server) -> None:
    slow = Endpoint(server.url, "m", retries=0, timeout=0.2)
    assert slow.answer(texts("hangs"))[0].failure is Failure.CRASHED
    gone = Endpoint("http://127.0.0.1:9/v1", "m", retries=0)
    assert gone.answer(texts("fine"))[0].failure is Failure.CRASHED


def test_boxes_are_read(adapter) -> None:
    [reply] = adapter.answer([Question("1", Kind.BOX, "where")])
    assert reply.boxes == ((0.1, 0.2, 0.3, 0.4),)


def test_a_film_that_cannot_be_read_fails_alone(adapter, tmp_path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no film")
    bad = Question("1", Kind.TEXT, "Write.", (tmp_path / "broken.png",))
    assert [reply.failure for reply in adapter.answer([bad, *texts("fine")])] == [Failure.CRASHED, None]


@pytest.mark.parametrize("status", [401, 404])
def test_what_no_question_can_change_stops_the_run(adapter, server, status) -> None:
    server.status = status
    with pytest.raises(UsageError, match="refuses every question"):
        adapter.answer(texts("fine", "fine"))


def test_without_a_key_none_is_sent(server, monkeypatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, KEY)
    Endpoint(server.url, "m").answer(texts("fine"))
    assert KEY not in str(server.headers)


def test_likelihoods_are_refused(adapter) -> None:
    with pytest.raises(UsageError, match="gives no likelihoods"):
        adapter.loglikelihood(texts("fine"))


def test_it_is_opened_by_address_and_model(server) -> None:
    adapter = open_adapter(f"endpoint:{server.url}#org/model")
    assert adapter.describe()["model"] == "org/model"
    assert adapter.answer(texts("fine"))[0].text == "(A)"


@pytest.mark.parametrize(
    "text", ["http://host/v1", "#m", "ftp://host#m", "host:80/v1#m", "http://me:pw@host/v1#m"]
)
def test_a_wrong_address_is_refused_and_told_without_its_password(text) -> None:
    with pytest.raises(UsageError) as caught:
        open_adapter(f"endpoint:{text}")
    assert "pw" not in str(caught.value)
