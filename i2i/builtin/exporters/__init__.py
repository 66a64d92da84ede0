"""The built-in formats of exported files: their names and specs. Imports no torch."""

from __future__ import annotations

from typing import Any

from i2i.plugins import ExporterSpec, Options


def _build_onnx(_: Options) -> Any:
    from i2i.builtin.exporters.onnx_format import OnnxFormat

    return OnnxFormat()


def _build_torch(_: Options) -> Any:
    from i2i.builtin.exporters.torch_format import TorchFormat

    return TorchFormat()


SPECS: tuple[ExporterSpec, ...] = (
    ExporterSpec(
        name="onnx",
        summary="ONNX, for ONNX Runtime and others, without torch (needs the extra export)",
        suffix=".onnx",
        build=_build_onnx,
    ),
    ExporterSpec(name="torch", summary="a program of torch.export, for torch", suffix=".pt2", build=_build_torch),
)
