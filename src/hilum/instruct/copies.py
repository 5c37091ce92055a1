"""Copies of films among all images of a build, by the signatures that ingest put into its parts.

keys, signatures = gather(batches, guard.images)
for one, other in copies_of(keys, signatures): guard.add_copies(one, other)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa

from hilum.images.duplicates import CELLS, Signature, copies_by_block
from hilum.instruct.splits import Keys, image_keys, place_in

SIGNATURES = pa.schema([("image", pa.int64()), ("signature", pa.binary(CELLS**2))])
"""A row for each image that was not computed: its key and `hilum.images.duplicates.signature`."""


def signature_batch(signatures: Mapping[str, Signature]) -> pa.RecordBatch:
    """Signatures by image as rows of `SIGNATURES`."""
    columns = [
        pa.array(image_keys(list(signatures))),
        pa.array([own.tobytes() for own in signatures.values()], SIGNATURES.field(1).type),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=SIGNATURES)


def gather(batches: Iterable[pa.RecordBatch], images: Keys) -> tuple[Keys, Signature]:
    """The keys and signatures, (N,) and (N, 576), of those of some images that have one, each once.

    Args:
        batches: of `SIGNATURES`; an image may be in several.
        images: sorted, each once; others are left out, as no study shows them.
    """
    taken = np.zeros(len(images), np.bool_)
    # Of an image without a signature the room is never touched, and so never taken.
    keys, signatures = np.empty(len(images), np.int64), np.empty((len(images), CELLS**2), np.int8)
    count = 0
    for batch in batches:
        place = place_in(images, batch["image"].to_numpy())
        fresh = place >= 0
        fresh[fresh] = ~taken[place[fresh]]
        taken[place[fresh]] = True
        data = batch["signature"].to_pylist()
        rows = np.frombuffer(b"".join(data), np.int8).reshape(len(data), CELLS**2)
        own = slice(count, count := count + int(fresh.sum()))
        keys[own], signatures[own] = images[place[fresh]], rows[fresh]
    return keys[:count], signatures[:count]


def copies_of(keys: Keys, signatures: Signature) -> Iterator[tuple[Keys, Keys]]:
    """Pairs of images that are copies of one another, by their keys; see `copies_by_block`."""
    for one, other, _ in copies_by_block(signatures):
        yield keys[one], keys[other]
