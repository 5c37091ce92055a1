"""What the documentation shows is run: Python blocks as they stand, commands as far as their words go."""

import json
import re
import shlex
from pathlib import Path

import pytest

from hilum.cli.parse import COMMANDS, parse

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


@pytest.mark.parametrize("body", blocks("python"))
def test_python_examples_run(body, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(body, "example", "exec"), {"__name__": "example"})


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
    titles = re.findall(r"^## (\w+)$", (ROOT / "docs" / "cli.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert titles == list(COMMANDS)


def test_examples_in_the_help_parse():
    for kind in COMMANDS.values():
        for line in (kind.__doc__ or "").splitlines():
            if line.strip().startswith("hilum "):
                _, name, *words = shlex.split(line)
                assert parse(name, words) is not None
