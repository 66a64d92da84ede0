"""Building a checkpoint's generator; every way in which that fails says what to do."""

import json
import os

import pytest
import torch
from safetensors.torch import load_file, save_file

import i2i
from i2i.errors import CheckpointError, ConfigError, PluginError

from ..helpers.trained import write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("model") / "run")[0]


def test_a_direction_that_is_not_there(run):
    with pytest.raises(ConfigError, match=r"translates AtoB \(line to 3d\); got direction 'BtoA'"):
        i2i.load(run, direction="BtoA")


def test_a_wrong_inference(run):
    with pytest.raises(ConfigError, match="inference must be 'deterministic' or 'paper'; got 'random'"):
        i2i.load(run, inference="random")


def edited(tmp_path, change):
    """A run whose checkpoint.json was changed by ``change``."""
    folder, _ = write_run(tmp_path / "run")
    file = folder / "checkpoints" / "latest" / "checkpoint.json"
    description = json.loads(file.read_text())
    change(description)
    file.write_text(json.dumps(description))
    return folder


def test_a_missing_package_is_named_with_its_version(tmp_path):
    def change(description):
        entry = description["generators"]["G_A"]
        entry["component"], entry["package"] = {"name": "no-such-net"}, "i2i-nowhere 2.1"

    with pytest.raises(PluginError, match=r"generator 'no-such-net' of package i2i-nowhere 2\.1") as raised:
        i2i.load(edited(tmp_path, change))
    assert "pip install i2i-nowhere==2.1" in str(raised.value)


def test_options_of_another_version(tmp_path):
    def change(description):
        description["generators"]["G_A"]["component"]["colour"] = "blue"
        description["generators"]["G_A"]["package"] = "i2i 9.0"

    with pytest.raises(CheckpointError, match=r"generator\.colour: there is no such option") as raised:
        i2i.load(edited(tmp_path, change))
    assert f"made with i2i 9.0, here is i2i {i2i.__version__}" in str(raised.value)


def test_weights_that_do_not_fit(tmp_path):
    def change(description):
        description["generators"]["G_A"]["component"]["blocks"] = 3

    with pytest.raises(CheckpointError, match=r"the weights of G_A do not fit generator 'resnet'.* Missing key"):
        i2i.load(edited(tmp_path, change))


@pytest.mark.parametrize("key", ["generators", "component", "in_channels"])
def test_a_description_that_lacks_something(tmp_path, key):
    def change(description):
        del (description if key in description else description["generators"]["G_A"])[key]

    with pytest.raises(CheckpointError, match=rf"checkpoint\.json is damaged or incomplete \(KeyError: '{key}'\)"):
        i2i.load(edited(tmp_path, change))


def test_another_value_range_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"value_range must be \[-1\.0, 1\.0\]; got \[0\.0, 1\.0\]"):
        i2i.load(edited(tmp_path, lambda description: description.update(value_range=[0, 1])))


def test_what_a_checkpoint_need_not_say(tmp_path):
    def change(description):
        for key in ("metrics", "domains", "value_range", "preprocessing", "inference", "config", "score"):
            del description[key]
        for key in ("package", "moving_average", "file"):
            del description["generators"]["G_A"][key]

    info = i2i.load(edited(tmp_path, change), device="cpu").info
    assert (info.method, info.domains, info.background, info.metrics) == (None, ("A", "B"), "#ffffff", {})
    assert (info.inference, info.package, info.moving_average) == ("deterministic", "unknown", False)


def test_held_out_metrics_are_numbers(tmp_path):
    """JSON has null for the PSNR of equal images."""

    def change(description):
        description["metrics"] = {"AtoB": {"l1": 0.0, "psnr": None}}

    assert i2i.load(edited(tmp_path, change), device="cpu").info.metrics == {"l1": 0.0, "psnr": float("inf")}


def test_missing_weights_are_named(tmp_path):
    folder, _ = write_run(tmp_path / "run")
    (folder / "checkpoints" / "latest" / "G_A.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"G_A\.safetensors is missing or damaged"):
        i2i.load(folder)


def set_at(*place, value):
    """A change of one value of a description."""

    def change(description):
        for key in place[:-1]:
            description = description[key]
        description[place[-1]] = value

    return change


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("preprocessing", "background"), "ultraviolet"),
        (("generators", "G_A", "in_channels"), 10**9),
        (("step",), float("nan")),
    ],
)
def test_a_damaged_value_is_named_with_file_and_field(tmp_path, place, value):
    folder = edited(tmp_path, set_at(*place, value=value))
    with pytest.raises(CheckpointError, match=r"checkpoint\.json is damaged: ") as raised:
        i2i.load(folder, device="cpu")
    assert ".".join(place) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 1000


def test_a_generators_name_leads_to_no_other_folder(tmp_path):
    def change(description):
        description["generators"]["../../G_A"] = description["generators"].pop("G_A")

    with pytest.raises(CheckpointError, match="must be a name without a folder"):
        i2i.load(edited(tmp_path, change))


def test_two_generators_of_one_direction(tmp_path):
    def change(description):
        description["generators"]["G_C"] = description["generators"]["G_A"]

    with pytest.raises(CheckpointError, match="two generators must not have one direction"):
        i2i.load(edited(tmp_path, change))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"format": 1e999}', '{"format": 1, "step": Infinity}'])
def test_descriptions_that_are_hardly_json(tmp_path, text):
    folder, _ = write_run(tmp_path / "run")
    (folder / "checkpoints" / "latest" / "checkpoint.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"is damaged|has checkpoint format inf"):
        i2i.load(folder)


@pytest.mark.parametrize(
    ("kind", "said"),
    [(torch.int32, "int32"), (torch.bool, "bool"), (torch.complex64, "complex64"),
     (torch.float8_e4m3fn, "float8_e4m3fn")],
)  # fmt: skip
@pytest.mark.parametrize("source", ["checkpoint", "official"])
def test_weights_of_another_type_are_refused(tmp_path, kind, said, source):
    folder, _ = write_run(tmp_path / "run")
    file = folder / "checkpoints" / "step-00000007" / "G_A.safetensors"
    weights = load_file(file)
    if source == "official":
        file, folder = (tmp_path / "latest_net_G.pth",) * 2
    weights["model.4.weight"] = weights["model.4.weight"].to(kind)
    (save_file if source == "checkpoint" else torch.save)(weights, file)
    with pytest.raises(CheckpointError, match=rf"model\.4\.weight is {said}; expected float16 or bfloat16") as raised:
        i2i.load(folder, device="cpu")
    assert "G_A" in str(raised.value) or "latest_net_G.pth" in str(raised.value)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_in_other_floats_are_taken(tmp_path, kind):
    folder, networks = write_run(tmp_path / "run")
    file = folder / "checkpoints" / "step-00000007" / "G_A.safetensors"
    save_file({key: value.to(kind) for key, value in load_file(file).items()}, file)
    image = torch.rand(3, 16, 16) * 2 - 1
    with torch.no_grad():
        expected = networks["AtoB"](image[None])[0]
    assert torch.allclose(i2i.load(folder, device="cpu")(image), expected, atol=0.05)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are of POSIX")
@pytest.mark.parametrize("name", ["checkpoint.json", "G_A.safetensors"])
def test_a_pipe_in_a_checkpoint_is_refused_at_once(tmp_path, name):
    folder, _ = write_run(tmp_path / "run")
    checkpoint = folder / "checkpoints" / "step-00000007"
    (checkpoint / name).unlink()
    os.mkfifo(checkpoint / name)
    for model in (folder, checkpoint):
        with pytest.raises(CheckpointError, match=r"is a pipe|no checkpoint\.json"):
            i2i.load(model)
