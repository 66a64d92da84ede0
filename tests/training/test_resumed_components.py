"""What a run was trained with, recorded; and a resume where components differ, are missing or are of packages."""

import json
import shutil

import pytest
import yaml

import i2i
from i2i.errors import PluginError
from i2i.models.checkpoint import CheckpointFolder

from ..helpers.running import PAIRED, assert_same_end, losses_of, options

OAK = """
from i2i.plugins import LossSpec, hookimpl

def build(options):
    return lambda image, target: (image - target).abs().mean()

@hookimpl
def i2i_losses():
    return [LossSpec(name="oak", summary="One of the tests.", family="pixel", build=build)]
"""


def test_a_run_records_its_components_and_a_resume_says_which_differ_or_are_missing(images, tmp_path, install, capsys):
    install("i2i-oak", OAK)
    metadata = tmp_path / "site-packages" / "i2i_oak-1.2.dist-info" / "METADATA"
    run = tmp_path / "run"
    i2i.run(**options(images, run, steps=1, pixel_loss="oak"))

    ours = {"kind": "loss", "name": "oak", "package": "i2i-oak", "version": "1.2"}
    recorded = json.loads((run / "components.json").read_text())
    assert ours in recorded
    assert json.loads((run / "checkpoints" / "latest" / "checkpoint.json").read_text())["components"] == recorded

    capsys.readouterr()
    i2i.run(resume=run, steps=2, progress=True)
    assert "components are not" not in capsys.readouterr().err
    metadata.write_text(metadata.read_text().replace("Version: 1.2", "Version: 1.3"))
    i2i.run(resume=run, steps=3, progress=True)
    assert "loss 'oak': i2i-oak 1.2 then, i2i-oak 1.3 now" in " ".join(capsys.readouterr().err.split())
    assert {**ours, "version": "1.3"} in json.loads((run / "components.json").read_text())

    shutil.rmtree(metadata.parent)
    with pytest.raises(PluginError, match=r"(?s)needs what is not here:.*loss 'oak'.*pip install i2i-oak==1\.3$"):
        i2i.run(resume=run, steps=4)


WATCHER = """
from i2i.plugins import MetricSpec, ObserverSpec, RunObserver, hookimpl

@hookimpl
def i2i_observers():
    return [ObserverSpec(name="oak", summary="A tree.", build=lambda options: RunObserver())]

@hookimpl
def i2i_metrics():
    def build(options, *, device):
        return lambda output, truth: (output - truth).abs().mean((1, 2, 3))
    return [MetricSpec(name="elm", summary="A tree.", family="pairs", better="lower", build=build)]
"""


def test_a_run_resumes_without_the_observers_and_metrics_that_are_gone(pairs, tmp_path, install, one_thread, no_page):
    install("i2i-oak", WATCHER)
    run = tmp_path / "run"
    asked = {"settings": PAIRED, "observer": ["oak", "early-stopping"], "metric": ["elm", "ssim"]}
    i2i.run(**options(pairs, run, steps=1, **asked))
    shutil.rmtree(tmp_path / "site-packages" / "i2i_oak-1.2.dist-info")

    told = (
        rf"(?s)pip install i2i-oak==1\.2\nor resume without: i2i run --resume {run} --metric ssim "
        r"--observer early-stopping$"
    )
    with pytest.raises(PluginError, match=told):
        i2i.run(resume=run, steps=2)
    with pytest.raises(PluginError, match=r"or resume without: .* --observer early-stopping$"):
        i2i.run(resume=run, steps=2, metric="ssim")
    assert i2i.run(resume=run, steps=2, metric="ssim", observer="none").step == 2
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert (config["metrics"], config["observers"]) == ([{"name": "ssim"}], [])
    assert i2i.run(resume=run, steps=3).step == 3, "what was left out once is not asked for again"


def test_what_best_is_chosen_by_cannot_be_left_out(pairs, tmp_path, install, one_thread, no_page):
    install("i2i-oak", WATCHER)
    i2i.run(**options(pairs, tmp_path / "run", settings=PAIRED, steps=1, more={"training.best": "elm"}))
    shutil.rmtree(tmp_path / "site-packages" / "i2i_oak-1.2.dist-info")

    with pytest.raises(PluginError, match=r"pip install i2i-oak==1\.2$"):
        i2i.run(resume=tmp_path / "run", steps=2, metric="none")


@pytest.mark.parametrize("record", [None, "{", "[3]"])
def test_a_run_without_a_record_of_its_components_resumes_and_gets_one(images, tmp_path, record):
    run = tmp_path / "run"
    i2i.run(**options(images, run, steps=1))
    file = run / "components.json"
    written = file.read_text()
    file.unlink()
    if record is not None:
        file.write_text(record)

    assert i2i.run(resume=run, steps=2).step == 2
    assert file.read_text() == written


LION = """
from i2i.plugins import OptimizerSpec, Options, hookimpl

class LionOptions(Options):
    learning_rate: float = 1e-4

def build(options, *, parameters):
    import torch

    class Lion(torch.optim.Optimizer):
        @torch.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for parameter in group["params"]:
                    mean = self.state[parameter].setdefault("mean", torch.zeros_like(parameter))
                    parameter.sub_(mean.lerp_(parameter.grad, 0.1).sign(), alpha=group["lr"])

    return Lion(parameters, {"lr": options.learning_rate})

@hookimpl
def i2i_optimizers():
    return [OptimizerSpec(name="lion", summary="One of the tests.", options=LionOptions, build=build)]
"""


def test_a_run_with_several_pixel_losses_resumes_to_the_bit(images, tmp_path, one_thread, no_page):
    more = {"pixel_loss.0.weight": 2, "pixel_loss.1.weight": 0.5}
    given = {"more": more, "pixel_loss": ["l1", "huber"]}
    straight = i2i.run(**options(images, tmp_path / "straight", steps=3, **given))
    i2i.run(**options(images, tmp_path / "run", steps=2, **given))

    assert_same_end(i2i.run(resume=tmp_path / "run", steps=3).folder, straight.folder)


@pytest.mark.parametrize("optimizer", ["adamw", "lion"])
def test_a_run_with_any_optimiser_resumes_to_the_bit(images, tmp_path, install, optimizer, one_thread):
    install("i2i-lion", LION)
    own_rate = {"optimizer.discriminators.learning_rate": 1e-3}
    straight, halted = tmp_path / "straight", tmp_path / "halted"
    i2i.run(**options(images, straight, steps=4, optimizer=optimizer, more=own_rate))
    i2i.run(**options(images, halted, steps=2, optimizer=optimizer, more=own_rate))
    i2i.run(resume=halted, steps=4)

    ours, theirs = (CheckpointFolder(run / "checkpoints", 1).latest() for run in (halted, straight))
    optimizers = ours.training_state()["optimizers"]
    assert {group: state["param_groups"][0]["lr"] for group, state in optimizers.items()}["discriminators"] > 2e-4
    for name in ("G_A", "G_B"):
        one, other = ours.generator_weights(name), theirs.generator_weights(name)
        assert all((one[key] == other[key]).all() for key in one), name
    assert losses_of(halted) == losses_of(straight)
