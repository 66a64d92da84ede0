"""A file is read and written by the format that knows it, whichever package brings that."""

import io
import pickle
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from i2i.errors import ConfigError, DataError, PluginError
from i2i.images.readers import Readers
from i2i.images.unusable import TooManyPixelsError, UnusableImageError

from ..helpers.images import READERS, noise, write_noise
from ..helpers.netpbm import SOURCE, write_ppm

PACKAGE = """
from i2i.plugins import ImageHeader, Options, ReaderSpec, ReadImage, hookimpl


class Wanted(Options):
    value: int = 0


class Reader:
    def __init__(self, options):
        self.value = options.value

    def header(self, source):
        return ImageHeader(2, 2, 1, "uint8")

    def read(self, source, *, beside):
        {read}

    def holds(self, channels, dtype):
        return False


@hookimpl
def i2i_readers():
    return [ReaderSpec(name="{name}", summary="a format", suffixes=("{suffix}",), options=Wanted, build=Reader)]
"""


def package(read="raise ValueError('it is no such file')", name="mine", suffix=".mine"):
    return PACKAGE.format(read=read, name=name, suffix=suffix)


@pytest.fixture
def netpbm(install):
    install("i2i-netpbm", SOURCE)
    return Readers()


def test_suffixes_are_those_of_pictures_and_then_of_packages(netpbm):
    assert netpbm.suffixes[:7] == (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
    assert {".pgm", ".ppm"} <= set(netpbm.suffixes[7:])
    assert netpbm.suffix_of("NETPBM") == ".ppm"


def test_a_format_of_a_package_is_read_by_suffix_and_by_its_first_bytes(netpbm, tmp_path):
    pixels = noise(12, 20)
    path = write_ppm(tmp_path / "image.PPM", pixels)
    unnamed = write_ppm(tmp_path / "image", pixels)
    for source in (path, unnamed, io.BytesIO(path.read_bytes())):
        read = netpbm.read(source)
        assert (read.format, read.pixels.tolist()) == ("NETPBM", pixels.tolist())
    assert netpbm.header(path).width == 20
    np.testing.assert_array_equal(np.asarray(netpbm.read_opaque(path, channels=3)), pixels)


def test_what_no_format_knows_is_taken_for_a_picture(tmp_path):
    assert READERS.read(write_noise(tmp_path / "image.dat", format="WEBP")).format == "WEBP"


def test_too_many_pixels_are_refused_before_a_package_decodes(install, tmp_path):
    install("i2i-mine", package("raise SystemExit('decoded')"))
    (tmp_path / "a.mine").write_bytes(b"1")
    with pytest.raises(TooManyPixelsError, match="2 x 2 pixels, more than max_pixels = 3"):
        Readers().read(tmp_path / "a.mine", max_pixels=3)


@pytest.mark.parametrize(
    ("read", "error", "told"),
    [
        ("raise ValueError('it is no such file')", UnusableImageError, r"^it is no such file \(told by reader 'mine'"),
        ("raise MemoryError", UnusableImageError, "not enough memory"),
        ("return 3", PluginError, r"reader 'mine' of package i2i-mine 1\.2: read must return a ReadImage; got 3"),
        ("return ReadImage([1])", PluginError, r"read must give numbers \[H, W, C\], or a Pillow image; got \[1\]"),
        ("return ReadImage(__import__('PIL.Image').Image.new('CMYK', (2, 2)))", UnusableImageError, "mode CMYK"),
    ],
)
def test_what_a_reader_of_a_package_does_wrong_names_the_package(install, tmp_path, read, error, told):
    install("i2i-mine", package(read))
    (tmp_path / "a.mine").write_bytes(b"1")
    with pytest.raises(error, match=told):
        Readers().read(tmp_path / "a.mine")


def test_two_packages_that_claim_a_suffix_are_both_named(install, tmp_path):
    install("i2i-mine", package(name="mine", suffix=".png"))
    with pytest.raises(PluginError, match=r"ending in \.png are claimed by .*i2i-mine.* and .*; disable"):
        Readers().read(write_noise(tmp_path / "a.png"))


def test_options_of_a_reader_are_checked_when_it_is_built(install, tmp_path):
    install("i2i-mine", package("return ReadImage(__import__('numpy').full((2, 2, 1), self.value, 'uint8'))"))
    (tmp_path / "a.mine").write_bytes(b"1")
    read = Readers(chosen=[{"name": "mine", "value": 7}]).read(tmp_path / "a.mine")
    assert read.pixels.max() == 7
    with pytest.raises(ConfigError, match=r"readers\.mine\.valu"):
        Readers(chosen=[{"name": "mine", "valu": 7}]).read(tmp_path / "a.mine")


def test_a_copy_in_another_process_reads_what_was_read_before(netpbm, tmp_path):
    path = write_ppm(tmp_path / "image.ppm", noise(12, 20))
    read = netpbm.read(path)
    copy = pickle.loads(pickle.dumps(netpbm))
    np.testing.assert_array_equal(copy.read(path).pixels, read.pixels)
    assert copy.suffixes == netpbm.suffixes


def test_an_image_in_memory_is_what_a_file_holds(netpbm, tmp_path):
    pixels = noise(12, 20)
    content, left_out = netpbm.encode(pixels, format_name="NETPBM", like="anything")
    assert netpbm.write(pixels, tmp_path / "new" / "image.ppm", format_name="NETPBM", like="anything") == left_out
    assert (tmp_path / "new" / "image.ppm").read_bytes() == content
    assert left_out == ("what stands beside the pixels was left out, for Netpbm holds nothing there",)
    with Image.open(tmp_path / "new" / "image.ppm") as image:
        assert image.size == (20, 12)


def test_bands_of_tiff_without_a_name_are_read_as_by_their_path(tmp_path):
    values = np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6)
    with (tmp_path / "a.tif").open("wb") as file:
        file.write(READERS.encode(values, format_name="TIFF")[0])
    content = (tmp_path / "a.tif").read_bytes()
    for source in (tmp_path / "a.tif", io.BytesIO(content)):
        read = READERS.read(source)
        assert read.format == "TIFF"
        np.testing.assert_array_equal(read.pixels, values)


def test_colours_of_which_bits_are_missing_are_no_values(tmp_path):
    deep = noise(4, 5, 3, levels=65536)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)
    header = struct.pack(">IIBBBBB", 5, 4, 16, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    packed = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))

    assert READERS.read(tmp_path / "a.png").reduced
    with pytest.raises(DataError, match=r"a\.png: its 16-bit colours are read as 8 bits, .*; save it as TIFF"):
        READERS.read_samples(tmp_path / "a.png", channels=3)


def test_a_package_that_cannot_look_at_first_bytes_is_named(install, tmp_path):
    source = package().replace("build=Reader)", "build=Reader, begins=lambda begin: 1 / 0)")
    install("i2i-mine", source)
    with pytest.raises(PluginError, match=r"first bytes failed: reader 'mine' .* raised ZeroDivisionError"):
        Readers().read(io.BytesIO(b"anything"))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a.png", "misnamed: its content is NETPBM; rename it to a.ppm"),
        ("a.npy", "misnamed: its content is NETPBM; rename it to a.ppm"),
    ],
)
def test_a_file_of_a_package_under_another_suffix_is_misnamed(netpbm, tmp_path, name, told):
    write_ppm(tmp_path / name, noise(12, 20))
    with pytest.raises(UnusableImageError, match=f"^{told}$"):
        netpbm.read(tmp_path / name)


@pytest.mark.parametrize(("kind", "suffix"), [("PNG", ".png"), ("JPEG", ".jpg"), ("WEBP", ".webp"), ("BMP", ".bmp")])
def test_a_picture_under_the_suffix_of_a_package_is_misnamed(netpbm, tmp_path, kind, suffix):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.ppm", kind)
    with pytest.raises(UnusableImageError, match=rf"^misnamed: its content is {kind}; rename it to a\{suffix}$"):
        netpbm.header(tmp_path / "a.ppm")


def test_an_array_under_the_suffix_of_a_picture_is_misnamed(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    with (tmp_path / "a.png").open("wb") as file:
        np.save(file, noise(4, 5))
    with pytest.raises(DataError, match=r"a\.png: misnamed: its content is NPY; rename it to a\.npy"):
        READERS.read_opaque(tmp_path / "a.png", channels=3)


def test_a_damaged_file_under_its_own_suffix_is_not_misnamed(netpbm, tmp_path):
    (tmp_path / "a.ppm").write_bytes(b"P6\n4 4\n9\n")
    with pytest.raises(UnusableImageError, match="told by reader 'netpbm'"):
        netpbm.header(tmp_path / "a.ppm")


VALUES = np.arange(6 * 5 * 2, dtype=np.float32).reshape(6, 5, 2)


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_a_part_is_cut_out_where_the_reader_has_no_window_for_it(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    READERS.write(VALUES, path, format_name=suffix.upper())
    part = READERS.read_samples(path, channels=2, box=(1, 2, 4, 6))
    np.testing.assert_array_equal(part, VALUES[2:6, 1:4])
    for box in ((0, 0, 6, 6), (0, 0, 5, 7), (-1, 0, 2, 2), (3, 3, 3, 4)):
        with pytest.raises(DataError, match=r"a\.np[yz]: it is 5x6, and the part \(.*\) is not inside"):
            READERS.read_samples(path, channels=2, box=box)


def test_a_part_of_a_picture_that_lies_on_its_side_is_of_the_upright_one(tmp_path):
    upright = np.arange(6 * 5, dtype=np.uint16).reshape(6, 5)
    tifffile.imwrite(tmp_path / "a.tif", np.rot90(upright), metadata=None, extratags=[(274, 3, 1, 6, False)])
    whole = READERS.read_samples(tmp_path / "a.tif", channels=1)
    np.testing.assert_array_equal(whole[:, :, 0], upright)
    np.testing.assert_array_equal(
        READERS.read_samples(tmp_path / "a.tif", channels=1, box=(1, 2, 4, 6)), whole[2:, 1:4]
    )


def test_a_window_of_another_size_names_the_package(install, tmp_path):
    wrong = package("raise SystemExit").replace(
        "    def holds", "    def read_window(self, source, box):\n        return [1]\n\n    def holds"
    )
    install("i2i-mine", wrong)
    (tmp_path / "a.mine").write_bytes(b"1")
    with pytest.raises(PluginError, match=r"of package i2i-mine 1\.2: read_window must give \[1, 2, C\]; got \[1\]"):
        Readers().read_samples(tmp_path / "a.mine", channels=1, box=(0, 0, 2, 1))
