"""``python run_onnx.py MODEL.onnx INPUTS.npz OUTPUTS.npz``: ONNX Runtime and numpy alone, on the CPU."""

import sys

import numpy as np
import onnxruntime


def main(model: str, inputs: str, outputs: str) -> None:
    """Translate each array of ``INPUTS`` into one of the same name in ``OUTPUTS``."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (images,) = session.get_inputs()
    with np.load(inputs) as arrays:
        results = {name: session.run(None, {images.name: arrays[name]})[0] for name in arrays.files}
    if "torch" in sys.modules:
        raise RuntimeError("this program must show that the file needs no torch, but torch was imported")
    np.savez(outputs, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
