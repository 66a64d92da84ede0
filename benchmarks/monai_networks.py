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
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

HERE = Path(__file__).parent
RESULT = HERE / "results" / "monai_networks.json"
PLUGIN = HERE / "monai_generators.py"
PINS = ("monai==1.6.1", "einops==0.8.2")
STEPS, EVERY = 6, 2
SIDE = 64
SIZES = {"odd.png": (75, 50), "page.png": (64, 64), "pixel.png": (1, 1)}
MOST_LEVELS = 2
"""How many of 256 levels an exported file may differ by from ``i2i translate``, in a pixel."""


@dataclass
class Journey:
    """One network on its way, in a folder of its own.

    Attributes:
        network: the generator's name.
        export: further options of ``i2i export``.
        folder: where everything is written.
        environment: of the commands.
        steps: what was done, for the result.
    """

    network: str
    export: tuple[str, ...]
    folder: Path
    environment: dict[str, str]
    steps: list[dict[str, Any]] = field(default_factory=list)

    def command(self, *words: str | Path) -> list[str]:
        """The words of an ``i2i`` command that knows the network."""
        return [sys.executable, "-m", "i2i", "--plugin", str(PLUGIN), *map(str, words)]

    def do(self, name: str, words: list[str | Path], check: Callable[[str], str]) -> None:
        """Run a command, check what it left, and keep how that went."""
        begin = time.perf_counter()
        done = subprocess.run(self.command(*words), env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{self.network}: {name} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        self.keep(name, words, check(done.stdout), begin)

    def keep(self, name: str, words: list[str | Path], found: str, begin: float) -> None:
        """Tell and keep the end of a step."""
        seconds = round(time.perf_counter() - begin, 1)
        shown = shlex.join(
            ["i2i", "--plugin", PLUGIN.name, *(Path(word).name if isinstance(word, Path) else word for word in words)]
        )
        self.steps.append({"step": name, "command": shown, "found": found})
        print(f"{self.network:17} {name:28} {seconds:6.1f} s  {found}", flush=True)


def training(journey: Journey, out: str) -> list[str | Path]:
    """The words that train the network for some steps."""
    settings = [f"training.checkpoint_every={EVERY}", "training.keep=9", "discriminator.base_channels=8"]
    return [
        *("run", "--method", "pix2pix", "--data", "sample:line-3d", "--generator", journey.network),
        *("--steps", str(STEPS), "--image-size", str(SIDE), "--device", "cpu", "--out", journey.folder / out),
        *(word for setting in settings for word in ("--set", setting)),
    ]


def killed_and_resumed(journey: Journey) -> None:
    """Train, be killed after the second checkpoint, resume, and compare with a run that nothing disturbed."""
    journey.do("run", training(journey, "straight"), lambda _: f"{STEPS} steps")
    begin, words = time.perf_counter(), training(journey, "run")
    process = subprocess.Popen(journey.command(*words), env=journey.environment, stderr=subprocess.DEVNULL)
    second = journey.folder / "run" / "checkpoints" / f"step-{2 * EVERY:08d}"
    while not second.exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    journey.keep("run, killed (kill -9)", words, f"killed with {second.name}", begin)

    def equal(_: str) -> str:
        files = [
            (journey.folder / run / "checkpoints" / "latest" / "G.safetensors").read_bytes()
            for run in ("run", "straight")
        ]
        require(files[0] == files[1], "the resumed run ends with other weights")
        return "the weights of the undisturbed run, to the bit"

    journey.do("run --resume", ["run", "--resume", journey.folder / "run"], equal)


def used(journey: Journey) -> None:
    """Translate, measure, export, and translate with what was exported."""
    run, pictures = journey.folder / "run", journey.folder / "pictures"
    write_pictures(pictures)
    first = journey.folder / "translated"
    journey.do("translate", ["translate", run, pictures, "--device", "cpu", "-o", first], lambda _: sizes_of(first))

    def measured(output: str) -> str:
        return f"l1 {json.loads(output)['pairs']['l1']:.1f} of 255"

    journey.do("evaluate", ["evaluate", run, "--device", "cpu", "--json"], measured)
    one_size = "--size" in journey.export
    for suffix in (".pt2", ".onnx"):
        file, again = journey.folder / f"model{suffix}", journey.folder / f"again-{suffix[1:]}"
        journey.do(f"export {suffix}", ["export", run, "-o", file, *journey.export], lambda _: "checked by i2i export")
        given = pictures / "page.png" if one_size else pictures
        words: list[str | Path] = ["translate", file, given, "--device", "cpu", "-o", again]
        journey.do(f"translate with {suffix}", words, lambda _, again=again: most_levels(again, first))


def served(journey: Journey) -> None:
    """Ask a server for the translation of a picture."""
    begin = time.perf_counter()
    words: list[str | Path] = ["serve", journey.folder / "run", "--port", "0", "--device", "cpu"]
    environment = {**journey.environment, "PYTHONUNBUFFERED": "1"}
    server = subprocess.Popen(
        journey.command(*words), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert server.stdout is not None
        address = next(word for line in server.stdout for word in line.split() if word.startswith("http://127"))
        body = (journey.folder / "pictures" / "odd.png").read_bytes()
        request = urllib.request.Request(f"{address.rstrip('/')}/translate", data=body, method="POST")
        answer = journey.folder / "served" / "odd.png"
        answer.parent.mkdir()
        with urllib.request.urlopen(request, timeout=120) as response:
            answer.write_bytes(response.read())
        journey.keep("serve", words, most_levels(answer.parent, journey.folder / "translated"), begin)
    finally:
        server.terminate()
        server.wait()


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


def most_levels(folder: Path, expected: Path) -> str:
    """The largest difference between pictures of the same name, which must be small."""
    most = 0
    for path in folder.iterdir():
        ours, theirs = (np.asarray(Image.open(each)).astype(int) for each in (path, expected / path.name))
        most = max(most, int(np.abs(ours - theirs).max()))
    require(most <= MOST_LEVELS, f"{folder.name} differs by {most} levels of 255 from what translate gave")
    return f"within {most} levels of 255 of translate" if most else "the very pixels of translate"


def require(holds: bool, told: str) -> None:
    """End with an error unless something holds."""
    if not holds:
        raise SystemExit(told)


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
            journey = Journey(network, export, Path(name, network), environment)
            journey.folder.mkdir()
            checks: list[str | Path] = ["plugins", "check", "generator", network, "--timeout", "120"]
            journey.do("plugins check", checks, lambda output: output.splitlines()[-1])
            killed_and_resumed(journey)
            used(journey)
            served(journey)
            result["networks"][network] = journey.steps
    if not options.no_result:
        RESULT.write_text(f"{json.dumps(result, indent=2)}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
