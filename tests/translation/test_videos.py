"""A video is translated frame by frame, and all else of it stays."""

import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import i2i
from i2i.errors import DataError
from i2i.translation.network_runner import NetworkRunner
from i2i.translation.plan import FileJob
from i2i.translation.translator import Translator
from i2i.translation.videos import translate_video

from ..helpers.trained import write_run
from ..helpers.videos import CORNER, GROUND, contents, make

pytest.importorskip("av", reason="PyAV is not installed")


class Negative(torch.nn.Module):
    """Maps each image to its negative, one channel at a time; counts what it sees."""

    def __init__(self, out_channels=3):
        super().__init__()
        self.out_channels, self.batches = out_channels, []

    def forward(self, images):
        self.batches.append(len(images))
        return -images[:, : self.out_channels]


@pytest.fixture(scope="module")
def info(tmp_path_factory):
    run, _ = write_run(tmp_path_factory.mktemp("video") / "run")
    return i2i.load(run, device="cpu").info


def run(info, source, target, network=None, **options):
    network = network or Negative()
    outcome = translate_video(
        Translator(NetworkRunner(network, info, device="cpu")), FileJob(source, target, None), **options
    )
    assert not list(target.parent.glob(".*")), "nothing half-written is left"
    return outcome


def close(picture, colour, *, row, column):
    """Whether a pixel has a colour, except for what encoding twice changes."""
    return np.abs(picture[row, column].astype(int) - colour).max() <= 12


NEGATIVE_CORNER, NEGATIVE_GROUND = (255 - np.array(colour) for colour in (CORNER, GROUND))


@pytest.mark.parametrize(
    ("name", "codec", "written"),
    [
        ("a.mp4", "libx264", "h264"),
        ("a.MOV", "mpeg4", "h264"),
        ("a.mkv", "libx264", "h264"),
        ("a.webm", "libvpx-vp9", "vp9"),
    ],
)
def test_frames_are_translated_and_the_rest_is_kept(tmp_path, info, name, codec, written):
    source = make(tmp_path / name, codec=codec)
    target = tmp_path / "out" / name
    assert run(info, source, target).problem is None

    before, after = contents(source), contents(target)
    assert (len(after.pictures), after.times, after.rate) == (6, before.times, before.rate)
    assert after.sound == before.sound
    assert len(after.sound) > 20
    assert (after.title, after.codec.removeprefix("lib").split("-")[0]) == ("a test", written)
    for picture in after.pictures:
        assert picture.shape == (48, 64, 3)
        assert close(picture, NEGATIVE_CORNER, row=8, column=8)
        assert close(picture, NEGATIVE_GROUND, row=40, column=50)


def test_another_container_by_the_name_of_the_output(tmp_path, info):
    source = make(tmp_path / "a.mov")
    assert run(info, source, tmp_path / "b.mkv").problem is None
    assert contents(tmp_path / "b.mkv").sound == contents(source).sound


def test_what_a_phone_filmed_upright_is_translated_upright(tmp_path, info):
    source = make(tmp_path / "a.mov", rotation=90)
    assert run(info, source, tmp_path / "b.mov").problem is None
    (picture, *_), (original, *_) = contents(tmp_path / "b.mov").pictures, contents(source).pictures
    assert picture.shape == original.shape == (64, 48, 3)
    assert np.abs(255 - picture.astype(int) - original).mean() < 6


def test_times_need_not_be_even(tmp_path, info):
    times = [0, 1, 2, 7, 8, 20]
    source = make(tmp_path / "a.mkv", times=times, sound=False)
    assert run(info, source, tmp_path / "b.mkv").problem is None
    assert contents(tmp_path / "b.mkv").times == contents(source).times == [time / 10 for time in times]


@pytest.mark.parametrize("size", [(47, 63), (1, 2)])
def test_odd_sizes_are_kept(tmp_path, info, size):
    source = make(tmp_path / "a.mkv", size, pixels="yuv444p", sound=False, frames=2)
    assert run(info, source, tmp_path / "b.mkv").problem is None
    assert contents(tmp_path / "b.mkv").pictures[0].shape == (*size, 3)


def test_batches_and_progress(tmp_path, info):
    source, network, told = make(tmp_path / "a.mp4", frames=11), Negative(), []
    outcome = run(
        info, source, tmp_path / "b.mp4", network, batch_size=4, progress=lambda done, total: told.append((done, total))
    )
    assert outcome.problem is None
    assert network.batches == [4, 4, 3]
    assert told[-1] == (11, 11)
    assert len(contents(tmp_path / "b.mp4").pictures) == 11


def test_a_grey_result(tmp_path, info):
    from dataclasses import replace

    source = make(tmp_path / "a.mp4")
    assert run(replace(info, out_channels=1), source, tmp_path / "b.mp4", Negative(1)).problem is None
    picture = contents(tmp_path / "b.mp4").pictures[0].astype(int)
    assert np.abs(picture - picture.mean(axis=2, keepdims=True)).max() <= 2
    assert abs(picture[40, 50].mean() - (255 - GROUND[0])) <= 6


def test_a_note_says_that_high_bit_depths_become_8_bits(tmp_path, info):
    source = make(tmp_path / "a.mkv", pixels="yuv420p10le", sound=False)
    assert run(info, source, tmp_path / "b.mkv").note == (
        "its colours of more than 8 bits (yuv420p10le) were read as 8 bits"
    )


@pytest.mark.parametrize(("background", "expected"), [("#ffffff", 0), ("#000000", 255)])
def test_transparent_parts_are_laid_over_the_background_as_in_pictures(tmp_path, info, background, expected):
    from dataclasses import replace

    import av

    with av.open(str(tmp_path / "a.webm"), "w") as out:
        video = out.add_stream("libvpx-vp9", rate=10)
        video.height, video.width, video.pix_fmt = 48, 64, "yuva420p"
        video.metadata["alpha_mode"] = "1"
        picture = np.full((48, 64, 4), 128, np.uint8)
        picture[:, :32, 3], picture[:, 32:, 3] = 0, 255
        for _ in range(3):
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgba")))
        out.mux(video.encode())
    outcome = run(replace(info, background=background), tmp_path / "a.webm", tmp_path / "b.webm")
    assert (outcome.problem, outcome.note) == (None, "")
    for written in contents(tmp_path / "b.webm").pictures:
        assert close(written, expected, row=20, column=10)
        assert close(written, 127, row=20, column=50)


class Failing(torch.nn.Module):
    def __init__(self, error):
        super().__init__()
        self.error, self.calls = error, 0

    def forward(self, images):
        self.calls += 1
        if self.calls == 3:
            raise self.error
        return images


def test_what_cannot_be_used_is_an_outcome(tmp_path, info):
    source = make(tmp_path / "a.mp4")
    (tmp_path / "half.mp4").write_bytes(source.read_bytes()[:3000])
    (tmp_path / "text.mp4").write_text("hello")
    (tmp_path / "there.mp4").write_text("mine")
    target = tmp_path / "out.mp4"
    assert "it cannot be read as a video" in run(info, tmp_path / "half.mp4", target).problem
    assert "it cannot be read as a video" in run(info, tmp_path / "text.mp4", target).problem
    assert "it cannot be read as a video" in run(info, tmp_path / "none.mp4", target).problem
    assert "cannot translate an image of 48x64 pixels: too large" in (
        run(info, source, target, Failing(RuntimeError("too large"))).problem
    )
    assert "was not replaced" in run(info, source, tmp_path / "there.mp4").problem
    assert (tmp_path / "there.mp4").read_text() == "mine"
    assert not target.exists()
    assert run(info, source, tmp_path / "there.mp4", force=True).problem is None


def test_a_list_that_names_other_files_is_no_video(tmp_path, info):
    """FFmpeg would open any file that a list names, if the list has the suffix of a video."""
    make(tmp_path / "secret.mp4")
    (tmp_path / "list.mkv").write_text("ffconcat version 1.0\nfile secret.mp4\n")
    problem = run(info, tmp_path / "list.mkv", tmp_path / "out.mkv").problem
    assert problem == "its content is not a video; expected .mp4, .m4v, .mov, .mkv, .webm"


@pytest.mark.parametrize("content", ["png", "webp", "gif"])
def test_a_picture_under_the_name_of_a_video_is_refused(tmp_path, info, content):
    Image.new("RGB", (16, 16)).save(tmp_path / "a.mp4", format=content)
    assert "its content is not a video" in run(info, tmp_path / "a.mp4", tmp_path / "out.mp4").problem


def test_an_empty_video_and_the_words_of_ffmpeg(tmp_path, info):
    (tmp_path / "a.mp4").touch()
    (tmp_path / "b.mp4").write_text("hello")
    assert run(info, tmp_path / "a.mp4", tmp_path / "out.mp4").problem == "it is empty (0 bytes)"
    problem = run(info, tmp_path / "b.mp4", tmp_path / "out.mp4").problem
    assert problem == "it cannot be read as a video: Invalid data found when processing input"


def test_videos_of_another_format_than_their_name_are_read(tmp_path, info):
    source = make(tmp_path / "a.avi", codec="mpeg4", sound=False).rename(tmp_path / "a.mp4")
    assert run(info, source, tmp_path / "out.mp4").problem is None


@pytest.mark.skipif(sys.platform == "win32", reason="names with a colon")
def test_names_that_ffmpeg_takes_for_protocols(tmp_path, info, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = make(tmp_path / "a.mp4")
    for name in ("talk:1.mp4", "pipe:0.mp4", "file:a.mp4", "in:a/b.mp4"):
        path = Path(name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(source.read_bytes())
        target = Path("out:1", path.name)
        assert run(info, path, target).problem is None
        assert len(contents(target.absolute()).pictures) == 6


def test_a_limit_on_pixels_and_sound_without_pictures(tmp_path, info):
    from dataclasses import replace

    source = make(tmp_path / "a.mp4")
    problem = run(replace(info, max_pixels=100), source, tmp_path / "b.mp4").problem
    assert problem == "its frames have 64 x 48 pixels, more than max_pixels = 100"
    with pytest.raises(DataError, match="pictures have 1 or 3"):
        run(replace(info, out_channels=5), source, tmp_path / "b.mp4")


def test_ctrl_c_leaves_no_half_of_a_video_and_no_thread(tmp_path, info):
    source = make(tmp_path / "a.mp4", frames=40)
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        run(info, source, tmp_path / "b.mp4", Failing(KeyboardInterrupt()))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4"]
    assert threading.active_count() == before


def test_a_note_says_that_a_video_is_cut_off(tmp_path, info):
    import av

    whole = make(tmp_path / "whole.mp4", frames=40, sound=False)
    fast = tmp_path / "fast.mp4"  # with its table of frames at the front, as videos for the web have it
    with av.open(str(whole)) as source, av.open(str(fast), "w", options={"movflags": "faststart"}) as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(fast.read_bytes()[:-400])
    outcome = run(info, cut, tmp_path / "out.mp4")
    assert outcome.problem is None
    assert "it says that it has 40 frames, and" in outcome.note
    assert "it may be cut off" in outcome.note
    assert run(info, fast, tmp_path / "all.mp4").note == ""
