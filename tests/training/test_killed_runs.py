"""A run that is killed with ``kill -9``, at any moment, and resumed ends as if nothing had happened."""

import os
import random
import signal
import time

import pytest

from ..helpers.running import (
    FAILED,
    INTERRUPTED,
    PAIRED,
    UNPAIRED,
    Child,
    DieAt,
    assert_same_end,
    assert_tidy,
    evaluations_of,
    losses_of,
    options,
    steps_logged,
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

        def failing(held_out, *given):
            count[0] += 1
            if count[0] > self.allowed:
                raise DataError("testA/0.png: no such file")
            return measure(held_out, *given)

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
