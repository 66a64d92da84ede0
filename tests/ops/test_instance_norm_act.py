"""What instance norm with activation has of its own; test_instance_norms.py has what holds for both norms."""

import pytest
import torch

from i2i.ops import instance_norm_act

from .blocks import images


@pytest.mark.usefixtures("native")
def test_the_operator_takes_the_mean_from_planes_of_one_value():
    """The function refuses them, as PyTorch's norm does; a graph that reaches the operator gets the limit."""
    out, mean, _ = torch.ops.i2i.instance_norm_act(images(2, 3, 1, 1), None, None, 1e-5, "none", 0.2, 0)
    assert torch.equal(out, torch.zeros(2, 3, 1, 1))
    assert torch.equal(mean, images(2, 3, 1, 1).flatten(1))


def test_without_options_it_is_a_relu_and_a_leaky_one_has_a_slope_of_a_fifth():
    x = images(1, 2, 8, 8)
    plain = torch.nn.functional.instance_norm(x)
    torch.testing.assert_close(instance_norm_act(x, impl="reference"), plain.relu())
    leaky = instance_norm_act(x, act="leaky_relu", impl="reference")
    torch.testing.assert_close(leaky, torch.nn.functional.leaky_relu(plain, 0.2))


def test_an_unknown_activation_names_those_there_are():
    with pytest.raises(ValueError, match="act must be one of 'none', 'relu', 'leaky_relu'; got 'tanh'"):
        instance_norm_act(torch.zeros(1, 4, 8, 8), act="tanh")
