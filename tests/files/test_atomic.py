import os
import resource
import signal

import pytest
import torch
from safetensors.torch import load_file

from i2i.errors import RunFolderError
from i2i.files import atomic


def test_a_file_is_written_with_the_folders_above_it(tmp_path):
    path = atomic.write_whole(tmp_path / "a" / "b" / "file.txt", b"content")
    assert path.read_bytes() == b"content"
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_content_and_nothing_else(tmp_path):
    path = atomic.write_whole(tmp_path / "file.txt", b"old")
    pid = os.fork()
    if pid == 0:  # the kernel itself refuses: a file of this process may not grow beyond 10 bytes
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
        try:
            atomic.write_whole(path, b"x" * 100)
        except RunFolderError as error:
            os._exit(7 if f"cannot write {path}: File too large; make room" in str(error) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("place", ["/proc/file.txt", "under-a-file"])
def test_a_place_that_takes_no_files_is_named(tmp_path, place):
    if place == "under-a-file":
        (tmp_path / "file").write_text("")
        place = tmp_path / "file" / "deeper.txt"
    with pytest.raises(RunFolderError, match=f"cannot write {place}.*; make room or give write access"):
        atomic.write_whole(atomic.Path(place), b"content")


def test_a_new_folder_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "new"
    with atomic.new_folder(target) as folder:
        (folder / "one").write_text("1")
        assert not target.exists()
    assert (target / "one").read_text() == "1"

    def fail():
        with atomic.new_folder(tmp_path / "other") as folder:
            (folder / "one").write_text("1")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == [target]


def test_removing_a_folder_that_is_cut_short_leaves_nothing_under_its_name(tmp_path):
    folder = tmp_path / "step-1"
    folder.mkdir()
    for name in "abc":
        (folder / name).write_text(name)
    pid = os.fork()
    if pid == 0:
        unlink, calls = os.unlink, []

        def deadly(*arguments, **more):
            calls.append(arguments)
            if len(calls) == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            return unlink(*arguments, **more)

        os.unlink = deadly
        atomic.remove_folder(folder)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    assert not folder.exists()
    assert list(tmp_path.iterdir()), "the process was to die half way"
    atomic.remove_leftovers(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_link_moves_from_one_target_to_the_next(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        atomic.point_link(tmp_path / "link", name)
        assert (tmp_path / "link").resolve() == tmp_path / name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "one", "two"]


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_tensors_may_be_read_by_whom_the_mask_lets(tmp_path, mask):
    before = os.umask(mask)
    try:
        atomic.save_tensors({"weight": torch.ones(2)}, tmp_path / "a.safetensors")
    finally:
        os.umask(before)
    assert (tmp_path / "a.safetensors").stat().st_mode & 0o777 == 0o666 & ~mask
    assert torch.equal(load_file(tmp_path / "a.safetensors")["weight"], torch.ones(2))
