"""All ten tasks for a model of every make: Hilum's, one of transformers, an endpoint, a function."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench.chexbench.helpers import document, write_bench
from hilum.bench.adapters.endpoint import Endpoint
from hilum.bench.adapters.function import PythonFunction
from hilum.bench.adapters.hilum_run import HilumRun
from hilum.bench.adapters.transformers_model import TransformersModel
from hilum.bench.chexbench import TASKS, read, run, write
from hilum.bench.leaderboard import estimate
from hilum.bench.saved import read_result
from hilum.model import Model, Writes
from model import stock
from model.helpers import tiny


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        words = asked["messages"][0]["content"][-1]["text"]
        text = "(A)" if "Options" in words else "Cardiomegaly. <|box|>(10,20),(30,40)<|/box|>"
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        body = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def hilum(tmp_path):
    return HilumRun(tiny(context=1024), max_new_tokens=8)


@pytest.fixture
def llava(tmp_path):
    parts = {"encoder": stock.encoder("siglip"), "writes": Writes.NOTHING, "layout": "chatml"}
    path = Model.of_parts(stock.language("llama"), stock.tokenizer(), **parts).save(tmp_path / "llava")
    (path / "hilum.json").unlink()
    return TransformersModel.load(str(path), max_new_tokens=4)


@pytest.fixture
def endpoint():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Endpoint(f"http://127.0.0.1:{server.server_port}/v1", "m")
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def function():
    return PythonFunction(lambda question: question.options[0] if question.options else "Cardiomegaly.")


@pytest.mark.parametrize(
    ("name", "likelihoods"), [("hilum", True), ("llava", True), ("endpoint", False), ("function", False)]
)
def test_all_ten_tasks_are_measured(name, likelihoods, request, tmp_path):
    bench = read(*write_bench(tmp_path / "bench", document(4), films=4))
    result = run(request.getfixturevalue(name), bench, limit=3, controlled=2, progress=False)
    assert {task.task for task in result.tasks} == set(TASKS)
    assert len(result.tasks) == (17 if likelihoods else 10)
    assert ("likelihood" in result.skipped) is not likelihoods
    assert result.complete
    assert all("crashed" not in task.failures for task in result.tasks)
    for task in result.tasks:
        for figure in task.figures:
            assert figure.estimate.value is None or 0 <= figure.estimate.value <= 1
    write(result, tmp_path / "out")
    saved, about = read_result(tmp_path / "out"), request.getfixturevalue(name).describe()
    assert (saved.model, saved.weights) == (about["model"], about.get("weights", ""))
    assert "scipy" in saved.protocol["versions"]
    own = {figure.name: figure.estimate for task in result.tasks for figure in task.figures}
    assert all(estimate(saved, figure).value == own[figure].value for figure in saved.items)
