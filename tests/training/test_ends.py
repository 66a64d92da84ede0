"""Whatever ends a run from outside saves it first, and what only reports on it does not end it."""

import errno
import os
import signal
import time

import pytest

from i2i.models.checkpoint import CheckpointFolder

from ..helpers.running import (
    FAILED,
    INTERRUPTED,
    UNPAIRED,
    Child,
    after_each_step,
    assert_same_end,
    assert_tidy,
    checkpoint_contents,
    options,
    steps_logged,
)

pytestmark = pytest.mark.slow  # processes of their own, one after the other

SETTINGS = {**UNPAIRED, "generator.dropout": True, "training.ema_decay": 0.9, "training.checkpoint_every": 1000}
STEPS = 9
"""As many as loading processes have read ahead at step 3, and one to break at."""


@pytest.fixture(scope="module")
def straight(images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("straight")
    arguments = options(images, folder / "run", settings=SETTINGS, steps=STEPS)
    Child(folder / "log", **arguments).succeed()
    return arguments, folder / "run"


def go_on(folder, straight, log):
    """Resume, which must end as if nothing had happened."""
    Child(log, resume=folder, workers=0).succeed()
    assert_same_end(folder, straight)


def saved_step(folder):
    return CheckpointFolder(folder / "checkpoints", 1).latest().step


class Waiting:
    """After a step the run waits until a file is there, so that it is still running when the signal comes."""

    def __init__(self, step, go):
        self.step, self.go = step, go

    def __call__(self):
        def wait(status):
            if status.step == self.step:
                print("waiting", flush=True)
                while not self.go.exists():
                    time.sleep(0.01)

        after_each_step(wait)


@pytest.mark.parametrize(
    "name",
    ["SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGXCPU", "SIGALRM", "SIGPROF", "SIGPWR", "SIGIO", "SIGRTMIN"],
)
def test_every_signal_that_can_be_caught_saves(straight, tmp_path, name):
    arguments, whole = straight
    folder = tmp_path / "run"
    waiting = Waiting(3, tmp_path / "go")
    child = Child(tmp_path / "first", waiting, **{**arguments, "out": folder, "progress": True})
    child.wait_for(lambda: "waiting" in child.output(), "step 3")
    child.send(getattr(signal, name) + (name == "SIGRTMIN") * 3)  # one that has no name of its own
    waiting.go.touch()
    assert child.wait() == INTERRUPTED, child.output()
    assert saved_step(folder) == max(steps_logged(folder)) >= 3
    go_on(folder, whole, tmp_path / "second")


def test_a_signal_that_is_sent_twice_saves_too(straight, tmp_path):
    """``timeout`` sends it to the process and to its group."""
    arguments, whole = straight
    folder = tmp_path / "run"
    waiting = Waiting(3, tmp_path / "go")
    child = Child(tmp_path / "first", waiting, **{**arguments, "out": folder})
    child.wait_for(lambda: "waiting" in child.output(), "step 3")
    for _ in range(3):
        child.send(signal.SIGTERM)
        time.sleep(0.03)
    waiting.go.touch()
    assert child.wait() == INTERRUPTED, child.output()
    go_on(folder, whole, tmp_path / "second")


class Slow:
    """From a step on every image takes a minute, as from a network folder whose server is gone."""

    def __init__(self, step):
        self.step = step

    def __call__(self):
        from i2i.builtin.datasets.folder import FolderDataset

        read, slow = FolderDataset.__getitem__, []

        def reading(dataset, key):
            if slow and dataset.split == "train":
                print("slow", flush=True)
                time.sleep(60)
            return read(dataset, key)

        FolderDataset.__getitem__ = reading
        after_each_step(lambda status: slow.append(True) if status.step == self.step else None)


def test_a_signal_does_not_wait_for_a_slow_disk(straight, tmp_path):
    arguments, whole = straight
    folder = tmp_path / "run"
    child = Child(tmp_path / "first", Slow(3), **{**arguments, "out": folder})
    child.wait_for(lambda: "slow" in child.output(), "an image that takes long")
    time.sleep(0.5)  # what comes before the wait has begun is seen only when that is over
    started = time.monotonic()
    child.send(signal.SIGTERM)
    assert child.wait() == INTERRUPTED, child.output()
    assert time.monotonic() - started < 45, "a minute is what the image takes"
    assert saved_step(folder) == 3
    go_on(folder, whole, tmp_path / "second")


class Checking:
    """The check of the images takes long."""

    def __call__(self):
        from i2i.builtin.datasets import looking

        look_at = looking.look_at

        def slowly(path, *arguments, **options):
            print("checking", flush=True)
            time.sleep(2)
            return look_at(path, *arguments, **options)

        looking.look_at = slowly


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_before_training_leaves_nothing(straight, tmp_path, number):
    arguments, whole = straight
    folder = tmp_path / "run"
    child = Child(tmp_path / "first", Checking(), **{**arguments, "out": folder})
    child.wait_for(lambda: "checking" in child.output(), "the check")
    assert (folder / "config.yaml").exists()
    child.send(number)
    assert child.wait() not in (0, -number), child.output()
    assert "KeyboardInterrupt" in child.output()
    assert not folder.exists()
    Child(tmp_path / "second", **{**arguments, "out": folder}).succeed()
    assert_same_end(folder, whole)


def test_a_folder_that_is_renamed_while_it_trains_can_be_gone_on_with(straight, tmp_path):
    arguments, whole = straight
    folder = tmp_path / "run"
    child = Child(tmp_path / "first", **{**arguments, "out": folder, "progress": True})
    child.wait_for(lambda: len(steps_logged(folder)) >= 3, "step 3")
    folder.rename(tmp_path / "renamed")
    child.send(signal.SIGTERM)
    assert child.wait() == INTERRUPTED, child.output()
    assert "was gone" in child.output()
    Child(tmp_path / "second", resume=folder).succeed()
    ours, theirs = (checkpoint_contents(path / "checkpoints" / "latest") for path in (folder, whole))
    assert ours == theirs


class Drawing:
    """The sheets before the first step take long."""

    def __call__(self):
        from i2i.training.keeper import Keeper

        draw = Keeper.write_sheets

        def drawing(keeper):
            draw(keeper)
            print("drawn", flush=True)
            time.sleep(2)

        Keeper.write_sheets = drawing


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_between_the_first_sheets_and_the_first_step_leaves_nothing(straight, tmp_path, number):
    arguments, _ = straight
    folder = tmp_path / "run"
    child = Child(tmp_path / "first", Drawing(), **{**arguments, "out": folder, "progress": True})
    child.wait_for(lambda: "drawn" in child.output(), "the first sheets")
    assert (folder / "samples").exists()
    child.send(number)
    assert child.wait() not in (0, -number), child.output()
    assert "--resume" not in child.output(), "there is nothing to resume"
    assert not folder.exists()


class Breaks:
    """From a step on, reading a training image fails with this error, in every process."""

    def __init__(self, flag, error):
        self.flag, self.error = flag, error

    def __call__(self):
        from i2i.builtin.datasets.folder import FolderDataset

        read = FolderDataset.__getitem__

        def reading(dataset, key):
            if dataset.split == "train" and self.flag.exists():
                raise self.error
            return read(dataset, key)

        FolderDataset.__getitem__ = reading
        after_each_step(lambda status: self.flag.touch() if status.step == 3 else None)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EIO, "Input/output error", "A4.png"), "Input/output error: 'A4.png'"),
        (OSError(errno.ESTALE, "Stale file handle", "A4.png"), "Stale file handle"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "A4.png"), "No such file or directory"),
        (MemoryError(), "there is not enough memory"),
        (TypeError("of a plugin"), "raised TypeError: of a plugin"),
        (SystemExit(0), "raised SystemExit"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_a_file_that_is_lost_midway_loses_no_step(straight, tmp_path, workers, error, said):
    arguments, whole = straight
    folder, flag = tmp_path / "run", tmp_path / "broken"
    child = Child(tmp_path / "first", Breaks(flag, error), **{**arguments, "out": folder, "workers": workers})
    assert child.wait() == FAILED, child.output()
    step = max(steps_logged(folder))
    path = folder / "checkpoints" / f"step-{step:08d}"
    for part in (said, f"Step {step} is saved in {path}; resume with: i2i run --resume {folder}"):
        assert part in child.output(), child.output()
    assert "Traceback" not in child.output()
    assert saved_step(folder) == step >= 3
    go_on(folder, whole, tmp_path / "second")


class FailsInStep:
    """In a step a part of it raises: the generators' loss, before anything is updated, or the discriminators'."""

    def __init__(self, step, where, error):
        self.step, self.where, self.error = step, where, error

    def __call__(self):
        from i2i.builtin.losses.adversarial import LeastSquaresLoss
        from i2i.training.update import NetworkUpdate

        step, judge, now = NetworkUpdate.train, getattr(LeastSquaresLoss, self.where), []

        def failing(loss, *given):
            if now[-1] == self.step:
                raise self.error
            return judge(loss, *given)

        def counted(update, batches):
            now.append(len(now) + 1)
            return step(update, batches)

        setattr(LeastSquaresLoss, self.where, failing)
        NetworkUpdate.train = counted


@pytest.mark.parametrize("error", [RuntimeError("odd shapes"), SystemExit(0), MemoryError(), AssertionError()])
@pytest.mark.parametrize("where", ["generator", "discriminator"])
def test_a_step_that_fails_half_way_saves_the_one_before(straight, tmp_path, where, error):
    arguments, whole = straight
    folder = tmp_path / "run"
    child = Child(tmp_path / "first", FailsInStep(5, where, error), **{**arguments, "out": folder})
    assert child.wait() == FAILED, child.output()
    assert saved_step(folder) == 4
    assert f"Step 4 is saved in {folder / 'checkpoints' / 'step-00000004'}" in child.output()
    assert f"resume with: i2i run --resume {folder}" in child.output()
    half_done = CheckpointFolder(folder / "checkpoints", 1).latest().description["half_done"]
    assert ("the generators" in half_done) is (where == "discriminator")
    assert f"({half_done} may hold a part of step 5 already)" in child.output()
    if where == "generator":
        go_on(folder, whole, tmp_path / "second")
    else:
        again = Child(tmp_path / "second", resume=folder, progress=True).succeed()
        assert f"step 5 had failed half way: {half_done} may hold a part of it" in again.output()
        assert_tidy(folder)


def test_a_failure_in_the_first_step_leaves_the_folder_free(straight, tmp_path):
    arguments, whole = straight
    folder = tmp_path / "run"
    failing = FailsInStep(1, "generator", RuntimeError("odd shapes"))
    assert Child(tmp_path / "first", failing, **{**arguments, "out": folder}).wait() == FAILED
    assert not folder.exists()
    Child(tmp_path / "second", **{**arguments, "out": folder}).succeed()
    assert_same_end(folder, whole)


class NothingToReportTo:
    """The page, the sheets, the log and a tracker cannot be written, and nobody reads what is printed."""

    def __init__(self, what):
        self.what = what

    def __call__(self):
        from torch.utils.tensorboard import SummaryWriter

        from i2i.errors import RunFolderError
        from i2i.evaluation import sheets
        from i2i.training.launch import Launch
        from i2i.training.records.run_folder import RunFolder

        def fail(*_, **__):
            raise {"log": OSError(errno.ENOSPC, "No space left on device")}.get(self.what, ValueError("no fonts"))

        if self.what == "page":
            Launch.write_page = staticmethod(fail)
        elif self.what == "tracker":
            SummaryWriter.add_scalar = fail
        elif self.what == "sheets":

            def unwritable(*_, **__):
                raise RunFolderError("cannot write step-1.png: No space left on device")

            sheets.write_whole = unwritable
        elif self.what == "log":
            RunFolder.write_metrics = self.sometimes(RunFolder.write_metrics)
        else:
            os.close(2)
            reader, writer = os.pipe()
            os.dup2(writer, 2)
            os.close(reader)

    def sometimes(self, write):
        from i2i.errors import RunFolderError

        def writing(folder):
            if len(folder._unwritten) in (1, 2, 3):
                raise RunFolderError(f"{folder.metrics_file} cannot be written: No space left on device")
            write(folder)

        return writing


@pytest.mark.parametrize(
    ("what", "note"),
    [
        ("page", "training continues without its page: ValueError: no fonts"),
        ("tracker", "training continues without observer tensorboard: "),
        ("sheets", "training continues without sample sheets: cannot write step-1.png"),
        ("log", "training continues without metrics.jsonl: RunFolderError: "),
        ("pipe", None),
    ],
)
def test_what_only_reports_on_a_run_does_not_end_it(straight, tmp_path, what, note):
    arguments, whole = straight
    folder = tmp_path / "run"
    arguments = {**arguments, "out": folder, "progress": True, "observer": ["tensorboard"] * (what == "tracker")}
    child = Child(tmp_path / "log", NothingToReportTo(what), **arguments).succeed()
    if note:
        assert child.output().count(note) == 1, child.output()
    if what == "log":
        assert steps_logged(folder), "what could not be written is written later"
        assert steps_logged(folder) == list(range(1, max(steps_logged(folder)) + 1))
    elif what == "tracker":  # which a checkpoint names among the run's components
        ours, theirs = (checkpoint_contents(run / "checkpoints" / "latest") for run in (folder, whole))
        assert {name for name in ours if ours[name] != theirs[name]} == {"checkpoint.json"}
    else:
        assert_same_end(folder, whole)


def test_the_log_has_no_half_line_where_the_disk_was_full_meanwhile(tmp_path):
    import json
    import resource

    from i2i.errors import RunFolderError
    from i2i.training.records.run_folder import RunFolder

    folder = RunFolder(tmp_path)
    folder.append_metrics({"step": 1})
    size = folder.metrics_file.stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 5, before[1]))
    try:
        with pytest.raises(RunFolderError, match="File too large"):
            folder.append_metrics({"step": 2})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert folder.metrics_file.stat().st_size == size
    folder.append_metrics({"step": 3})
    assert [json.loads(line)["step"] for line in folder.metrics_file.read_text().splitlines()] == [1, 2, 3]
