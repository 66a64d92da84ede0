"""What was found in files is known again, as long as they are the same."""

from __future__ import annotations

import os

import pytest
from PIL import Image

from i2i.builtin.datasets import looking
from i2i.builtin.datasets.kept_check import KeptCheck

from ...helpers.images import READERS


@pytest.fixture
def second_start(tmp_path, draw, monkeypatch):
    """A folder that was looked at; a function that does it again and returns which files were read, and the look."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(looking, "SEVERAL", 3)
    paths = [draw(f"data/{number}.png") for number in range(4)] + [draw("data/a.tif")]
    read = []
    for name in ("glance_at", "look_at"):
        function = getattr(looking, name)

        def counting(path, *arguments, function=function, **options):
            read.append(path.name)
            return function(path, *arguments, **options)

        monkeypatch.setattr(looking, name, counting)

    def again(settings="", few_pixels=0):
        read.clear()
        monkeypatch.setattr(looking, "FEW_PIXELS", few_pixels)
        look = looking.Looking(READERS, 10**6)
        look.look(paths, kept=KeptCheck(str(tmp_path / "data"), [settings]))
        return sorted(set(read)), look

    again()
    return again


def test_a_second_start_looks_at_nothing(second_start, tmp_path):
    read, look = second_start()

    assert read == []
    assert look.found[tmp_path / "data/a.tif"].levels_of_half("").most > 200
    assert {facts.size for facts in look.found.values()} == {(32, 32)}


@pytest.mark.parametrize("change", ["time", "size", "begin"])
def test_a_file_that_changed_is_looked_at_again(second_start, tmp_path, change):
    path = tmp_path / "data/1.png"
    status, content = path.stat(), bytearray(path.read_bytes())
    if change == "size":
        path.write_bytes(content + b"\0")
    elif change == "begin":
        Image.new("RGB", (16, 16)).save(path)
        path.write_bytes(path.read_bytes().ljust(len(content), b"\0"))
    if change != "time":
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    else:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))

    assert second_start()[0] == ["1.png"]
    assert second_start()[0] == []


def test_what_was_not_decoded_is_decoded_where_that_is_asked_for(second_start):
    assert second_start(few_pixels=10**6)[0] == ["0.png", "1.png", "2.png", "3.png"]
    assert second_start(few_pixels=10**6)[0] == []


def test_other_settings_and_a_damaged_record_count_for_nothing(second_start, tmp_path):
    assert len(second_start(settings="other")[0]) == 5
    for text in (tmp_path / "cache/i2i/checks").iterdir():
        text.write_text('{"settings": 3')
    read, look = second_start()

    assert len(read) == 5
    assert len(look.found) == 5
