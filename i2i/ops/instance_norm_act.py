"""Instance norm, activation and reflection padding in one pass over memory.

Meaning: :func:`instance_norm_act_reference`. Gradients: of any order; from the second on through the reference.
Source of the norm: Ulyanov, Vedaldi and Lempitsky, "Instance Normalization", 2016, equation 1.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from i2i.ops.batching import Dims, fold, in_turn, unfold
from i2i.ops.checks import (
    require_affine,
    require_epsilon,
    require_many_values,
    require_one_of,
    require_padding,
    require_planes,
)
from i2i.ops.choice import Implementation, needs_gradients, takes_fused
from i2i.ops.gradients import gradients_through_reference
from i2i.ops.memory_format import empty_gradient_of, empty_in_layout_of, empty_norm_outputs, in_layout_of
from i2i.ops.native import library
from i2i.ops.plain_norm import plain_instance_norm

ACTIVATIONS = ("none", "relu", "leaky_relu")


def instance_norm_act(
    x: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    act: str = "relu",
    negative_slope: float = 0.2,
    pad: int = 0,
    impl: Implementation = "auto",
) -> Tensor:
    """Normalise each plane, scale and shift it, apply the activation and reflect the borders.

    Args:
        x: ``[N, C, H, W]``, float16, bfloat16, float32 or float64, any strides. Statistics are float32, or float64
            for float64.
        weight: scale ``[C]`` in the dtype of ``x``, or float32 beside float16 and bfloat16.
        bias: shift, likewise; comes with ``weight`` or not at all.
        eps: added to the variance, at least 0.
        act: ``"none"``, ``"relu"`` or ``"leaky_relu"``.
        negative_slope: factor of negative values, for ``"leaky_relu"`` alone.
        pad: pixels reflected at each side of the result, less than H and W.
        impl: ``"auto"`` runs fused where that can be done and is faster, ``"fused"`` raises where it cannot be done,
            ``"reference"`` takes PyTorch's own operators.

    Returns:
        ``[N, C, H + 2 * pad, W + 2 * pad]`` in the dtype of ``x``; channels_last if ``x`` is, else contiguous.

    Raises:
        TypeError: for a wrong type or dtype.
        ValueError: for a wrong shape, planes of a single value, or a ``pad`` that does not fit.
        RuntimeError: for ``impl="fused"`` where that cannot be done; the message says why.
    """
    require_planes("x", x)
    require_affine(("weight", "bias"), weight, bias, x)
    require_epsilon(eps)
    require_one_of("act", act, ACTIVATIONS)
    require_padding(pad, x)
    require_many_values(x)
    if takes_fused("instance_norm_act", impl, x, training=needs_gradients(x, weight, bias)):
        fused: Tensor = torch.ops.i2i.instance_norm_act(x, weight, bias, eps, act, negative_slope, pad)[0]
        return fused
    out = instance_norm_act_reference(x, weight, bias, eps, act, negative_slope, pad)
    return in_layout_of(x, out.to(x.dtype))  # autocast pads in float32


def instance_norm_act_reference(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    act: str,
    negative_slope: float,
    pad: int,
) -> Tensor:
    """Compute :func:`instance_norm_act` by PyTorch's own operators, without the checks."""
    out = plain_instance_norm(x, weight, bias, eps)
    if act == "relu":
        out = F.relu(out)
    elif act == "leaky_relu":
        out = F.leaky_relu(out, negative_slope)
    return F.pad(out, (pad, pad, pad, pad), mode="reflect") if pad else out


@library.when_loaded
def _register() -> None:
    """Tell PyTorch shapes, gradients and batching of the native operators."""
    torch.library.register_fake("i2i::instance_norm_act", _forward_fake)
    torch.library.register_autograd("i2i::instance_norm_act", _backward, setup_context=_keep)
    torch.library.register_vmap("i2i::instance_norm_act", _forward_batched)
    torch.library.register_fake("i2i::instance_norm_act_backward", _backward_fake)
    torch.library.register_vmap("i2i::instance_norm_act_backward", _backward_batched)


def _forward_fake(x: Tensor, *settings: Any) -> tuple[Tensor, Tensor, Tensor]:
    return empty_norm_outputs(x, pad=settings[-1])


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
    x, weight, bias, *settings = inputs
    _, mean, rstd = output
    ctx.mark_non_differentiable(mean, rstd)
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(x, weight, bias, mean, rstd)
    ctx.settings = settings


def _backward(ctx: Any, grad: Tensor | None, *_: None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 7
    x, weight, bias, mean, rstd = ctx.saved_tensors
    eps, act, negative_slope, pad = ctx.settings
    if torch.is_grad_enabled():  # create_graph=True

        def reference(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
            return instance_norm_act_reference(x, weight, bias, eps, act, negative_slope, pad)

        dx, dweight, dbias = gradients_through_reference(reference, (x, weight, bias), ctx.needs_input_grad[:3], grad)
    else:
        dx, dweight, dbias = torch.ops.i2i.instance_norm_act_backward(
            grad, x, weight, bias, mean, rstd, act, negative_slope, pad
        )
    affine = weight is not None
    return dx, dweight if affine else None, dbias if affine else None, None, None, None, None


def _backward_fake(
    _grad: Tensor, x: Tensor, weight: Tensor | None, bias: Tensor | None, *_: Any
) -> tuple[Tensor, Tensor, Tensor]:
    return empty_in_layout_of(x, x.shape), empty_gradient_of(weight, x), empty_gradient_of(bias, x)


def _forward_batched(info: Any, mapped: Dims, x: Tensor, *arguments: Any) -> tuple[Any, Any]:
    operator = torch.ops.i2i.instance_norm_act
    if mapped[1] is not None or mapped[2] is not None:
        return in_turn(operator, info.batch_size, mapped, (x, *arguments))
    outputs = operator(fold(x, mapped[0], info.batch_size), *arguments)
    return tuple(unfold(output, info.batch_size) for output in outputs), (0, 0, 0)


def _backward_batched(info: Any, mapped: Dims, *arguments: Any) -> tuple[Any, Any]:
    operator = torch.ops.i2i.instance_norm_act_backward
    grad, x, weight, _, mean, rstd, *settings = arguments
    if weight is not None:  # whose gradient is one a sample
        return in_turn(operator, info.batch_size, mapped, arguments)
    size = info.batch_size
    folded = [fold(tensor, mapped[place], size) for place, tensor in ((0, grad), (1, x), (4, mean), (5, rstd))]
    dx, dweight, dbias = operator(folded[0], folded[1], None, None, folded[2], folded[3], *settings)
    return (unfold(dx, size), dweight, dbias), (0, None, None)
