"""A file is told by its content, and what is no image is named with what it is instead."""

from __future__ import annotations

import os
import pickle
import zipfile
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import DeflatedExplicitVRLittleEndian

from hilum.errors import DataError, NoChestRadiograph, UsageError
from hilum.images import read as module
from hilum.images import read_image, size_of, view_of
from hilum.images.read import is_dicom, load_pixels, refusal_of
from hilum.study import Position
from images.dicoms import as_bytes, film

LEVELS = np.linspace(0, 255, 48, dtype=np.uint8).reshape(6, 8)
GREY = LEVELS.astype(np.float32) / 255


def saved(format: str) -> bytes:
    out = BytesIO()
    Image.fromarray(LEVELS).save(out, format)
    return out.getvalue()


def archive() -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("film.png", saved("PNG"))
    return out.getvalue()


@pytest.mark.parametrize("name", ["film", "film.jpg", "film.dcm", "фильм с пробелом.txt"])
@pytest.mark.parametrize("data", [saved("PNG"), as_bytes(film(LEVELS))], ids=["PNG", "DICOM"])
def test_the_content_says_what_it_is_not_the_name(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data)
    for source in (path, str(path), data):
        assert np.array_equal(read_image(source).pixels, GREY)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"I am not a picture.", "a text"),
        ("Kein Bild, aber größer. ".encode() * 300, "a text"),
        (b"\xe4\xf6\xfc not UTF-8", "of an unknown format"),
        (b"\x01\x02\x03 binary", "of an unknown format"),
        (bytes(4000), "of an unknown format"),
        (b"tabs\tand lines\r\nand pages\f", "a text"),
        (b"an escape \x1b[0m", "of an unknown format"),
        (b"a unit separator \x1f", "of an unknown format"),
        (b"x" * 512 + bytes(9), "a text"),
        (b"x" * 511 + bytes(9), "of an unknown format"),
        (("x" + "ß" * 300).encode(), "a text"),  # its first part ends within a letter
        (b"\xe4" * 512, "of an unknown format"),
        (saved("TIFF"), "a TIFF"),
        (b"MM\0*" + bytes(99), "a TIFF"),
        (saved("GIF"), "a GIF"),
        (saved("BMP"), "a BMP"),
        (saved("WEBP"), "a WebP or other RIFF"),
        (saved("JPEG2000"), "a bare JPEG 2000"),
        (b"%PDF-1.7", "a PDF"),
        (archive(), "a ZIP archive"),
        (b"\x1f\x8b\x08", "a gzip archive"),
    ],
)
def test_what_else_it_is(tmp_path, data, what):
    path = tmp_path / "film.png"
    path.write_bytes(data)
    with pytest.raises(DataError, match=rf"film\.png: is {what}, not a DICOM, PNG or JPEG file; convert it"):
        read_image(path)


def test_what_is_no_file(tmp_path):
    (tmp_path / "empty.png").touch()
    for name, problem in (("gone.png", "does not exist; check"), ("empty.png", "is empty"), ("", "a folder")):
        with pytest.raises(DataError, match=problem) as caught:
            read_image(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)
    with pytest.raises(DataError, match="image: is empty"):
        read_image(b"")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(DataError, match=r"pipe\.png: is no regular file"):
        read_image(tmp_path / "pipe.png")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    path = tmp_path / "film.png"
    path.write_bytes(saved("PNG"))
    path.chmod(0)
    with pytest.raises(DataError, match=r"cannot be opened .*check its permissions"):
        read_image(path)


def test_a_file_too_large_for_any_film_is_not_even_opened(tmp_path):
    path = tmp_path / "film.dcm"
    with path.open("wb") as file:
        file.truncate(module.MAX_BYTES + 1)  # a hole: takes no room on the disk
    with pytest.raises(DataError, match="more than any radiograph"):
        read_image(path)


def test_the_largest_file_is_read_and_one_of_a_byte_more_is_not(tmp_path, monkeypatch):
    path = tmp_path / "film.png"
    path.write_bytes(saved("PNG"))
    monkeypatch.setattr(module, "MAX_BYTES", path.stat().st_size)
    assert np.array_equal(read_image(path).pixels, GREY)
    monkeypatch.setattr(module, "MAX_BYTES", path.stat().st_size - 1)
    with pytest.raises(DataError, match="more than any radiograph"):
        read_image(path)


def test_a_name_that_no_file_can_have_is_an_error_of_the_data():
    name = "x" * 300 + ".dcm"
    with pytest.raises(DataError, match=r"cannot be opened \(File name too long\)"):
        read_image(name)
    assert view_of(name).position is Position.UNKNOWN
    assert refusal_of(name) is None


def test_errors_use_the_name_given(tmp_path):
    with pytest.raises(DataError, match=r"^row 7: is empty"):
        read_image(b"", name="row 7")


@pytest.mark.parametrize("data", [b"\x08\0\x16\0" + bytes(100), b"\x02\0\0\0" + bytes(100)])
def test_dicom_may_begin_at_once(data):
    assert is_dicom(data)
    assert not is_dicom(data[:40])
    assert not is_dicom(b"\x09" + data[1:])


@pytest.mark.parametrize(
    ("data", "begins"),
    [
        (b"\x08\0\x05\0" + bytes(61), True),
        (b"\x08\0\x05\0" + bytes(60), False),
        (b"\x08\0\xff\x11" + bytes(99), True),
        (b"\x08\0\0\x12" + bytes(99), False),
        (b"\x08\0\x01\x20" + bytes(99), False),
        (b"\x08\x01\x05\0" + bytes(99), False),
        (bytes(128) + b"DICM", True),
        (bytes(127) + b"DICM" + bytes(9), False),
    ],
)
def test_where_dicom_ends_and_other_files_begin(data, begins):
    assert is_dicom(data) is begins


def test_a_view_reads_its_pixels_when_asked_even_in_another_process(tmp_path):
    path = tmp_path / "film.png"
    path.write_bytes(saved("PNG"))
    view = pickle.loads(pickle.dumps(view_of(path)))
    assert (view.id, view.position, view.spacing_mm, view.path) == (
        "film.png",
        Position.UNKNOWN,
        None,
        str(path),
    )
    assert np.array_equal(view.load(), GREY)


def test_a_view_of_a_bad_file_raises_only_when_loaded(tmp_path):
    (tmp_path / "broken.dcm").write_bytes(bytes(128) + b"DICM" + b"\x02\0\0\0junk")
    for name in ("gone.png", "broken.dcm"):
        view = view_of(tmp_path / name)
        assert view.position is Position.UNKNOWN
        with pytest.raises(DataError, match=name):
            view.load()


def test_a_view_by_the_path_s_text_and_one_told_a_wrong_position(tmp_path):
    path = tmp_path / "film.dcm"
    path.write_bytes(as_bytes(film(LEVELS, ViewPosition="AP", PixelSpacing=[0.1, 0.2])))
    asked, told = view_of(str(path)), view_of(str(path), position=Position.PA)
    assert (asked.id, asked.position, asked.spacing_mm) == ("film.dcm", Position.AP, (0.1, 0.2))
    assert (told.position, told.spacing_mm) == (Position.PA, None)
    with pytest.raises(UsageError, match="position"):
        view_of(path, position="sideways")


def test_no_view_waits_for_a_pipe_or_opens_a_folder(tmp_path):
    os.mkfifo(tmp_path / "pipe.dcm")
    for path in (tmp_path / "pipe.dcm", tmp_path):
        assert view_of(path).position is Position.UNKNOWN
        assert refusal_of(path) is None


def test_a_header_that_rules_a_chest_out_is_told_without_its_pixels(tmp_path):
    for name, part in (("hip.dcm", "HIP"), ("chest.dcm", "CHEST")):
        data = as_bytes(film(LEVELS, BodyPartExamined=part))
        (tmp_path / name).write_bytes(data[: data.rindex(LEVELS.tobytes())])
    (tmp_path / "broken.dcm").write_bytes(bytes(128) + b"DICM" + b"\x02\0\0\0junk")
    (tmp_path / "film.png").write_bytes(saved("PNG"))
    refused = refusal_of(str(tmp_path / "hip.dcm"))
    assert isinstance(refused, NoChestRadiograph)
    assert str(refused) == (
        f"{tmp_path / 'hip.dcm'}: is not a chest radiograph: its header says body part HIP; "
        "if the header is wrong, read it with --force (in Python: force=True)"
    )
    for name in ("chest.dcm", "broken.dcm", "film.png", "gone.dcm"):
        assert refusal_of(tmp_path / name) is None


def test_a_view_may_be_forced(tmp_path):
    path = tmp_path / "hip.dcm"
    path.write_bytes(as_bytes(film(LEVELS, BodyPartExamined="HIP")))
    for refusing in (read_image, lambda path: view_of(path).load(), lambda path: load_pixels(str(path))):
        with pytest.raises(DataError, match="body part HIP"):
            refusing(path)
    assert view_of(path, force=True).load().shape == (6, 8)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "DICOM", "DICOM without preamble"])
def test_a_size_is_height_and_width_and_needs_no_pixels(tmp_path, kind):
    path = tmp_path / "1.2.840.1"
    if kind.startswith("DICOM"):
        data = as_bytes(film(LEVELS), meta=kind == "DICOM")
        path.write_bytes(data[: data.rindex(LEVELS.tobytes())])
    else:
        path.write_bytes(saved(kind))
    assert size_of(path) == size_of(str(path)) == LEVELS.shape


def test_a_file_without_a_size_is_named(tmp_path):
    (tmp_path / "a.png").write_text("no image")
    with pytest.raises(DataError, match=r"a\.png: does not tell its size"):
        size_of(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"gone\.png: cannot be read"):
        size_of(tmp_path / "gone.png")


@pytest.mark.parametrize(
    ("sides", "size"),
    [((1, 1), (1, 1)), ((0, 5), None), ((5, 0), None), ((None, 5), None), ((5, None), None)],
)
def test_a_dicom_of_no_size_is_named(tmp_path, sides, size):
    dataset = film(LEVELS)
    del dataset.PixelData
    for keyword, side in zip(("Rows", "Columns"), sides, strict=True):
        if side is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, side)
    (tmp_path / "a.dcm").write_bytes(as_bytes(dataset))
    if size is not None:
        assert size_of(tmp_path / "a.dcm") == size
        return
    with pytest.raises(DataError, match=r"a\.dcm: does not tell its size"):
        size_of(tmp_path / "a.dcm")


def test_the_size_of_a_damaged_file_is_not_told(tmp_path):
    dataset = film(LEVELS)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data = as_bytes(dataset)
    start = 144 + int.from_bytes(data[140:144], "little")
    (tmp_path / "a.dcm").write_bytes(data[:start] + b"\xff" * 50)
    with pytest.raises(DataError, match=r"a\.dcm: does not tell its size"):
        size_of(tmp_path / "a.dcm")
    (tmp_path / "a.png").write_bytes(saved("PNG")[:20])
    with pytest.raises(DataError, match=r"a\.png: cannot be read"):
        size_of(tmp_path / "a.png")
