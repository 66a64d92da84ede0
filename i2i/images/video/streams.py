"""What a video file holds beside the pictures that are translated: which of it another file can take over as it is."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from i2i.errors import printable, reason_of

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.stream import Disposition, Stream
    from av.video.stream import VideoStream

_HANDLERS = ("VideoHandler", "SoundHandler", "SubtitleHandler", "DataHandler")  # FFmpeg's, which say nothing
COPIED_KINDS = ("audio", "subtitle", "attachment")
_OF_THE_FILE = ("vendor_id", "DURATION", "NUMBER_OF_FRAMES", "NUMBER_OF_BYTES", "BPS")


def main_video(streams: Iterable[VideoStream]) -> VideoStream | None:
    """The stream that a player shows: no cover and no single picture if there is another, the default, the largest."""
    from av.stream import Disposition

    beside = Disposition.attached_pic | Disposition.timed_thumbnails
    films = [stream for stream in streams if not stream.disposition & beside]

    def rank(stream: VideoStream) -> tuple[bool, bool, int]:
        size = stream.width * stream.height if is_known(stream) else -1
        return stream.frames != 1, bool(stream.disposition & Disposition.default), size

    return max(films, key=rank, default=None)


def divide(streams: Iterable[Stream], container: str, *, chapters: bool) -> tuple[list[Stream], list[str]]:
    """Find out which streams can be copied into a container, by writing a header of each into memory.

    FFmpeg's lists of what a format holds are not the last word: some formats refuse a codec only when they begin.

    Args:
        streams: all but the video that is translated.
        container: FFmpeg's name of the format.
        chapters: whether the file has chapters, whose titles may be a stream as well.

    Returns:
        The streams to copy, and the names of the others, each with the reason.
    """
    copied, left_out = [], []
    for stream in streams:
        if chapters and _holds_chapter_titles(stream):
            continue
        reason = _why_not(stream, container)
        if reason is None:
            copied.append(stream)
        else:
            left_out.append(f"{describe(stream)}: {reason}")
    return copied, left_out


def copy_stream(stream: Stream, out: OutputContainer) -> Stream:
    """Add a stream to a file, with its language, its title and its place among those of its kind."""
    copy = out.add_stream_from_template(stream)
    copy.metadata.update({key: _utf8(value) for key, value in stream.metadata.items() if key not in _OF_THE_FILE})
    copy.disposition = cast("Disposition", stream.disposition.value)  # PyAV 17 takes the number alone
    return copy


def _utf8(text: str) -> str:
    """Letters that are not UTF-8 in the file as question marks: PyAV writes no others into a stream's metadata."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def describe(stream: Stream) -> str:
    """Name a stream for a person: its number in the file, its kind, its codec, and what the file calls it."""
    kind = "cover" if _is_cover(stream) else stream.type
    codec = "" if stream.type in ("data", "attachment") else "of an unknown codec"
    codec = stream.codec_context.name if is_known(stream) else codec
    called = [stream.metadata.get(key, "") for key in ("language", "title", "handler_name", "filename")]
    words = [word for word in (kind, codec, *called) if word not in ("", "und", *_HANDLERS)]
    return printable(f"stream {stream.index} ({', '.join(words)})")


def _holds_chapter_titles(stream: Stream) -> bool:
    """Whether it is the track in which QuickTime and MP4 files keep what is read as chapters already."""
    handler = stream.metadata.get("handler_name", "").lower()
    return stream.type == "data" and ("text" in handler or "subtitle" in handler)


def _why_not(stream: Stream, container: str) -> str | None:
    import av

    if stream.type == "video":
        return "one video is translated" if not _is_cover(stream) else "it is a picture of its own"
    if stream.type not in COPIED_KINDS:
        return "it goes with the file it is in"
    if stream.type != "attachment" and not is_known(stream):
        return "nothing is known about how it is stored"
    try:
        with av.open(io.BytesIO(), "w", format=container) as trial:
            copy_stream(stream, trial)
            trial.start_encoding()
    except (av.FFmpegError, ValueError) as error:
        reason = reason_of(error)
        if "Invalid argument" in reason or "does not support" in reason:
            reason = "the format cannot hold it"
        return f"{reason}; .mkv files hold more" if container != "matroska" else reason
    return None


def is_known(stream: Stream) -> bool:
    """Whether FFmpeg has a decoder for it; the types of PyAV say nothing of streams without one."""
    return getattr(stream, "codec_context", None) is not None


def _is_cover(stream: Stream) -> bool:
    from av.stream import Disposition

    return stream.type == "video" and bool(stream.disposition & Disposition.attached_pic)
