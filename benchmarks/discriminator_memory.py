"""What each further discriminator costs in memory: ``python benchmarks/discriminator_memory.py``.

Trains a CycleGAN (resnet9 and patch70 of full width, 256x256, batch 1, fp32, CPU) for three steps in a fresh process
for each number of copies, and records the peak resident memory of that process. Writes
``benchmarks/results/discriminator_memory.json``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

RESULT = Path(__file__).parent / "results" / "discriminator_memory.json"
COPIES = (1, 2, 3)

CHILD = """
import resource, sys
import i2i
settings = {
    "discriminator.copies": int(sys.argv[1]), "discriminator.base_channels": 64, "generator.base_channels": 64,
    "data.load_size": 286, "training.ema_decay": 0.0, "training.evaluation_images": 1, "training.sample_images": 1,
    "data.test_fraction": 0.001,
}
i2i.run(generator="resnet9", loss="lsgan", image_size=256, steps=3, out=sys.argv[2], device="cpu", settings=settings)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def main() -> None:
    """Measure, print and write."""
    import torch

    import i2i

    peaks = {}
    for copies in COPIES:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-c", CHILD, str(copies), f"{folder}/run"]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        peaks[copies] = int(output.split()[-1])
        print(f"{copies} discriminators a domain: peak {peaks[copies] / 2**20:.0f} MiB", flush=True)
    discriminator = i2i.create("discriminator", "patch70", in_channels=3, norm="instance")
    result = {
        "what": "peak resident memory of a CycleGAN training process by number of discriminators a domain, bytes",
        "setting": "resnet9 and patch70, 64 base channels, 256x256, batch 1, fp32, CPU, 3 steps",
        "torch": torch.__version__,
        "peak_bytes": peaks,
        "parameters_of_one_discriminator": sum(parameter.numel() for parameter in discriminator.parameters()),
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
