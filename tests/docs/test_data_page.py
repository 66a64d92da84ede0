"""The page on data says what i2i does: its messages, sizes, layouts and numbers."""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from PIL import Image

from i2i.builtin.datasets import SPECS, FolderOptions
from i2i.builtin.datasets.layout import find_layout
from i2i.builtin.datasets.preprocess import Geometry
from i2i.builtin.datasets.split import position
from i2i.cli.main import main
from i2i.errors import I2IError
from i2i.images import tiff

from ..helpers.images import READERS, write_noise

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^#{2,3} (.+?)$(.*?)(?=^#{2,3} |\Z)", PAGE, re.MULTILINE | re.DOTALL))
ROOT = Path("photos")  # the name in the page's messages; the tests stand in a folder of their own

Case = Callable[[], dict[str, Any]]
"""Makes ``photos/`` and returns options beyond the defaults."""


def rows(section: str) -> dict[str, list[str]]:
    """The rows of the tables in a section, by their first cell."""
    lines = [line for line in SECTIONS[section].splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in lines]
    return {row[0]: row[1:] for row in cells}


def draw(name: str, size: tuple[int, int] = (32, 32), mode: str = "RGB", **options: Any) -> Path:
    return write_noise(ROOT / name, size, list(name.encode()), mode=mode, **options)


def draw_all(*names: str) -> dict[str, Any]:
    for name in names:
        if name.endswith("/"):
            (ROOT / name).mkdir(parents=True)
        elif name.endswith((".txt", ".gif")):
            (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / name).touch()
        else:
            draw(name)
    return {}


def png_header(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header promises width x height pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def spoil(name: str, content: Callable[[Path], object]) -> Case:
    """A folder of good images and one bad file, which ``content`` writes."""

    def case() -> dict[str, Any]:
        draw_all("trainA/1.png", "trainB/1.png")
        content(ROOT / "trainA" / name)
        return {}

    return case


def save(image: Image.Image, form: str, **options: Any) -> Callable[[Path], object]:
    return lambda path: image.save(path, format=form, **options)


def cut(path: Path) -> None:
    draw(f"trainA/{path.name}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_a_byte(path: Path) -> None:
    draw(f"trainA/{path.name}")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def grey_tiff(kind: Any, bands: int = 1) -> Callable[[Path], object]:
    shape = (32, 32) if bands == 1 else (32, 32, bands)
    options: dict[str, Any] = {} if bands == 1 else {"planarconfig": "contig", "extrasamples": [0] * (bands - 1)}
    return lambda path: tifffile.imwrite(
        path, np.zeros(shape, kind), photometric="minisblack", metadata=None, **options
    )


def patched(path: Path, write: Callable[[Path], object], tag: int, value: int) -> None:
    """Write a TIFF, and then another value of a tag into its directory."""
    write(path)
    content = bytearray(path.read_bytes())
    at = next(at for kind in (3, 4) if (at := content.find(struct.pack("<HHI", tag, kind, 1))) >= 0)
    struct.pack_into("<I", content, at + 8, value)
    path.write_bytes(content)


JPEG_OF_12_BITS = bytes.fromhex("ffd8 ffc1 000b 0c 0008 0008 01 011100 ffda 0008 01 0100 003f00 00 ffd9")
HEIC = b"\0\0\0\x18ftypheic" + bytes(99)
PLAIN = Image.new("RGB", (32, 32))
FILES: dict[str, Case] = {
    "empty file": spoil("cat.png", lambda path: path.touch()),
    "half a download": spoil("cat.jpg", cut),
    "damaged bytes in a PNG": spoil("cat.png", flip_a_byte),
    "text with an image's name": spoil("cat.png", lambda path: path.write_text("404 Not Found")),
    "wrong suffix": spoil("cat.jpg", save(PLAIN, "PNG")),
    "another format under a known suffix": spoil("cat.png", save(PLAIN, "GIF")),
    "decompression bomb": spoil("cat.png", lambda path: path.write_bytes(png_header(50_000, 50_000))),
    "print colours": spoil("cat.jpg", save(PLAIN.convert("CMYK"), "JPEG")),
    "floating-point pixels among pictures": spoil("cat.tif", save(PLAIN.convert("F"), "TIFF")),
    "several pages": spoil(
        "cat.tif", save(PLAIN, "TIFF", save_all=True, append_images=[Image.new("RGB", (32, 32), "red")])
    ),
    "signed numbers among pictures": spoil("cat.tif", grey_tiff(np.int8)),
    "five bands among pictures": spoil("cat.tif", grey_tiff(np.uint16, 5)),
    "12 bits, packed": spoil("cat.tif", lambda path: patched(path, grey_tiff(np.uint16), 258, 12)),
    "a compression that takes the extra": spoil("cat.tif", lambda path: patched(path, save(PLAIN, "TIFF"), 259, 34887)),
    "JPEG of 12 bits": spoil("cat.jpg", lambda path: path.write_bytes(JPEG_OF_12_BITS)),
    "a phone's photo with a wrong suffix": spoil(
        "cat.jpg", lambda path: path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(99))
    ),
    "more pages than are counted": spoil(
        "cat.tif", lambda path: tifffile.imwrite(path, np.zeros((1200, 2, 2), np.uint8), photometric="minisblack")
    ),
    "link to nowhere": spoil("cat.png", lambda path: path.symlink_to("gone.png")),
    "pipe": spoil("cat.png", os.mkfifo),
}


def odd_width() -> dict[str, Any]:
    draw("train/cat.png", size=(33, 16))
    return {"pairing": "paired", "test_fraction": 0}


FILES["side by side, odd width"] = odd_width


def small_for_the_crop() -> dict[str, Any]:
    draw("A/cat.png", size=(200, 300))
    for name in ("A/1", "B/1"):
        draw(f"{name}.png", size=(400, 300))
    return {"mode": "crop", "image_size": 256, "test_fraction": 0}


def pairs_of_two_sizes() -> dict[str, Any]:
    draw("A/cat.png", size=(300, 400))
    draw("B/cat.png", size=(400, 300))
    return {"mode": "crop", "pairing": "paired", "test_fraction": 0}


FOLDERS: dict[str, Case] = {
    "`--data photoz`": lambda: {**draw_all("trainA/1.png", "trainB/1.png"), "root": "photoz"},
    "an archive": lambda: {**draw_all("trainA/1.png"), "root": str(draw("../photos.png").rename("photos.zip"))},
    "`--data sample:flat-3D`": lambda: {"root": "sample:flat-3D"},
    "empty folder": lambda: draw_all("./"),
    "`train_A/`, `train_B/`": lambda: draw_all("train_A/1.png", "train_B/1.png"),
    "one level too high": lambda: draw_all("horses/trainA/1.png", "horses/trainB/1.png"),
    "one level too deep": lambda: {**draw_all("trainA/1.png", "trainB/1.png"), "root": "photos/trainA"},
    "`train/A/`, `train/B/`": lambda: draw_all("train/A/1.png", "train/B/1.png"),
    "pictures side by side, but `--method cyclegan`": lambda: draw_all("train/1.png"),
    "`testA/` without `testB/`": lambda: draw_all("trainA/1.png", "trainB/1.png", "testA/1.png"),
    "no image in a folder": lambda: draw_all("trainA/1.png", "trainB/1.gif"),
    "two files of one name": lambda: draw_all("trainA/1.png", "trainA/1.jpg", "trainB/1.png"),
    "pix2pix, and names that do not pair": lambda: {
        **draw_all("trainA/1.png", "trainA/2.png", "trainB/1.png"),
        "pairing": "paired",
    },
    "semi-paired, and no pairs": lambda: {
        **draw_all("trainA/1.png", "trainB/2.png"),
        "pairing": "partners",
    },
    "image smaller than the crop": small_for_the_crop,
    "pair of two sizes": pairs_of_two_sizes,
}


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def build(split: str = "train", *, root: str = "photos", seed: int = 0, **options: Any) -> Any:
    settings = FolderOptions(**{"image_size": 16, **options})
    return SPECS[0].build(settings, root=root, split=split, seed=seed, readers=READERS)


def message_of(case: Case) -> str:
    options = case()
    with pytest.raises(I2IError) as caught:
        build(**options)
    return str(caught.value)


def pattern_of(cell: str) -> str:
    """A regular expression for a message in the page: ``...`` stands for anything."""
    words = re.fullmatch(r"`(.+)`", cell)
    assert words is not None, cell
    return ".*".join(re.escape(part) for part in words[1].split("..."))


def one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("wrong", FILES)
@pytest.mark.filterwarnings("default")  # Pillow warns of some damage besides refusing it
def test_a_bad_file_gets_the_message_of_the_page(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff, "find_spec", lambda name: None)  # as where the extra is not installed
    (said,) = rows("Files that cannot be used")[wrong]
    count, line, advice = message_of(FILES[wrong]).splitlines()
    assert re.fullmatch(rf"photos/train(A)?/cat\.\w+: {pattern_of(said)}", line.strip())
    assert re.fullmatch(r"1 of \d image files cannot be used:", count)
    assert advice in PAGE


@pytest.mark.parametrize("wrong", FOLDERS)
def test_a_wrong_folder_gets_the_message_of_the_page(wrong: str) -> None:
    (said,) = rows("Folders that cannot be used")[wrong]
    assert re.fullmatch(pattern_of(said), one_line(message_of(FOLDERS[wrong])))


def test_the_tables_of_messages_have_a_test_for_every_row() -> None:
    assert [*rows("Files that cannot be used")] == ["what is wrong", *FILES]
    assert [*rows("Folders that cannot be used")] == ["what is wrong", *FOLDERS, "size that the generator cannot take"]


def test_run_prints_the_message_and_leaves_no_folder() -> None:
    for number in range(30):
        draw(f"trainA/{number}.png")
    for number in range(19):
        draw(f"trainB/{number}.png")
    (ROOT / "trainA" / "bad.png").touch()
    PLAIN.save(ROOT / "trainA" / "cat.jpg", format="PNG")
    result = CliRunner().invoke(main, ["run", "--data", "photos", "--steps", "1"])
    assert result.exit_code == 1
    message = result.stderr[result.stderr.index("Error:") :]  # on a slow machine, progress stands above it
    assert message.replace(f"{Path.cwd()}/", "") in PAGE  # the page is read from anywhere
    assert not list(Path("runs").glob("*"))


def test_a_size_that_does_not_fit_the_generator_gets_the_message_of_the_page() -> None:
    draw_all("A/1.png", "A/2.png", "B/1.png", "B/2.png")
    words = ["run", "--data", "photos", "--steps", "1", "--image-size", "250", "--set", "generator.base_channels=1"]
    result = CliRunner().invoke(main, words)
    (said,) = rows("Folders that cannot be used")["size that the generator cannot take"]
    assert re.search(pattern_of(said), result.stderr)


@pytest.mark.parametrize("mode", FolderOptions.model_json_schema()["properties"]["mode"]["enum"])
def test_sizes_are_those_of_the_table(mode: str) -> None:
    options = FolderOptions(mode=mode)
    said = rows("Sizes")[f"`{mode}`"]
    made = [
        "{} x {}".format(*Geometry.of(options, split).output(size))
        for split in ("train", "test")
        for size in ((640, 480), (480, 640))
    ]
    assert said[2:] == made
    assert said[1] == ("crop" if Geometry.of(options, "train").crops else "")


@pytest.mark.parametrize("size", re.findall(r"(\d+) for (256|64)\b", SECTIONS["Sizes"])[:2])
def test_load_size_follows_image_size(size: tuple[str, str]) -> None:
    load, crop = map(int, size)
    assert FolderOptions(image_size=crop).full_load_size == load


def test_multiples_of_the_generators_are_true() -> None:
    from i2i.plugins.manager import PluginManager

    manager = PluginManager(environ={})
    said = re.search(r"asks for a multiple: (.+?)\.", SECTIONS["Sizes"], re.DOTALL)
    assert said is not None
    for number, names in re.findall(r"(\d+) for ((?:`\w+`(?: and )?)+)", said[1]):
        for name in re.findall(r"`(\w+)`", names):
            spec = manager.find("generator", name).spec
            assert spec.size_multiple(spec.options()) == int(number)


@pytest.mark.parametrize(
    ("files", "options", "pictures"),
    [
        (["trainA/1.png", "trainB/2.png", "testA/3.png", "testB/4.png"], {}, ["1", "2", "3", "4"]),
        (["A/1.png", "B/2.png"], {"test_fraction": 0}, ["1", "2"]),
        (["trainA/001.jpg", "trainB/001.png"], {"pairing": "paired", "test_fraction": 0}, ["001", "001"]),
        (["train/001.jpg", "test/002.jpg"], {"pairing": "paired"}, ["001", "001", "002", "002"]),
        (["001.jpg", "002.jpg"], {"pairing": "paired", "test_fraction": 0}, ["001", "002", "001", "002"]),
    ],
    ids=["trainA trainB", "A B", "paired by name", "side by side with test", "side by side"],
)
def test_each_layout_of_the_page_works(files: list[str], options: dict[str, Any], pictures: list[str]) -> None:
    draw_all(*files)
    layout = find_layout("photos", FolderOptions(**options), READERS.suffixes)
    splits = (layout.train.first, layout.train.second, layout.test.first, layout.test.second)
    assert [picture.stem for part in splits for picture in part] == pictures
    assert len(build(**options)) > 0


def test_suffixes_are_complete() -> None:
    (said,) = re.findall(r"recognised by suffix \(`(.+?)`", SECTIONS["Files"])
    assert said.split() == list(READERS.suffixes)


def test_the_hash_of_a_name_is_as_described() -> None:
    told = re.findall(r"`(\w+)` (?:lies )?at (0\.\d+)", one_line(SECTIONS["Held-out images"]))
    assert len(told) == 2
    for name, place in told:
        assert round(position(name), 4) == float(place)


def test_skip_bad_names_what_it_leaves_out() -> None:
    draw_all("A/1.png", "B/1.png")
    (ROOT / "A" / "bad.png").touch()
    dataset = build(skip_bad=True, test_fraction=0)
    assert "photos/A/bad.png: empty (0 bytes)" in "\n".join(dataset.notes)


def test_the_sample_is_as_described() -> None:
    dataset, held_out = build(root="sample:flat-3d"), build("test", root="sample:flat-3d")
    assert (len(dataset) + len(held_out), len(held_out)) == (200, 15)
    assert "15 of the 200 are held out" in one_line(SECTIONS["The built-in sample"])
    assert held_out.truth
    folder = Path(__file__).parents[2] / "i2i" / "data" / "emoji"
    assert (folder / "LICENSE").read_text(encoding="utf-8").startswith("MIT License")
    megabytes = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
    assert f"about {megabytes:.1f} MB" in PAGE


def test_every_option_the_page_names_exists() -> None:
    for name in re.findall(r"\bdata\.(\w+)", PAGE):
        assert name in (*FolderOptions.model_fields, "name", "NAME", "md")
