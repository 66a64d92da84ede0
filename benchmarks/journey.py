"""What a network goes through in these scripts: the commands that a person would type, and what is checked of each.

A run must survive ``kill -9`` and end, resumed, as an undisturbed one does, to the bit; an exported file and the server
must give the images of ``i2i translate``. What does not holds ends the script.
"""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

EVERY = 2
"""Steps between two checkpoints."""
MOST_LEVELS = 2
"""How many of 256 levels a picture of an exported file may differ by from that of ``i2i translate``."""
MOST_SHARE = 1e-3
"""Of all other values: which share of the range of what ``i2i translate`` gave."""


@dataclass
class Journey:
    """One run on its way, in a folder of its own.

    Attributes:
        name: what the result calls it.
        folder: where everything is written.
        environment: of the commands.
        plugins: files that are given as ``i2i --plugin FILE``.
        steps: what was done, for the result.
    """

    name: str
    folder: Path
    environment: dict[str, str]
    plugins: tuple[Path, ...] = ()
    steps: list[dict[str, Any]] = field(default_factory=list)

    @property
    def run(self) -> Path:
        """The run folder."""
        return self.folder / "run"

    def command(self, *words: str | Path) -> list[str]:
        """The words of an ``i2i`` command."""
        given = [word for path in self.plugins for word in ("--plugin", str(path))]
        return [sys.executable, "-m", "i2i", *given, *map(str, words)]

    def do(self, name: str, words: list[str | Path], check: Callable[[str], str]) -> None:
        """Run a command, check what it left, and keep how that went."""
        begin = time.perf_counter()
        done = self._called(words)
        if done.returncode:
            raise SystemExit(f"{self.name}: {name} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        self.keep(name, words, check(done.stdout), begin)

    def refused(self, name: str, words: list[str | Path], reason: str) -> None:
        """Run a command that has to refuse, and say why."""
        begin = time.perf_counter()
        done = self._called(words)
        said = " ".join(done.stderr.split())
        require(done.returncode != 0, f"{self.name}: {name} was not refused")
        require(reason in said, f"{self.name}: {name} was refused, but not for {reason!r}:\n{done.stderr}")
        self.keep(name, words, f"refused: {reason}", begin)

    def keep(self, name: str, words: list[str | Path], found: str, begin: float) -> None:
        """Tell and keep the end of a step."""
        seconds = round(time.perf_counter() - begin, 1)
        given = [word for path in self.plugins for word in ("--plugin", path.name)]
        shown = shlex.join(["i2i", *given, *(self._shown(word) for word in words)])
        self.steps.append({"step": name, **({"command": shown} if words else {}), "found": found})
        print(f"{self.name:17} {name:28} {seconds:6.1f} s  {found}", flush=True)

    def _called(self, words: list[str | Path]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(*words), env=self.environment, capture_output=True, text=True, check=False)

    def _shown(self, word: str | Path) -> str:
        return word.name if isinstance(word, Path) else word.replace(f"{self.folder}/", "")


def killed_and_resumed(journey: Journey, words: list[str | Path]) -> None:
    """Train, be killed after the second checkpoint, resume, and compare with a run that nothing disturbed.

    Args:
        journey: the run.
        words: of the command that trains, without ``--out``.
    """
    straight = journey.folder / "straight"
    journey.do("run", [*words, "--out", straight], lambda _: f"ended at {latest(straight).name}")
    begin, words = time.perf_counter(), [*words, "--out", journey.run]
    process = subprocess.Popen(
        journey.command(*words), env=journey.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    second = journey.run / "checkpoints" / f"step-{2 * EVERY:08d}"
    while not second.exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    require(process.wait() == -signal.SIGKILL, f"{journey.name}: the run ended before it could be killed")
    journey.keep("run, killed (kill -9)", words, f"killed with {second.name}", begin)

    def equal(_: str) -> str:
        ours, theirs = latest(journey.run), latest(straight)
        require(ours.name == theirs.name, f"{journey.name}: resumed, it ends at {ours.name}, not at {theirs.name}")
        files = sorted(path.name for path in theirs.glob("*.safetensors"))
        require(bool(files), f"{theirs} holds no weights")
        for name in files:
            same = (ours / name).read_bytes() == (theirs / name).read_bytes()
            require(same, f"{journey.name}: the resumed run ends with other weights in {name}")
        return f"the weights of the undisturbed run, to the bit ({ours.name})"

    journey.do("run --resume", ["run", "--resume", journey.run], equal)


def latest(run: Path) -> Path:
    """The last checkpoint of a run."""
    return (run / "checkpoints" / "latest").resolve()


def measured(output: str) -> str:
    """The held-out figures that ``i2i evaluate --json`` gave, against the truth."""
    found = {name: value for name, value in json.loads(output)["pairs"].items() if isinstance(value, float)}
    return ", ".join(f"{name} {value:.3g}" for name, value in found.items() if "_" not in name)


def served(journey: Journey, picture: Path, translated: Path) -> None:
    """Ask a server for the translation of a picture, and compare with what ``i2i translate`` gave."""
    begin = time.perf_counter()
    words: list[str | Path] = ["serve", journey.run, "--port", "0", "--device", "cpu"]
    environment = {**journey.environment, "PYTHONUNBUFFERED": "1"}
    server = subprocess.Popen(
        journey.command(*words), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert server.stdout is not None
        address = next(word for line in server.stdout for word in line.split() if word.startswith("http://127"))
        answer = journey.folder / "served" / f"{translated.stem}.png"
        answer.parent.mkdir()
        curl = ["curl", "--silent", "--show-error", "--fail-with-body", "--data-binary", f"@{picture}"]
        asked = subprocess.run(
            [*curl, f"{address.rstrip('/')}/translate", "-o", str(answer)], capture_output=True, text=True, check=False
        )
        told = answer.read_bytes()[:300] if answer.exists() else b""
        require(asked.returncode == 0, f"{journey.name}: curl ended with {asked.returncode}: {asked.stderr} {told!r}")
        journey.keep("serve, one upload by curl", words, difference(answer, translated), begin)
    finally:
        server.terminate()
        server.wait()


def difference(ours: Path, theirs: Path) -> str:
    """How far the values of two image files are from each other, which must be little."""
    a, b = values_of(ours), values_of(theirs)
    require(
        a.shape == b.shape and a.dtype == b.dtype, f"{ours} holds {a.dtype} {a.shape}; expected {b.dtype} {b.shape}"
    )
    most = float(np.abs(a.astype(np.float64) - b).max())
    if a.dtype == np.uint8:
        require(most <= MOST_LEVELS, f"{ours} differs by {most:g} levels of 255 from {theirs}")
        return f"within {most:g} levels of 255 of translate" if most else "the very pixels of translate"
    room = MOST_SHARE * float(b.max() - b.min()) + (b.dtype.kind != "f")
    require(most <= room, f"{ours} differs by {most:g} from {theirs}; at most {room:g} was expected")
    return f"within {most:.2g} of translate, in units of the files" if most else "the very values of translate"


def same_files(folder: Path, expected: Path) -> str:
    """The largest difference of the files of a folder from those of the same name in another."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    require(bool(files), f"{folder} is empty")
    return "; ".join(sorted({difference(path, expected / path.name) for path in files}, reverse=True)[:1])


def values_of(path: Path) -> np.ndarray[Any, Any]:
    """The values of an image file, of whichever format."""
    if path.suffix == ".npy":
        return np.asarray(np.load(path))
    if path.suffix == ".tif":
        import tifffile

        return np.asarray(tifffile.imread(path))
    if path.suffix == ".dcm":
        import pydicom

        return np.asarray(pydicom.dcmread(path).pixel_array)
    return np.asarray(Image.open(path))


def require(holds: bool, told: str) -> None:
    """End with an error unless something holds."""
    if not holds:
        raise SystemExit(told)
