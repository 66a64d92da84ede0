"""Resized images that are kept: in memory that loading processes share, or in files that runs share. No torch.

What is kept is what a sample is cropped from and mirrored, to the bit: a run learns the same with and without. Nothing
is taken for an image whose file changed since: its size and time are looked at each time, and in files its first bytes.
"""

from __future__ import annotations

import hashlib
import io
import mmap
import os
import struct
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from multiprocessing import context, reduction
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from i2i.builtin.datasets.kept_check import identity_of
from i2i.files.atomic import replacing

Array = npt.NDArray[Any]


class ImageCache(Protocol):
    """Keeps arrays of uint8 or float32, by a text that says of which image, and by its file."""

    def load(self, name: str, path: Path) -> Array | None:
        """What was kept, where the file is the same."""
        ...

    def keep(self, name: str, path: Path, pixels: Array) -> None:
        """Keep it, if there is room."""
        ...


_HEAD = struct.Struct("<IIIIIqq")
"""A checksum, the array's kind and shape, and the file's size and time."""
_PAGE = 4096
_KINDS: Mapping[int, type[Any]] = {1: np.uint8, 2: np.float32}
_LOOK_EVERY = 64
"""Images that are kept between two looks at the memory that is left."""


class MemoryCache:
    """Keeps images in memory that processes share; where the system has none of that kind, in a file without a name.

    A slot may be written by several processes at once, for they write the same; the checksum comes last.

    Args:
        sizes: bytes of each image at most, by its name; others are not kept.
        has_room: whether there is memory left; once there is none, no more is kept.
    """

    def __init__(self, sizes: Mapping[str, int], has_room: Callable[[], bool]) -> None:
        self._places: dict[str, tuple[int, int]] = {}
        self._has_room, self._kept, self._full = has_room, 0, False
        end = 0
        for name, size in sizes.items():
            self._places[name] = (end, size)
            end += (_HEAD.size + size + _PAGE - 1) // _PAGE * _PAGE
        self._length = max(end, 1)
        self._open(_shared_file(self._length))

    def load(self, name: str, path: Path) -> Array | None:
        """What was kept, where the file is the same."""
        if name not in self._places:
            return None
        begin, _ = self._places[name]
        check, kind, *shape, size, time = _HEAD.unpack_from(self._memory, begin)
        if kind not in _KINDS or (size, time) != _size_and_time(path):
            return None
        found = np.frombuffer(self._memory, _KINDS[kind], _count(shape), begin + _HEAD.size).copy()
        return _shaped(found, shape) if zlib.crc32(found.data) == check else None

    def keep(self, name: str, path: Path, pixels: Array) -> None:
        """Keep it, if there is room."""
        if name not in self._places or self._full:
            return
        self._kept += 1
        if self._kept % _LOOK_EVERY == 0 and not self._has_room():
            self._full = True
            return
        begin, most = self._places[name]
        content = np.ascontiguousarray(pixels)
        kind = next((number for number, each in _KINDS.items() if each == content.dtype), 0)
        if content.nbytes > most or not kind:
            return
        size, time = _size_and_time(path)
        shape = (*content.shape, 0)[:3]
        place = begin + _HEAD.size
        self._memory[place : place + content.nbytes] = content.tobytes()
        self._memory[begin:place] = _HEAD.pack(zlib.crc32(content.data), kind, *shape, size, time)

    def _open(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._memory = mmap.mmap(descriptor, self._length)

    def __getstate__(self) -> dict[str, Any]:
        """For a process that loads, with the memory; for any other, it begins anew."""
        shared = None if context.get_spawning_popen() is None else reduction.DupFd(self._descriptor)
        return {**vars(self), "_memory": None, "_descriptor": shared}

    def __setstate__(self, state: dict[str, Any]) -> None:
        shared = state.pop("_descriptor")
        vars(self).update(state)
        self._open(_shared_file(self._length) if shared is None else shared.detach())

    def __del__(self) -> None:
        with suppress(AttributeError, OSError):
            os.close(self._descriptor)


class FileCache:
    """Keeps images in files that several runs and processes share.

    Args:
        folder: where they are.
        settings: whatever else decides what an image looks like.
    """

    def __init__(self, folder: Path, settings: Iterable[str]) -> None:
        self._folder = folder
        self._settings = "\0".join(settings)

    def load(self, name: str, path: Path) -> Array | None:
        """What was kept, where the file is the same."""
        try:
            content = self._place(name, path).read_bytes()
            if zlib.crc32(content[:-4]) != int.from_bytes(content[-4:], "little"):
                return None
            found: Array = np.load(io.BytesIO(content[:-4]))
        except (OSError, ValueError, EOFError):
            return None
        return found

    def keep(self, name: str, path: Path, pixels: Array) -> None:
        """Keep it, if there is room."""
        file = io.BytesIO()
        np.save(file, pixels, allow_pickle=False)
        content = file.getvalue()
        with suppress(OSError), replacing(self._place(name, path)) as temporary:
            temporary.write_bytes(content + zlib.crc32(content).to_bytes(4, "little"))

    def _place(self, name: str, path: Path) -> Path:
        key = hashlib.blake2b(f"{identity_of(path, name)}\0{self._settings}".encode(), digest_size=16).hexdigest()
        return self._folder / key[:2] / f"{key[2:]}.npy"


def _shared_file(length: int) -> int:
    """A file without a name, of zeros that take no room until they are written."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("i2i-images")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, length)
    return descriptor


def _size_and_time(path: Path) -> tuple[int, int]:
    """Of a file; what cannot be true where it is gone."""
    try:
        status = path.stat()
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns


def _count(shape: Iterable[int]) -> int:
    count = 1
    for length in shape:
        count *= length or 1
    return count


def _shaped(values: Array, shape: Iterable[int]) -> Array:
    return values.reshape([length for length in shape if length])
