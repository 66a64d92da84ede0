"""The distance."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from i2i_lpips.backbones import Backbone

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Mean and deviation of ImageNet's colours, of images in [-1, 1]."""
EPSILON = 1e-10


class PerceptualDistance:
    """LPIPS, version 0.1.

    Features of both images are divided by their length over the channels, subtracted, squared, weighted by channel,
    averaged over places and summed over layers. Source: Zhang, Isola, Efros, Shechtman and Wang, The unreasonable
    effectiveness of deep features as a perceptual metric, CVPR 2018, equation 1, with the constants of the authors'
    code.

    Args:
        backbone: from images to features.
        heads: the weight of each channel, ``[C]``, by layer.
        device: where it computes.
    """

    def __init__(self, backbone: Backbone, heads: Sequence[Tensor], device: torch.device) -> None:
        self.backbone = backbone.to(device).eval().requires_grad_(False)
        self.heads = [head.to(device)[None, :, None, None] for head in heads]
        self.shift, self.scale = (torch.tensor(values, device=device)[:, None, None] for values in (SHIFT, SCALE))
        self.device = device

    def __call__(self, output: Tensor, truth: Tensor) -> Tensor:
        """Return the distance of each image, ``[N]``, 0 for equal ones.

        Args:
            output: ``[N, C, H, W]`` in [-1, 1]; grey (C = 1) is taken as three equal channels.
            truth: as ``output``.

        Raises:
            ValueError: the images have other channels.
        """
        total = torch.zeros(len(output), device=self.device)
        for first, second, head in zip(self._features(output), self._features(truth), self.heads, strict=True):
            total = total + ((first - second).square() * head).sum(dim=1).mean(dim=(1, 2))
        return total

    def _features(self, images: Tensor) -> list[Tensor]:
        if images.shape[1] not in (1, 3):
            raise ValueError(f"lpips compares grey images and colours, of 1 or 3 channels; got {images.shape[1]}")
        images = images.to(self.device, torch.float32).expand(-1, 3, -1, -1)
        features = self.backbone((images - self.shift) / self.scale)
        return [each / (each.square().sum(dim=1, keepdim=True).sqrt() + EPSILON) for each in features]
