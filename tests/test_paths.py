"""A name that exists is meant as it stands; ``~`` is a home where it is not."""

import os
import sys
from pathlib import Path

import pytest

from i2i.paths import named


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    (tmp_path / "home").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "home"


@pytest.mark.parametrize("name", ["~photo.png", "~$report.png", "~", "~root"])
def test_what_exists_is_meant_as_it_stands(name):
    Path(name).write_bytes(b"")
    assert named(name) == Path(name)


def test_a_home_is_meant_where_nothing_is_called_so(home):
    assert named("~/new/a.png") == home / "new/a.png"
    assert named("~") == home


def test_a_folder_called_so_wins_only_with_what_is_in_it(home):
    Path("~").mkdir()
    assert named("~/new.png") == Path("~/new.png")
    (home / "new.png").write_bytes(b"")
    assert named("~/new.png") == home / "new.png"
    Path("~/new.png").write_bytes(b"")
    assert named("~/new.png") == Path("~/new.png")


@pytest.mark.parametrize("name", ["~photo.png", "~no-such-user/a.png", "a~b", "$HOME/a", "-1.png", "a\0b", "~\0", "."])
def test_a_name_without_such_a_user_is_only_a_name(name):
    assert named(name) == Path(name)


def test_a_broken_link_is_there():
    try:
        Path("~photo").symlink_to("nowhere")
    except OSError:
        pytest.skip("no symbolic links here")
    assert named("~photo") == Path("~photo")


@pytest.mark.skipif(sys.platform == "win32", reason="names of bytes")
def test_entries_of_a_folder_and_names_that_are_no_utf8():
    Path("a.png").write_bytes(b"")
    with os.scandir() as entries:
        assert [named(entry) for entry in entries] == [Path("a.png")]
    assert named(os.fsdecode(b"\xff.png")) == Path(os.fsdecode(b"\xff.png"))
