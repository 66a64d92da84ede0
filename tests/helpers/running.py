"""Tiny runs for tests of the engine: in this process, or in one of their own that can be killed.

Processes of their own are forked from a server that has imported the engine once, so that each starts in a moment.
"""

import contextlib
import json
import multiprocessing
import os
import signal
import sys
import time
from importlib.metadata import entry_points
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # where a process of its own finds this module
os.environ.setdefault("OMP_NUM_THREADS", "1")  # also for the server: another number of threads may round otherwise

ENGINE = (
    "i2i.api.training",
    "i2i.builtin.plugin",
    "i2i.builtin.buffers.replay",
    "i2i.builtin.datasets.folder",
    "i2i.builtin.discriminators.patch",
    "i2i.builtin.generators.resnet",
    "i2i.builtin.generators.unet",
    "i2i.builtin.losses.adversarial",
    "i2i.builtin.methods.cut",
    "i2i.builtin.methods.cyclegan",
    "i2i.builtin.methods.pix2pix",
    "i2i.config.resolver",
    "i2i.training.launch",
    "i2i.training.resume",
    "matplotlib.pyplot",
    "tifffile",
    "torch.distributed.run",
    "torch._dynamo",  # the first optimiser of a process imports it, which takes longer than all the rest
    "torchmetrics",
    *sorted(plugin.module for plugin in entry_points(group="i2i")),
)
"""What a run imports before its first step is done, and measures: with the plugins that are installed."""

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload([*ENGINE])
PATIENCE = 120
FAILED = 3
INTERRUPTED = 130

SMALL = {
    "generator.name": "resnet",
    "generator.blocks": 1,
    "generator.base_channels": 4,
    "discriminator.name": "patch",
    "discriminator.layers": 1,
    "discriminator.base_channels": 4,
    "training.log_every": 1,
    "training.sample_every": 1000,
    "training.sample_images": 1,
    "training.evaluation_images": 1,
}
UNPAIRED = {**SMALL, "data.mode": "none"}
PAIRED = {**UNPAIRED, "method.name": "pix2pix"}


def options(data, out, *, settings=UNPAIRED, more=None, **given):
    """The keyword arguments of ``i2i.run`` for a tiny run."""
    return {"data": data, "out": out, "device": "cpu", "settings": {**settings, **(more or {})}, **given}


def run_here(*arguments, **given):
    """Run in this process."""
    import i2i

    return i2i.run(**options(*arguments, **given))


class Child:
    """``i2i.run`` in a process of its own; it draws no page, whose tests are elsewhere and whose curves take a second.

    Args:
        log: a file for its output, which ends with the result or the error.
        prepare: called in the process first.
        arguments: the keyword arguments of ``i2i.run``.
    """

    def __init__(self, log, prepare=None, /, **arguments):
        self.log = Path(log)
        self.process = SERVER.Process(target=_run, args=(self.log, prepare, arguments), daemon=False)
        self.process.start()

    def wait(self):
        """Wait for the end and return the exit code, negative for a signal."""
        self.process.join(PATIENCE)
        if self.process.exitcode is None:
            self.process.kill()
            raise AssertionError(f"the process does not end: {self.output()}")
        return self.process.exitcode

    def succeed(self):
        """Wait for the end, which must be a good one."""
        code = self.wait()
        assert code == 0, f"exit code {code}: {self.output()}"
        return self

    def send(self, number):
        assert self.process.is_alive(), f"it has ended, and its number may be another's: {self.output()}"
        os.kill(self.process.pid, number)

    def kill(self):
        """Kill as ``kill -9`` does, if it has not ended by itself."""
        if self.process.is_alive():
            with contextlib.suppress(ProcessLookupError):  # it ended just now
                self.send(signal.SIGKILL)
        return self.wait()

    def output(self):
        return self.log.read_text() if self.log.exists() else ""

    def wait_for(self, condition, what):
        """Wait until the condition holds, which must be before the process ends."""
        until = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.is_alive(), f"ended before {what}: {self.output()}"
            assert time.monotonic() < until, f"no {what}: {self.output()}"
            time.sleep(0.002)


def write_no_page(folder, _):
    """Stands for the writer of pages, which are tested elsewhere."""
    return folder / "index.html"


def _run(log, prepare, arguments):
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    multiprocessing.set_start_method("fork", force=True)  # of the loading processes: a server of their own is slow
    import torch

    import i2i
    from i2i.errors import I2IError
    from i2i.training.launch import Launch

    Launch.write_page = staticmethod(write_no_page)
    torch.set_num_threads(1)
    if prepare is not None:
        prepare()
    try:
        result = i2i.run(**arguments)
    except I2IError as error:
        print(f"{type(error).__name__}: {error}", flush=True)
        sys.exit(FAILED)
    print("finished" if result.finished else "interrupted", "at step", result.step, flush=True)
    print("to resume:", result.resume_command, flush=True)
    sys.exit(0 if result.finished else INTERRUPTED)


def after_each_step(act):
    """Call ``act`` with the status of each step of this process's runs: when it is reported, before it is logged."""
    from i2i.terminal import Silent, Terminal

    def telling(update):
        def updated(reporter, status):
            update(reporter, status)
            act(status)

        return updated

    for reporter in (Silent, Terminal):
        reporter.update = telling(reporter.update)


def lines_of(folder, kind):
    """The lines of one kind of a run's log."""
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [line for line in lines if line["kind"] == kind]


def steps_logged(folder):
    """The steps of the training lines, as they stand; a half-written last line does not count."""
    file = Path(folder) / "metrics.jsonl"
    if not file.exists():
        return []
    lines = file.read_text().split("\n")[:-1]
    return [line["step"] for line in map(json.loads, lines) if line["kind"] == "train"]


def losses_of(folder):
    """The training lines without what the clock decides."""
    lines = map(json.loads, (Path(folder) / "metrics.jsonl").read_text().splitlines())
    timed = ("seconds", "images_per_second")
    return [
        {key: value for key, value in line.items() if key not in timed} for line in lines if line["kind"] == "train"
    ]


def evaluations_of(folder):
    """The lines of measurements, in order."""
    lines = map(json.loads, (Path(folder) / "metrics.jsonl").read_text().splitlines())
    return [line for line in lines if line["kind"] == "evaluation"]


def latest(result_or_folder):
    """The last checkpoint of a run."""
    from i2i.models.checkpoint import CheckpointFolder

    folder = getattr(result_or_folder, "folder", result_or_folder)
    return CheckpointFolder(folder / "checkpoints", 1).latest()


def checkpoint_contents(folder):
    """Everything in a checkpoint that an exact resume brings back: bytes of tensors, and values without time."""
    contents = {path.name: path.read_bytes() for path in Path(folder).glob("*.safetensors")}
    for path in Path(folder).glob("*.json"):
        values = json.loads(path.read_text())
        if path.name == "checkpoint.json":
            values = {key: value for key, value in values.items() if key not in ("seconds", "config")}
        if path.name == "training.json":
            del values["position"]["seconds"]
        contents[path.name] = values
    return contents


def assert_same_end(resumed, straight):
    """The last checkpoints are equal to the bit, the losses too, and nothing half-done is left."""
    ours, theirs = (checkpoint_contents(folder / "checkpoints" / "latest") for folder in (resumed, straight))
    assert sorted(ours) == sorted(theirs)
    different = [name for name in ours if ours[name] != theirs[name]]
    assert not different, f"{different} differ"
    assert losses_of(resumed) == losses_of(straight)
    assert_tidy(resumed)


def assert_tidy(folder):
    """No leftovers, links that point at whole checkpoints, no step twice."""
    checkpoints = sorted((folder / "checkpoints").iterdir())
    assert not [path.name for path in [*checkpoints, *folder.iterdir()] if path.suffix in (".writing", ".removing")]
    assert not [path.name for path in checkpoints if path.name.startswith(".")]
    for path in checkpoints:
        assert (path / "checkpoint.json").exists()
    steps = steps_logged(folder)
    assert steps == sorted(set(steps))


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
