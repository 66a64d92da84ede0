"""A folder that is laid out in another way is explained, with what works."""

from __future__ import annotations

import pytest

from i2i.errors import ConfigError, DataError

WRONG_FOLDERS = [
    ("empty", [], {}, "nothing, the folder is empty"),
    ("underscore", ["train_A/1.png", "train_B/1.png"], {}, "Found train_A: did you mean trainA?"),
    ("small letters", ["traina/1.png", "trainb/1.png"], {}, "Found trainb: did you mean trainB?"),
    ("turned round", ["A_train/1.png", "B_train/1.png"], {}, "Found A_train: did you mean trainA?"),
    ("typing error", ["trianA/1.png", "trainB/1.png"], {}, "Found trianA: did you mean trainA?"),
    ("one level too high", ["zebra/trainA/1.png", "zebra/trainB/1.png"], {}, "zebra is laid out in a way that works"),
    ("nested", ["train/A/1.png", "train/B/1.png"], {}, "move them to trainA and trainB"),
    ("side by side", ["train/1.png"], {}, "hold A and B side by side, use --method pix2pix"),
    ("flat side by side", ["1.png"], {}, "hold A and B side by side, use --method pix2pix"),
    ("nothing paired", ["cats/1.png"], {"pairing": "paired"}, "Found instead: folders cats/."),
    ("only one half of the test", ["trainA/1.png", "trainB/1.png", "testA/1.png"], {}, "found testA but no testB"),
    ("no images", ["trainA/1.png", "trainB/notes.txt"], {}, "found 1 other file (.txt)"),
    (
        "two files of one name",
        ["trainA/1.png", "trainA/1.jpg", "trainB/1.png"],
        {},
        "1 names belong to more than one file",
    ),
    (
        "names that do not pair",
        ["trainA/1.png", "trainA/2.png", "trainB/1.png", "trainB/3.png"],
        {"pairing": "paired"},
        "2 files have no partner",
    ),
    (
        "names that differ in capitals",
        ["trainA/One.png", "trainB/one.png"],
        {"pairing": "paired"},
        "differ only in capital letters",
    ),
    (
        "no partners",
        ["trainA/1.png", "trainB/2.png"],
        {"pairing": "partners", "test_fraction": 0},
        "no training image of A shares its name with one of B",
    ),
    (
        "odd side by side",
        ["train/odd.33x16.png"],
        {"pairing": "paired", "test_fraction": 0},
        "33 pixels wide: an odd width has no two equal halves",
    ),
    (
        "crop too large",
        ["A/1.20x40.png", "A/2.png", "B/1.png", "B/2.png"],
        {"mode": "crop", "image_size": 32, "test_fraction": 0},
        "a crop of 32 x 32 (image_size) does not fit in 1 image",
    ),
]


@pytest.mark.parametrize(
    ("files", "options", "expected"), [row[1:] for row in WRONG_FOLDERS], ids=[row[0] for row in WRONG_FOLDERS]
)
def test_wrong_folder_is_explained(tmp_path, draw, build, files, options, expected):
    for name in files:
        if name.endswith(".txt"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
            continue
        size = name.split(".")[1].split("x") if name.count(".") == 2 else (32, 32)
        draw(name, size=(int(size[0]), int(size[1])))
    with pytest.raises(DataError) as caught:
        build(**options)
    assert expected in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_wrong_layout_draws_those_that_work(tmp_path, build):
    (tmp_path / "stuff").mkdir()
    for pairing, drawn in [("unpaired", ["trainA/", "trainB/", "testA/", "A/"]), ("paired", ["trainA/", "train/"])]:
        with pytest.raises(DataError) as caught:
            build(pairing=pairing)
        assert all(f"|-- {name}" in str(caught.value) for name in drawn)
        assert "Found instead: folders stuff/." in str(caught.value)


def test_missing_folder_names_the_nearest(tmp_path, build):
    (tmp_path / "horse2zebra").mkdir()
    with pytest.raises(DataError, match="no such folder; did you mean 'horse2zebra'"):
        build(root=str(tmp_path / "horse2zebre"))
    (tmp_path / "data.zip").touch()
    with pytest.raises(DataError, match="got a file; unpack it"):
        build(root=str(tmp_path / "data.zip"))
    with pytest.raises(ConfigError, match="no sample 'flat-3D'; did you mean 'flat-3d'"):
        build(root="sample:flat-3D")
