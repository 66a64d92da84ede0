"""A run's state relies on no special feature of a file system: a missing one is replaced, and noted once."""

import errno
import os
import shutil
import stat
from pathlib import Path

import pytest

import i2i
from i2i.errors import CheckpointError, RunFolderError
from i2i.files import atomic, lock
from i2i.files.lock import RunLock
from i2i.models.checkpoint import CheckpointFolder
from i2i.models.find import open_model

from ..helpers.running import UNPAIRED, Child, assert_same_end, assert_tidy, options

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_page")]  # processes of their own, one after the other

SETTINGS = {**UNPAIRED, "training.checkpoint_every": 2}


@pytest.fixture(scope="module")
def straight(images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("straight")
    Child(folder / "log", **options(images, folder / "run", settings=SETTINGS, steps=6, keep=1)).succeed()
    return folder / "run"


class Lacking:
    """In this process calls fail as on a file system that does not have them."""

    def __init__(self, call, code):
        self.call, self.code = call, code

    def __call__(self):
        if self.call == "flock":
            import fcntl

            fcntl.flock = self.failing(fcntl.flock, lambda *_: True)
            return
        name = {"rename over": "replace", "folder rename": "rename", "folder fsync": "fsync", "folder open": "open"}
        name = name.get(self.call, self.call)
        setattr(os, name, self.failing(getattr(os, name), getattr(self, self.call.replace(" ", "_"), lambda *_: True)))

    def failing(self, function, concerned):
        def call(*arguments, **more):
            if "dir_fd" not in more and concerned(*arguments):  # what removes a tree opens folders in its own way
                raise OSError(self.code, os.strerror(self.code), str(arguments[0]))
            return function(*arguments, **more)

        return call

    def rename_over(self, _, target):
        return os.path.lexists(target)

    def folder_rename(self, source, _):
        return Path(source).is_dir()

    def folder_fsync(self, descriptor):
        return stat.S_ISDIR(os.fstat(descriptor).st_mode)

    def folder_open(self, path, flags, *_):
        return flags == os.O_RDONLY and isinstance(path, os.PathLike | str) and Path(path).is_dir()


LINKS = "no symbolic links can be made where"
SYNC = "nothing can be forced to the disk where"


@pytest.mark.parametrize(
    ("call", "code", "note"),
    [
        ("symlink", errno.EOPNOTSUPP, LINKS),
        ("symlink", errno.EPERM, LINKS),
        ("symlink", errno.EIO, LINKS),
        ("folder fsync", errno.EINVAL, SYNC),
        ("folder open", errno.EACCES, SYNC),
        ("fsync", errno.ENOSYS, SYNC),
        ("rename over", errno.EEXIST, "files cannot be replaced by renaming where"),
        ("rename over", errno.EPERM, "files cannot be replaced by renaming where"),
        ("folder rename", errno.ENOSYS, "folders cannot be renamed where"),
        ("folder rename", errno.EXDEV, "folders cannot be renamed where"),
        ("flock", errno.ENOLCK, "files cannot be locked where"),
        ("flock", errno.ENOSYS, "files cannot be locked where"),
        ("flock", errno.EOPNOTSUPP, "files cannot be locked where"),
        ("chmod", errno.EPERM, "permissions cannot be set where"),
    ],
)
def test_a_run_trains_and_goes_on_where_something_is_lacking(images, straight, tmp_path, call, code, note):
    folder, lacking = tmp_path / "run", Lacking(call, code)
    given = options(images, folder, settings=SETTINGS, steps=4, keep=1, progress=True)
    first = Child(tmp_path / "first", lacking, **given).succeed()
    assert first.output().count(note) == 1, first.output()
    Child(tmp_path / "second", lacking, resume=folder, steps=6).succeed()
    checkpoints = folder / "checkpoints"
    assert open_model(checkpoints / "latest").checkpoint.step == 6
    assert open_model(folder, "best").checkpoint.path == CheckpointFolder(checkpoints, 1).best().path
    assert [path.name for path in checkpoints.glob(f"*/{atomic.UNFINISHED}")] == []
    (checkpoints / "latest").unlink(missing_ok=True)
    (checkpoints / "latest").symlink_to("step-00000006")
    assert_same_end(folder, straight)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_disk_that_is_full_or_broken_is_no_nicety(tmp_path, monkeypatch, code):
    monkeypatch.setattr(os, "fsync", Lacking("fsync", code).failing(os.fsync, lambda *_: True))
    with pytest.raises(RunFolderError, match="cannot write"):
        atomic.write_whole(tmp_path / "file", b"content")


def test_a_folder_that_may_not_be_written_stays_an_error(tmp_path, monkeypatch):
    path = atomic.write_whole(tmp_path / "file", b"old")

    def refuse(self, *_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(atomic.Path, "replace", refuse)
    monkeypatch.setattr(atomic.Path, "unlink", refuse)
    with pytest.raises(RunFolderError, match=r"cannot write .*Permission denied"):
        atomic.write_whole(path, b"new")
    assert path.read_bytes() == b"old"


class DieWhileCopying:
    """Folders cannot be renamed, and the process is killed in the middle of the copy that replaces renaming."""

    def __call__(self):
        Lacking("folder rename", errno.ENOSYS)()
        copy = shutil.copyfile

        def deadly(source, target, **more):
            copy(source, target, **more)
            if "step-00000004" in str(target):
                os.kill(os.getpid(), 9)

        shutil.copyfile = deadly


def test_a_checkpoint_that_was_being_copied_does_not_count(images, straight, tmp_path):
    folder = tmp_path / "run"
    given = options(images, folder, settings=SETTINGS, steps=6, keep=1)
    assert Child(tmp_path / "first", DieWhileCopying(), **given).wait() == -9
    assert (folder / "checkpoints" / "step-00000004").exists()
    assert open_model(folder).checkpoint.step == 2
    Child(tmp_path / "second", resume=folder).succeed()
    assert_same_end(folder, straight)


def test_without_locks_a_second_process_is_kept_out_and_a_dead_one_is_not(tmp_path, monkeypatch):
    def unsupported(*_, **__):
        raise OSError(errno.ENOLCK, "No locks available")

    for each in (first := RunLock(tmp_path / ".lock"), second := RunLock(tmp_path / ".lock")):
        monkeypatch.setattr(each._lock, "acquire", unsupported)
    first.acquire(0)
    monkeypatch.setattr(os, "getpid", lambda: 1)  # as seen from another process
    with pytest.raises(lock.Timeout):
        second.acquire(0.3)
    monkeypatch.undo()
    monkeypatch.setattr(second._lock, "acquire", unsupported)
    holder = first.files[1].read_text()
    first.files[1].write_text(holder.replace('"started": ', '"started": 1'))
    second.acquire(0)  # its number belongs to another process now
    second.release()
    assert not first.files[1].exists()
    notes = []
    second.files[1].write_text('{"host": "elsewhere", "pid": 1, "started": 5}')
    with atomic.noting_limits(notes.append):
        second.acquire(0)
    assert "elsewhere may still be at it" in notes[0]


# -- what becomes of links --------------------------------------------------------------------------------------------


def follow(run, copy):
    shutil.copytree(run, copy)


def empty(run, copy):
    shutil.copytree(run, copy, symlinks=True)
    for name in ("latest", "best"):
        (copy / "checkpoints" / name).unlink()
        (copy / "checkpoints" / name).mkdir()


def texts(run, copy):
    shutil.copytree(run, copy, symlinks=True)
    for name in ("latest", "best"):
        target = str((copy / "checkpoints" / name).readlink())
        (copy / "checkpoints" / name).unlink()
        (copy / "checkpoints" / name).write_text(target)


def gone(run, copy):
    texts(run, copy)
    for name in ("latest", "best"):
        (copy / "checkpoints" / name).unlink()


def dangling(run, copy):
    gone(run, copy)
    for name in ("latest", "best"):
        (copy / "checkpoints" / name).symlink_to("/somewhere/else/step-00000002")


def stale(run, copy):
    gone(run, copy)
    for name in ("latest", "best"):
        shutil.copytree(copy / "checkpoints" / "step-00000002", copy / "checkpoints" / name)


def only_latest(run, copy):
    follow(run, copy)
    for path in [*(copy / "checkpoints").glob("step-*"), copy / "checkpoints" / "best"]:
        shutil.rmtree(path)


@pytest.fixture(scope="module")
def run(images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("links")
    Child(folder / "log", **options(images, folder / "run", settings=SETTINGS, steps=4, keep=5)).succeed()
    return folder / "run"


@pytest.mark.parametrize("copied", [follow, empty, texts, gone, dangling, stale, only_latest])
def test_a_copied_run_can_be_used_and_goes_on(run, straight, tmp_path, copied):
    copied(run, copy := tmp_path / "copy")
    assert open_model(copy).checkpoint.step == 4
    assert open_model(copy / "checkpoints" / "latest").checkpoint.step == 4
    best = CheckpointFolder(run / "checkpoints", 1).best().step
    if copied is not only_latest:
        assert open_model(copy / "checkpoints" / "best").checkpoint.step == best
    assert i2i.load(copy, device="cpu").info.step == 4
    Child(tmp_path / "log", resume=copy, steps=6).succeed()
    assert_same_end(copy, straight)
    assert_tidy(copy)
    assert (copy / "checkpoints" / "latest").is_symlink()
    assert str((copy / "checkpoints" / "latest").readlink()) == "step-00000006"


def test_a_folder_of_that_name_with_other_contents_is_left_and_named(run, tmp_path):
    follow(run, copy := tmp_path / "copy")
    (copy / "checkpoints" / "latest" / "notes.txt").write_text("mine")
    child = Child(tmp_path / "log", resume=copy, steps=6, progress=True).succeed()
    assert f"{copy / 'checkpoints' / 'latest'} is a folder and no link" in child.output()
    assert (copy / "checkpoints" / "latest" / "notes.txt").read_text() == "mine"
    assert open_model(copy / "checkpoints" / "latest").checkpoint.step == 6, "and not what the folder holds"


def test_a_checkpoint_on_its_own_may_be_called_latest(run, tmp_path):
    shutil.copytree(run / "checkpoints" / "latest", tmp_path / "latest")
    assert open_model(tmp_path / "latest").checkpoint.step == 4
    with pytest.raises(CheckpointError, match="is not a trained model"):
        open_model(tmp_path / "best")


def test_weights_are_read_where_files_cannot_be_mapped(run, monkeypatch):
    from i2i.models import checkpoint

    def unmapped(path):
        raise OSError(errno.ENODEV, "No such device", str(path))

    expected = open_model(run).checkpoint.generator_weights("G_A")
    monkeypatch.setattr(checkpoint, "load_file", unmapped)
    found = open_model(run).checkpoint.generator_weights("G_A")
    assert all((found[name] == value).all() for name, value in expected.items())


def test_an_older_damaged_checkpoint_does_not_stop_a_run(run, tmp_path):
    gone(run, copy := tmp_path / "copy")
    (copy / "checkpoints" / "step-00000002" / "checkpoint.json").write_text("{")
    assert i2i.run(resume=copy, steps=5).step == 5
