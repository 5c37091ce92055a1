"""Whatever is done to a file's bytes, reading it gives a picture in range or a DataError, and little memory.

Found by these tests: decoders that end the whole process, see `hilum.images.apart`.
"""

from __future__ import annotations

from functools import cache
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.uid import DeflatedExplicitVRLittleEndian

from hilum.errors import DataError
from hilum.images import read_image
from images.dicoms import SYNTAXES, as_bytes, compressed, film, lut

resource = pytest.importorskip("resource", reason="memory is counted only on Unix")

WAVES = np.rint(np.add.outer(np.sin(np.arange(48) / 7), np.cos(np.arange(40) / 9)) * 60 + 125).astype(
    np.uint8
)
DEEP = WAVES.astype(np.uint16) * 16
HEADER = (
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "SamplesPerPixel",
    "PlanarConfiguration",
)


def raster(format: str, mode: str, **options) -> bytes:
    out = BytesIO()
    Image.fromarray(WAVES).convert(mode).save(out, format, **options)
    return out.getvalue()


@cache
def files() -> dict[str, bytes]:
    """A file of every kind."""
    found = {f"PNG {mode}": raster("PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")}
    found |= {f"JPEG {mode}": raster("JPEG", mode) for mode in ("L", "RGB", "CMYK")}
    found["progressive JPEG"] = raster("JPEG", "L", progressive=True)
    found |= {syntax: compressed(film(WAVES), syntax) for syntax in SYNTAXES}
    deep = film(DEEP, 12, WindowCenter=2000, WindowWidth=4000, PixelPaddingValue=0)
    found |= {f"deep {s}": compressed(deep, s) for s in ("RLE", "JPEG lossless", "JPEG-LS", "JPEG 2000")}
    colour = film(np.dstack([WAVES] * 3), photometric="RGB")
    found |= {f"RGB {s}": compressed(colour, s) for s in ("RLE", "JPEG baseline", "JPEG 2000")}
    found["plain"], found["bare"] = as_bytes(deep), as_bytes(deep, meta=False)
    luts = {"ModalityLUTSequence": [lut(0, list(range(4096)), 12)], "VOILUTSequence": [lut(9, [0, 5, 9], 12)]}
    found["tables"] = as_bytes(film(DEEP, 12, **luts))
    deflated = film(DEEP, 12)
    deflated.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    found["deflated"] = as_bytes(deflated)
    return found


def outcome(data: bytes) -> tuple[np.ndarray | None, DataError | None]:
    """The picture, or why there is none."""
    try:
        return read_image(data, force=True, name="film").pixels, None
    except DataError as error:
        return None, error


def holds(data: bytes) -> None:
    """The property: a picture in range, or one line that says what is wrong; at most half a gigabyte."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pixels, error = outcome(data)
    if error is not None:
        assert str(error).startswith("film: ")
        assert str(error).isprintable()
        assert error.remedy
    if pixels is not None:
        assert pixels.dtype == np.float32
        assert pixels.ndim == 2
        assert pixels.size
        assert pixels.min() >= 0
        assert pixels.max() <= 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 19  # kilobytes


kinds = st.sampled_from(sorted(files()))


@given(kinds, st.floats(0, 1))
@settings(max_examples=150)
def test_cut_short_anywhere(kind, share):
    data = files()[kind]
    holds(data[: int(share * len(data))])


@given(kinds, st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=4)), min_size=1, max_size=5))
@settings(max_examples=400)
def test_altered_anywhere(kind, changes):
    data = bytearray(files()[kind])
    for share, put in changes:
        at = int(share * len(data))
        data[at : at + max(1, len(put))] = put
    holds(bytes(data))


@given(st.dictionaries(st.sampled_from(HEADER), st.integers(0, 65535), min_size=1, max_size=3))
@settings(max_examples=200)
def test_any_numbers_in_the_header(numbers):
    holds(as_bytes(film(DEEP, 12, **numbers)))


@given(
    st.binary(max_size=300), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"\x08\0\x05\0"])
)
@settings(max_examples=200)
def test_any_bytes_after_any_beginning(data, beginning):
    holds(beginning + data)
    holds(bytes(128) + b"DICM" + beginning + data)


@pytest.mark.parametrize("kind", ["RLE", "JPEG 2000 lossless", "JPEG-LS", "JPEG lossless"])
@pytest.mark.parametrize("side", [8192, 65535])
def test_a_header_that_claims_a_huge_picture(kind, side):
    from pydicom import dcmread

    dataset = dcmread(BytesIO(files()[kind]))
    dataset.Rows = dataset.Columns = side
    out = BytesIO()
    dataset.save_as(out)
    with pytest.raises(DataError):
        read_image(out.getvalue())
    holds(out.getvalue())
