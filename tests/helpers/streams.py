"""Videos made stream by stream, and what a translation leaves of them."""

from fractions import Fraction

import numpy as np
import pytest

from i2i.images.video.frames import VideoReader, VideoWriter

from .videos import frame_of

av = pytest.importorskip("av", reason="PyAV is not installed")


class Source:
    """Builds a video of ten frames, stream by stream."""

    def __init__(self, path, **options):
        self.path = path
        self.out = av.open(str(path), "w", options=options)
        self.queue = []

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            for write in self.queue:
                write()
        self.out.close()

    def video(self, size=(48, 64), frames=10, codec=None, picture=None, first=0, **options):
        stream = self.out.add_stream(
            codec or ("libvpx-vp9" if self.path.suffix == ".webm" else "libx264"),
            rate=10,
            options={"auto-alt-ref": "0"},
        )
        stream.height, stream.width, stream.pix_fmt = *size, options.pop("pixels", "yuv420p")
        stream.options = {**stream.options, **options.pop("options", {})}
        for name, value in options.items():
            setattr(stream, name, value)

        def write():
            for number in range(frames):
                frame = frame_of(size) if picture is None else picture(number)
                frame.pts, frame.time_base = first + number, Fraction(1, 10)
                self.out.mux(stream.encode(frame))
            self.out.mux(stream.encode())

        self.queue.append(write)
        return stream

    def audio(self, codec, **metadata):
        stream = self.out.add_stream(codec, rate=48000, layout="stereo")
        stream.metadata.update(metadata)

        def write():
            tone = (np.sin(np.arange(48000) * 0.05) * 9000).astype(np.int16)
            samples = av.AudioFrame.from_ndarray(
                np.stack([tone, tone], 1).reshape(1, -1), format="s16", layout="stereo"
            )
            samples.sample_rate, samples.pts = 48000, 0
            context = stream.codec_context
            resampler = av.AudioResampler(context.format.name, "stereo", 48000, context.frame_size or 1024)
            for part in [*resampler.resample(samples), *resampler.resample(None)]:
                self.out.mux(stream.encode(part))
            self.out.mux(stream.encode())

        self.queue.append(write)
        return stream

    def packets(self, codec, payloads, **metadata):
        """A stream of packets that are there already, one every 0.2 s."""
        stream = self.out.add_mux_stream(codec, time_base=Fraction(1, 1000))
        stream.metadata.update(metadata)

        def write():
            for number, payload in enumerate(payloads):
                packet = av.Packet(payload)
                packet.stream, packet.time_base = stream, Fraction(1, 1000)
                packet.pts = packet.dts = 200 * number
                packet.duration = 200
                self.out.mux(packet)

        self.queue.append(write)
        return stream


def translate(source, target):
    """Read and write every frame as it is; return the notes of both sides."""
    with VideoReader(source, max_pixels=10_000) as reader:
        with VideoWriter(target, suffix=target.suffix, reader=reader) as writer:
            done = 0
            for item in reader.read():
                if hasattr(item, "pixels"):
                    writer.write_frame(item.pixels[:, :, :3], item)
                    done += 1
                else:
                    writer.write_packet(item)
            writer.close()
        return [*reader.notes(done), *writer.notes]


def bytes_of(path, kind):
    with av.open(str(path)) as file:
        streams = [stream for stream in file.streams if stream.type == kind]
        return [bytes(packet) for packet in file.demux(streams) if packet.size]
