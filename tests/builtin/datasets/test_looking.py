"""How much of which file is read before training."""

from __future__ import annotations

import pytest
from PIL import Image

from i2i.builtin.datasets import looking
from i2i.builtin.datasets.layout import Picture
from i2i.builtin.datasets.looking import Looking

from ...helpers.images import READERS


@pytest.fixture
def decoded(monkeypatch):
    """The names of the files that are decoded, in their order."""
    names, look_at = [], looking.look_at

    def counting(path, *arguments, **options):
        names.append(path.name)
        return look_at(path, *arguments, **options)

    monkeypatch.setattr(looking, "look_at", counting)
    return names


@pytest.fixture
def look(monkeypatch):
    """Look at files, of which so many pixels are few."""

    def with_few(paths, *, few_pixels=0, **options):
        monkeypatch.setattr(looking, "FEW_PIXELS", few_pixels)
        found = Looking(READERS, 10**6)
        found.look(paths, **options)
        return found

    return with_few


def test_of_a_large_folder_only_headers_are_read_and_what_they_leave_open(look, draw, decoded):
    paths = [draw(f"{number}.png") for number in range(4)]
    doubtful = [draw("a.tif"), draw("cut.jpg")]
    doubtful[1].write_bytes(doubtful[1].read_bytes()[:-40])

    found = look([*paths, *doubtful], held_out=paths[:1])

    assert sorted(decoded) == ["0.png", "a.tif", "cut.jpg"]
    assert found.unread == 3
    assert [path.name for path in found.reasons] == ["cut.jpg"]
    assert {facts.size for facts in found.found.values()} == {(32, 32)}


def test_of_a_small_folder_every_file_is_decoded(look, draw, decoded):
    paths = [draw(f"{number}.png") for number in range(4)]

    assert look(paths, few_pixels=4 * 32 * 32).unread == 0
    assert len(decoded) == 4


def test_of_a_dark_domain_all_are_decoded_and_of_another_as_few_as_show_its_range(look, draw, tmp_path, decoded):
    bright = [Picture(str(number), draw(f"bright/{number}.png")) for number in range(80)]
    dark = []
    for number in range(80):
        path = tmp_path / f"dark{number}.png"
        Image.new("RGB", (8, 8), (number % 50, 3, 9)).save(path)
        dark.append(Picture(path.stem, path))

    found = look([picture.path for picture in (*bright, *dark)], domains=(bright, dark))

    assert len([name for name in decoded if name.startswith("dark")]) == 80
    assert len(decoded) == 80 + looking.AT_ONCE
    assert found.unread == 80 - looking.AT_ONCE
