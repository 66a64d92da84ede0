"""Fused operators: functions, modules, gradients, and why a call does not run fused.

Begin with :mod:`~i2i.ops.residual_block`, an operator with its reference; :mod:`~i2i.ops.choice` is the one place that
decides whether a call runs fused. The native library (:mod:`i2i.ops.native`) loads on first use.

May import ``tensors.torch_private``.
"""

from i2i.ops.choice import Implementation, reason_against_fused
from i2i.ops.image_convolution import ImageConvolution, image_convolution
from i2i.ops.instance_norm_act import instance_norm_act
from i2i.ops.instance_norm_add import instance_norm_add
from i2i.ops.modules import InstanceNormAct, InstanceNormAdd, ResidualBlock
from i2i.ops.resampling_convolution import StridedConvolution, TransposedConvolution
from i2i.ops.residual_block import residual_block

__all__ = [
    "ImageConvolution",
    "Implementation",
    "InstanceNormAct",
    "InstanceNormAdd",
    "ResidualBlock",
    "StridedConvolution",
    "TransposedConvolution",
    "image_convolution",
    "instance_norm_act",
    "instance_norm_add",
    "reason_against_fused",
    "residual_block",
]
