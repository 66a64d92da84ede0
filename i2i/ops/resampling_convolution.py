"""Strided and transposed convolutions whose weights' gradients do not suffer from channels_last.

PyTorch's convolutions on the CPU read channels_last as fast as contiguous tensors, and transposed ones faster; the
gradient of a strided convolution's weight alone takes them three times as long. Two copies cost less than that.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from i2i.ops.memory_format import memory_format_of


class _Convolution(torch.autograd.Function):
    """``torch.convolution`` that computes the gradient of the weight from contiguous copies."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None, *settings: Any) -> Tensor:
        stride, padding, dilation, transposed, output_padding, groups = settings
        return torch.convolution(x, weight, bias, stride, padding, dilation, transposed, output_padding, groups)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG004  # PyTorch's name
        x, weight, bias, *ctx.settings = inputs
        ctx.bias_shape = None if bias is None else list(bias.shape)
        ctx.save_for_backward(x, weight)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        x, weight = ctx.saved_tensors
        grad = grads[0]
        dx = dweight = dbias = None
        if ctx.needs_input_grad[0]:
            dx = _gradients(grad, x, weight, ctx, (True, False, False))[0]
        if ctx.needs_input_grad[1] or ctx.needs_input_grad[2]:
            needed = (False, ctx.needs_input_grad[1], ctx.needs_input_grad[2])
            _, dweight, dbias = _gradients(grad.contiguous(), x.contiguous(), weight, ctx, needed)
        return dx, dweight, dbias, *(None for _ in ctx.settings)


def _gradients(grad: Tensor, x: Tensor, weight: Tensor, ctx: Any, needed: tuple[bool, bool, bool]) -> Any:
    return torch.ops.aten.convolution_backward(grad, x, weight, ctx.bias_shape, *ctx.settings, needed)


def _takes_copies(convolution: nn.Conv2d | nn.ConvTranspose2d, x: Tensor) -> bool:
    return (
        convolution.padding_mode == "zeros"
        and isinstance(convolution.padding, tuple)  # not "same" or "valid"
        and x.device.type == "cpu"
        and convolution.weight.requires_grad
        and torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
        and memory_format_of(x) == torch.channels_last
    )


class StridedConvolution(nn.Conv2d):
    """``nn.Conv2d``, with a quicker gradient of the weight for channels_last input on the CPU and padding by zeros."""

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, in_channels, H, W]`` as ``nn.Conv2d`` does."""
        if not _takes_copies(self, x):
            return super().forward(x)
        settings = (self.stride, self.padding, self.dilation, False, (0, 0), self.groups)
        out: Tensor = _Convolution.apply(x, self.weight, self.bias, *settings)  # type: ignore[no-untyped-call]
        return out


class TransposedConvolution(nn.ConvTranspose2d):
    """``nn.ConvTranspose2d``, with a quicker gradient of the weight for channels_last input on the CPU."""

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]  # without an output size
        """Map ``[N, in_channels, H, W]`` as ``nn.ConvTranspose2d`` does."""
        if not _takes_copies(self, x):
            return super().forward(x)
        settings = (self.stride, self.padding, self.dilation, True, self.output_padding, self.groups)
        out: Tensor = _Convolution.apply(x, self.weight, self.bias, *settings)  # type: ignore[no-untyped-call]
        return out
