"""Two processes never train in one folder, also where files cannot be locked."""

import errno
import json
import multiprocessing
import os
import platform
import time

import psutil
import pytest
from filelock import FileLock, Timeout

from i2i.files import lock
from i2i.files.lock import RunLock


@pytest.fixture
def without_locks(monkeypatch):
    """A file system without locks, such as some network drives."""

    def refuse(self, *arguments, **options):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(FileLock, "acquire", refuse)
    monkeypatch.setattr(lock, "AGAIN_SECONDS", 0.01)
    told = []
    monkeypatch.setattr(lock.atomic, "note_limit", told.append)
    return told


def take_and_wait(path, taken):
    lock = RunLock(path)  # it lets go when nothing refers to it
    lock.acquire(0)
    taken.set()
    time.sleep(60)


def test_another_process_is_kept_out_until_it_is_killed(tmp_path):
    context = multiprocessing.get_context("fork")
    taken = context.Event()
    other = context.Process(target=take_and_wait, args=(tmp_path / "lock", taken))
    other.start()
    try:
        assert taken.wait(30)
        with pytest.raises(Timeout):
            RunLock(tmp_path / "lock").acquire(0)
    finally:
        other.kill()
        other.join()

    mine = RunLock(tmp_path / "lock")
    mine.acquire(10)
    mine.release()


def test_where_files_cannot_be_locked_a_note_says_who_is_at_it(tmp_path, without_locks):
    mine = RunLock(tmp_path / "lock")
    mine.acquire(0)

    note = json.loads(mine.files[1].read_text())
    assert (note["host"], note["pid"]) == (platform.node(), os.getpid())
    assert "files cannot be locked where the run lies" in without_locks[0]
    mine.release()
    assert not mine.files[1].exists()


def note_of(process, **more):
    return {"host": platform.node(), "pid": process.pid, "started": process.create_time(), **more}


def test_the_note_of_a_living_process_keeps_others_out(tmp_path, without_locks):
    mine = RunLock(tmp_path / "lock")
    mine.files[1].write_text(json.dumps(note_of(psutil.Process(os.getppid()))))
    with pytest.raises(Timeout):
        mine.acquire(0.05)


@pytest.mark.parametrize("note", ["", "[]", "{", '{"host": "' + platform.node() + '", "pid": "x"}'])
def test_a_damaged_note_keeps_nobody_out(tmp_path, without_locks, note):
    mine = RunLock(tmp_path / "lock")
    mine.files[1].write_text(note)
    mine.acquire(0)


def test_a_note_whose_number_another_process_got_later_keeps_nobody_out(tmp_path, without_locks):
    mine = RunLock(tmp_path / "lock")
    mine.files[1].write_text(json.dumps(note_of(psutil.Process(os.getppid()), started=1.0)))
    mine.acquire(0)


def test_another_machine_is_named_since_nobody_can_ask_it(tmp_path, without_locks):
    mine = RunLock(tmp_path / "lock")
    mine.files[1].write_text(json.dumps({"host": "elsewhere", "pid": 1, "started": 1.0}))
    mine.acquire(0)
    assert without_locks[0].endswith("is not kept out, and elsewhere may still be at it")


def test_a_folder_that_cannot_be_written_is_an_error_of_its_own(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        RunLock(tmp_path / "file" / "lock").acquire(0)
