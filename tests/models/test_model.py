"""Finding a checkpoint and building its generator; every way in which that fails says what to do."""

import json
import os

import pytest
import torch
from safetensors.torch import load_file, save_file

import i2i
from i2i.errors import CheckpointError, ConfigError, PluginError
from i2i.models.model import find_checkpoint

from ..helpers.trained import write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder with steps 5 (best), 100 and 20000 (newest)."""
    folder = tmp_path_factory.mktemp("model") / "run"
    for step, score in ((5, 1.0), (100, 3.0), (20000, 2.0)):
        write_run(folder, step=step, score=score)
    return folder


@pytest.mark.parametrize(
    ("which", "step"), [(None, 20000), ("latest", 20000), ("best", 5), ("step-100", 100), ("step-00000100", 100)]
)
def test_a_checkpoint_of_a_run(run, which, step):
    assert i2i.load(run, checkpoint=which, device="cpu").info.step == step
    assert i2i.load(str(run), checkpoint=which, device="cpu").info.step == step


@pytest.mark.parametrize(("name", "step"), [("latest", 20000), ("best", 5), ("step-00000100", 100)])
def test_a_checkpoint_folder(run, name, step):
    checkpoint = find_checkpoint(run / "checkpoints" / name)
    assert checkpoint.step == step
    assert checkpoint.path.name == f"step-{step:08d}", "a link is followed, so that it cannot move meanwhile"


def test_a_copied_run_without_links_and_configuration(run, tmp_path):
    (tmp_path / "copy" / "checkpoints").mkdir(parents=True)
    for step in (run / "checkpoints").glob("step-*"):
        (tmp_path / "copy" / "checkpoints" / step.name).symlink_to(step)
    assert find_checkpoint(tmp_path / "copy").step == 20000
    assert find_checkpoint(tmp_path / "copy", "best").step == 5


def test_what_is_no_model(run, tmp_path):
    checkpoint = run / "checkpoints" / "step-00000005"
    for path, message in (
        (tmp_path / "nothing", "there is no such file or folder.*expected a run folder such as runs/NAME"),
        (tmp_path, r"no checkpoint\.json and no checkpoints/ in it"),
        (checkpoint / "G_A.safetensors", "is a file of a checkpoint; did you mean its folder .*step-00000005"),
    ):
        with pytest.raises(CheckpointError, match=message):
            i2i.load(path)
    official = tmp_path / "horse2zebra"
    official.mkdir()
    (official / "latest_net_G_A.pth").touch()
    with pytest.raises(CheckpointError, match=r"a folder with latest_net_G_A\.pth: name one of these files"):
        i2i.load(official)
    (tmp_path / "young" / "checkpoints").mkdir(parents=True)
    with pytest.raises(CheckpointError, match=r"has no checkpoint yet; .*i2i run --resume"):
        i2i.load(tmp_path / "young")


def test_checkpoints_that_are_not_there(run, tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint step-6; it has step-5, step-100, step-20000"):
        i2i.load(run, checkpoint="step-6")
    with pytest.raises(ConfigError, match="--checkpoint must be latest, best or step-N; got 'newest'"):
        i2i.load(run, checkpoint="newest")
    with pytest.raises(ConfigError, match="is one checkpoint"):
        i2i.load(run / "checkpoints" / "best", checkpoint="latest")
    unscored, _ = write_run(tmp_path / "unscored")
    with pytest.raises(CheckpointError, match=r"no checkpoint has a held-out score.*latest or one of step-7"):
        i2i.load(unscored, checkpoint="best")


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
    assert f"made with i2i 9.0, installed is i2i {i2i.__version__}" in str(raised.value)


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
        *(((("preprocessing", "background"),), value) for value in ("ultraviolet", "#12345", 7, None)),
        *((("preprocessing", "max_pixels"), value) for value in (-5, 0, "many", 1.5, True)),
        *((("generators", "G_A", "in_channels"), value) for value in (-3, 0, "3", 3.5, 10**9)),
        *((("generators", "G_A", "direction"), value) for value in ("AtoC", 1)),
        *((("generators", "G_A", "component"), value) for value in ("resnet", {"name": 5}, [])),
        *((("generators", "G_A", "moving_average"), value) for value in ("no", 0)),
        (("generators", "G_A", "package"), ["i2i"]),
        *((("step",), value) for value in (-1, True, "7", 7.5, float("nan"), 10**30)),
        *((("world_size",), value) for value in (0, -2, None, 10**9)),
        *((("score",), value) for value in ("good", float("nan"), float("inf"), [])),
        *((("metrics",), value) for value in ("none", {"AtoB": 3}, {"AtoB": {"l1": "small"}})),
        *((("value_range",), value) for value in ("wide", [-1], [float("nan"), 1], {"a": 1})),
        *((("domains",), value) for value in (["line", "3d"], {"A": 3})),
        *((("inference",), value) for value in ("random", 3)),
        *((("config",), value) for value in ("cyclegan", {"method": "pix2pix"}, {"method": {"name": 3}})),
        *((("notes",), value) for value in ("one", [1])),
        (("data",), {"sha256": 3, "samples": {"train": 1, "test": 1}}),
        (("images",), -1),
    ],
)  # fmt: skip
def test_a_damaged_value_is_named_with_file_and_field(tmp_path, place, value):
    place = place[0] if isinstance(place[0], tuple) else place
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


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are of POSIX")
def test_a_pipe_or_a_device_is_no_model(tmp_path):
    os.mkfifo(tmp_path / "model.pth")
    with pytest.raises(CheckpointError, match=r"model\.pth is a pipe"):
        i2i.load(tmp_path / "model.pth")
    with pytest.raises(CheckpointError, match="/dev/null is a device"):
        i2i.load("/dev/null")


@pytest.mark.parametrize(
    ("which", "said"),
    [
        (None, "the latest; step 5 is the best by the held-out score: --checkpoint best"),
        ("best", "the best by the held-out score; step 20000 is the latest: --checkpoint latest"),
        ("step-100", ""),
    ],
)
def test_it_says_which_checkpoint_it_took_and_which_other_there_is(run, which, said):
    translator = i2i.load(run, checkpoint=which, device="cpu")
    assert translator.info.chosen == said
    assert said in translator.info.origin
    assert said in repr(translator)


def test_the_latest_may_be_the_best_or_nobody_knows(tmp_path):
    write_run(tmp_path / "run")
    assert i2i.load(tmp_path / "run", device="cpu").info.chosen == "the latest"
    write_run(tmp_path / "run", step=8, score=1.0)
    assert i2i.load(tmp_path / "run", device="cpu").info.chosen == "the latest, and the best by the held-out score"
    folder = tmp_path / "run" / "checkpoints" / "step-00000008"
    assert i2i.load(folder, device="cpu").info.origin == f"step 8 of {folder}"
