"""``i2i.evaluate``: the numbers are the metrics of the translations, each with what it takes to reproduce it."""

import csv
import json
import math

import numpy as np
import pytest
import torch
from PIL import Image

import i2i
from i2i.builtin.metrics.distances import frechet_distance, kernel_distance
from i2i.errors import ConfigError, DataError
from i2i.evaluation.baselines import BASELINES_FILE
from i2i.evaluation.feature_networks import load_features
from i2i.plugins import MetricSpec
from i2i.tensors.pixels import to_uint8

from ..helpers.images import write_images
from ..helpers.metrics import pair_metrics, plugins_with
from ..helpers.running import PAIRED, run_here
from ..helpers.trained import write_run

pytestmark = pytest.mark.usefixtures("no_page")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A generator each way, whose run says nothing of data."""
    return write_run(tmp_path_factory.mktemp("measured") / "run", directions=("AtoB", "BtoA"))[0]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """5 images of A, 7 of B held out, 4 names in both, of 16 x 16 pixels."""
    root = write_images(tmp_path_factory.mktemp("data") / "pictures", train=(3, 4), test=(5, 7))
    (root / "testA" / "4.png").rename(root / "testA" / "alone.png")
    return root


def read(path):
    with Image.open(path) as image:
        return (torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255 - 0.5) / 0.5


def distances(features, targets, *, seed, prefix):
    """The formulas, of features that are given."""
    kernel, deviation = kernel_distance(features, targets, seed)
    values = {"frechet_distance": frechet_distance(features, targets), "kernel_distance": kernel}
    return {f"{prefix}{name}": value for name, value in (values | {"kernel_distance_std": deviation}).items()}


def evaluate(*arguments, **options):
    return i2i.evaluate(*arguments, device="cpu", **options)


@pytest.mark.parametrize(("direction", "source", "target"), [("AtoB", "A", "B"), ("BtoA", "B", "A")])
def test_pairs_are_measured_against_their_truth(run, data, direction, source, target):
    evaluation = evaluate(run, data, direction=direction)
    translator, expected = i2i.load(run, direction=direction, device="cpu"), pair_metrics()
    for name in ("0", "1", "2", "3"):
        given, truth = (read(data / f"test{domain}" / f"{name}.png")[None] for domain in (source, target))
        expected.update(translator(given), truth, given)
    assert evaluation.pairs == pytest.approx(expected.compute())
    assert evaluation.pairs["identity_l1"] > 0
    assert evaluation.counts == {"sources": {"A": 5, "B": 7}[source], "pairs": 4}
    assert not evaluation.sets


@pytest.mark.parametrize(("direction", "source", "target"), [("AtoB", "A", "B"), ("BtoA", "B", "A")])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_sets_are_all_images_of_both_domains_each_once(run, data, direction, source, target, batch_size):
    evaluation = evaluate(
        run, data, direction=direction, metrics="sets", features="thumbnail", seed=2, batch_size=batch_size
    )
    translator, features = (
        i2i.load(run, direction=direction, device="cpu"),
        load_features("thumbnail", torch.device("cpu")),
    )
    sources, targets = (
        torch.stack([read(path) for path in sorted((data / f"test{domain}").iterdir())]) for domain in (source, target)
    )
    of_targets = features.of(to_uint8(targets))
    for prefix, images in (("", translator(sources)), ("identity_", sources)):
        expected = distances(features.of(to_uint8(images)), of_targets, seed=2, prefix=prefix)
        frechet = f"{prefix}frechet_distance"
        assert evaluation.sets[frechet] == pytest.approx(expected[frechet], rel=1e-3)
        # The subsets depend on the order of the images, the expectation does not.
        assert evaluation.sets[f"{prefix}kernel_distance"] == pytest.approx(
            expected[f"{prefix}kernel_distance"], abs=4 * expected[f"{prefix}kernel_distance_std"] / 10
        )
    assert evaluation.counts == {"sources": len(sources), "targets": len(targets), "pairs": 0}
    assert not evaluation.pairs


def test_auto_takes_sets_where_there_are_no_pairs(run, data):
    evaluation = evaluate(run, data, features="thumbnail", settings={"data.match_names": False})
    assert evaluation.sets
    assert not evaluation.pairs
    both = evaluate(run, data, features="thumbnail", metrics="all")
    assert both.sets["frechet_distance"] == evaluation.sets["frechet_distance"]
    assert both.counts == {"sources": 5, "targets": 7, "pairs": 4}


def test_the_protocol_says_how_to_get_the_numbers_again(run, data):
    evaluation = evaluate(run, data, metrics="all", features="thumbnail", seed=7)
    assert evaluation.data["root"] == str(data)
    assert evaluation.data["split"] == "test"
    assert evaluation.data["held_out_by"] == "the folders testA and testB"
    assert (evaluation.data["mode"], evaluation.data["round_to"]) == ("none", 0), "nothing is resized unless asked for"
    assert evaluation.sizes == {"16x16": 5}
    assert evaluation.model["step"] == 7
    assert evaluation.model["domains"] == ["line", "3d"]
    protocol = evaluation.protocol
    assert protocol["features"].startswith("thumbnail")
    assert (protocol["seed"], protocol["kid_subset_size"], protocol["kid_subsets"]) == (7, 5, 100)
    assert protocol["versions"]["torch"] == torch.__version__
    assert any("do not compare with FID" in note for note in evaluation.notes)
    assert any("cannot fill 192 features" in note for note in evaluation.notes)
    assert json.loads(json.dumps(evaluation.to_dict()))["sets"] == dict(evaluation.sets)


def test_a_run_is_measured_as_it_was_at_its_end_and_on_its_own_data(tmp_path):
    images = write_images(tmp_path / "images", train=(3, 3), test=(3, 3), size=24)
    result = run_here(images, tmp_path / "run", settings=PAIRED, steps=2)
    evaluation = evaluate(result.folder)
    assert evaluation.pairs == pytest.approx(dict(result.metrics["AtoB"]))
    other = write_images(tmp_path / "other", train=(1, 1), test=(2, 2), size=24, seed=1)
    elsewhere = evaluate(result.folder, other)
    assert elsewhere.data["pairing"] == "paired"
    assert elsewhere.counts["pairs"] == 2
    assert elsewhere.pairs["l1"] != evaluation.pairs["l1"]
    fitted = ("constant_l1", "colour_fit_psnr")
    (result.folder / BASELINES_FILE).unlink()
    again = evaluate(result.folder)
    assert [again.pairs[name] for name in fitted] == [evaluation.pairs[name] for name in fitted], "as the run fitted"
    images.rename(tmp_path / "moved")
    lost = evaluate(result.folder, tmp_path / "moved")
    assert lost.pairs["l1"] == evaluation.pairs["l1"]
    assert not set(fitted) & lost.pairs.keys()
    assert any("the images that the model was trained on cannot be read" in note for note in lost.notes)


def test_each_image_has_its_values_in_a_table(run, data, tmp_path):
    table = tmp_path / "new" / "values.csv"
    evaluation = evaluate(run, data, per_image=table)
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [row["name"] for row in rows] == ["0", "1", "2", "3"]
    for name in ("l1", "identity_ssim"):
        values = [float(row[name]) for row in rows]
        assert sum(values) / 4 == pytest.approx(evaluation.pairs[name])
        assert list(evaluation.per_image.values[name]) == values
    with pytest.raises(ConfigError, match="exists already"):
        evaluate(run, data, per_image=table)
    with pytest.raises(DataError, match="images have values of their own where pairs are measured"):
        evaluate(run, data, metrics="sets", features="thumbnail", per_image=tmp_path / "other.csv")


def test_a_model_that_names_no_data_says_why_less_is_compared(run, data):
    (note,) = (note for note in evaluate(run, data).notes if "not measured" in note)
    assert note.endswith("the model does not say which images it was trained on")


def test_the_training_images_are_not_mirrored(run, data):
    evaluation = evaluate(run, data, split="train", features="thumbnail", metrics="sets")
    assert evaluation.counts == {"sources": 3, "targets": 4, "pairs": 0}
    assert evaluation.data["flip"] is False
    again = evaluate(run, data, split="train", features="thumbnail", metrics="sets")
    assert again.sets == evaluation.sets
    identity = {name: value for name, value in evaluation.sets.items() if "frechet" in name and "identity" in name}
    features = load_features("thumbnail", torch.device("cpu"))
    sources, targets = (
        features.of(to_uint8(torch.stack([read(path) for path in sorted((data / f"train{d}").iterdir())])))
        for d in "AB"
    )
    expected = distances(sources, targets, seed=0, prefix="identity_")
    assert identity["identity_frechet_distance"] == pytest.approx(expected["identity_frechet_distance"], rel=1e-3)


def test_images_are_resized_as_the_settings_say(run, data):
    evaluation = evaluate(run, data, settings=["data.mode=resize_and_crop", "data.image_size=20"])
    assert evaluation.sizes == {"20x20": 5}
    assert evaluation.data["image_size"] == 20


def test_a_perfect_translation_is_infinite_and_null_in_json(tmp_path, monkeypatch):
    run = write_run(tmp_path / "run")[0]
    monkeypatch.setattr("i2i.translation.translator.Translator.translate", lambda self, images: list(images))
    same = write_images(tmp_path / "same", train=(1, 1), test=(2, 2))
    for name in ("0", "1"):
        (same / "testB" / f"{name}.png").write_bytes((same / "testA" / f"{name}.png").read_bytes())
    evaluation = evaluate(run, same)
    assert evaluation.pairs["psnr"] == math.inf
    assert evaluation.pairs["l1"] == evaluation.pairs["identity_l1"] == 0
    assert evaluation.to_dict()["pairs"]["psnr"] is None


def edges(**fields):
    """A plugin's metric of pairs: how often neighbours are equal in one image and differ in the other."""

    def measure(output, truth):
        return ((output.diff(dim=3) == 0) != (truth.diff(dim=3) == 0)).double().mean(dim=(1, 2, 3))

    fields = {"name": "edges", "family": "pairs", "better": "lower", "summary": "Edges.", **fields}
    return plugins_with(MetricSpec(build=lambda _, *, device: measure, **fields))


def test_a_plugins_metric_is_measured_beside_the_usual_ones_with_what_it_takes_to_reproduce_it(run, data):
    evaluation = evaluate(run, data, metric="edges", manager=edges())
    assert {"l1", "psnr", "ssim", "edges", "identity_edges"} <= evaluation.pairs.keys()
    assert evaluation.protocol["metrics"] == {"edges": {"package": "i2i-oak 1.2"}}
    assert {name: value for name, value in evaluation.pairs.items() if "edges" not in name} == evaluate(run, data).pairs


def test_a_metric_of_sets_that_was_asked_for_takes_the_place_of_the_usual_ones(run, data):
    unpaired = evaluate(run, data, metric=["frechet_distance"], settings={"data.match_names": False})
    assert unpaired.sets.keys() == {"frechet_distance", "identity_frechet_distance"}
    assert not unpaired.pairs
    both = evaluate(run, data, metric=["frechet_distance", "psnr"])
    assert both.pairs.keys() >= {"l1", "psnr"}
    assert both.sets == unpaired.sets
    everything = evaluate(run, data, metric="kernel_distance", metrics="sets", features="thumbnail", seed=3)
    assert {"frechet_distance", "kernel_distance"} <= everything.sets.keys()
    assert everything.protocol["metrics"]["kernel_distance"]["seed"] == 3


class TestRefused:
    def refuse(self, *arguments, error=ConfigError, **options):
        with pytest.raises(error) as caught:
            evaluate(*arguments, **options)
        return str(caught.value)

    def test_no_data(self, run):
        assert "--data" in self.refuse(run)

    def test_wrong_settings(self, run, data):
        assert "generator" in self.refuse(run, data, settings=["generator.blocks=2"])
        assert "data.mode" in self.refuse(run, data, settings=["data.mode=squeeze"])
        assert "image_size" in self.refuse(run, data, settings=["data.image_siz=2"])

    def test_no_pairs(self, run, data):
        message = self.refuse(run, data, metrics="pairs", settings={"data.match_names": False}, error=DataError)
        assert "--metrics sets" in message

    def test_channels_that_do_not_fit(self, run, data):
        assert "--set data.channels_A=3" in self.refuse(run, data, settings={"data.channels_A": 1})

    def test_too_few_for_a_distance(self, run, tmp_path):
        root = write_images(tmp_path / "few", train=(1, 1), test=(1, 1))
        message = self.refuse(run, root, metrics="sets", features="thumbnail", error=DataError)
        assert "needs 2 images of each domain; split test has 1 and 1: measure on more, with another --split" in message

    def test_a_metric_that_lacks_pairs_or_pixels_before_anything_is_translated(self, run, data, monkeypatch):
        monkeypatch.setattr("i2i.translation.translator.Translator.translate", None)
        unpaired = {"metric": "psnr", "settings": {"data.match_names": False}, "error": DataError}
        assert "no true pairs, which --metric psnr compares with" in self.refuse(run, data, **unpaired)
        manager = edges(smallest_size=lambda _: 160)
        message = self.refuse(run, data, metric="edges", manager=manager)
        assert "metric edges needs images of at least 160 pixels a side; images come out at 16x16" in message

    def test_features_are_loaded_only_when_they_are_needed(self, run, data):
        assert evaluate(run, data, features="missing.pt").pairs
        assert "missing.pt" in self.refuse(run, data, features="missing.pt", metrics="all")
