"""Reading and writing video files with PyAV (FFmpeg): upright RGB frames with their times, other streams untouched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from i2i.engine.packages import require
from i2i.engine.translation_plan import CONTAINER_OF_SUFFIX
from i2i.errors import DataError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

EXTRA = 'pip install "i2i[video]"'
HIGH_DEFINITION_HEIGHT = 720
"""From this height on, videos that do not say so have the colours of Rec. 709, below of Rec. 601."""

_REC_709, _REC_601 = 1, 5  # FFmpeg's numbers of the matrices
_UNSPECIFIED = 2
_LIMITED_RANGE = 1
_HIGH_DYNAMIC_RANGE = (16, 18)  # SMPTE 2084 and ARIB STD-B67
_ENCODERS: dict[str, tuple[str, dict[str, str]]] = {
    "webm": ("libvpx-vp9", {"crf": "24", "b": "0", "row-mt": "1", "deadline": "good", "cpu-used": "4"}),
}
_DEFAULT_ENCODER: tuple[str, dict[str, str]] = ("libx264", {"crf": "16", "preset": "fast"})


@dataclass(frozen=True)
class Frame:
    """One frame.

    Attributes:
        pixels: ``[H, W, 3]``, uint8 RGB, upright.
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
        audio: its audio streams.
        notes: what of it a translation does not keep.

    Args:
        path: the file.
        max_pixels: frames of more pixels are refused.

    Raises:
        DataError: it cannot be read, or has no video.
    """

    def __init__(self, path: Path, *, max_pixels: int) -> None:
        import av

        with _explained(path, "read"), av.open(str(path)) as container:
            first = next(container.decode(_find_video(container)), None)
        if first is None:
            raise DataError("it has no frame that can be decoded")
        if first.height * first.width > max_pixels:
            raise DataError(
                f"its frames have {first.width} x {first.height} pixels, more than max_pixels = {max_pixels}"
            )
        self.path = path
        self._stored_size = (first.height, first.width)
        self._turns = round(first.rotation / 90) % 4
        self.size = self._stored_size[::-1] if self._turns % 2 else self._stored_size
        self._matrix = _matrix_of(first.colorspace, self.size[0])
        with _explained(path, "read"):
            self._container: InputContainer = av.open(str(path))
        self._video = _find_video(self._container)
        self._video.thread_type = "AUTO"
        self.frames = self._video.frames or None
        self.rate = self._video.average_rate or self._video.guessed_rate or Fraction(25)
        self.audio = list(self._container.streams.audio)
        self.notes = tuple(self._notes(first))

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    @property
    def metadata(self) -> dict[str, str]:
        """Title, date, place and what else the file says of itself."""
        return dict(self._container.metadata)

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
        return 1 / ratio if self._turns % 2 else ratio

    def read(self) -> Iterator[Frame | Packet[Any]]:
        """Yield each frame, and each packet of audio as it is in the file, in the order of the file.

        Raises:
            DataError: the file is damaged, or the frames change their size.
        """
        with _explained(self.path, "read"):
            for packet in self._container.demux([self._video, *self.audio]):
                if packet.stream is not self._video:
                    if packet.dts is not None:  # the last one is empty
                        yield packet
                    continue
                for frame in packet.decode():
                    yield self._to_rgb(cast("VideoFrame", frame))

    def _notes(self, first: VideoFrame) -> Iterator[str]:
        if any(component.bits > 8 for component in first.format.components):
            yield f"its colours of more than 8 bits ({first.format.name}) were read as 8 bits"
        if first.color_trc in _HIGH_DYNAMIC_RANGE:
            yield "its high dynamic range was read as if it were none"
        others = len(self._container.streams) - len(self.audio) - 1
        if others:
            yield f"{others} streams that are neither its video nor audio, such as subtitles, were left out"

    def _to_rgb(self, frame: VideoFrame) -> Frame:
        height, width = self._stored_size
        if (frame.height, frame.width) != (height, width):
            raise DataError(
                f"its frames change from {width} x {height} to {frame.width} x {frame.height} pixels; cut it there"
            )
        pixels = frame.to_ndarray(format="rgb24", src_colorspace=self._matrix)
        turned = np.ascontiguousarray(np.rot90(pixels, self._turns)) if self._turns else pixels
        return Frame(turned.astype(np.uint8, copy=False), frame.pts, frame.time_base or self.unit)


class VideoWriter:
    """A video file that is written; use it as a context. It is whole only once :meth:`close` returned.

    H.264, or VP9 in WebM, near to lossless (CRF 16, 24). Audio is taken over as it is.

    Args:
        path: the file, whatever its suffix.
        suffix: which container to write.
        reader: what it is made from: rate, times, audio and metadata.

    Raises:
        DataError: it cannot be written, such as when the container cannot hold the audio.
    """

    def __init__(self, path: Path, *, suffix: str, reader: VideoReader) -> None:
        import av

        self.path = path
        self._unit = reader.unit
        height, width = reader.size
        container = CONTAINER_OF_SUFFIX[suffix.lower()]
        encoder, options = _ENCODERS.get(container, _DEFAULT_ENCODER)
        self._matrix = _matrix_of(_UNSPECIFIED, height)
        with _explained(path, "written"):
            self._container = av.open(str(path), "w", format=container)
            self._container.metadata.update(reader.metadata)
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
            self._audio: dict[int, Stream] = {
                stream.index: self._container.add_stream_from_template(stream) for stream in reader.audio
            }

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._container.close()

    def write_frame(self, pixels: npt.NDArray[np.uint8], like: Frame) -> None:
        """Write ``[H, W, 3]`` or ``[H, W]``, uint8, at the time of another frame."""
        import av

        picture = av.VideoFrame.from_ndarray(pixels, format="gray" if pixels.ndim == 2 else "rgb24")
        frame = picture.reformat(format=self._video.pix_fmt, dst_colorspace=self._matrix)
        frame.pts, frame.time_base = like.time, like.unit
        frame.colorspace, frame.color_range = self._matrix_tag, _LIMITED_RANGE
        with _explained(self.path, "written"):
            self._container.mux(self._video.encode(frame))

    def write_packet(self, packet: Packet[Any]) -> None:
        """Write a packet of audio."""
        packet.stream = self._audio[packet.stream.index]
        with _explained(self.path, "written"):
            self._container.mux(packet)

    def close(self) -> None:
        """Write what is still being encoded, and end the file."""
        with _explained(self.path, "written"):
            self._container.mux(self._video.encode())
            self._container.close()

    @property
    def _matrix_tag(self) -> int:
        return _REC_709 if self._matrix == _REC_709 else 6  # SMPTE 170M, the same colours as Rec. 601


def _matrix_of(told: int, height: int) -> int:
    if told in (0, _UNSPECIFIED):
        return _REC_709 if height >= HIGH_DEFINITION_HEIGHT else _REC_601
    return _REC_601 if told == 6 else told


def _find_video(container: InputContainer) -> VideoStream:
    """The first stream of pictures that is no cover."""
    from av.stream import Disposition

    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    raise DataError("it has no video in it")


@contextmanager
def _explained(path: Path, doing: str) -> Iterator[None]:
    """Turn FFmpeg's errors into a DataError without the path, which messages about files name already."""
    import av

    try:
        yield
    except (av.FFmpegError, ValueError) as error:
        reason = str(error).replace(f": {str(path)!r}", "").strip()
        raise DataError(f"it cannot be {doing} as a video: {reason}") from error
