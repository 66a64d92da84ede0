"""What ends a run or stands in its way: an error that says so, and no training that is lost."""

import os
import pickle
import resource
import shutil
import subprocess

import numpy as np
import pytest
import torch

import i2i
from i2i.errors import CheckpointError, DivergedError, RunFolderError
from i2i.evaluation.held_out import HeldOut
from i2i.models.checkpoint import CheckpointFolder, open_checkpoint

from ..helpers.images import write_images
from ..helpers.running import (
    FAILED,
    UNPAIRED,
    Child,
    after_each_step,
    assert_same_end,
    assert_tidy,
    latest,
    losses_of,
    options,
    run_here,
    steps_logged,
)

pytestmark = pytest.mark.usefixtures("one_thread", "no_page")


def test_a_loss_that_is_not_finite_stops_with_step_term_and_last_good_checkpoint(images, tmp_path, monkeypatch):
    from i2i.builtin.losses.adversarial import LeastSquaresLoss

    judge, calls = LeastSquaresLoss.generator, []

    def breaking(self, fake):
        calls.append(fake)
        value = judge(self, fake)
        return value * float("inf") if len(calls) == 2 * 5 - 1 else value  # of G_A in step 5; two calls a step

    monkeypatch.setattr(LeastSquaresLoss, "generator", breaking)
    with pytest.raises(DivergedError) as raised:
        run_here(images, tmp_path / "run", steps=20, more={"training.checkpoint_every": 2})
    checkpoints = CheckpointFolder(tmp_path / "run" / "checkpoints", 1)
    assert [checkpoint.step for checkpoint in checkpoints.all()][-1] == 4
    for part in ("step 5: G_A is inf", f"last good checkpoint is {checkpoints.latest().path}", "learning_rate"):
        assert part in str(raised.value)
    monkeypatch.undo()
    assert all(np.isfinite(list(line["losses"].values())).all() for line in losses_of(tmp_path / "run"))


def test_an_absurd_learning_rate_diverges_before_anything_is_saved(images, tmp_path):
    with pytest.raises(DivergedError, match=r"step \d+: .*there is no checkpoint yet"):
        run_here(images, tmp_path / "run", steps=50, more={"optimizer.learning_rate": 1e38, "generator.norm": "none"})
    assert not list((tmp_path / "run").glob("checkpoints/*"))


class NoLargeFiles:
    """From a step on, the kernel refuses this process files above this many bytes."""

    def __init__(self, step, limit):
        self.step, self.limit = step, limit

    def __call__(self):
        def limit(status):
            if status.step == self.step:
                resource.setrlimit(resource.RLIMIT_FSIZE, (self.limit, self.limit))

        after_each_step(limit)


def test_files_that_may_not_grow_are_an_error_and_no_loss(images, tmp_path):
    settings = {**UNPAIRED, "training.checkpoint_every": 3}
    straight = run_here(images, tmp_path / "straight", settings=settings, steps=8)
    folder = tmp_path / "run"
    full = NoLargeFiles(step=6, limit=20_000)
    child = Child(tmp_path / "first", full, **options(images, folder, settings=settings, steps=8))
    assert child.wait() == FAILED
    for part in (
        f"the checkpoint of step 6 could not be written to {folder / 'checkpoints'}",
        "File too large",
        "the last one, step-00000003, is intact",
        f"i2i run --resume {folder}",
    ):
        assert part in child.output()
    assert latest(folder).step == 3
    assert_tidy(folder)
    Child(tmp_path / "second", resume=folder).succeed()
    assert_same_end(folder, straight.folder)


class LoseImage:
    """A held-out image disappears in the third step."""

    def __init__(self, path):
        self.path = path

    def __call__(self):
        def lose(status):
            if status.step == 3:
                self.path.unlink()

        after_each_step(lose)


@pytest.mark.parametrize(
    ("sample", "checkpoint", "done", "step"),
    [(2, 1000, "drawn", 4), (4, 4, "drawn", 4), (1000, 4, "measured", 4), (1000, 1000, "measured", 6)],
)
def test_a_held_out_image_that_disappears_loses_no_training(tmp_path, sample, checkpoint, done, step):
    data, folder = write_images(tmp_path / "data"), tmp_path / "run"
    settings = {**UNPAIRED, "training.sample_every": sample, "training.checkpoint_every": checkpoint}
    straight = run_here(data, tmp_path / "straight", settings=settings, steps=6)
    lost = data / "testA" / "0.png"
    content = lost.read_bytes()
    child = Child(tmp_path / "first", LoseImage(lost), **options(data, folder, settings=settings, steps=6))
    assert child.wait() == FAILED
    for part in (
        f"DataError: held-out images could not be {done}: {lost}: not readable",
        f"the checkpoint of step {step} is saved in {folder / 'checkpoints' / f'step-{step:08d}'}",
        f"i2i run --resume {folder}",
    ):
        assert part in child.output()
    lost.write_bytes(content)
    Child(tmp_path / "second", resume=folder).succeed()
    assert_same_end(folder, straight.folder)
    for sheet in straight.folder.glob("samples/*/*.png"):
        assert (folder / sheet.relative_to(straight.folder)).read_bytes() == sheet.read_bytes()


needs_mount = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system takes root")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own with little room."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no mounting here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@needs_mount
def test_a_full_disk_is_an_error_and_no_loss(images, tmp_path, small_disk):
    settings = {**UNPAIRED, "training.checkpoint_every": 1, "schedule.name": "constant"}
    straight = run_here(images, tmp_path / "straight", settings=settings, steps=6)
    folder = small_disk / "run"
    Child(tmp_path / "first", **options(images, folder, settings=settings, steps=3)).succeed()
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * (shutil.disk_usage(small_disk).free - 40_000))
    child = Child(tmp_path / "second", resume=folder, steps=6)
    assert child.wait() == FAILED
    assert "No space left on device" in child.output()
    assert f"i2i run --resume {folder}" in child.output()
    assert_tidy(folder)
    filler.unlink()
    Child(tmp_path / "third", resume=folder, steps=6).succeed()
    assert_same_end(folder, straight.folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere; see the test of places that take no files")
def test_a_read_only_folder_is_named(images, tmp_path):
    result = run_here(images, tmp_path / "run", steps=2)
    result.folder.chmod(0o500)
    try:
        with pytest.raises(RunFolderError, match=r"cannot be written: .*make it writable or copy it"):
            i2i.run(resume=result.folder, steps=4)
    finally:
        result.folder.chmod(0o700)
    assert i2i.run(resume=result.folder, steps=4).step == 4


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_goes_on(images, tmp_path):
    settings = {**UNPAIRED, "training.checkpoint_every": 2}
    straight = run_here(images, tmp_path / "straight", settings=settings, steps=6)
    result = run_here(images, tmp_path / "run", settings=settings, steps=4)
    newest = latest(result).path
    state = newest / "training.safetensors"
    state.write_bytes(state.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=rf"{state} is missing or damaged: .*once {newest} is moved away"):
        i2i.run(resume=result.folder, steps=6)
    newest.rename(tmp_path / "moved")
    again = i2i.run(resume=result.folder, steps=6)
    assert steps_logged(again.folder) == steps_logged(straight.folder)
    assert_tidy(again.folder)


def test_a_checkpoint_of_other_networks_is_refused(images, tmp_path):
    result = run_here(images, tmp_path / "run", steps=2)
    config = result.folder / "config.yaml"
    config.write_text(config.read_text().replace("base_channels: 4", "base_channels: 8"))
    with pytest.raises(CheckpointError, match=r"(?s)does not fit this run's config\.yaml: .*was config\.yaml changed"):
        i2i.run(resume=result.folder, steps=4)


def test_a_resume_unpickles_nothing(images, tmp_path, monkeypatch):
    result = run_here(images, tmp_path / "run", steps=2)

    def refuse(*_, **__):
        raise AssertionError("something was unpickled")

    for module, name in ((torch, "load"), (pickle, "load"), (pickle, "loads"), (pickle, "Unpickler"), (np, "load")):
        monkeypatch.setattr(module, name, refuse)
    assert i2i.run(resume=result.folder, steps=3).step == 3


def test_best_is_the_lowest_score_of_all_that_were_kept_or_not(images, tmp_path, monkeypatch):
    scores = iter([5.0, 3.0, 4.0, 3.5, 6.0, 9.0])  # the end: as at every checkpoint, then on all images
    monkeypatch.setattr(HeldOut, "measure", lambda *_: {"AtoB": {"l1": next(scores)}})
    result = run_here(images, tmp_path / "run", steps=5, keep=1, more={"training.checkpoint_every": 1})
    folder = result.folder / "checkpoints"
    assert CheckpointFolder(folder, 1).best().step == 2
    assert sorted(path.name for path in folder.iterdir()) == ["best", "latest", "step-00000002", "step-00000005"]
    assert open_checkpoint(folder / "latest").step == 5
