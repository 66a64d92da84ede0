"""Moving averages of the generators' weights."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def make_averages(generators: Mapping[str, nn.Module], decay: float) -> dict[str, AveragedModel]:
    """Make an exponential moving average of each generator, buffers included; none with a decay of 0.

    After the first step an average is the generator itself; after each later one ``decay * average + (1 - decay) *
    weights``.
    """
    if decay == 0:
        return {}
    average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    return {
        name: AveragedModel(network, multi_avg_fn=average, use_buffers=True) for name, network in generators.items()
    }
