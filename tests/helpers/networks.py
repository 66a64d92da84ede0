"""What the tests of all networks ask of one."""

import torch
from torch.optim import Adam

from i2i.plugins.method_members import networks_of
from i2i.plugins.specs import NETWORK_GROUPS


def count(network):
    """How many parameters a network has."""
    return sum(parameter.numel() for parameter in network.parameters())


def randomised(network):
    """Weights, shifts and statistics far from their starting values, so that a forgotten one shows."""
    generator = torch.Generator().manual_seed(5)
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2, generator=generator)
        elif tensor.is_floating_point():
            tensor.normal_(0, 0.3, generator=generator)
    return network


def adams(method, learning_rate=2e-4, beta1=0.5, beta2=0.999):
    """An Adam for each group of a method's networks."""
    groups = {group: networks_of(method, group).values() for group in NETWORK_GROUPS}
    return {
        group: Adam([each for network in networks for each in network.parameters()], learning_rate, (beta1, beta2))
        for group, networks in groups.items()
        if networks
    }
