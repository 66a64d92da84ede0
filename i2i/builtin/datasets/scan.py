"""Finding the image files below a folder, and giving each its name. No torch."""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from i2i.errors import DataError
from i2i.images.finding import LeftOut, bullets, walk
from i2i.progress import counted


@dataclass(frozen=True)
class Scan:
    """What a folder holds.

    Attributes:
        images: path of each image file by its stem, in the order of the stems. A stem is the path below the folder
            without suffix, with ``/`` between folders and in Unicode's composed form: file systems differ in that.
        ignored: files that are not images by their suffix; hidden files are not among them.
        left_out: what was passed over as hidden or as another program's.
    """

    images: dict[str, Path]
    ignored: tuple[Path, ...]
    left_out: LeftOut


def scan(folder: Path, suffixes: Collection[str]) -> Scan:
    """Search a folder and the folders below it; links are followed, but never back into a folder above them.

    Args:
        folder: is searched whatever it is called itself.
        suffixes: those of images, in lower case.

    Raises:
        DataError: when two image files have one stem, or a folder cannot be listed.
    """
    found: dict[str, list[Path]] = defaultdict(list)
    ignored = []
    left_out = LeftOut(suffixes)
    begin = len(str(folder / "_")) - 1
    for path in counted(walk(folder, left_out), f"listing {folder}"):
        suffix = path.suffix
        if suffix.lower() in suffixes:
            stem = str(path)[begin : -len(suffix)].replace(os.sep, "/")
            found[unicodedata.normalize("NFC", stem)].append(path)
        else:
            ignored.append(path)
    twice = [" and ".join(str(path) for path in paths) for _, paths in sorted(found.items()) if len(paths) > 1]
    if twice:
        raise DataError(
            f"{folder}: {len(twice)} names belong to more than one file, but a name must mean one image:\n"
            f"{bullets(twice)}\nRename or remove one of each."
        )
    return Scan({stem: found[stem][0] for stem in sorted(found)}, tuple(sorted(ignored)), left_out)
