"""``checkpoint.json`` is held against what it may say."""

import copy

import pytest

from i2i.errors import CheckpointError
from i2i.models.checkpoint_description import check_description

GOOD = {
    "step": 7,
    "world_size": 1,
    "score": 0.5,
    "metrics": {"AtoB": {"l1": 12.5, "psnr": None}},
    "images": 4,
    "generators": {"G_A": {"direction": "AtoB", "component": {"name": "resnet"}, "in_channels": 3, "out_channels": 3}},
    "domains": {"A": "line", "B": "3d"},
    "value_range": [-1.0, 1.0],
    "preprocessing": {"background": "#0000ff", "max_pixels": 100},
    "inference": "deterministic",
    "config": {"method": {"name": "pix2pix"}},
    "notes": [],
}


def changed(place, value):
    description = copy.deepcopy(GOOD)
    inner = description
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return description


def check(description):
    check_description(description, "checkpoint.json", "use another")


def test_what_it_may_say():
    check(GOOD)
    check({**GOOD, "mood": {"sunny": True}})
    check({"world_size": 1})


@pytest.mark.parametrize(
    ("place", "value"),
    [
        *((("preprocessing", "background"), value) for value in ("ultraviolet", "#12345", 7, None)),
        *((("preprocessing", "max_pixels"), value) for value in (-5, 0, "many", 1.5, True)),
        *((("generators", "G_A", "in_channels"), value) for value in (-3, 0, "3", 3.5, 10**9)),
        *((("generators", "G_A", "direction"), value) for value in ("AtoC", 1)),
        *((("generators", "G_A", "component"), value) for value in ("resnet", {"name": 5}, [])),
        *((("generators", "G_A", "moving_average"), value) for value in ("no", 0)),
        (("generators", "G_A", "package"), ["i2i"]),
        *((("step",), value) for value in (-1, True, "7", 7.5, float("nan"), 10**30)),
        *((("world_size",), value) for value in (0, -2, None, 10**9)),
        *((("score",), value) for value in ("good", float("nan"), float("inf"), [])),
        *((("metrics",), value) for value in ("none", {"AtoB": 3}, {"AtoB": {"l1": "small"}})),
        *((("value_range",), value) for value in ("wide", [-1], [float("nan"), 1], {"a": 1})),
        *((("domains",), value) for value in (["line", "3d"], {"A": 3})),
        *((("inference",), value) for value in ("random", 3)),
        *((("config",), value) for value in ("cyclegan", {"method": "pix2pix"}, {"method": {"name": 3}})),
        *((("notes",), value) for value in ("one", [1])),
        (("data",), {"sha256": 3, "samples": {"train": 1, "test": 1}}),
        (("images",), -1),
    ],
)  # fmt: skip
def test_a_damaged_value_is_named_with_file_and_field(place, value):
    with pytest.raises(CheckpointError, match=r"^checkpoint\.json is damaged: .*; use another$") as raised:
        check(changed(place, value))
    assert ".".join(place) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 1000


@pytest.mark.parametrize("name", ["../G_A", "a/b", "a\\b", "..", "C:"])
def test_a_generators_name_leads_to_no_other_folder(name):
    with pytest.raises(CheckpointError, match="must be a name without a folder"):
        check({**GOOD, "generators": {name: GOOD["generators"]["G_A"]}})


def test_two_generators_of_one_direction():
    twice = {"G_A": GOOD["generators"]["G_A"], "G_B": GOOD["generators"]["G_A"]}
    with pytest.raises(CheckpointError, match="two generators must not have one direction"):
        check({**GOOD, "generators": twice})


def test_several_damaged_values_are_counted():
    with pytest.raises(CheckpointError, match=r"\(and 1 more\)"):
        check({**GOOD, "step": -1, "images": -1})
