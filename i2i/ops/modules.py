"""The operators as modules, with the state-dict keys of the plain modules they stand for."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from i2i.ops.checks import require_one_of, require_parameter, require_planes
from i2i.ops.choice import IMPLEMENTATIONS, Implementation
from i2i.ops.gradients import with_cancelled_biases
from i2i.ops.instance_norm_act import ACTIVATIONS, instance_norm_act
from i2i.ops.instance_norm_add import instance_norm_add
from i2i.ops.residual_block import residual_block
from i2i.tensors.torch_private import has_hooks


class InstanceNormAct(nn.InstanceNorm2d):
    """Instance norm, activation and reflection padding; keys ``weight`` and ``bias`` of ``nn.InstanceNorm2d``.

    It keeps no running statistics, so it does the same in training and evaluation.

    Args:
        channels: C of the input ``[N, C, H, W]``.
        eps: see :func:`~i2i.ops.instance_norm_act.instance_norm_act`, as are those below.
        affine: whether there are a learnt scale and shift.
        act: ``"none"``, ``"relu"`` or ``"leaky_relu"``.
        negative_slope: for ``"leaky_relu"`` alone.
        pad: pixels reflected at each side of the result.
        impl: ``"auto"``, ``"fused"`` or ``"reference"``.

    Raises:
        ValueError: for an unknown ``act`` or ``impl``.
    """

    def __init__(
        self,
        channels: int,
        eps: float = 1e-5,
        affine: bool = False,
        act: str = "relu",
        negative_slope: float = 0.2,
        pad: int = 0,
        impl: Implementation = "auto",
    ) -> None:
        super().__init__(channels, eps=eps, affine=affine)
        require_one_of("act", act, ACTIVATIONS)
        require_one_of("impl", impl, IMPLEMENTATIONS)
        self.act = act
        self.negative_slope = negative_slope
        self.pad = pad
        self.impl: Implementation = impl

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, channels, H, W]`` to ``[N, channels, H + 2 * pad, W + 2 * pad]``; H x W more than one value."""
        return instance_norm_act(
            x, self.weight, self.bias, self.eps, self.act, self.negative_slope, self.pad, impl=self.impl
        )

    def extra_repr(self) -> str:
        """Return the settings."""
        slope = f", negative_slope={self.negative_slope}" if self.act == "leaky_relu" else ""
        return (
            f"{self.num_features}, eps={self.eps}, affine={self.affine}, act={self.act!r}{slope}, pad={self.pad}, "
            f"impl={self.impl!r}"
        )


class InstanceNormAdd(nn.InstanceNorm2d):
    """Instance norm, sum with a skip and reflection padding; keys ``weight`` and ``bias`` of ``nn.InstanceNorm2d``.

    Args:
        channels: C of the input ``[N, C, H, W]``.
        eps: see :func:`~i2i.ops.instance_norm_add.instance_norm_add`, as are those below.
        affine: whether there are a learnt scale and shift.
        pad: pixels reflected at each side of the result.
        impl: ``"auto"``, ``"fused"`` or ``"reference"``.

    Raises:
        ValueError: for an unknown ``impl``.
    """

    def __init__(
        self,
        channels: int,
        eps: float = 1e-5,
        affine: bool = False,
        pad: int = 0,
        impl: Implementation = "auto",
    ) -> None:
        super().__init__(channels, eps=eps, affine=affine)
        require_one_of("impl", impl, IMPLEMENTATIONS)
        self.pad = pad
        self.impl: Implementation = impl

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:  # type: ignore[override]  # the norm of two inputs
        """Map two ``[N, channels, H, W]`` to ``[N, channels, H + 2 * pad, W + 2 * pad]``."""
        return instance_norm_add(x, skip, self.weight, self.bias, self.eps, self.pad, impl=self.impl)

    def extra_repr(self) -> str:
        """Return the settings."""
        return f"{self.num_features}, eps={self.eps}, affine={self.affine}, pad={self.pad}, impl={self.impl!r}"


class ResidualBlock(nn.Module):
    """Two reflection-padded 3x3 convolutions with instance norm, added to their input; no activation after the sum.

    The layers in ``conv_block`` are those of the plain block. They hold the parameters, under the same keys, and show
    what is computed, while the block runs as one operator. Where one of them has hooks, the layers run one by one
    instead, as PyTorch's own, and the hooks are called. Parametrisations of their weights count, such as spectral norm.

    Args:
        channels: C of input and output.
        eps: added to the variances.
        affine: whether the norms have a learnt scale and shift.
        bias: whether the convolutions have a bias, which the norms cancel; it gets zero gradients.
        dropout: whether half of the activations between the convolutions are dropped in training. While they are,
            the convolutions are PyTorch's and only the passes between them are fused.
        recompute: keep the input alone for the backward pass and compute the block once more there.
        impl: ``"auto"`` runs fused where that can be done and is faster, ``"fused"`` raises where it cannot be done,
            ``"reference"`` takes PyTorch's own operators.

    Raises:
        ValueError: for an unknown ``impl``.
        RuntimeError: on a call, for hooks on the layers beside ``impl="fused"``.
    """

    def __init__(
        self,
        channels: int,
        *,
        eps: float = 1e-5,
        affine: bool = False,
        bias: bool = True,
        dropout: bool = False,
        recompute: bool = False,
        impl: Implementation = "auto",
    ) -> None:
        super().__init__()
        require_one_of("impl", impl, IMPLEMENTATIONS)
        self.eps = eps
        self.recompute = recompute
        self.impl: Implementation = impl
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, kernel_size=3, bias=bias),
            nn.InstanceNorm2d(channels, eps=eps, affine=affine),
            nn.ReLU(),
            *([nn.Dropout(0.5)] if dropout else []),  # takes a place in the numbering of the keys
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, kernel_size=3, bias=bias),
            nn.InstanceNorm2d(channels, eps=eps, affine=affine),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, channels, H, W]`` to the same shape; H and W of at least 2."""
        layers: Any = self.conv_block
        if has_hooks((layers, *layers)):
            if self.impl == "fused":
                raise RuntimeError(
                    "impl='fused' runs the layers in conv_block as one operator, which calls none of their hooks; "
                    "remove the hooks, or take impl='auto'"
                )
            if self.recompute:
                hooked: Tensor = checkpoint(self._one_by_one, x, use_reentrant=False)
                return hooked
            return self._one_by_one(x)
        if isinstance(layers[4], nn.Dropout) and layers[4].training:
            if self.recompute:
                out: Tensor = checkpoint(self._with_dropout, x, use_reentrant=False)
                return out
            return self._with_dropout(x)
        first, first_norm, second, second_norm = layers[1], layers[2], layers[-2], layers[-1]
        return residual_block(
            x,
            first.weight,
            first.bias,
            second.weight,
            second.bias,
            self.eps,
            self.impl,
            norm_weight1=first_norm.weight,
            norm_bias1=first_norm.bias,
            norm_weight2=second_norm.weight,
            norm_bias2=second_norm.bias,
            recompute=self.recompute,
        )

    def _one_by_one(self, x: Tensor) -> Tensor:
        require_planes("x", x)
        out: Tensor = x + self.conv_block(x)
        return out.to(x.dtype)

    def _with_dropout(self, x: Tensor) -> Tensor:
        layers: Any = self.conv_block
        pad, first, first_norm, _, dropout, _, second, second_norm = layers
        require_planes("x", x)
        channels = x.shape[1]
        for name, layer in (("weight1", first), ("weight2", second)):
            require_parameter(name, layer.weight, [channels, channels, 3, 3], x)
        weight = with_cancelled_biases(first.weight, first.bias, second.bias)
        y = F.conv2d(pad(x), weight.to(x.dtype))
        y = instance_norm_act(y, first_norm.weight, first_norm.bias, self.eps, "relu", impl=self.impl)
        y = F.conv2d(pad(dropout(y)), second.weight.to(y.dtype))
        return instance_norm_add(y, x, second_norm.weight, second_norm.bias, self.eps, impl=self.impl)

    def extra_repr(self) -> str:
        """Return the settings."""
        return f"recompute={self.recompute}, impl={self.impl!r}"
