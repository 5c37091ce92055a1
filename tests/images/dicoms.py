"""Makes DICOM files for tests: any photometric, bit depth and transfer syntax."""

from __future__ import annotations

import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid

GDCM = gdcm.TransferSyntax
SYNTAXES = {
    "RLE": GDCM.RLELossless,
    "JPEG baseline": GDCM.JPEGBaselineProcess1,
    "JPEG extended": GDCM.JPEGExtendedProcess2_4,
    "JPEG lossless": GDCM.JPEGLosslessProcess14,
    "JPEG lossless SV1": GDCM.JPEGLosslessProcess14_1,
    "JPEG-LS": GDCM.JPEGLSLossless,
    "JPEG-LS near": GDCM.JPEGLSNearLossless,
    "JPEG 2000": GDCM.JPEG2000,
    "JPEG 2000 lossless": GDCM.JPEG2000Lossless,
}


def film(values: np.ndarray, bits: int = 8, photometric: str = "MONOCHROME2", **attributes: Any) -> Dataset:
    """A CR data set with these stored values; attributes are DICOM keywords."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = ComputedRadiographyImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.Modality = "CR"
    dataset.Rows, dataset.Columns = values.shape[:2]
    dataset.SamplesPerPixel = 3 if values.ndim == 3 else 1
    if values.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = photometric
    dataset.BitsAllocated = 8 * values.dtype.itemsize
    dataset.BitsStored, dataset.HighBit = bits, bits - 1
    dataset.PixelRepresentation = int(values.dtype.kind == "i")
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    data = values.tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OB" if values.dtype.itemsize == 1 else "OW"
    return dataset


def as_bytes(dataset: Dataset, *, meta: bool = True) -> bytes:
    """The file's bytes; without `meta`, as old archives wrote it: no preamble, no meta header."""
    out = BytesIO()
    if meta:
        dataset.save_as(out, enforce_file_format=True)
    else:
        syntax = dataset.file_meta.TransferSyntaxUID
        bare = Dataset(dataset)
        bare.file_meta = FileMetaDataset()
        bare.save_as(out, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian)
    return out.getvalue()


def compressed(dataset: Dataset, syntax: str) -> bytes:
    """The file's bytes in one of `SYNTAXES`, compressed by GDCM."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.dcm"
        path.write_bytes(as_bytes(dataset))
        reader = gdcm.ImageReader()
        reader.SetFileName(str(path))
        assert reader.Read()
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(SYNTAXES[syntax]))
        change.SetInput(reader.GetImage())
        assert change.Change(), f"GDCM cannot write {syntax}"
        writer = gdcm.ImageWriter()
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        writer.SetFileName(str(path))
        assert writer.Write()
        return path.read_bytes()


def lut(first: int, entries: list[int], bits: int) -> Dataset:
    """An item of a Modality or VOI LUT Sequence."""
    item = Dataset()
    item.add_new(0x00283002, "US" if first >= 0 else "SS", [len(entries), first, bits])
    item.add_new(0x00283006, "US", entries)
    return item
