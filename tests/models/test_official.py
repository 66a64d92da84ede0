"""Files of pytorch-CycleGAN-and-pix2pix translate to the images that an independent transcript of it gives."""

import collections
import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import i2i
from i2i.errors import CheckpointError, ConfigError
from i2i.models.official_layout import UnknownLayoutError, recognise

from ..helpers import official_networks as official


def image(channels=3, side=32, seed=1):
    return torch.rand(1, channels, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def save(path, weights, wrap=None, **options):
    """Save as ``torch.save(network.state_dict())`` does, perhaps with another begin of each key."""
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
def test_the_name_of_the_file_tells_the_direction(tmp_path, name, direction):
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


def test_several_generators_are_told_apart_by_name(tmp_path):
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


def patch_discriminator():
    weights, before = {}, 3
    for place, width in ((0, 64), (2, 128), (5, 256), (8, 512), (11, 1)):
        weights[f"model.{place}.weight"] = torch.zeros(width, before, 4, 4)
        before = width
    return weights


def without(weights, key):
    return {name: value for name, value in weights.items() if name != key}


MISFITS = {
    "a discriminator": (patch_discriminator, r"discriminator \(PatchGAN of 3 layers\).*_net_G"),
    "a pixel discriminator": (lambda: {"net.0.weight": torch.zeros(64, 3, 1, 1)}, r"discriminator \(pixel\)"),
    "another network": (
        lambda: {"conv1.weight": torch.zeros(64, 3, 7, 7)},
        r"its 1 tensors are conv1\.weight \[64, 3, 7, 7\]",
    ),
    "CUT": (lambda: {"model.4.filt": torch.zeros(1, 1, 3, 3)}, "low-pass filters.*CUT"),
    "a missing key": (
        lambda: without(official.resnet(6), "model.12.conv_block.5.weight"),
        r"looks like resnet_6blocks, but model\.12\.conv_block\.5\.weight is missing",
    ),
    "a further key": (
        lambda: {**official.resnet(2), "model.99.weight": torch.zeros(3)},
        r"looks like resnet_2blocks, but model\.99\.weight is not known there",
    ),
    "another width": (
        lambda: {**official.unet(3), "model.model.1.model.1.weight": torch.zeros(9, 4, 4, 4)},
        r"unet_8, but model\.model\.1\.model\.1\.weight has shape \[9, 4, 4, 4\] instead of \[8, 4, 4, 4\]",
    ),
    "zero padding": (lambda: {**official.resnet(1), "model.10.conv_block.0.weight": torch.zeros(1)}, "padded with zer"),
    "a gap between blocks": (
        lambda: {key: value for key, value in official.resnet(3).items() if not key.startswith("model.11.")},
        r"at model\.10, 12 instead of from",
    ),
    "group norm": (
        lambda: {
            **official.resnet(1, norm="none"),
            "model.2.weight": torch.ones(6),
            "model.2.bias": torch.ones(6),
        },
        r"norms, such as model\.2, have a scale and a shift, but neither running statistics",
    ),
    "not a convolution": (lambda: {**official.unet(3), "model.model.0.weight": torch.zeros(4)}, "four dimensions"),
    "only the inner U-Net": (
        lambda: without(official.unet(3), "model.model.3.weight"),
        r"looks like a U-Net, but lacks model\.model\.3\.weight",
    ),
}


@pytest.mark.parametrize(("weights", "message"), MISFITS.values(), ids=MISFITS)
def test_what_fits_nothing_is_told_what_was_found_and_what_is_known(tmp_path, weights, message):
    path = save(tmp_path / "latest_net_D.pth", weights())
    with pytest.raises(CheckpointError, match=message) as raised:
        i2i.load(path)
    assert f"{path} holds no generator that is known" in str(raised.value)
    assert "resnet_6blocks, resnet_9blocks" in str(raised.value)
    with pytest.raises(UnknownLayoutError):
        recognise(weights())


def test_converting_writes_a_folder_that_stands_for_itself(tmp_path):
    ways = {"A": official.resnet(blocks=2, seed=1), "B": official.resnet(blocks=2, seed=2)}
    paths = [save(tmp_path / f"latest_net_G_{way}.pth", weights) for way, weights in ways.items()]

    infos = i2i.convert(paths, tmp_path / "out", domains=("horse", "zebra"))

    assert [info.direction for info in infos] == ["AtoB", "BtoA"]
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "G_A.safetensors",
        "G_B.safetensors",
        "checkpoint.json",
    ]
    for path in paths:
        path.unlink()
    back = i2i.load(tmp_path / "out", direction="BtoA", device="cpu")
    assert back.info.domains == ("zebra", "horse")
    assert (back(image()) - official.run_resnet(ways["B"], image())).abs().max() < 1e-5
    description = json.loads((tmp_path / "out" / "checkpoint.json").read_text())
    assert description["generators"]["G_A"]["converted_from"] == {
        "file": "latest_net_G_A.pth",
        "layout": "resnet_2blocks",
    }
    assert str(tmp_path) not in json.dumps(description)


def test_half_a_folder(tmp_path):
    weights = official.resnet(blocks=6, ngf=16)
    path = save(tmp_path / "latest_net_G.pth", weights)
    i2i.convert(path, tmp_path / "full")
    i2i.convert(path, tmp_path / "half", half=True)
    sizes = [(tmp_path / name / "G_A.safetensors").stat().st_size for name in ("full", "half")]
    assert sizes[1] < 0.52 * sizes[0]
    given = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8))
    outputs = [np.asarray(i2i.load(tmp_path / name, device="cpu")(given)).astype(int) for name in ("full", "half")]
    assert 0 < np.abs(outputs[0] - outputs[1]).max() <= 2
    huge = {**official.resnet(blocks=1), "model.1.weight": torch.full((6, 3, 7, 7), 1e6)}
    with pytest.raises(CheckpointError, match="float16 cannot hold; leave out --half"):
        i2i.convert(save(tmp_path / "huge.pth", huge), tmp_path / "no", half=True)
    assert not (tmp_path / "no").exists()


def test_what_cannot_be_converted(tmp_path):
    path = save(tmp_path / "latest_net_G.pth", official.resnet(blocks=1))
    other = save(tmp_path / "200_net_G.pth", official.resnet(blocks=1))
    with pytest.raises(ConfigError, match=r"latest_net_G\.pth and .*200_net_G\.pth both translate AtoB"):
        i2i.convert([path, other], tmp_path / "out")
    with pytest.raises(ConfigError, match="--direction BtoA is for one FILE"):
        i2i.convert([path, other], tmp_path / "out", direction="BtoA")
    with pytest.raises(ConfigError, match="exists and is not empty"):
        i2i.convert(path, tmp_path)
    with pytest.raises(ConfigError, match="direction must be AtoB or BtoA; got 'AtoC'"):
        i2i.convert(path, tmp_path / "out", direction="AtoC")
    i2i.convert(path, tmp_path / "out", direction="BtoA")
    with pytest.raises(ConfigError, match="--part is for files of other programs"):
        i2i.convert(tmp_path / "out", tmp_path / "again", part="G_A")
    with pytest.raises(ConfigError, match="is one checkpoint; --checkpoint best"):
        i2i.convert(path, tmp_path / "again", checkpoint="best")
    assert i2i.load(tmp_path / "out").info.direction == "BtoA"
