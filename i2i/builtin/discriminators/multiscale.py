"""Discriminators at several scales, as in pix2pixHD (Wang et al., CVPR 2018, section 3.2)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from i2i.builtin.discriminators.geometry import smallest_multiscale_size
from i2i.builtin.discriminators.patch import PatchDiscriminator
from i2i.builtin.layers import require_images
from i2i.builtin.network_options import Kernels, Norm


class MultiscaleDiscriminator(nn.Module):
    """PatchGANs of one design and separate weights, each on an image of half the size: detail first, layout last.

    Args:
        in_channels: channels of the input; for pix2pix those of both images together.
        scales: number of discriminators.
        layers: convolutions of stride 2 in each.
        base_channels: channels of the first layer of each.
        norm: see :func:`~i2i.builtin.layers.make_norm`.
        antialias: see :class:`~i2i.builtin.discriminators.patch.PatchDiscriminator`.
        kernels: ``"auto"`` or ``"reference"``, see :class:`~i2i.ops.modules.InstanceNormAct`.
    """

    def __init__(
        self,
        in_channels: int,
        *,
        scales: int = 3,
        layers: int = 3,
        base_channels: int = 64,
        norm: Norm = "instance",
        antialias: bool = False,
        kernels: Kernels = "auto",
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.smallest_size = smallest_multiscale_size(layers, scales)
        self.scales = nn.ModuleList(
            PatchDiscriminator(
                in_channels,
                layers=layers,
                base_channels=base_channels,
                norm=norm,
                antialias=antialias,
                kernels=kernels,
            )
            for _ in range(scales)
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map ``[N, in_channels, H, W]`` in [-1, 1] to logits ``[N, 1, h, w]`` of each scale, the finest first.

        Raises:
            ValueError: when H or W is too small for the coarsest scale.
        """
        require_images(images, channels=self.in_channels, smallest=self.smallest_size)
        logits: list[Tensor] = []
        for scale, discriminator in enumerate(self.scales):
            if scale > 0:  # [N, in_channels, ceil(H/2), ceil(W/2)]; the padding has no part in the mean
                images = F.avg_pool2d(images, kernel_size=3, stride=2, padding=1, count_include_pad=False)
            logits.append(discriminator(images))
        return logits
