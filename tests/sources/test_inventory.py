"""Which file a table means by a name."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from hilum.errors import DataError
from hilum.sources.inventory import Inventory, files_of, image_size, is_image
from images.dicoms import as_bytes, film
from sources.helpers import picture
from sources.test_folder import STEP


@pytest.fixture
def folder(tmp_path):
    for name in ("a.png", "train/1.png", "test/1.png", "p1/s1/x.jpg", "p1/s2/x.jpg", "deep/only.dcm"):
        picture(tmp_path / "set" / name.replace(".dcm", ".png"))
    (tmp_path / "set" / "deep" / "only.png").rename(tmp_path / "set" / "deep" / "only.dcm")
    return tmp_path / "set"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("a.png", "a.png"),
        ("./train/../a.png", "a.png"),
        ("A.PNG", "a.png"),
        ("a", "a.png"),
        ("only", "deep/only.dcm"),
        ("only.dcm", "deep/only.dcm"),
        ("train\\1.png", "train/1.png"),
        ("set/train/1.png", "train/1.png"),
        ("old/train/1.png", "train/1.png"),
        ("set/a.png", "a.png"),
        ("/mnt/elsewhere/a.png", "a.png"),
        ("D:\\x\\a.png", "a.png"),
        ("s1/x.jpg", "p1/s1/x.jpg"),
        ("/data/p1/s2/x", "p1/s2/x.jpg"),
    ],
)
def test_a_name_finds_its_file(folder, name, file):
    assert Inventory(folder).find(name) == folder / file
    assert Inventory(folder).holds(name)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("b.png", "is not in the folder"),
        ("valid/a.png", "is not in the folder"),
        ("valid/1.png", "is not in the folder"),
        ("../a.png", "is not in the folder"),
        ("", "is not in the folder"),
        ("1.png", r"may be one of several files \(test/1.png, train/1.png\)"),
        ("x", r"may be one of several files \(p1/s1/x.jpg, p1/s2/x.jpg\)"),
    ],
)
def test_another_file_is_never_taken_for_the_one_that_is_meant(folder, name, says):
    with pytest.raises(DataError, match=says):
        Inventory(folder).find(name)
    assert not Inventory(folder).holds(name)


def test_an_absolute_path_into_the_folder_is_found_by_a_relative_one(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert Inventory(Path("set")).find(str(folder.resolve() / "train" / "1.png")) == Path("set/train/1.png")


def test_an_accent_is_found_however_it_is_written(tmp_path):
    picture(tmp_path / unicodedata.normalize("NFD", "Größé.png"))
    assert Inventory(tmp_path).find(unicodedata.normalize("NFC", "Größé.png")).is_file()


def test_linked_folders_are_walked_once_and_loops_end(tmp_path):
    picture(tmp_path / "store" / "1.png")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "b").symlink_to(tmp_path / "store", target_is_directory=True)
    (tmp_path / "in" / "c").symlink_to(tmp_path / "store", target_is_directory=True)
    (tmp_path / "store" / "up").symlink_to(tmp_path / "in", target_is_directory=True)
    (tmp_path / "in" / "gone.png").symlink_to(tmp_path / "nowhere")
    assert [p.relative_to(tmp_path).as_posix() for p in files_of(tmp_path / "in")] == ["in/b/1.png"]


def test_hidden_files_and_folders_are_not_walked(tmp_path):
    picture(tmp_path / ".cache" / "1.png")
    picture(tmp_path / "._2.png")
    assert list(files_of(tmp_path)) == []


def test_dicom_files_are_known_without_a_suffix(tmp_path):
    data = as_bytes(film(STEP))
    for name in ("IM1", "1.2.840.5", "DICOMDIR", "notes.txt", "x.CSV"):
        (tmp_path / name).write_bytes(data)
    (tmp_path / "short").write_bytes(b"DICM")
    assert sorted(p.name for p in files_of(tmp_path) if is_image(p)) == ["1.2.840.5", "IM1"]
    inventory = Inventory(tmp_path)
    assert inventory.images == ["1.2.840.5", "IM1"]
    assert inventory.others == {".txt": 1, ".csv": 1, "no suffix": 2}
    assert not is_image(tmp_path)
    assert not is_image(tmp_path / "gone")


def test_an_image_says_its_size_as_it_is_shown(tmp_path):
    assert image_size(picture(tmp_path / "1.png", 30, 20)) == (30, 20)
    (tmp_path / "2.dcm").write_bytes(as_bytes(film(STEP[:4])))
    assert image_size(tmp_path / "2.dcm") == (8, 4)
    turned = Image.new("L", (30, 20))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "3.jpg", exif=exif)
    assert image_size(tmp_path / "3.jpg") == (20, 30)
    (tmp_path / "4.png").write_text("no image")
    assert image_size(tmp_path / "4.png") is None
