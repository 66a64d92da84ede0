"""Gradients that the native operators do not have themselves: of gradients, and of biases that a norm cancels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


def gradients_through_reference(
    reference: Callable[..., Tensor], inputs: Sequence[Tensor | None], needed: Sequence[bool], grad: Tensor
) -> list[Tensor | None]:
    """Return the gradients of an operator as part of the graph, as ``create_graph=True`` asks for.

    A gradient penalty (WGAN-GP) differentiates gradients, and the native backward has no backward. The operator is
    computed again by PyTorch's own operators, which are differentiable any number of times, so the cost is that of the
    reference.

    Args:
        reference: maps the inputs to the operator's output.
        inputs: the operator's tensors, attached to the graph they came from; ``None`` for those not given.
        needed: whether the gradient of each input is wanted.
        grad: gradient of the output.

    Returns:
        For each input its gradient, ``None`` where none is wanted.
    """
    with torch.enable_grad():
        # A tensor given twice has two gradients, so each place gets a view of its own to be differentiated by.
        places = [tensor.view_as(tensor) if tensor is not None else None for tensor in inputs]
        wanted = [place for place, need in zip(places, needed, strict=True) if need and place is not None]
        found = iter(torch.autograd.grad(reference(*places), wanted, grad, create_graph=True))
    return [next(found) if need and place is not None else None for place, need in zip(places, needed, strict=True)]


class _CancelledBias(torch.autograd.Function):
    """The identity of its first argument; the gradients of the others are zero."""

    generate_vmap_rule = True

    @staticmethod
    def forward(weight: Tensor, *_biases: Tensor | None) -> Tensor:
        return weight.view_as(weight)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG004  # PyTorch's name
        ctx.save_for_backward(*inputs[1:])

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        biases = zip(ctx.saved_tensors, ctx.needs_input_grad[1:], strict=True)
        return grads[0], *(torch.zeros_like(bias) if need else None for bias, need in biases)


def with_cancelled_biases(weight: Tensor, *biases: Tensor | None) -> Tensor:
    """Return a convolution's ``weight``, whose part of the graph gives the biases zero gradients.

    A bias in front of an instance norm is a parameter without effect that still takes part in training. The norm
    subtracts the mean and with it the bias, whose gradient is exactly zero; plain PyTorch finds rounding errors in its
    place. A missing gradient would stop ``DistributedDataParallel``. The biases hang on a weight rather
    than on the result because the result of such a function must not be changed in place.
    """
    if torch.is_grad_enabled() and any(bias is not None and bias.requires_grad for bias in biases):
        result: Tensor = _CancelledBias.apply(weight, *biases)  # type: ignore[no-untyped-call]
        return result
    return weight
