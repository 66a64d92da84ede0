"""Names, folders and patterns mean the files that a person would expect, each once."""

from pathlib import Path

import pytest

from i2i.errors import ConfigError, DataError
from i2i.images.finding import LeftOut
from i2i.images.inputs import find


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("in/a.png", "in/sub/b.png", "in/sub/clip.mp4", "in/note.txt", "in/.hidden/c.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def found(*inputs, out="out"):
    return {item.source.as_posix(): item for item in find(inputs, Path(out), LeftOut())}


def test_a_folder_holds_images_and_no_video_and_keeps_its_places():
    items = found("in")
    assert [name for name, item in items.items() if item.is_image([".png"])] == ["in/a.png", "in/sub/b.png"]
    assert not any(item.is_video for item in items.values())
    assert items["in/sub/b.png"].place == Path("sub/b.png")


def test_what_is_named_counts_whatever_its_suffix():
    items = found("in/note.txt", "in/sub/clip.mp4", "in/.hidden/c.png")
    assert items["in/note.txt"].is_image([".png"])
    assert items["in/sub/clip.mp4"].is_video
    assert items["in/.hidden/c.png"].place == Path("c.png")


def test_a_video_is_taken_where_a_pattern_means_the_file_and_not_its_folder():
    assert found("in/**/*.mp4")["in/sub/clip.mp4"].is_video
    assert not found("in/s*")["in/sub/clip.mp4"].is_video


def test_a_pattern_passes_over_what_is_hidden_unless_it_names_it():
    left_out = LeftOut()
    names = [item.source.as_posix() for item in find(["in/**/*.png"], Path("out"), left_out)]
    assert names == ["in/a.png", "in/sub/b.png"]
    assert left_out.notes() != []
    assert list(found("in/.hidden/*.png")) == ["in/.hidden/c.png"]


def test_what_several_inputs_mean_is_found_once_as_the_most_explicit_makes_it():
    (item,) = found("in/sub", "in/sub/*", "in/sub/b.png", out="elsewhere").keys() & {"in/sub/b.png"}
    assert item == "in/sub/b.png"
    assert found("in/sub", "in/sub/*")["in/sub/b.png"].matched


def test_the_output_folder_is_no_input():
    assert list(found("in", out="in/sub")) == ["in/a.png", "in/note.txt"]


def test_every_missing_input_is_named_at_once():
    with pytest.raises(DataError) as raised:
        found("in/a.png", "nowhere.png", "in/sub/*.tif")
    assert "nowhere.png" in str(raised.value)
    assert "in/sub/*.tif (a pattern that nothing matches)" in str(raised.value)


def test_a_variable_that_is_not_set_is_named():
    with pytest.raises(ConfigError, match="INPUT must name a file or a folder; got an empty text"):
        found("")
