"""Feature matching, the discriminator's own idea of how far a fake is from its target (Wang et al., CVPR 2018)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2i.errors import ConfigError
from i2i.plugins.features import Tapped, tapped, taps_of

PAPERS_LAYERS = 4.0
"""How many layers of each of the paper's discriminators are matched."""


def matched_layers(discriminator: nn.Module) -> Tapped:
    """All named layers of a discriminator, or of each of several.

    Raises:
        ConfigError: it names none, or one of several does.
    """
    taps = taps_of(discriminator)
    several = isinstance(discriminator, nn.ModuleList)
    naming = {name.partition(".")[0] for name in taps}
    if not taps or (several and len(naming) < len(list(discriminator.children()))):
        raise ConfigError(
            "method.feature_matching compares inner layers of the discriminator, and "
            f"{'one of those' if several else 'the one'} that was chosen names none (taps); choose another "
            "--discriminator (i2i plugins show discriminator NAME tells), or leave method.feature_matching at 0"
        )
    return tapped(discriminator, list(taps))


def feature_distance(layers: Tapped, fake: Tensor, real: Tensor) -> Tensor:
    """The mean absolute difference of what the layers compute of a fake and of its target (section 3.3, eq. 3).

    Of a discriminator it is four times the mean over its layers, which is the sum over those that the paper's has; of
    several scales, and of several discriminators, the mean. No gradient flows through the target's side.

    Args:
        layers: see :func:`matched_layers`.
        fake: ``[N, C, H, W]`` as the discriminator sees it.
        real: the target, of the same shape.

    Returns:
        A float32 scalar, or float64 for float64.
    """
    with torch.no_grad():
        targets = layers.encode(real)
    found = layers.encode(fake)
    exact = torch.promote_types(fake.dtype, torch.float32)
    distances = {name: F.l1_loss(found[name].to(exact), target.to(exact)) for name, target in targets.items()}
    return PAPERS_LAYERS * _mean_by_parts(distances)


def _mean_by_parts(values: Mapping[str, Tensor]) -> Tensor:
    """The mean over layers, then over scales, then over discriminators, as dotted names tell: ``"0.scale1.layer1"``."""
    if not any("." in name for name in values):
        return torch.stack(list(values.values())).mean()
    groups: dict[str, dict[str, Tensor]] = {}
    for name, value in values.items():
        first, _, rest = name.partition(".")
        groups.setdefault(first, {})[rest] = value
    return torch.stack([_mean_by_parts(group) for group in groups.values()]).mean()
