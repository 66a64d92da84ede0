"""The PixelGAN discriminator of pix2pix (Isola et al., CVPR 2017, section 6.1.2)."""

from __future__ import annotations

from torch import Tensor, nn

from i2i.builtin.discriminators.geometry import smallest_pixel_size
from i2i.builtin.layers import make_norm_act, needs_bias, require_images
from i2i.builtin.network_options import Kernels, Norm


class PixelDiscriminator(nn.Module):
    """Judge each pixel by itself by 1x1 convolutions: colours, no texture.

    State-dict keys and parameter counts equal the reference implementation's; as there, the last convolution follows
    the bias rule of the inner ones.

    Args:
        in_channels: channels of the input; for pix2pix those of both images together.
        base_channels: channels of the first layer (C below).
        norm: see :func:`~i2i.builtin.layers.make_norm`; only the middle convolution has one.
        kernels: ``"auto"`` or ``"reference"``, see :class:`~i2i.ops.modules.InstanceNormAct`.
    """

    def __init__(
        self, in_channels: int, *, base_channels: int = 64, norm: Norm = "instance", kernels: Kernels = "auto"
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.smallest_size = smallest_pixel_size(norm)
        bias = needs_bias(norm)
        self.net = nn.Sequential(
            nn.Conv2d(in_channels, base_channels, kernel_size=1),  # [N, C, H, W]
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(base_channels, 2 * base_channels, kernel_size=1, bias=bias),  # [N, 2C, H, W]
            *make_norm_act(norm, 2 * base_channels, act="leaky_relu", kernels=kernels),
            nn.Conv2d(2 * base_channels, 1, kernel_size=1, bias=bias),  # [N, 1, H, W]
        )

    def forward(self, images: Tensor) -> Tensor:
        """Map ``[N, in_channels, H, W]`` in [-1, 1] to logits ``[N, 1, H, W]``.

        Raises:
            ValueError: when there is a norm and H or W is 1.
        """
        require_images(images, channels=self.in_channels, smallest=self.smallest_size)
        logits: Tensor = self.net(images)
        return logits
