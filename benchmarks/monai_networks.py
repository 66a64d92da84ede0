"""Networks of somebody else through all that a run is good for: ``python benchmarks/monai_networks.py``.

MONAI's UNet with four downs and its SwinUNETR, both generators of :mod:`monai_generators`, go through ``i2i plugins
check``, ``run``, ``kill -9`` and ``run --resume``, ``translate`` (odd sizes, a single pixel), ``evaluate``, ``export``
in both formats, ``translate`` with what was exported, and ``serve``. Commands are what a person would type. The resumed
run must equal an undisturbed one to the bit, and file and server must give the pictures of ``translate``.

Installs MONAI into a folder of its own (``--packages``, made if it is not there) and needs the extras ``export`` and
``serve``. Writes ``benchmarks/results/monai_networks.json``: each step with its command and what was found. Times are
printed, and mean little: everything is small, and the check waits for an export of SwinUNETR that does not end.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from journey import EVERY, Journey, killed_and_resumed, measured, require, same_files, served
from PIL import Image

HERE = Path(__file__).parent
RESULT = HERE / "results" / "monai_networks.json"
PLUGIN = HERE / "monai_generators.py"
PINS = ("monai==1.6.1", "einops==0.8.2")
STEPS = 6
SIDE = 64
SIZES = {"odd.png": (75, 50), "page.png": (64, 64), "pixel.png": (1, 1)}


def training(network: str) -> list[str | Path]:
    """The words that train the network for some steps."""
    settings = [f"training.checkpoint_every={EVERY}", "training.keep=9", "discriminator.base_channels=8"]
    return [
        *("run", "--method", "pix2pix", "--data", "sample:line-3d", "--generator", network),
        *("--steps", str(STEPS), "--image-size", str(SIDE), "--device", "cpu"),
        *(word for setting in settings for word in ("--set", setting)),
    ]


def used(journey: Journey, export: tuple[str, ...]) -> None:
    """Translate, measure, export, and translate with what was exported."""
    pictures = journey.folder / "pictures"
    write_pictures(pictures)
    first = journey.folder / "translated"
    journey.do(
        "translate", ["translate", journey.run, pictures, "--device", "cpu", "-o", first], lambda _: sizes_of(first)
    )
    journey.do("evaluate", ["evaluate", journey.run, "--device", "cpu", "--json"], measured)
    for suffix in (".pt2", ".onnx"):
        file, again = journey.folder / f"model{suffix}", journey.folder / f"again-{suffix[1:]}"
        journey.do(f"export {suffix}", ["export", journey.run, "-o", file, *export], lambda _: "checked by i2i export")
        given = pictures / "page.png" if "--size" in export else pictures
        words: list[str | Path] = ["translate", file, given, "--device", "cpu", "-o", again]
        journey.do(f"translate with {suffix}", words, lambda _, again=again: same_files(again, first))


def write_pictures(folder: Path) -> None:
    """Noise of some sizes, the same each time."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for name, (width, height) in SIZES.items():
        Image.fromarray(random.integers(0, 256, (height, width, 3), np.uint8)).save(folder / name)


def sizes_of(folder: Path) -> str:
    """The sizes of the translations, which must be those of the pictures."""
    found = {path.name: Image.open(path).size for path in sorted(folder.iterdir())}
    require(found == SIZES, f"sizes came out as {found}")
    return ", ".join(f"{width}x{height}" for width, height in found.values())


def install(packages: Path) -> None:
    """Install the pinned packages, which take torch and numpy from here."""
    if not (packages / "monai").is_dir():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(packages), *PINS]
        subprocess.run(pip, check=True)


def main() -> None:
    """Take both through everything, and keep how it went."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, help="where MONAI is, or is installed; by default a temporary folder")
    parser.add_argument("--no-result", action="store_true", help="write no file")
    options = parser.parse_args()
    result: dict[str, Any] = {
        "packages": PINS,
        "torch": torch.__version__,
        "machine": platform.machine(),
        "networks": {},
    }
    with tempfile.TemporaryDirectory(prefix="i2i-monai-") as name:
        packages = (options.packages or Path(name, "packages")).resolve()
        install(packages)
        paths = [str(packages), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        fixed = ("--size", f"{SIDE}x{SIDE}", "--batch", "1")
        for network, export in (("monai-unet", ()), ("monai-swin-unetr", fixed)):
            journey = Journey(network, Path(name, network), environment, (PLUGIN,))
            journey.folder.mkdir()
            checks: list[str | Path] = ["plugins", "check", "generator", network, "--timeout", "120"]
            journey.do("plugins check", checks, lambda output: output.splitlines()[-1])
            killed_and_resumed(journey, training(network))
            used(journey, export)
            served(journey, journey.folder / "pictures" / "odd.png", journey.folder / "translated" / "odd.png")
            result["networks"][network] = journey.steps
    if not options.no_result:
        RESULT.write_text(f"{json.dumps(result, indent=2)}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
