"""An OpenAI-compatible server on loopback whose every answer a test writes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Answer:
    """What is sent back: a completion of this text, or any body instead."""

    text: str | None = ""
    status: int = 200
    body: Any = None
    finish: str | None = "stop"
    refusal: str | None = None
    usage: tuple[int, int] | None = (10, 4)
    """Tokens of the prompt and of the completion."""
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False


Script = Callable[[str, int], Answer]
"""From a prompt, and how often it was asked before, to the answer."""


class ChatServer(ThreadingHTTPServer):
    """Remembers what it was asked: bodies, headers, and the prompts alone."""

    def __init__(self, script: Script, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.script, self.asked, self.headers = script, [], []
        self.release, self.lock = threading.Event(), threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    @property
    def prompts(self) -> list[str]:
        return [asked["messages"][0]["content"] for asked in self.asked]

    def handle_error(self, *_: object) -> None:
        """A client that has gone is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: ChatServer

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = asked["messages"][0]["content"]
        with self.server.lock:
            before = self.server.prompts.count(prompt)
            self.server.asked.append(asked)
            self.server.headers.append(dict(self.headers))
        answer = self.server.script(prompt, before)
        if answer.hang:
            self.server.release.wait(10)
        message = {"role": "assistant", "content": answer.text, "refusal": answer.refusal}
        choice = {"index": 0, "message": message, "finish_reason": answer.finish}
        body = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
        if answer.usage:
            names = ("prompt_tokens", "completion_tokens", "total_tokens")
            body["usage"] = dict(zip(names, (*answer.usage, sum(answer.usage)), strict=True))
        body = body if answer.body is None else answer.body
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        kind = "text/html" if isinstance(body, str) and body.startswith("<") else "application/json"
        self.send_response(answer.status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def serving(script: Script, port: int = 0) -> Iterator[ChatServer]:
    """A server until the block ends."""
    server = ChatServer(script, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        server.shutdown()
        thread.join()
        server.server_close()
