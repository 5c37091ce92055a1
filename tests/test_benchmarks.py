"""A benchmark without its data says so in one line, with a status of its own; none asks for what is gone."""

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

FACTS = Path(__file__).parents[1] / "benchmarks" / "facts.py"


def test_a_benchmark_without_its_data_is_skipped_with_the_reason(tmp_path):
    environment = {**os.environ, "HILUM_DATA": str(tmp_path)}
    command = [sys.executable, str(FACTS), "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stdout) == (77, "")
    assert done.stderr.startswith(f"skipped: {tmp_path / 'open-i'} does not exist; set HILUM_DATA")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("script", sorted(FACTS.parent.glob("*.py")), ids=lambda path: path.stem)
def test_what_a_benchmark_imports_of_hilum_is_there(script):
    """Some import late, where nothing but a long run would tell."""
    tree = ast.parse(script.read_text(encoding="utf-8"))
    asked = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    for node in asked:
        if node.module.partition(".")[0] == "hilum":
            room = importlib.import_module(node.module)
            for name in node.names:
                if not hasattr(room, name.name):
                    importlib.import_module(f"{node.module}.{name.name}")
