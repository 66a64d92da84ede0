"""Finding a checkpoint and building its generator; every way in which that fails says what to do."""

import json

import pytest

import i2i
from i2i.engine.model import find_checkpoint
from i2i.errors import CheckpointError, ConfigError, PluginError

from .trained import write_run


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
