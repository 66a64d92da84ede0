"""Trains twice from one seed, with fused kernels and without: ``python benchmarks/kernels_training.py``.

Writes ``benchmarks/results/kernels_training.json``, the losses of both runs, and ``docs/images/kernels-training.png``,
their curves. The kernels round differently from PyTorch's operators, and training makes the difference grow, so the
curves are to lie on each other, not to be equal.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from matplotlib.figure import Figure

import i2i

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "kernels_training.json"
PICTURE = ROOT / "docs" / "images" / "kernels-training.png"
SETTINGS = {"generator": "resnet9", "loss": "lsgan", "seed": 0}
SHOWN = {
    "cycle_A": "cycle loss, A to B and back",
    "G_A": "adversarial loss of A to B",
    "D_A": "its discriminator's loss",
}


def main() -> None:
    """Train, keep the losses, draw them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300)
    steps = parser.parse_args().steps
    losses = {kernels: train(kernels, steps) for kernels in ("auto", "reference")}
    RESULT.write_text(json.dumps({"settings": SETTINGS, "steps": steps, "losses": losses}) + "\n", encoding="utf-8")
    draw(losses)


def train(kernels: str, steps: int) -> dict[str, list[float]]:
    """Return the losses of a run on the built-in sample, one value for each step logged."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        i2i.run(
            **SETTINGS,
            steps=steps,
            out=run,
            settings={"generator.kernels": kernels, "discriminator.kernels": kernels, "training.log_every": 5},
        )
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    logged = [line for line in lines if line["kind"] == "train"]
    return {"step": [line["step"] for line in logged]} | {
        name: [line["losses"][name] for line in logged] for name in logged[0]["losses"]
    }


def draw(losses: dict[str, dict[str, list[float]]]) -> None:
    """Draw one panel a loss: the reference as a broad line, the fused kernels as a thin one on top of it."""
    figure = Figure(figsize=(11, 3.2), dpi=110, layout="constrained")
    for axes, (name, title) in zip(figure.subplots(1, len(SHOWN)), SHOWN.items(), strict=True):
        reference, fused = losses["reference"], losses["auto"]
        axes.plot(reference["step"], reference[name], color="#f2b179", linewidth=5, label="PyTorch's operators")
        axes.plot(fused["step"], fused[name], color="#1f4e79", linewidth=1.2, label="fused kernels")
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("training step")
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9)
    figure.savefig(PICTURE)


if __name__ == "__main__":
    main()
