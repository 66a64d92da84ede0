"""The ResNet generator of CycleGAN (Zhu et al., ICCV 2017, section 7.2), after Johnson et al. (ECCV 2016)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from i2i.builtin.generators import RESNET_SIZE_MULTIPLE, RESNET_SMALLEST_SIZE
from i2i.builtin.layers import InputSkip, make_norm, make_norm_act, make_upsample, needs_bias, require_images
from i2i.builtin.network_options import Kernels, Norm, Upsample
from i2i.ops import ImageConvolution, ResidualBlock, StridedConvolution, reason_against_fused


class PlainResidualBlock(nn.Module):
    """Two reflection-padded 3x3 convolutions added to their input, with no activation after the sum.

    For norms that :class:`~i2i.ops.modules.ResidualBlock` does not compute; the keys are the same.

    Args:
        channels: channels of input and output.
        norm: see :func:`~i2i.builtin.layers.make_norm`.
        dropout: whether half of the activations between the convolutions are dropped in training.
    """

    def __init__(self, channels: int, *, norm: Norm, dropout: bool = False) -> None:
        super().__init__()
        bias = needs_bias(norm)
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, kernel_size=3, bias=bias),
            make_norm(norm, channels),
            nn.ReLU(inplace=True),
            *([nn.Dropout(0.5)] if dropout else []),  # takes a place in the numbering of the keys
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, kernel_size=3, bias=bias),
            make_norm(norm, channels),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map ``[N, channels, H, W]`` to the same shape; H and W of at least 2."""
        branch: Tensor = self.conv_block(features)
        return features + branch


class ResnetGenerator(nn.Module):
    """Halve the size twice, transform by residual blocks, double it twice.

    State-dict keys and parameter counts equal the reference implementation's.

    Args:
        in_channels: channels of the input image.
        out_channels: channels of the output image.
        blocks: number of residual blocks; the paper takes 6 for 128 px and 9 from 256 px on.
        base_channels: channels of the first layer (C below).
        norm: see :func:`~i2i.builtin.layers.make_norm`.
        affine: whether instance norm has a learnt scale and shift.
        dropout: dropout 0.5 inside each residual block.
        upsample: see :func:`~i2i.builtin.layers.make_upsample`.
        antialias: whether the size is halved by a :class:`~i2i.builtin.layers.Blur` behind the activation instead of
            by the convolution, as in the reference implementation of CUT.
        kernels: ``"auto"`` or ``"reference"``, see :class:`~i2i.ops.modules.ResidualBlock`.
        input_skip: the gain of an :class:`~i2i.builtin.layers.InputSkip`, for as many channels out as in; without, the
            network draws its output anew.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        blocks: int = 9,
        base_channels: int = 64,
        norm: Norm = "instance",
        affine: bool = False,
        dropout: bool = False,
        upsample: Upsample = "deconv",
        antialias: bool = False,
        kernels: Kernels = "auto",
        input_skip: float | None = None,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.skip = None if input_skip is None else InputSkip(input_skip)
        self.kernels: Kernels = kernels
        bias = needs_bias(norm)
        norm_act = partial(make_norm_act, norm, affine=affine, kernels=kernels)
        down: Callable[[int, int], nn.Module] = partial(
            nn.Conv2d if antialias else StridedConvolution,
            kernel_size=3,
            stride=1 if antialias else 2,
            padding=1,
            bias=bias,
        )
        c1, c2, c4 = base_channels, 2 * base_channels, 4 * base_channels

        layers: list[nn.Module] = [
            nn.ReflectionPad2d(3),
            ImageConvolution(in_channels, c1, kernel_size=7, bias=bias, impl=kernels),  # [N, C, H, W]
            *norm_act(c1),
            down(c1, c2),
            *norm_act(c2, halve=antialias),  # [N, 2C, H/2, W/2]
            down(c2, c4),
            *norm_act(c4, halve=antialias),  # [N, 4C, H/4, W/4]
        ]
        for _ in range(blocks):
            if norm == "instance":
                layers.append(ResidualBlock(c4, affine=affine, dropout=dropout, impl=kernels))
            else:
                layers.append(PlainResidualBlock(c4, norm=norm, dropout=dropout))
        layers += [
            make_upsample(upsample, c4, c2, kernel_size=3, bias=bias),  # [N, 2C, H/2, W/2]
            *norm_act(c2),
            make_upsample(upsample, c2, c1, kernel_size=3, bias=bias),  # [N, C, H, W]
            *norm_act(c1, pad=3),
            ImageConvolution(c1, out_channels, kernel_size=7, impl=kernels),  # [N, out_channels, H, W]
            nn.Tanh() if self.skip is None else nn.Identity(),
        ]
        self.model = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """Map ``[N, in_channels, H, W]`` in [-1, 1] to ``[N, out_channels, H, W]`` in [-1, 1].

        Raises:
            ValueError: when H or W is not a multiple of 4, or less than 8.
        """
        require_images(images, channels=self.in_channels, smallest=RESNET_SMALLEST_SIZE, multiple=RESNET_SIZE_MULTIPLE)
        images = self._laid_out(images)
        output: Tensor = self.model(images)
        if self.skip is not None:
            output = self.skip(images, output)
        return output.contiguous()

    def _laid_out(self, images: Tensor) -> Tensor:
        """Put the images into the memory order that the kernels on this device read without copies."""
        fused = self.kernels == "auto" and reason_against_fused("residual_block", images) is None
        if fused and images.device.type == "cpu":
            return images.contiguous(memory_format=torch.channels_last)
        return images
