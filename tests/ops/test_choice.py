"""Why a call does not run fused, and that ``impl`` is obeyed."""

import subprocess
import sys

import pytest
import torch

from i2i.ops import image_convolution, instance_norm_act, instance_norm_add, reason_against_fused, residual_block
from i2i.ops.native import cpu, cuda, library
from i2i.ops.native.cpu import CpuKernels

from .blocks import filters, images
from .conftest import OPERATORS

CALLS = {
    "residual_block": lambda x, impl: residual_block(
        x, filters(x.shape[1], 1, x.dtype), None, filters(x.shape[1], 2, x.dtype), None, impl=impl
    ),
    "instance_norm_act": lambda x, impl: instance_norm_act(x, impl=impl),
    "instance_norm_add": lambda x, impl: instance_norm_add(x, x, impl=impl),
    "image_convolution": lambda x, impl: image_convolution(x, images(3, x.shape[1], 3, 3, dtype=x.dtype), impl=impl),
}


class Watch(torch.utils._python_dispatch.TorchDispatchMode):
    """Notes which operators run."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.seen.add(str(function))
        return function(*args, **(kwargs or {}))


def runs_fused(operator, x, impl="auto"):
    with Watch() as watch:
        CALLS[operator](x, impl)
    return any(name.startswith("i2i.") for name in watch.seen)


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.usefixtures("native")
class TestWithKernels:
    def test_each_choice_is_obeyed(self, operator):
        x = images(1, 64, 64, 64)
        assert reason_against_fused(operator, x) is None
        assert runs_fused(operator, x)
        assert runs_fused(operator, x, "fused")
        assert not runs_fused(operator, x, "reference")

    def test_float64_takes_the_reference(self, operator):
        x = images(1, 64, 32, 32, dtype=torch.float64)
        known = "float32" if operator == "image_convolution" else "float32, bfloat16"
        assert reason_against_fused(operator, x) == f"the kernels for cpu compute {known}, not float64"
        assert not runs_fused(operator, x)
        with pytest.raises(RuntimeError, match=f"{operator} cannot run fused: .* not float64; impl='auto' takes"):
            CALLS[operator](x, "fused")

    def test_little_work_takes_the_reference_unless_fused_is_asked_for(self, operator):
        x = images(1, 64, 4, 4)
        if operator == "image_convolution":  # is faster however little there is to do
            assert reason_against_fused(operator, x) is None
            return
        reason = reason_against_fused(operator, x)
        assert reason == "inference with so little work, 1x64x4x4, is faster by PyTorch's own operators"
        assert reason_against_fused(operator, x, training=True).startswith("training")
        assert not runs_fused(operator, x)
        assert runs_fused(operator, x, "fused")
        assert reason_against_fused(operator, x, "fused") is None

    def test_other_devices_take_the_reference(self, operator):
        x = torch.empty(1, 64, 32, 32, device="meta")
        assert reason_against_fused(operator, x) == "there are kernels for cpu and cuda, none for meta"
        assert CALLS["instance_norm_act"](x, "auto").shape == x.shape

    @pytest.mark.parametrize("name", ["sparse_coo", "_mkldnn"])
    def test_tensors_that_are_not_strided_are_no_work_for_the_kernels(self, operator, name):
        if name == "_mkldnn" and not torch.backends.mkldnn.is_available():
            pytest.skip("this PyTorch has no oneDNN")
        x = images(1, 64, 32, 32)
        other = x.to_sparse() if name == "sparse_coo" else x.to_mkldnn()
        told = f"the layout is torch.{name}; the kernels read strided tensors"
        assert reason_against_fused(operator, other) == told
        assert reason_against_fused(operator, other, "fused") == told

    def test_a_device_without_kernels_in_this_library_is_named(self, operator):
        if torch.cuda.is_available():
            pytest.skip("there may be kernels for this machine's GPU")
        reason = cuda.load().reason
        assert reason in ("this PyTorch is built without CUDA", "PyTorch finds no CUDA device")
        assert library.why_missing(operator, "cuda") == f"the CUDA kernels are not loaded: {reason}"


@pytest.fixture
def without_library(monkeypatch):
    """As on a machine without compiler."""
    reasons = {"installed": "the installation built none", "cache": "no C++ compiler"}
    monkeypatch.setattr(cpu, "load", lambda: CpuKernels("reference", reasons=reasons))
    library._why_missing.cache_clear()
    yield
    library._why_missing.cache_clear()


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.usefixtures("without_library")
def test_without_the_library_everything_works_and_says_why_not_faster(operator):
    x = images(1, 64, 32, 32)
    told = "the native library is not loaded: installed: the installation built none; cache: no C++ compiler"
    assert reason_against_fused(operator, x) == told
    assert not runs_fused(operator, x)
    with pytest.raises(RuntimeError, match=r"cannot run fused: the native library is not loaded: .*no C"):
        CALLS[operator](x, "fused")


def test_a_misspelt_operator_is_refused():
    with pytest.raises(ValueError, match=r"operator must be one of 'residual_block', .*; got 'misspelt'"):
        reason_against_fused("misspelt", images(1, 4, 8, 8))


def test_importing_the_operators_loads_no_library():
    told = "import i2i.ops, i2i.ops.native.cpu as native; print(native._load.cache_info().currsize)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"
