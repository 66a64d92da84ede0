"""Reads DICOM images in their units, or as their window shows them, and writes derived ones. No torch."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from i2i.plugins import ImageHeader, ReadImage

_OF_OTHER_VALUES = (
    "RescaleIntercept",
    "RescaleSlope",
    "RescaleType",
    "ModalityLUTSequence",
    "WindowCenter",
    "WindowWidth",
    "WindowCenterWidthExplanation",
    "VOILUTFunction",
    "VOILUTSequence",
    "SmallestImagePixelValue",
    "LargestImagePixelValue",
)
"""What describes the values of the old pixels: kept beside new ones, it would show them wrong."""


class DicomReader:
    """Images of one frame: grey of any values, or colour of 8 bits.

    Args:
        window: whether grey is read as the file's window shows it, in 8 bits, instead of in its units.
    """

    def __init__(self, *, window: bool) -> None:
        self.window = window

    def header(self, source: Path | BinaryIO) -> ImageHeader:
        """What the elements before the pixels say."""
        found = pydicom.dcmread(source, stop_before_pixels=True)
        _require_one_frame(found)
        channels = int(found.SamplesPerPixel)
        kind = "uint8" if channels > 1 or self.window else _type_of(found)
        return ImageHeader(int(found.Columns), int(found.Rows), channels, kind)

    def read(self, source: Path | BinaryIO, *, beside: bool) -> ReadImage:
        """Decode ``[H, W, C]``."""
        found = pydicom.dcmread(source)
        _require_one_frame(found)
        pixels = found.pixel_array  # YBR comes as RGB
        if pixels.ndim == 3:
            values = pixels.astype(np.uint8)
        elif self.window:
            values = _windowed(found, apply_voi_lut(apply_modality_lut(pixels, found), found))[:, :, None]
        else:
            values = np.asarray(apply_modality_lut(pixels, found)).astype(_type_of(found))[:, :, None]
        return ReadImage(values, found if beside else None)

    def holds(self, channels: int, dtype: str) -> bool:
        """Grey of 8 or 16 bits, signed or not, and RGB of 8."""
        return (channels, dtype) == (3, "uint8") or (channels == 1 and dtype in ("uint8", "uint16", "int16"))

    def write(self, pixels: npt.NDArray[Any], file: BinaryIO, *, like: Any) -> Iterable[str]:
        """Write a derived image, with patient, study and geometry of the one that it was made from."""
        derived = _like(like)
        channels = pixels.shape[2]
        derived.set_pixel_data(
            np.ascontiguousarray(pixels if channels == 3 else pixels[:, :, 0]),
            "RGB" if channels == 3 else "MONOCHROME2",
            8 * pixels.dtype.itemsize,
        )
        derived.save_as(file, enforce_file_format=True)
        if like is None or isinstance(like, pydicom.Dataset):
            return ()
        return ("what its file says beside the pixels was left out, for it is no DICOM file's",)


def _like(like: Any) -> pydicom.Dataset:
    """What the other file says, less what is of its pixels; of no DICOM file a secondary capture."""
    if isinstance(like, pydicom.Dataset):
        derived = copy.deepcopy(like)
        for name in _OF_OTHER_VALUES:
            if name in derived:
                del derived[name]
        derived.ImageType = ["DERIVED", "SECONDARY"]
        return derived
    derived = pydicom.Dataset()
    derived.file_meta = FileMetaDataset()
    derived.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    derived.file_meta.MediaStorageSOPClassUID = derived.SOPClassUID = SecondaryCaptureImageStorage
    derived.StudyInstanceUID, derived.SeriesInstanceUID = generate_uid(), generate_uid()
    derived.Modality, derived.ConversionType = "OT", "WSD"
    derived.PatientName = derived.PatientID = ""
    return derived


def _require_one_frame(found: pydicom.Dataset) -> None:
    if "Rows" not in found:
        raise ValueError("it holds no image")
    frames = int(found.get("NumberOfFrames") or 1)
    if frames > 1:
        raise ValueError(f"{frames} frames; save each as a file of its own")


def _type_of(found: pydicom.Dataset) -> str:
    """The smallest type that holds the rescaled values: of whole numbers, where slope and intercept are whole."""
    slope, intercept = float(found.get("RescaleSlope") or 1), float(found.get("RescaleIntercept") or 0)
    signed, bits = int(found.PixelRepresentation), int(found.BitsStored)
    if "ModalityLUTSequence" in found or not (slope.is_integer() and intercept.is_integer()):
        return "float32"
    least, most = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    ends = sorted((least * slope + intercept, most * slope + intercept))
    for kind in ("uint8", "uint16", "int16", "int32"):
        if np.iinfo(kind).min <= ends[0] and ends[1] <= np.iinfo(kind).max and (bits > 8 or kind != "uint16"):
            return kind
    return "float32"


def _windowed(found: pydicom.Dataset, shown: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """What a window gave, from black to white in 8 bits: it lies in the range of the stored bits, rescaled.

    Without a window, black and white are the least and the greatest value.
    """
    values = shown.astype(np.float64)
    low, high = float(values.min()), float(values.max())
    if found.get("WindowWidth") is not None:
        bits, signed = int(found.BitsStored), int(found.PixelRepresentation)
        slope, intercept = float(found.get("RescaleSlope") or 1), float(found.get("RescaleIntercept") or 0)
        least = -(2.0 ** (bits - 1)) if signed else 0.0
        low, high = least * slope + intercept, (least + 2.0**bits - 1) * slope + intercept
    unit = ((values - low) / max(high - low, 1e-9)).clip(0, 1)
    if found.PhotometricInterpretation == "MONOCHROME1":
        unit = 1 - unit
    levels: npt.NDArray[np.uint8] = (255 * unit).round().astype(np.uint8)
    return levels
