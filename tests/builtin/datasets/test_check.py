"""What is said about folders and files that cannot be used."""

from __future__ import annotations

import os
import shutil
import struct
import zlib

import pytest
from PIL import Image

from i2i.builtin.datasets import FolderOptions
from i2i.errors import DataError
from i2i.plugins.component_options import parse_options

from ...helpers.profiles import wide_rgb


def bomb_bytes(width, height):
    """A PNG of a few bytes whose header promises width x height pixels."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


def bad_zero(path, draw):
    path.write_bytes(b"")


def bad_truncated(path, draw):
    draw(path.name)
    source = path.parent.parent / path.name
    path.write_bytes(source.read_bytes()[: source.stat().st_size // 2])


def bad_checksum(path, draw):
    data = bytearray(draw("source.png").read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def bad_text(path, draw):
    path.write_text("this is no image")


def bad_bomb(path, draw):
    path.write_bytes(bomb_bytes(50_000, 50_000))


def bad_misnamed(path, draw):
    shutil.copy(draw("source.png"), path)


def bad_gif(path, draw):
    shutil.copy(draw("source.gif", mode="P"), path)


def bad_cmyk(path, draw):
    shutil.copy(draw("source.jpg", mode="CMYK"), path)


def bad_float(path, draw):
    shutil.copy(draw("source.tif", mode="F"), path)


def bad_pages(path, draw):
    page = Image.new("RGB", (32, 32))
    page.save(path, save_all=True, append_images=[Image.new("RGB", (32, 32), "red")])


def bad_link(path, draw):
    path.symlink_to("nowhere.png")


def bad_pipe(path, draw):
    os.mkfifo(path)


BAD_FILES = [
    ("zero.png", bad_zero, "empty (0 bytes)"),
    ("cut.jpg", bad_truncated, "corrupt or truncated"),
    ("cut.png", bad_truncated, "corrupt or truncated"),
    ("cut.webp", bad_truncated, "corrupt or truncated"),
    ("cut.bmp", bad_truncated, "corrupt or truncated"),
    ("cut.tif", bad_truncated, "corrupt or truncated"),
    ("flipped bit.png", bad_checksum, "corrupt or truncated"),
    ("text.png", bad_text, "not an image, or its header is damaged"),
    ("bomb.png", bad_bomb, "50000 x 50000 pixels, more than max_pixels = 178956970"),
    ("actually_png.jpg", bad_misnamed, "misnamed: its content is PNG; rename it to actually_png.png"),
    ("actually_gif.png", bad_gif, "its content is GIF; convert it to PNG"),
    ("ink.jpg", bad_cmyk, "colour mode CMYK is not supported; convert it to RGB"),
    ("float.tif", bad_float, "1 channel of float32 is no picture, as the others of A are; convert it, or say how all"),
    ("pages.tif", bad_pages, "2 frames or pages"),
    ("dangling.png", bad_link, "a broken link"),
    ("pipe.png", bad_pipe, "not a regular file"),
]


@pytest.mark.parametrize(("name", "spoil", "reason"), BAD_FILES, ids=[row[0] for row in BAD_FILES])
@pytest.mark.filterwarnings("default")  # Pillow warns of some damage besides refusing it
def test_bad_file_is_named_with_its_reason_or_left_out_on_request(tmp_path, draw, build, name, spoil, reason):
    for number in range(3):
        draw(f"trainA/{number}.png")
        draw(f"trainB/{number}.png")
    path = tmp_path / "trainA" / name
    spoil(path, draw)
    options = {"test_fraction": 0}

    with pytest.raises(DataError) as caught:
        build(**options)
    assert f"{path}: {reason}" in str(caught.value)
    assert "1 of 7 image files cannot be used" in str(caught.value)
    assert "data.skip_bad=true (i2i run: --skip-bad)" in str(caught.value)

    dataset = build(skip_bad=True, **options)
    assert len(dataset) == 3
    assert [bad.path for bad in dataset.skipped] == [path]
    assert reason in dataset.skipped[0].reason
    assert f"1 file cannot be used, and left out:\n  {path}: {reason}" in "\n".join(dataset.notes)


def test_all_bad_files_of_both_splits_are_reported_at_once(tmp_path, draw, build):
    for folder in ("trainA", "trainB", "testA", "testB"):
        draw(f"{folder}/good.png")
        for number in range(7):
            (tmp_path / folder / f"bad{number}.png").touch()
    with pytest.raises(DataError) as caught:
        build()
    message = str(caught.value)
    assert "28 of 32 image files" in message
    assert "... and 8 more" in message
    assert message.count("empty (0 bytes)") == 20
    assert str(tmp_path / "testA" / "bad0.png") in message


def test_pairs_of_two_sizes_are_listed(draw, build):
    first, second = draw("A/1.png", size=(20, 40)), draw("B/1.png", size=(40, 20))
    for pairing in ("paired", "partners"):
        with pytest.raises(DataError) as caught:
            build(mode="crop", pairing=pairing, test_fraction=0)
        assert "1 pair has two sizes" in str(caught.value)
        assert f"{first}: 20 x 40, but {second}: 40 x 20" in str(caught.value)
    assert len(build(mode="crop", test_fraction=0)) == 1


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"direction": "AtoC"}, "dataset.direction"),
        ({"channels_A": 65}, "dataset.channels_A"),
        ({"background": "white"}, "dataset.background"),
        ({"mode": "resize"}, "dataset.mode"),
        ({"load_size": 100, "image_size": 128}, "dataset"),
        ({"test_fraction": 1}, "dataset.test_fraction"),
        ({"image_sise": 64}, "dataset.image_sise"),
    ],
)
def test_wrong_option_is_named(values, field):
    options, problems = parse_options(FolderOptions, values, where="dataset")
    assert options is None
    assert [problem.field for problem in problems] == [field]


def test_nothing_left_to_train_on(tmp_path, draw, build):
    draw("trainB/1.png")
    (tmp_path / "trainA").mkdir()
    (tmp_path / "trainA" / "1.png").touch()
    with pytest.raises(DataError, match="no usable image is left to train on in domain A"):
        build(skip_bad=True)


def test_file_that_vanishes_after_the_check_is_named(tmp_path, draw, build):
    path = draw("A/1.png")
    draw("B/1.png")
    dataset = build(test_fraction=0)
    path.unlink()
    with pytest.raises(DataError, match=r"A/1\.png: not readable"):
        dataset[0, 0]


def test_ctrl_c_waits_for_the_files_at_hand_alone(draw, build, monkeypatch):
    from i2i.builtin.datasets import looking

    for number in range(300):
        draw(f"A/{number}.png", (8, 8))
        draw(f"B/{number}.png", (8, 8))
    looked, look_at = [], looking.look_at

    def interrupted(path, *arguments, **options):
        looked.append(path)
        if len(looked) == 20:
            raise KeyboardInterrupt
        return look_at(path, *arguments, **options)

    monkeypatch.setattr(looking, "look_at", interrupted)
    monkeypatch.setattr(looking.os, "cpu_count", lambda: 1)
    with pytest.raises(KeyboardInterrupt):
        build()
    assert len(looked) < 600


def test_the_check_shows_how_far_it_is(draw, build):
    from contextlib import nullcontext

    from i2i.progress import listening

    for number in range(4):
        draw(f"A/{number}.png")
        draw(f"B/{number}.png")
    heard = []
    with listening(lambda work: heard.append(work) or nullcontext()):
        build(test_fraction=0)
    told = {work.what.split(" /")[0]: (work.done, work.total) for work in heard}
    assert told == {"listing": (4, None), "reading the headers of images": (8, 8), "checking images": (8, 8)}


@pytest.mark.skipif(os.name == "nt", reason="line breaks in names")
def test_a_line_break_in_a_name_adds_no_line_to_a_note(tmp_path, draw, build):
    for number in range(2):
        draw(f"A/{number}.png")
        draw(f"B/{number}.png")
    (tmp_path / "A" / "x\ndata: forged.txt").write_text("")
    (tmp_path / "unused\ndata: forged").mkdir()
    (tmp_path / "A" / "@eaDir\n").mkdir()
    notes = build(test_fraction=0).notes
    assert not [line for note in notes for line in note.splitlines() if line.startswith("data: forged")]
    assert any(r"x\ndata: forged.txt" in note for note in notes)
    assert any(r"unused\ndata: forged" in note for note in notes)


@pytest.mark.parametrize("color", ["keep", "srgb"])
def test_profiles_that_differ_are_noted_or_applied(tmp_path, build, color):
    for domain, profile in (("A", wide_rgb()), ("B", None)):
        (tmp_path / domain).mkdir()
        for number in range(2):
            path = tmp_path / domain / f"{number}.png"
            Image.new("RGB", (16, 16), (100, 150, 200)).save(path, icc_profile=profile)
    (tmp_path / "A" / "ink.jpg").touch()
    Image.new("CMYK", (16, 16)).save(tmp_path / "A" / "ink.jpg")
    dataset = build(test_fraction=0, color=color, skip_bad=color == "keep", load_size=16)
    told = [note for note in dataset.notes if "profiles differ" in note or ": its " in note]
    if color == "keep":
        assert told == [
            "colour profiles differ: A has Wide in 2; B has sRGB or none in 2. The same numbers mean different "
            "colours there, and count as they stand: data.color=srgb applies the profiles"
        ]
        assert [bad.path.name for bad in dataset.skipped] == ["ink.jpg"]
    else:
        assert told == [
            "2 images: its colours were converted from Wide to sRGB",
            "1 image: its CMYK has no colour profile: ideal inks were assumed",
        ]
        assert dataset[0, 0]["A"][:, 0, 0].tolist() == pytest.approx([66 / 127.5 - 1, 151 / 127.5 - 1, 203 / 127.5 - 1])
