"""Gradients that can be differentiated again, and zero gradients for biases that a norm cancels."""

import pytest
import torch
import torch.nn.functional as F

from i2i.ops.gradients import gradients_through_reference, with_cancelled_biases

from .blocks import images


def test_gradients_through_the_reference_are_part_of_the_graph():
    x, weight = (images(3, dtype=torch.float64, seed=seed).requires_grad_() for seed in (1, 2))
    dx, dweight = gradients_through_reference(
        lambda x, weight: x.pow(3) * weight, (x, weight), (True, True), torch.ones(3, dtype=torch.float64)
    )
    torch.testing.assert_close(dx, 3 * x.square() * weight)
    torch.testing.assert_close(dweight, x.pow(3))
    torch.testing.assert_close(torch.autograd.grad(dx.sum(), x)[0], 6 * x * weight)


def test_what_is_not_wanted_or_not_given_has_none():
    x, weight = images(3).requires_grad_(), images(3, seed=1).requires_grad_()
    found = gradients_through_reference(
        lambda x, weight, bias: x * weight, (x, weight, None), (False, True, True), torch.ones(3)
    )
    assert found[0] is None
    assert torch.equal(found[1], x)
    assert found[2] is None


def test_one_tensor_in_two_places_has_a_gradient_for_each():
    x = images(3).requires_grad_()
    first, second = gradients_through_reference(lambda a, b: 2 * a + 5 * b, (x, x), (True, True), torch.ones(3))
    assert torch.equal(first, torch.full((3,), 2.0))
    assert torch.equal(second, torch.full((3,), 5.0))


def test_a_cancelled_bias_has_a_gradient_of_zero_and_the_weight_keeps_its_own():
    x, weight = images(1, 2, 6, 6), images(2, 2, 3, 3, seed=1).requires_grad_()
    bias, fixed = images(2, seed=2).requires_grad_(), images(2, seed=3)

    def loss(weight):
        return F.instance_norm(F.conv2d(x, weight)).pow(3).sum()

    loss(with_cancelled_biases(weight, bias, None, fixed)).backward()
    assert torch.equal(bias.grad, torch.zeros(2))
    assert fixed.grad is None
    torch.testing.assert_close(weight.grad, torch.autograd.grad(loss(weight), weight)[0])


@pytest.mark.parametrize("grad", [False, True])
def test_a_weight_without_biases_in_training_is_itself(grad):
    weight = images(2, 2, 3, 3).requires_grad_()
    with torch.set_grad_enabled(grad):
        assert with_cancelled_biases(weight, None, images(2)) is weight
        trained = with_cancelled_biases(weight, images(2).requires_grad_())
    assert (trained is weight) == (not grad)
