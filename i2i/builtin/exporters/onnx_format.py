"""ONNX files: written by PyTorch's exporter and simplified, run and read back by ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from i2i.environment.packages import require
from i2i.errors import CheckpointError, ConfigError, reason_of
from i2i.exporting import standalone
from i2i.models import exported_record
from i2i.plugins.exporter_protocol import OpenedFile, TracedTranslator


class OnnxFormat:
    """Writes and reads ONNX files; see :class:`~i2i.plugins.exporter_protocol.ReadingExporter`."""

    runner = Path(standalone.__file__).parent / "run_onnx.py"

    @property
    def runtime(self) -> str:
        """ONNX Runtime, with its version."""
        import onnxruntime

        return f"onnxruntime {onnxruntime.__version__}"

    def require(self) -> None:
        """Raise a ConfigError without the packages of the extra ``export``."""
        require("exporting to ONNX", "onnx", "onnxscript", "onnxruntime")

    def write(self, traced: TracedTranslator, path: Path) -> None:
        """Write one file."""
        traced.write_onnx(path)

    def open(self, path: Path, device: str, *, trust: bool) -> OpenedFile:
        """Open a file for the CPU, or with ``onnxruntime-gpu`` for CUDA; ONNX Runtime knows operators alone."""
        del trust
        require(str(path), "onnxruntime")
        import onnxruntime

        available = onnxruntime.get_available_providers()
        cuda = "CUDAExecutionProvider" in available
        place = torch.device(("cuda" if cuda else "cpu") if device == "auto" else device)
        if place.type not in ("cpu", "cuda") or (place.type == "cuda" and not cuda):
            raise ConfigError(
                f"device {device!r} is not one that ONNX Runtime has here (its providers: {', '.join(available)}); use "
                "cpu, or install onnxruntime-gpu for CUDA"
            )
        options = {"device_id": place.index or 0}
        providers = [("CUDAExecutionProvider", options)] if place.type == "cuda" else []
        try:
            session = onnxruntime.InferenceSession(str(path), providers=[*providers, "CPUExecutionProvider"])
        except Exception as error:  # its own classes, without a common base
            raise CheckpointError(f"{path} is not an ONNX file, or is damaged ({reason_of(error)})") from error
        record = session.get_modelmeta().custom_metadata_map.get(exported_record.KEY)

        def translate(images: Tensor) -> Tensor:
            (output,) = session.run(None, {exported_record.INPUT: images.cpu().numpy()})
            return torch.from_numpy(output)

        return OpenedFile(translate, record, place)
