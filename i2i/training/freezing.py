"""Parameters that are not trained, by patterns of their names."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from fnmatch import fnmatchcase

from torch import nn

from i2i.errors import ConfigError
from i2i.plugins.method_members import all_networks_of
from i2i.plugins.protocols import Method

MOST_NEAREST = 3
"""Names of parameters that are shown where a pattern matches none."""


def freeze(method: Method, patterns: Sequence[str]) -> list[nn.Parameter]:
    """Let no gradients be gathered for the parameters whose names match, and return them.

    What is no parameter is not held: the running statistics of batch norm, the vectors of spectral norm.

    Args:
        method: its networks.
        patterns: of names such as ``"G_A.model.1.weight"``, network first, with ``*``, ``?`` and ``[...]``.

    Raises:
        ConfigError: a pattern matches no name, or nothing is left to train in the generators.
    """
    named = {
        f"{name}.{key}": parameter
        for name, network in all_networks_of(method).items()
        for key, parameter in network.named_parameters()
    }
    frozen: dict[str, nn.Parameter] = {}
    for pattern in patterns:
        matched = {name: parameter for name, parameter in named.items() if fnmatchcase(name, pattern)}
        if not matched:
            nearest = difflib.get_close_matches(pattern, named, n=MOST_NEAREST, cutoff=0.0)
            raise ConfigError(
                f"--freeze {pattern}: no parameter has such a name; the nearest are {', '.join(nearest)}. Names begin "
                f"with that of the network ({', '.join(all_networks_of(method))}); * stands for any part of one"
            )
        frozen |= matched
    for parameter in frozen.values():
        parameter.requires_grad_(False)
    generators = [parameter for network in method.generators.values() for parameter in network.parameters()]
    if frozen and not any(parameter.requires_grad for parameter in generators):
        raise ConfigError(f"--freeze {' --freeze '.join(patterns)} leaves nothing to train in the generators")
    return list(frozen.values())
