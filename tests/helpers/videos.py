"""Small videos with sound, and what is in a video."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest

CORNER, GROUND = (20, 180, 60), (200, 40, 90)


def frame_of(size):
    """A frame of PyAV with a block in its upper left corner; size is (height, width)."""
    import av

    picture = np.empty((*size, 3), np.uint8)
    picture[:] = GROUND
    picture[: size[0] // 2, : size[1] // 2] = CORNER
    return av.VideoFrame.from_ndarray(picture, format="rgb24")


def make(
    path,
    size=(48, 64),
    frames=6,
    *,
    codec="libx264",
    sound=True,
    rotation=0,
    times=None,
    pixels="yuv420p",
    shape_of_pixels=None,
):
    """Write a video of 10 frames a second, each with a block in its upper left corner; size is (height, width)."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as out:
        video = out.add_stream(codec, rate=10)
        video.height, video.width, video.pix_fmt = *size, pixels
        if shape_of_pixels:
            video.codec_context.sample_aspect_ratio = shape_of_pixels
        if rotation:
            if not hasattr(video, "set_display_rotation"):
                pytest.skip("PyAV 17 reads a rotation but writes none")
            video.set_display_rotation(rotation)
        audio = None
        if sound:
            audio = out.add_stream("libopus" if path.suffix == ".webm" else "aac", rate=48000, layout="stereo")
        out.metadata["title"] = "a test"
        for number in range(frames):
            frame = frame_of(size)
            frame.pts, frame.time_base = (times or range(frames))[number], Fraction(1, 10)
            out.mux(video.encode(frame))
        out.mux(video.encode())
        if audio is not None:
            tone = np.sin(np.arange(4800 * frames) * 0.05).astype(np.float32)
            samples = av.AudioFrame.from_ndarray(np.stack([tone, tone]), format="fltp", layout="stereo")
            samples.sample_rate, samples.pts = 48000, 0
            out.mux(audio.encode(samples))
            out.mux(audio.encode())
    return path


@dataclass(frozen=True)
class Contents:
    pictures: list  # of [H, W, 3] or, for grey, still RGB
    times: list
    sound: list
    title: str | None
    rate: Fraction
    codec: str
    shape_of_pixels: Fraction | None


def contents(path):
    import av

    with av.open(str(path)) as file:
        frames = list(file.decode(video=0))
        pictures = [np.rot90(f.to_ndarray(format="rgb24", src_colorspace=5), f.rotation // 90) for f in frames]
        video = file.streams.video[0]
        rate, codec, title = video.average_rate, video.codec_context.name, file.metadata.get("title")
        shape = video.sample_aspect_ratio
    sound = []
    with av.open(str(path)) as file:
        if file.streams.audio:
            sound = [bytes(packet) for packet in file.demux(audio=0) if packet.dts is not None]
    return Contents(pictures, [round(frame.time, 3) for frame in frames], sound, title, rate, codec, shape)
