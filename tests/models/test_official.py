"""Files of pytorch-CycleGAN-and-pix2pix translate to the images that an independent transcript of it gives."""

import collections

import pytest
import torch
from safetensors.torch import save_file

import i2i
from i2i.errors import CheckpointError, ConfigError

from ..helpers import official_networks as official


def image(channels=3, side=32, seed=1):
    return torch.rand(1, channels, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def save(path, weights, wrap=None, **options):
    """Save as ``torch.save(network.state_dict())`` does, perhaps with another beginning of each key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = collections.OrderedDict((f"{wrap}{key}" if wrap else key, value) for key, value in weights.items())
    torch.save(content, path, **options)
    return path


RESNETS = {
    "resnet_9blocks": {},
    "resnet_6blocks, dropout": {"blocks": 6, "dropout": True},
    "batch": {"blocks": 2, "norm": "batch"},
    "batch, dropout": {"blocks": 2, "norm": "batch", "dropout": True},
    "no norm": {"blocks": 2, "norm": "none"},
    "affine": {"blocks": 1, "affine": True},
    "grey to colour": {"blocks": 1, "inputs": 1, "ngf": 5},
    "colour to five": {"blocks": 1, "outputs": 5},
}
UNETS = {
    "unet_256": {},
    "unet_128": {"downs": 7},
    "instance": {"downs": 5, "norm": "instance"},
    "affine": {"downs": 3, "norm": "instance", "affine": True},
    "no norm": {"downs": 2, "norm": "none"},
    "colour to grey": {"downs": 4, "outputs": 1, "ngf": 3},
}


@pytest.mark.parametrize("options", RESNETS.values(), ids=RESNETS)
def test_a_resnet_gives_the_image_of_the_transcript(tmp_path, options):
    weights = official.resnet(**options)
    given = image(options.get("inputs", 3))
    expected = official.run_resnet(weights, given)
    assert expected.std() > 0.1, "a flat image would prove nothing"

    translator = i2i.load(save(tmp_path / "latest_net_G.pth", weights), device="cpu")

    assert (translator(given) - expected).abs().max() < 1e-5
    assert translator.info.options["dropout"] is options.get("dropout", False)
    assert translator.info.options["norm"] == options.get("norm", "instance")


@pytest.mark.parametrize("options", UNETS.values(), ids=UNETS)
def test_a_unet_gives_the_image_of_the_transcript(tmp_path, options):
    weights = official.unet(**options)
    given = image(side=max(16, 2 ** options.get("downs", 8)))  # smaller ones are padded
    expected = official.run_unet(weights, given)
    assert expected.std() > 0.1

    translator = i2i.load(save(tmp_path / "latest_net_G.pth", weights), device="cpu")

    assert (translator(given) - expected).abs().max() < 1e-5


def test_every_part_of_the_official_networks_has_its_name_here(tmp_path):
    names = {}
    for name, weights in {
        "a": official.resnet(6, ngf=2),
        "b": official.resnet(9, ngf=2),
        "c": official.resnet(4, ngf=2),
        "d": official.unet(7, ngf=1),
        "e": official.unet(8, ngf=1),
        "f": official.unet(5, ngf=1),
    }.items():
        names[name] = i2i.load(save(tmp_path / f"{name}.pth", weights), device="cpu").info.generator
    assert list(names.values()) == ["resnet6", "resnet9", "resnet", "unet128", "unet256", "unet"]


def test_paper_inference_is_what_the_official_test_does(tmp_path):
    weights = official.unet(downs=4)
    path = save(tmp_path / "latest_net_G.pth", weights)
    given = image(side=16)
    expected = official.run_unet(weights, given, train=True)
    plain = tmp_path / "plain"
    i2i.convert(path, plain, dropout=False)

    paper = i2i.load(plain, device="cpu", inference="paper")(given)
    assert (paper - expected).abs().max() < 1e-5
    assert (i2i.load(plain, device="cpu")(given) - expected).abs().max() > 0.01, "statistics of training differ"

    deep = save(tmp_path / "deep_net_G.pth", official.unet(downs=6))
    assert i2i.load(deep, device="cpu").info.options["dropout"] is True, "pix2pix trains with dropout"
    given = image(side=64)
    deterministic = i2i.load(deep, device="cpu")
    assert (i2i.load(deep, device="cpu", inference="paper")(given) - deterministic(given)).abs().max() > 0.01
    assert "--inference paper" in deterministic.info.notes[0]


@pytest.mark.parametrize("wrap", ["module.", "_orig_mod.", "module._orig_mod.", "netG.", "model.netG_A.", "model."])
def test_begins_of_keys_that_wrappers_add(tmp_path, wrap):
    weights = official.resnet(blocks=1)
    plain = i2i.load(save(tmp_path / "plain.pth", weights), device="cpu")
    wrapped = i2i.load(save(tmp_path / "wrapped.pth", weights, wrap), device="cpu")
    assert torch.equal(wrapped(image()), plain(image()))


def test_old_files_with_statistics_of_instance_norm(tmp_path):
    weights = official.resnet(blocks=1)
    old = official.resnet(blocks=1)
    norms = [("model.2", 6), ("model.5", 12), ("model.8", 24), ("model.10.conv_block.2", 24)]
    for key, channels in [*norms, ("model.10.conv_block.6", 24), ("model.12", 12), ("model.15", 6)]:
        old[f"{key}.running_mean"], old[f"{key}.running_var"] = torch.randn(channels), torch.rand(channels)
        old[f"{key}.num_batches_tracked"] = torch.tensor(9)
    path = save(tmp_path / "old_net_G.pth", old, _use_new_zipfile_serialization=False)
    translator = i2i.load(path, device="cpu")
    assert (translator(image()) - official.run_resnet(weights, image())).abs().max() < 1e-5


def test_batch_norms_of_old_files_have_no_counter(tmp_path):
    weights = official.resnet(blocks=1, norm="batch")
    expected = official.run_resnet(weights, image())
    for key in [key for key in weights if key.endswith("num_batches_tracked")]:
        del weights[key]
    assert (i2i.load(save(tmp_path / "G.pth", weights), device="cpu")(image()) - expected).abs().max() < 1e-5


def test_half_precision_and_safetensors(tmp_path):
    weights = official.resnet(blocks=1)
    expected = official.run_resnet(weights, image())
    save_file({key: value.half() for key, value in weights.items()}, tmp_path / "netG.safetensors")
    output = i2i.load(tmp_path / "netG.safetensors", device="cpu")(image())
    assert output.dtype == torch.float32
    assert (output - expected).abs().max() < 0.02


def test_networks_with_this_packages_own_upsampling(tmp_path):
    for name, options in {"resnet": {"blocks": 1}, "unet": {"downs": 3}}.items():
        network = i2i.create("generator", name, base_channels=4, upsample="resize", **options).eval()
        path = save(tmp_path / f"{name}.pth", network.state_dict())
        assert (i2i.load(path, device="cpu")(image()) - network(image()).detach()).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("latest_net_G_A.pth", "AtoB"),
        ("latest_net_G_B.pth", "BtoA"),
        ("200_net_G.pth", "AtoB"),
        ("netG_B2A.pth", "BtoA"),
        ("orange.pth", "AtoB"),
    ],
)
def test_the_name_of_the_file_gives_the_direction(tmp_path, name, direction):
    path = save(tmp_path / name, official.resnet(blocks=1))
    info = i2i.load(path).info
    assert (info.direction, info.directions, info.step, info.method) == (direction, (direction,), None, None)
    assert i2i.load(path, direction=direction).info.checkpoint == path
    with pytest.raises(ConfigError, match=f"translates {direction}"):
        i2i.load(path, direction="AtoB" if direction == "BtoA" else "BtoA")


def test_a_training_dictionary(tmp_path):
    a, b = official.resnet(blocks=1, seed=1), official.resnet(blocks=1, seed=2)
    discriminator = {"model.0.weight": torch.zeros(64, 3, 4, 4), "model.0.bias": torch.zeros(64)}
    optimizer = {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1e-4}]}
    content = {"epoch": 7, "G_A": a, "G_B": b, "D_A": discriminator, "optimizer": optimizer}
    content["G_A"], content["G_B"] = dict(a), dict(b)
    torch.save(content, tmp_path / "all.pth")
    for direction, weights in (("AtoB", a), ("BtoA", b)):
        translator = i2i.load(tmp_path / "all.pth", direction=direction, device="cpu")
        assert translator.info.directions == ("AtoB", "BtoA")
        assert (translator(image()) - official.run_resnet(weights, image())).abs().max() < 1e-5


def test_several_generators_are_chosen_by_name(tmp_path):
    live, average = official.resnet(blocks=1, seed=1), official.resnet(blocks=1, seed=2)
    path = tmp_path / "train.pth"
    torch.save({"live": dict(live), "ema": dict(average)}, path)
    with pytest.raises(CheckpointError, match=r"holds 2 generators: live \(resnet_1blocks\), ema .*--part live"):
        i2i.load(path)
    i2i.convert(path, tmp_path / "ema", part="ema")
    output = i2i.load(tmp_path / "ema", device="cpu")(image())
    assert (output - official.run_resnet(average, image())).abs().max() < 1e-5
    with pytest.raises(ConfigError, match="has no part 'best'; it has 'live', 'ema'"):
        i2i.convert(path, tmp_path / "best", part="best")


def test_weights_that_fit_nothing_name_what_was_found_and_what_is_known(tmp_path):
    weights = official.resnet(2)
    del weights["model.4.weight"]
    path = save(tmp_path / "latest_net_D.pth", weights)
    with pytest.raises(CheckpointError, match=r"looks like resnet_2blocks, but model\.4\.weight is missing") as raised:
        i2i.load(path)
    assert f"{path} holds no generator that is known" in str(raised.value)
    assert "resnet_6blocks, resnet_9blocks" in str(raised.value)
