import errno
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from pathlib import Path

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
        atomic.write_whole(Path(place), b"content")


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


def test_a_file_gets_its_name_once_it_is_whole(tmp_path):
    path = tmp_path / "new" / "file.txt"
    with atomic.replacing(path, suffix=".txt") as temporary:
        temporary.write_text("content")
        assert (temporary.parent, temporary.suffix) == (path.parent, ".txt")
        assert not path.exists()
    assert path.read_text() == "content"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt, SystemExit])
def test_whatever_interrupts_leaves_the_old_file_alone(tmp_path, error):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def write_half():
        with atomic.replacing(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_appears_meanwhile_stays_unless_it_may_be_replaced(tmp_path):
    path = tmp_path / "file.txt"
    for replace, content in ((False, "theirs"), (True, "ours")):
        refused = nullcontext() if replace else pytest.raises(FileExistsError)
        with refused, atomic.replacing(path, replace=replace) as temporary:
            temporary.write_text("ours")
            path.write_text("theirs")
        assert path.read_text() == content
    assert list(tmp_path.iterdir()) == [path]


def test_writers_of_one_file_do_not_meet(tmp_path):
    path, together, wrong = tmp_path / "file.txt", threading.Barrier(8), []

    def write(letter):
        together.wait()
        for _ in range(20):
            with atomic.replacing(path) as temporary:
                temporary.write_text(letter * 10_000)
            if len(set(path.read_text())) != 1:
                wrong.append(letter)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP])
def test_where_files_cannot_be_renamed_they_are_copied(tmp_path, monkeypatch, number):
    def refuse(self, target):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "replace", refuse)
    monkeypatch.setattr(Path, "rename", refuse)
    told = []
    for content in ("new", "newer"):
        with atomic.noting_limits(told.append), atomic.replacing(tmp_path / "file.txt") as temporary:
            temporary.write_text(content)
        assert (tmp_path / "file.txt").read_text() == content
    assert "files cannot be replaced by renaming" in told[0]
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    code = "import sys, os, signal; from i2i.files.atomic import *\nfrom pathlib import Path\n"
    code += "with replacing(Path(sys.argv[1])) as file:\n    file.touch(); os.kill(os.getpid(), signal.SIGKILL)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "file.txt")], check=False)
    (left,) = tmp_path.iterdir()
    kept = [tmp_path / name for name in (f".i2i-{os.getpid()}-99.writing", ".i2i-x.writing", ".hidden", "file.png")]
    for file in kept:
        file.touch()
    fresh = tmp_path / left.name.replace("-0.", "-1.")
    fresh.touch()
    ago = time.time() - 2 * atomic.SETTLED_SECONDS
    for file in (left, *kept):
        os.utime(file, (ago, ago))
    with atomic.replacing(tmp_path / "file.txt") as temporary:
        temporary.touch()
    assert sorted(tmp_path.iterdir()) == sorted([*kept, fresh, tmp_path / "file.txt"])


def test_files_that_belong_together_are_replaced_together(tmp_path):
    path, beside = tmp_path / "model.xml", tmp_path / "model.bin"

    def write(text, weights=(".bin",), fails=False, **options):
        with atomic.replacing_together(path, (".bin",), **options) as temporary:
            for suffix in (".xml", *weights):
                temporary.with_suffix(suffix).write_text(f"{text} {suffix}")
            if fails:
                raise ZeroDivisionError

    write("old", durable=True)
    write("new")
    assert (path.read_text(), beside.read_text()) == ("new .xml", "new .bin")
    for options, error in (({"replace": False}, FileExistsError), ({"fails": True}, ZeroDivisionError)):
        with pytest.raises(error):
            write("third", **options)
    with pytest.raises(FileNotFoundError):
        write("third", weights=())
    assert (path.read_text(), beside.read_text()) == ("new .xml", "new .bin")
    path.unlink()
    with pytest.raises(FileExistsError, match=r"model\.bin"):
        write("third", replace=False)
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.bin"]
