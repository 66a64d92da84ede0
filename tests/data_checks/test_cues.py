"""What tells the domains apart by itself is named; what both have is not."""

from __future__ import annotations

import pytest
from PIL import ImageFilter

from i2i.data_checks.cues import find_cues

NAMES = ("summer", "winter")


def cues(facts, first, second, *, suffix=("png", "png")):
    sides = [
        [facts(image, f"{side}{number}.{suffix[side]}") for number, image in enumerate(images)]
        for side, images in enumerate((first, second))
    ]
    return {finding.kind: finding for finding in find_cues(*sides, NAMES)}


def test_nothing_is_told_of_domains_that_are_stored_alike(draw, facts):
    assert cues(facts, [draw(n) for n in range(10)], [draw(n) for n in range(20, 30)]) == {}


@pytest.mark.parametrize(
    ("change", "suffix", "kind", "told"),
    [
        (lambda image: image, ("png", "jpg"), "cue-format", "summer (PNG) from winter (JPEG) in 100%"),
        (
            lambda image: image.convert("L").convert("RGB"),
            ("png", "png"),
            "cue-grey-as-colour",
            "grey stored as colour",
        ),
        (lambda image: image.resize((48, 64)), ("png", "png"), "cue-size", "(64 x 64) from winter (48 x 64)"),
        (
            lambda image: image.filter(ImageFilter.GaussianBlur(5)),
            ("png", "png"),
            "cue-sharpness",
            "(more) from winter",
        ),
    ],
)
def test_a_cue_is_named_with_what_to_do(draw, facts, change, suffix, kind, told):
    first = [draw(number) for number in range(10)]
    second = [change(draw(number)) for number in range(20, 30)]
    found = cues(facts, first, second, suffix=suffix)
    assert told in found[kind].text
    assert found[kind].cure
    assert len(found[kind].shown[0].places) == 2


def test_a_handful_of_images_is_chance(draw, facts):
    assert cues(facts, [draw(1)], [draw(2)], suffix=("png", "jpg")) == {}
