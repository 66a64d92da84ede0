"""Instance norm by PyTorch's operator: its values, and the gradient that PyTorch alone gets wrong."""

import pytest
import torch

from i2i.ops.plain_norm import plain_instance_norm

from .blocks import LAYOUTS, images, normalised, relative_error


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("batch", [1, 2])
def test_values_and_gradients_are_those_of_the_formula_whatever_the_layouts(layout, affine, batch):
    x, grad = images(batch, 3, 6, 7, seed=3), images(batch, 3, 6, 7, seed=4)
    parameters = tuple(images(3, seed=seed) for seed in (1, 2)) if affine else (None, None)

    def results(function, dtype):
        leaf = x.to(dtype).requires_grad_()
        out = function(LAYOUTS[layout](leaf), *(each if each is None else each.to(dtype) for each in parameters), 1e-5)
        return out.detach(), torch.autograd.grad(out, leaf, LAYOUTS["channels_last"](grad.to(dtype)))[0]

    for got, expected in zip(
        results(plain_instance_norm, torch.float32), results(normalised, torch.float64), strict=True
    ):
        assert relative_error(got, expected) < 5e-6


def test_without_gradients_nothing_is_added_to_the_norm():
    x = images(1, 3, 6, 7)
    expected = torch.nn.functional.instance_norm(x, eps=1e-3)
    assert torch.equal(plain_instance_norm(x, None, None, 1e-3), expected)
