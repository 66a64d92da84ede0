"""Whether scores that know no truth order translators as the truth does: ``python benchmarks/scores_without_truth.py``.

Trains small translators of emoji, of which the truth is known, and writes
``benchmarks/results/scores_without_truth.json``: what each scores on images that no run has seen, and the rank
correlation of each score with L1 and SSIM to the truth. ``--images`` is a folder that holds ``line``, ``flat`` and
``3d`` of Fluent emoji, one file name a drawing; ``--runs`` keeps the runs and what was measured, and a second call
goes on where one ended.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np

import i2i
from i2i.models.scores import WITHOUT_TRUTH, score_without_truth

RESULT = Path(__file__).parent / "results" / "scores_without_truth.json"
TRAINING, HELD_OUT, SIDE, CHANNELS = 100, 60, 64, 8
METHODS = {
    "cyclegan": (),
    "cyclegan, skip": ("--set", "generator.input_skip=true"),
    "cyclegan, light": ("--set", "method.lambda_A=2", "--set", "method.lambda_B=2"),
    "cyclegan, skip, light": (
        *("--set", "generator.input_skip=true", "--set", "generator.input_skip_gain=3"),
        *("--set", "method.lambda_A=2", "--set", "method.lambda_B=2", "--set", "method.lambda_identity=0"),
    ),
    "cut": ("--method", "cut"),
    "fastcut": ("--method", "fastcut"),
    "pix2pix": ("--method", "pix2pix", "--generator", "resnet9", "--set", "method.lambda_L1=100"),
}
"""What is added to ``i2i run``, by name."""
RUNS = [
    (domain, method, steps)
    for method, steps in (
        *(("cyclegan", 150), ("pix2pix", 400), ("cut", 300), ("cyclegan, light", 450), ("cyclegan, skip", 300)),
        *(("cyclegan, skip, light", 450), ("fastcut", 450), ("pix2pix", 150), ("cyclegan", 450)),
    )
    for domain in ("line", "flat")
]
"""What is translated into ``3d``, how and for how long."""


def main() -> None:
    """Train what is not there, then measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True, help="the folder of line, flat and 3d")
    parser.add_argument("--runs", type=Path, required=True, help="where the runs are kept")
    arguments = parser.parse_args()
    for domain in ("line", "flat"):
        _gather(arguments.images, domain, arguments.runs / f"{domain}-data")
    for run in RUNS:
        _train(arguments.runs, *run)
    kept = arguments.runs / "measured.json"
    measured: dict[str, dict[str, float]] = json.loads(kept.read_text()) if kept.exists() else {}
    for folder in (_run_folder(arguments.runs, *run) for run in RUNS):
        if folder.name not in measured:
            found = i2i.evaluate(folder, metrics="pairs", metric=WITHOUT_TRUTH, device="cpu")
            measured[folder.name] = {**found.pairs, **found.sets}
            kept.write_text(json.dumps(measured))
    RESULT.write_text(json.dumps(_result(arguments.runs, measured), indent=2) + "\n")
    print(f"wrote {RESULT}")


def _result(runs: Path, measured: dict[str, dict[str, float]]) -> dict[str, Any]:
    """What each run scores, and how far each score orders them as L1 and SSIM do; 1 is the same order."""
    rows, correlations = [], {}
    for domain in ("line", "flat"):
        found = []
        for _, method, steps in (run for run in RUNS if run[0] == domain):
            values = measured[_run_folder(runs, domain, method, steps).name]
            score = score_without_truth(values)
            assert score is not None
            names = ("l1", "identity_l1", "ssim", *WITHOUT_TRUTH)
            found.append({"from": domain, "method": method, "steps": steps, "score": round(score, 4)})
            found[-1] |= {name: round(values[name], 4) for name in names if name in values}
        rows += found
        ahead = [row for row in found if "skip" not in row["method"]]  # the others are nearly the input
        for label, chosen in ((f"{domain} to 3d", found), (f"{domain} to 3d, without input skip", ahead)):
            correlations[label] = {"runs": len(chosen), **_correlations(chosen)}
    return {"training_images": TRAINING, "held_out_images": HELD_OUT, "rank_correlation": correlations, "runs": rows}


def _correlations(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Spearman's, signed so that 1 is agreement."""
    better = {"score": -1, "domain_probability": 1, "domain_distance": -1, "edge_preservation": 1}
    truth = {"l1": -1, "ssim": 1}
    return {
        name: {
            to: round(_spearman([sign * r[name] for r in rows], [way * r[to] for r in rows]), 3)
            for to, way in truth.items()
        }
        for name, sign in better.items()
    }


def _spearman(one: list[float], other: list[float]) -> float:
    ranks = [np.argsort(np.argsort(values)) for values in (one, other)]
    found = float(np.corrcoef(*ranks)[0, 1])
    assert math.isfinite(found)
    return found


def _gather(images: Path, domain: str, folder: Path) -> None:
    """Lay out pairs for training and others to be held out; every fifth emoji is left to others to judge by."""
    if folder.exists():
        return
    names = sorted(path.name for path in (images / domain).glob("*.png"))
    names = [name for name in names if zlib.crc32(Path(name).stem.encode()) % 5]
    chosen = names[:: len(names) // (TRAINING + HELD_OUT)][: TRAINING + HELD_OUT]
    for place, name in enumerate(chosen):
        split = "test" if place * HELD_OUT % (TRAINING + HELD_OUT) < HELD_OUT else "train"
        for letter, source in (("A", domain), ("B", "3d")):
            target = folder / f"{split}{letter}" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(images / source / name, target)


def _train(folder: Path, domain: str, method: str, steps: int) -> None:
    out = _run_folder(folder, domain, method, steps)
    if (out / "picture.png").exists():
        return
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "i2i", "run", "--data", str(folder / f"{domain}-data"), "--out", str(out)]
    command += ["--steps", str(steps), "--image-size", str(SIDE), "--set", f"generator.base_channels={CHANNELS}"]
    command += ["--set", f"discriminator.base_channels={2 * CHANNELS}", "--set", "training.sample_images=8"]
    subprocess.run([*command, *METHODS[method]], check=True, stdout=subprocess.DEVNULL)


def _run_folder(folder: Path, domain: str, method: str, steps: int) -> Path:
    return folder / f"{domain}-{method.replace(', ', '-')}-{steps}"


if __name__ == "__main__":
    main()
