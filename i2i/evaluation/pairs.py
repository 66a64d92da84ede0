"""How far translations are from the truth, beside how far the untouched input is: L1, PSNR and SSIM."""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import Tensor

from i2i.errors import DataError
from i2i.models.scores import BASELINE
from i2i.tensors.pixels import to_uint8

SSIM_WINDOW = 11
SSIM_SIGMA = 1.5


class PairMetrics:
    """L1, PSNR and SSIM of outputs against the truth, averaged over images, with the identity baseline.

    Protocol: output, truth and input are first rounded to 8 bits with :func:`to_uint8`, as a person would see them.
    Each metric is computed per image over all channels and pixels, then averaged with equal weight per image, so the
    batch size changes nothing.

    ========  ===============================================================================================
    name      meaning
    ========  ===============================================================================================
    l1        mean absolute difference on the 0..255 scale; 0 is perfect
    psnr      peak signal-to-noise ratio in dB, peak 255; higher is better, infinite for equal images (and then
              infinite on average too)
    ssim      structural similarity (Wang et al. 2004, "Image Quality Assessment"): Gaussian window of 11 x 11
              pixels with sigma 1.5, K1 0.01, K2 0.03, data range 1, borders reflected; 1 is perfect
    identity_l1, identity_psnr, identity_ssim
              the same for the input in place of the output
    images    how many images were compared
    ========  ===============================================================================================

    Left out rather than invented: the ``identity_*`` values, once an input had another number of channels than its
    truth; the ``ssim`` values, once an image was smaller than the window in height or width.
    """

    def __init__(self) -> None:
        self._values: defaultdict[str, list[Tensor]] = defaultdict(list)
        self._images = 0

    def update(self, output: Tensor, truth: Tensor, input: Tensor) -> None:  # noqa: A002 - the domain's word
        """Add a batch.

        Args:
            output: the translations, ``[N, C, H, W]`` in [-1, 1].
            truth: the true translations, of the same shape.
            input: what was translated, ``[N, C', H, W]`` in [-1, 1].

        Raises:
            DataError: the shapes do not belong together.
            DivergedError: a value is NaN or infinite.
        """
        if output.ndim != 4 or output.shape != truth.shape:
            raise DataError(
                f"cannot compare an output of shape {tuple(output.shape)} with a truth of shape {tuple(truth.shape)}: "
                "expected two equal shapes [N, C, H, W]; check that the generator keeps the size of its input"
            )
        if input.ndim != 4 or input.shape[0] != truth.shape[0] or input.shape[2:] != truth.shape[2:]:
            raise DataError(
                f"cannot compare an input of shape {tuple(input.shape)} with a truth of shape {tuple(truth.shape)}: "
                "expected the same number of images of the same height and width"
            )
        self._images += truth.shape[0]
        true_pixels = to_uint8(truth).float()
        self._add("", to_uint8(output).float(), true_pixels)
        if input.shape[1] == truth.shape[1]:
            self._add(BASELINE, to_uint8(input).float(), true_pixels)

    def compute(self) -> dict[str, float]:
        """Return the averages over all images so far; only ``{"images": 0}`` when there were none."""
        averages = {}
        for name, batches in self._values.items():
            values = torch.cat(batches)
            if values.numel() == self._images:  # a metric that some image could not have is left out
                averages[name] = values.mean().item()
        return {**averages, "images": self._images}

    def _add(self, prefix: str, images: Tensor, truth: Tensor) -> None:
        if not images.shape[0]:
            return
        # Imported only where something is measured: it takes as long as all else that a translation needs of i2i.
        from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

        measured = {
            "l1": (images - truth).abs().mean(dim=(1, 2, 3)),
            "psnr": peak_signal_noise_ratio(images, truth, data_range=255.0, dim=(1, 2, 3), reduction="none"),
        }
        if min(images.shape[2:]) >= SSIM_WINDOW:
            # On a 0..1 scale: the windowed variances are differences of large squares, and 255 squared costs digits.
            similarity = structural_similarity_index_measure(
                images / 255,
                truth / 255,
                sigma=SSIM_SIGMA,
                kernel_size=SSIM_WINDOW,
                data_range=1.0,
                reduction="none",
            )
            assert isinstance(similarity, Tensor)
            measured["ssim"] = similarity
        for name, values in measured.items():
            self._values[prefix + name].append(values.reshape(-1).cpu().double())
