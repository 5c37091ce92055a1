"""A benchmark that lacks its data says so in one line, with a status of its own."""

import os
import subprocess
import sys
from pathlib import Path

FACTS = Path(__file__).parents[1] / "benchmarks" / "facts.py"


def test_a_benchmark_without_its_data_is_skipped_with_the_reason(tmp_path):
    environment = {**os.environ, "HILUM_DATA": str(tmp_path)}
    command = [sys.executable, str(FACTS), "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stdout) == (77, "")
    assert done.stderr.startswith(f"skipped: {tmp_path / 'open-i'} does not exist; set HILUM_DATA")
    assert done.stderr.count("\n") == 1
