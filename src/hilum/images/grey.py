"""From a DICOM's stored values to grey levels: rescale, VOI LUT or window, padding, MONOCHROME1.

pixels = to_grey(stored, dataset)

Films of up to 16 bits have at most 65,536 different stored values. The way from stored value to grey is
therefore worked out once per value and then looked up for each pixel, whatever the header asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from hilum.images.header import for_processing, number, text
from hilum.images.radiograph import levels_in_use
from hilum.study import Pixels

_Values = npt.NDArray[np.float64]
_Curve = Callable[[_Values], _Values]


def to_grey(stored: npt.NDArray[np.generic], dataset: Dataset) -> Pixels:
    """Apply what the header says to the stored values.

    Args:
        stored: (H, W), integers as decoded, sign included; or floats (Float Pixel Data).
        dataset: the header.

    Returns:
        (H, W), float32 in [0, 1], bone white; padding is black.
    """
    if stored.dtype.kind == "f" or stored.dtype.itemsize > 2:  # as many values as pixels: no table
        values = stored.astype(np.float64)
        values[~np.isfinite(values)] = 0.0
        padding = is_padding(values, dataset)
        return _grey_of(values, ~padding, padding, dataset).astype(np.float32)
    present, pick = _value_table(stored)
    values = present.astype(np.float64)
    padding = is_padding(values, dataset)
    inside = ~padding
    if padding.any():
        # Between the image's values and the padding's lie many that no pixel has.
        occurs = np.zeros(values.shape, bool)
        occurs[pick] = True
        inside &= occurs
    grey = _grey_of(values, inside, padding, dataset).astype(np.float32)
    return grey[pick]


def _value_table(stored: npt.NDArray[np.generic]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.intp]]:
    """Every value from the lowest to the highest, and for each pixel its place among them."""
    low, high = int(stored.min()), int(stored.max())  # type: ignore[call-overload]
    return np.arange(low, high + 1), np.subtract(stored, low, dtype=np.intp)


def is_padding(values: _Values, dataset: Dataset) -> npt.NDArray[np.bool_]:
    """Which stored values mean "outside the image" (Pixel Padding Value, Pixel Padding Range Limit)."""
    first = number(dataset, "PixelPaddingValue")
    if first is None:
        return np.zeros(values.shape, bool)
    last = number(dataset, "PixelPaddingRangeLimit")
    ends = [_as_stored(v, dataset) for v in (first, first if last is None else last)]
    return (values >= min(ends)) & (values <= max(ends))


def _as_stored(value: float, dataset: Dataset) -> float:
    """Read a padding value with the sign of the pixels: writers often store 63536 for -2000."""
    bits = int(number(dataset, "BitsAllocated") or 16)
    signed = bool(number(dataset, "PixelRepresentation"))
    if signed and value >= 1 << (bits - 1):
        return value - (1 << bits)
    return value + (1 << bits) if not signed and value < 0 else value


def _grey_of(
    values: _Values, inside: npt.NDArray[np.bool_], padding: npt.NDArray[np.bool_], dataset: Dataset
) -> _Values:
    """The grey level of each stored value; those `inside` say how far the image's values go."""
    modality = modality_curve(dataset, values)(values)
    if not inside.any():
        return np.zeros(values.shape)
    grey = _shown(values, modality, inside, dataset)
    if _turned(dataset):
        grey = 1.0 - grey
    return np.clip(np.where(padding, 0.0, grey), 0.0, 1.0)


def _shown(values: _Values, modality: _Values, inside: npt.NDArray[np.bool_], dataset: Dataset) -> _Values:
    """By the first VOI LUT or window in which the picture is more than a single grey, else all there is.

    Some windows were made for the stored values, by writers that forgot their own rescale.
    """
    image = modality[inside]
    for scale in (modality, values):
        curve = voi_curve(dataset, scale[inside])
        if curve is None:
            break
        grey = curve(scale)
        if np.ptp(grey[inside]) >= 1e-3 or np.ptp(image) == 0:
            return grey
    if for_processing(dataset) and text(dataset, "PixelIntensityRelationship") == "LIN":
        return _logarithm(modality, image)
    return _whole_range(modality, image, values, dataset)


def _turned(dataset: Dataset) -> bool:
    """Whether bone comes out dark; what was not made to be looked at says by its sign how it lies."""
    sign = number(dataset, "PixelIntensityRelationshipSign")
    if sign and for_processing(dataset):
        return sign > 0  # more beam, higher values
    return text(dataset, "PhotometricInterpretation") == "MONOCHROME1"


def _logarithm(modality: _Values, image: _Values) -> _Values:
    """Intensities as film shows them, by their logarithm; eight halvings of the beam reach all of a chest."""
    top = image.max()
    return 1.0 + np.log2(np.maximum(modality / top, 2.0**-8)) / 8 if top > 0 else np.zeros(modality.shape)


def _whole_range(modality: _Values, image: _Values, values: _Values, dataset: Dataset) -> _Values:
    bits = number(dataset, "BitsStored") or 0
    if bits <= 8 and values.min() >= 0 and values.max() <= 255 and np.array_equal(modality, values):
        # Eight bits are made to be looked at as they are.
        return values / ((1 << int(bits or 8)) - 1)
    low, high = image.min(), image.max()
    return (modality - low) / (high - low) if high > low else np.zeros(values.shape)


@dataclass(frozen=True)
class Lut:
    """A lookup table of DICOM: `entries` for the inputs from `first` on; beyond its ends it stays level."""

    first: float
    entries: _Values
    bits: int = 16

    @classmethod
    def read(cls, item: Dataset, inputs: _Values) -> Lut | None:
        """Read an item of a Modality or VOI LUT Sequence.

        Args:
            item: of the sequence.
            inputs: what it will be asked for; by them it is seen whether its first input lost its sign.

        Returns:
            None when it is incomplete.
        """
        descriptor, data = item.get("LUTDescriptor"), item.get("LUTData")
        if descriptor is None or data is None or len(descriptor) != 3:
            return None
        count = (int(descriptor[0]) & 0xFFFF) or 1 << 16
        first, bits = int(descriptor[1]), int(descriptor[2])
        if first > inputs.max() and first - (1 << 16) + count > inputs.min():
            first -= 1 << 16
        elif first + count <= inputs.min() and first < 0:
            first += 1 << 16
        if isinstance(data, bytes) and item.original_encoding[1] is False:
            data = np.frombuffer(data, ">u2", len(data) // 2).astype("<u2").tobytes()
        entries = _lut_entries(data, count, bits)
        return cls(float(first), entries, bits) if entries.size else None

    def top(self) -> int:
        """The brightest grey: by the bits it claims, but many claim 16 for the words that they fill."""
        highest = int(self.entries.max())
        if 8 <= self.bits < 16 and highest < 1 << self.bits:
            return (1 << self.bits) - 1
        return (1 << levels_in_use(highest)) - 1

    def __call__(self, values: _Values) -> _Values:
        """Look values up."""
        place = np.clip(np.rint(values - self.first), 0, self.entries.size - 1).astype(np.intp)
        return self.entries[place]


def _lut_entries(data: object, count: int, bits: int) -> _Values:
    if isinstance(data, bytes):
        # Written as OW, here in little-endian words; eight-bit entries are packed two to a word, the first
        # in the low byte.
        packed = bits <= 8 and len(data) < 2 * count
        entries = np.frombuffer(data, "<u1" if packed else "<u2", len(data) // (1 if packed else 2))
    else:
        # Unsigned whatever they were written as.
        entries = np.atleast_1d(np.asarray(data)).astype(np.int64) & 0xFFFF
    return entries[:count].astype(np.float64)


def modality_curve(dataset: Dataset, values: _Values) -> _Curve:
    """Stored value → modality value: the Modality LUT, else slope and intercept, else as it is."""
    for item in dataset.get("ModalityLUTSequence") or ():
        lut = Lut.read(item, values)
        if lut is not None:
            return lut
    slope, intercept = number(dataset, "RescaleSlope"), number(dataset, "RescaleIntercept")
    if not slope:  # absent, or zero, which would leave no image
        slope = 1.0
    return lambda values: values * slope + (intercept or 0.0)


def voi_curve(dataset: Dataset, values: _Values) -> _Curve | None:
    """Modality value → [0, 1]: the first VOI LUT, else the first window, else None.

    Windows follow PS3.3 C.11.2.1.2 and C.11.2.1.3: LINEAR, LINEAR_EXACT and SIGMOID.
    """
    for item in dataset.get("VOILUTSequence") or ():
        lut = Lut.read(item, values)
        if lut is not None:
            top = lut.top()
            return lambda values: lut(values) / top
    centre, width = number(dataset, "WindowCenter"), number(dataset, "WindowWidth")
    if centre is None or width is None:
        return None
    function = text(dataset, "VOILUTFunction")
    if width < 1 or (width < 2 and abs(number(dataset, "RescaleSlope") or 1.0) < 0.1):
        # LINEAR counts whole values, of which so narrow a window has none: it was meant exactly.
        function = function if function == "SIGMOID" else "LINEAR_EXACT"
    return window(centre, width, function)


def window(centre: float, width: float, function: str = "") -> _Curve | None:
    """A window as a function to [0, 1]; None when the width makes no sense for it."""
    if function == "SIGMOID":
        return (
            (lambda v: 1 / (1 + np.exp(np.clip(-4 * (v - centre) / width, -700, 700)))) if width > 0 else None
        )
    if function.replace(" ", "_") == "LINEAR_EXACT":
        return (lambda v: np.clip((v - centre) / width + 0.5, 0, 1)) if width > 0 else None
    if width == 1:
        return lambda v: (v > centre - 0.5).astype(np.float64)
    return lambda v: np.clip((v - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)
