"""The built-in formats of image files: their specs. Imports no torch.

PNG, JPEG, WebP, BMP and TIFF are pictures for the eye, all read by :mod:`~i2i.builtin.readers.pictures`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from i2i.plugins import Options, ReaderSpec


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
    _picture("TIFF", ".tif", ".tiff"),
)
