"""``python run_openvino.py MODEL.xml INPUTS.npz OUTPUTS.npz``: OpenVINO and numpy alone, on the CPU in float32."""

import sys

import numpy as np

FLOAT32 = {"INFERENCE_PRECISION_HINT": "f32"}
"""Processors that have bfloat16 would compute in it, which is 2 to 5 levels off."""


def main(model: str, inputs: str, outputs: str) -> None:
    """Translate each array of ``INPUTS`` into one of the same name in ``OUTPUTS``."""
    import openvino

    translate = openvino.Core().compile_model(model, "CPU", FLOAT32)
    with np.load(inputs) as arrays:
        results = {name: translate([arrays[name]])[0].copy() for name in arrays.files}
    foreign = {"i2i", "torch"} & set(sys.modules)
    if foreign:
        raise RuntimeError(f"this program must show that the file needs none of {', '.join(sorted(foreign))}")
    np.savez(outputs, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
