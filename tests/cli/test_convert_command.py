"""``i2i convert``: what a person types and sees."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import i2i
from i2i.cli.main import main


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def save(path, name="resnet", seed=0, **options):
    """A file as pytorch-CycleGAN-and-pix2pix names it; that its keys are those is tested with the engine."""
    torch.manual_seed(seed)
    options = {**({"blocks": 1} if name == "resnet" else {"downs": 3}), "base_channels": 4, "init_gain": 0.1, **options}
    torch.save(i2i.create("generator", name, **options).state_dict(), path)


def run(*words):
    return CliRunner().invoke(main, list(words))


def test_both_ways_of_a_cyclegan():
    save("latest_net_G_A.pth")
    save("latest_net_G_B.pth", seed=1)
    result = run("convert", "latest_net_G_A.pth", "latest_net_G_B.pth", "-o", "horses", "--domains", "horse", "zebra")

    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "AtoB (horse to zebra): resnet, 3 to 3 channels, base_channels 4, norm instance, affine False, dropout False, "
        "upsample deconv, antialias False, input_skip False, input_skip_gain 1.0, blocks 1",
        "BtoA (zebra to horse): resnet, 3 to 3 channels, base_channels 4, norm instance, affine False, dropout False, "
        "upsample deconv, antialias False, input_skip False, input_skip_gain 1.0, blocks 1",
        "Wrote horses. Use it with: i2i translate horses photo.jpg -o result.jpg",
    ]
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)).save("a.png")
    for model, out in (("horses", "b.png"), ("latest_net_G_B.pth", "c.png")):
        options = ["--direction", "BtoA"] if model == "horses" else []
        translated = run("translate", model, "a.png", "-o", out, "--device", "cpu", *options)
        assert translated.exit_code == 0, translated.output
    assert "A to B" not in translated.stderr
    assert "B to A: resnet, latest_net_G_B.pth, on cpu" in translated.stderr
    assert np.array_equal(np.asarray(Image.open("b.png")), np.asarray(Image.open("c.png")))


def test_a_unet_and_what_its_file_does_not_say():
    save("latest_net_G.pth", "unet", norm="batch")
    guessed = run("convert", "latest_net_G.pth", "-o", "guessed")
    told = run("convert", "latest_net_G.pth", "-o", "told", "--no-dropout")
    assert (guessed.exit_code, told.exit_code) == (0, 0), guessed.output + told.output
    assert "dropout True" in guessed.stdout
    assert "dropout False" in told.stdout
    assert "Note: its batch norm takes the statistics gathered in training" in guessed.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["a.pth"], 2, "Missing option '-o'"),
        (["-o", "out"], 2, "Missing argument 'MODEL...'"),
        (["missing.pth", "-o", "out"], 1, "missing.pth is not a trained model (there is no such file or folder)"),
        (["text.pth", "-o", "out"], 1, "text.pth is not a file of weights: it begins with b'hello'"),
        (["disc.pth", "-o", "out"], 1, "disc.pth holds no generator that is known:\n  it is a discriminator"),
        (["a.pth", "-o", "full"], 2, "-o full exists and is not empty"),
        (["a.pth", "-o", "out", "--part", "ema"], 2, "a.pth has no part 'ema'"),
        (["a.pth", "-o", "full/file/x"], 1, "full/file/x cannot be written"),
    ],
)
def test_what_goes_wrong_is_one_message(tmp_path, words, code, message):
    save("a.pth")
    (tmp_path / "text.pth").write_text("hello")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    torch.save({"model.0.weight": torch.zeros(64, 3, 4, 4)}, "disc.pth")
    result = run("convert", *words)
    assert result.exit_code == code, result.output
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_force_replaces_what_was_converted_and_nothing_else(tmp_path):
    save("a.pth")
    save("b.pth", seed=1)
    assert run("convert", "a.pth", "-o", "out").exit_code == 0
    first = (tmp_path / "out" / "checkpoint.json").read_text()

    refused = run("convert", "b.pth", "-o", "out", "--direction", "BtoA")
    assert refused.exit_code == 2
    assert "new or empty folder, or --force to replace what was converted before" in refused.stderr
    assert (tmp_path / "out" / "checkpoint.json").read_text() == first

    replaced = run("convert", "b.pth", "-o", "out", "--direction", "BtoA", "--force")
    assert replaced.exit_code == 0, replaced.output
    assert [info.direction for info in (i2i.load("out", device="cpu").info,)] == ["BtoA"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pth", "b.pth", "out"]

    (tmp_path / "out" / "notes.txt").touch()
    kept = run("convert", "a.pth", "-o", "out", "--force")
    assert kept.exit_code == 2
    assert "--force" not in kept.stderr
    assert (tmp_path / "out" / "notes.txt").exists()


def test_what_the_folder_holds_as_json():
    save("latest_net_G_B.pth")

    result = run("convert", "latest_net_G_B.pth", "-o", "out", "--json")

    assert result.exit_code == 0, result.output
    (info,) = json.loads(result.stdout)
    assert (info["direction"], info["generator"], info["options"]["blocks"]) == ("BtoA", "resnet", 1)
    assert info["checkpoint"].endswith("out")
