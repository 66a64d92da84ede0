"""How far translations are from the truth: L1, PSNR and SSIM, each of 8-bit pixels as a person would see them.

========  ===============================================================================================
name      meaning
========  ===============================================================================================
l1        mean absolute difference on the 0..255 scale; 0 is perfect
psnr      peak signal-to-noise ratio in dB, peak 255; higher is better, infinite for equal images (and then
          infinite on average too)
ssim      structural similarity (Wang et al. 2004, "Image Quality Assessment"): Gaussian window of 11 x 11
          pixels with sigma 1.5, K1 0.01, K2 0.03, data range 1, borders reflected; 1 is perfect
========  ===============================================================================================

Each takes two batches ``[N, C, H, W]`` in [-1, 1] and gives ``[N]``, over all channels and pixels of an image, on the
CPU, so that no device changes a digit.
"""

from __future__ import annotations

from torch import Tensor

from i2i.builtin.metrics import SSIM_WINDOW
from i2i.tensors.pixels import to_uint8

SSIM_SIGMA = 1.5


def mean_absolute_difference(output: Tensor, truth: Tensor) -> Tensor:
    """L1."""
    return (_pixels(output) - _pixels(truth)).abs().mean(dim=(1, 2, 3))


def signal_to_noise_ratio(output: Tensor, truth: Tensor) -> Tensor:
    """PSNR."""
    # Imported only where something is measured: it takes as long as all else that a translation needs of i2i.
    from torchmetrics.functional.image import peak_signal_noise_ratio

    return peak_signal_noise_ratio(
        _pixels(output), _pixels(truth), data_range=255.0, dim=(1, 2, 3), reduction="none"
    ).reshape(-1)


def structural_similarity(output: Tensor, truth: Tensor) -> Tensor:
    """SSIM."""
    from torchmetrics.functional.image import structural_similarity_index_measure

    # On a 0..1 scale: the windowed variances are differences of large squares, and 255 squared costs digits.
    similarity = structural_similarity_index_measure(
        _pixels(output) / 255,
        _pixels(truth) / 255,
        sigma=SSIM_SIGMA,
        kernel_size=SSIM_WINDOW,
        data_range=1.0,
        reduction="none",
    )
    assert isinstance(similarity, Tensor)
    return similarity.reshape(-1)


def _pixels(images: Tensor) -> Tensor:
    return to_uint8(images).cpu().float()
