"""Files of OpenVINO: converted from i2i's ONNX, whose norms are exact in every runtime, and read back for the CPU."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from torch import Tensor

from i2i.errors import CheckpointError, ConfigError, reason_of
from i2i.plugins.exporter_protocol import OpenedFile, TracedTranslator
from i2i_openvino import run_openvino

RECORD = "i2i"
"""Where the file's runtime information holds what it says of itself."""


class OpenvinoFormat:
    """Writes and reads OpenVINO's files; see :class:`i2i.plugins.exporter_protocol.ReadingExporter`.

    Args:
        half: store weights as float16.
    """

    runner = Path(run_openvino.__file__)

    def __init__(self, *, half: bool) -> None:
        self.half = half

    @property
    def runtime(self) -> str:
        """OpenVINO, with its version."""
        import openvino

        return f"openvino {openvino.__version__.partition('-')[0]}"

    def require(self) -> None:
        """Raise a ConfigError where OpenVINO, or what writes ONNX, cannot be imported."""
        for module in ("openvino", "onnx", "onnxscript"):
            _require(module)

    def write(self, traced: TracedTranslator, path: Path) -> None:
        """Write ``.xml`` and ``.bin``; filters that were float16 stay so, all others do without ``half``."""
        import openvino

        with tempfile.TemporaryDirectory(prefix="i2i-openvino-") as folder:
            onnx = Path(folder, "translator.onnx")
            traced.write_onnx(onnx)
            model = openvino.convert_model(onnx)
        model.set_rt_info(traced.record, [RECORD])
        openvino.save_model(model, path, compress_to_fp16=self.half)

    def open(self, path: Path, device: str, *, trust: bool) -> OpenedFile:
        """Open a file for the CPU, in float32; OpenVINO knows operators alone."""
        del trust
        _require("openvino")
        import openvino

        if device not in ("auto", "cpu"):
            raise ConfigError(f"{path} is computed by OpenVINO on the CPU here; got device {device!r}; use cpu or auto")
        try:
            core = openvino.Core()
            model = core.read_model(path)
            compiled = core.compile_model(model, "CPU", run_openvino.FLOAT32)
        except RuntimeError as error:
            raise CheckpointError(
                f"{path} is no file of OpenVINO, or is damaged, or the .bin beside it is missing ({reason_of(error)})"
            ) from error
        record = str(model.get_rt_info(RECORD).value) if model.has_rt_info(RECORD) else None

        def translate(images: Tensor) -> Tensor:
            (output,) = compiled([images.cpu().numpy()]).values()
            return torch.from_numpy(output.copy())  # the next call writes into the same memory

        return OpenedFile(translate, record, torch.device("cpu"))


def _require(module: str) -> None:
    try:
        __import__(module)
    except Exception as error:  # a broken shared library raises anything
        raise ConfigError(
            f"exporter openvino needs {module}, which cannot be imported ({type(error).__name__}: {reason_of(error)}); "
            "install the package with what it depends on: pip install i2i-openvino"
        ) from error
