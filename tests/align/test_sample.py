"""Sampling: how long answers may become, and what becomes of those that do not end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from align.prompt_helpers import BREVITY, model, prompts
from align.test_run import CONFIG
from hilum.align import align
from hilum.align.run import _Steps
from hilum.align.sample import SAMPLES, sample
from hilum.align.table import Table
from hilum.model.vocabulary import END


@pytest.mark.parametrize("cap", [12, 40])
def test_answers_are_as_long_as_the_settings_allow_and_whole(tmp_path, cap) -> None:
    tiny, asked, config = model(), prompts(3), replace(CONFIG, max_new_tokens=cap)
    features = _Steps(tiny, asked, config, tmp_path, BREVITY).features
    rows = list(sample(tiny, asked, features, config, tmp_path / "s", seed=0))
    assert set(rows[0]) == set(SAMPLES.names)
    ids = [answer for row in rows for answer in row["answers"]]
    assert ids
    assert all(len(answer) <= cap and answer[-1] == tiny.vocabulary.id(END) for answer in ids)
    assert [sum(row["draws"]) + row["unfinished"] for row in rows] == [config.n] * 3
    assert sum(row["unfinished"] for row in rows) > 0


def test_another_cap_samples_anew(tmp_path) -> None:
    drawn = []
    for cap in (80, 160, 160):
        config = replace(CONFIG, max_new_tokens=cap, fit=replace(CONFIG.fit, steps=1))
        [one] = align(model(), prompts(), config, tmp_path, BREVITY).rounds
        drawn.append(one.drawn)
    assert drawn[0] < drawn[1] == drawn[2]
    assert len([Table(folder) for folder in tmp_path.glob("samples-*")]) == 2
