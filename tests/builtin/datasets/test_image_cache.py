"""What is kept of an image is what was put in, or nothing."""

from __future__ import annotations

import os
import pickle
from multiprocessing import context
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest

from i2i.builtin.datasets.image_cache import FileCache, MemoryCache

from ...helpers.images import noise

PICTURE, GREY = noise(5, 7), noise(5, 7)[:, :, 0]
FLOATS = np.random.default_rng(0).random((4, 5, 7)).astype(np.float32)


def has_room():
    return True


@pytest.fixture(params=["memory", "files"])
def cache(request, tmp_path):
    if request.param == "files":
        return FileCache(tmp_path / "kept", ["settings"])
    return MemoryCache(dict.fromkeys("abcd", FLOATS.nbytes), has_room)


@pytest.mark.parametrize("pixels", [PICTURE, GREY, FLOATS, FLOATS[0]])
def test_an_image_comes_back_to_the_bit(cache, tmp_path, pixels):
    path = tmp_path / "a.png"
    path.write_bytes(b"content")
    assert cache.load("a", path) is None
    cache.keep("b", path, FLOATS)
    cache.keep("a", path, pixels)

    found = cache.load("a", path)

    assert found.dtype == pixels.dtype
    assert (found == pixels).all()
    assert (cache.load("b", path) == FLOATS).all()


@pytest.mark.parametrize("change", ["size", "time", "gone"])
def test_nothing_is_taken_for_a_file_that_changed(cache, tmp_path, change):
    path = tmp_path / "a.png"
    path.write_bytes(b"content")
    status = path.stat()
    cache.keep("a", path, PICTURE)
    if change == "gone":
        path.unlink()
    elif change == "size":
        path.write_bytes(b"content, more")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    else:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))

    assert cache.load("a", path) is None


def test_a_damaged_file_is_not_there(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"content")
    cache = FileCache(tmp_path / "kept", ["settings"])
    cache.keep("a", path, PICTURE)
    (kept,) = (tmp_path / "kept").glob("*/*.npy")
    content = kept.read_bytes()
    for damaged in (content[:-9], content[:140] + b"\0" * 9 + content[149:], b""):
        kept.write_bytes(damaged)
        assert cache.load("a", path) is None
    assert FileCache(tmp_path / "kept", ["other settings"]).load("a", path) is None


def test_no_more_is_kept_than_there_is_room_for(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"content")
    names = [str(number) for number in range(200)]
    cache = MemoryCache(dict.fromkeys(names, PICTURE.nbytes), lambda: False)
    for name in names:
        cache.keep(name, path, PICTURE)
    cache.keep("unknown", path, PICTURE)

    assert len([name for name in names if cache.load(name, path) is not None]) == 63
    small = MemoryCache({"a": 3}, has_room)
    small.keep("a", path, PICTURE)
    assert small.load("a", path) is None


def test_memory_is_shared_with_a_process_that_is_started_and_not_with_another(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"content")
    cache = MemoryCache({"a": PICTURE.nbytes}, has_room)

    assert pickle.loads(pickle.dumps(cache)).load("a", path) is None

    class Starting:
        def DupFd(self, descriptor):
            return Passed(descriptor)

        def duplicate_for_child(self, descriptor):
            return descriptor

    monkeypatch.setattr(context, "get_spawning_popen", Starting)
    packed = bytes(ForkingPickler.dumps(cache))
    monkeypatch.undo()
    other = ForkingPickler.loads(packed)
    other.keep("a", path, PICTURE)
    assert (cache.load("a", path) == PICTURE).all()


class Passed:
    """A file descriptor that comes to the other process as a copy."""

    def __init__(self, descriptor):
        self.descriptor = descriptor

    def detach(self):
        return os.dup(self.descriptor)
