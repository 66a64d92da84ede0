"""What the pixels of a TIFF file are, and which library reads them right. No torch.

Pillow reads most kinds; some it reads as something else, or not at all, and those are tifffile's. What neither turns
into grey or RGB is refused by its bits, samples and compression.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, BinaryIO, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from i2i.environment.packages import pip_install
from i2i.images.metadata import profile_and_resolution
from i2i.images.tiff_header import TiffError, TiffHeader, TiffPage

_COMPRESSIONS = {
    1: "none",
    2: "CCITT RLE",
    3: "CCITT fax 3",
    4: "CCITT fax 4",
    5: "LZW",
    6: "old JPEG",
    7: "JPEG",
    8: "Deflate",
    32773: "PackBits",
    32946: "Deflate",
    33003: "JPEG 2000",
    33004: "JPEG 2000",
    33005: "JPEG 2000",
    34676: "SGI LogLuv",
    34712: "JPEG 2000",
    34887: "LERC",
    34892: "lossy JPEG",
    34925: "LZMA",
    34933: "PNG",
    34934: "JPEG XR",
    50000: "Zstandard",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}
_PILLOWS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 34925, 50000})
"""Compressions that Pillow's own TIFF library reads."""

_COLOURS = {
    0: "grey",
    1: "grey",
    2: "RGB",
    3: "palette",
    4: "mask",
    5: "CMYK",
    6: "YCbCr",
    8: "CIELab",
    9: "ICCLab",
    10: "ITULab",
    32803: "raw sensor",
    32844: "LogL",
    32845: "LogLuv",
    34892: "linear raw",
}
_GREYS, _RGB, _PALETTE, _CMYK, _YCBCR = (0, 1), 2, 3, 5, 6
_SAMPLE_FORMATS = {2: "signed integer", 3: "floating-point", 5: "complex integer", 6: "complex floating-point"}
_ASSOCIATED, _UNASSOCIATED = 1, 2

_SUB_PAGES, _COLOUR_MAP = 330, 320

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # what it finds is said in exceptions as well


@dataclass(frozen=True)
class TiffPicture:
    """How the page that is the picture has to be read.

    Attributes:
        frame: the page's place in the chain.
        mask: the place of the page that says which pixels are valid, if there is one.
        size: width and height, as stored.
        orientation: how the stored picture lies, 1 to 8 as in EXIF.
        reader: ``pillow`` or ``tifffile``.
        bits: of a sample.
        colours: 1 or 3, how many of the first samples are the colours.
        alpha: the place of the sample that is the opacity, if there is one.
        associated: whether the colours were multiplied by it.
        inverted: whether 0 is white.
        notes: what of the file the picture lacks, or what was assumed.
        obstacle: why tifffile cannot read it; empty where it can.
    """

    frame: int
    mask: int | None
    size: tuple[int, int]
    orientation: int
    reader: Literal["pillow", "tifffile"]
    bits: int
    colours: Literal[1, 3]
    alpha: int | None
    associated: bool
    inverted: bool
    notes: tuple[str, ...]
    obstacle: str


def examine(header: TiffHeader) -> TiffPicture:
    """Find the page that is the picture, and how it has to be read.

    Raises:
        TiffError: there are several pictures, a needed tag is damaged, or the pixels are of a kind that is not read.
    """
    frame = only_picture(header)
    page = header.pages[frame]
    damaged = [tag for tag in header.outside(page) if tag in _NEEDED and tag in page.entries]
    if damaged:
        raise TiffError(f"corrupt or truncated (the values of tag {damaged[0]} do not lie in the file)")
    masks = [place for place in range(frame + 1, len(header.pages)) if header.pages[place].kind == "mask"]
    size = (header.number(page, 256, 0), header.number(page, 257, 0))
    same = [place for place in masks if _size(header, place) == size]
    return SampleTags(header, page).picture(frame, same[0] if same else None, size)


_NEEDED = frozenset({256, 257, 258, 259, 262, 273, 277, 279, 320, 322, 323, 324, 325})


def _size(header: TiffHeader, place: int) -> tuple[int, int]:
    page = header.pages[place]
    return header.number(page, 256, 0), header.number(page, 257, 0)


def only_picture(header: TiffHeader) -> int:
    """Return the place of the page that is the picture.

    Raises:
        TiffError: there are several, or none that is whole.
    """
    pictures = header.pictures
    if len(pictures) > 1:
        many = len(pictures) if header.complete else f"more than {len(pictures)}"
        raise TiffError(f"{many} frames or pages; save each as a file of its own")
    if not header.complete:
        raise TiffError(f"more than {len(header.pages)} pages; save the picture as a file of its own")
    if pictures:
        return pictures[0]
    if _SUB_PAGES in header.pages[0].entries:
        raise TiffError(
            "its page is a small preview, and the picture is in a page below it, as in a camera's raw files; "
            "develop or convert it to a TIFF of 8 or 16 bits"
        )
    return 0


class SampleTags:
    """The tags that say what the pixels are."""

    def __init__(self, header: TiffHeader, page: TiffPage) -> None:
        self.big_endian = header.order == ">"
        self.foreign = header.big and self.big_endian  # Pillow does not know a BigTIFF of this byte order
        self.compression = header.number(page, 259, 1)
        self.photometric = header.number(page, 262, 0)
        self.planar = header.number(page, 284, 1) == 2
        self.fill_order = header.number(page, 266, 1)
        self.orientation = header.number(page, 274, 1)
        self.extras = tuple(int(extra) for extra in header.numbers(page, 338))
        least = 3 if self.photometric == _YCBCR and self.compression in (6, 7) else 1
        self.count = max(header.number(page, 277, least), 1)
        bits = tuple(int(bits) for bits in header.numbers(page, 258)) or (1,)
        self.all_bits = bits * self.count if len(bits) == 1 else bits[: self.count]
        self.bits = self.all_bits[0]
        formats = {int(value) for value in header.numbers(page, 339)} - {1, 4}  # 4: not said
        self.format = formats.pop() if formats else 1

    @property
    def described(self) -> str:
        """All of it in words, such as ``5 samples of 16 bits, grey, LZW``."""
        kind = _SAMPLE_FORMATS.get(self.format, "")
        bits = " + ".join(map(str, self.all_bits)) if len(set(self.all_bits)) > 1 else str(self.bits)
        samples = f"{self.count} samples of {bits} bits" if self.count > 1 else f"1 sample of {bits} bits"
        colours = _COLOURS.get(self.photometric, f"photometric {self.photometric}")
        packing = _COMPRESSIONS.get(self.compression, f"number {self.compression}")
        packed = "not compressed" if self.compression == 1 else f"compression {packing}"
        order = "big-endian BigTIFF" if self.foreign else ""
        return ", ".join(filter(None, [f"{samples} a pixel", kind, colours, packed, order]))

    def picture(self, frame: int, mask: int | None, size: tuple[int, int]) -> TiffPicture:
        """How they are read as a picture; a TiffError where they are none."""
        self._refuse()
        colours: Literal[1, 3] = 1 if self.photometric in (*_GREYS, _PALETTE) else 3
        notes = []
        if self.photometric in _GREYS and self.count - len(self._alphas) == 3 and self._alphas in ([], [3]):
            colours = 3  # GDAL and others call three bands of 16 bits grey with two further samples
            notes.append("its three bands were taken as red, green and blue, which the file does not say")
        alpha = self._alphas[0] if self._alphas else None
        if alpha is None and self.photometric == _RGB and self.count == 4 and not self.extras:
            alpha = 3  # the tag that says so is missing, and no other fourth sample is common
        used = colours + (alpha is not None)
        if self.photometric not in (_CMYK, _YCBCR) and self.count > used:
            notes.append(f"of its {self.count} bands, {self.count - used} beyond colours and opacity were left out")
        associated = alpha is not None and bool(self.extras) and self.extras[alpha - self._first_extra] == _ASSOCIATED
        obstacle = self._obstacle()
        reader: Literal["pillow", "tifffile"] = "pillow" if self._is_pillows(colours, associated) else "tifffile"
        if reader == "tifffile" and obstacle:
            raise TiffError(obstacle)
        return TiffPicture(
            frame,
            mask,
            size,
            self.orientation,
            reader,
            self.bits,
            colours,
            alpha,
            associated,
            self.photometric == 0,
            tuple(notes),
            obstacle,
        )

    @property
    def _first_extra(self) -> int:
        return self.count - len(self.extras)

    @property
    def _alphas(self) -> list[int]:
        """The places of the samples that are opacities."""
        return [
            self._first_extra + place
            for place, extra in enumerate(self.extras)
            if extra in (_ASSOCIATED, _UNASSOCIATED, 999)  # 999: Corel Draw's
        ]

    def _refuse(self) -> None:
        if self.format != 1:
            raise TiffError(
                f"{_SAMPLE_FORMATS.get(self.format, 'unknown')} samples are not supported ({self.described}): which "
                "values are black and white is not said; convert it to unsigned integers of 8 or 16 bits"
            )
        if self.photometric not in (*_GREYS, _RGB, _PALETTE, _CMYK, _YCBCR):
            colours = _COLOURS.get(self.photometric, f"photometric {self.photometric}")
            raise TiffError(f"{colours} colours are not supported ({self.described}); convert it to grey or RGB")
        if self.photometric == _YCBCR and self.compression == 1:
            raise TiffError(f"YCbCr colours are read with compression alone ({self.described}); convert it to RGB")
        if len(set(self.all_bits)) > 1 or self.bits not in (1, 2, 4, 8, 16):
            raise TiffError(
                f"{' + '.join(map(str, sorted(set(self.all_bits))))} bits a sample are not supported "
                f"({self.described}); convert it to 8 or 16 bits"
            )
        extras = self.count - (3 if self.photometric in (_RGB, _YCBCR) else 4 if self.photometric == _CMYK else 1)
        if extras < 0 or len(self.extras) > max(extras, 0):
            raise TiffError(f"corrupt or truncated (its tags contradict each other: {self.described})")
        if self.photometric in _GREYS and extras > 2 and not (extras == 3 and self._alphas == [3]):
            raise TiffError(
                f"{self.count} bands, and which are red, green and blue is not said ({self.described}); keep one or "
                "three of them, such as with gdal_translate -b 1 -b 2 -b 3 -colorinterp red,green,blue"
            )
        if self.bits < 8 and extras:
            raise TiffError(f"several samples of {self.bits} bits are not supported ({self.described}); use 8 bits")

    def _obstacle(self) -> str:
        """Why tifffile cannot read it as a picture, or an empty string."""
        if self.photometric in (_PALETTE, _CMYK, _YCBCR) or self.bits < 8 or self.fill_order != 1:
            return f"this kind of TIFF is not supported ({self.described}); convert it to RGB of 8 bits"
        return self.missing_package

    @property
    def missing_package(self) -> str:
        """What to install for tifffile to read the compression, or an empty string."""
        if self.compression not in (1, 8, 32946, 34925, 32773) and find_spec("imagecodecs") is None:
            return (
                f"{_COMPRESSIONS.get(self.compression, f'number {self.compression}')} in a TIFF of this kind "
                f"({self.described}) takes the extra tiff: {pip_install('i2i[tiff]')}, or save it without compression"
            )
        return ""

    def _is_pillows(self, colours: int, associated: bool) -> bool:
        """Whether Pillow reads it, and as what it is."""
        if self.compression not in _PILLOWS or self.foreign:
            return False
        extras = self.extras or (0,) * (self.count - colours)
        if self.photometric in (_CMYK, _YCBCR):
            return True
        if self.photometric in _GREYS:
            negative = self.bits == 16 and self.photometric == 0 and (self.fill_order != 1 or self.big_endian)
            plain = not extras and not negative
            one_more = self.bits == 8 and extras in ((0,), (2,)) and bool(self.extras) and self.photometric == 1
            return colours == 1 and not (associated or (self.planar and one_more)) and (plain or one_more)
        if self.photometric == _PALETTE:
            return not extras or (self.bits == 8 and extras in ((0,), (2,)) and not self.planar)
        if self.planar:  # uncompressed planes of 16 bits become noise; further ones shift what is alpha
            read = self.compression != 1 if self.bits == 16 or extras else True
            return read and len(extras) <= 1 and self.fill_order == 1
        if self.bits == 16:
            return len(extras) <= 1 and self.fill_order == 1
        return len(extras) <= 3 and not any(extras[1:]) and (self.fill_order == 1 or not extras)


def read_with_tifffile(header: TiffHeader, picture: TiffPicture, file: BinaryIO) -> Image.Image:
    """Decode what Pillow cannot.

    Returns:
        A Pillow image of mode ``L``, ``LA``, ``RGB`` or ``RGBA``; of 16 bits the upper 8. 16-bit grey that is opaque
        is of mode ``I;16``.

    Raises:
        TiffError: the data are not there in full.
        Exception: whatever tifffile raises for damaged data.
    """
    samples = read_page(header, picture.frame, file)
    image = _to_picture(_visible(samples, picture), deep=picture.colours == 1 and picture.alpha is None)
    image.info.update(profile_and_resolution(header, header.pages[picture.frame]))
    return image


def read_mask(header: TiffHeader, picture: TiffPicture, file: BinaryIO) -> Image.Image:
    """Decode the page that says which pixels are valid, as ``L``: 255 where they are, 0 elsewhere."""
    assert picture.mask is not None
    valid = read_page(header, picture.mask, file)[:, :, 0] > 0
    return Image.fromarray(np.uint8(255) * valid.astype(np.uint8))


def with_mask(image: Image.Image, mask: Image.Image) -> Image.Image:
    """Make transparent what a mask says is not part of a picture; of 16 bits the upper 8 are left then."""
    if image.mode.startswith("I;16"):
        info = image.info
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        image.info = info
    result = image.convert("LA" if image.mode in ("1", "L", "LA") else "RGBA")
    opacity = np.minimum(np.asarray(result.getchannel("A")), np.asarray(mask))
    result.putalpha(Image.fromarray(opacity))
    return result


def repair_palette(image: Image.Image, header: TiffHeader, picture: TiffPicture) -> None:
    """Read a palette of 8 bits as one: some programs write it into the tag's 16 without scaling it."""
    levels = header.numbers(header.pages[picture.frame], _COLOUR_MAP)
    if image.mode in ("P", "PA") and levels and max(levels) < 256:
        image.putpalette(bytes(np.array(levels, np.uint8).reshape(3, -1).T.ravel()))


def read_page(header: TiffHeader, frame: int, file: BinaryIO) -> npt.NDArray[Any]:
    """Decode one page to ``[H, W, samples]``.

    Raises:
        TiffError: the data are not there in full.
        Exception: whatever tifffile raises for damaged data.
    """
    import tifffile  # costs a start-up, and few files need it

    file.seek(0)
    with tifffile.TiffFile(file) as opened:
        page = opened.pages[frame]
        assert isinstance(page, tifffile.TiffPage)
        ends = (offset + count for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True))
        if max(ends, default=0) > header.size:
            raise TiffError("corrupt or truncated (its pixels do not all lie in the file)")
        array = page.asarray(maxworkers=1)
        planar = int(page.planarconfig) == 2 and array.ndim == 3
    array = np.moveaxis(array, 0, 2) if planar else array
    return array if array.ndim == 3 else array[:, :, None]


def _visible(samples: npt.NDArray[Any], picture: TiffPicture) -> npt.NDArray[Any]:
    """Return colours, and opacity if there is one, of ``[H, W, samples]``."""
    colours = samples[:, :, : picture.colours]
    most = np.iinfo(colours.dtype).max
    if picture.inverted:
        colours = most - colours
    if picture.alpha is None:
        return colours
    alpha = samples[:, :, picture.alpha, None]
    if picture.associated:
        divided = colours.astype(np.float64) * most / np.maximum(alpha, 1)
        colours = divided.round().clip(0, most).astype(colours.dtype)
    return np.concatenate([colours, alpha], axis=2)


def _to_picture(samples: npt.NDArray[Any], *, deep: bool) -> Image.Image:
    """Make a Pillow image; of 16 bits it has the upper 8, as Pillow does it, unless deep."""
    if samples.dtype == np.uint16 and not deep:
        samples = (samples >> 8).astype(np.uint8)
    planes = samples[:, :, 0] if samples.shape[2] == 1 else samples
    return Image.fromarray(np.ascontiguousarray(planes.astype(planes.dtype.newbyteorder("="))))
