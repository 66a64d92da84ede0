"""PNG: transparent colours of every depth, and what stands beside the pixels decides nothing."""

from __future__ import annotations

import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from i2i.images.png import MOST_BESIDE
from i2i.images.reading import UnusableImageError, decode, to_array

from ..helpers.images import read_image, write_picture


def chunk(kind, body=b""):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(samples, bits, colour, *chunks, after=()):
    """A PNG of ``[H, W, samples]`` with chunks before and after its pixels."""
    height, width, _ = samples.shape
    if bits == 16:
        rows = [row.astype(">u2").tobytes() for row in samples]
    else:
        bit_rows = np.unpackbits(samples.astype(np.uint8)[..., None], axis=-1)[..., -bits:].reshape(height, -1)
        rows = [np.packbits(row).tobytes() for row in bit_rows]
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    middle = len(pixels) // 2
    halves = (chunk(b"IDAT", pixels[:middle]), chunk(b"IDAT", pixels[middle:]))
    return b"".join([b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), *chunks, *halves, *after, chunk(b"IEND")])


def plain(*chunks, after=()):
    return png(np.arange(60).reshape(4, 5, 3), 8, 2, *chunks, after=after)


def written(path, content):
    path.write_bytes(content)
    return path


PLAIN = np.arange(60).reshape(4, 5, 3)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_the_transparent_grey_of_every_depth(tmp_path, bits):
    levels = np.arange(min(2**bits, 256))
    most = 2**bits - 1
    path = written(tmp_path / "grey.png", png(levels[None, :, None], bits, 0, chunk(b"tRNS", struct.pack(">H", 1))))
    read = to_array(read_image(path, channels=1, background="#808080"), 1)[0, 0] / 2 + 0.5
    wanted = np.where(levels == 1, 128 / 255, levels / most)
    np.testing.assert_allclose(read, wanted, atol=1e-5)


@pytest.mark.parametrize("bits", [8, 16])
def test_the_transparent_colour_of_every_depth(tmp_path, bits):
    most = 2**bits - 1
    near = most // 3
    samples = np.full((2, 4, 3), most // 2)
    samples[0, 0] = near
    samples[0, 1] = [near, near, near + 1]  # of 16 bits the same upper bytes
    path = written(tmp_path / "rgb.png", png(samples, bits, 2, chunk(b"tRNS", struct.pack(">3H", *[near] * 3))))
    read = np.asarray(read_image(path, channels=3, background="#ff0000"))
    assert read[0, 0].tolist() == [255, 0, 0]
    assert abs(int(read[0, 1, 0]) - 85) <= 1
    assert (read[1] == 127).all()


def test_the_transparent_colour_of_an_interlaced_16_bit_png(tmp_path):
    path = written(
        tmp_path / "rgb.png", png(np.full((1, 1, 3), 700), 16, 2, chunk(b"tRNS", struct.pack(">3H", *[700] * 3)))
    )
    content = bytearray(path.read_bytes())
    content[28] = 1  # of one pixel, both ways are the same
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)
    assert read_image(path, channels=3, background="#00ff00").getpixel((0, 0)) == (0, 255, 0)


@pytest.mark.parametrize("alphas", [b"\0", b"\x80\0\xff"])
def test_the_transparent_colours_of_a_palette(tmp_path, alphas):
    palette = chunk(b"PLTE", bytes([10, 20, 30, 40, 50, 60, 70, 80, 90]))
    path = written(tmp_path / "p.png", png(np.arange(3)[None, :, None], 8, 3, palette, chunk(b"tRNS", alphas)))
    read = np.asarray(read_image(path, channels=3, background="#000000"))[0].astype(int)
    opacity = np.array([*alphas, *[255] * (3 - len(alphas))])[:, None] / 255
    np.testing.assert_allclose(read, np.arange(10, 100, 10).reshape(3, 3) * opacity, atol=1)


LARGE = random.Random(0).randbytes(2 * MOST_BESIDE)
BESIDE = {
    "packed text": (chunk(b"zTXt", b"Raw profile type 8bim\0\0" + zlib.compress(LARGE)), []),
    "international text": (chunk(b"iTXt", b"workflow\0\1\0\0\0" + zlib.compress(LARGE)), []),
    "plain text": (chunk(b"tEXt", b"prompt\0" + LARGE), []),
    "many texts": (chunk(b"tEXt", b"parameters\0x") * 5000, []),
    "bomb of text": (chunk(b"zTXt", b"Title\0\0" + zlib.compress(bytes(50_000_000))), ["its text Title"]),
    "large title": (chunk(b"tEXt", b"Title\0" + LARGE), ["its text Title"]),
    "profile": (chunk(b"iCCP", b"printer\0\0" + zlib.compress(LARGE)), ["its colour profile (damaged, or larger"]),
    "bomb of a profile": (chunk(b"iCCP", b"bomb\0\0" + zlib.compress(bytes(50_000_000))), ["its colour profile"]),
    "damaged profile": (chunk(b"iCCP", b"x\0\0" + b"nonsense"), ["its colour profile"]),
    "unknown packing": (chunk(b"iCCP", b"x\0\7" + zlib.compress(b"x")), ["its colour profile"]),
    "text of unknown packing": (chunk(b"zTXt", b"Author\0\7" + zlib.compress(b"x")), ["its text Author"]),
    "text without end": (chunk(b"tEXt", b"no zero"), []),
    "text that is no UTF-8": (chunk(b"iTXt", b"Title\0\0\0\0\0\xff\xfe"), ["its text Title"]),
    "checksum": (chunk(b"pHYs", struct.pack(">IIB", 5000, 5000, 1))[:-1] + b"!", ["its damaged pHYs was left out"]),
    "short gAMA": (chunk(b"gAMA", b"\0"), []),
    "short pHYs": (chunk(b"pHYs", b"\0"), []),
    "private chunk": (chunk(b"prVt", LARGE), []),
    "damaged EXIF": (chunk(b"eXIf", b"MM\0*\0\0\0\x08\xff\xff" + b"x" * 30), None),
    "no EXIF at all": (chunk(b"eXIf", b"rubbish"), ["its EXIF data are damaged and were left out"]),
}


@pytest.mark.parametrize("name", BESIDE)
@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.filterwarnings("default:(Corrupt|Possibly corrupt|.*EXIF)")
def test_what_stands_beside_the_pixels_does_not_decide(tmp_path, name, place):
    beside, notes = BESIDE[name]
    content = plain(beside) if place == "before" else plain(after=[beside])
    decoded = decode(written(tmp_path / "image.png", content), metadata=True)
    np.testing.assert_array_equal(np.asarray(decoded.image), PLAIN)
    if notes is not None:
        told = list(decoded.metadata.losses("RGB", "PNG"))
        assert len(told) == len(notes), told
        assert all(wanted in told[0] for wanted in notes), told


def test_what_the_picture_is_made_of_must_be_whole(tmp_path):
    transparent = png(np.zeros((1, 1, 3)), 8, 2, chunk(b"tRNS", bytes(6))[:-1] + b"!")
    for content, reason in [
        (transparent, "the checksum of the chunk tRNS is wrong"),
        (plain()[:-18], "the file ends within the chunk IDAT"),
        (plain()[:-12], "the file ends before its last chunk"),
        (plain(struct.pack(">I", 2**31 - 1) + b"tEXt"), "the file ends within the chunk tEXt"),
    ]:
        with pytest.raises(UnusableImageError, match=f"corrupt or truncated .{reason}"):
            decode(written(tmp_path / "image.png", content))


def test_an_animation_is_recognised_by_its_header(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    frames[0].save(tmp_path / "moving.png", save_all=True, append_images=frames[1:])
    with pytest.raises(UnusableImageError, match="3 frames or pages"):
        decode(tmp_path / "moving.png")


def test_words_that_describe_a_png_go_along_in_png_alone(tmp_path):
    texts = PngImagePlugin.PngInfo()
    said = {"Title": "A cat", "Author": "José", "Description": "猫", "Copyright": "x" * 2000}
    for keyword, text in said.items():
        texts.add_text(keyword, text, zip=keyword == "Copyright")
    texts.add_text("Software", "Painter 3")
    texts.add_text("prompt", "a cat, by nobody")
    Image.new("RGB", (4, 4)).save(tmp_path / "in.png", pnginfo=texts)
    metadata = decode(tmp_path / "in.png", metadata=True).metadata
    write_picture(Image.new("L", (4, 4)), tmp_path / "out.png", format_name="PNG", metadata=metadata)
    with Image.open(tmp_path / "out.png") as image:
        assert {keyword: str(text) for keyword, text in image.text.items()} == said
    (note,) = metadata.losses("L", "JPEG")
    assert note == "its texts (Title, Author, Description, Copyright) were left out, for they are PNG's"


@pytest.mark.parametrize("keyword", ["Raw profile type exif", "XML:com.adobe.xmp"])
def test_an_orientation_inside_a_text_counts(tmp_path, keyword):
    exif = Image.Exif()
    exif[0x0112] = 6
    raw = exif.tobytes()
    text = f"\nexif\n{len(raw):8}\n{raw.hex()}\n" if keyword.startswith("Raw") else '<x tiff:Orientation="6"/>'
    body = keyword.encode() + (b"\0\0" + zlib.compress(text.encode()))
    kind = b"zTXt"
    if not keyword.startswith("Raw"):
        kind, body = b"iTXt", keyword.encode() + b"\0\0\0\0\0" + text.encode()
    decoded = decode(written(tmp_path / "image.png", plain(after=[chunk(kind, body)])))
    assert decoded.image.size == (4, 5)


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ((9, 16, 0, 1), ("its high dynamic range (cICP) was left out",)),
        ((9, 18, 0, 1), ("its high dynamic range (cICP) was left out",)),
        ((12, 13, 0, 1), ("its colour space (cICP: other than sRGB) was left out",)),
        ((1, 13, 0, 1), ()),
        ((), ()),
    ],
)
def test_colours_beyond_srgb_are_noted(tmp_path, numbers, told):
    picture = written(tmp_path / "image.png", plain(chunk(b"cICP", bytes(numbers))))
    assert decode(picture, metadata=True).metadata.notes == told


def test_gamma_and_pixel_shape_that_are_not_carried_are_noted(tmp_path):
    for beside, told in [
        (chunk(b"gAMA", struct.pack(">I", 100_000)), "its gamma (1) was left out"),
        (chunk(b"pHYs", struct.pack(">IIB", 2, 1, 0)), "the shape of its pixels (2:1) was left out"),
        (chunk(b"gAMA", struct.pack(">I", 45_455)), None),
        (chunk(b"sRGB", b"\0"), None),
    ]:
        metadata = decode(written(tmp_path / "image.png", plain(beside)), metadata=True).metadata
        assert [note[: len(told or "")] for note in metadata.notes] == ([told] if told else [])
