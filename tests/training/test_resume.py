"""A run that is killed with ``kill -9``, at any moment, and resumed ends as if nothing had happened."""

import json
import os
import random
import shutil
import signal
import time

import pytest
import yaml

import i2i
from i2i.config.run_config import TrainingOptions
from i2i.errors import ConfigError, DataError, PluginError
from i2i.models.checkpoint import CheckpointFolder
from i2i.plugins.manager import PluginManager
from i2i.training.launch import Launch
from i2i.training.resume import RESUME_MAY_CHANGE, absolute_root, changed, is_shorter, require_changeable

from ..helpers.running import (
    FAILED,
    INTERRUPTED,
    PAIRED,
    UNPAIRED,
    Child,
    assert_same_end,
    assert_tidy,
    evaluations_of,
    losses_of,
    options,
    steps_logged,
    write_no_page,
)

CYCLEGAN = {
    **UNPAIRED,
    "generator.dropout": True,
    "buffer.size": 3,
    "augmentations.name": ["diffaugment"],
    "augmentations.diffaugment.probability": 0.7,
    "schedule.name": "plateau",
    "training.ema_decay": 0.9,
    "training.checkpoint_every": 2,
}
PIX2PIX = {
    **PAIRED,
    "generator.name": "unet",
    "generator.downs": 6,
    "generator.base_channels": 2,
    "generator.dropout": True,
    "schedule.name": "linear",
    "augmentations.name": ["diffaugment"],
    "augmentations.diffaugment.adapt": True,
    "augmentations.diffaugment.target": -0.9,  # so that the probability moves at once
    "training.checkpoint_every": 3,
}
del PIX2PIX["generator.blocks"]
FASTCUT = {
    **UNPAIRED,
    "method.name": "fastcut",
    "method.patches": 8,
    "method.projection_channels": 4,
    "training.ema_decay": 0.9,
    "training.checkpoint_every": 3,
}
STEPS = 16


@pytest.fixture
def no_page(monkeypatch):
    """Pages are tested elsewhere."""
    monkeypatch.setattr(Launch, "write_page", staticmethod(write_no_page))


@pytest.fixture(scope="module")
def cyclegan(images, tmp_path_factory):
    """The arguments of a CycleGAN run, and the folder of one that nobody disturbed."""
    folder = tmp_path_factory.mktemp("straight")
    arguments = options(images, folder / "run", settings=CYCLEGAN, steps=STEPS, keep=1)
    Child(folder / "log", **arguments).succeed()
    return arguments, folder / "run"


@pytest.fixture(scope="module")
def pix2pix(pairs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("straight")
    arguments = options(pairs, folder / "run", settings=PIX2PIX, steps=STEPS, batch_size=2, keep=1)
    Child(folder / "log", **arguments).succeed()
    return arguments, folder / "run"


@pytest.fixture(scope="module")
def fastcut(images, tmp_path_factory):
    """One that draws flips and places, has a helper, and accumulates."""
    folder = tmp_path_factory.mktemp("straight")
    arguments = options(images, folder / "run", settings=FASTCUT, steps=STEPS, accumulate=2, keep=1)
    Child(folder / "log", **arguments).succeed()
    return arguments, folder / "run"


def kill_at_random(child, folder, chance, after):
    """Kill a moment after a random later step, often while a checkpoint is being written."""
    step = chance.randint(after + 1, min(after + 6, STEPS - 3))
    child.wait_for(lambda: max(steps_logged(folder), default=0) >= step, f"step {step}")
    time.sleep(chance.uniform(0, 0.06))
    assert child.kill() == -signal.SIGKILL, "the run was over before it could be killed"
    return max(steps_logged(folder))


@pytest.mark.parametrize("seed", range(3))
def test_cyclegan_killed_twice_and_resumed_equals_the_straight_run(cyclegan, tmp_path, seed):
    arguments, straight = cyclegan
    chance, folder = random.Random(seed), tmp_path / "run"
    reached = kill_at_random(Child(tmp_path / "first", **{**arguments, "out": folder}), folder, chance, after=0)
    kill_at_random(Child(tmp_path / "second", resume=folder), folder, chance, after=reached)
    Child(tmp_path / "third", resume=folder).succeed()
    assert_same_end(folder, straight)
    assert evaluations_of(folder) == evaluations_of(straight)


@pytest.mark.parametrize("seed", range(2))
def test_pix2pix_killed_and_resumed_equals_the_straight_run(pix2pix, tmp_path, seed):
    arguments, straight = pix2pix
    folder = tmp_path / "run"
    kill_at_random(Child(tmp_path / "first", **{**arguments, "out": folder}), folder, random.Random(seed), after=3)
    Child(tmp_path / "second", resume=folder).succeed()
    assert_same_end(folder, straight)


def test_fastcut_killed_and_resumed_equals_the_straight_run(fastcut, tmp_path):
    arguments, straight = fastcut
    folder = tmp_path / "run"
    kill_at_random(Child(tmp_path / "first", **{**arguments, "out": folder}), folder, random.Random(0), after=3)
    Child(tmp_path / "second", resume=folder).succeed()
    assert_same_end(folder, straight)


class DieAt:
    """Before the n-th call that changes names on the disk or waits for it, the process kills itself."""

    def __init__(self, calls):
        self.calls = calls

    def __call__(self):
        left = self.calls

        def deadly(function):
            def call(*arguments, **more):
                nonlocal left
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(*arguments, **more)

            return call

        for name in ("fsync", "rename", "replace", "symlink", "unlink", "rmdir"):
            setattr(os, name, deadly(getattr(os, name)))


@pytest.mark.parametrize("calls", [14, 25, 31, 38, 43, 47, 50, 53])
def test_killed_between_two_writes(cyclegan, tmp_path, calls):
    arguments, straight = cyclegan
    folder = tmp_path / "run"
    assert Child(tmp_path / "first", DieAt(calls), **{**arguments, "out": folder}).wait() == -signal.SIGKILL
    Child(tmp_path / "second", resume=folder).succeed()
    assert_same_end(folder, straight)
    assert evaluations_of(folder) == evaluations_of(straight)


def test_killed_before_the_first_checkpoint(cyclegan, tmp_path):
    arguments, straight = cyclegan
    folder = tmp_path / "run"
    late = {**arguments, "out": folder, "settings": {**CYCLEGAN, "training.checkpoint_every": 1000}}
    child = Child(tmp_path / "first", **late)
    child.wait_for(lambda: len(steps_logged(folder)) >= 4, "step 4")
    child.kill()
    assert not (folder / "checkpoints").exists()
    Child(tmp_path / "second", resume=folder).succeed()
    assert losses_of(folder) == losses_of(straight)
    assert_tidy(folder)


def test_workers_that_outlive_a_killed_run_do_not_stop_the_resume(cyclegan, tmp_path):
    arguments, straight = cyclegan
    folder = tmp_path / "run"
    child = Child(tmp_path / "first", **{**arguments, "out": folder, "workers": 2})
    child.wait_for(lambda: len(steps_logged(folder)) >= 5, "step 5")
    child.kill()
    Child(tmp_path / "second", resume=folder, workers=0).succeed()
    assert_same_end(folder, straight)


def test_a_run_whose_batches_hold_several_epochs_goes_on(images, tmp_path):
    arguments = options(images, tmp_path / "run", batch_size=20, steps=2)
    Child(tmp_path / "first", **arguments).succeed()
    Child(tmp_path / "second", resume=tmp_path / "run", steps=4).succeed()
    Child(tmp_path / "straight", **{**arguments, "out": tmp_path / "whole", "steps": 4}).succeed()
    assert_same_end(tmp_path / "run", tmp_path / "whole")


def test_nothing_left_to_do_says_how_to_train_longer(cyclegan, tmp_path):
    arguments, _ = cyclegan
    folder = tmp_path / "run"
    Child(tmp_path / "first", **{**arguments, "out": folder, "steps": 4}).succeed()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    (folder / "picture.png").unlink()

    again = Child(tmp_path / "again", resume=folder, progress=True).succeed()
    assert "nothing is left to do: step 4 is done" in again.output()
    assert f"to train longer: i2i run --resume {folder} --steps 8\n" in again.output()
    assert f"to resume: i2i run --resume {folder} --steps 8\n" in again.output()
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    different = {path.name for path in before if before[path] != after.get(path)}
    assert different <= {".lock"}, "a killed end is caught up with, nothing else changes"

    less = Child(tmp_path / "less", resume=folder, steps=3, progress=True).succeed()
    assert f"i2i run --resume {folder} --steps 8" in less.output(), "past what is done, or nothing would happen"

    Child(tmp_path / "longer", resume=folder, steps=8).succeed()
    assert steps_logged(folder) == list(range(1, 9))
    assert "steps: 8" in (folder / "config.yaml").read_text(), "the next resume goes on to the same end"


def test_a_resume_refuses_other_settings_by_name(cyclegan, tmp_path):
    _, straight = cyclegan
    child = Child(tmp_path / "log", resume=straight, direction="BtoA", seed=3, settings={"generator.base_channels": 8})
    assert child.wait() == FAILED
    for name in ("generator.base_channels", "data.direction", "training.seed", "start a new run"):
        assert name in child.output()


def test_a_folder_without_a_run_cannot_be_resumed(tmp_path):
    child = Child(tmp_path / "log", resume=tmp_path)
    assert child.wait() == FAILED
    assert "config.yaml is missing; expected a run folder" in child.output()


@pytest.mark.parametrize(("number", "workers"), [(signal.SIGINT, 0), (signal.SIGINT, 2), (signal.SIGTERM, 0)])
def test_an_interrupted_run_saves_and_goes_on_exactly(cyclegan, tmp_path, number, workers):
    arguments, straight = cyclegan
    folder = tmp_path / "run"
    child = Child(tmp_path / "first", **{**arguments, "out": folder, "workers": workers, "progress": True})
    child.wait_for(lambda: len(steps_logged(folder)) >= 3, "step 3")
    child.send(number)
    assert child.wait() == INTERRUPTED
    assert "interrupted: saving step" in child.output()
    assert "interrupted at step" in child.output()
    assert f"to resume: i2i run --resume {folder}\n" in child.output()
    assert_tidy(folder)
    Child(tmp_path / "second", resume=folder).succeed()
    assert_same_end(folder, straight)


def test_a_signal_to_the_whole_group_saves_too(cyclegan, tmp_path):
    """As a scheduler's or ``timeout``'s: the loading processes get it as well."""
    arguments, straight = cyclegan
    folder = tmp_path / "run"
    child = Child(tmp_path / "first", os.setpgrp, **{**arguments, "out": folder, "workers": 2})
    child.wait_for(lambda: len(steps_logged(folder)) >= 3, "step 3")
    os.killpg(child.process.pid, signal.SIGTERM)
    assert child.wait() == INTERRUPTED, child.output()
    Child(tmp_path / "second", resume=folder, workers=0).succeed()
    assert_same_end(folder, straight)


class Unmeasurable:
    """Held-out images cannot be measured, from the n-th measurement on."""

    def __init__(self, allowed):
        self.allowed = allowed

    def __call__(self):
        from i2i.errors import DataError
        from i2i.evaluation.held_out import HeldOut

        measure, count = HeldOut.measure, [0]

        def failing(held_out, limit=None):
            count[0] += 1
            if count[0] > self.allowed:
                raise DataError("testA/0.png: no such file")
            return measure(held_out, limit)

        HeldOut.measure = failing


@pytest.mark.parametrize("allowed", [0, 7, 8])
def test_a_measurement_that_fails_loses_no_training(cyclegan, tmp_path, allowed):
    """In mid-training, at the end, and between the two measurements of the end."""
    arguments, straight = cyclegan
    folder = tmp_path / "run"
    step = 2 if allowed == 0 else STEPS
    child = Child(tmp_path / "first", Unmeasurable(allowed), **{**arguments, "out": folder})
    assert child.wait() == FAILED
    for part in ("DataError: held-out images could not be measured: testA/0.png", f"the checkpoint of step {step} is"):
        assert part in child.output()
    assert f"i2i run --resume {folder}" in child.output()
    Child(tmp_path / "second", resume=folder).succeed()
    assert_same_end(folder, straight)
    assert (folder / "checkpoints" / "best").resolve().name == (straight / "checkpoints" / "best").resolve().name
    measured = [line for line in (folder / "metrics.jsonl").read_text().splitlines() if '"evaluation"' in line]
    assert len(measured) == len(set(measured)) == STEPS // 2 + 1


def test_a_resume_finds_moved_images_and_refuses_others(cyclegan, tmp_path, monkeypatch):
    arguments, straight = cyclegan
    images, folder = tmp_path / "images", tmp_path / "run"
    shutil.copytree(arguments["data"], images)
    monkeypatch.chdir(tmp_path)
    i2i.run(**{**arguments, "data": "images", "out": folder, "steps": 4})
    assert f"root: {images}\n" in (folder / "config.yaml").read_text(), "absolute, to be found from everywhere"

    monkeypatch.chdir("/")
    moved = images.rename(tmp_path / "moved")
    extra = shutil.copy(moved / "trainB" / "0.png", moved / "trainB" / "extra.png")
    away = (moved / "testA" / "1.png").rename(tmp_path / "1.png")
    with pytest.raises(DataError) as raised:
        i2i.run(resume=folder, data=moved, steps=STEPS)
    for part in (f"{moved} holds other images", "train B: 1 new (extra)", "test A: 1 missing (1)", "--data"):
        assert part in str(raised.value)
    assert str(images) in (folder / "config.yaml").read_text(), "a refused resume changes nothing"
    extra.unlink()
    away.rename(moved / "testA" / "1.png")
    i2i.run(resume=folder, data=moved, steps=STEPS)
    assert losses_of(folder) == losses_of(straight)


def test_a_smaller_budget_does_not_become_the_runs_own(cyclegan, tmp_path):
    arguments, _ = cyclegan
    i2i.run(**{**arguments, "out": tmp_path / "run", "steps": 4})
    i2i.run(resume=tmp_path / "run", steps=3)
    assert "steps: 4" in (tmp_path / "run" / "config.yaml").read_text()


def test_a_run_that_ends_early_after_all_is_measured_on_all_images(cyclegan, tmp_path, monkeypatch):
    arguments, _ = cyclegan
    folder = tmp_path / "run"
    child = Child(tmp_path / "first", **{**arguments, "out": folder, "steps": 1000})
    child.wait_for(lambda: (folder / "checkpoints" / "step-00000004").exists(), "step 4")
    child.kill()
    step = CheckpointFolder(folder / "checkpoints", 1).latest().step
    result = i2i.run(resume=folder, steps=step)
    assert (result.step, result.finished) == (step, True)
    assert result.metrics["AtoB"]["images"] == 2, "all of them, not only what checkpoints are compared on"


# -- what may change --------------------------------------------------------------------------------------------------


def test_what_a_resume_may_change_is_an_option_of_training():
    assert TrainingOptions.model_fields.keys() >= {*RESUME_MAY_CHANGE}
    require_changeable({"training": dict.fromkeys(RESUME_MAY_CHANGE, 1), "data": {"root": "elsewhere"}})


@pytest.mark.parametrize(
    "given", [{"training": {"seed": 1}}, {"data": {"image_size": 64}}, {"generator": {"name": "resnet6"}}]
)
def test_anything_else_is_refused_by_name(given):
    ((section, values),) = given.items()
    with pytest.raises(ConfigError, match=rf"cannot change {section}\.{next(iter(values))} \(it may change steps"):
        require_changeable(given)


def test_what_is_given_changes_and_the_rest_stays(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "moved").mkdir()
    kept = i2i.resolve("photos", steps=4, seed=3, workers=2)

    config = changed(PluginManager(), kept, {"training": {"steps": 9}, "data": {"root": "moved"}})

    assert (config.training.steps, config.training.seed, config.training.workers) == (9, 3, 2)
    assert config.data_root == str(tmp_path / "moved")
    assert changed(PluginManager(), kept, {}) == kept


@pytest.mark.parametrize(
    ("new", "old", "shorter"),
    [
        ({"steps": 3}, {"steps": 4}, True),
        ({"steps": 5}, {"steps": 4}, False),
        ({"steps": 4}, {"steps": 4}, False),
        ({"steps": 9, "minutes": 1}, {"steps": 4, "minutes": 2}, True),
        ({}, {"steps": 4}, False),
        ({"epochs": 1}, {"steps": 4}, False),
    ],
)
def test_a_budget_is_shorter_where_one_limit_is(new, old, shorter):
    assert is_shorter(TrainingOptions(**new), TrainingOptions(**old)) is shorter


def test_a_place_that_exists_is_kept_as_an_absolute_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").mkdir()

    assert absolute_root("pictures") == str(tmp_path / "pictures")
    assert absolute_root("nowhere") == "nowhere"
    (tmp_path / "sample:flat-3d").mkdir()
    assert absolute_root("sample:flat-3d") == "sample:flat-3d"


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
