"""The metric, on pytorch-msssim."""

from __future__ import annotations

import torch
from pytorch_msssim import ms_ssim
from torch import Tensor


class MultiScaleSimilarity:
    """Structural similarity at five scales.

    Source: Wang, Simoncelli and Bovik, Multi-scale structural similarity for image quality assessment, Asilomar 2003,
    with the paper's exponents and K1 0.01, K2 0.03. Between scales, means of 2 x 2 pixels; the window stays inside the
    image; contrast and structure below zero count as zero.

    Args:
        window: width of the Gaussian window in pixels, odd.
        sigma: its deviation.
        device: where it computes.
    """

    def __init__(self, window: int, sigma: float, device: torch.device) -> None:
        self.window = window
        self.sigma = sigma
        self.device = device

    def __call__(self, output: Tensor, truth: Tensor) -> Tensor:
        """Return the similarity of each image, ``[N]``, in [0, 1].

        Args:
            output: ``[N, C, H, W]`` in [-1, 1]; H and W are at least ``16 * (window - 1) + 1``.
            truth: as ``output``.
        """
        # On a 0..1 scale: the windowed variances are differences of large squares, and 255 squared costs digits.
        images = ((batch.to(self.device, torch.float32) + 1) / 2 for batch in (output, truth))
        similarity: Tensor = ms_ssim(
            *images, data_range=1.0, size_average=False, win_size=self.window, win_sigma=self.sigma
        )
        return similarity
