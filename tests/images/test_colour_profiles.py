"""Colours are what their profile says: converted once, noted, and written with the profile of what they are then."""

import io

import pytest
from PIL import Image

import i2i
from i2i.images.colour_profiles import in_srgb, profile_name, srgb_profile
from i2i.images.readers import Readers
from i2i.images.unusable import UnusableImageError

from ..helpers.profiles import linear_grey, magenta_for_black, wide_rgb
from ..helpers.trained import write_run

PROFILES = {"RGB": wide_rgb(), "grey": linear_grey(), "inks": magenta_for_black()}


def plain(mode, colour, profile=None):
    picture = Image.new(mode, (4, 3), colour)
    if profile:
        picture.info["icc_profile"] = PROFILES.get(profile, profile)
    return picture


@pytest.mark.parametrize(
    ("mode", "colour", "profile", "expected"),
    [
        ("RGB", (100, 150, 200), "RGB", (66, 151, 203)),
        ("RGBA", (100, 150, 200, 7), "RGB", (66, 151, 203, 7)),
        ("L", 55, "grey", 128),  # 0.216 of the light
        ("LA", (55, 9), "grey", (128, 9)),
        ("CMYK", (0, 0, 0, 255), "inks", (255, 0, 192)),
    ],
)
def test_a_profile_is_applied(mode, colour, profile, expected):
    picture, notes = in_srgb(plain(mode, colour, profile))
    assert picture.getpixel((0, 0)) == pytest.approx(expected, abs=1)
    assert notes == ("its colours were converted from Wide to sRGB",)
    assert in_srgb(picture)[0] is picture
    assert profile_name(plain(mode, colour, profile)) == "Wide"
    assert profile_name(picture) == ""


@pytest.mark.parametrize(
    ("picture", "told"),
    [
        (plain("RGB", (1, 2, 3)), ()),
        (plain("RGB", (1, 2, 3), srgb_profile()), ()),
        (plain("L", 3, "RGB"), ("its colour profile was not applied: it is for RGB",)),
        (plain("RGB", (1, 2, 3), wide_rgb()[:200]), ("its colour profile was not applied: it is damaged",)),
        (plain("I;16", 300, "grey"), ("its colour profile was not applied, for its greys have 16 bits",)),
    ],
    ids=["none", "sRGB", "of other colours", "damaged", "16 bits"],
)
def test_what_needs_no_conversion_or_cannot_be_converted_stays(picture, told):
    same, notes = in_srgb(picture)
    assert same is picture
    assert notes == told


def test_inks_without_a_profile_are_ideal_ones():
    picture, notes = in_srgb(plain("CMYK", (255, 0, 0, 51)))
    assert picture.getpixel((0, 0)) == pytest.approx((0, 204, 204), abs=1)
    assert notes == ("its CMYK has no colour profile: ideal inks were assumed",)


def without_adobes_marker(content):
    place = content.index(b"\xff\xee")
    return content[:place] + content[place + 2 + int.from_bytes(content[place + 2 : place + 4], "big") :]


def jpeg(picture, **options):
    file = io.BytesIO()
    picture.save(file, "JPEG", **options)
    return file.getvalue()


def test_a_jpeg_of_inks_is_inverted_where_adobe_says_so_alone(tmp_path):
    of_adobe, of_others = tmp_path / "a.jpg", tmp_path / "b.jpg"
    of_adobe.write_bytes(jpeg(plain("CMYK", (255, 0, 0, 0))))
    of_others.write_bytes(without_adobes_marker(jpeg(plain("CMYK", (0, 255, 255, 255)))))  # stored as 255, 0, 0, 0
    for path in (of_adobe, of_others):
        picture = Readers(color="srgb").read(path).pixels
        assert picture.getpixel((0, 0)) == pytest.approx((0, 255, 255), abs=1)
        with pytest.raises(UnusableImageError, match=r"set data\.color=srgb"):
            Readers().read(path)
        with Image.open(path) as opened:
            assert in_srgb(opened)[0].getpixel((0, 0)) == pytest.approx((0, 255, 255), abs=1)


@pytest.fixture
def model(tmp_path):
    settings = {"preprocessing": {"background": "#ffffff", "max_pixels": 10_000, "color": "srgb"}}
    return i2i.load(write_run(tmp_path / "run", more=settings)[0], device="cpu")


def test_a_translator_takes_colours_as_its_run_did_and_writes_srgb(tmp_path, model):
    source, inks, plain_file = tmp_path / "a.jpg", tmp_path / "b.tif", tmp_path / "c.png"
    colour = (100, 150, 200)
    plain("RGB", colour).save(source, icc_profile=wide_rgb(), quality=100)
    plain("CMYK", (0, 0, 0, 255)).save(inks, icc_profile=magenta_for_black())
    plain("RGB", colour).save(plain_file)
    for each in (source, inks):
        with Image.open(each) as opened:
            converted = in_srgb(opened)[0]
            assert model(each).tobytes() == model(opened).tobytes() == model(converted).tobytes()
    outcomes = i2i.translate(model, [source, inks, plain_file], tmp_path / "out")
    told = [outcome.note for outcome in outcomes]
    assert told == ["its colours were converted from Wide to sRGB"] * 2 + [""]
    for name, expected in (("a.jpg", srgb_profile()), ("b.tif", srgb_profile()), ("c.png", None)):
        with Image.open(tmp_path / "out" / name) as opened:
            assert opened.info.get("icc_profile") == expected
