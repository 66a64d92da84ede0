"""A display matrix turns and mirrors; all eight ways are honoured, in every container that has one."""

import struct

import numpy as np
import pytest

from i2i.images.video.display_matrix import Orientation
from i2i.images.video.frames import VideoReader, VideoWriter

from ...helpers.videos import CORNER, contents, make

pytest.importorskip("av", reason="PyAV is not installed")

ONE = 1 << 16
HEIGHT, WIDTH = 48, 64

WAYS = {
    "as it is": ((ONE, 0, 0, ONE), "top left"),
    "mirrored": ((-ONE, 0, 0, ONE), "top right"),
    "upside down": ((-ONE, 0, 0, -ONE), "bottom right"),
    "flipped": ((ONE, 0, 0, -ONE), "bottom left"),
    "to the right": ((0, ONE, -ONE, 0), "top right"),
    "to the left": ((0, -ONE, ONE, 0), "bottom left"),
    "transposed": ((0, ONE, ONE, 0), "top left"),
    "transposed and upside down": ((0, -ONE, -ONE, 0), "bottom right"),
}


def with_matrix(path, a, b, c, d):
    """Put a matrix in the header of the first track of a QuickTime or MP4 file."""
    raw = bytearray(path.read_bytes())
    at = raw.find(b"tkhd") + 44
    raw[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(raw)
    return path


def where_the_corner_is(picture):
    height, width = picture.shape[:2]
    for name, row, column in (
        ("top left", 8, 8),
        ("top right", 8, width - 8),
        ("bottom left", height - 8, 8),
        ("bottom right", height - 8, width - 8),
    ):
        if np.abs(picture[row, column].astype(int) - CORNER).max() <= 12:
            return name
    return None


def frames_of(path):
    with VideoReader(path, max_pixels=10_000) as reader:
        frames = [item for item in reader.read() if hasattr(item, "pixels")]
        return reader, frames, list(reader.notes(len(frames)))


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize(("matrix", "expected"), WAYS.values(), ids=WAYS.keys())
def test_all_eight_ways_come_out_upright(tmp_path, suffix, matrix, expected):
    reader, frames, notes = frames_of(with_matrix(make(tmp_path / f"a{suffix}"), *matrix))
    assert where_the_corner_is(frames[0].pixels) == expected
    assert reader.size == frames[0].pixels.shape[:2] == ((WIDTH, HEIGHT) if matrix[0] == 0 else (HEIGHT, WIDTH))
    assert frames[0].pixels.flags.c_contiguous
    assert notes == []


def test_a_matroska_file_keeps_its_pose(tmp_path):
    for name in ("a.mkv", "a.mov"):
        _, frames, _ = frames_of(make(tmp_path / name, rotation=90))
        assert frames[0].pixels.shape == (WIDTH, HEIGHT, 3)
        assert where_the_corner_is(frames[0].pixels) == "bottom left"


@pytest.mark.parametrize(
    "matrix",
    [(64540, 11380, -11380, 64540), (2 * ONE, 0, 0, ONE), (ONE, 0, ONE // 2, ONE), (0, 0, 0, 0)],
    ids=["10 degrees", "stretched", "sheared", "nothing"],
)
def test_a_note_says_that_a_matrix_is_no_right_angle(tmp_path, matrix):
    _, frames, notes = frames_of(with_matrix(make(tmp_path / "a.mp4"), *matrix))
    assert where_the_corner_is(frames[0].pixels) == "top left"
    assert notes == [
        "its display matrix asks for another angle or a scale: frames were turned to the nearest right angle"
    ]


@pytest.mark.parametrize(("transposed", "expected"), [(False, "4/3"), (True, "3/4")])
def test_pixels_that_are_not_square_keep_their_shape(tmp_path, transposed, expected):
    from fractions import Fraction

    source = make(tmp_path / "a.mp4", shape_of_pixels=Fraction(4, 3))
    if transposed:
        with_matrix(source, 0, ONE, -ONE, 0)
    with (
        VideoReader(source, max_pixels=10_000) as reader,
        VideoWriter(tmp_path / "b.mp4", suffix=".mp4", reader=reader) as writer,
    ):
        for item in reader.read():
            if hasattr(item, "pixels"):
                writer.write_frame(item.pixels, item)
            else:
                writer.write_packet(item)
        writer.close()
    assert contents(tmp_path / "b.mp4").shape_of_pixels == Fraction(expected)


def test_the_order_of_the_three_steps():
    picture = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
    assert Orientation(transposed=True).upright(picture)[:, :, 0].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert Orientation(transposed=True, mirrored=True).upright(picture)[:, :, 0].tolist() == [[3, 0], [4, 1], [5, 2]]
    assert Orientation(flipped=True).upright(picture)[:, :, 0].tolist() == [[3, 4, 5], [0, 1, 2]]
