"""What lies beside the pictures of a video is taken over where the format can hold it; the rest is named."""

from fractions import Fraction

import numpy as np
import pytest

from i2i.images.video.frames import VideoReader, VideoWriter

from ...helpers.videos import CORNER, GROUND, frame_of

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


def streams_of(path):
    with av.open(str(path)) as file:
        return [
            (stream.type, stream.codec_context.name if stream.codec_context else None, stream.metadata.get("language"))
            for stream in file.streams
            if stream.type not in ("data", "attachment")
        ]


def bytes_of(path, kind):
    with av.open(str(path)) as file:
        streams = [stream for stream in file.streams if stream.type == kind]
        return [bytes(packet) for packet in file.demux(streams) if packet.size]


def test_every_track_with_its_language_and_title(tmp_path):
    with Source(tmp_path / "a.mkv") as source:
        source.video()
        source.audio("aac", language="deu", title="Film")
        source.audio("ac3", language="fra", title="Commentaire")
        source.packets("subrip", [b"hello", b"world"], language="eng")
    assert translate(source.path, tmp_path / "b.mkv") == []
    assert streams_of(tmp_path / "b.mkv") == [
        ("video", "h264", None),
        ("audio", "aac", "deu"),
        ("audio", "ac3", "fra"),
        ("subtitle", "srt", "eng"),
    ]
    with av.open(str(tmp_path / "b.mkv")) as file:
        assert [stream.metadata.get("title") for stream in file.streams.audio] == ["Film", "Commentaire"]
    assert bytes_of(tmp_path / "b.mkv", "subtitle") == [b"hello", b"world"]
    assert bytes_of(tmp_path / "b.mkv", "audio") == bytes_of(source.path, "audio")


@pytest.mark.parametrize(
    ("name", "codec", "target", "kept"),
    [
        ("a.mov", "pcm_s16le", "b.mp4", True),
        ("a.mkv", "libopus", "b.mp4", True),
        ("a.mkv", "libopus", "b.webm", True),
        ("a.mkv", "libopus", "b.mov", False),
        ("a.mkv", "flac", "b.mov", False),
        ("a.mov", "pcm_mulaw", "b.mp4", False),
        ("a.mp4", "aac", "b.webm", False),
        ("a.mkv", "pcm_s24le", "b.webm", False),
    ],
)
def test_sound_that_the_format_cannot_hold_is_left_out_and_named(tmp_path, name, codec, target, kept):
    with Source(tmp_path / name) as source:
        source.video()
        source.audio(codec)
    notes = translate(source.path, tmp_path / target)
    kinds = [kind for kind, *_ in streams_of(tmp_path / target)]
    if kept:
        assert (kinds, notes) == (["video", "audio"], [])
        assert bytes_of(tmp_path / target, "audio") == bytes_of(source.path, "audio")
    else:
        assert kinds == ["video"]
        assert notes == [
            f"left out: stream 1 (audio, {codec.removeprefix('lib')}): the format cannot hold it; .mkv files hold more"
        ]


def test_a_track_of_an_unknown_codec_costs_only_itself(tmp_path):
    with Source(tmp_path / "a.mov") as source:
        source.video()
        source.audio("aac")
        source.audio("aac")
    raw = bytearray(source.path.read_bytes())
    second = raw.rfind(b"stsd")
    end = second + int.from_bytes(raw[second - 4 : second], "big")
    raw[second:end] = raw[second:end].replace(b"mp4a", b"apac").replace(b"esds", b"dapa")
    source.path.write_bytes(raw)
    for name in ("b.mov", "b.mp4", "b.mkv"):
        notes = translate(source.path, tmp_path / name)
        assert notes == ["left out: stream 2 (audio, of an unknown codec): nothing is known about how it is stored"]
        assert [kind for kind, *_ in streams_of(tmp_path / name)] == ["video", "audio"]


def test_subtitles_go_where_the_format_has_them(tmp_path):
    with Source(tmp_path / "a.mp4") as source:
        source.video()
        source.packets("mov_text", [b"\0\5hello"])
    assert translate(source.path, tmp_path / "b.mp4") == []
    assert [kind for kind, *_ in streams_of(tmp_path / "b.mp4")] == ["video", "subtitle"]
    assert "stream 1 (subtitle, mov_text)" in translate(source.path, tmp_path / "b.webm")[0]


def test_chapters_and_fonts(tmp_path):
    with Source(tmp_path / "a.mkv") as source:
        source.video()
        source.out.set_chapters(
            [{"id": 1, "start": 0, "end": 500, "time_base": Fraction(1, 1000), "metadata": {"title": "Begin"}}]
        )
        source.out.add_attachment("a.ttf", "font/ttf", b"a font")
    assert translate(source.path, tmp_path / "b.mkv") == []
    with av.open(str(tmp_path / "b.mkv")) as file:
        assert [chapter["metadata"]["title"] for chapter in file.chapters()] == ["Begin"]
        assert [(stream.name, stream.data) for stream in file.streams if stream.type == "attachment"] == [
            ("a.ttf", b"a font")
        ]
    notes = translate(source.path, tmp_path / "b.mp4")
    assert len(notes) == 1
    assert "attachment, a.ttf" in notes[0]
    assert translate(tmp_path / "b.mp4", tmp_path / "c.mp4") == []  # the chapters' titles are a stream there
    with av.open(str(tmp_path / "c.mp4")) as file:
        assert [chapter["metadata"]["title"] for chapter in file.chapters()] == ["Begin"]


def test_a_small_picture_before_the_film(tmp_path):
    def other(_):
        return av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")

    with Source(tmp_path / "a.mkv") as source:
        source.video((16, 16), frames=10, picture=other)
        source.video()
    (note,) = translate(source.path, tmp_path / "b.mkv")
    assert note == "left out: stream 0 (video, h264): one video is translated"
    with av.open(str(tmp_path / "b.mkv")) as file:
        assert next(file.decode(video=0)).to_ndarray(format="rgb24").shape == (48, 64, 3)


def test_a_cover_is_no_film_and_is_named(tmp_path):
    with Source(tmp_path / "a.mp4") as source:
        source.video((48, 64), frames=1, codec="mjpeg", pixels="yuvj420p", disposition=1024)
        source.video()
    notes = translate(source.path, tmp_path / "b.mp4")
    assert notes == ["left out: stream 1 (cover, mjpeg): it is a picture of its own"]


@pytest.mark.parametrize(("byte", "lost"), [(b"\0", 0), (b"\xff", 3)], ids=["noise", "no packets at all"])
def test_damaged_sound_costs_no_picture(tmp_path, byte, lost):
    with Source(tmp_path / "a.mkv") as source:
        source.video()
        source.audio("aac")
    raw, packets = source.path.read_bytes(), bytes_of(source.path, "audio")
    for packet in packets[:3]:
        assert raw.count(packet) == 1
        raw = raw.replace(packet, byte * len(packet))
    source.path.write_bytes(raw)
    notes = translate(source.path, tmp_path / "b.mkv")
    assert notes == [f"{lost} damaged packets of stream 1 (audio, aac) were left out"] * bool(lost)
    with av.open(str(tmp_path / "b.mkv")) as file:
        assert sum(1 for _ in file.decode(video=0)) == 10
    assert bytes_of(tmp_path / "b.mkv", "audio") == bytes_of(source.path, "audio")[lost:]


def test_sound_whose_times_run_back_is_kept_but_for_that(tmp_path):
    with Source(tmp_path / "a.mkv") as source:
        source.video()
        source.audio("ac3")
    with VideoReader(source.path, max_pixels=10_000) as reader:
        with VideoWriter(tmp_path / "b.mkv", suffix=".mkv", reader=reader) as writer:
            count = 0
            for item in reader.read():
                if hasattr(item, "pixels"):
                    writer.write_frame(item.pixels, item)
                    continue
                count += 1
                if count == 5:
                    item.pts = item.dts = 0
                writer.write_packet(item)
            writer.close()
        assert list(writer.notes) == ["1 damaged packets of stream 1 (audio, ac3) were left out"]
    assert len(bytes_of(tmp_path / "b.mkv", "audio")) == count - 1


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.webm", "libvpx-vp9", "yuva420p"),
        ("a.webm", "libvpx", "yuva420p"),
        ("a.mkv", "libvpx-vp9", "yuva420p"),
        ("a.mov", "prores_ks", "yuva444p10le"),
        ("a.mov", "qtrle", "argb"),
        ("a.mov", "png", "rgba"),
    ],
)
def test_transparency_is_read(tmp_path, name, codec, pixels):
    def half(_):
        picture = np.full((48, 64, 4), 255, np.uint8)
        picture[:, :, :3] = GROUND
        picture[:24, :32] = (*CORNER, 0)
        return av.VideoFrame.from_ndarray(picture, format="rgba")

    with Source(tmp_path / name) as source:
        stream = source.video(codec=codec, pixels=pixels, picture=half)
        stream.metadata["alpha_mode"] = "1"
    with VideoReader(source.path, max_pixels=10_000) as reader:
        frames = list(reader.read())
    assert len(frames) == 10
    for frame in frames:
        assert frame.pixels.shape == (48, 64, 4)
        assert frame.pixels[5, 5, 3] <= 2
        assert frame.pixels[40, 50, 3] >= 253
        assert np.abs(frame.pixels[40, 50, :3].astype(int) - GROUND).max() <= 12


@pytest.mark.parametrize("colour_range", [1, 2], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", [1, 5, 6, 7, 9], ids=["709", "470", "170", "240", "2020"])
def test_colours_come_out_whatever_they_are_stored_as(tmp_path, colour_range, matrix):
    if matrix == 9 and int(av.__version__.split(".")[0]) < 18:
        pytest.skip("PyAV 17 reads these colours but cannot make them")

    def picture(_):
        frame = frame_of((48, 64)).reformat(format="yuv420p", dst_colorspace=matrix, dst_color_range=colour_range)
        frame.colorspace, frame.color_range = matrix, colour_range
        return frame

    with Source(tmp_path / "a.mp4") as source:
        stream = source.video(picture=picture)
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, colour_range
    translate(source.path, tmp_path / "b.mp4")
    with VideoReader(tmp_path / "b.mp4", max_pixels=10_000) as reader:
        frame = next(reader.read())
    assert np.abs(frame.pixels[40, 50].astype(int) - GROUND).max() <= 8
    assert np.abs(frame.pixels[8, 8].astype(int) - CORNER).max() <= 8


def test_an_edit_list_leaves_frames_out_without_a_word_of_damage(tmp_path):
    import struct

    with Source(tmp_path / "a.mp4") as source:
        source.video(frames=20, gop_size=5, max_b_frames=0)
    raw = bytearray(source.path.read_bytes())
    at = raw.find(b"elst")
    with av.open(str(source.path)) as file:
        begin = int(Fraction(7, 10) / file.streams.video[0].time_base)
    raw[at + 12 : at + 20] = struct.pack(">ii", 1300, begin)  # 1.3 s of it, from 0.7 s on
    source.path.write_bytes(raw)
    assert translate(source.path, tmp_path / "b.mp4") == []
    with av.open(str(tmp_path / "b.mp4")) as file:
        assert [round(frame.time, 1) for frame in file.decode(video=0)] == [number / 10 for number in range(13)]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_video_may_begin_late(tmp_path, suffix):
    with Source(tmp_path / f"a{suffix}") as source:
        source.video(first=50)
        source.audio("aac")
    assert translate(source.path, tmp_path / f"b{suffix}") == []
    for path in (source.path, tmp_path / f"b{suffix}"):
        with av.open(str(path)) as file:
            assert [round(frame.time, 2) for frame in file.decode(video=0)] == [5 + number / 10 for number in range(10)]
        with av.open(str(path)) as file:
            assert next(file.decode(audio=0)).time == pytest.approx(0, abs=0.05)


def test_one_damaged_packet_costs_its_own_frames(tmp_path):
    def noise(number):
        pixels = np.random.default_rng(number).integers(0, 255, (48, 64, 3)).astype(np.uint8)
        return av.VideoFrame.from_ndarray(pixels, format="rgb24")

    with Source(tmp_path / "a.mp4") as source:
        source.video(frames=20, picture=noise, max_b_frames=0)
    raw, packets = source.path.read_bytes(), bytes_of(source.path, "video")
    source.path.write_bytes(raw.replace(packets[9], b"\xaa" * len(packets[9])))
    assert translate(source.path, tmp_path / "b.mp4") == ["1 of its packets are damaged: their frames are missing"]
    with av.open(str(tmp_path / "b.mp4")) as file:
        assert sum(1 for _ in file.decode(video=0)) == 19


@pytest.mark.parametrize("name", ["a.mkv", "a.webm", "fragments.mp4"])
def test_a_cut_is_told_where_nothing_tells_the_number_of_frames(tmp_path, name):
    def noise(number):
        pixels = np.random.default_rng(number).integers(0, 255, (48, 64, 3)).astype(np.uint8)
        return av.VideoFrame.from_ndarray(pixels, format="rgb24")

    options = {"movflags": "frag_keyframe+empty_moov"} if name.endswith(".mp4") else {}
    with Source(tmp_path / name, **options) as source:
        source.video(frames=40, picture=noise, gop_size=10)
    target = tmp_path / "b.mkv"
    assert translate(source.path, target) == []
    raw = source.path.read_bytes()
    source.path.write_bytes(raw[: len(raw) // 2])
    notes = translate(source.path, target)
    assert notes[-1].startswith("it says that it ")
    assert notes[-1].endswith("it may be cut off")
    with av.open(str(target)) as file:
        assert 10 < sum(1 for _ in file.decode(video=0)) < 30


def test_interlaced_frames_are_told(tmp_path):
    with Source(tmp_path / "a.mp4") as source:
        source.video(options={"x264-params": "interlaced=1:tff=1"})
    assert translate(source.path, tmp_path / "b.mp4") == [
        "its frames are interlaced: each was translated, and written, as one picture of both fields"
    ]


def test_frames_without_a_time_or_with_the_same_one_follow_each_other():
    from i2i.images.video.frames import VideoFrame, _after

    pixels = np.zeros((1, 1, 3), np.uint8)
    unit, rate = Fraction(1, 1000), Fraction(10)
    times, last = [], None
    for time in (None, None, 150, 150, None, 149, 900):
        last = _after(last, VideoFrame(pixels, time, unit), rate)
        times.append(last)
    assert times == [0, 100, 150, 151, 251, 252, 900]


def test_a_title_that_is_no_utf8_goes_along(tmp_path):
    with Source(tmp_path / "a.mkv") as source:
        source.out.metadata["title"] = "Caf~ noir"
        stream = source.video()
        stream.metadata["title"] = "~bung"
        source.audio("aac", title="~sterreich")
    source.path.write_bytes(source.path.read_bytes().replace(b"~", b"\xe9"))
    assert translate(source.path, tmp_path / "b.mkv") == []
    assert b"Caf\xe9 noir" in (tmp_path / "b.mkv").read_bytes()
    with av.open(str(tmp_path / "b.mkv"), metadata_errors="replace") as file:
        assert file.streams.audio[0].metadata["title"] == "\ufffdsterreich"
