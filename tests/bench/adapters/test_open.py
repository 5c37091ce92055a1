"""A model is opened by what a person types for it."""

from __future__ import annotations

import pytest

from hilum.bench.adapters import KINDS, open_adapter
from hilum.errors import DataError, UsageError
from model.helpers import tiny


def test_a_run_folder_is_a_hilum_run(tmp_path) -> None:
    model = tiny()
    model.save(tmp_path / "run" / "model")
    for folder in (tmp_path / "run", tmp_path / "run" / "model"):
        assert open_adapter(str(folder)).describe()["weights"] == model.weights_hash()


def test_a_function_is_opened_by_name(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "opened_for_test.py").write_text("def answer(question):\n    return 'yes'\n")
    assert open_adapter("python:opened_for_test:answer").describe()["adapter"] == "python"


@pytest.mark.parametrize("text", ["", "gpt", "nothing:here", "python:", "no/such/folder", "endpoint"])
def test_what_names_no_model_is_refused_with_the_known_kinds(text) -> None:
    with pytest.raises(UsageError, match="names no model") as caught:
        open_adapter(text)
    assert KINDS in str(caught.value)


def test_a_folder_without_a_run_is_refused(tmp_path) -> None:
    with pytest.raises(DataError, match="holds no hilum model"):
        open_adapter(str(tmp_path))
