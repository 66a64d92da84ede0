"""The record in an exported file is read back as it was, or refused by name."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

import i2i
from i2i.errors import CheckpointError
from i2i.models.exported_record import ANY_SHAPE, FORMAT_VERSION, FixedShape, describe, read_back
from i2i.plugins.directions import Direction

FILE = Path("model.onnx")


@pytest.fixture(scope="module")
def info():
    return i2i.load("sample:flat-3d", direction="BtoA", device="cpu").info


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("shape", [ANY_SHAPE, FixedShape((30, 44)), FixedShape(None, 2), FixedShape((30, 44), 2)])
def test_a_record_comes_back_as_it_went(info, raw, shape):
    found, takes_floats, fixed = read_back(describe(info, raw=raw, fixed=shape), FILE)
    assert fixed == shape
    assert found == replace(info, checkpoint=FILE, chosen="")
    assert takes_floats is raw
    assert found.direction is Direction.B_TO_A
    assert all(isinstance(way, Direction) for way in found.directions)


def test_the_words_for_people_name_no_folder_of_this_machine(info):
    run = replace(info, checkpoint=Path("/photos/mine/runs/horses/checkpoints/step-00000007"))
    values = json.loads(describe(run, raw=False))
    assert values["source"] == "horses/step-00000007"
    assert "/photos/mine" not in json.dumps(values)
    assert json.loads(describe(replace(info, checkpoint=Path("/photos/mine/G.pth")), raw=False))["source"] == "G.pth"
    assert values["input"]["type"] == "uint8"
    assert json.loads(describe(replace(info, title="Alps"), raw=False))["about"].startswith("Alps: 3d to flat, ")
    assert json.loads(describe(info, raw=True))["output"]["range"] == [-1.0, 1.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values.update(format=FORMAT_VERSION + 1), "was exported by a newer i2i"),
        (lambda values: values.update(translator={}), "what it says of itself is damaged: checkpoint"),
        (lambda values: values.pop("input"), "what it says of itself is damaged .KeyError"),
        (lambda values: values["translator"].update(direction="AtoC"), "what it says of itself is damaged: direction"),
    ],
)
def test_a_damaged_record_is_refused(info, change, message):
    values = json.loads(describe(info, raw=False))
    change(values)
    with pytest.raises(CheckpointError, match=rf"^model\.onnx.? {message}"):
        read_back(json.dumps(values), FILE)


@pytest.mark.parametrize("text", [None, ""])
def test_files_of_other_programs(text):
    with pytest.raises(CheckpointError, match=r"model\.onnx was not exported by i2i"):
        read_back(text, FILE)


def test_a_record_may_say_more_than_is_known_here(info):
    values = json.loads(describe(info, raw=False))
    values["translator"]["mood"] = "sunny"
    assert read_back(json.dumps(values), FILE)[0].generator == info.generator


def test_an_infinite_psnr_is_null_in_json_and_comes_back(info):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    perfect = replace(info, metrics={"l1": 0.0, "psnr": math.inf})
    text = describe(perfect, raw=False)
    assert json.loads(text, parse_constant=refuse)["translator"]["metrics"] == {"l1": 0.0, "psnr": None}
    assert read_back(text, FILE)[0].metrics == perfect.metrics


def test_a_record_of_before_says_nothing_of_a_batch_and_of_a_smallest_size(info):
    values = json.loads(describe(info, raw=False))
    del values["input"]["batch"], values["translator"]["smallest_size"]
    found, _, fixed = read_back(json.dumps(values), FILE)
    assert (found.smallest_size, fixed) == (1, ANY_SHAPE)


def test_a_newer_record_of_another_layout_is_called_newer():
    with pytest.raises(CheckpointError, match="newer i2i"):
        read_back(json.dumps({"format": FORMAT_VERSION + 1, "models": []}), FILE)
