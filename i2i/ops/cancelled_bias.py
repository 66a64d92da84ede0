"""A convolution's bias in front of an instance norm: a parameter without effect that still takes part in training."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


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
    """Return ``weight``, whose part of the graph gives the biases zero gradients.

    The norm subtracts the mean and with it the bias, whose gradient is exactly zero; plain PyTorch finds rounding
    errors in its place. A missing gradient would stop ``DistributedDataParallel``. The biases hang on a weight rather
    than on the result because the result of such a function must not be changed in place.
    """
    if torch.is_grad_enabled() and any(bias is not None and bias.requires_grad for bias in biases):
        result: Tensor = _CancelledBias.apply(weight, *biases)  # type: ignore[no-untyped-call]
        return result
    return weight
