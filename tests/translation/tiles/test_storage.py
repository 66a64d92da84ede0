"""Planes between passes: in memory while they fit, else in files, and gone afterwards."""

import contextlib
from pathlib import Path

import pytest
import torch

from i2i.errors import DataError
from i2i.translation.tiles.boxes import Box, Extent, Span
from i2i.translation.tiles.storage import Storage

EXTENT = Extent(3, 20, 30)
BYTES = EXTENT.values * 4
OPEN_FILES = Path("/proc/self/fd")

sees_open_files = pytest.mark.skipif(not OPEN_FILES.is_dir(), reason="this system does not show open files")


def open_files(folder):
    """Files of this process below a folder, those without a name too."""
    links = []
    for number in OPEN_FILES.iterdir():
        with contextlib.suppress(OSError):
            links.append(str(number.readlink()))
    return [link for link in links if link.startswith(str(folder))]


@pytest.mark.parametrize("budget", [0, 1 << 30], ids=["file", "memory"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_written_is_read_in_any_rectangle(tmp_path, budget, dtype):
    values = torch.randn(1, *EXTENT).to(dtype)
    with Storage(budget, tmp_path) as storage:
        plane = storage.new(EXTENT, dtype)
        for top in range(0, 20, 7):
            for left in range(0, 30, 11):
                box = Box(Span(top, min(20, top + 7)), Span(left, min(30, left + 11)))
                plane.write(box, values[:, :, slice(*box.rows), slice(*box.columns)])
        for box in (EXTENT.box, Box(Span(3, 19), Span(5, 6)), Box(Span(19, 20), Span(0, 30))):
            read = plane.read(box)
            assert torch.equal(read, values[:, :, slice(*box.rows), slice(*box.columns)])
            assert read.dtype == dtype


@sees_open_files
def test_planes_go_to_files_when_memory_is_used_up_and_memory_is_used_again(tmp_path):
    with Storage(2 * BYTES, tmp_path) as storage:
        first = storage.new(EXTENT, torch.float32)
        storage.new(EXTENT, torch.float32)
        assert not open_files(tmp_path)
        storage.new(EXTENT, torch.float32)
        assert len(open_files(tmp_path)) == 1
        storage.release(first)
        storage.new(EXTENT, torch.float32)
        assert len(open_files(tmp_path)) == 1
        assert not list(tmp_path.iterdir()), "files have no name"
    assert not open_files(tmp_path)


@sees_open_files
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_nothing_is_left_when_it_ends_early(tmp_path, error):
    def fill():
        with Storage(0, tmp_path) as storage:
            storage.new(EXTENT, torch.float32)
            assert open_files(tmp_path)
            raise error

    with pytest.raises(error):
        fill()
    assert not open_files(tmp_path)
    assert not list(tmp_path.iterdir())


def test_too_little_space_is_said_before_anything_is_written(tmp_path):
    storage = Storage(0, tmp_path)
    storage.require_space(0)
    storage.require_space(1)
    with pytest.raises(DataError, match="--tile-folder"):
        storage.require_space(1 << 60)
    with pytest.raises(DataError, match="does not exist"):
        Storage(0, tmp_path / "none").require_space(1)


def test_a_full_disk_is_explained(tmp_path):
    class Full:
        def seek(self, _):
            return 0

        def write(self, _):
            raise OSError(28, "No space left on device")

    from i2i.translation.tiles.storage import _InFile

    with pytest.raises(DataError, match="No space left on device"):
        _InFile(EXTENT, torch.float32, Full()).write(EXTENT.box, torch.zeros(1, *EXTENT))
