"""Gradients that can be differentiated again: through the reference, since the native backward has no backward."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def gradients_through_reference(
    reference: Callable[..., Tensor], inputs: Sequence[Tensor | None], needed: Sequence[bool], grad: Tensor
) -> list[Tensor | None]:
    """Return the gradients of an operator as part of the graph, as ``create_graph=True`` asks for.

    A gradient penalty (WGAN-GP) differentiates gradients. The operator is computed anew by PyTorch's own operators,
    which are differentiable any number of times, so the cost is that of the reference.

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
