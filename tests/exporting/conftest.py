import pytest

import i2i

from ..helpers.fixtures import exported, quick_exports

__all__ = ["exported", "quick_exports"]


@pytest.fixture(scope="module")
def run(exported):
    return exported[0]


@pytest.fixture(scope="module")
def onnx_file(exported):
    return exported[1]["images.onnx"]


@pytest.fixture(scope="module")
def torch_file(exported):
    return exported[1]["images.pt2"]


@pytest.fixture(scope="module")
def translator(run):
    return i2i.load(run, device="cpu")
