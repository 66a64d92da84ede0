"""``i2i.compare``: the same images for all, and differences image by image."""

import json
import math

import numpy as np
import pytest
from PIL import Image

import i2i
from i2i.errors import ConfigError, DataError
from i2i.evaluation.per_image import interval

from ..helpers.images import write_images
from ..helpers.trained import generator_of, write_run

DEVICE = {"device": "cpu"}


def write_compared(folder, data, *, seed, trained_on=None, **config):
    """A run that was trained on a folder of images of 16 pixels, with the names it says it trained on."""
    described = {
        "domains": {"A": "line", "B": "3d"},
        "config": {"method": {"name": "pix2pix"}, **config, "data": {"name": "folder", "root": str(data), **READ}},
    }
    write_run(folder, networks={"AtoB": generator_of(seed=seed)}, more=described)
    if trained_on is not None:
        (folder / "images.json").write_text(json.dumps({"train": trained_on, "test": {}}))
    return folder


READ = {"mode": "none", "round_to": 0}
OWN = {"A": ["seen"], "B": ["seen"]}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Seven held-out pairs of 16 x 16 pixels."""
    return write_images(tmp_path_factory.mktemp("compared") / "pictures", train=(2, 2), test=(7, 7))


@pytest.fixture(scope="module")
def runs(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("compared runs")
    return [
        write_compared(folder / "one", data, seed=0, trained_on=OWN, generator={"name": "resnet", "blocks": 1}),
        write_compared(folder / "two", data, seed=5, trained_on=OWN, generator={"name": "resnet", "blocks": 2}),
    ]


@pytest.fixture(scope="module")
def comparison(runs):
    return i2i.compare(runs, images=4, **DEVICE)


def test_each_has_the_numbers_that_evaluating_it_alone_gives(runs, comparison):
    for run, compared in zip(runs, comparison.compared, strict=True):
        alone = i2i.evaluate(run, **DEVICE)
        for metric in ("l1", "psnr", "ssim"):
            assert compared.evaluation.pairs[metric] == alone.pairs[metric]
    assert [each.contender.label for each in comparison.compared] == ["one", "two"]
    assert comparison.left_out == 0


def test_differences_are_those_of_single_images(comparison):
    first, second = (each.evaluation.per_image for each in comparison.compared)
    assert first.names == second.names == comparison.names
    for metric in ("l1", "psnr"):
        expected = np.subtract(second.values[metric], first.values[metric])
        found = comparison.compared[1].differences[metric]
        assert found.value == pytest.approx(expected.mean())
        assert found.interval == pytest.approx(interval(expected.tolist()))
        assert found.is_clear == (not found.interval[0] <= 0 <= found.interval[1])
    assert comparison.compared[0].differences == {}


def test_what_does_not_differ_is_not_clear(runs, tmp_path, data):
    same = write_compared(tmp_path / "same", data, seed=0, trained_on=OWN)
    (compared,) = i2i.compare([runs[0], same], images=0, **DEVICE).compared[1:]
    assert compared.differences["l1"].value == 0
    assert not compared.differences["l1"].is_clear


def test_the_same_images_are_kept_for_a_look(runs, comparison):
    assert list(comparison.columns) == ["input", "one", "two", "truth"]
    assert len(comparison.rows) == 4
    translate = i2i.load(runs[1], **DEVICE)
    for row in range(4):
        seen = translate(comparison.columns["input"][row : row + 1])
        assert (seen - comparison.columns["two"][row : row + 1]).abs().max() < 1e-6
    spread = {
        name: abs(one - two)
        for name, one, two in zip(
            comparison.names, *(each.evaluation.per_image.values["l1"] for each in comparison.compared), strict=True
        )
    }
    differing_most = sorted(spread, key=lambda name: -spread[name])
    assert set(differing_most[:1]) <= set(comparison.rows)


def test_images_that_one_was_trained_on_are_left_out_for_all(runs, data, tmp_path):
    saw = write_compared(tmp_path / "saw", data, seed=1, trained_on={"A": ["0", "3"], "B": ["0", "3"]})
    comparison = i2i.compare([runs[0], saw], images=0, **DEVICE)
    assert comparison.left_out == 2
    assert set(comparison.names) == {"1", "2", "4", "5", "6"}
    assert all(each.evaluation.counts["pairs"] == 5 for each in comparison.compared)
    all_of_them = {domain: [str(number) for number in range(7)] for domain in "AB"}
    saw_all = write_compared(tmp_path / "saw all", data, seed=1, trained_on=all_of_them)
    with pytest.raises(DataError, match="every image of split test was trained on by one of the runs"):
        i2i.compare([runs[0], saw_all], **DEVICE)


def test_what_records_do_not_tell_is_noted(runs, data, tmp_path):
    silent = write_compared(tmp_path / "silent", data, seed=1)
    elsewhere = write_compared(tmp_path / "elsewhere", tmp_path / "other", seed=1, trained_on=OWN)
    bare = write_run(tmp_path / "bare")[0]
    notes = "\n".join(i2i.compare([runs[0], silent, elsewhere, bare], images=0, **DEVICE).notes)
    assert "silent has no images.json beside it" in notes
    assert f"elsewhere was trained on {tmp_path / 'other'} and may have seen these images there" in notes
    assert "bare does not say what it was trained on" in notes


def test_settings_that_differ_are_listed(comparison):
    assert comparison.settings == {"generator.blocks": [1, 2]}


def test_results_made_elsewhere_stand_beside(runs, data, tmp_path):
    translate = i2i.load(runs[1], **DEVICE)
    (tmp_path / "made").mkdir()
    for path in sorted((data / "testA").glob("*.png")):
        translate(Image.open(path)).save(tmp_path / "made" / path.name)
    comparison = i2i.compare(runs, results=tmp_path / "made", images=2, **DEVICE)
    made, second = comparison.compared[2], comparison.compared[1]
    assert made.evaluation.pairs["l1"] == pytest.approx(second.evaluation.pairs["l1"], abs=1e-6)
    assert made.evaluation.model == {"results": str(tmp_path / "made")}
    (tmp_path / "made" / "4.png").unlink()
    with pytest.raises(DataError, match="holds no result for the held-out image '4'"):
        i2i.compare(runs, results=[tmp_path / "made"], **DEVICE)


def test_json_holds_all_of_it(comparison):
    values = json.loads(json.dumps(comparison.to_dict(), allow_nan=False))
    second = values["compared"][1]
    assert second["differences"]["l1"]["value"] == comparison.compared[1].differences["l1"].value
    assert second["per_image"]["l1"] == list(comparison.compared[1].evaluation.per_image.values["l1"])
    assert values["settings"] == {"generator.blocks": [1, 2]}
    assert math.isfinite(values["compared"][0]["pairs"]["l1_low"])


def test_one_alone_is_no_comparison(runs):
    with pytest.raises(ConfigError, match="a model and at least one more"):
        i2i.compare(runs[:1])
    with pytest.raises(ConfigError, match="named twice"):
        i2i.compare([runs[0], runs[0]], **DEVICE)
