"""The losses, from torch alone."""

from __future__ import annotations

import torch
from torch import Tensor

BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
"""A Gaussian with a variance of one pixel, in five taps."""

SECOND_DIFFERENCE = (1.0, -2.0, 1.0)
"""The second derivative, in three taps."""


class CharbonnierLoss:
    """The Charbonnier distance: the mean error with a rounded tip.

    For the difference ``d`` of two elements it is ``sqrt(d^2 + epsilon^2) - epsilon``: ``d^2 / (2 * epsilon)`` where
    ``d`` is small beside ``epsilon``, and ``|d| - epsilon`` where it is large. Subtracting ``epsilon``, which the
    sources do not do, changes no gradient; it makes the distance between equal images exactly zero.

    Sources: Charbonnier, Blanc-Feraud, Aubert and Barlaud, Two deterministic half-quadratic regularization algorithms
    for computed imaging, ICIP 1994; as a loss, Lai, Huang, Ahuja and Yang, Deep Laplacian Pyramid Networks for Fast and
    Accurate Super-Resolution, 2017 (arXiv 1704.03915, section 3.3).

    Args:
        epsilon: the difference around which the loss turns from quadratic to linear; at least 1e-6, in the unit of the
            images. LapSRN's 1e-3 is the default.
    """

    def __init__(self, epsilon: float = 1e-3) -> None:
        self.epsilon = epsilon

    def __call__(self, image: Tensor, target: Tensor) -> Tensor:
        """Return the mean over all elements.

        Args:
            image: ``[N, C, H, W]``, nominally in [-1, 1]; no value is refused.
            target: as ``image``, of the same shape.

        Returns:
            A scalar, at least 0 and at most the mean absolute error; float32 where an image has half precision.

        Raises:
            ValueError: where the shapes differ.
        """
        return charbonnier(difference(image, target), self.epsilon)


class EdgeLoss:
    """The Charbonnier distance of two images, plus a weight times that of their edge maps.

    The edge map is the :func:`laplacian_of_gaussian`, for each channel on its own. With ``L`` the map and ``rho`` the
    Charbonnier distance, the loss is ``rho(image - target) + edge_weight * rho(L(image) - L(target))``.

    Source: Zamir et al., Multi-Stage Progressive Image Restoration, 2021 (MPRNet, arXiv 2102.02808, equations 1 to 3),
    for one stage. Both distances are averaged over elements and shifted as in :class:`CharbonnierLoss`, so that equal
    images give exactly zero.

    Args:
        epsilon: as for :class:`CharbonnierLoss`, for both distances.
        edge_weight: weight of the edge maps, beside 1 for the images; at least 0. MPRNet's 0.05 is the default.
    """

    def __init__(self, epsilon: float = 1e-3, edge_weight: float = 0.05) -> None:
        self.epsilon = epsilon
        self.edge_weight = edge_weight

    def __call__(self, image: Tensor, target: Tensor) -> Tensor:
        """Return the weighted sum of both means.

        Args:
            image: ``[N, C, H, W]``, of any size, nominally in [-1, 1]; no value is refused.
            target: as ``image``, of the same shape.

        Returns:
            A scalar, at least 0; float32 where an image has half precision.

        Raises:
            ValueError: where the shapes differ.
        """
        error = difference(image, target)
        edges = laplacian_of_gaussian(error)  # linear, so the map of a difference is the difference of the maps
        return charbonnier(error, self.epsilon) + self.edge_weight * charbonnier(edges, self.epsilon)


def charbonnier(error: Tensor, epsilon: float) -> Tensor:
    """Return the mean of ``sqrt(error^2 + epsilon^2) - epsilon``.

    Args:
        error: of any shape and value, float32 or float64.
        epsilon: at least 1e-6, or its square is lost in float32.

    Returns:
        A scalar in [0, mean of ``|error|``], of the same dtype.
    """
    # The same as the formula, without taking the difference of nearly equal numbers: never below zero.
    square = error * error
    return (square / ((square + epsilon**2).sqrt() + epsilon)).mean()


def laplacian_of_gaussian(images: Tensor) -> Tensor:
    """Smooth with a 5 x 5 binomial filter, a Gaussian of variance 1, then sum the second differences of both axes.

    Borders are repeated outwards. The sum of the filter is zero: a constant and, away from the borders, a linear slope
    vanish. A step from -1 to 1 gives at most 0.375 on one side and -0.375 on the other.

    Args:
        images: ``[N, C, H, W]`` of any size and value.

    Returns:
        The edge map of each channel, ``[N, C, H, W]``, at most 1.5 times as large as the largest magnitude.
    """
    smooth = correlate(correlate(images, BINOMIAL, axis=2), BINOMIAL, axis=3)
    return correlate(smooth, SECOND_DIFFERENCE, axis=2) + correlate(smooth, SECOND_DIFFERENCE, axis=3)


def correlate(images: Tensor, taps: tuple[float, ...], *, axis: int) -> Tensor:
    """Correlate one axis with an odd number of taps, borders repeated outwards; the shape stays.

    Sums of shifted images rather than a convolution: autocast leaves their precision alone.
    """
    margin, size = len(taps) // 2, images.shape[axis]
    first, last = images.narrow(axis, 0, 1), images.narrow(axis, size - 1, 1)
    padded = torch.cat([first] * margin + [images] + [last] * margin, dim=axis)
    terms = [tap * padded.narrow(axis, shift, size) for shift, tap in enumerate(taps)]
    return sum(terms[1:], start=terms[0])


def difference(image: Tensor, target: Tensor) -> Tensor:
    """Return ``image - target`` in float32, or float64 if one of them is.

    Args:
        image: ``[N, C, H, W]`` of any floating dtype.
        target: as ``image``, of the same shape.

    Raises:
        ValueError: where the shapes differ.
    """
    if image.shape != target.shape:
        raise ValueError(f"expected two images of one shape, got {list(image.shape)} and {list(target.shape)}")
    dtype = torch.promote_types(torch.promote_types(image.dtype, target.dtype), torch.float32)
    return image.to(dtype) - target.to(dtype)
