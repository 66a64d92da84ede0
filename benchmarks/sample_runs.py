"""Trains on the built-in samples and keeps numbers and picture: ``python benchmarks/sample_runs.py NAME``.

Writes ``benchmarks/results/sample_runs/NAME.json`` and ``docs/images/NAME.png``. ``--from RUN`` takes them from a run
folder that the same command has made before.
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

ROOT = Path(__file__).parents[1]
COMMANDS = {
    "default": "i2i run --generator resnet9 --loss lsgan",
    "flat-3d": "i2i run --generator resnet9 --loss lsgan --steps 3000 --set generator.base_channels=20",
    "line-3d": "i2i run --data sample:line-3d --minutes 30 --set training.sample_every=500",
}


def main() -> None:
    """Train if asked to, then gather."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=COMMANDS)
    parser.add_argument("--from", dest="folder", type=Path, help="a run folder that the command has made before")
    arguments = parser.parse_args()
    if arguments.folder is not None:
        gather(arguments.name, arguments.folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        subprocess.run([*shlex.split(COMMANDS[arguments.name]), "--out", str(run)], check=True)
        gather(arguments.name, run)


def gather(name: str, folder: Path) -> None:
    """Keep the last evaluation, the speed and the picture of a run folder."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    last: dict[str, Any] = [line for line in lines if line["kind"] == "evaluation"][-1]
    trained: dict[str, Any] = [line for line in lines if line["kind"] == "train"][-1]
    environment = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
    result = {
        "command": COMMANDS[name],
        "steps": last["step"],
        "minutes": round(trained["seconds"] / 60, 2),
        "held_out_images": last["images"],
        "directions": last["directions"],
        "environment": {key: environment[key] for key in ("i2i", "torch", "python", "threads", "gpu")},
    }
    target = ROOT / "benchmarks" / "results" / "sample_runs" / f"{name}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    picture = ROOT / "docs" / "images" / f"{name}.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / "picture.png", picture)
    print(f"wrote {target.relative_to(ROOT)} and {picture.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
