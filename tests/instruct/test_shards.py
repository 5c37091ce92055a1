"""What was written is read back, quickly and whole; what is damaged is named."""

from __future__ import annotations

import json
import shutil
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hilum.errors import DataError, UsageError
from hilum.images import Frame, image_id
from hilum.instruct import Shards
from hilum.study import Split, Task


def test_pictures_are_what_their_names_say(shards: Shards):
    ids = shards.image_ids(Split.TRAIN)
    assert len(ids) == len(set(ids))
    assert [image_id(shards.pixels(image)) for image in ids[:10]] == ids[:10]


def test_many_pictures_come_in_the_order_asked_for(shards: Shards):
    ids = [image for split in Split for image in shards.image_ids(split)]
    asked = [ids[i] for i in np.random.default_rng(0).permutation(len(ids))] + ids[:2]
    shards = shards.framed(Frame(20))
    levels = shards.pixels_many(asked)
    assert levels.shape == (len(asked), 20, 20)
    assert levels.dtype == np.uint8
    for image, picture in zip(asked, levels, strict=True):
        assert np.array_equal(picture / np.float32(255), shards.pixels(image))


def test_no_picture_asked_for_is_none_given(shards: Shards):
    assert shards.framed(Frame(20)).pixels_many([]).shape == (0, 20, 20)


def test_many_pictures_of_any_size_are_asked_for_in_a_frame(shards: Shards):
    with pytest.raises(UsageError, match="is read without a frame; give one"):
        shards.pixels_many([])


def test_pixels_are_as_the_vocabulary_says(shards: Shards):
    pixels = shards.pixels(shards.image_ids(Split.TRAIN)[0])
    assert pixels.dtype == np.float32
    assert (pixels.min() >= 0, pixels.max() <= 1) == (True, True)


def test_every_image_of_a_study_is_there(shards: Shards):
    for split in Split:
        ids = set(shards.image_ids(split))
        for record in shards.records(split):
            assert {*record.image_ids, *record.prior_image_ids} <= ids
            assert record.split is split


def test_tasks_are_chosen_in_the_order_of_the_whole(shards: Shards):
    wanted = {Task.VIEW, Task.FINDINGS}
    whole = [c for c in shards.conversations(Split.TRAIN) if c.task in wanted]
    assert list(shards.conversations(Split.TRAIN, tasks=wanted)) == whole
    assert not list(shards.conversations(Split.TRAIN, tasks=[]))


def test_an_unknown_image_is_named(shards: Shards):
    with pytest.raises(DataError, match="feedbeef: is no image of these shards"):
        shards.framed(Frame(20)).pixels_many(["feedbeef"])


def test_a_folder_that_is_no_build_is_refused(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        Shards(tmp_path / "no")
    with pytest.raises(DataError, match=r"is no build: card\.json is missing"):
        Shards(tmp_path)


def test_how_many_views_a_report_is_asked_for_with_stands_in_the_card(shards: Shards, tmp_path):
    copy = shutil.copytree(shards.folder, tmp_path / "copy")
    assert Shards(copy).views == json.loads((copy / "card.json").read_text())["views"] == 3
    for damaged in ("{", "[]", "{}", '{"views": "many"}'):
        (copy / "card.json").write_text(damaged)
        with pytest.raises(DataError, match=r"card\.json: is damaged"):
            _ = Shards(copy).views


@pytest.mark.parametrize("table", ["studies", "conversations", "images"])
@pytest.mark.parametrize("keep", [0, 100, -20])
def test_a_damaged_shard_is_named(shards: Shards, tmp_path, table, keep):
    copy = Shards(shutil.copytree(shards.folder, tmp_path / "copy"))
    path = copy.folder / table / "train-00000.parquet"
    path.write_bytes(path.read_bytes()[:keep])
    read = {
        "studies": lambda: list(copy.records(Split.TRAIN)),
        "conversations": lambda: list(copy.conversations(Split.TRAIN)),
        "images": lambda: copy.image_ids(Split.TRAIN),
    }
    with pytest.raises(DataError, match=r"train-00000\.parquet: is damaged"):
        read[table]()


@pytest.mark.parametrize("table", ["studies", "conversations"])
def test_shards_of_another_version_are_refused_with_the_remedy(shards: Shards, tmp_path, table):
    copy = shutil.copytree(shards.folder, tmp_path / "copy")
    path = copy / table / "train-00000.parquet"
    rows = pq.read_table(path)
    pq.write_table(rows.rename_columns(["name", *rows.column_names[1:]]), path)
    read = Shards(copy).records if table == "studies" else Shards(copy).conversations
    with pytest.raises(DataError, match=r"another version of Hilum \(its column 'id'.*hilum build again"):
        next(read(Split.TRAIN))


def test_a_picture_that_cannot_be_read_is_named_with_its_shard(shards: Shards, tmp_path):
    copy = shutil.copytree(shards.folder, tmp_path / "copy")
    path = copy / "images" / "test-00000.parquet"
    rows = pq.read_table(path)
    data = [row | {"image": row["image"] | {"bytes": b"no picture"}} for row in rows.to_pylist()]
    pq.write_table(pa.Table.from_pylist(data, rows.schema), path)
    image = Shards(copy).image_ids(Split.TEST)[0]
    for read in (Shards(copy).pixels, lambda name: Shards(copy, Frame(20)).pixels_many([name])):
        with pytest.raises(DataError, match=r"test-00000\.parquet: holds a picture that cannot be read"):
            read(image)


def test_patients_are_counted_by_their_studies(shards: Shards):
    counted = Counter((one.source, one.patient) for one in shards.records(Split.TRAIN))
    assert shards.patients(Split.TRAIN) == counted
    assert max(counted.values()) > 1


def test_the_same_frame_is_the_same_shards(shards: Shards):
    framed = shards.framed(Frame(20))
    assert framed is not shards
    assert framed.framed(Frame(20)) is framed
    assert framed.framed(Frame(24)).frame == Frame(24)


def test_the_digest_tells_shards_that_say_something_else_and_not_where_they_lie(shards: Shards, tmp_path):
    copied = shutil.copytree(shards.folder, tmp_path / "elsewhere")
    assert Shards(copied).digest == shards.digest
    table = next((copied / "studies").glob("train-*"))
    rows = pq.read_table(table)
    pq.write_table(rows.slice(1), table)
    assert Shards(copied).digest != shards.digest
