"""What a picture file says beside its pixels, and what of that stays true of a picture made from it. No torch."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image, PngImagePlugin, TiffImagePlugin

from i2i.images.colour_profiles import srgb_profile
from i2i.images.georeference import Georeference
from i2i.images.png import MOST_BESIDE
from i2i.images.tiff_header import TiffHeader, TiffPage

_EXIF_DIRECTORY, _PLACE_DIRECTORY = 0x8769, 0x8825
_DESCRIPTION, _SOFTWARE = 0x010E, 0x0131
_KEPT_TAGS = (
    _DESCRIPTION,
    0x010F,  # Make
    0x0110,  # Model
    _SOFTWARE,
    0x0132,  # DateTime
    0x013B,  # Artist
    0x8298,  # Copyright
)
_DROPPED_TAGS = frozenset(
    {
        0x9101,  # ComponentsConfiguration: how the old file's samples lie
        0x9102,  # CompressedBitsPerPixel
        0x927C,  # MakerNote: holds offsets into the old file
        0xA001,  # ColorSpace: of the old numbers; a colour profile says it where it is handed on
        0xA002,  # PixelXDimension: wrong once the picture was turned upright
        0xA003,  # PixelYDimension
        0xA005,  # the pointer to the interoperability directory, which names a colour space
        0xA301,  # SceneType: "directly photographed"
        0xA302,  # CFAPattern: of the sensor
        0xA420,  # ImageUniqueID: of the other picture
        0xA500,  # Gamma
    }
)
_DROPPED_IF_TURNED = frozenset(
    {
        0x9214,  # SubjectArea
        0xA214,  # SubjectLocation
        0xA20E,  # FocalPlaneXResolution
        0xA20F,  # FocalPlaneYResolution
    }
)
_COLOUR_SPACE = 0xA001
_SRGB = 1
_COLOUR_SPACES = {"RGB": b"RGB ", "RGBA": b"RGB ", "L": b"GRAY", "LA": b"GRAY", "I;16": b"GRAY"}
_MOST_DPI = {"JPEG": 2**16}
_MACHINE_TEXT = re.compile(r"\s*([{\[<]|Aperio|ImageJ=|SCIFIO=|[\w.\[\]]+\s*=)")
"""How a description begins that a program wrote for programs: OME-XML, JSON, ImageJ's and others' ``key=value``."""


@dataclass(frozen=True)
class Metadata:
    """What is handed on from a picture to its translation.

    Attributes:
        exif: description, camera, dates, author, copyright, exposure and place, as EXIF; empty when there are none.
            Orientation, preview and maker notes are not among them, nor what describes the old pixels.
        icc_profile: the colour profile, or empty.
        dpi: dots per inch, across and down.
        exif_damaged: whether there was EXIF that cannot be read or written again; ``exif`` is empty then.
        georeference: where on earth the picture lies, of a GeoTIFF; ``None`` without it.
        texts: keyword and text of what describes a PNG in words.
        notes: what was of value and is left out, whatever the output is.
        opacity: whether the last of 2 or 4 channels of the output is its opacity.
    """

    exif: bytes = b""
    icc_profile: bytes = b""
    dpi: tuple[float, float] | None = None
    exif_damaged: bool = False
    georeference: Georeference | None = None
    texts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    opacity: bool = False

    def save_options(self, mode: str, format_name: str) -> dict[str, Any]:
        """Return what to pass to ``Image.save`` for a picture of this mode; what does not fit it is left out."""
        options: dict[str, Any] = {}
        if self.exif and format_name != "BMP":
            options["exif"] = self.exif
        if self._profile_fits(mode, format_name):
            options["icc_profile"] = self.icc_profile
        if self.dpi and max(self.dpi) < _MOST_DPI.get(format_name, math.inf):
            options["dpi"] = self.dpi
        if self.texts and format_name == "PNG":
            options["pnginfo"] = _png_texts(self.texts)
        if self.georeference and format_name == "TIFF":
            options["tiffinfo"] = self._tiff_tags()
            options.pop("exif", None)
        return options

    def losses(self, mode: str, format_name: str) -> Iterator[str]:
        """Yield a note on each thing of value that a picture of this mode, in this format, does not take over."""
        yield from self.notes
        if self.exif_damaged:
            yield "its EXIF data are damaged and were left out"
        is_srgb = self.icc_profile and self.icc_profile == srgb_profile()  # what has no profile is of sRGB, too
        if self.icc_profile and not is_srgb and not self._profile_fits(mode, format_name):
            yield "its colour profile was left out, for " + self._why_no_profile(mode, format_name)
        if self.exif and format_name == "BMP":
            yield "its EXIF data were left out, for BMP holds none"
        if self.dpi and "dpi" not in self.save_options(mode, format_name):
            yield f"its resolution was left out, for {format_name} does not hold one so fine"
        if self.texts and format_name != "PNG":
            yield f"its texts ({', '.join(keyword for keyword, _ in self.texts)}) were left out, for they are PNG's"
        if self.georeference and format_name != "TIFF":
            yield "its place on earth was left out, for TIFF alone holds it; write TIFF (--format tiff) to keep it"

    def _profile_fits(self, mode: str, format_name: str) -> bool:
        return self.icc_profile != b"" and not self._why_no_profile(mode, format_name)

    def _why_no_profile(self, mode: str, format_name: str) -> str:
        wanted = _COLOUR_SPACES.get(mode)
        if self.icc_profile[16:20] != wanted:
            is_for = {b"GRAY": "grey", b"RGB ": "RGB", b"CMYK": "CMYK"}.get(self.icc_profile[16:20], "other colours")
            return f"it is for {is_for}, and the result is {'RGB' if wanted == b'RGB ' else 'grey'}"
        if format_name == "BMP":
            return "BMP holds none"
        if format_name == "PNG" and len(self.icc_profile) > MOST_BESIDE:
            return "in a PNG most programs read up to a megabyte"
        return ""

    def _tiff_tags(self) -> TiffImagePlugin.ImageFileDirectory_v2:
        """The place on earth together with EXIF: Pillow's TIFF writer takes one of the two."""
        assert self.georeference is not None
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        exif = Image.Exif()
        if self.exif:
            exif.load(self.exif)
        for tag in exif:
            tags[tag] = exif.get_ifd(tag) if tag in (_EXIF_DIRECTORY, _PLACE_DIRECTORY) else exif[tag]
        for tag, (kind, value) in self.georeference.tags.items():
            tags.tagtype[tag] = kind
            tags[tag] = value
        return tags


def take_metadata(
    image: Image.Image, *, exif: Image.Exif | None = None, turned: bool = False, broken: bool = False
) -> Metadata:
    """Collect the metadata of a picture while its file is open, after its pixels were loaded.

    Args:
        image: the picture, with what Pillow found in its file.
        exif: its EXIF, unless Pillow is to find it.
        turned: whether width and height were exchanged to bring it upright.
        broken: whether its EXIF is known to be damaged.
    """
    profile = image.info.get("icc_profile")
    dpi = _dpi(image.info.get("dpi"))
    found = Metadata(
        icc_profile=profile if isinstance(profile, bytes) else b"", dpi=dpi and (dpi[::-1] if turned else dpi)
    )
    if broken:
        return replace(found, exif_damaged=True)
    try:
        source = image.getexif() if exif is None else exif
        notes = tuple(_notes(image, source, bool(found.icc_profile)))
        return replace(found, exif=_exif(source, turned), notes=notes)
    except Exception:  # Pillow's parser raises many types for damaged data
        return replace(found, exif_damaged=True)


def in_srgb_beside(beside: Any) -> Any:
    """What stood beside a picture whose colours were converted to sRGB: with that profile in place of its own."""
    if not isinstance(beside, Metadata):
        return beside
    return replace(beside, icc_profile=srgb_profile() if beside.icc_profile else b"")


def is_for_machines(text: Any) -> bool:
    """Whether a description was written by a program for programs, which would take it for true of other pixels."""
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    return isinstance(text, str) and _MACHINE_TEXT.match(text) is not None


def _exif(source: Image.Exif, turned: bool = False) -> bytes:
    kept = Image.Exif()
    for tag in _KEPT_TAGS:
        if tag in source and not (tag in (_DESCRIPTION, _SOFTWARE) and is_for_machines(source[tag])):
            kept[tag] = _as_written(source[tag])
    dropped = _DROPPED_TAGS | _DROPPED_IF_TURNED if turned else _DROPPED_TAGS
    for directory in (_EXIF_DIRECTORY, _PLACE_DIRECTORY):
        entries = {tag: value for tag, value in source.get_ifd(directory).items() if tag not in dropped}
        if entries:
            kept[directory] = entries
    return kept.tobytes() if len(kept) else b""


def _notes(image: Image.Image, exif: Image.Exif, has_profile: bool) -> Iterator[str]:
    if is_for_machines(exif.get(_DESCRIPTION)):
        yield "its description (of axes, type or scale, for programs) was left out, for it tells of other pixels"
    space = exif.get_ifd(_EXIF_DIRECTORY).get(_COLOUR_SPACE, _SRGB)
    if space != _SRGB and not has_profile:
        yield f"its colour space (EXIF: {'Adobe RGB' if space == 2 else 'other than sRGB'}) was left out"
    gamma = image.info.get("gamma")
    if isinstance(gamma, float) and not has_profile and "srgb" not in image.info and abs(gamma - 1 / 2.2) > 0.01:
        yield f"its gamma ({gamma:g}) was left out; it was not applied either"
    across, down = image.info.get("aspect") or (1, 1)
    if across != down:
        yield f"the shape of its pixels ({across}:{down}) was left out"
    further = getattr(image, "n_frames", 1) - 1 if image.format == "MPO" else 0
    if further:
        yield f"{further} further pictures in it (previews, a second eye or brighter parts) were left out"
    elif b"hdrgm:Version" in _applications(getattr(image, "applist", ())):
        yield "its gain map (the brighter parts of an HDR photograph) was left out"


def _applications(segments: Iterable[tuple[str, bytes]]) -> bytes:
    return b"".join(content for name, content in segments if name == "APP1")


def _png_texts(texts: tuple[tuple[str, str], ...]) -> PngImagePlugin.PngInfo:
    written = PngImagePlugin.PngInfo()
    for keyword, text in texts:
        written.add_text(keyword, text)  # which takes iTXt for letters beyond Latin-1
    return written


def _as_written(value: Any) -> Any:
    """Undo what Pillow makes of a text: it reads bytes as Latin-1 and would write everything beyond ASCII as ``?``."""
    return value.encode("latin-1") if isinstance(value, str) and not value.isascii() else value


def _dpi(value: Any) -> tuple[float, float] | None:
    try:
        across, down = (float(number) for number in value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    usable = all(math.isfinite(number) and 1 < number < 2**24 for number in (across, down))  # 1: TIFF's for unknown
    return (across, down) if usable else None


def profile_and_resolution(header: TiffHeader, page: TiffPage) -> dict[str, Any]:
    """Return profile and resolution of a TIFF file under the names that Pillow gives them."""
    info: dict[str, Any] = {}
    if profile := header.data(page, 34675):
        info["icc_profile"] = profile
    unit = {2: 1.0, 3: 2.54}.get(header.number(page, 296, 2))
    dpi = [_rational(header, page, tag) for tag in (282, 283)]
    if unit and all(dpi):
        info["dpi"] = (dpi[0] * unit, dpi[1] * unit)
    return info


def _rational(header: TiffHeader, page: TiffPage, tag: int) -> float:
    data = header.data(page, tag)
    above, below = struct.unpack(header.order + "2I", data) if len(data) == 8 else (0, 0)
    return above / below if below else 0.0
