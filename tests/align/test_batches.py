"""What a step reads: every example once an epoch, groups with their advantages, rows of unlike length."""

from __future__ import annotations

import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from align.prompt_helpers import model
from hilum.align import losses
from hilum.align.batches import REFERENCE, ExampleBatches, advantages, padded
from hilum.align.pairs import EXAMPLES

draws = st.lists(st.tuples(st.floats(0, 1), st.integers(1, 4)), min_size=2, max_size=6)


@given(draws)
def test_an_answer_drawn_thrice_weighs_as_three(rows) -> None:
    values, times = zip(*rows, strict=True)
    drawn = [value for value, count in rows for _ in range(count)]
    whole = losses.advantages(torch.tensor([drawn], dtype=torch.float64))[0].tolist()
    summed, at = [], 0
    for count in times:
        summed.append(sum(whole[at : at + count]))
        at += count
    assert advantages(values, times) == pytest.approx(summed, abs=1e-6)


def table(lengths) -> pa.Table:
    rows = [
        {
            "id": str(i),
            "images": [],
            "reference": "",
            "prompt": [1, 2],
            "answers": [[3] * n for n in row],
            "texts": [""] * len(row),
            "values": [1.0 / (1 + k) for k in range(len(row))],
            "draws": [1] * len(row),
            "desirable": None,
        }
        for i, row in enumerate(lengths)
    ]
    return pa.Table.from_pylist(rows, EXAMPLES)


def test_every_example_comes_once_an_epoch() -> None:
    batches = ExampleBatches(model(), table([(1, n) for n in range(1, 9)]), None, batch_size=4, seed=0)
    lengths = [(batches(step).part_BT == 2).sum(1).tolist() for step in range(4)]
    assert sorted(lengths[0] + lengths[1]) == sorted(lengths[2] + lengths[3]) == list(range(1, 9))
    assert lengths[:2] != lengths[2:]


def test_a_group_without_an_answer_is_filled_up() -> None:
    known = pa.array([[-1.0, -2.0], [-3.0, -4.0, -5.0]])
    examples = table([(1, 2), (1, 2, 3)]).append_column(REFERENCE, known)
    batch = ExampleBatches(model(), examples, None, groups=True).batch([0, 1])
    assert batch.answers == 3
    assert batch.reference_BK.tolist() == [[-1, -2, 0], [-3, -4, -5]]
    assert batch.old_BK is None
    assert batch.advantage_BK[0, 2] == 0
    assert (batch.part_BT == 3).sum(1).tolist() == [0, 3]


def test_rows_are_padded_with_zeros() -> None:
    assert padded([[1.0], [2.0, 3.0]]).tolist() == [[1, 0], [2, 3]]
