"""Trains and packs the translator that ships with i2i: ``python benchmarks/sample_translator.py``.

Writes ``i2i/data/translators/flat-3d/`` (weights, description, card) and ``docs/images/sample-translator.png``.
``--from RUN`` takes them from a run folder that the same command has made before, ``--minutes`` trains for longer.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import i2i
from i2i.models.scores import IDENTITY, table_of
from i2i.plugins.manager import PluginManager

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "i2i" / "data" / "translators" / "flat-3d"
PICTURE = ROOT / "docs" / "images" / "sample-translator.png"
COMMAND = (
    "i2i run --data sample:flat-3d --generator resnet9 --loss lsgan --set generator.base_channels=16 "
    "--set method.lambda_paired=10 --set training.ema_decay=0.998 --set training.sample_every=500 "
    "--set training.checkpoint_every=500"
)
MOST_BYTES = 5_000_000
CARD = """# sample:flat-3d

A CycleGAN from flat drawings of things to shaded ones (`AtoB`) and back (`BtoA`), small enough to ship: something to
try before anything is trained. It knows emoji of 64x64 pixels on white; on anything else it shows what a translator
does outside of what it was trained on. Shapes and shading are there, edges are soft and dark colours drift.

Made by

```bash
{command}
```

on the emoji that ship with i2i ([notice and licence](../../emoji/README.md)), {train} training images of each kind, of
which the true partners were known (`lambda_paired`): {steps:,} steps in {minutes:.0f} minutes on one shared CPU core
with torch {torch}. The weights are the moving average, filters in 16 bits: `i2i convert RUN -o FOLDER --half`.

Measured on {images} held-out images, beside what handing back the input would score; L1 on the scale of 0 to 255:

| direction | | L1, lower is better | PSNR in dB | SSIM |
|---|---|---|---|---|
{rows}
"""


def main() -> None:
    """Train if asked to, then pack."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=34, help="training time")
    parser.add_argument("--from", dest="folder", type=Path, help="a run folder that the command has made before")
    arguments = parser.parse_args()
    if arguments.folder is not None:
        pack(arguments.folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        command = [*shlex.split(COMMAND), "--minutes", str(arguments.minutes), "--out", str(run)]
        subprocess.run(command, check=True)
        pack(run)


def pack(run: Path) -> None:
    """Convert the newest checkpoint of a run, and write its card."""
    if TARGET.exists():
        shutil.rmtree(TARGET)
    i2i.convert(run, TARGET, half=True)
    (TARGET / "README.md").write_text(card(run), encoding="utf-8")
    size = sum(file.stat().st_size for file in TARGET.iterdir())
    if size > MOST_BYTES:
        raise SystemExit(f"{TARGET} has {size} bytes, more than {MOST_BYTES}: choose fewer channels")
    shutil.copyfile(run / "picture.png", PICTURE)
    print(f"wrote {TARGET.relative_to(ROOT)} ({size / 1e6:.1f} MB) and {PICTURE.relative_to(ROOT)}")


def card(run: Path) -> str:
    """Say what the translator is, how it was made and how good it is."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    last: dict[str, Any] = [line for line in lines if line["kind"] == "evaluation"][-1]
    trained: dict[str, Any] = [line for line in lines if line["kind"] == "train"][-1]
    environment = json.loads((run / "environment.json").read_text(encoding="utf-8"))
    names = json.loads((run / "images.json").read_text(encoding="utf-8"))
    rows, written = [], table_of(PluginManager({}))
    for direction, metrics in last["directions"].items():
        for label, prefix in (("translation", ""), ("input unchanged", IDENTITY.prefix)):
            numbers = (written[name].number(metrics[f"{prefix}{name}"]) for name in ("l1", "psnr", "ssim"))
            rows.append(f"| {direction} | {label} | {' | '.join(numbers)} |")
    return CARD.format(
        command=wrapped(f"{COMMAND} --minutes {trained['seconds'] / 60:.0f}"),
        train=len(names["train"]["A"]),
        steps=last["step"],
        minutes=trained["seconds"] / 60,
        torch=environment["torch"],
        images=last["images"],
        rows="\n".join(rows),
    )


def wrapped(command: str) -> str:
    """Break a command before each pair of ``--set``, so that no line is too long to read."""
    begin, *settings = command.split(" --set ")
    pairs = [settings[start : start + 2] for start in range(0, len(settings), 2)]
    return " \\\n".join([begin, *("".join(f" --set {setting}" for setting in pair) for pair in pairs)])


if __name__ == "__main__":
    main()
