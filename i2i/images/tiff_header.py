"""The directories of a TIFF file, read in one pass that is bounded in pages, tags and bytes. No torch.

Pillow counts pages by loading every directory again for each step, and gives up where one is of a kind it does not
know. Here a page costs one read, and the walk stops at a limit.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal

MOST_PAGES = 1000
"""Pages after which the walk stops; the chain may go on."""

_MOST_TAGS = 200_000
"""Tags of all pages together after which the walk stops."""

_BYTES_OF_TYPE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_FORMAT_OF_TYPE = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_DIRECTORIES = (34665, 34853)
_SUBFILE_TYPE, _OLD_SUBFILE_TYPE = 254, 255
_REDUCED, _MASK = 1, 4
_OLD_REDUCED = 2

PIXEL_TAGS = frozenset(
    {256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325, 338, 339, 347}
    | {*range(512, 522), 529, 530, 531, 532}
)
"""The tags that decide what the pixels are. Without one of them that is there, the picture is another one."""


TAGS_OF_SHAPE = frozenset({274, 282, 283, 296, 34675})
"""The tags of orientation, resolution and colour profile."""


class TiffError(Exception):
    """The file is damaged, or says more than is read. The message is the reason alone."""


@dataclass(frozen=True)
class Entry:
    """One tag: its type, how many values, and where in the file they begin."""

    type: int
    count: int
    offset: int

    @property
    def size(self) -> int:
        """How many bytes the values take; 0 for a type that the format does not know."""
        return _BYTES_OF_TYPE.get(self.type, 0) * self.count


@dataclass(frozen=True)
class TiffPage:
    """One directory.

    Attributes:
        offset: where it begins.
        kind: ``picture``, ``reduced`` (a level of a pyramid, a preview) or ``mask``.
        entries: its tags.
    """

    offset: int
    kind: Literal["picture", "reduced", "mask"]
    entries: Mapping[int, Entry]


@dataclass(frozen=True)
class TiffHeader:
    """What the directories of a file say.

    Attributes:
        file: open for reading, seekable.
        order: ``<`` or ``>``, the byte order, as :mod:`struct` writes it.
        big: whether it is a BigTIFF.
        size: of the file in bytes.
        pages: in the order of the chain.
        complete: whether the chain ended before ``MOST_PAGES``.
    """

    file: BinaryIO
    order: str
    big: bool
    size: int
    pages: tuple[TiffPage, ...] = field(repr=False)
    complete: bool

    @property
    def pictures(self) -> tuple[int, ...]:
        """The places of the pages that are pictures: neither levels of a pyramid nor masks."""
        return tuple(place for place, page in enumerate(self.pages) if page.kind == "picture")

    def data(self, page: TiffPage, tag: int) -> bytes:
        """Return the bytes of a tag's values; empty where it is missing or does not lie in the file."""
        entry = page.entries.get(tag)
        if entry is None or entry.offset + entry.size > self.size:
            return b""
        self.file.seek(entry.offset)
        return self.file.read(entry.size)

    def numbers(self, page: TiffPage, tag: int) -> tuple[Any, ...]:
        """Return the values of a tag of numbers; empty where it is missing, damaged or no number."""
        entry = page.entries.get(tag)
        data = self.data(page, tag)
        if entry is None or entry.type not in _FORMAT_OF_TYPE or not data:
            return ()
        return struct.unpack(f"{self.order}{entry.count}{_FORMAT_OF_TYPE[entry.type]}", data)

    def number(self, page: TiffPage, tag: int, default: int) -> int:
        """Return the first value of a tag of whole numbers."""
        values = self.numbers(page, tag)
        return int(values[0]) if values else default

    def outside(self, page: TiffPage) -> tuple[int, ...]:
        """Return the tags whose values do not lie in the file, or are more than it could hold all together."""
        total, found = 0, []
        for tag, entry in sorted(page.entries.items(), key=lambda item: item[0] not in PIXEL_TAGS):
            if entry.size <= (8 if self.big else 4):
                continue
            total += entry.size
            if entry.offset + entry.size > self.size or total > self.size:
                found.append(tag)
        return tuple(found)

    def unbounded(self, page: TiffPage) -> tuple[int, ...]:
        """Return which of the tags of EXIF and of the place lead to a directory that is damaged or has no end."""
        found = []
        for tag in _DIRECTORIES:
            offset = self.number(page, tag, 0)
            if not offset:
                continue
            try:
                below, _ = _read_page(self.file, offset, self.order, self.big, self.size, 1)
            except TiffError:
                found.append(tag)
            else:
                if sum(entry.size for entry in below.entries.values()) > self.size:
                    found.append(tag)
        return tuple(found)

    def without(self, page: TiffPage, tags: tuple[int, ...]) -> bytes:
        """Return the file's bytes with a page that lacks some tags; all else stays at its place."""
        self.file.seek(0)
        content = bytearray(self.file.read())
        head, width = (8, 20) if self.big else (2, 12)
        begin = page.offset + head
        count = struct.unpack_from(self.order + ("Q" if self.big else "H"), content, page.offset)[0]
        entries = [bytes(content[at : at + width]) for at in range(begin, begin + width * count, width)]
        kept = [entry for entry in entries if struct.unpack(self.order + "H", entry[:2])[0] not in tags]
        end = begin + width * count
        following = bytes(content[end : end + (8 if self.big else 4)])
        patch = struct.pack(self.order + ("Q" if self.big else "H"), len(kept)) + b"".join(kept) + following
        content[page.offset : page.offset + len(patch)] = patch
        return bytes(content)


def is_tiff(file: BinaryIO) -> bool:
    """Whether a file begins as a TIFF does; it is left at its begin."""
    begin = file.read(4)
    file.seek(0)
    return begin in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"MM*\0", b"II\0*")  # the last two: Pillow's tolerance


def read_header(file: BinaryIO) -> TiffHeader:
    """Walk the chain of directories, up to ``MOST_PAGES``; where it returns to itself it ends.

    Raises:
        TiffError: a directory is not in the file, or has too many tags.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    begin = file.read(16)
    order, big = ("<" if begin[:2] == b"II" else ">"), begin[2:4] in (b"+\0", b"\0+")
    if len(begin) < (16 if big else 8):
        raise TiffError("corrupt or truncated (the file ends within its header)")
    offset = struct.unpack_from(order + ("Q" if big else "I"), begin, 8 if big else 4)[0]
    pages: list[TiffPage] = []
    seen: set[int] = set()
    tags = 0
    while offset and offset not in seen and len(pages) < MOST_PAGES and tags < _MOST_TAGS:
        seen.add(offset)
        page, offset = _read_page(file, offset, order, big, size, len(pages) + 1)
        tags += len(page.entries)
        pages.append(page)
    if not pages:
        raise TiffError("corrupt or truncated (it holds no page)")
    return TiffHeader(file, order, big, size, tuple(pages), complete=not offset or offset in seen)


def is_bounded_exif(data: bytes) -> bool:
    """Whether the values of EXIF are no more than its bytes; Pillow before 13 reads them as often as they are named."""
    data = data[6:] if data.startswith(b"Exif\0\0") else data
    try:
        header = read_header(io.BytesIO(data))
    except (TiffError, struct.error):
        return True  # Pillow says what is wrong
    values = sum(entry.size for entry in header.pages[0].entries.values())
    return values <= header.size and not header.unbounded(header.pages[0])


def _read_page(file: BinaryIO, offset: int, order: str, big: bool, size: int, number: int) -> tuple[TiffPage, int]:
    """Return a page and where the next one begins."""
    head, width, layout = (8, 20, "HHQ") if big else (2, 12, "HHI")
    short = TiffError(f"corrupt or truncated (the directory of page {number} does not lie in the file)")
    if offset + head > size:
        raise short
    file.seek(offset)
    count = struct.unpack(order + ("Q" if big else "H"), file.read(head))[0]
    pointer = 8 if big else 4
    if count > 65535 or offset + head + count * width + pointer > size:
        raise short
    data = file.read(count * width + pointer)
    entries: dict[int, Entry] = {}
    inline = struct.calcsize("<" + layout)
    for place in range(0, count * width, width):
        tag, kind, values = struct.unpack_from(order + layout, data, place)
        entry = Entry(kind, values, offset + head + place + inline)
        if entry.size > pointer:
            entry = Entry(kind, values, struct.unpack_from(order + ("Q" if big else "I"), data, place + inline)[0])
        entries.setdefault(tag, entry)
    subfile = _small_number(data, entries, _SUBFILE_TYPE, order, offset + head)
    old = _small_number(data, entries, _OLD_SUBFILE_TYPE, order, offset + head)
    page_kind: Literal["picture", "reduced", "mask"] = (
        "mask" if subfile & _MASK else "reduced" if subfile & _REDUCED or old == _OLD_REDUCED else "picture"
    )
    (following,) = struct.unpack_from(order + ("Q" if big else "I"), data, count * width)
    return TiffPage(offset, page_kind, entries), following


def _small_number(data: bytes, entries: Mapping[int, Entry], tag: int, order: str, begin: int) -> int:
    """Return a whole number that stands in the directory itself; 0 without it."""
    entry = entries.get(tag)
    if entry is None or entry.count != 1 or entry.type not in (1, 3, 4):
        return 0
    return int(struct.unpack_from(order + _FORMAT_OF_TYPE[entry.type], data, entry.offset - begin)[0])
