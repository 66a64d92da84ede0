"""Reads and writes numpy's files: ``.npy``, and ``.npz`` with one array or a named one. No torch."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from i2i.images.stored_arrays import read_part
from i2i.images.unusable import UnusableImageError
from i2i.images.value_range import TYPES
from i2i.plugins import Box, ImageHeader, ReadImage

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_BESIDE = "what its file says beside the pixels was left out, for an array holds none"


class NpyReader:
    """Arrays ``[H, W]`` or ``[H, W, C]`` of whole numbers up to 32 bits, or floats. Pickled objects are refused."""

    def header(self, source: Path | BinaryIO) -> ImageHeader:
        """What numpy's header says.

        Raises:
            UnusableImageError: it is no image, or not numpy's file.
        """
        with self._member(source) as file:
            return _header(file)

    def read(self, source: Path | BinaryIO, *, beside: bool) -> ReadImage:  # noqa: ARG002  (there is nothing)
        """Read ``[H, W, C]``.

        Raises:
            UnusableImageError: as :meth:`header`.
            ValueError: the file is cut off.
        """
        with self._member(source) as file:
            _header(file)
        with self._member(source) as file:
            values = npy.read_array(file, allow_pickle=False)
        planes = values if values.ndim == 3 else values[:, :, None]
        return ReadImage(np.ascontiguousarray(planes, planes.dtype.newbyteorder("=")))

    def read_window(self, source: Path | BinaryIO, box: Box) -> npt.NDArray[Any] | None:
        """Read ``[h, w, C]`` of a box, and nothing else of the file.

        Raises:
            UnusableImageError: as :meth:`header`.
            ValueError: the file is cut off.
        """
        left, top, right, bottom = box
        with self._member(source) as file:
            shape, is_fortran, kind = _array_header(file)
            part = [slice(top, bottom), slice(left, right), *(slice(0, count) for count in shape[2:])]
            order = slice(None, None, -1 if is_fortran else 1)
            values = read_part(file, file.tell(), shape[order], kind, part[order])
        values = values.T if is_fortran else values
        planes = values if values.ndim == 3 else values[:, :, None]
        return np.ascontiguousarray(planes, planes.dtype.newbyteorder("="))

    def holds(self, channels: int, dtype: str) -> bool:  # noqa: ARG002
        """Any number of channels, of all types."""
        return dtype in TYPES

    def write(self, pixels: npt.NDArray[Any], file: BinaryIO, *, like: Any) -> Iterable[str]:
        """Write ``[H, W, C]``, or ``[H, W]`` of one channel."""
        npy.write_array(file, _flat(pixels), allow_pickle=False)
        return () if like is None else (_BESIDE,)

    @contextmanager
    def _member(self, source: Path | BinaryIO) -> Iterator[Any]:
        """The array's file, at its begin."""
        if isinstance(source, Path):
            with source.open("rb") as file:
                yield file
        else:
            source.seek(0)
            yield source


class NpzReader(NpyReader):
    """An array in numpy's archives.

    Args:
        array: its name; without, the only one that there is.
    """

    def __init__(self, array: str | None) -> None:
        self.array = array

    def read_window(self, source: Path | BinaryIO, box: Box) -> npt.NDArray[Any] | None:  # noqa: ARG002
        """None: an archive's members are compressed, or may be."""
        return None

    def write(self, pixels: npt.NDArray[Any], file: BinaryIO, *, like: Any) -> Iterable[str]:
        """Write the same under the name, or as numpy names a single one."""
        arrays: dict[str, Any] = {self.array or "arr_0": _flat(pixels)}
        np.savez_compressed(file, **arrays)
        return () if like is None else (_BESIDE,)

    @contextmanager
    def _member(self, source: Path | BinaryIO) -> Iterator[Any]:
        with zipfile.ZipFile(source) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
            name = self.array or (names[0] if len(names) == 1 else None)
            if name not in names:
                raise UnusableImageError(
                    f"it holds the arrays {', '.join(names) or 'none'}"
                    + (f", but not {name!r}" if name else "; say which is the image with readers.npz.array=NAME")
                )
            with archive.open(f"{name}.npy") as file:
                yield file


def _flat(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return pixels[:, :, 0] if pixels.shape[2] == 1 else pixels


def _header(file: BinaryIO) -> ImageHeader:
    shape, _, kind = _array_header(file)
    height, width, channels = (*shape, 1)[:3]
    return ImageHeader(width, height, channels, kind.name)


def _array_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """An array's shape, whether its first axis runs fastest, and its type; the file is at its first value."""
    if file.read(6) != npy.MAGIC_PREFIX:
        raise UnusableImageError("its content is no array of numpy")
    version = tuple(file.read(2))
    if version not in _HEADERS:
        raise UnusableImageError(f"it is an array file of version {version}, which is not read")
    shape, is_fortran, kind = _HEADERS[version](file)
    if len(shape) not in (2, 3) or 0 in shape:
        raise UnusableImageError(f"its array has the shape {list(shape)}; expected [H, W] or [H, W, C]")
    if kind.name not in TYPES:
        raise UnusableImageError(f"its values are of type {kind}; expected {', '.join(TYPES)}")
    return shape, is_fortran, kind
