"""What instance norm with a skip has of its own; test_instance_norms.py has what holds for both norms."""

import pytest
import torch

from i2i.ops import instance_norm_add

from .blocks import images


@pytest.mark.parametrize("impl", ["auto", "reference"])
def test_dtypes_are_promoted_as_in_a_sum(impl):
    x, skip = images(1, 3, 5, 5, dtype=torch.bfloat16), images(1, 3, 5, 5)
    assert instance_norm_add(x, skip, impl=impl).dtype == torch.float32
    assert instance_norm_add(skip, x, impl=impl).dtype == torch.float32


@pytest.mark.usefixtures("native")
def test_one_tensor_as_both_inputs_gets_both_gradients():
    def gradient(impl, create_graph):
        x = images(1, 4, 6, 6).requires_grad_()
        out = instance_norm_add(x, x, impl=impl).pow(3).sum()
        return torch.autograd.grad(out, x, create_graph=create_graph)[0].detach()

    torch.testing.assert_close(gradient("fused", False), gradient("reference", False), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(gradient("fused", True), gradient("reference", False), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("skip", "error", "message"),
    [
        (torch.zeros(1, 4, 8, 7), ValueError, r"skip must have the shape of x, \[1, 4, 8, 8\]; got \[1, 4, 8, 7\]"),
        (torch.zeros(1, 4, 8, 8, dtype=torch.uint8), TypeError, "skip must be float16, .*; got torch.uint8"),
        (torch.zeros(1, 4, 8, 8, device="meta"), ValueError, "skip must be on cpu, the device of x; got meta"),
    ],
)
def test_a_wrong_skip_is_named(skip, error, message):
    with pytest.raises(error, match=message):
        instance_norm_add(torch.zeros(1, 4, 8, 8), skip)
