"""Trains from one seed with fused kernels and without: ``python benchmarks/kernels_training.py``.

Writes ``benchmarks/results/kernels_training.json``, the losses of every run, and ``docs/images/kernels-training.png``,
their curves. The kernels round differently from PyTorch's operators, and Adam and the adversary make any difference
grow. How much it grows anyway is shown by a third run: PyTorch's operators again, with another number of threads, which
changes nothing but the order of some sums.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

import i2i

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "kernels_training.json"
PICTURE = ROOT / "docs" / "images" / "kernels-training.png"
SETTINGS = {"generator": "resnet9", "loss": "lsgan", "seed": 0}
SHOWN = {
    "cycle_A": "cycle loss, A to B and back",
    "identity_A": "identity loss",
    "G_A": "adversarial loss of A to B",
    "D_A": "its discriminator's loss",
}
RUNS = {  # label: (kernels, threads, colour, width)
    "PyTorch's operators": ("reference", 2, "#f2b179", 5.0),
    "the same on one thread": ("reference", 1, "#5b9a68", 2.2),
    "fused kernels": ("auto", 2, "#1f4e79", 1.1),
}
WINDOW = 25
"""Steps that a point of a curve is the mean of."""


def main() -> None:
    """Train, keep the losses, draw them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=400)
    steps = parser.parse_args().steps
    losses = {label: train(kernels, threads, steps) for label, (kernels, threads, _, _) in RUNS.items()}
    means = {
        label: {name: round(float(np.mean(values[name][-100:])), 4) for name in SHOWN}
        for label, values in losses.items()
    }
    result = {"settings": SETTINGS, "steps": steps, "means_of_the_last_100_steps": means, "losses": losses}
    RESULT.write_text(json.dumps(result) + "\n", encoding="utf-8")
    print(json.dumps(means, indent=2))
    draw(losses)


def train(kernels: str, threads: int, steps: int) -> dict[str, list[float]]:
    """Return the losses of a run on the built-in sample, one value a step."""
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        i2i.run(
            **SETTINGS,
            steps=steps,
            out=run,
            settings={"generator.kernels": kernels, "discriminator.kernels": kernels, "training.log_every": 1},
        )
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    logged = [line["losses"] for line in lines if line["kind"] == "train"]
    return {name: [float(f"{losses[name]:.6g}") for losses in logged] for name in SHOWN}


def draw(losses: dict[str, dict[str, list[float]]]) -> None:
    """Draw one panel a loss, with the runs on top of each other."""
    figure = Figure(figsize=(12, 3.3), dpi=110, layout="constrained")
    for axes, (name, title) in zip(figure.subplots(1, len(SHOWN)), SHOWN.items(), strict=True):
        for label, (_, _, colour, width) in RUNS.items():
            smooth = np.convolve(losses[label][name], np.full(WINDOW, 1 / WINDOW), mode="valid")
            axes.plot(np.arange(len(smooth)) + WINDOW / 2, smooth, color=colour, linewidth=width, label=label)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("training step")
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(PICTURE)


if __name__ == "__main__":
    main()
