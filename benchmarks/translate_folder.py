"""Times ``i2i translate`` on a folder beside the generator alone: ``python benchmarks/translate_folder.py``.

Three numbers, each the best of several rounds that take turns, so that a machine that gets busy hurts all alike:

- images a second of the generator alone, called in a loop on tensors that are there already;
- images a second of :func:`i2i.translation.image_files.translate_files`, from files to files, with the same generator;
- seconds from the start of ``i2i translate`` on one image to its end, in a process of its own.

Writes ``benchmarks/results/translate_folder.json``. ``--images 8 --rounds 1`` is a quick check that it works. Meant for
a quiet machine: whatever else runs takes its share of one side and not of the other.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import i2i
from i2i.translation.image_files import DEFAULT_WORKERS, translate_files
from i2i.translation.network_runner import NetworkRunner
from i2i.translation.plan import make_plan
from i2i.translation.translator import Translator

RESULT = Path(__file__).parent / "results" / "translate_folder.json"
WANTED = 0.9
WANTED_START = 3.0


def main() -> None:
    """Measure, tell, and keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--size", type=int, default=256, help="height and width in pixels")
    parser.add_argument("--format", choices=["png", "jpeg", "webp"], default="png", help="of inputs and outputs")
    parser.add_argument("--base-channels", type=int, default=64, help="width of the resnet9")
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--workers", type=int, default=DEFAULT_WORKERS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--no-result", action="store_true", help="write no file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw(folder / "in", options.images, options.size, options.format)
        translator = make_translator(folder, options.base_channels, options.device)
        alone, files = rounds(translator, folder, options)
        starts = [start(folder, translator.device.type) for _ in range(options.rounds)]
    result = {
        "options": {key: value for key, value in vars(options).items() if key != "no_result"},
        "generator_alone_images_per_second": round(max(alone), 3),
        "translate_images_per_second": round(max(files), 3),
        "share_of_the_generator_alone": round(max(files) / max(alone), 3),
        "wanted_share": WANTED,
        "start_to_end_of_one_image_seconds": round(min(starts), 2),
        "wanted_seconds": WANTED_START,
        "all_rounds": {"generator_alone": alone, "translate": files, "start": starts},
        "environment": {
            "i2i": i2i.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "device": torch.cuda.get_device_name() if translator.device.type == "cuda" else translator.device.type,
            "threads": torch.get_num_threads(),
            "cores": os.cpu_count(),
            "load_average": os.getloadavg()[0],
        },
    }
    print(json.dumps(result, indent=2))
    if not options.no_result:
        RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        print(f"wrote {RESULT}")


def draw(folder: Path, count: int, size: int, file_format: str) -> None:
    """Write photographs in the sense of an encoder: smooth shapes with a little noise."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(count):
        coarse = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        smooth = np.asarray(Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC), dtype=np.int16)
        noisy = (smooth + random.integers(-6, 7, smooth.shape)).clip(0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / f"{number:04}.{file_format.replace('jpeg', 'jpg')}")


def make_translator(folder: Path, base_channels: int, device: str) -> Translator:
    """Make an untrained resnet9, through the door for files: what it computes takes as long as a trained one."""
    torch.manual_seed(0)
    network = i2i.create("generator", "resnet9", base_channels=base_channels, init_gain=0.05)
    torch.save(network.state_dict(), folder / "latest_net_G.pth")
    return i2i.load(folder / "latest_net_G.pth", device=device)


def rounds(translator: Translator, folder: Path, options: argparse.Namespace) -> tuple[list[float], list[float]]:
    """Images a second of the generator alone and of the files, in turns, after one batch of each to warm up."""
    images = [torch.rand(1, 3, options.size, options.size) * 2 - 1 for _ in range(options.batch_size)]
    translator.translate(images)
    alone, files = [], []
    for _ in range(options.rounds):
        alone.append(generator_alone(translator, images, options.images))
        out = folder / "out"
        plan = make_plan([str(folder / "in")], out)
        begin = time.perf_counter()
        outcomes: list[Any] = list(
            translate_files(translator, plan.jobs, batch_size=options.batch_size, workers=options.workers)
        )
        files.append(options.images / (time.perf_counter() - begin))
        assert len(outcomes) == options.images
        assert all(outcome.problem is None for outcome in outcomes)
        shutil.rmtree(out)
    return [round(value, 3) for value in alone], [round(value, 3) for value in files]


def generator_alone(translator: Translator, images: list[torch.Tensor], count: int) -> float:
    """Images a second of the network in a loop: nothing is read, checked, padded or written."""
    assert isinstance(translator.runner, NetworkRunner)
    network = translator.runner.network
    batch = torch.cat(images).to(translator.device)
    begin = time.perf_counter()
    with torch.no_grad():
        for _ in range(-(-count // len(images))):
            output = network(batch)
        float(output.sum())  # waits for a device that computes by itself
    return -(-count // len(images)) * len(images) / (time.perf_counter() - begin)


def start(folder: Path, device: str) -> float:
    """Seconds that ``i2i translate`` takes for one small image with the translator that ships with i2i."""
    source, target = next((folder / "in").iterdir()), folder / "one.png"
    command = [sys.executable, "-m", "i2i", "translate", "sample:flat-3d", source, "-o", target, "--device", device]
    begin = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    seconds = time.perf_counter() - begin
    target.unlink()
    return round(seconds, 2)


if __name__ == "__main__":
    main()
