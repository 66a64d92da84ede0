"""``i2i.load`` of an exported file: a translator like any other, as far as a file can be one."""

import json

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

import i2i
from i2i.errors import CheckpointError, ConfigError, DataError
from i2i.models import exported_record

from ..helpers.images import noise


@pytest.fixture(scope="module")
def run(exported):
    return exported[0]


@pytest.fixture(scope="module")
def files(exported):
    return {name: report.path for name, report in exported[1].items()}


@pytest.fixture(scope="module")
def original(run):
    return i2i.load(run, device="cpu")


def assert_close(first, second, levels=1):
    first, second = np.asarray(first).astype(int), np.asarray(second).astype(int)
    assert first.shape == second.shape
    assert np.abs(first - second).max() <= levels


@pytest.mark.parametrize("name", ["images.onnx", "images.pt2"])
def test_it_translates_like_the_run(files, original, name, tmp_path):
    translator = i2i.load(files[name], device="cpu")
    array = noise(21, 34)
    Image.fromarray(array).save(tmp_path / "image.png")
    assert_close(translator(array), original(array))
    assert_close(translator(tmp_path / "image.png"), original(array))
    assert_close(translator(Image.fromarray(array)), original(array))
    several = [noise(16, 16), noise(9, 40, 1), noise(16, 16, 2)]
    for result, expected in zip(translator(several, batch_size=3), original(several), strict=True):
        assert_close(result, expected)


def test_a_raw_file_takes_floats(files, run):
    translator, original = i2i.load(files["raw.onnx"]), i2i.load(run, direction="BtoA", device="cpu")
    images = torch.rand(2, 3, 21, 18) * 2 - 1
    assert torch.allclose(translator(images), original(images), atol=1e-4)
    unit = np.random.default_rng(0).random((20, 20, 3), dtype=np.float32)
    assert np.abs(translator(unit) - original(unit)).max() < 1e-4
    assert_close(translator(noise(20, 20)), original(noise(20, 20)))


@pytest.mark.parametrize("value", [np.full((16, 16, 3), 0.123, np.float32), torch.full((3, 16, 16), 0.1)])
def test_values_between_the_levels_are_not_rounded_silently(files, value):
    with pytest.raises(DataError, match="--raw"):
        i2i.load(files["images.onnx"])(value)


def test_floats_that_are_levels_are_taken(files, original):
    array = noise(16, 16)
    assert_close(i2i.load(files["images.onnx"])(array / 255) * 255, original(array / 255) * 255)


def test_info_is_the_runs(files, original):
    info = i2i.load(files["images.pt2"]).info
    assert info.checkpoint == files["images.pt2"]
    for name in ("step", "method", "direction", "directions", "domains", "generator", "options", "metrics",
                 "versions", "in_channels", "background", "max_pixels", "value_range", "size_multiple"):  # fmt: skip
        assert getattr(info, name) == getattr(original.info, name), name
    assert i2i.load(files["images.onnx"], max_pixels=7).info.max_pixels == 7


def test_the_one_direction_need_not_be_given(files):
    assert i2i.load(files["raw.onnx"]).info.direction == "BtoA"
    assert i2i.load(files["raw.onnx"], direction="BtoA").info.domains == ("3d", "line")
    with pytest.raises(ConfigError, match="exported for direction BtoA"):
        i2i.load(files["raw.onnx"], direction="AtoB")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"checkpoint": "best"}, "--checkpoint best chooses among those of a run folder"),
        ({"precision": "bf16"}, "--precision bf16 is for run folders"),
        ({"inference": "paper"}, "--inference paper is for run folders"),
    ],
)
def test_options_of_run_folders_are_refused(files, option, message):
    with pytest.raises(ConfigError, match=message):
        i2i.load(files["images.onnx"], **option)


def test_a_device_that_is_not_here(files):
    with pytest.raises(ConfigError, match=r"(?s)ONNX Runtime.*onnxruntime-gpu"):
        i2i.load(files["images.onnx"], device="mps")
    translator = i2i.load(files["images.onnx"], device="cpu")
    assert translator.to("cpu") is translator


def test_files_that_are_none(tmp_path, files):
    with pytest.raises(CheckpointError, match="no such file"):
        i2i.load(tmp_path / "model.onnx")
    for name in ("model.onnx", "model.pt2"):
        (tmp_path / name).write_bytes(b"nonsense")
        with pytest.raises(CheckpointError, match="damaged"):
            i2i.load(tmp_path / name)


def test_onnx_files_of_others_are_told_apart(tmp_path, files):
    model = onnx.load(files["images.onnx"])
    about = json.loads(next(entry.value for entry in model.metadata_props if entry.key == "i2i"))
    for text, message in (
        (None, "not exported by i2i"),
        ("{", "damaged"),
        (json.dumps({**about, "format": exported_record.FORMAT_VERSION + 1}), "newer i2i"),
        (json.dumps({**about, "translator": {}}), "damaged"),
    ):
        del model.metadata_props[:]
        if text is not None:
            model.metadata_props.add(key="i2i", value=text)
        onnx.save(model, tmp_path / "model.onnx")
        with pytest.raises(CheckpointError, match=message):
            i2i.load(tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("field", "value"),
    [("background", "ultraviolet"), ("in_channels", -3), ("max_pixels", "many"), ("domains", ["line"]),
     ("step", 1.5), ("inference", "random"), ("size_multiple", 0), ("direction", "AtoC"), ("notes", "one"),
     ("metrics", {"l1": "low"})],
)  # fmt: skip
def test_a_damaged_value_of_what_it_says_of_itself_is_named(files, tmp_path, field, value):
    model = onnx.load(files["images.onnx"])
    (about,) = (entry for entry in model.metadata_props if entry.key == exported_record.KEY)
    record = json.loads(about.value)
    record["translator"][field] = value
    about.value = json.dumps(record)
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(CheckpointError, match=rf"model\.onnx: what it says of itself is damaged: {field}"):
        i2i.load(tmp_path / "model.onnx")


@pytest.fixture(scope="module")
def fixed(run, tmp_path_factory):
    """A file for two images of 30 x 44 pixels."""
    return i2i.export(run, tmp_path_factory.mktemp("fixed") / "fixed.onnx", size=(30, 44), batch=2)


class TestFixedShapes:
    def test_the_report_and_the_file_say_so(self, fixed):
        assert str(fixed.fixed) == "30 x 44 pixels (height x width), 2 at once"
        assert {(check.images, check.height, check.width) for check in fixed.checks} == {(2, 30, 44)}
        model = onnx.load(fixed.path)
        (about,) = (json.loads(entry.value) for entry in model.metadata_props)
        assert (about["input"]["sizes"], about["input"]["batch"]) == ([30, 44], 2)
        dimensions = [dimension.dim_value for dimension in model.graph.input[0].type.tensor_type.shape.dim]
        assert dimensions == [2, 30, 44, 3]

    def test_images_of_its_size_are_the_runs(self, fixed, original):
        translator = i2i.load(fixed.path, device="cpu")
        several = [noise(30, 44, seed=seed) for seed in range(5)]
        for batch_size in (1, 2, 5):
            for result, image in zip(translator(several, batch_size=batch_size), several, strict=True):
                assert_close(result, original(image))

    def test_smaller_ones_are_padded_and_cropped(self, fixed, original):
        translator = i2i.load(fixed.path, device="cpu")
        image = noise(20, 33)
        whole = np.pad(image, ((5, 5), (5, 6), (0, 0)), mode="reflect")
        assert_close(translator(image), original(whole)[5:25, 5:38])
        assert translator(noise(1, 1)).shape == (1, 1, 3)

    def test_larger_ones_are_refused_and_cost_no_other(self, fixed, tmp_path):
        translator = i2i.load(fixed.path, device="cpu")
        with pytest.raises(DataError, match=r"was exported for images of 30 x 44 pixels \(height x width\), and this"):
            translator(noise(31, 10))
        (tmp_path / "in").mkdir()
        for name, size in (("a", (30, 44)), ("b", (44, 30)), ("c", (8, 8))):
            Image.fromarray(noise(*size)).save(tmp_path / "in" / f"{name}.png")
        outcomes = i2i.translate(fixed.path, tmp_path / "in", tmp_path / "out", batch_size=3)
        assert [outcome.problem is None for outcome in outcomes] == [True, False, True]
        assert "and this one has 44 x 30" in outcomes[1].problem


@pytest.mark.parametrize("wrong", [{"sizes": [3]}, {"sizes": [0, 4]}, {"sizes": "some"}, {"batch": 0}, {"batch": 1.5}])
def test_a_damaged_shape_is_named(files, tmp_path, wrong):
    model = onnx.load(files["images.onnx"])
    (entry,) = model.metadata_props
    values = json.loads(entry.value)
    values["input"].update(wrong)
    entry.value = json.dumps(values)
    onnx.save(model, tmp_path / "damaged.onnx")
    with pytest.raises(CheckpointError, match="what it says of itself is damaged"):
        i2i.load(tmp_path / "damaged.onnx", device="cpu")
