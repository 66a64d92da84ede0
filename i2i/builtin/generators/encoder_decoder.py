"""The encoder-decoder generator of pix2pix: its U-Net without the skips (Isola et al., CVPR 2017, section 6.1.1)."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from i2i.builtin.layers import Blur, InputSkip, before_halving, make_norm, make_upsample, needs_bias, require_images
from i2i.builtin.network_options import Kernels, Norm, Upsample


class EncoderDecoderGenerator(nn.Module):
    """Halve the size ``downs`` times and double it as often, with nothing passed across.

    The paper's baseline (section 4.2, figure 4): all that the output knows went through the innermost layer. Widths,
    norms and dropout sit where :class:`~i2i.builtin.generators.unet.UnetGenerator` has them, so that the skips are the
    only difference between the two.

    Args:
        in_channels: channels of the input image.
        out_channels: channels of the output image.
        downs: how often the size is halved: 8 brings 256 px down to one.
        base_channels: channels of the first layer (C below).
        norm: see :func:`~i2i.builtin.layers.make_norm`; the first, the innermost and the last layer have none.
        affine: whether instance norm has a learnt scale and shift.
        dropout: dropout 0.5 after each upsampling between two layers of the full width, but for the innermost.
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
        innermost = downs - 1

        encoder: list[nn.Module] = [down(in_channels, base_channels)]  # [N, C, H/2, W/2]
        for depth in range(1, downs):
            outer, inner = widths[depth - 1], widths[depth]
            encoder += [
                before_halving(outer, antialias=antialias),
                down(outer, inner),
            ]  # [N, inner, H/2^(depth+1), W/2^(depth+1)]
            if depth != innermost:
                encoder.append(norm_of(inner))

        decoder: list[nn.Module] = []
        for depth in range(innermost, 0, -1):
            outer, inner = widths[depth - 1], widths[depth]
            decoder += [
                nn.ReLU(inplace=True),
                up(inner, outer, bias=bias),
                norm_of(outer),
            ]  # [N, outer, H/2^depth, ...]
            if dropout and outer == inner and depth != innermost:
                decoder.append(nn.Dropout(0.5))
        decoder += [
            nn.ReLU(inplace=True),
            up(base_channels, out_channels, bias=True),
            nn.Tanh() if self.skip is None else nn.Identity(),
        ]

        self.encoder = nn.Sequential(*encoder)
        self.decoder = nn.Sequential(*decoder)

    def forward(self, images: Tensor) -> Tensor:
        """Map ``[N, in_channels, H, W]`` in [-1, 1] to ``[N, out_channels, H, W]`` in [-1, 1].

        Raises:
            ValueError: when H or W is not a multiple of ``2 ** downs``.
        """
        multiple = self.size_multiple
        require_images(images, channels=self.in_channels, smallest=multiple, multiple=multiple)
        code = self.encoder(images if self.blur is None else self.blur(images))  # [N, 8C, H/2^downs, W/2^downs]
        output: Tensor = self.decoder(code)
        return output if self.skip is None else self.skip(images, output)
