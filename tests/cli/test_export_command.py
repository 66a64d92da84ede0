"""``i2i export``: what a person types and reads; and the exported file in ``i2i translate``."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from i2i.cli.main import main

from ..helpers.fixtures import exporting_quickly, small_exports
from ..helpers.trained import write_sample_run

PAGE = Path(__file__).parents[2] / "docs" / "exporting.md"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The run folder of a tiny CycleGAN on the built-in sample."""
    with small_exports():
        yield str(write_sample_run(tmp_path_factory.mktemp("model") / "a run"))


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words):
    return CliRunner().invoke(main, list(map(str, words)))


@pytest.mark.slow
def test_export_then_translate(model, here):
    result = run("export", model, "--format", "onnx")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("a run.onnx (0.")
    taken = f"{model}/checkpoints/step-00000001 (the latest, and the best by the held-out score)"
    assert lines[0].endswith(f"flat to 3d, resnet, step 1 of {taken}")
    assert lines[1] == "In and out: uint8 [N, H, W, C], 3 and 3 channels, any size and number"
    assert lines[2].startswith("Run by onnxruntime ")
    assert lines[4].split()[:4] == ["1", "16", "x", "16"]

    Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)).save("in.png")
    for source, out in ((model, "run.png"), ("a run.onnx", "file.png")):
        result = run("translate", source, "in.png", "-o", out, "--device", "cpu")
        assert result.exit_code == 0, result.output
    with Image.open("run.png") as first, Image.open("file.png") as second:
        difference = np.asarray(first).astype(int) - np.asarray(second).astype(int)
    assert np.abs(difference).max() <= 1

    script = re.search(r"```python\n(import sys.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
    subprocess.run([sys.executable, "-c", script, "a run.onnx", "in.png", "page.png"], check=True, timeout=60)
    with Image.open("page.png") as first, Image.open("file.png") as second:
        assert np.array_equal(np.asarray(first), np.asarray(second)), "the script of docs/exporting.md"

    again = run("export", model, "-o", "a run.onnx")
    assert again.exit_code == 2
    assert "--force" in again.stderr


def test_wrong_usage_is_one_message(model, here):
    result = run("export", model)
    assert result.exit_code == 2
    assert "--format onnx or --format " in result.stderr
    assert not list(here.iterdir())


def test_what_was_written_as_json(model, here):
    with exporting_quickly():
        result = run("export", model, "-o", "run.pt2", "--size", "24x40", "--json")

    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["path"], report["format"], report["raw"]) == ("run.pt2", "torch", False)
    assert report["fixed"]["size"] == [24, 40]
    assert report["info"]["direction"] == "AtoB"
    assert all(check["difference"] <= check["allowed"] for check in report["checks"])


def test_a_size_that_is_none_is_one_message(model, here):
    for size in ("32", "0x32", "32x", "32x32x3"):
        result = run("export", model, "-o", "run.pt2", "--size", size)
        assert result.exit_code == 2
        assert "write HxW, such as 256x320" in " ".join(result.stderr.split())
    assert not list(here.iterdir())


def test_a_file_for_one_size(model, here):
    result = run("export", model, "-o", "run.pt2", "--size", "24x40", "--batch", "1", "--timeout", "300")
    assert result.exit_code == 0, result.output
    said = "uint8 [N, H, W, C], 3 and 3 channels, 24 x 40 pixels (height x width), 1 at once"
    assert result.stdout.splitlines()[1] == f"In and out: {said}"


def test_time_that_is_over_leaves_no_file(model, here):
    result = run("export", model, "-o", "run.pt2", "--timeout", "0.01")
    assert result.exit_code == 1
    assert "seconds of --timeout were over" in " ".join(result.stderr.split())
    assert not list(here.iterdir())


def test_paper_inference_is_refused(model, here):
    result = run("export", model, "-o", "run.pt2", "--inference", "paper")

    assert result.exit_code in (1, 2)
    assert "paper" in result.stderr
    assert not list(here.iterdir())
