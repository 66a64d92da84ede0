"""The PatchGAN discriminator of pix2pix (Isola et al., CVPR 2017, sections 3.2.2 and 6.1.2)."""

from __future__ import annotations

from torch import Tensor, nn

from i2i.builtin.discriminators.geometry import smallest_patch_size
from i2i.builtin.layers import Blur, make_norm_act, needs_bias, require_images
from i2i.builtin.network_options import Kernels, Norm


class PatchDiscriminator(nn.Module):
    """Judge each overlapping patch of an image by 4x4 convolutions.

    State-dict keys and parameter counts equal the reference implementation's. How large a patch is:
    :func:`~i2i.builtin.discriminators.geometry.receptive_field`.

    Args:
        in_channels: channels of the input; for pix2pix those of both images together.
        layers: convolutions of stride 2; 3 makes the papers' 70x70 PatchGAN.
        base_channels: channels of the first layer (C below); the width doubles with each layer up to 8 times that.
        norm: see :func:`~i2i.builtin.layers.make_norm`; the first and the last convolution have none.
        antialias: whether the size is halved by a :class:`~i2i.builtin.layers.Blur` behind the activation instead of
            by the convolution, as in the reference implementation of CUT.
        kernels: ``"auto"`` or ``"reference"``, see :class:`~i2i.ops.modules.InstanceNormAct`.
    """

    def __init__(
        self,
        in_channels: int,
        *,
        layers: int = 3,
        base_channels: int = 64,
        norm: Norm = "instance",
        antialias: bool = False,
        kernels: Kernels = "auto",
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.smallest_size = smallest_patch_size(layers)
        bias = needs_bias(norm)
        widths = [base_channels * min(2**layer, 8) for layer in range(layers + 1)]  # C, 2C, 4C, 8C, 8C, ...

        activation = nn.LeakyReLU(0.2, inplace=True)
        modules: list[nn.Module] = [
            nn.Conv2d(in_channels, base_channels, kernel_size=4, stride=1 if antialias else 2, padding=1),
            nn.Sequential(activation, Blur(base_channels, stride=2)) if antialias else activation,  # [N, C, H/2, W/2]
        ]
        for layer in range(1, layers + 1):
            stride = 2 if layer < layers and not antialias else 1
            modules += [
                nn.Conv2d(widths[layer - 1], widths[layer], kernel_size=4, stride=stride, padding=1, bias=bias),
                *make_norm_act(
                    norm, widths[layer], act="leaky_relu", halve=antialias and layer < layers, kernels=kernels
                ),  # half the size; the last: one less
            ]
        modules.append(nn.Conv2d(widths[-1], 1, kernel_size=4, padding=1))  # one pixel less again
        self.model = nn.Sequential(*modules)

    def forward(self, images: Tensor) -> Tensor:
        """Map ``[N, in_channels, H, W]`` in [-1, 1] to logits ``[N, 1, H // 2**layers - 2, W // 2**layers - 2]``.

        Raises:
            ValueError: when H or W is less than ``3 * 2**layers``.
        """
        require_images(images, channels=self.in_channels, smallest=self.smallest_size)
        logits: Tensor = self.model(images)
        return logits
