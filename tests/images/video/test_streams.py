"""What lies beside the pictures of a video is taken over where the format can hold it; the rest is named."""

from fractions import Fraction

import numpy as np
import pytest

from i2i.images.video.frames import VideoReader, VideoWriter

from ...helpers.streams import Source, bytes_of, translate

av = pytest.importorskip("av", reason="PyAV is not installed")


def streams_of(path):
    with av.open(str(path)) as file:
        return [
            (stream.type, stream.codec_context.name if stream.codec_context else None, stream.metadata.get("language"))
            for stream in file.streams
            if stream.type not in ("data", "attachment")
        ]


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
