"""What the documentation shows is run: Python blocks as they stand, commands as far as their words go.

The README's commands are pasted into a shell, in order, beside a model with random weights.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hilum.cli.parse import COMMANDS, parse
from hilum.images import write_png
from model.helpers import tiny

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(language):
    for page in PAGES:
        for number, (kind, body) in enumerate(BLOCK.findall(page.read_text(encoding="utf-8"))):
            if kind == language:
                yield pytest.param(body, id=f"{page.name}-{number}")


def commands():
    for page in PAGES:
        for _, body in BLOCK.findall(page.read_text(encoding="utf-8")):
            for line in body.splitlines():
                if line.startswith("hilum ") and "COMMAND" not in line and not line.startswith("hilum: "):
                    yield pytest.param(line, id=f"{page.name}: {line[:40]}")


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory):
    return tiny(context=1024).save(tmp_path_factory.mktemp("docs") / "quickstart" / "model").parent


@pytest.fixture
def desk(tmp_path, monkeypatch, run_folder):
    """Where the examples are tried: a folder that holds `quickstart`."""
    shutil.copytree(run_folder, tmp_path / "quickstart")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("body", blocks("python"))
def test_python_examples_run(body, desk):
    write_png(desk / "chest.png", np.random.default_rng(0).random((64, 64), np.float32))
    exec(compile(body, "example", "exec"), {"__name__": "example"})


def test_the_readme_s_commands_work_as_pasted(desk):
    (script,) = (body.values[0] for body in blocks("bash") if body.id.startswith("README.md"))
    environment = Path(sys.prefix)
    if not (environment / "bin" / "activate").is_file():
        pytest.skip("Python runs outside a virtual environment")
    (desk / ".venv").symlink_to(environment)
    shell = ["bash", "-e", "-u", "-o", "pipefail", "-c", script]
    paths = {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        shell, cwd=desk, capture_output=True, text=True, timeout=600, check=False, env=os.environ | paths
    )
    assert done.returncode == 0, done.stderr
    made = {path.name for path in desk.iterdir()} - {".venv", "quickstart"}
    assert made == {"phantoms", "chest.png", "boxed.png", "synthetic.png", "reports.jsonl"}
    (line,) = (desk / "reports.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["findings"]
    assert "FINDINGS" in done.stdout


@pytest.mark.parametrize("body", blocks("json"))
def test_json_examples_are_json(body):
    json.loads(body)


@pytest.mark.parametrize("line", commands())
def test_command_examples_parse(line):
    _, name, *words = shlex.split(line, comments=True)
    assert name in COMMANDS
    assert parse(name, words) is not None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_every_command_has_its_section():
    titles = re.findall(
        r"^## ([\w-]+)$", (ROOT / "docs" / "cli.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert titles == list(COMMANDS)


def test_examples_in_the_help_parse():
    for kind in COMMANDS.values():
        for line in (kind.__doc__ or "").splitlines():
            if line.strip().startswith("hilum "):
                _, name, *words = shlex.split(line)
                assert parse(name, words) is not None
