"""What is done with a file: pictures keep their size, and no file, however it is made, does more than be refused."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import i2i
from i2i.errors import DataError
from i2i.serving.messages import ModelOptions, Refusal, Translation, TranslationJob
from i2i.serving.translating import _answer, describe, load_model, translate, warm_up

from ..helpers.examples import examples
from ..helpers.trained import write_run
from .serving import picture


@pytest.fixture(scope="module")
def translators(tiny_run):
    return load_model(ModelOptions(tiny_run, {"device": "cpu"}))


@pytest.fixture(scope="module")
def ask(translators):
    def ask(content, direction="AtoB", format_name="PNG", max_pixels=100_000):
        return translate(translators, TranslationJob(content, direction, format_name, max_pixels))

    return ask


class Named:
    """A translator with another description of itself."""

    def __init__(self, translator, translate=None, **said):
        self.device, self.tiling, self.readers = translator.device, None, translator.readers
        self.translate = translate or translator.translate
        self.padded_size = translator.padded_size
        self.info = SimpleNamespace(**{**vars(translator.info), **said})


def opened(answer):
    assert isinstance(answer, Translation), answer
    return Image.open(io.BytesIO(answer.content))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, *chunks):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks)


def test_both_directions_are_loaded_and_described(translators, tiny_run):
    info = describe(ModelOptions(tiny_run, {}), translators)
    assert info.name == "tiny run"
    ways = [(way.name, way.source, way.target) for way in info.directions]
    assert ways == [("AtoB", "flat", "3d"), ("BtoA", "3d", "flat")]
    assert (info.generator, info.method, info.step, info.device) == ("resnet", "cyclegan", 1, "cpu")


def test_names_that_others_chose_are_safe_to_show(translators, tiny_run, tmp_path):
    steering = {
        name: Named(translator, domains=("a\x1b[2Jb", "c\nd\u202e"), generator="resnet\x07")
        for name, translator in translators.items()
    }
    info = describe(ModelOptions(tmp_path / "run\r\n\x1b[31m", {}), steering)
    assert info.name == "run\\r\\n\\x1b[31m"
    assert (info.directions[0].source, info.directions[0].target) == ("a\\x1b[2Jb", "c\\nd\\u202e")
    assert info.generator == "resnet\\x07"


def test_a_failure_is_logged_without_what_could_steer_a_terminal(translators, capsys):
    def broken(images):
        raise ValueError("from the file: \x1b[2J\nand\r\u202emore")

    job = TranslationJob(picture(), "AtoB", "PNG", 100_000)
    answer = _answer({"AtoB": Named(translators["AtoB"], broken)}, job)
    assert answer == Refusal(500, "the translation failed (ValueError); the server's log says where")
    logged = capsys.readouterr().err
    assert all(line.isprintable() for line in logged.splitlines())
    assert "\\x1b[2J" in logged


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_the_translation_is_that_of_the_library(ask, tiny_run, direction):
    content = picture(size=(33, 21))
    with Image.open(io.BytesIO(content)) as image:
        expected = i2i.load(tiny_run, direction=direction, device="cpu")(image)
    np.testing.assert_array_equal(np.asarray(opened(ask(content, direction))), np.asarray(expected))


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "BMP", "TIFF"])
@pytest.mark.parametrize("wanted", ["PNG", "JPEG", "WEBP"])
def test_every_format_goes_in_and_comes_out_with_its_size(ask, name, wanted):
    image = opened(ask(picture(name, (37, 22)), format_name=wanted))
    assert (image.format, image.size) == (wanted, (37, 22))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_every_kind_of_colour_goes_in(ask, mode):
    image = Image.fromarray(np.full((9, 14), 30_000, np.uint16)) if mode == "I;16" else None
    stream = io.BytesIO()
    if image is None:
        stream.write(picture(size=(14, 9), mode=mode))
    else:
        image.save(stream, "PNG")
    for wanted in ("PNG", "JPEG", "WEBP"):
        assert opened(ask(stream.getvalue(), format_name=wanted)).size == (14, 9)


def test_a_picture_that_lies_on_its_side_is_turned_upright_once(ask):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a holiday"
    image = opened(ask(picture("JPEG", (30, 10), exif=exif)))
    assert image.size == (10, 30)
    assert 0x0112 not in image.getexif()
    assert image.getexif()[0x010E] == "a holiday"


def many_pages(count):
    """A TIFF of small directories, each a page."""
    tags = ((256, 1), (257, 1), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 1), (279, 1))
    entries = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    size = len(entries) + 4
    ends = (8 + size * number if number < count else 0 for number in range(1, count + 1))
    return struct.pack("<2sHI", b"II", 42, 8) + b"".join(entries + struct.pack("<I", end) for end in ends)


POLYGLOT = io.BytesIO()
with zipfile.ZipFile(POLYGLOT, "w") as archive:
    archive.writestr("payload.html", "<script>alert(1)</script>")

HOSTILE = {
    "text": (b"no picture at all", 415),
    "HTML": (b"<!doctype html><script>alert(1)</script>", 415),
    "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", 415),
    "GIF": (picture("GIF"), 415),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", 415),
    "ZIP": (POLYGLOT.getvalue(), 415),
    "zeros": (bytes(1000), 415),
    "PNG signature alone": (b"\x89PNG\r\n\x1a\n", 415),
    "truncated PNG": (picture(size=(99, 99))[:-40], 422),
    "truncated JPEG": (picture("JPEG", (99, 99))[:-200], 422),
    "truncated WebP": (picture("WEBP", (99, 99))[:-60], 422),
    "truncated TIFF": (picture("TIFF", (99, 99))[:2000], 422),
    "damaged PNG": (picture()[:50] + b"\xff\xff\xff" + picture()[53:], 422),
    "PNG that announces 4 billion squared": (png(2**31 - 1, 2**31 - 1, chunk(b"IDAT", b""), chunk(b"IEND", b"")), 413),
    "PNG bomb": (
        png(30_000, 30_000, chunk(b"IDAT", zlib.compress(bytes(10_000_000), 9)), chunk(b"IEND", b"")),
        413,
    ),
    "PNG of no size": (png(0, 0, chunk(b"IDAT", b""), chunk(b"IEND", b"")), 415),
    "PNG with a bomb of text": (
        png(4, 4, chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(50_000_000), 9)), chunk(b"IEND", b"")),
        422,
    ),
    "PNG without pixels": (png(4, 4, chunk(b"IEND", b"")), 422),
    "PNG with a header that goes on for ever": (png(4, 4, struct.pack(">I", 2**31 - 1) + b"tEXt" + b"a" * 5000), 422),
    "long and thin": (picture(size=(99_000, 1)), 413),
    "several pages": (picture("TIFF", save_all=True, append_images=[Image.new("RGB", (20, 12))] * 3), 422),
    "a TIFF of 50,000 pages": (many_pages(50_000), 422),
    "a BMP that holds a JPEG": (picture("BMP")[:30] + b"\4" + picture("BMP")[31:], 422),
    "CMYK": (picture("JPEG", mode="CMYK"), 422),
    "animation": (picture("WEBP", save_all=True, append_images=[Image.new("RGB", (20, 12), "red")]), 422),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_with_a_reason(ask, name):
    content, status = HOSTILE[name]
    answer = ask(content)
    assert isinstance(answer, Refusal)
    assert (answer.status, bool(answer.reason)) == (status, True), answer
    assert "/" not in answer.reason.replace("and/or", ""), "no path of the server is told"


def test_what_hides_behind_a_picture_is_not_handed_on(ask):
    answer = ask(picture() + POLYGLOT.getvalue())
    assert opened(answer).size == (20, 12)
    assert b"payload" not in answer.content


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_does_more_than_a_refusal(ask, data):
    name = data.draw(st.sampled_from(["PNG", "JPEG", "WEBP", "BMP", "TIFF"]))
    content = bytearray(picture(name, (24, 18)))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    answer = ask(bytes(content[:cut] if data.draw(st.booleans()) else content), max_pixels=10_000)
    if isinstance(answer, Refusal):
        assert answer.status in (413, 415, 422)
    else:
        assert opened(answer).size


@pytest.mark.parametrize(("name", "direction"), [("images.pt2", "AtoB"), ("raw.onnx", "BtoA")])
def test_an_exported_file_is_served_with_the_direction_that_it_holds(exported, name, direction):
    translators = load_model(ModelOptions(exported[1][name].path, {"device": "cpu"}))
    assert list(translators) == [direction]
    answer = translate(translators, TranslationJob(picture(size=(31, 19)), direction, "PNG", 10_000))
    assert opened(answer).size == (31, 19)


@pytest.mark.parametrize(("level", "rounded"), [(100.499, 100), (100.501, 101)])
def test_sixteen_bits_are_rounded_to_eight_where_the_format_has_no_more(tmp_path, level, rounded):
    folder, _ = write_run(tmp_path / "grey", in_channels=1, out_channels=1)
    output = torch.full((1, 1, 8, 8), level / 127.5 - 1)
    translators = load_model(ModelOptions(folder, {"device": "cpu"}))
    stream = io.BytesIO()
    Image.fromarray(np.full((8, 8), 30_000, np.uint16)).save(stream, "PNG")
    answers = {
        name: translate(
            {"AtoB": Named(translators["AtoB"], lambda images: [output])},
            TranslationJob(stream.getvalue(), "AtoB", name, 10_000),
        )
        for name in ("PNG", "WEBP")
    }
    with opened(answers["PNG"]) as deep, opened(answers["WEBP"]) as image:
        assert (deep.mode, np.asarray(deep).max()) == ("I;16", round(level * 257))
        assert np.asarray(image.convert("L")).max() == rounded


def test_a_run_on_values_is_refused_before_anybody_asks(tmp_path):
    values = {"A": None, "B": {"range": [0.0, 10.0], "type": "float32"}}
    folder, _ = write_run(tmp_path / "run", more={"values": values})
    with pytest.raises(DataError, match="gives values in 0:10, which no picture holds"):
        load_model(ModelOptions(folder, {"device": "cpu"}))


def test_pictures_with_opacity_are_served_as_they_are(tmp_path):
    values = {"range": [0, 255], "type": "uint8", "opacity": True}
    run, _ = write_run(tmp_path / "run", in_channels=4, out_channels=4, more={"values": {"A": values, "B": values}})
    translators = load_model(ModelOptions(run, {"device": "cpu"}))
    warm_up(translators)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 20, 4), np.uint8))
    sent = io.BytesIO()
    picture.save(sent, "PNG")

    assert describe(ModelOptions(run, {}), translators).opacity
    answer = opened(translate(translators, TranslationJob(sent.getvalue(), "AtoB", "PNG", 100_000)))
    assert answer.mode == "RGBA"
    assert answer.tobytes() == translators["AtoB"](picture).tobytes()
    refused = translate(translators, TranslationJob(sent.getvalue(), "AtoB", "JPEG", 100_000))
    assert isinstance(refused, Refusal)
    assert "JPEG does not hold its translation, of 4 channels of uint8" in refused.reason
