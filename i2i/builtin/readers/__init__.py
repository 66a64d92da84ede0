"""The built-in formats of image files: their specs. Imports no torch.

PNG, JPEG, WebP, BMP and most of TIFF are pictures for the eye, all read by :mod:`~i2i.builtin.readers.pictures`; what
of TIFF is none, by :mod:`~i2i.builtin.readers.tiff_files`; numpy's arrays, of any numbers, by
:mod:`~i2i.builtin.readers.arrays`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from pydantic import Field

from i2i.plugins import Options, ReaderSpec


class NpzOptions(Options):
    """Which array of an archive is the image."""

    array: str | None = Field(None, min_length=1, description="its name; none: the only one that there is")


def _build_tiff(_: Options) -> Any:
    from i2i.builtin.readers.tiff_files import TiffReader

    return TiffReader()


def _is_tiff(begin: bytes) -> bool:
    return begin[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def _build_npy(_: Options) -> Any:
    from i2i.builtin.readers.arrays import NpyReader

    return NpyReader()


def _build_npz(options: NpzOptions) -> Any:
    from i2i.builtin.readers.arrays import NpzReader

    return NpzReader(options.array)


def _is_npy(begin: bytes) -> bool:
    return begin.startswith(b"\x93NUMPY")


def _build_pictures(_: Options, *, format_name: str) -> Any:
    from i2i.builtin.readers.pictures import PictureReader

    return PictureReader(format_name)


def _picture(title: str, *suffixes: str) -> ReaderSpec:
    name = title.lower()
    return ReaderSpec(
        name=name,
        summary=f"{title} pictures",
        suffixes=suffixes,
        build=partial(_build_pictures, format_name=name.upper()),
    )


SPECS: tuple[ReaderSpec, ...] = (
    _picture("PNG", ".png"),
    _picture("JPEG", ".jpg", ".jpeg"),
    _picture("WebP", ".webp"),
    _picture("BMP", ".bmp"),
    ReaderSpec(
        name="tiff",
        summary="TIFF pictures, and bands of any values",
        suffixes=(".tif", ".tiff"),
        begins=_is_tiff,
        build=_build_tiff,
    ),
    ReaderSpec(name="npy", summary="arrays of numpy", suffixes=(".npy",), begins=_is_npy, build=_build_npy),
    ReaderSpec(name="npz", summary="archives of numpy", options=NpzOptions, suffixes=(".npz",), build=_build_npz),
)
