"""Names that tell of kinship are recognised, and those of ordinary folders are left alone."""

from __future__ import annotations

import re

import pytest

from i2i.builtin.datasets.name_signs import find_sign

LEAKY = {
    "tiles": [f"{row:04d}_{column:04d}" for row in range(0, 2048, 256) for column in range(0, 2048, 256)],
    "map tiles in folders": [f"17/{70406 + row}/{42987 + column}" for row in range(8) for column in range(8)],
    "slices of patients": [f"{patient:03d}_{number:04d}" for patient in range(6) for number in range(20 + patient)],
    "frames": [f"shot_{number:04d}" for number in range(40)],
    "every tenth frame": [f"walk/frame{number:05d}" for number in range(0, 900, 10)],
    "scenes": [f"scene{scene}/{number:04d}" for scene in range(6) for number in range(9)],
    "photographs of one walk": [f"IMG_{number}" for number in range(1234, 1290)],
    "mirrored": [f"cat{number}{end}" for number in range(20) for end in ("", "_flip")],
    "augmented by a service": [f"cat{number % 9}_jpg.rf.{number:032x}" for number in range(40)],
}

HONEST = {
    "numbers": [f"{number:05d}" for number in range(500)],
    "labels": [f"{label}_{number:03d}" for label in ("cat", "dog") for number in range(100)],
    "emoji": ["1F44B-1F3FB", "1F44B-1F3FC", "0030-20E3", "0031-20E3", *(f"1F60{number:X}" for number in range(16))],
    "synsets": [f"n02381460_{number * 37 % 9973}" for number in range(400)],
    "chosen photographs": [f"IMG_{1000 + number * number}" for number in range(80)],
    "days": [f"2021_{month:02d}_{day:02d}" for month in range(1, 13) for day in range(1, 29)],
    "independent scenes": [f"scene_{number:03d}" for number in range(100)],
    "renamed at once": [f"photo ({number})" for number in range(80)],
}


@pytest.mark.parametrize("names", LEAKY.values(), ids=LEAKY)
def test_relatives_across_the_split_are_counted_and_the_option_named_helps(names):
    sign = find_sign(names)
    assert sign is not None
    test = names[3::10]
    train = [name for name in names if name not in test]
    assert sign.related(test, train) > len(test) / 2
    pattern = re.search(r"data\.group='(.*?)'", sign.cure)
    assert pattern is not None
    groups = {match[1] for name in names if (match := re.search(pattern[1], name)) and match[1]}
    assert 1 < len(groups) < len(names)
    assert all(re.search(pattern[1], name) for name in names)


@pytest.mark.parametrize("names", HONEST.values(), ids=HONEST)
def test_ordinary_names_raise_no_alarm(names):
    assert find_sign(names) is None


def test_nothing_is_related_in_a_split_by_halves():
    names = LEAKY["tiles"]
    sign = find_sign(names)
    assert sign is not None
    left = [name for name in names if name.endswith("0000")]
    far = [name for name in names if name.endswith(("0768", "1024"))]
    assert sign.related(left, far) == 0
