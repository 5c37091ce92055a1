"""A file is told by its content, and what is no image is named with what it is instead."""

from __future__ import annotations

import os
import pickle
import zipfile
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from hilum.errors import DataError
from hilum.images import read as module
from hilum.images import read_image, size_of, view_of
from hilum.images.read import is_dicom
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
        (saved("TIFF"), "a TIFF"),
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


def test_errors_use_the_name_given(tmp_path):
    with pytest.raises(DataError, match=r"^row 7: is empty"):
        read_image(b"", name="row 7")


@pytest.mark.parametrize("data", [b"\x08\0\x16\0" + bytes(100), b"\x02\0\0\0" + bytes(100)])
def test_dicom_may_begin_at_once(data):
    assert is_dicom(data)
    assert not is_dicom(data[:40])
    assert not is_dicom(b"\x09" + data[1:])


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


def test_a_view_may_be_forced(tmp_path):
    path = tmp_path / "hip.dcm"
    path.write_bytes(as_bytes(film(LEVELS, BodyPartExamined="HIP")))
    with pytest.raises(DataError, match="body part HIP"):
        view_of(path).load()
    assert view_of(path, force=True).load().shape == (6, 8)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "DICOM", "DICOM without preamble"])
def test_a_size_is_height_and_width_and_needs_no_pixels(tmp_path, kind):
    path = tmp_path / "1.2.840.1"
    if kind.startswith("DICOM"):
        data = as_bytes(film(LEVELS), meta=kind == "DICOM")
        path.write_bytes(data[: data.rindex(LEVELS.tobytes())])
    else:
        path.write_bytes(saved(kind))
    assert size_of(path) == LEVELS.shape


def test_a_file_without_a_size_is_named(tmp_path):
    (tmp_path / "a.png").write_text("no image")
    with pytest.raises(DataError, match=r"a\.png: does not tell its size"):
        size_of(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"gone\.png: cannot be read"):
        size_of(tmp_path / "gone.png")
