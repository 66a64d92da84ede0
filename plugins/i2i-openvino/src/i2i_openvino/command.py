"""``i2i openvino-speed``: how long OpenVINO takes for an image, on each device that it finds."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from i2i.errors import CheckpointError, I2IError

TYPES = {"u8": np.uint8, "f32": np.float32}


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--side", type=click.IntRange(min=1), default=256, show_default=True, help="Height and width in pixels.")
@click.option("--repeat", type=click.IntRange(min=1), default=5, show_default=True, help="Images that are timed.")
def openvino_speed(file: Path, side: int, repeat: int) -> None:
    """Time FILE, in .xml or .onnx from i2i export, on each device that OpenVINO finds.

    Without a hint of its precision, as a program would first try it, and in float32, in which i2i compares.
    """
    if not file.is_file():
        raise CheckpointError(
            f"{file} is {'a folder' if file.is_dir() else 'not there'}; expected a file of i2i export, in .xml or .onnx"
        )
    import openvino

    core = openvino.Core()
    try:
        model = core.read_model(file)
    except RuntimeError as error:
        beside = file.with_suffix(".bin")
        missing = f"; {beside.name}, which holds its weights, is not beside it" if not beside.is_file() else ""
        raise CheckpointError(
            f"{file} is no file that OpenVINO reads, or is damaged{missing if file.suffix == '.xml' else ''}; expected "
            "one of i2i export, in .xml or .onnx"
        ) from error
    given = _image(model, side, file)
    for device in core.available_devices:
        for precision in ("as the device likes", "f32"):
            hint = {"INFERENCE_PRECISION_HINT": precision} if precision == "f32" else {}
            compiled = core.compile_model(model, device, hint)
            compiled([given])  # the first time takes longer
            seconds = [_timed(compiled, given) for _ in range(repeat)]
            name = core.get_property(device, "FULL_DEVICE_NAME")
            click.echo(f"{device} ({name}), {precision}: {1000 * statistics.median(seconds):.1f} ms an image")


def _image(model: Any, side: int, file: Path) -> Any:
    """A grey image of the kind that the file takes; what it fixes goes before ``side``."""
    (entry,) = model.inputs
    kind = entry.element_type.get_type_name()
    shape = entry.partial_shape
    if kind not in TYPES or len(shape) != 4:
        raise I2IError(f"{file} takes {kind} {shape}; expected a file of i2i export, with uint8 or float32 images")
    channels_last = kind == "u8"
    wanted = (1, side, side, None) if channels_last else (1, None, side, side)
    sizes = [place.get_length() if place.is_static else want for place, want in zip(shape, wanted, strict=True)]
    return np.full(sizes, 128 if channels_last else 0, TYPES[kind])


def _timed(compiled: Any, given: Any) -> float:
    begin = time.perf_counter()
    compiled([given])
    return time.perf_counter() - begin
