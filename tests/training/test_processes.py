"""Two processes that train together over gloo on the CPU, started by torchrun as a person would."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

from i2i.models.checkpoint import CheckpointFolder
from i2i.training.processes import Processes

from ..helpers.running import (
    PATIENCE,
    SERVER,
    UNPAIRED,
    assert_same_end,
    assert_tidy,
    losses_of,
    options,
    run_here,
    steps_logged,
)

pytestmark = pytest.mark.slow

SCRIPT = """
import os
import sys
import time
from pathlib import Path

import torch

import i2i
from i2i.builtin.datasets.folder import FolderDataset
from i2i.training import keeper
from i2i.training.launch import Launch
from i2i.training.update import NetworkUpdate

arguments, log = eval(sys.argv[1]), sys.argv[2]
rank = os.environ["RANK"]
read, init = FolderDataset.__getitem__, NetworkUpdate.__init__


def reading(self, key):
    if self.split == "train":
        time.sleep(pause)
        print(*key, file=open(f"{log}/keys-{rank}", "a"))
    return read(self, key)


def remembering(self, *more, **options):
    init(self, *more, **options)
    remembered.append(self)


remembered = []
FolderDataset.__getitem__, NetworkUpdate.__init__ = reading, remembering
keeper.fit_baselines = lambda *_: {}  # which reads training images as well, in one process
Launch.write_page = staticmethod(lambda folder, metrics: folder / "index.html")
per_process, pause = arguments.pop("per_process", [{}, {}]), arguments.pop("pause", 0)
result = i2i.run(**arguments, **per_process[int(rank)])
weights = [value for network in remembered[0].networks.values() for value in network.state_dict().values()]
torch.save(weights, f"{log}/weights-{rank}")
threads = [task.read_text() for task in Path("/proc/self/task").glob("*/comm")]
Path(f"{log}/threads-{rank}").write_text("".join(threads))
print("rank", rank, "finished" if result.finished else "interrupted", "at", result.step, flush=True)
"""

TOGETHER = {**UNPAIRED, "buffer.name": "none", "training.checkpoint_every": 3}


def torchrun(log, *words):
    """What the command ``torchrun`` does, in a process that is there already."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    from torch.distributed.run import main

    main(["--standalone", "--nproc-per-node", "2", *map(str, words)])


FORKED = ("--run-path", "--start-method", "fork")
"""Options of ``torchrun``: each process imports nothing anew, and starts five seconds sooner.

The pair that gets a signal is started without them."""


class Pair:
    """``torchrun --nproc-per-node 2``; the rendezvous takes a free port, so that runs beside each other do not meet.

    Args:
        folder: for the log and what the processes leave.
        how: more options of ``torchrun``.
        arguments: the keyword arguments of ``i2i.run``.
    """

    def __init__(self, folder, how=(), **arguments):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        script = self.folder / "script.py"
        script.write_text(SCRIPT)
        arguments = {key: str(value) if isinstance(value, Path) else value for key, value in arguments.items()}
        words = (self.folder / "log", *how, script, repr(arguments), self.folder)
        self.process = SERVER.Process(target=torchrun, args=words)
        self.process.start()

    def wait(self):
        self.process.join(PATIENCE)
        if self.process.exitcode is None:
            self.process.kill()
            raise AssertionError(f"the processes do not end: {self.output()}")
        return self.process.exitcode

    def succeed(self):
        assert self.wait() == 0, self.output()
        return self

    def output(self):
        return (self.folder / "log").read_text()

    def keys(self, rank):
        lines = (self.folder / f"keys-{rank}").read_text().splitlines()
        return [tuple(map(int, line.split())) for line in lines]


@pytest.fixture(scope="module")
def straight(images, tmp_path_factory):
    """One epoch and a half of one process with batches of two, and of two processes with batches of one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("processes")
    alone = run_here(images, folder / "alone", settings=TOGETHER, batch_size=2, steps=8).folder
    torch.set_num_threads(before)
    pair = Pair(folder / "pair", FORKED, **options(images, folder / "together", settings=TOGETHER, steps=8)).succeed()
    return alone, folder / "together", pair


def test_every_image_is_seen_once_an_epoch(straight):
    pair = straight[2]
    first, second = pair.keys(0), pair.keys(1)
    assert len(first) == len(second) == 8
    for epoch in (0, 1):
        assert sorted(index for seen, index in first + second if seen == epoch) == list(range(8))


def test_two_processes_with_batches_of_one_are_one_with_batches_of_two(straight):
    alone, together, _ = straight
    for ours, theirs in zip(losses_of(together), losses_of(alone), strict=True):
        assert ours["losses"] == pytest.approx(theirs["losses"], rel=2e-4)
        assert (ours["step"], ours["epoch"], ours["learning_rate"]) == (
            theirs["step"],
            theirs["epoch"],
            theirs["learning_rate"],
        )
    for name in ("G_A", "G_B"):
        ours, theirs = (
            CheckpointFolder(folder / "checkpoints", 1).latest().generator_weights(name) for folder in (together, alone)
        )
        for key in ours:
            if key.endswith("bias"):
                continue  # instance norm takes it out again: its gradient is rounding, which Adam makes large
            torch.testing.assert_close(ours[key], theirs[key], rtol=1e-3, atol=2e-4)


def test_both_processes_end_with_the_same_weights_and_one_writes(straight):
    _, together, pair = straight
    first, second = (torch.load(pair.folder / f"weights-{rank}", weights_only=True) for rank in (0, 1))
    assert len(first) == len(second) > 10
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(first, second, strict=True))
    assert steps_logged(together) == list(range(1, 9))
    assert_tidy(together)
    latest = CheckpointFolder(together / "checkpoints", 1).latest()
    assert latest.description["world_size"] == 2
    assert not torch.equal(latest.rank_state(0)["update"], latest.rank_state(1)["update"])


def test_helpers_end_with_the_same_weights_in_both_processes(images, tmp_path):
    settings = {**TOGETHER, "method.name": "cut", "method.patches": 8, "method.projection_channels": 4}
    pair = Pair(tmp_path, FORKED, **options(images, tmp_path / "run", settings=settings, steps=3)).succeed()
    first, second = (torch.load(pair.folder / f"weights-{rank}", weights_only=True) for rank in (0, 1))
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(first, second, strict=True))
    shared = CheckpointFolder(tmp_path / "run" / "checkpoints", 1).latest().training_state()
    assert list(shared["networks"]) == ["D", "F"]
    assert list(shared["optimizers"]) == ["generators", "discriminators", "helpers"]


@pytest.mark.skipif(sys.platform != "linux", reason="threads have names in /proc")
def test_no_thread_of_the_process_group_is_left(straight):
    """One that lets go of a tensor while Python ends aborts the process."""
    for rank in (0, 1):
        threads = (straight[2].folder / f"threads-{rank}").read_text().split()
        assert threads
        assert not [name for name in threads if "gloo" in name]


def test_an_interrupted_pair_saves_and_goes_on_exactly(images, straight, tmp_path):
    """Ctrl-C in a terminal reaches torchrun, which hands it on to the processes."""
    folder = tmp_path / "together"
    pair = Pair(tmp_path / "first", **options(images, folder, settings=TOGETHER, steps=8), pause=0.3)
    until = time.monotonic() + PATIENCE
    while len(steps_logged(folder)) < 3:
        assert pair.process.is_alive(), pair.output()
        assert time.monotonic() < until, pair.output()
        time.sleep(0.01)
    os.kill(pair.process.pid, signal.SIGINT)
    pair.wait()
    reached = max(steps_logged(folder))
    assert f"interrupted at {reached}" in pair.output()
    assert "terminate called" not in pair.output(), "Python aborted at its end"
    assert CheckpointFolder(folder / "checkpoints", 1).latest().step == reached
    Pair(tmp_path / "second", FORKED, resume=folder).succeed()
    assert_same_end(folder, straight[1])


def test_an_error_of_one_process_ends_both_with_its_message(images, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    both = options(images, tmp_path / "run", settings=TOGETHER, steps=3)
    del both["data"]
    pair = Pair(tmp_path / "log", FORKED, **both, per_process=[{"data": str(images)}, {"data": str(empty)}])
    assert pair.wait() != 0
    assert str(empty) in pair.output()
    assert "DataError" in pair.output()


def test_a_taken_folder_ends_both_with_the_message(images, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "file").write_text("")
    pair = Pair(tmp_path / "log", FORKED, **options(images, tmp_path / "run", settings=TOGETHER, steps=3))
    assert pair.wait() != 0
    assert f"--out {tmp_path / 'run'} exists and is not empty" in pair.output()


def test_alone_nothing_is_exchanged():
    processes = Processes(Accelerator(cpu=True))
    assert processes.any(True)
    assert not processes.any(False)
    assert processes.mean(2.5) == processes.same(2.5) == 2.5
    assert processes.mean_of_sums({"G": 6.0, "rare": 1.0}, {"G": 3, "rare": 1}) == {"G": 2.0, "rare": 1.0}
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([weight])
    processes.average_gradients(optimizer)
    assert weight.grad is None
