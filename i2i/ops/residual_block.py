"""The residual block of CycleGAN's generator in one call: two normalised 3x3 convolutions added to their input.

Meaning: :func:`residual_block_reference`. Gradients: of any order; from the second on through the reference.
Sources of the block: Johnson, Alahi and Fei-Fei, ECCV 2016, supplement; Zhu et al., ICCV 2017, section 7.2.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from i2i.ops.batching import Dims, fold, in_turn, unfold
from i2i.ops.checks import require_affine, require_epsilon, require_parameter, require_planes
from i2i.ops.choice import Implementation, needs_gradients, takes_fused
from i2i.ops.gradients import gradients_through_reference, with_cancelled_biases
from i2i.ops.memory_format import empty_in_layout_of, in_layout_of
from i2i.ops.native import library
from i2i.ops.plain_norm import plain_instance_norm

CHANNEL_MULTIPLE = 16
"""What the CPU kernels round the number of channels up to in the tensors they keep."""


def residual_block(
    x: Tensor,
    weight1: Tensor,
    bias1: Tensor | None,
    weight2: Tensor,
    bias2: Tensor | None,
    eps: float = 1e-5,
    impl: Implementation = "auto",
    *,
    norm_weight1: Tensor | None = None,
    norm_bias1: Tensor | None = None,
    norm_weight2: Tensor | None = None,
    norm_bias2: Tensor | None = None,
    recompute: bool = False,
) -> Tensor:
    """Compute ``x + norm2(conv2(pad(relu(norm1(conv1(pad(x)))))))``: reflection by one pixel, instance norm.

    Training keeps ``x``, the two convolutions' raw outputs and their statistics; plain PyTorch keeps five or six
    tensors of that size.

    Args:
        x: ``[N, C, H, W]``, H and W at least 2, float16, bfloat16, float32 or float64, any strides. Sums and
            statistics are float32, or float64 for float64.
        weight1: ``[C, C, 3, 3]`` in the dtype of ``x``, or float32 beside float16 and bfloat16.
        bias1: ``[C]`` or ``None``. The norm cancels it: its values have no effect, not even if they are not finite,
            and its gradient is zero.
        weight2: like ``weight1``, of the second convolution.
        bias2: like ``bias1``.
        eps: added to the variances, at least 0.
        impl: ``"auto"`` runs fused where that can be done and is faster, ``"fused"`` raises where it cannot be done,
            ``"reference"`` takes PyTorch's own operators.
        norm_weight1: scale ``[C]`` of the first norm, with ``norm_bias1`` or not at all.
        norm_bias1: shift of the first norm.
        norm_weight2: scale of the second norm, with ``norm_bias2`` or not at all.
        norm_bias2: shift of the second norm.
        recompute: keep ``x`` alone for the backward pass, which then computes the block once more.

    Returns:
        ``[N, C, H, W]`` in the dtype of ``x``, also under autocast; channels_last if ``x`` is, else contiguous.

    Raises:
        TypeError: for a wrong type or dtype.
        ValueError: for a wrong shape.
        RuntimeError: for ``impl="fused"`` where that cannot be done; the message says why.
    """
    _require(x, (weight1, weight2), (bias1, bias2), (norm_weight1, norm_weight2), (norm_bias1, norm_bias2), eps)
    weight1 = with_cancelled_biases(weight1, bias1, bias2)
    tensors = (x, weight1, weight2, norm_weight1, norm_bias1, norm_weight2, norm_bias2)
    arguments = (*tensors, eps)
    training = needs_gradients(*tensors)
    if takes_fused("residual_block", impl, x, training=training):
        out = _fused(*arguments, training=training, recompute=recompute)
    elif recompute:
        out = checkpoint(residual_block_reference, *arguments, use_reentrant=False, preserve_rng_state=False)
    else:
        out = residual_block_reference(*arguments)
    return in_layout_of(x, out.to(x.dtype))


def residual_block_reference(
    x: Tensor,
    weight1: Tensor,
    weight2: Tensor,
    norm_weight1: Tensor | None,
    norm_bias1: Tensor | None,
    norm_weight2: Tensor | None,
    norm_bias2: Tensor | None,
    eps: float,
) -> Tensor:
    """Compute :func:`residual_block` by PyTorch's own operators, without the checks."""
    y = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), weight1.to(x.dtype))
    y = F.relu(plain_instance_norm(y, norm_weight1, norm_bias1, eps))
    y = F.conv2d(F.pad(y, (1, 1, 1, 1), mode="reflect"), weight2.to(x.dtype))
    return x + plain_instance_norm(y, norm_weight2, norm_bias2, eps)


def _require(
    x: Tensor,
    weights: tuple[Tensor, Tensor],
    biases: tuple[Tensor | None, Tensor | None],
    norm_weights: tuple[Tensor | None, Tensor | None],
    norm_biases: tuple[Tensor | None, Tensor | None],
    eps: float,
) -> None:
    require_planes("x", x)
    channels, height, width = x.shape[1:]
    if height < 2 or width < 2:
        raise ValueError(
            f"x must have height and width of at least 2, to be reflected by one pixel; got {height}x{width}"
        )
    for place in (0, 1):
        require_parameter(f"weight{place + 1}", weights[place], [channels, channels, 3, 3], x)
        bias = biases[place]
        if bias is not None:
            require_parameter(f"bias{place + 1}", bias, [channels], x)
        names = (f"norm_weight{place + 1}", f"norm_bias{place + 1}")
        require_affine(names, norm_weights[place], norm_biases[place], x)
    require_epsilon(eps)


def _fused(x: Tensor, *arguments: Any, training: bool, recompute: bool) -> Tensor:
    dtype = x.dtype
    if x.is_cuda and torch.is_autocast_enabled("cuda"):
        # There the convolutions are cuDNN's and gain from it. The kernels for the CPU compute in float32 whatever
        # comes, so that rounding their input would cost accuracy and gain nothing.
        x = x.to(torch.get_autocast_dtype("cuda"))
    if not training:
        out: Tensor = torch.ops.i2i.residual_block(x, *arguments)
    elif recompute:
        out = _Recomputed.apply(x, *arguments)  # type: ignore[no-untyped-call]
    else:
        out = torch.ops.i2i.residual_block_forward(x, *arguments)[0]
    return out.to(dtype)


class _Recomputed(torch.autograd.Function):
    """The forward pass of training without what it would keep, which the backward pass computes once more."""

    generate_vmap_rule = True

    @staticmethod
    def forward(*inputs: Any) -> Tensor:
        out: Tensor = torch.ops.i2i.residual_block_forward(*inputs)[0]
        return out

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _keep_inputs(ctx, inputs, output)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return _recomputing_backward(ctx, *grads)


@library.when_loaded
def _register() -> None:
    """Tell PyTorch shapes, gradients and batching of the native operators."""
    torch.library.register_fake("i2i::residual_block", _fake)
    torch.library.register_autograd("i2i::residual_block", _recomputing_backward, setup_context=_keep_inputs)
    torch.library.register_vmap("i2i::residual_block", _batched)
    torch.library.register_fake("i2i::residual_block_forward", _forward_fake)
    torch.library.register_autograd("i2i::residual_block_forward", _backward, setup_context=_keep)
    torch.library.register_vmap("i2i::residual_block_forward", _forward_batched)
    torch.library.register_fake("i2i::residual_block_backward", _backward_fake)
    torch.library.register_vmap("i2i::residual_block_backward", _backward_batched)


def _fake(x: Tensor, *_: Any) -> Tensor:
    return empty_in_layout_of(x, x.shape)


def _forward_fake(x: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    batch, channels, height, width = x.shape
    out = empty_in_layout_of(x, x.shape)
    if x.is_cuda:
        y1, y2 = torch.empty_like(out), torch.empty_like(out)
        return out, y1, y2, x.new_empty([4, batch, channels], dtype=torch.float32)
    padded = (channels + CHANNEL_MULTIPLE - 1) // CHANNEL_MULTIPLE * CHANNEL_MULTIPLE
    y1, y2 = (x.new_empty([batch, height, width, padded], dtype=torch.float32) for _ in range(2))
    return out, y1, y2, x.new_empty([4, batch, padded], dtype=torch.float32)


def _keep_inputs(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001  # PyTorch's name
    *tensors, ctx.eps = inputs
    ctx.save_for_backward(*tensors)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *tensors, ctx.eps = inputs
    ctx.mark_non_differentiable(*output[1:])
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*tensors, *output[1:])


def _recomputing_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    tensors = ctx.saved_tensors
    kept = () if torch.is_grad_enabled() else torch.ops.i2i.residual_block_forward(*tensors, ctx.eps)[1:]
    return _gradients(grad, tensors, kept, ctx.eps, ctx.needs_input_grad)


def _backward(ctx: Any, grad: Tensor | None, *_: None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 8
    tensors, kept = ctx.saved_tensors[:7], ctx.saved_tensors[7:]
    return _gradients(grad, tensors, kept, ctx.eps, ctx.needs_input_grad)


def _gradients(
    grad: Tensor, tensors: tuple[Tensor, ...], kept: tuple[Tensor, ...], eps: float, needed: tuple[bool, ...]
) -> tuple[Tensor | None, ...]:
    """Return the gradients of the seven tensors, and none for ``eps``."""
    if torch.is_grad_enabled():  # create_graph=True

        def reference(*places: Any) -> Tensor:
            return residual_block_reference(*(*places, eps))

        return *gradients_through_reference(reference, tensors, needed[:7], grad), None
    x, weight1, weight2, norm_weight1, norm_bias1, norm_weight2, _ = tensors
    found = torch.ops.i2i.residual_block_backward(
        grad, x, weight1, weight2, norm_weight1, norm_bias1, norm_weight2, *kept, needed[1] or needed[2]
    )
    return *(
        gradient.to(tensor.dtype) if need else None
        for gradient, tensor, need in zip(found, tensors, needed[:7], strict=True)
    ), None


def _backward_fake(_grad: Tensor, x: Tensor, *rest: Any) -> tuple[Tensor, ...]:
    _weight1, _weight2, *norms, _y1, _y2, _statistics, weight_gradients = rest
    dx = empty_in_layout_of(x, x.shape)
    channels = x.shape[1]
    filters = channels if weight_gradients else 0

    def empty(*shape: int) -> Tensor:
        return x.new_empty(shape, dtype=torch.float32)

    norm_weight1, norm_bias1, norm_weight2 = (0 if norm is None else channels for norm in norms)
    return (
        dx,
        empty(filters, filters, 3, 3),
        empty(filters, filters, 3, 3),
        empty(norm_weight1),
        empty(norm_bias1),
        empty(norm_weight2),
        empty(norm_weight2),
    )


def _batched(info: Any, mapped: Dims, x: Tensor, *arguments: Any) -> tuple[Any, Any]:
    operator = torch.ops.i2i.residual_block
    if any(dim is not None for dim in mapped[1:]):
        return in_turn(operator, info.batch_size, mapped, (x, *arguments))
    return unfold(operator(fold(x, mapped[0], info.batch_size), *arguments), info.batch_size), 0


def _forward_batched(info: Any, mapped: Dims, x: Tensor, *arguments: Any) -> tuple[Any, Any]:
    operator = torch.ops.i2i.residual_block_forward
    size = info.batch_size
    if any(dim is not None for dim in mapped[1:]):
        return in_turn(operator, size, mapped, (x, *arguments))
    out, y1, y2, statistics = operator(fold(x, mapped[0], size), *arguments)
    return (unfold(out, size), unfold(y1, size), unfold(y2, size), unfold(statistics, size, at=1)), (0, 0, 0, 1)


def _backward_batched(info: Any, mapped: Dims, *arguments: Any) -> tuple[Any, Any]:
    operator = torch.ops.i2i.residual_block_backward
    size = info.batch_size
    *tensors, weight_gradients = arguments
    shared = range(2, 7)  # parameters
    with_norm = any(tensors[place] is not None for place in shared[2:])
    if weight_gradients or with_norm or any(mapped[place] is not None for place in shared):
        return in_turn(operator, size, mapped, arguments)  # a parameter's gradient is one a sample
    at = {0: 0, 1: 0, 7: 0, 8: 0, 9: 1}  # where the batch stands: grad, x, y1, y2 and statistics
    folded = [
        fold(tensor, mapped[place], size, at[place]) if place in at else tensor for place, tensor in enumerate(tensors)
    ]
    dx, *parameters = operator(*folded, weight_gradients)
    return (unfold(dx, size), *parameters), (0, *(None for _ in parameters))
