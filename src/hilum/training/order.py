"""Which rows of a shuffled data set make batch number `step`.

rows = shuffled_rows(len(images), step=17, batch_size=32, seed=0)
"""

from __future__ import annotations

import numpy as np

from hilum.training.batches import Indices, epoch_order


def shuffled_rows(n: int, step: int, batch_size: int, seed: int) -> Indices:
    """The rows of a batch: every row once an epoch, in another order each; epochs follow without a gap.

    A pure function of the step, which is all that a resumed run knows.

    Args:
        n: rows in all.
        step: number of the batch.
        batch_size: rows of a batch; it may be more than there are.
        seed: of the order.
    """
    epochs, places = np.divmod(np.arange(step * batch_size, (step + 1) * batch_size), n)
    orders = {int(epoch): epoch_order(n, int(epoch), seed) for epoch in np.unique(epochs)}
    return np.array([orders[int(epoch)][place] for epoch, place in zip(epochs, places, strict=True)])
