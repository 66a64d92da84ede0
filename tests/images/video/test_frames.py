"""The pictures of a video: their colours, their times, and what of them is damaged or left out."""

from fractions import Fraction

import numpy as np
import pytest

from i2i.images.video.frames import VideoReader

from ...helpers.streams import Source, bytes_of, translate
from ...helpers.videos import CORNER, GROUND, frame_of

av = pytest.importorskip("av", reason="PyAV is not installed")


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
def test_a_cut_is_noted_where_nothing_gives_the_number_of_frames(tmp_path, name):
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


def test_interlaced_frames_are_noted(tmp_path):
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
