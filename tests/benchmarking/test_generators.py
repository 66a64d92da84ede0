"""Other runtimes give the generator's images, and say why where they cannot."""

from __future__ import annotations

import pytest
import torch

from i2i.api import create
from i2i.benchmarking import generators, rivals
from i2i.benchmarking.case import Setting, deviation

CPU = Setting(torch.device("cpu"), threads=1)


@pytest.fixture(scope="module")
def generator():
    network = create("generator", "resnet", blocks=1, base_channels=4, kernels="reference")
    return network.eval().requires_grad_(False)


@pytest.mark.slow  # exporting takes about ten seconds
def test_every_runtime_that_is_installed_gives_the_generators_images(generator):
    images = torch.rand((2, 3, 16, 24), generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        truth = generator(images)

    calls, missing = generators._runtimes(generator, images, CPU)

    assert set(calls) | set(missing) == set(generators.RUNTIMES)
    for name, call in calls.items():
        limit = generators.BFLOAT16_LIMIT if name.endswith("bf16") else generators.LIMIT
        assert deviation("output", call(), truth, limit).passes, name
    for reason in missing.values():
        assert "i2i[bench]" in reason or "bfloat16" in reason


def test_without_the_runtimes_their_rows_are_missing(generator, monkeypatch):
    monkeypatch.setattr(rivals, "missing_packages", lambda *names: f"{names[0]} cannot be found")

    calls, missing = generators._runtimes(generator, torch.zeros(1, 3, 16, 16), CPU)

    assert calls == {}
    assert missing == dict.fromkeys(generators.RUNTIMES, "onnx cannot be found")


def test_a_runtime_that_fails_leaves_the_others(generator, monkeypatch, tmp_path):
    def broken(*_):
        raise RuntimeError("opset 18 is not known\nmore")

    class File:
        def __enter__(self):
            return tmp_path / "network.onnx"

        def __exit__(self, *_):
            return False

    monkeypatch.setattr(rivals, "missing_packages", lambda *_: None)
    monkeypatch.setattr(rivals, "onnx_file", lambda *_: File())
    monkeypatch.setattr(rivals, "openvino_lacks_bfloat16", lambda: "no bfloat16 here")
    monkeypatch.setattr(rivals, "openvino_call", lambda *_, precision: lambda: precision)
    monkeypatch.setattr(rivals, "onnxruntime_call", broken)

    calls, missing = generators._runtimes(generator, torch.zeros(1, 3, 16, 16), CPU)

    assert missing["ONNX Runtime"] == "RuntimeError: opset 18 is not known"
    assert missing["OpenVINO bf16"] == "no bfloat16 here"
    assert list(calls) == ["OpenVINO"]


def test_runtimes_are_compared_on_the_cpu_alone(generator):
    calls, missing = generators._runtimes(generator, torch.zeros(1, 3, 16, 16), Setting(torch.device("cuda"), 1))

    assert calls == {}
    assert set(missing.values()) == {"compared on the CPU alone"}
