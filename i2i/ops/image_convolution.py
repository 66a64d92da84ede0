"""Convolutions between an image of few channels and features of many: the first and the last of a generator.

General convolution kernels waste most of a register on three channels. Meaning: :func:`image_convolution_reference`.
Gradients: of any order; from the second on through the reference.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2i.ops.batching import Dims, fold, in_turn, unfold
from i2i.ops.checks import require_one_of, require_parameter, require_planes
from i2i.ops.choice import IMPLEMENTATIONS, Implementation, needs_gradients, takes_fused
from i2i.ops.gradients import gradients_through_reference
from i2i.ops.memory_format import empty_in_layout_of, in_layout_of
from i2i.ops.native import library

FEW = 4
"""Most channels of the image's side."""
MANY_MULTIPLE = 16
"""What the channels of the features' side are a multiple of."""


def image_convolution(x: Tensor, weight: Tensor, bias: Tensor | None = None, impl: Implementation = "auto") -> Tensor:
    """Convolve without padding, from 1 to 4 channels to a multiple of 16, or from a multiple of 16 to 1 to 4.

    Args:
        x: ``[N, C, H, W]``, H and W at least k, float16, bfloat16, float32 or float64, any strides. The kernels compute
            float32; other dtypes, and weights of other shapes, take the reference.
        weight: ``[K, C, k, k]``, k at least 1, in the dtype of ``x``, or float32 beside float16 and bfloat16, whose
            precision it is then rounded to.
        bias: ``[K]``, likewise, or ``None``.
        impl: ``"auto"`` runs fused where that can be done and is faster, ``"fused"`` raises where it cannot be done,
            ``"reference"`` takes PyTorch's own operators.

    Returns:
        ``[N, K, H - k + 1, W - k + 1]`` in the dtype of ``x``, also under autocast; channels_last if ``x`` is,
        else contiguous.

    Raises:
        TypeError: for a wrong type or dtype.
        ValueError: for a wrong shape.
        RuntimeError: for ``impl="fused"`` where that cannot be done; the message says why.
    """
    require_planes("x", x)
    if not isinstance(weight, Tensor):
        raise TypeError(f"weight must be a tensor; got {type(weight).__name__}")
    if weight.ndim != 4 or weight.shape[1] != x.shape[1] or weight.shape[2] != weight.shape[3]:
        raise ValueError(
            f"weight must have shape [K, {x.shape[1]}, k, k] for x with {x.shape[1]} channels; got {list(weight.shape)}"
        )
    if weight.shape[2] == 0:
        raise ValueError(f"weight must have a kernel of at least 1x1; got {list(weight.shape)}")
    require_parameter("weight", weight, list(weight.shape), x)
    if bias is not None:
        require_parameter("bias", bias, [weight.shape[0]], x)
    if x.shape[2] < weight.shape[2] or x.shape[3] < weight.shape[2]:
        raise ValueError(f"x must be at least as large as the kernel of {weight.shape[2]}; got {list(x.shape)}")
    training = needs_gradients(x, weight, bias)
    if takes_fused("image_convolution", impl, x, training=training, reason=_reason_against(weight)):
        out: Tensor = torch.ops.i2i.image_convolution(x, weight, bias)
        return out
    return in_layout_of(x, image_convolution_reference(x, weight, bias).to(x.dtype))  # autocast lowers it


def image_convolution_reference(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Compute :func:`image_convolution` by PyTorch's own operator, without the checks."""
    return F.conv2d(x, weight.to(x.dtype), None if bias is None else bias.to(x.dtype))


def _reason_against(weight: Tensor) -> str | None:
    few, many = sorted(weight.shape[:2])
    if 1 <= few <= FEW and many % MANY_MULTIPLE == 0 and many > 0:
        return None
    return (
        f"its kernels connect 1 to {FEW} channels with a multiple of {MANY_MULTIPLE}, "
        f"not {weight.shape[1]} with {weight.shape[0]}"
    )


@library.when_loaded
def _register() -> None:
    """Tell PyTorch shapes, gradients and batching of the native operators."""
    torch.library.register_fake("i2i::image_convolution", _forward_fake)
    torch.library.register_autograd("i2i::image_convolution", _backward, setup_context=_keep)
    torch.library.register_vmap("i2i::image_convolution", _forward_batched)
    torch.library.register_fake("i2i::image_convolution_backward", _backward_fake)
    torch.library.register_vmap("i2i::image_convolution_backward", _backward_batched)


def _forward_fake(x: Tensor, weight: Tensor, _bias: Tensor | None) -> Tensor:
    margin = weight.shape[2] - 1
    return empty_in_layout_of(x, [x.shape[0], weight.shape[0], x.shape[2] - margin, x.shape[3] - margin])


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001  # PyTorch's name
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    x, weight, bias = ctx.saved_tensors
    needed = ctx.needs_input_grad
    if torch.is_grad_enabled():  # create_graph=True
        dx, dweight, dbias = gradients_through_reference(image_convolution_reference, (x, weight, bias), needed, grad)
        return dx, dweight, dbias
    dx, dweight = torch.ops.i2i.image_convolution_backward(grad, x, weight, needed[0], needed[1])
    dbias = grad.sum((0, 2, 3)) if needed[2] else None
    return dx if needed[0] else None, dweight if needed[1] else None, dbias


def _backward_fake(
    _grad: Tensor, x: Tensor, weight: Tensor, input_gradient: bool, weight_gradient: bool
) -> tuple[Tensor, Tensor]:
    dx = empty_in_layout_of(x, x.shape) if input_gradient else x.new_empty([0])
    return dx, weight.new_empty(weight.shape if weight_gradient else [0])


def _forward_batched(info: Any, mapped: Dims, x: Tensor, *parameters: Any) -> tuple[Any, Any]:
    operator = torch.ops.i2i.image_convolution
    if mapped[1] is not None or mapped[2] is not None:
        return in_turn(operator, info.batch_size, mapped, (x, *parameters))
    return unfold(operator(fold(x, mapped[0], info.batch_size), *parameters), info.batch_size), 0


def _backward_batched(info: Any, mapped: Dims, *arguments: Any) -> tuple[Any, Any]:
    operator = torch.ops.i2i.image_convolution_backward
    grad, x, weight, input_gradient, weight_gradient = arguments
    size = info.batch_size
    if weight_gradient or mapped[2] is not None:
        return in_turn(operator, size, mapped, arguments)  # a weight's gradient is one a sample
    dx, dweight = operator(fold(grad, mapped[0], size), fold(x, mapped[1], size), weight, input_gradient, False)
    return (unfold(dx, size) if input_gradient else dx, dweight), (0 if input_gradient else None, None)


class ImageConvolution(nn.Conv2d):
    """A convolution without padding between few channels and many; keys ``weight`` and ``bias`` of ``nn.Conv2d``.

    Args:
        in_channels: C of the input ``[N, C, H, W]``.
        out_channels: channels of the output.
        kernel_size: k, of a square kernel.
        bias: whether there is one.
        impl: see :func:`image_convolution`.

    Raises:
        ValueError: for an unknown ``impl``.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, *, bias: bool = True, impl: Implementation = "auto"
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, bias=bias)
        require_one_of("impl", impl, IMPLEMENTATIONS)
        self.impl: Implementation = impl

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, in_channels, H, W]`` to ``[N, out_channels, H - k + 1, W - k + 1]``."""
        device = x.device.type
        if device in library.KEYS and torch.is_autocast_enabled(device):  # which refuses devices that it does not know
            return super().forward(x)  # in the precision that autocast gives to convolutions
        return image_convolution(x, self.weight, self.bias, impl=self.impl)

    def extra_repr(self) -> str:
        """Return the settings."""
        return f"{super().extra_repr()}, impl={self.impl!r}"  # type: ignore[no-untyped-call]
