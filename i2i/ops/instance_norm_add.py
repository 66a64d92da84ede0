"""Instance norm, sum with a skip connection and reflection padding in one pass over memory.

Meaning: :func:`instance_norm_add_reference`. Gradients: of any order; from the second on through the reference.
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
    require_padding,
    require_planes,
)
from i2i.ops.choice import Implementation, needs_gradients, takes_fused
from i2i.ops.gradients import gradients_through_reference
from i2i.ops.memory_format import empty_gradient_of, empty_in_layout_of, empty_norm_outputs, in_layout_of
from i2i.ops.native import library
from i2i.ops.plain_norm import plain_instance_norm


def instance_norm_add(
    x: Tensor,
    skip: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    pad: int = 0,
    impl: Implementation = "auto",
) -> Tensor:
    """Normalise each plane, scale and shift it, add the skip and reflect the borders of the sum.

    Args:
        x: ``[N, C, H, W]``, float16, bfloat16, float32 or float64, any strides. Statistics are float32, or float64
            for float64.
        skip: what to add, of the shape of ``x``. When the dtypes differ, the result has the one that their sum has.
        weight: scale ``[C]`` in the dtype of ``x``, or float32 beside float16 and bfloat16.
        bias: shift, likewise; comes with ``weight`` or not at all.
        eps: added to the variance, at least 0.
        pad: pixels reflected at each side of the result, less than H and W.
        impl: ``"auto"`` runs fused where that can be done and is faster, ``"fused"`` raises where it cannot be done,
            ``"reference"`` takes PyTorch's own operators.

    Returns:
        ``[N, C, H + 2 * pad, W + 2 * pad]``; channels_last if ``x`` is, else contiguous.

    Raises:
        TypeError: for a wrong type or dtype.
        ValueError: for a wrong shape, planes of a single value, or a ``pad`` that does not fit.
        RuntimeError: for ``impl="fused"`` where that cannot be done; the message says why.
    """
    require_planes("x", x)
    require_planes("skip", skip)
    if skip.shape != x.shape:
        raise ValueError(f"skip must have the shape of x, {list(x.shape)}; got {list(skip.shape)}")
    if skip.device != x.device:
        raise ValueError(f"skip must be on {x.device}, the device of x; got {skip.device}")
    require_affine(("weight", "bias"), weight, bias, x)
    require_epsilon(eps)
    require_padding(pad, x)
    require_many_values(x)
    if skip.dtype != x.dtype:  # under autocast a convolution gives less than what came in
        dtype = torch.promote_types(x.dtype, skip.dtype)
        x, skip = x.to(dtype), skip.to(dtype)
    if takes_fused("instance_norm_add", impl, x, training=needs_gradients(x, skip, weight, bias)):
        fused: Tensor = torch.ops.i2i.instance_norm_add(x, skip, weight, bias, eps, pad)[0]
        return fused
    out = instance_norm_add_reference(x, skip, weight, bias, eps, pad)
    return in_layout_of(x, out.to(x.dtype))  # autocast pads in float32


def instance_norm_add_reference(
    x: Tensor, skip: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, pad: int
) -> Tensor:
    """Compute :func:`instance_norm_add` by PyTorch's own operators, without the checks."""
    out = plain_instance_norm(x, weight, bias, eps) + skip
    return F.pad(out, (pad, pad, pad, pad), mode="reflect") if pad else out


@library.when_loaded
def _register() -> None:
    """Tell PyTorch shapes, gradients and batching of the native operators."""
    torch.library.register_fake("i2i::instance_norm_add", _forward_fake)
    torch.library.register_autograd("i2i::instance_norm_add", _backward, setup_context=_keep)
    torch.library.register_vmap("i2i::instance_norm_add", _forward_batched)
    torch.library.register_fake("i2i::instance_norm_add_backward", _backward_fake)
    torch.library.register_vmap("i2i::instance_norm_add_backward", _backward_batched)


def _forward_fake(x: Tensor, *settings: Any) -> tuple[Tensor, Tensor, Tensor]:
    return empty_norm_outputs(x, pad=settings[-1])


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
    x, _, weight, bias, *settings = inputs
    _, mean, rstd = output
    ctx.mark_non_differentiable(mean, rstd)
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(x, weight, bias, mean, rstd)  # the gradients do not depend on the skip
    ctx.settings = settings


def _backward(ctx: Any, grad: Tensor | None, *_: None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 6
    x, weight, bias, mean, rstd = ctx.saved_tensors
    eps, pad = ctx.settings
    if torch.is_grad_enabled():  # create_graph=True

        def reference(x: Tensor, skip: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
            return instance_norm_add_reference(x, skip, weight, bias, eps, pad)

        skip = torch.zeros_like(x, requires_grad=ctx.needs_input_grad[1])
        inputs = (x, skip, weight, bias)
        dx, dskip, dweight, dbias = gradients_through_reference(reference, inputs, ctx.needs_input_grad[:4], grad)
    else:
        dx, dskip, dweight, dbias = torch.ops.i2i.instance_norm_add_backward(grad, x, weight, mean, rstd, pad)
    affine = weight is not None
    return dx, dskip, dweight if affine else None, dbias if affine else None, None, None


def _backward_fake(_grad: Tensor, x: Tensor, weight: Tensor | None, *_: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    dx, dskip = empty_in_layout_of(x, x.shape), empty_in_layout_of(x, x.shape)
    return dx, dskip, empty_gradient_of(weight, x), empty_gradient_of(weight, x)


def _forward_batched(info: Any, mapped: Dims, x: Tensor, skip: Tensor, *arguments: Any) -> tuple[Any, Any]:
    operator = torch.ops.i2i.instance_norm_add
    size = info.batch_size
    if mapped[2] is not None or mapped[3] is not None:
        return in_turn(operator, size, mapped, (x, skip, *arguments))
    outputs = operator(fold(x, mapped[0], size), fold(skip, mapped[1], size), *arguments)
    return tuple(unfold(output, size) for output in outputs), (0, 0, 0)


def _backward_batched(info: Any, mapped: Dims, *arguments: Any) -> tuple[Any, Any]:
    operator = torch.ops.i2i.instance_norm_add_backward
    grad, x, weight, mean, rstd, pad = arguments
    size = info.batch_size
    if weight is not None:  # whose gradient is one a sample
        return in_turn(operator, size, mapped, arguments)
    folded = [fold(tensor, mapped[place], size) for place, tensor in ((0, grad), (1, x), (3, mean), (4, rstd))]
    dx, dskip, dweight, dbias = operator(folded[0], folded[1], None, folded[2], folded[3], pad)
    return (unfold(dx, size), unfold(dskip, size), dweight, dbias), (0, 0, None, None)
