"""What i2i loads: options, builder and the hook. Imports neither torch nor pydicom."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from i2i.plugins import Options, ReaderSpec, hookimpl

if TYPE_CHECKING:
    from i2i_dicom.reader import DicomReader


class DicomOptions(Options):
    """Options of the format ``dicom``."""

    values: Literal["units", "window"] = Field(
        "units",
        description="units: what the rescale of the file gives, such as Hounsfield units; window: what the file's own "
        "window shows of it, as a picture of 8 bits",
    )


def build(options: DicomOptions) -> DicomReader:
    """Return the reader."""
    from i2i_dicom.reader import DicomReader

    return DicomReader(window=options.values == "window")


def begins(content: bytes) -> bool:
    """Whether a file has DICOM's mark behind its preamble."""
    return content[128:132] == b"DICM"


@hookimpl
def i2i_readers() -> Iterable[ReaderSpec]:
    """Return the formats of this package."""
    return [
        ReaderSpec(
            name="dicom",
            summary="DICOM images of one frame",
            options=DicomOptions,
            suffixes=(".dcm", ".dicom"),
            begins=begins,
            build=build,
        )
    ]
