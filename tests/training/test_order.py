"""A batch of a shuffled set follows from its number; an epoch holds every row once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hilum.training import epoch_order
from hilum.training.order import shuffled_rows


@given(st.integers(1, 9), st.integers(1, 12), st.integers(0, 3))
def test_batches_lie_end_to_end_and_an_epoch_holds_every_row_once(n, batch_size, seed) -> None:
    rows = [row for step in range(n) for row in shuffled_rows(n, step, batch_size, seed)]
    epochs = [rows[start : start + n] for start in range(0, len(rows), n)]
    assert epochs == [epoch_order(n, epoch, seed).tolist() for epoch in range(batch_size)]
