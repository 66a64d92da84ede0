"""What the tests of the methods share: a method built from settings, plain optimisers, images and a literal history."""

from __future__ import annotations

import copy
from itertools import chain
from types import SimpleNamespace

import torch

from i2i.api import resolve
from i2i.config.method_building import build_method
from i2i.plugins.manager import PluginManager
from i2i.plugins.method_members import all_networks_of, networks_of
from i2i.plugins.specs import NETWORK_GROUPS

SMALL_DISCRIMINATOR = ["discriminator.name=patch", "discriminator.layers=1", "discriminator.base_channels=4"]
# Wide initial weights: with the papers' 0.02 networks this small would hardly react to their input.
WIDE = ["generator.init=xavier", "generator.init_gain=1", "discriminator.init=xavier", "discriminator.init_gain=1"]


def make_method(*settings, channels=None, seed=0):
    """Return the method, in double precision, and the resolved configuration.

    Instance norm cancels the bias before it, whose gradient is then rounding noise. Adam divides it by itself: in
    single precision such a bias wanders at random, in double precision the noise stays far below Adam's epsilon.
    """
    config = resolve("photos", settings=[*WIDE, *settings])  # no preset: the papers' defaults
    torch.manual_seed(seed)
    method = build_method(
        PluginManager({}), config, channels or {"A": 3, "B": 3}, buffer_seed=seed, device=torch.device("cpu")
    )
    for network in all_networks_of(method).values():
        network.double().train()
    return method, config


class PlainUpdate:
    """One Adam for each group, by the resolved configuration; records what a method asks for."""

    def __init__(self, method, config, seed=7):
        self.random = torch.Generator().manual_seed(seed)
        self.calls = []
        self.gradients = {}
        self.optimizers = {
            group: torch.optim.Adam(
                chain.from_iterable(network.parameters() for network in networks_of(method, group).values()),
                lr=config.optimizer.options.learning_rate,
                betas=(config.optimizer.options.beta1, config.optimizer.options.beta2),
            )
            for group in NETWORK_GROUPS
            if networks_of(method, group)
        }

    def backward(self, loss):
        self.calls.append("backward")
        loss.backward()

    def apply(self, group):
        self.calls.append(group)
        parameters = self.optimizers[group].param_groups[0]["params"]
        self.gradients[group] = [None if p.grad is None else p.grad.clone() for p in parameters]
        self.optimizers[group].step()
        self.optimizers[group].zero_grad(set_to_none=True)


class History:
    """Shrivastava's history of 2017 by CycleGAN's rule, line by line, for one buffer's draws."""

    def __init__(self, buffer):
        self.random = torch.Generator()
        self.random.set_state(buffer.generator.get_state())
        self.size, self.stored, self.swaps = buffer.size, [], 0

    def query(self, images):
        if self.size == 0:
            return images
        answer = []
        for image in images:
            if len(self.stored) < self.size:
                self.stored.append(image.clone())
                answer.append(image)
            else:
                u = torch.rand((), generator=self.random).item()
                if u > 0.5:
                    slot = torch.randint(self.size, (), generator=self.random).item()
                    answer.append(self.stored[slot].clone())
                    self.stored[slot] = image.clone()
                    self.swaps += 1
                else:
                    answer.append(image)
        return torch.stack(answer)


def copies_of(method):
    """The networks by name, copied with their weights."""
    return SimpleNamespace(**{name: copy.deepcopy(network) for name, network in all_networks_of(method).items()})


def make_images(steps=5, batch=1, channels=(3, 3), size=32, seed=3):
    """A batch of A and B for each step, each different."""
    random = torch.Generator().manual_seed(seed)
    return [
        {
            name: torch.rand(batch, count, size, size, generator=random, dtype=torch.float64) * 2 - 1
            for name, count in zip("AB", channels, strict=True)
        }
        for _ in range(steps)
    ]


def assert_same_terms(terms, expected):
    """Every loss term agrees to a relative 1e-5."""
    assert set(terms) == set(expected)
    for name, value in expected.items():
        torch.testing.assert_close(terms[name], value.detach(), rtol=1e-5, atol=0, msg=lambda m, n=name: f"{n}: {m}")


def assert_same_gradients(gradients, expected):
    """What an optimiser stepped with agrees: Adam takes the same step for any multiple, so the weights do not tell."""
    assert len(gradients) == len(expected)
    for ours, theirs in zip(gradients, expected, strict=True):
        largest = theirs.abs().max().item()
        torch.testing.assert_close(ours, theirs, rtol=0, atol=max(1e-5 * largest, 1e-12))


def assert_same_weights(method, copies, noise=1e-9):
    """Every weight and running statistic agrees to a relative 1e-4 of its tensor's largest entry, or to the noise."""
    for name, network in all_networks_of(method).items():
        expected = getattr(copies, name).state_dict()
        for key, value in network.state_dict().items():
            if value.is_floating_point():
                tolerance = max(1e-4 * expected[key].abs().max().item(), noise)
                torch.testing.assert_close(
                    value, expected[key], rtol=0, atol=tolerance, msg=lambda m, n=name, k=key: f"{n}.{k}: {m}"
                )
