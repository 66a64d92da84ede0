"""The U-Net generator of pix2pix (Isola et al., CVPR 2017, sections 3.2.1 and 6.1.1)."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from i2i.builtin.layers import Blur, InputSkip, before_halving, make_norm, make_upsample, needs_bias, require_images
from i2i.builtin.network_options import Kernels, Norm, Upsample


class UnetLevel(nn.Module):
    """Everything at and below one resolution, joined with what came in.

    ``[N, C, H, W]`` to ``[N, 2C, H, W]``: the input's channels, then those of the layers' output, which has its shape.

    Args:
        layers: what the input runs through; the next lower level is one of them.
        skip: whether to join the input. The outermost level does not.
    """

    def __init__(self, *layers: nn.Module, skip: bool = True) -> None:
        super().__init__()
        self.model = nn.Sequential(*layers)
        self.skip = skip

    def forward(self, features: Tensor) -> Tensor:
        """Map ``[N, C, H, W]`` to ``[N, 2C, H, W]``; without skip, to what the layers give."""
        output: Tensor = self.model(features)
        return torch.cat([features, output], dim=1) if self.skip else output


class UnetGenerator(nn.Module):
    """Halve the size ``downs`` times and double it as often, each level passing its input across to its output.

    State-dict keys and parameter counts equal the reference implementation's, which has at least 5 levels; the
    shallower ones here follow the same rule. The width doubles at each level up to 8 times the first.

    Args:
        in_channels: channels of the input image.
        out_channels: channels of the output image.
        downs: how often the size is halved: 7 brings 128 px down to one, 8 brings 256 px.
        base_channels: channels of the first level (C below).
        norm: see :func:`~i2i.builtin.layers.make_norm`; the outermost convolution and the innermost one have none.
        affine: whether instance norm has a learnt scale and shift.
        dropout: dropout 0.5 after the upsampling of each level between two of the full width; the innermost has none.
        upsample: see :func:`~i2i.builtin.layers.make_upsample`.
        antialias: whether each convolution that halves the size looks at its input through a
            :class:`~i2i.builtin.layers.Blur`.
        kernels: ``"auto"`` or ``"reference"``, see :class:`~i2i.ops.modules.InstanceNormAct`.
        input_skip: the gain of an :class:`~i2i.builtin.layers.InputSkip`, for as many channels out as in; without, the
            network draws its output anew.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        downs: int = 8,
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
        self.blur = Blur(in_channels) if antialias else None
        self.size_multiple = 2**downs
        bias = needs_bias(norm)
        norm_of = partial(make_norm, norm, affine=affine, kernels=kernels)
        down = partial(nn.Conv2d, kernel_size=4, stride=2, padding=1, bias=bias)
        up = partial(make_upsample, upsample, kernel_size=4)
        widths = [base_channels * min(2**level, 8) for level in range(downs)]  # C, 2C, 4C, 8C, 8C, ...

        # From the inside out, since each level holds the one below it. The outermost level is level 0.
        outer, inner = widths[-2:]
        level = UnetLevel(
            before_halving(outer, antialias=antialias),
            down(outer, inner),  # [N, inner, H/2^downs, W/2^downs]
            nn.ReLU(inplace=True),
            up(inner, outer, bias=bias),
            norm_of(outer),
        )
        for depth in range(downs - 2, 0, -1):
            outer, inner = widths[depth - 1], widths[depth]
            layers = [
                before_halving(outer, antialias=antialias),
                down(outer, inner),  # [N, inner, H/2^(depth+1), W/2^(depth+1)]
                norm_of(inner),
                level,  # [N, 2 * inner, H/2^(depth+1), W/2^(depth+1)]
                nn.ReLU(inplace=True),
                up(2 * inner, outer, bias=bias),  # [N, outer, H/2^depth, W/2^depth]
                norm_of(outer),
            ]
            if dropout and outer == inner:
                layers.append(nn.Dropout(0.5))
            level = UnetLevel(*layers)
        self.model = UnetLevel(
            down(in_channels, base_channels),  # [N, C, H/2, W/2]
            level,  # [N, 2C, H/2, W/2]
            nn.ReLU(inplace=True),
            up(2 * base_channels, out_channels, bias=True),  # [N, out_channels, H, W]
            nn.Tanh() if self.skip is None else nn.Identity(),
            skip=False,
        )

    def forward(self, images: Tensor) -> Tensor:
        """Map ``[N, in_channels, H, W]`` in [-1, 1] to ``[N, out_channels, H, W]`` in [-1, 1].

        Raises:
            ValueError: when H or W is not a multiple of ``2 ** downs``.
        """
        multiple = self.size_multiple
        require_images(images, channels=self.in_channels, smallest=multiple, multiple=multiple)
        output: Tensor = self.model(images if self.blur is None else self.blur(images))
        return output if self.skip is None else self.skip(images, output)
