"""Files that other programs keep in people's folders are not taken for pictures."""

from pathlib import Path

import pytest

from i2i.images.finding import LeftOut, is_clutter, walk

IMAGES = (".jpg", ".png")


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def found(folder, left_out=None, **options):
    return [path.relative_to(folder).as_posix() for path in walk(folder, left_out, **options)]


@pytest.mark.parametrize(
    "clutter",
    [
        "@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg",
        "#recycle/deleted.jpg",
        "#snapshot/hourly/a.jpg",
        "$RECYCLE.BIN/S-1-5/$R1.jpg",
        "$Recycle.Bin/$R1.jpg",
        "System Volume Information/a.png",
        "lost+found/a.png",
        "LOST.DIR/1.png",
        ".@__thumb/default_a.jpg",
        "@Recycle/a.jpg",
        "@Recently-Snapshot/a.jpg",
        "~snapshot/a.jpg",
        "__MACOSX/a.jpg",
        ".Trashes/501/a.jpg",
        ".Trash-1000/files/a.jpg",
        ".thumbnails/normal/a.png",
        ".ipynb_checkpoints/a.png",
        ".picasaoriginals/a.jpg",
        ".stversions/a.jpg",
        "Catalog Previews.lrdata/0/a.jpg",
    ],
)
def test_folders_of_other_programs_are_passed_over_and_named(tmp_path, clutter):
    touch(tmp_path, "a.jpg", clutter, f"deep/{clutter}", "deep/b.jpg")
    left_out = LeftOut(IMAGES)
    assert found(tmp_path, left_out) == ["a.jpg", "deep/b.jpg"]
    (note,) = left_out.notes()
    assert note.startswith("left out: 2 folders, hidden or with previews, deleted files or the like, such as ")
    assert clutter.split("/")[0] in note


@pytest.mark.parametrize("clutter", ["._a.jpg", ".a.jpg", "~$a.png", ".b.heic.icloud"])
def test_files_that_look_like_pictures_are_named(tmp_path, clutter):
    touch(tmp_path, "a.jpg", clutter)
    left_out = LeftOut(IMAGES)
    assert found(tmp_path, left_out) == ["a.jpg"]
    assert [note.split(", ")[0] for note in left_out.notes()] == ["left out: 1 file"]


def test_files_that_nobody_misses_are_not_named(tmp_path):
    touch(tmp_path, "a.jpg", "Thumbs.db", "thumbs.db", "desktop.ini", ".DS_Store", ".nomedia", "ehthumbs.db", "Icon\r")
    left_out = LeftOut(IMAGES)
    assert found(tmp_path, left_out) == ["a.jpg"]
    assert list(left_out.notes()) == []


@pytest.mark.parametrize("name", ["recycle", "eaDir", "thumbs", "snapshot", "@home", "#1", "$5", "~old", "Previews"])
def test_names_that_only_look_alike_are_people_s_own(name):
    assert not is_clutter(name)


def test_a_folder_that_is_named_is_searched_whatever_it_is_called(tmp_path):
    touch(tmp_path, "@eaDir/a.jpg", "#recycle/b.jpg")
    assert found(tmp_path / "@eaDir") == ["a.jpg"]
    assert found(tmp_path, keep=("#recycle",)) == ["#recycle/b.jpg"]


def test_names_in_the_note_are_safe_to_show(tmp_path):
    left_out = LeftOut(folders=[Path("in/\x1b[31m/@eaDir")])
    assert "\x1b" not in next(left_out.notes())


def test_what_lies_in_a_folder_that_is_searched_twice_counts_once(tmp_path):
    (tmp_path / "@eaDir").mkdir()
    (tmp_path / ".a.png").touch()
    left_out = LeftOut(IMAGES)
    for _ in range(2):
        list(walk(tmp_path, left_out))
    assert [note.split(", ")[0] for note in left_out.notes()] == ["left out: 1 folder and 1 file"]
