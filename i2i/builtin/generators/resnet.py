"""The ResNet generator of CycleGAN (Zhu et al., ICCV 2017, section 7.2), after Johnson et al. (ECCV 2016)."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from i2i.builtin.generators import RESNET_SIZE_MULTIPLE, RESNET_SMALLEST_SIZE
from i2i.builtin.layers import make_norm, make_upsample, needs_bias, require_images
from i2i.builtin.network_options import Norm, Upsample


class ResidualBlock(nn.Module):
    """Two reflection-padded 3x3 convolutions added to their input, with no activation after the sum.

    Args:
        channels: channels of input and output.
        norm: see :func:`~i2i.builtin.layers.make_norm`.
        affine: whether instance norm has a learnt scale and shift.
        dropout: whether half of the activations between the convolutions are dropped in training.
    """

    def __init__(self, channels: int, *, norm: Norm = "instance", affine: bool = False, dropout: bool = False) -> None:
        super().__init__()
        bias = needs_bias(norm)
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, kernel_size=3, bias=bias),
            make_norm(norm, channels, affine=affine),
            nn.ReLU(inplace=True),
            *([nn.Dropout(0.5)] if dropout else []),  # takes a place in the numbering of the keys
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, kernel_size=3, bias=bias),
            make_norm(norm, channels, affine=affine),
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
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        bias = needs_bias(norm)
        norm_of = partial(make_norm, norm, affine=affine)
        c1, c2, c4 = base_channels, 2 * base_channels, 4 * base_channels

        layers: list[nn.Module] = [
            nn.ReflectionPad2d(3),
            nn.Conv2d(in_channels, c1, kernel_size=7, bias=bias),  # [N, C, H, W]
            norm_of(c1),
            nn.ReLU(inplace=True),
            nn.Conv2d(c1, c2, kernel_size=3, stride=2, padding=1, bias=bias),  # [N, 2C, H/2, W/2]
            norm_of(c2),
            nn.ReLU(inplace=True),
            nn.Conv2d(c2, c4, kernel_size=3, stride=2, padding=1, bias=bias),  # [N, 4C, H/4, W/4]
            norm_of(c4),
            nn.ReLU(inplace=True),
        ]
        layers += [ResidualBlock(c4, norm=norm, affine=affine, dropout=dropout) for _ in range(blocks)]
        layers += [
            make_upsample(upsample, c4, c2, kernel_size=3, bias=bias),  # [N, 2C, H/2, W/2]
            norm_of(c2),
            nn.ReLU(inplace=True),
            make_upsample(upsample, c2, c1, kernel_size=3, bias=bias),  # [N, C, H, W]
            norm_of(c1),
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(3),
            nn.Conv2d(c1, out_channels, kernel_size=7),  # [N, out_channels, H, W]
            nn.Tanh(),
        ]
        self.model = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """Map ``[N, in_channels, H, W]`` in [-1, 1] to ``[N, out_channels, H, W]`` in [-1, 1].

        Raises:
            ValueError: when H or W is no multiple of 4, or less than 8.
        """
        require_images(images, channels=self.in_channels, smallest=RESNET_SMALLEST_SIZE, multiple=RESNET_SIZE_MULTIPLE)
        output: Tensor = self.model(images)
        return output
