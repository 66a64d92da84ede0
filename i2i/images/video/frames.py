"""Reading and writing video files with PyAV (FFmpeg): upright RGB frames with their times, other streams untouched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from i2i.environment.packages import require
from i2i.errors import DataError
from i2i.images.inputs import CONTAINER_OF_SUFFIX
from i2i.images.video.display_matrix import orientation_of
from i2i.images.video.opening import explained, open_to_read, open_to_write
from i2i.images.video.streams import copy_stream, describe, divide, is_known, main_video

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.container.core import Chapter
    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame as DecodedFrame
    from av.video.stream import VideoStream

HIGH_DEFINITION_HEIGHT = 720
"""From this height on, videos that do not say so have the colours of Rec. 709, below of Rec. 601."""

LEAST_MISSING = Fraction(1, 2)
"""Seconds; where the last packet ends so much before the end that a file tells, something is missing."""

_REC_709, _REC_601 = 1, 5  # FFmpeg's numbers of the matrices
_UNSPECIFIED = 2
_LIMITED_RANGE = 1
_HIGH_DYNAMIC_RANGE = (16, 18)  # SMPTE 2084 and ARIB STD-B67
_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
_ENCODERS: dict[str, tuple[str, dict[str, str]]] = {
    "webm": ("libvpx-vp9", {"crf": "24", "b": "0", "row-mt": "1", "deadline": "good", "cpu-used": "4"}),
}
_DEFAULT_ENCODER: tuple[str, dict[str, str]] = ("libx264", {"crf": "16", "preset": "fast"})


@dataclass(frozen=True)
class VideoFrame:
    """One frame.

    Attributes:
        pixels: ``[H, W, 3]``, uint8 RGB, upright; ``[H, W, 4]`` with transparency, not premultiplied.
        time: when it is shown, in units of ``unit``; ``None`` where the file does not say.
        unit: in seconds.
    """

    pixels: npt.NDArray[np.uint8]
    time: int | None
    unit: Fraction


def require_video_packages() -> None:
    """Raise a ConfigError that says what to install when PyAV is not here."""
    require("a video", "av")


class VideoReader:
    """A video file that is read once, from its begin to its end; use it as a context.

    Attributes:
        size: (height, width) of the frames, upright.
        frames: how many there are by the file's own word, which may be none or wrong.
        rate: frames a second, on average.
        others: its other streams: audio, subtitles, covers and the like.

    Args:
        path: the file.
        max_pixels: frames of more pixels are refused.

    Raises:
        DataError: it cannot be read, or has no video.
    """

    def __init__(self, path: Path, *, max_pixels: int) -> None:
        self.path = path
        self._damaged, self._hidden, self._cut_short, self._end = 0, 0, False, Fraction(0)
        with explained("read"), open_to_read(path) as container:
            first = self._first_frame(container)
        if first.height * first.width > max_pixels:
            raise DataError(
                f"its frames have {first.width} x {first.height} pixels, more than max_pixels = {max_pixels}"
            )
        self._damaged = 0
        self._stored_size = (first.height, first.width)
        self._orientation = orientation_of(first)
        self.size = self._orientation.size(self._stored_size)
        self._matrix = _matrix_of(first.colorspace, self.size[0])
        with explained("read"):
            self._container: InputContainer = open_to_read(path)
        self._video = _find_video(self._container)
        self._decoder = _decoder_of(self._video)
        self.frames = self._video.frames or None
        self.rate = self._video.average_rate or self._video.guessed_rate or Fraction(25)
        self.others = [stream for stream in self._container.streams if stream is not self._video]
        self._about_pixels = tuple(self._describe_pixels(first))

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    @property
    def metadata(self) -> dict[str, str]:
        """Title, date, place and what else the file says of itself."""
        return dict(self._container.metadata)

    @property
    def chapters(self) -> list[Chapter]:
        """Its chapters, with their titles."""
        return self._container.chapters()

    @property
    def unit(self) -> Fraction:
        """What the times of frames are counted in, in seconds."""
        return self._video.time_base or 1 / self.rate

    @property
    def shape_of_pixels(self) -> Fraction | None:
        """Width of a pixel by its height, upright, where they are not square."""
        ratio = self._video.sample_aspect_ratio
        if not ratio or ratio == 1:
            return None
        return 1 / ratio if self._orientation.transposed else ratio

    def read(self) -> Iterator[VideoFrame | Packet[Any]]:
        """Yield each frame, and each packet of other streams as it is in the file, in the order of the file.

        A packet that is damaged costs its own frames; :meth:`notes` tells of it.

        Raises:
            DataError: the file cannot be read on, or the frames change their size.
        """
        time = None
        with explained("read"):
            for packet in self._container.demux():
                if packet.pts is not None and packet.time_base is not None:
                    self._end = max(self._end, (packet.pts + (packet.duration or 0)) * packet.time_base)
                if packet.stream is not self._video:
                    if packet.size:  # the last one is empty
                        yield packet
                    continue
                self._hidden += packet.is_discard
                self._cut_short |= packet.is_corrupt
                for frame in self._decode(packet, self._decoder):
                    shown = self._to_rgb(frame)
                    time = _after(time, shown, self.rate)
                    yield replace(shown, time=time)

    def notes(self, decoded: int) -> Iterator[str]:
        """What a person should know of it, once all was read and so many frames could be decoded."""
        yield from self._about_pixels
        if self._damaged:
            yield f"{self._damaged} of its packets are damaged: their frames are missing"
        found = decoded + self._damaged + self._hidden  # an edit list may leave out the first ones
        told = Fraction(self._container.duration or 0, 1_000_000)
        listed = self._listed()
        if found < listed:
            yield f"it says that it has {listed} frames, and {decoded} could be decoded: it may be cut off"
        elif self.frames is None and self._end < told - max(LEAST_MISSING, 2 / self.rate):
            ends = float(self._end)
            yield f"it says that it lasts {float(told):.1f} s, and ends after {ends:.1f} s: it may be cut off"
        elif self._cut_short:
            yield "it ends within a packet: it may be cut off"

    def _listed(self) -> int:
        """How many frames the file lists, at least: all of them, those of its fragments, or those one can jump to."""
        listed = len(self._video.index_entries)  # what an edit list drops is not in it
        return min(self.frames, listed or self.frames) if self.frames is not None else listed

    def _first_frame(self, container: InputContainer) -> DecodedFrame:
        video = _find_video(container)
        decoder = _decoder_of(video)
        for packet in container.demux(video):
            for frame in self._decode(packet, decoder):
                return frame
        raise DataError("it has no frame that can be decoded")

    def _decode(self, packet: Packet[Any], decoder: VideoCodecContext) -> list[DecodedFrame]:
        import av

        try:
            return list(decoder.decode(packet))
        except av.InvalidDataError:
            self._damaged += 1
            return []

    def _describe_pixels(self, first: DecodedFrame) -> Iterator[str]:
        if any(component.bits > 8 for component in first.format.components):
            yield f"its colours of more than 8 bits ({first.format.name}) were read as 8 bits"
        if first.color_trc in _HIGH_DYNAMIC_RANGE:
            yield "its high dynamic range was read as if it were none"
        if first.interlaced_frame:
            yield "its frames are interlaced: each was translated, and written, as one picture of both fields"
        if not self._orientation.exact:
            yield "its display matrix asks for another angle or a scale: frames were turned to the nearest right angle"
        if _says_alpha(self._video) and not _has_alpha(first):
            yield "its transparency was ignored: this PyAV cannot decode it"

    def _to_rgb(self, frame: DecodedFrame) -> VideoFrame:
        height, width = self._stored_size
        if (frame.height, frame.width) != (height, width):
            raise DataError(
                f"its frames change from {width} x {height} to {frame.width} x {frame.height} pixels; cut it there"
            )
        pixels = frame.to_ndarray(format="rgba" if _has_alpha(frame) else "rgb24", src_colorspace=self._matrix)
        upright = self._orientation.upright(pixels.astype(np.uint8, copy=False))
        return VideoFrame(upright, frame.pts, frame.time_base or self.unit)


class VideoWriter:
    """A video file that is written; use it as a context. It is whole only once :meth:`close` returned.

    H.264, or VP9 in WebM, near to lossless (CRF 16, 24). Other streams are taken over as they are, where the container
    can hold them; chapters and metadata as well.

    Args:
        path: the file, whatever its suffix.
        suffix: which container to write.
        reader: what it is made from: rate, times, other streams and metadata.

    Raises:
        DataError: it cannot be written.
    """

    def __init__(self, path: Path, *, suffix: str, reader: VideoReader) -> None:
        self.path = path
        self._unit = reader.unit
        height, width = reader.size
        container = CONTAINER_OF_SUFFIX[suffix.lower()]
        encoder, options = _ENCODERS.get(container, _DEFAULT_ENCODER)
        self._matrix = _matrix_of(_UNSPECIFIED, height)
        chapters = reader.chapters
        copied, self._left_out = divide(reader.others, container, chapters=bool(chapters))
        self._lost: Counter[str] = Counter()
        with explained("written"):
            self._container = open_to_write(path, container)
            self._container.metadata.update(reader.metadata)
            if chapters:
                self._container.set_chapters(chapters)
            self._video = cast(
                "VideoStream", self._container.add_stream(encoder, rate=reader.rate, options=dict(options))
            )
            self._video.width, self._video.height = width, height
            # Half as many colours as pixels need an even size.
            self._video.pix_fmt = "yuv420p" if height % 2 == width % 2 == 0 else "yuv444p"
            context = self._video.codec_context
            context.time_base = self._unit
            context.colorspace = context.color_primaries = context.color_trc = self._matrix_tag
            context.color_range = _LIMITED_RANGE
            if reader.shape_of_pixels is not None:
                context.sample_aspect_ratio = reader.shape_of_pixels
            self._others = {stream.index: copy_stream(stream, self._container) for stream in copied}
            self._container.start_encoding()

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._container.close()

    def write_frame(self, pixels: npt.NDArray[np.uint8], like: VideoFrame) -> None:
        """Write ``[H, W, 3]`` or ``[H, W]``, uint8, at the time of another frame."""
        import av

        picture = av.VideoFrame.from_ndarray(pixels, format="gray" if pixels.ndim == 2 else "rgb24")
        frame = picture.reformat(format=self._video.pix_fmt, dst_colorspace=self._matrix)
        frame.pts, frame.time_base = like.time, like.unit
        frame.colorspace, frame.color_range = self._matrix_tag, _LIMITED_RANGE
        with explained("written"):
            self._container.mux(self._video.encode(frame))

    def write_packet(self, packet: Packet[Any]) -> None:
        """Write a packet of another stream, if that is taken over; one that does not fit is left out and counted."""
        import av

        copy = self._others.get(packet.stream.index)
        if copy is None:
            return
        name = describe(packet.stream)
        packet.stream = copy
        if packet.dts is None:
            packet.dts = packet.pts
        with explained("written"):
            try:
                self._container.mux(packet)
            except (av.ArgumentError, av.InvalidDataError):  # damaged, or its time lies before that of the last one
                self._lost[name] += 1

    def close(self) -> None:
        """Write what is still being encoded, and end the file."""
        with explained("written"):
            self._container.mux(self._video.encode())
            self._container.close()

    @property
    def notes(self) -> Iterator[str]:
        """What of the other streams could not be taken over."""
        if self._left_out:
            yield f"left out: {'; '.join(self._left_out)}"
        for name, count in self._lost.items():
            yield f"{count} damaged packets of {name} were left out"

    @property
    def _matrix_tag(self) -> int:
        return _REC_709 if self._matrix == _REC_709 else 6  # SMPTE 170M, the same colours as Rec. 601


def _matrix_of(told: int, height: int) -> int:
    if told in (0, _UNSPECIFIED):
        return _REC_709 if height >= HIGH_DEFINITION_HEIGHT else _REC_601
    return _REC_601 if told == 6 else told


def _find_video(container: InputContainer) -> VideoStream:
    video = main_video(container.streams.video)
    if video is None:
        raise DataError("it has no video in it")
    if not is_known(video):
        raise DataError("it has a video of a codec that is not known here; convert it to H.264")
    return video


def _decoder_of(video: VideoStream) -> VideoCodecContext:
    """The stream's own decoder, or one that decodes the transparency of VP8 and VP9, which FFmpeg's own pass over."""
    import av

    decoder = video.codec_context
    other = _WITH_ALPHA.get(decoder.name)
    if other is not None and _says_alpha(video):
        with suppress(av.codec.codec.UnknownCodecError):
            decoder = cast("VideoCodecContext", av.CodecContext.create(other, "r"))
            decoder.extradata = video.codec_context.extradata
    decoder.thread_type = "AUTO"
    return decoder


def _says_alpha(video: VideoStream) -> bool:
    return any(key.lower() == "alpha_mode" and value == "1" for key, value in video.metadata.items())


def _has_alpha(frame: DecodedFrame) -> bool:
    return frame.format.name == "pal8" or any(component.is_alpha for component in frame.format.components)


def _after(last: int | None, frame: VideoFrame, rate: Fraction) -> int:
    """When a frame is shown: as its file says, but after the one before, where the file says nothing or repeats it."""
    if frame.time is not None and (last is None or frame.time > last):
        return frame.time
    if last is None:
        return 0
    return last + (1 if frame.time is not None else max(1, round(1 / rate / frame.unit)))
