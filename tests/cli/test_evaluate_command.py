"""``i2i evaluate``: what a person reads."""

import json
import re

import pytest
from click.testing import CliRunner

import i2i
from i2i.cli.main import main

from ..helpers.trained import write_sample_run


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The run folder of a tiny CycleGAN on the built-in sample."""
    return str(write_sample_run(tmp_path_factory.mktemp("model") / "a run"))


def run(*words):
    return CliRunner().invoke(main, ["evaluate", *map(str, words), "--device", "cpu"])


def test_numbers_stand_beside_the_baseline_and_below_the_protocol(model):
    result = run(model, "--metrics", "all", "--features", "thumbnail")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    taken = f"{model}/checkpoints/step-00000001 (the latest, and the best by the held-out score)"
    assert lines[0] == f"flat to 3d: resnet, step 1, {taken}"
    assert lines[1] == "Data: sample:flat-3d, split test: 15 images to translate (15 of 64x64)"
    assert lines[2] == "Held out by a hash of the name (test_fraction 0.1)"
    assert "image_size 64" in lines[3]
    assert re.search(r"8 bits, rounded; deterministic inference, fp32 on cpu; i2i .*torch .*torchmetrics", lines[4])
    assert re.search(r"L1, 0 to 255 +\d+\.\d+ \(\d+\.\d+ to \d+\.\d+\) +14\.24 +\d+\.\d+ +14\.24 +lower", result.stdout)
    assert re.search(r"Frechet distance +\d+\.\d+ +(\d+\.\d+) +\1 +lower", result.stdout)
    assert "As sets: 15 translations against 15 images of 3d" in result.stdout
    assert "Features: thumbnail (mean colours of 8 x 8 fields); means to 8 x 8" in result.stdout
    assert re.search("translation +input unchanged +one colour +colour fit +better", result.stdout)
    assert "do not compare with FID and KID" in result.stderr


def test_json_holds_the_same(model):
    result = run(model, "--json")
    values = json.loads(result.stdout)
    assert values["pairs"] == pytest.approx(i2i.evaluate(model, device="cpu").pairs)
    assert values["counts"] == {"sources": 15, "pairs": 15}
    assert values["protocol"]["pixels"] == "8 bits, rounded"


def test_a_missing_network_is_one_message(model, tmp_path):
    result = run(model, "--metrics", "sets", "--features", tmp_path / "missing.onnx")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith("Error: --features ")
    assert "Traceback" not in result.output


def test_a_metric_that_was_asked_for_is_measured_beside_the_usual_ones(model):
    result = run(model, "--metric", "frechet_distance", "--set", "metrics.frechet_distance.features=thumbnail")
    assert result.exit_code == 0, result.output
    assert re.search(r"L1, 0 to 255 +\d+\.\d+ \(\d+\.\d+ to \d+\.\d+\) +14\.24 +\d+\.\d+ +14\.24 +lower", result.stdout)
    assert re.search(r"Frechet distance +\d+\.\d+ +(\d+\.\d+) +\1 +lower", result.stdout)
    assert "kernel distance" not in result.stdout


def test_one_that_is_not_there_is_one_message(model):
    result = run(model, "--metric", "sim")
    assert result.exit_code == 2
    assert "there is no metric called 'sim'; did you mean 'ssim'?" in result.stderr
