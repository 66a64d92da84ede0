"""Finding out what a MODEL is; every way in which that fails says what to do."""

import os

import pytest
import torch

import i2i
from i2i.errors import CheckpointError, ConfigError
from i2i.models import official
from i2i.models.find import ExportedModel, open_model, require_checkpoint
from i2i.plugins.manager import PluginManager

from ..helpers.trained import generator_of, write_run


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
    checkpoint = open_model(run / "checkpoints" / name).checkpoint
    assert checkpoint.step == step
    assert checkpoint.path.name == f"step-{step:08d}", "a link is followed, so that it cannot move meanwhile"


def test_a_copied_run_without_links_and_configuration(run, tmp_path):
    (tmp_path / "copy" / "checkpoints").mkdir(parents=True)
    for step in (run / "checkpoints").glob("step-*"):
        (tmp_path / "copy" / "checkpoints" / step.name).symlink_to(step)
    assert open_model(tmp_path / "copy").checkpoint.step == 20000
    assert open_model(tmp_path / "copy", "best").checkpoint.step == 5


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


def test_each_kind_of_model_is_recognised(run, exported, tmp_path):
    torch.save(generator_of()[0].state_dict(), tmp_path / "latest_net_G.pth")
    i2i.convert(run, tmp_path / "converted")
    kinds = {
        run: "run",
        run / "checkpoints" / "best": "checkpoint",
        run / "checkpoints" / "step-00000005": "checkpoint",
        tmp_path / "converted": "checkpoint",
        tmp_path / "latest_net_G.pth": "official",
        "sample:flat-3d": "shipped",
        exported[1]["images.onnx"].path: "exported",
        exported[1]["images.pt2"].path: "exported",
    }
    assert {model: open_model(model).kind for model in kinds} == kinds


def test_a_model_says_how_its_images_were_read_or_that_it_does_not(run, exported, tmp_path):
    write_run(tmp_path / "run", more={"config": {"data": {"name": "folder", "root": "pictures"}}})
    assert open_model(tmp_path / "run").data_settings == {"name": "folder", "root": "pictures"}
    assert open_model(run).data_settings is None
    assert open_model(exported[1]["images.pt2"].path).data_settings is None


def test_an_exported_file_has_no_checkpoint_to_choose_or_to_take(exported):
    file = exported[1]["images.pt2"].path
    with pytest.raises(ConfigError, match="is one checkpoint; --checkpoint best"):
        open_model(file, "best")
    with pytest.raises(ConfigError, match="is an exported file already; name the run folder or the checkpoint"):
        require_checkpoint(ExportedModel(file, "onnx"))


def test_a_folder_may_be_called_like_an_exported_file(tmp_path):
    write_run(tmp_path / "model.onnx")
    assert open_model(tmp_path / "model.onnx").kind == "run"


@pytest.mark.parametrize("name", ["nothing", "nothing.pth", "nothing.onnx", "nothing.pt2"])
def test_what_takes_a_model_refuses_what_is_none_in_the_same_words(name, tmp_path):
    model = tmp_path / name
    for use in (
        lambda: i2i.load(model),
        lambda: i2i.export(model, tmp_path / "out.pt2"),
        lambda: i2i.convert(model, tmp_path / "out"),
        lambda: i2i.evaluate(model, "sample:flat-3d"),
    ):
        with pytest.raises(CheckpointError, match=rf"{name} is not a trained model \(there is no such file or folder"):
            use()


def test_a_file_of_weights_is_read_once_by_what_needs_its_description_first(tmp_path, monkeypatch):
    torch.save(generator_of()[0].state_dict(), tmp_path / "latest_net_G.pth")
    read_weights, reads = official.read_weights, []
    monkeypatch.setattr(official, "read_weights", lambda path: (reads.append(path), read_weights(path))[1])
    i2i.evaluate(tmp_path / "latest_net_G.pth", "sample:line-3d", device="cpu", metrics="pairs")
    assert reads == [tmp_path / "latest_net_G.pth"]


def test_a_file_of_another_format_names_the_formats_that_are_read_here(tmp_path):
    file = tmp_path / "model.xml"
    file.write_text("<net/>")
    with pytest.raises(CheckpointError, match=r"Of exported files those that end in \.onnx.* \.pt2.* are read here"):
        open_model(file, manager=PluginManager({"I2I_DISABLE_PLUGINS": "openvino"}))
    weights = file.rename(tmp_path / "model.pth")
    with pytest.raises(CheckpointError) as raised:
        open_model(weights)
    assert "exported" not in str(raised.value)
