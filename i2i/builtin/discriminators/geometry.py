"""What a discriminator sees of an image, by arithmetic alone. Imports no torch."""

from __future__ import annotations


def receptive_field(layers: int) -> int:
    """Return the side in pixels of the patch that one logit of a PatchGAN with so many strided layers judges.

    1 to 6 layers give 16, 34, 70, 142, 286 and 574 (pix2pix, section 6.1.2, names the first and the third).
    """
    field = 7  # two 4x4 convolutions of stride 1: 1 + 3 + 3
    for _ in range(layers):
        field = 2 * (field - 1) + 4  # a 4x4 convolution of stride 2
    return field


def smallest_patch_size(layers: int) -> int:
    """Return the least height and width in pixels for which a PatchGAN has a logit.

    The strided layers leave ``H // 2**layers`` pixels and each of the last two convolutions takes one more, so three
    must be left. The last normalised plane is then 2x2, which instance norm can still normalise.
    """
    return int(3 * 2**layers)


def smallest_multiscale_size(layers: int, scales: int) -> int:
    """Return the least height and width in pixels for which the PatchGAN of the coarsest scale has a logit.

    Each scale halves the one before it, rounding up.
    """
    return int((smallest_patch_size(layers) - 1) * 2 ** (scales - 1)) + 1


def smallest_pixel_size(norm: str) -> int:
    """Return the least height and width in pixels for a PixelGAN: a norm needs more than one pixel to normalise."""
    return 1 if norm == "none" else 2
