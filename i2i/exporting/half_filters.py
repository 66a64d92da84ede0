"""Filters that float16 holds, such as those of ``i2i convert --half``, stay half as large in an exported file."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

LARGE = 1024
"""Elements from which on the type of a filter matters to the size of a file."""


def holds_in_half(values: Tensor) -> bool:
    """Whether a filter is float32 and loses nothing as float16."""
    if values.dtype != torch.float32 or values.dim() < 2 or values.numel() < LARGE:
        return False
    return torch.equal(values.half().float(), values)


def with_half_filters(network: nn.Module) -> nn.Module:
    """A copy that stores such filters as float16 and widens them when it computes, with the same results."""
    network = copy.deepcopy(network)
    for module in list(network.modules()):
        for name, values in list(module.named_parameters(recurse=False)):
            if holds_in_half(values.detach()):
                setattr(module, name, nn.Parameter(values.detach().half(), requires_grad=False))
                parametrize.register_parametrization(module, name, _Widened(), unsafe=True)  # of another type
    return network


class _Widened(nn.Module):
    def forward(self, stored: Tensor) -> Tensor:
        return stored.float()
