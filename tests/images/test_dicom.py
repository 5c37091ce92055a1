"""DICOM files that contradict themselves are named with what is wrong; real films are read as they look."""

from __future__ import annotations

import tracemalloc
import zlib
from io import BytesIO

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_modality_lut, apply_voi_lut, get_decoder
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGExtended12Bit,
)

from hilum.errors import DataError
from hilum.images import dicom as module
from hilum.images import read_image
from hilum.images.dicom import read_header
from hilum.images.radiograph import Radiograph
from hilum.study import Position, Sex
from images.dicoms import SYNTAXES, as_bytes, compressed, film

LEVELS = (np.add.outer(np.arange(40), np.arange(48)) * 2).astype(np.uint8)


_BROKEN_OFF = "cannot be decoded|holds no pixels|is no readable DICOM file"


def refused(data: bytes, problem: str, *, force: bool = False) -> None:
    with pytest.raises(DataError, match=problem) as caught:
        read_image(data, force=force, name="film")
    assert caught.value.thing == "film"
    assert caught.value.remedy


def compressed_film(syntax: str, **attributes) -> bytes:
    """A compressed film whose header is changed afterwards."""
    dataset = dcmread(BytesIO(compressed(film(LEVELS), syntax)))
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    out = BytesIO()
    dataset.save_as(out)
    return out.getvalue()


@pytest.mark.parametrize("force", [False, True])
def test_without_pixels_even_when_forced(force):
    dataset = film(LEVELS)
    del dataset.PixelData
    refused(as_bytes(dataset), "holds no pixels", force=force)


@pytest.mark.parametrize(
    ("attributes", "problem"),
    [
        ({"Rows": 0}, "is 48 × 0 pixels"),
        ({"Rows": 65535, "Columns": 65535}, "65,535 × 65,535 pixels, more than any chest film"),
        ({"Rows": 8192, "Columns": 8192, "BitsAllocated": 32}, "reduce it below 16 megapixels"),
        ({"Rows": 41}, "cannot be decoded"),
        ({"BitsAllocated": 12}, "cannot be decoded"),
        ({"SamplesPerPixel": 2}, "cannot be decoded"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "cannot be decoded"),
    ],
)
def test_a_header_that_does_not_fit_its_pixels(attributes, problem):
    refused(as_bytes(film(LEVELS, **attributes)), problem)


@pytest.mark.parametrize("keyword", ["Rows", "Columns", "BitsAllocated", "BitsStored", "SamplesPerPixel"])
def test_a_header_that_says_too_little(keyword):
    dataset = film(LEVELS)
    delattr(dataset, keyword)
    refused(as_bytes(dataset), "pixels")


@pytest.mark.parametrize("syntax", [s for s in SYNTAXES if s != "RLE"])
def test_a_compressed_picture_of_another_size_than_its_header(syntax):
    refused(compressed_film(syntax, Rows=8000), "says 48 × 8000 in its header but 48 × 40 in its compressed")


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_compressed_film_broken_off(syntax):
    data = compressed(film(LEVELS), syntax)
    start = len(data) - len(dcmread(BytesIO(data)).PixelData)
    for kept in (0.0, 0.2, 0.6):
        refused(data[: int(start + kept * (len(data) - start))], _BROKEN_OFF)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_compressed_film_of_noise(syntax):
    noise = encapsulate([np.random.default_rng(0).bytes(900)])
    refused(compressed_film(syntax, PixelData=noise), "cannot be decoded")


def test_an_unknown_or_unreadable_syntax_is_named():
    data = as_bytes(film(LEVELS)).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.7\0")
    refused(data, r"1\.2\.840\.10008\.1\.2\.7")
    twelve = film(LEVELS.astype(np.uint16) * 16, 12)
    twelve.PixelData = encapsulate([b"\xff\xd8\xff\xd9"])
    twelve.file_meta.TransferSyntaxUID = JPEGExtended12Bit
    refused(as_bytes(twelve), "12-bit JPEG Extended, which no decoder here reads; decompress it first")


def test_a_deflated_bomb_is_not_inflated(monkeypatch):
    dataset = film(LEVELS)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data = as_bytes(dataset)
    head = data[: 144 + int.from_bytes(data[140:144], "little")]
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = packer.compress(bytes(64 << 20)) + packer.flush()
    assert len(body) < 1 << 17
    monkeypatch.setattr(module, "MAX_BYTES", 40 << 20)
    tracemalloc.start()
    refused(head + body, "inflates to more than 41,943,040 bytes")
    assert tracemalloc.get_traced_memory()[1] < 40 << 20
    tracemalloc.stop()
    refused(head + body[:100], "no readable DICOM file")
    refused(head + b"\xff" * 50, "no readable DICOM file; it is damaged")
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    plain = as_bytes(dataset)
    inflated = len(plain) - 144 - int.from_bytes(plain[140:144], "little")
    monkeypatch.setattr(module, "MAX_BYTES", inflated)
    assert read_image(data).pixels.shape == LEVELS.shape
    monkeypatch.setattr(module, "MAX_BYTES", inflated - 1)
    refused(data, f"inflates to more than {inflated - 1:,} bytes")


@pytest.mark.parametrize("kept", ["SOPClassUID", "Rows", "Modality", None])
def test_one_element_of_an_image_makes_it_dicom(kept):
    dataset = film(LEVELS)
    for keyword in ("SOPClassUID", "Rows", "Modality", "PixelData"):
        if keyword != kept:
            delattr(dataset, keyword)
    refused(as_bytes(dataset), "holds no pixels" if kept else "is no readable DICOM file; give a DICOM")


def test_a_meta_header_without_a_syntax_still_says_its_class():
    dataset = film(LEVELS)
    del dataset.SOPClassUID
    del dataset.file_meta.TransferSyntaxUID
    out = BytesIO()
    dataset.save_as(out, implicit_vr=False, little_endian=True)
    assert read_image(out.getvalue()).pixels.shape == LEVELS.shape
    dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    out = BytesIO()
    dataset.save_as(out, implicit_vr=False, little_endian=True)
    refused(out.getvalue(), "SOP class CT Image")


@pytest.mark.parametrize(
    ("bits", "side"), [(32, 1 << 12), (17, 1 << 12), (16, 1 << 13), (8, 1 << 13), (None, 1 << 13)]
)
def test_more_than_sixteen_bits_may_have_a_quarter_of_the_pixels(bits, side):
    dataset = film(LEVELS, Rows=side, Columns=side)
    if bits is None:
        del dataset.BitsAllocated
    else:
        dataset.BitsAllocated = bits
    module.refuse(dataset, "film", force=False)
    dataset.Columns += 1
    with pytest.raises(DataError, match="more than any chest film"):
        module.refuse(dataset, "film", force=False)


def test_all_that_a_header_says_is_told_and_what_it_does_not_is_none():
    told = {
        "ViewPosition": "AP", "Laterality": "L", "PixelSpacing": [0.1, 0.2], "BodyPartExamined": "CHEST",
        "PatientSex": "F", "PatientAge": "062Y", "Modality": "DX",
    }  # fmt: skip
    whole = Radiograph(
        LEVELS, Position.AP, "L", (0.1, 0.2), "DX", "CHEST", "DICOM", "Explicit VR Little Endian", 8,
        Sex.FEMALE, 62.0,
    )  # fmt: skip
    assert read_image(as_bytes(film(LEVELS, **told))) == whole
    bare = film(LEVELS)
    del bare.Modality
    nothing = Radiograph(LEVELS, format="DICOM", encoding="Explicit VR Little Endian")
    assert read_image(as_bytes(bare)) == nothing


def test_a_syntax_without_its_decoder_says_where_to_look(monkeypatch):
    decoder = get_decoder(JPEG2000Lossless)
    monkeypatch.setattr(decoder, "_available", {})
    monkeypatch.setattr(decoder, "_unavailable", {"pylibjpeg": ("pylibjpeg-openjpeg",)})
    with pytest.raises(DataError) as caught:
        read_image(compressed(film(LEVELS), "JPEG 2000 lossless"), name="film")
    assert str(caught.value) == (
        "film: is compressed as JPEG 2000 Image Compression (Lossless Only), for which no decoder is "
        "installed; docs/images.md lists the decoder to install for each transfer syntax"
    )


def test_sequences_nested_without_end():
    item = Dataset()
    for _ in range(200):
        outer = Dataset()
        outer.AnatomicRegionSequence = [item]
        item = outer
    data = as_bytes(film(LEVELS, AnatomicRegionSequence=[item]))
    assert read_image(data).pixels.shape == LEVELS.shape


def test_control_characters_of_a_header_never_reach_the_error():
    hip = film(LEVELS, BodyPartExamined="HIP\x1b[31m\x07")
    with pytest.raises(DataError) as caught:
        read_image(as_bytes(hip))
    assert str(caught.value).isprintable()


def test_the_header_of_what_is_no_dicom_is_unknown(tmp_path):
    (tmp_path / "text.dcm").write_text("I am not a film.")
    assert read_header(tmp_path / "text.dcm") == (Position.UNKNOWN, None)
    assert read_header(tmp_path / "gone.dcm") == (Position.UNKNOWN, None)


CHESTS = (
    "cr_chest_pa_mono1_16bit_jpeg2000.dcm",
    "cr_chest_pa_mono1_8bit_jpeg_baseline.dcm",
    "cr_chest_pa_mono2_8bit_jpeg_baseline.dcm",
    "dx_chest_mono2_8bit_implicit_le.dcm",
)
HIP = "cr_hip_mono2_10bit_jpeg2000.dcm"


@pytest.fixture
def films(data_root):
    return data_root / "dicom"


def shown_by_pydicom(path) -> np.ndarray:
    """The same film by the peer's functions, on whole arrays, brought to [0, 1]."""
    dataset = dcmread(path)
    values = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset).astype(np.float64)
    shown = values / (2**dataset.BitsStored - 1)
    return 1 - shown if dataset.PhotometricInterpretation == "MONOCHROME1" else shown


@pytest.mark.data
@pytest.mark.parametrize("name", CHESTS)
def test_every_real_chest_is_read_as_the_peer_shows_it(films, name):
    radiograph = read_image(films / name)
    np.testing.assert_allclose(radiograph.pixels, shown_by_pydicom(films / name), atol=2e-6)
    assert radiograph.pixels.std() > 0.1
    assert (radiograph.format, radiograph.modality) == ("DICOM", "DX" if name.startswith("dx") else "CR")


@pytest.mark.data
def test_the_hip_is_refused_and_read_when_forced(films):
    with pytest.raises(DataError, match=rf"{HIP}: is not a chest radiograph: its header says body part HIP;"):
        read_image(films / HIP)
    assert read_image(films / HIP, force=True).bits == 10


@pytest.mark.data
def test_the_same_film_labelled_monochrome1_is_its_twin_inverted(films):
    first, second = (read_image(films / CHESTS[i]).pixels for i in (1, 2))
    assert np.array_equal(np.rint(255 * first), 255 - np.rint(255 * second))


@pytest.mark.data
@pytest.mark.parametrize("name", [n for n in CHESTS if n != CHESTS[1]])  # its label is false on purpose
def test_bone_is_white_and_the_lungs_are_dark(films, name):
    pixels = read_image(films / name).pixels
    height, width = pixels.shape
    middle = slice(height * 35 // 100, height * 55 // 100)
    spine = pixels[middle, width * 47 // 100 : width * 53 // 100].mean()
    lungs = [pixels[middle, width * a // 100 : width * (a + 12) // 100].mean() for a in (20, 68)]
    assert spine > max(lungs) + 0.05


@pytest.mark.data
def test_what_the_real_headers_say(films):
    read = {name: read_image(films / name) for name in CHESTS}
    pa, _, jpeg, dx = (read[name] for name in CHESTS)
    assert (pa.position, pa.bits, pa.sex, pa.body_part) == (Position.PA, 15, Sex.FEMALE, "CHEST")
    assert (jpeg.spacing_mm, jpeg.age, jpeg.position) == ((0.168, 0.168), 62, Position.PA)
    # Neither view nor body part: nothing rules it out.
    assert (dx.position, dx.body_part, dx.age) == (Position.UNKNOWN, None, 81)


@pytest.mark.data
def test_a_real_film_broken_off_anywhere_is_refused(films):
    for name in CHESTS:
        data = (films / name).read_bytes()
        for kept in (0.01, 0.3, 0.9):
            refused(data[: int(kept * len(data))], _BROKEN_OFF)
