"""``python run_torch.py MODEL.pt2 INPUTS.npz OUTPUTS.npz``: PyTorch and numpy alone, on the CPU.

For a file of one's own: ``torch.export.load`` can run code that somebody put into a file. ``i2i.load`` does not.
"""

import sys

import numpy as np
import torch


def main(model: str, inputs: str, outputs: str) -> None:
    """Translate each array of ``INPUTS`` into one of the same name in ``OUTPUTS``."""
    translate = torch.export.load(model).module()
    with np.load(inputs) as arrays, torch.no_grad():
        results = {name: translate(torch.from_numpy(arrays[name])).numpy() for name in arrays.files}
    if "i2i" in sys.modules:
        raise RuntimeError("this program must show that the file needs no i2i, but i2i was imported")
    np.savez(outputs, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
