"""Planes that are kept between passes: in memory while they fit, else in files that nobody else sees."""

from __future__ import annotations

import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from i2i.errors import DataError
from i2i.translation.tiles.boxes import Box, Extent

GIB = 2**30


class Plane(ABC):
    """A tensor ``[1, C, H, W]`` that is written and read in rectangles."""

    @abstractmethod
    def write(self, box: Box, tile: Tensor) -> None:
        """Put ``[1, C, h, w]`` in its place."""

    @abstractmethod
    def read(self, box: Box) -> Tensor:
        """Return a rectangle, ``[1, C, h, w]`` in channels_last, on the CPU. It must not be changed."""

    @abstractmethod
    def close(self) -> None:
        """Give back what it holds."""


class Storage:
    """Where planes are kept.

    Use it in a ``with`` statement: at its end, however it comes, nothing is left in memory or on the disk. Files have
    no name on systems that have such files, so that not even a killed process leaves one.

    Args:
        budget: bytes of planes that may lie in memory at a time.
        folder: where the files of the others are; the system's folder for temporary files if None.
    """

    def __init__(self, budget: int, folder: Path | None = None) -> None:
        self.budget = budget
        self.folder = Path(tempfile.gettempdir()) if folder is None else folder
        self._planes: dict[Plane, int] = {}

    def __enter__(self) -> Storage:
        return self

    def __exit__(self, *_: object) -> None:
        for plane in list(self._planes):
            self.release(plane)

    def require_space(self, needed: int) -> None:
        """Check that files of this many bytes can be written.

        Raises:
            DataError: there is no such folder, or it has not enough space.
        """
        if not needed:
            return
        if not self.folder.is_dir():
            raise DataError(f"the folder for temporary files {self.folder} does not exist; make it, or name another")
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise DataError(
                f"this image needs {needed / GIB:.1f} GiB of temporary files in {self.folder}, where "
                f"{free / GIB:.1f} GiB are free; name a folder with more space (--tile-folder), or allow more memory "
                f"than {self.budget / GIB:.1f} GiB (--tile-memory)"
            )

    def new(self, extent: Extent, dtype: torch.dtype) -> Plane:
        """Make room for a plane: in memory if it fits in the budget beside those that are there, else in a file.

        Raises:
            DataError: the file cannot be made.
        """
        size = extent.values * dtype.itemsize
        if sum(self._planes.values()) + size <= self.budget:
            plane: Plane = _InMemory(extent, dtype)
            self._planes[plane] = size
        else:
            with _explained(self.folder):
                file = tempfile.TemporaryFile(buffering=0, prefix="i2i-", dir=self.folder)  # noqa: SIM115  # closed by release
            plane = _InFile(extent, dtype, file)
            self._planes[plane] = 0
        return plane

    def release(self, plane: Plane) -> None:
        """Give back a plane's place."""
        plane.close()
        del self._planes[plane]


class _InMemory(Plane):
    def __init__(self, extent: Extent, dtype: torch.dtype) -> None:
        self._values = torch.empty(extent.height, extent.width, extent.channels, dtype=dtype)

    def write(self, box: Box, tile: Tensor) -> None:
        self._values[slice(*box.rows), slice(*box.columns)] = tile[0].permute(1, 2, 0)

    def read(self, box: Box) -> Tensor:
        return self._values[slice(*box.rows), slice(*box.columns)].permute(2, 0, 1)[None]

    def close(self) -> None:
        self._values = torch.empty(0, dtype=torch.float32)


class _InFile(Plane):
    """Values lie row by row, pixel by pixel, so that each row of a rectangle is one piece of the file."""

    def __init__(self, extent: Extent, dtype: torch.dtype, file: BinaryIO) -> None:
        self._extent = extent
        self._dtype = dtype
        self._file = file

    def write(self, box: Box, tile: Tensor) -> None:
        values = tile[0].permute(1, 2, 0).to("cpu", self._dtype).contiguous()
        with _explained(None):
            for place, piece in self._pieces(box, values):
                self._file.seek(place)
                written = 0
                while written < len(piece):
                    written += self._file.write(piece[written:])

    def read(self, box: Box) -> Tensor:
        values = torch.empty(box.rows.length, box.columns.length, self._extent.channels, dtype=self._dtype)
        with _explained(None):
            for place, piece in self._pieces(box, values):
                self._file.seek(place)
                read = 0
                while read < len(piece):
                    count = self._file.readinto(piece[read:])  # type: ignore[attr-defined]
                    if not count:
                        raise OSError("a temporary file is shorter than what was written to it")
                    read += count
        return values.permute(2, 0, 1)[None]

    def close(self) -> None:
        self._file.close()

    def _pieces(self, box: Box, values: Tensor) -> Iterator[tuple[int, memoryview]]:
        """The place in the file, and the memory, of each row of a rectangle."""
        pixel = self._extent.channels * self._dtype.itemsize
        for row, memory in zip(range(*box.rows), values.view(torch.uint8).numpy(), strict=True):
            place = (row * self._extent.width + box.columns.start) * pixel
            yield place, memoryview(memory).cast("B")


@contextmanager
def _explained(folder: Path | None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = "" if folder is None else f" in {folder}"
        raise DataError(
            f"temporary files of tiles cannot be used{where}: {error.strerror or error}; name another folder "
            "(--tile-folder)"
        ) from error
