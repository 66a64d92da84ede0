"""Choosing where resized images are kept, and whether that is worth the while."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from i2i.builtin.datasets.image_cache import FileCache, ImageCache, MemoryCache
from i2i.environment.available_memory import available_memory
from i2i.errors import amount
from i2i.files.caches import cache_folder, keep_newest

Keeping = Literal["auto", "memory", "disk", "off"]

WORTH = 2
"""Images are kept by themselves where the files have so many times the pixels that are kept."""

MOST_FOLDERS = 4
"""Folders of resized images in the user's cache; the ones that were used last."""

SPARE_MEMORY = 512 * 2**20
"""Bytes that stay free."""


@dataclass(frozen=True)
class KeptImage:
    """An image that may be kept.

    Attributes:
        name: by which it is found again.
        pixels: of its file, and those that are kept.
        size: bytes that it takes.
        most: bytes that it takes at most: a picture of 16 bits has larger numbers.
    """

    name: str
    pixels: tuple[int, int]
    size: int
    most: int


def choose_cache(
    keeping: Keeping, images: Sequence[KeptImage], settings: Sequence[str], *, may_write: bool
) -> tuple[ImageCache | None, str]:
    """Choose where images are kept.

    Args:
        keeping: the option ``cache``.
        images: all that there are, with the pixels that are kept of each.
        settings: whatever decides what a kept image looks like.
        may_write: whether ``auto`` may choose files.

    Returns:
        Where; none where they are not kept; and a sentence on it, empty where there is nothing to say.
    """
    needed = sum(image.size for image in images)
    worth = sum(image.pixels[0] for image in images) >= WORTH * sum(image.pixels[1] for image in images)
    if keeping == "off" or not images or (keeping == "auto" and not worth):
        return None, ""
    processes = max(1, int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
    room = max(0, available_memory(torch.device("cpu")) - SPARE_MEMORY) // (2 * processes)
    if keeping == "memory" or (keeping == "auto" and needed <= room // 2):
        kept = _as_many_as_fit(images, room)
        size = _size(sum(image.size for image in kept))
        share = "" if len(kept) == len(images) else f", {len(kept)} of {len(images)}, as many as half of it holds"
        cache = MemoryCache({image.name: image.most for image in kept}, _has_memory)
        return cache, f"resized images are kept in memory: {size}{share} (data.cache)"
    with suppress(RuntimeError):
        folder = cache_folder("images") / _name_of(settings)
        free = _free_below(folder)
        if needed <= free // 2 and (keeping == "disk" or may_write):
            with suppress(OSError):
                folder.mkdir(parents=True, exist_ok=True)
                os.utime(folder)
                keep_newest(folder.parent, MOST_FOLDERS, "")
                return FileCache(folder, settings), f"resized images are kept in {folder}: {_size(needed)} (data.cache)"
    told = f"resized images are not kept: {amount(len(images), 'image')} would take {_size(needed)} (data.cache)"
    return None, told if keeping == "disk" or may_write else ""


def _as_many_as_fit(images: Sequence[KeptImage], room: int) -> list[KeptImage]:
    kept = []
    for image in images:
        room -= image.size
        if room < 0:
            break
        kept.append(image)
    return kept


def _has_memory() -> bool:
    return available_memory(torch.device("cpu")) > SPARE_MEMORY


def _free_below(folder: Path) -> int:
    """Bytes that are free where a folder is, or will be made."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _name_of(settings: Sequence[str]) -> str:
    return hashlib.blake2b("\0".join(settings).encode(), digest_size=16).hexdigest()


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{-(-count // 2**20)} MiB"
