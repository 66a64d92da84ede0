"""Tracing leaves other threads alone."""

import threading

import numpy as np
import torch
from torch import nn

import i2i
from i2i.translation.tiles.graph import trace

from ..helpers.trained import write_run


def test_no_backend_is_off_for_other_threads_while_a_network_is_traced():
    seen, over = set(), threading.Event()

    def watch():
        while not over.is_set():
            seen.add((torch.backends.mkldnn.enabled, torch.backends.cudnn.enabled))

    before = (torch.backends.mkldnn.enabled, torch.backends.cudnn.enabled)
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        trace(nn.Sequential(nn.Conv2d(3, 4, 3), nn.InstanceNorm2d(4), nn.ReLU(), nn.Conv2d(4, 3, 1)), 3, 32, 32)
    finally:
        over.set()
        watcher.join()
    assert seen == {before}


def test_images_of_two_sizes_in_two_threads_keep_their_own_graphs(tmp_path):
    folder = write_run(tmp_path / "run", score=1.0)[0]
    images = [np.random.default_rng(side).integers(0, 256, (side, 48, 3), dtype=np.uint8) for side in (40, 64)]
    alone = [i2i.load(folder, device="cpu", tile=32)(image) for image in images]
    shared, begin, results = i2i.load(folder, device="cpu", tile=32), threading.Barrier(2), {}

    def work(number):
        begin.wait()
        results[number] = [shared(images[number]) for _ in range(4)]

    threads = [threading.Thread(target=work, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, expected in enumerate(alone):
        assert all(np.array_equal(result, expected) for result in results[number])
