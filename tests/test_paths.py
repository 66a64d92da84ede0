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


class TestEveryOption:
    """``~`` means the same wherever a path is given, and a name that begins with it causes no traceback."""

    def test_a_run_s_folder_and_its_data(self, home):
        from i2i.api.training import resolve
        from i2i.training.records.run_folder import RunFolder

        config = resolve("sample:flat-3d")
        folder = RunFolder.create("~/runs/one", config)
        folder.unlock()
        assert folder.path == home / "runs/one"
        reopened = RunFolder.open("~/runs/one")
        reopened.unlock()
        assert reopened.path == home / "runs/one"
        odd = RunFolder.create("~one", config)
        odd.unlock()
        assert odd.path == Path("~one")

    def test_a_file_of_settings(self, home):
        from i2i.api.training import resolve

        (home / "mine.yaml").write_text("generator: {name: resnet6}")
        Path("~mine.yaml").write_text("generator: {name: unet128}")
        assert resolve(config="~/mine.yaml").generator.name == "resnet6"
        assert resolve(config="~mine.yaml").generator.name == "unet128"

    @pytest.mark.parametrize("name", ["~no-such-user", "~/nowhere"])
    def test_what_is_missing_is_named(self, name):
        import i2i
        from i2i.errors import I2IError

        for act in (
            lambda: i2i.load(name),
            lambda: i2i.load(f"{name}.onnx"),
            lambda: i2i.convert(name, "out"),
            lambda: i2i.evaluate("sample:flat-3d", name, device="cpu"),
            lambda: i2i.run(name, steps=1, device="cpu"),
            lambda: i2i.run(resume=name),
            lambda: i2i.run(config=name),
            lambda: i2i.load("sample:flat-3d", tile=128, tile_folder=name),
        ):
            with pytest.raises(I2IError, match=r"nowhere|no-such-user"):
                act()

    def test_a_picture_by_any_kind_of_path(self, home):
        from PIL import Image

        import i2i

        translator = i2i.load("sample:flat-3d", device="cpu")
        for name in ("~a.png", "a[1].png", "-1.png"):
            Image.new("RGB", (16, 16)).save(f"./{name}")
        Image.new("RGB", (16, 16)).save(home / "b.png")
        with os.scandir() as entries:
            results = [translator(entry) for entry in entries]
        results += translator(["~a.png", Path("a[1].png"), "~/b.png", os.fsencode("-1.png").decode()])
        assert [result.size for result in results] == [(16, 16)] * 7
