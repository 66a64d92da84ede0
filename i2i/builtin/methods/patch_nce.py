"""The patchwise contrastive loss of CUT (Park, Efros, Zhang and Zhu, ECCV 2020, section 3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2i.builtin.layers import initialise


class PatchProjections(nn.Module):
    """Two linear layers for each of several feature maps, from features at some places to unit vectors.

    The paper's ``H_l``, with the initial weights of its reference implementation.

    Args:
        in_channels: channels of each feature map.
        channels: length of the vectors.
    """

    def __init__(self, in_channels: Sequence[int], channels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(each, channels), nn.ReLU(), nn.Linear(channels, channels)) for each in in_channels
        )
        initialise(self, "xavier", 0.02)

    def forward(self, features: Sequence[Tensor], places: Sequence[Tensor]) -> list[Tensor]:
        """Map features ``[N, C, h, w]`` at places ``[P]``, numbers below ``h * w``, to ``[N, P, channels]``, for each.

        The same places are looked at in every image of a batch.
        """
        found = []
        for layer, feature, place in zip(self.layers, features, places, strict=True):
            chosen = feature.flatten(2)[:, :, place].transpose(1, 2)  # [N, P, C]
            projected = layer(chosen)  # [N, P, channels]
            # Not F.normalize: vectors are short at first, and what the reference implementation adds to them counts.
            found.append(projected / (torch.linalg.vector_norm(projected, dim=-1, keepdim=True) + 1e-7))
        return found


def draw_places(features: Sequence[Tensor], most: int, random: torch.Generator) -> list[Tensor]:
    """Draw different places of each feature map ``[N, C, h, w]``: ``[P]``, ``most`` of them or all that there are."""
    return [torch.randperm(each[0, 0].numel(), generator=random)[:most].to(each.device) for each in features]


def patch_nce(query: Tensor, key: Tensor, temperature: float) -> Tensor:
    """Tell each place's own key from those of the other places of the same image, by cross-entropy (eq. 3).

    Args:
        query: unit vectors ``[N, P, D]`` of the translation.
        key: unit vectors ``[N, P, D]`` of the input, at the same places. No gradient flows into them.
        temperature: what similarities are divided by.

    Returns:
        The mean over places and images, a float32 scalar, or float64 for float64.
    """
    similarity, own = _similarity_of(query, key)
    return F.cross_entropy((similarity / temperature).flatten(0, 1), own.flatten())


def adaptive_patch_nce(query: Tensor, key: Tensor, temperature: float, evenness: float) -> Tensor:
    """The contrast to a target that does not lie on the translation: places that are unlike theirs count less.

    The adaptive supervised loss of Li, Hu, Chen and Kak (MICCAI 2023, section 2.2). Each place's term of
    :func:`patch_nce` is multiplied by ``evenness + (1 - evenness) * max(0, cosine of query and key)``, divided by the
    mean of that over all places and images. No gradient flows through the weights.

    Args:
        query: unit vectors ``[N, P, D]`` of the translation.
        key: unit vectors ``[N, P, D]`` of the target, at the same places. No gradient flows into them.
        temperature: what similarities are divided by.
        evenness: 1 counts all places alike, 0 by their similarity alone.

    Returns:
        The mean over places and images, a float32 scalar, or float64 for float64.
    """
    similarity, own = _similarity_of(query, key)
    losses = F.cross_entropy((similarity / temperature).flatten(0, 1), own.flatten(), reduction="none")  # [N * P]
    alike = similarity.detach().diagonal(dim1=1, dim2=2).flatten().relu()
    weights = evenness + (1 - evenness) * alike
    return (losses * weights / weights.mean().clamp(min=torch.finfo(weights.dtype).tiny)).mean()


def _similarity_of(query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines ``[N, P, P]`` of queries to keys, and the number of each query's own key ``[N, P]``."""
    exact = torch.promote_types(query.dtype, torch.float32)  # a temperature of 0.07 leaves bfloat16 one digit
    with torch.autocast(query.device.type, enabled=False):
        similarity = query.to(exact) @ key.detach().to(exact).transpose(1, 2)
    return similarity, torch.arange(query.shape[1], device=query.device).expand(len(query), -1)
