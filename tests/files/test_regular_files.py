"""A model is read from an ordinary file; whatever else bears its name is refused before it is opened."""

import os
import socket
import sys
from pathlib import Path

import pytest

from i2i.errors import CheckpointError, DataError
from i2i.files.regular_files import kind_of, require_file

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="pipes and devices with names")


def test_a_file_and_a_link_to_one_are_read(tmp_path):
    file = tmp_path / "model.pth"
    file.write_bytes(b"")
    (tmp_path / "link").symlink_to(file)
    for path in (file, tmp_path / "link"):
        require_file(path)
        assert kind_of(path) is None


@POSIX
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "model.pth")
    with pytest.raises(CheckpointError, match=r"model\.pth is a pipe, and a model is read from an ordinary file"):
        require_file(tmp_path / "model.pth")


@POSIX
def test_folders_devices_and_sockets_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        kinds = [kind_of(path) for path in (tmp_path, Path("/dev/zero"), Path("socket"))]
    assert kinds == ["a folder", "a device", "a socket"]


@pytest.mark.parametrize(("name", "reason"), [("missing", "No such file"), ("zero\0byte", "null")])
def test_what_is_not_there_raises_the_error_that_the_caller_wants(tmp_path, name, reason):
    assert kind_of(tmp_path / name) is None
    with pytest.raises(DataError, match=f"cannot be read: .*{reason}"):
        require_file(tmp_path / name, DataError)
