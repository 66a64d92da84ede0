"""The formats of image files that are installed: reading a file by the one that knows it, and writing. No torch.

Which formats there are is told by plugins, i2i's own among them. A format is known by the file's suffix; where that
says nothing, by the first bytes, and what no other format claims is taken for a picture of the built-in ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from i2i.errors import ConfigError, DataError, I2IError, PluginError, reason_of, shown
from i2i.images.contents import as_picture, cut, is_inside, read_in_srgb, require_channels, samples_of
from i2i.images.decoding import FORMAT_OF_SUFFIX, check_mode
from i2i.images.glance import Glance
from i2i.images.limits import DEFAULT_MAX_PIXELS, Color
from i2i.images.opacity import with_opacity
from i2i.images.reading import to_opaque
from i2i.images.refusals import picture_of_content
from i2i.images.unusable import UnusableImageError, opened, require_file, require_pixels
from i2i.images.writing import in_memory, write_image
from i2i.plugins.calls import Called, calling, lacks_memory, mark, show_trace
from i2i.plugins.component_options import Options, parse_options
from i2i.plugins.image_formats import Box, ImageHeader, ImageReader, ReadImage
from i2i.plugins.manager import PluginManager
from i2i.plugins.specs import ReaderSpec

BEGIN = 512
"""Bytes of a file by which its format is found where its name does not tell."""

PICTURES = "PNG"
"""The reader of what no other one claims: it reads all built-in formats."""

Source = Path | BinaryIO


class Readers:
    """The installed formats of image files; each is looked up, and its reader built, when it is first needed.

    It can be sent to processes that load, which read by those readers that were built before.

    Args:
        manager: the plugins; those that are installed if not given.
        chosen: options of readers, each with the reader's ``name``, as a run keeps them.
        color: ``"srgb"`` applies the colour profiles of pictures, and reads those of CMYK; values are never touched.
    """

    def __init__(
        self,
        manager: PluginManager | None = None,
        chosen: Sequence[Mapping[str, Any]] = (),
        *,
        color: Color = "keep",
    ) -> None:
        self._manager = manager
        self.chosen = tuple(chosen)
        self.color = color

    def with_color(self, color: Color) -> Readers:
        """The same readers, those that were built and those that will be, and what they make of colours."""
        same = Readers(self._manager, self.chosen, color=color)
        same._formats = self._formats
        return same

    @cached_property
    def _formats(self) -> dict[str, _Format]:
        """Each format by its name, in capitals."""
        manager = self._manager or PluginManager()
        options = {str(each["name"]): {k: v for k, v in each.items() if k != "name"} for each in self.chosen}
        found: dict[str, _Format] = {}
        for component in manager.components(ReaderSpec.kind):
            spec = component.spec
            assert isinstance(spec, ReaderSpec)
            name = spec.name.upper()
            owners = [*(found[name].owners if name in found else ()), component.called]
            found[name] = _Format(name, spec.suffixes, owners, spec, options.get(spec.name, {}))
        return found

    @cached_property
    def suffixes(self) -> tuple[str, ...]:
        """The suffixes (in lower case) that make a file an image: those of pictures first."""
        found = {suffix for each in self._formats.values() for suffix in each.suffixes}
        pictures = [suffix for suffix in FORMAT_OF_SUFFIX if suffix in found]
        return (*pictures, *sorted(found - FORMAT_OF_SUFFIX.keys()))

    @property
    def used(self) -> dict[str, Options]:
        """The readers of packages other than i2i that were built, with their options."""
        return {
            each.owner.name: each.options
            for each in self._formats.values()
            if each.is_built and each.owner.package != "i2i"
        }

    @property
    def identity(self) -> str:
        """A text that differs where other packages, or options, read the formats."""
        return "; ".join(
            f"{each.name} {[called.owner for called in each.owners]} {each.values}" for each in self._formats.values()
        )

    @property
    def formats(self) -> tuple[str, ...]:
        """The names of the formats, in capitals."""
        return tuple(self._formats)

    def format_of(self, path: Path) -> str | None:
        """The format that a file's suffix says it has; None for no image's.

        Raises:
            PluginError: two packages claim the suffix.
        """
        suffix = path.suffix.lower()
        claiming = [name for name, each in self._formats.items() if suffix in each.suffixes]
        if len(claiming) > 1:
            owners = " and ".join(str(self._formats[name].owners[0]) for name in claiming)
            raise PluginError(f"files ending in {suffix} are claimed by {owners}; disable one of the packages")
        return claiming[0] if claiming else None

    def suffix_of(self, format_name: str) -> str:
        """The suffix that files of a format are written with."""
        return self._formats[format_name].suffixes[0]

    def header(self, source: Source, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> ImageHeader:
        """Read what a file says of its image, without decoding it.

        Args:
            source: a file's path, or open, at its begin.
            max_pixels: more than this many pixels are refused.

        Raises:
            UnusableImageError: with the reason.
            PluginError: the reader cannot be built, or does not keep its promises.
        """
        return self._header(source, self._format(source), max_pixels)

    def glance(self, path: Path) -> Glance | None:
        """See :func:`~i2i.images.glance.glance`; None where the format's reader has no such member, too."""
        try:
            look = getattr(self._format(path).reader, "glance", None)
        except UnusableImageError:
            return None
        found: Glance | None = None if look is None else look(path)
        return found

    def read(
        self,
        source: Source,
        *,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        beside: bool = False,
        samples: bool = False,
    ) -> ReadImage:
        """Decode a file to its last byte.

        Args:
            source: a file's path, or open, at its begin.
            max_pixels: more than this many pixels are refused, before anything is decoded.
            beside: whether to collect what it says beside the pixels.
            samples: whether all values are wanted, where a picture shows fewer bands or bits than its file has.

        Returns:
            The image, with the name of its format.

        Raises:
            UnusableImageError: with the reason: missing, empty, damaged, misnamed, too large, or of a kind that is not
                supported.
            PluginError: the reader cannot be built, or does not keep its promises.
        """
        chosen = self._format(source)
        self._header(source, chosen, max_pixels)
        with chosen.reading() as reader:
            whole = getattr(reader, "samples", None) if samples else None
            image = reader.read(source, beside=beside) if whole is None else whole(source)
        _check_image(image, chosen, inks=self.color == "srgb" and not samples)
        if self.color == "srgb" and not samples:
            image = read_in_srgb(image)
        return replace(image, format=image.format or chosen.name)

    def read_opaque(
        self,
        path: Path,
        *,
        channels: int,
        background: str = "#ffffff",
        max_pixels: int = DEFAULT_MAX_PIXELS,
    ) -> Image.Image:
        """Read a picture as :func:`~i2i.images.reading.to_opaque` makes it for a network.

        Raises:
            DataError: the file cannot be used; the message holds the path and the reason.
        """
        try:
            picture = as_picture(self.read(path, max_pixels=max_pixels))
        except UnusableImageError as error:
            raise DataError(f"{path}: {error}") from error
        return to_opaque(picture, channels=channels, background=background)

    def read_samples(
        self,
        path: Path,
        *,
        channels: int,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        box: Box | None = None,
        opacity: bool = False,
    ) -> npt.NDArray[Any]:
        """Read the values of a file, ``[H, W, channels]``, or of a part of it, ``[h, w, channels]``.

        Args:
            path: the file.
            channels: that it must have.
            max_pixels: more than this many pixels are refused, before anything is decoded.
            box: the part, upright; no more than it takes is decoded where the format's reader can.
            opacity: whether the values are those of a picture and its opacity, the last of 2 or 4 channels.

        Raises:
            DataError: the file cannot be used, or the box is outside; the message holds the path and the reason.
        """
        try:
            if opacity:
                return cut(with_opacity(as_picture(self.read(path, max_pixels=max_pixels)), channels), box)
            samples = self._within(path, box, max_pixels) if box is not None else None
            if samples is None:
                samples = cut(samples_of(self.read(path, max_pixels=max_pixels, samples=True)), box)
            require_channels(samples, channels)
        except UnusableImageError as error:
            raise DataError(f"{path}: {error}") from error
        return samples

    def _within(self, path: Path, box: Box, max_pixels: int) -> npt.NDArray[Any] | None:
        """The values in a box, where the reader gives them without those outside; None where it reads files whole."""
        chosen = self._format(path)
        read_window = getattr(chosen.reader, "read_window", None)
        if read_window is None:
            return None
        header = self._header(path, chosen, max_pixels)
        if not is_inside(box, header.width, header.height):
            return None  # the image lies on its side in the file, or the box is outside: the whole one tells
        with chosen.reading():
            values = read_window(path, box)
        if values is None:
            return None
        left, top, right, bottom = box
        if not isinstance(values, np.ndarray) or values.shape[:2] != (bottom - top, right - left) or values.ndim != 3:
            kind = list(values.shape) if isinstance(values, np.ndarray) else shown(values)
            raise PluginError(f"{chosen.owner}: read_window must give [{bottom - top}, {right - left}, C]; got {kind}")
        return values

    def holds(self, format_name: str, channels: int, type_name: str) -> bool:
        """Whether a format holds such pixels; see :meth:`~i2i.plugins.image_formats.ImageReader.holds`."""
        chosen = self._formats[format_name]
        with calling(chosen.owner, "asking what the format holds"):
            return bool(chosen.reader.holds(channels, type_name))

    def write(
        self, pixels: npt.NDArray[Any], path: Path, *, format_name: str, like: Any = None, force: bool = False
    ) -> tuple[str, ...]:
        """Write an image whole or not at all.

        Args:
            pixels: ``[H, W, C]`` of a kind that the format holds.
            path: where to; missing folders above it are made.
            format_name: one of :attr:`formats`.
            like: the ``beside`` of the image that they were made from.
            force: whether a file that is there may be replaced.

        Returns:
            What of ``like`` was left out.

        Raises:
            DataError: it cannot be written; what was there before is untouched.
        """
        return write_image(self._encoding(pixels, format_name, like), path, format_name=format_name, replace=force)

    def encode(self, pixels: npt.NDArray[Any], *, format_name: str, like: Any = None) -> tuple[bytes, tuple[str, ...]]:
        """Encode an image in memory; arguments and errors as for :meth:`write`.

        Returns:
            The file's content, and what of ``like`` was left out.
        """
        return in_memory(self._encoding(pixels, format_name, like), format_name=format_name)

    def _encoding(self, pixels: npt.NDArray[Any], format_name: str, like: Any) -> Callable[[BinaryIO], tuple[str, ...]]:
        reader = self._formats[format_name].reader
        return lambda file: tuple(reader.write(pixels, file, like=like))

    def _format(self, source: Source) -> _Format:
        """The format of a file: by its suffix, else by its first bytes."""
        if isinstance(source, Path):
            require_file(source)
            if name := self.format_of(source):
                return self._formats[name]
            with opened(source) as file:
                begin = file.read(BEGIN)
        else:
            begin = source.read(BEGIN)
            source.seek(0)
        return self._by_content(begin) or self._formats[PICTURES]

    def _by_content(self, begin: bytes) -> _Format | None:
        """The format that a file's first bytes say it has; None where they are those of a picture, or of nothing."""
        for each in self._formats.values():
            with calling(each.owner, "looking at a file's first bytes"):
                if each.spec is not None and each.spec.begins(begin):
                    return each
        return None

    def _header(self, source: Source, chosen: _Format, max_pixels: int) -> ImageHeader:
        try:
            with chosen.reading() as reader:
                header = reader.header(source)
        except UnusableImageError as error:
            self._require_named_well(source, chosen, error)
            raise
        if not isinstance(source, Path):
            source.seek(0)
        if not isinstance(header, ImageHeader):
            raise PluginError(f"{chosen.owner}: header must return an ImageHeader; got {shown(header)}")
        require_pixels((header.width, header.height), max_pixels)
        return header

    def _require_named_well(self, source: Source, chosen: _Format, error: UnusableImageError) -> None:
        """Raise an UnusableImageError for a file whose content is of another format than its suffix says."""
        if not isinstance(source, Path) or chosen.spec is None:
            return
        with opened(source) as file:
            begin = file.read(BEGIN)
        found = self._by_content(begin) or self._formats.get(picture_of_content(begin))
        if found is not None and found is not chosen and not chosen.spec.begins(begin):
            raise UnusableImageError(
                f"misnamed: its content is {found.name}; rename it to {source.stem}{found.suffixes[0]}"
            ) from error

    def __getstate__(self) -> dict[str, Any]:
        built = {name: each for name, each in self._formats.items() if each.is_built}
        return {
            "chosen": self.chosen,
            "color": self.color,
            "suffixes": self.suffixes,
            "_formats": built,
            "_manager": None,
        }


@dataclass
class _Format:
    """A format, and its reader once that is needed.

    Attributes:
        name: in capitals.
        suffixes: of its files.
        owners: the packages that claim its name.
        spec: of the reader; its functions stay in the process that has them.
        values: the reader's options, as they were given.
    """

    name: str
    suffixes: tuple[str, ...]
    owners: list[Called]
    spec: ReaderSpec | None
    values: Mapping[str, Any]

    @property
    def owner(self) -> Called:
        return self.owners[0]

    @property
    def is_built(self) -> bool:
        return "reader" in vars(self)

    @cached_property
    def reader(self) -> ImageReader:
        if len(self.owners) > 1:
            raise PluginError(
                f"reader {self.owner.name!r} is claimed by {' and '.join(each.owner for each in self.owners)}; disable "
                "one of them with I2I_DISABLE_PLUGINS"
            )
        assert self.spec is not None
        with calling(self.owner, f"building reader {self.spec.name}"):
            built: ImageReader = self.spec.build(self.options)
        mark(built, self.owner)
        return built

    @cached_property
    def options(self) -> Options:
        """The reader's options.

        Raises:
            ConfigError: one is wrong.
        """
        assert self.spec is not None
        options, problems = parse_options(self.spec.options, self.values, where=f"readers.{self.spec.name}")
        if options is None:
            raise ConfigError("\n".join(map(str, problems)))
        return options

    @contextmanager
    def reading(self) -> Iterator[ImageReader]:
        """The reader; whatever it raises for a file becomes the reason why that cannot be used."""
        reader = self.reader
        try:
            yield reader
        except (UnusableImageError, I2IError):
            raise
        except (Exception, SystemExit) as error:
            if lacks_memory(error):
                raise UnusableImageError("there is not enough memory for its pixels") from error
            show_trace(error)
            raise UnusableImageError(f"{reason_of(error)} (told by {self.owner})") from error

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"spec": None}


def _check_image(image: Any, chosen: _Format, *, inks: bool) -> None:
    """Check what a reader gave: its mode, to which CMYK may belong, or its shape and type.

    Raises:
        PluginError: it is no image.
        UnusableImageError: it is one that is not supported.
    """
    if not isinstance(image, ReadImage):
        raise PluginError(f"{chosen.owner}: read must return a ReadImage; got {shown(image)}")
    pixels = image.pixels
    if isinstance(pixels, Image.Image):
        check_mode(pixels.mode, inks=inks)
        return
    fits = isinstance(pixels, np.ndarray) and pixels.ndim == 3 and 0 not in pixels.shape
    if not fits or pixels.dtype.kind not in "uif":
        kind = f"{pixels.dtype} {list(pixels.shape)}" if isinstance(pixels, np.ndarray) else shown(pixels)
        raise PluginError(f"{chosen.owner}: read must give numbers [H, W, C], or a Pillow image; got {kind}")
