"""i2i inside other programs: threads, forked and spawned children, settings of torch, notebooks."""

import multiprocessing
import os
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

import i2i
from i2i.errors import DataError
from i2i.translation.tiles.graph import CannotStreamError, trace
from i2i.translation.tiles.tile_settings import TileSettings
from i2i.translation.tiles.tiling import Tiling
from i2i.translation.translator import Translator

from ..helpers.running import PATIENCE, SERVER
from ..helpers.trained import write_run

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_page")]  # processes of their own, one after the other


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("surroundings") / "run", score=1.0)[0]


@pytest.fixture(scope="module")
def paper(tmp_path_factory):
    folder = tmp_path_factory.mktemp("surroundings") / "paper"
    return write_run(folder, dropout=True, norm="batch", more={"inference": "paper"})[0]


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


@pytest.mark.parametrize("tile", [None, 32])
def test_threads_share_a_translator(run, image, tile):
    expected = i2i.load(run, device="cpu", tile=tile)(image)
    shared, begin = i2i.load(run, device="cpu", tile=tile), threading.Barrier(4)

    def work(_):
        begin.wait()
        return shared(image)

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(work, range(4)))
    assert all(np.array_equal(result, expected) for result in results)


def test_threads_load_and_translate_at_random_as_one_does(paper, image):
    """And the program's own random numbers continue undisturbed."""
    expected = i2i.load(paper, device="cpu")(image)
    before = torch.get_rng_state()
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: i2i.load(paper, device="cpu")(image), range(8)))
    assert all(np.array_equal(result, expected) for result in results)
    assert torch.equal(torch.get_rng_state(), before)


def test_translating_goes_on_while_another_thread_traces(run, image):
    """The tracer puts other tensors into the modules that it traces, and these must not be the ones that compute."""
    whole = i2i.load(run, device="cpu")
    tiled = Translator(whole.runner, Tiling(TileSettings(automatic=False, side=32), whole.runner))
    expected, stop, wrong = whole(image), threading.Event(), []

    def work():
        while not stop.is_set():
            if not np.array_equal(whole(image), expected):
                wrong.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for side in range(48, 60, 4):
            tiled(image[:side])
    finally:
        stop.set()
        thread.join()
    assert not wrong


class Branching(nn.Module):
    def forward(self, images):
        return images if images.mean() > 0 else -images


def test_a_network_that_cannot_be_traced_leaves_the_tracer_whole(run, image):
    for _ in range(2):
        with pytest.raises(CannotStreamError, match="cannot be traced"):
            trace(Branching(), 3, 16, 16)
    assert np.array_equal(i2i.load(run, device="cpu", tile=32)(image), i2i.load(run, device="cpu", tile=32)(image))


SMALL = {
    "generator.base_channels": 4,
    "generator.blocks": 1,
    "discriminator.base_channels": 4,
    "data.image_size": 32,
    "training.ema_decay": 0.5,
    "training.sample_images": 1,
}
SETTINGS = {
    "float64": lambda: torch.set_default_dtype(torch.float64),
    "float16": lambda: torch.set_default_dtype(torch.float16),
    "meta": lambda: torch.set_default_device("meta"),
    "no grad": lambda: torch.set_grad_enabled(False),
    "deterministic": lambda: torch.use_deterministic_algorithms(True),
    "anomalies": lambda: torch.autograd.set_detect_anomaly(True),
}
CONTEXTS = {
    "inference mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "device context": lambda: torch.device("meta"),
    "saved tensors": torch.autograd.graph.save_on_cpu,
}


@pytest.fixture
def put_back():
    yield
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)
    torch.set_grad_enabled(True)
    torch.use_deterministic_algorithms(False)
    torch.autograd.set_detect_anomaly(False)


def results(pairs, paper, image, out):
    """The results of every function that a program may call, from loading to measuring a fresh run."""
    found = [
        i2i.load(paper, device="cpu", inference="deterministic")(image),
        i2i.load(paper, device="cpu")(image),
        i2i.load(paper, device="cpu", inference="deterministic", tile=32)(image),
    ]
    trained = i2i.run(pairs, device="cpu", generator="resnet", steps=2, seed=3, out=out, settings=SMALL)
    pairs_of = i2i.evaluate(trained.folder, device="cpu").pairs
    return [*found, trained.metrics["AtoB"]["l1"], pairs_of["l1"], pairs_of.get("ssim")]


@pytest.fixture(scope="module")
def plain(pairs, paper, image, tmp_path_factory):
    return results(pairs, paper, image, tmp_path_factory.mktemp("plain") / "run")


@pytest.mark.parametrize("name", [*SETTINGS, *CONTEXTS])
@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled")
def test_what_the_caller_set_in_torch_changes_nothing(pairs, paper, image, tmp_path, plain, name, put_back):
    SETTINGS.get(name, lambda: None)()
    with CONTEXTS.get(name, nullcontext)():
        before = (torch.get_default_dtype(), torch.get_default_device(), torch.is_grad_enabled())
        found = results(pairs, paper, image, tmp_path / "run")
        after = (torch.get_default_dtype(), torch.get_default_device(), torch.is_grad_enabled())
    assert after == before
    for one, expected in zip(found, plain, strict=True):
        assert np.array_equal(one, expected) if isinstance(expected, np.ndarray) else one == pytest.approx(expected)


def test_an_export_under_other_defaults(run, image, tmp_path, put_back):
    expected = i2i.load(run, device="cpu")(image)
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    for suffix, size in ((".pt2", (48, 64)), (".onnx", None)):
        with torch.inference_mode():
            exported = i2i.export(run, tmp_path / f"model{suffix}", size=size).path
            found = i2i.load(exported, device="cpu")(image)
        assert np.abs(found.astype(int) - expected).max() <= 1


NOTEBOOK = """
import asyncio, sys, threading
import numpy as np, i2i
folder, tiny, out = sys.argv[1:4]
small = {"generator.base_channels": 4, "generator.blocks": 1, "discriminator.base_channels": 4, "data.image_size": 32}

def work():
    assert threading.current_thread() is not threading.main_thread()
    trained = i2i.run(folder, device="cpu", generator="resnet", steps=2, workers=1, out=out, settings=small)
    i2i.evaluate(trained.folder, device="cpu")
    i2i.export(tiny, out + ".pt2", inference="deterministic", size=(48, 64))

async def main():
    i2i.load(tiny, device="cpu", inference="deterministic", tile=32)(np.zeros((48, 64, 3), np.uint8))
    await asyncio.to_thread(work)
    print("done")

asyncio.run(main())
"""


def run_cell(said, *arguments):
    """Run the notebook as its kernel does: in a module ``__main__`` that is no file."""
    for stream, file in enumerate(said, start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), stream)
    sys.argv = ["", *map(str, arguments)]
    sys.modules["__main__"] = ModuleType("__main__")
    exec(NOTEBOOK, sys.modules["__main__"].__dict__)


def test_a_notebook_with_a_running_loop_and_a_thread(pairs, paper, tmp_path):
    said = [tmp_path / name for name in ("stdout", "stderr")]
    notebook = SERVER.Process(target=run_cell, args=(said, pairs, paper, tmp_path / "run"))
    notebook.start()
    notebook.join(PATIENCE)
    out, error = (file.read_text() for file in said)
    assert (notebook.exitcode, out) == (0, "done\n"), error[-2000:]


def translate_in_child(connection, run, image, translator):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        own = i2i.load(run, device="cpu", tile=32)(image)
    connection.send((own, translator(image), [str(one.message) for one in caught if one.category is RuntimeWarning]))


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_children_of_a_program_that_has_computed_with_threads(run, image, start):
    """A forked child has the parent's pool of threads on paper only."""
    if start not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {start} here")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        (torch.rand(2000, 2000) @ torch.rand(2000, 2000)).relu_().sum()
        torch.rand(4_000_000).exp_()
        translator = i2i.load(run, device="cpu")
        expected = translator(image)
        context = multiprocessing.get_context(start)
        ours, theirs = context.Pipe()
        child = context.Process(target=translate_in_child, args=(theirs, run, image, translator))
        with warnings.catch_warnings() if start == "fork" else nullcontext():
            warnings.simplefilter("ignore", DeprecationWarning)  # of fork in a program with threads, since Python 3.12
            child.start()
        assert ours.poll(120), "the child hangs"
        own, shared, said = ours.recv()
        child.join()
    finally:
        torch.set_num_threads(before)
    assert np.abs(own.astype(int) - expected).max() <= 1
    assert np.abs(shared.astype(int) - expected).max() <= 1
    assert [("forked" in message and "spawn" in message) for message in said] == [True] * (start == "fork")


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(3, 16, 16, device="meta"),
        torch.zeros(3, 16, 16).to_sparse(),
        torch.zeros(3, 16, 16).to(torch.float8_e4m3fn),
    ],
    ids=["meta", "sparse", "8 bits"],
)
def test_tensors_without_plain_values_are_refused(run, tensor):
    with pytest.raises(DataError, match="expected a dense tensor"):
        i2i.load(run, device="cpu")(tensor)


def test_tensors_as_programs_have_them(run, image):
    translator = i2i.load(run, device="cpu")
    tensor = torch.from_numpy(image.copy()).permute(2, 0, 1).float() / 127.5 - 1
    expected = translator(tensor)
    with torch.inference_mode():
        inference = tensor.clone()
    for given in (tensor.clone().requires_grad_(), nn.Parameter(tensor.clone()), inference, tensor.flip(2).flip(2)):
        assert torch.equal(translator(given), expected)
        assert not translator(given).requires_grad
    assert torch.equal(translator(tensor[None].to(memory_format=torch.channels_last))[0], expected)


def test_arrays_as_programs_have_them(run, image):
    translator = i2i.load(run, device="cpu")
    expected, fixed = translator(image), image.copy()
    fixed.flags.writeable = False
    for given in (np.asfortranarray(image), fixed, image[::-1][::-1], np.ma.masked_array(image)):
        assert np.array_equal(translator(given), expected)
    assert np.array_equal(translator(image[::-1, ::-1]), translator(np.ascontiguousarray(image[::-1, ::-1])))
    with pytest.raises(DataError, match="without a mask"):
        translator(np.ma.masked_array(image, mask=image > 200))
