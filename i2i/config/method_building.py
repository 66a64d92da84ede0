"""Building a method with all that it trains: networks, losses, buffers, augmentations; and the optimisers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from i2i.config.augmenting import Augmenting
from i2i.config.components import build, size_multiple, smallest_size, taps_in_spec
from i2i.config.pixel_loss_sum import PixelLossSum, StepValues, logged_names
from i2i.config.run_config import Choice, OptimizerChoice, RunConfig
from i2i.errors import PluginError
from i2i.plugins.calls import Called, calling, mark
from i2i.plugins.features import name_taps
from i2i.plugins.manager import PluginManager
from i2i.plugins.method_members import networks_of
from i2i.plugins.protocols import Method, Parts, SteppedLoss
from i2i.plugins.specs import NETWORK_GROUPS


class DiscriminatorGroup(nn.ModuleList):
    """Several discriminators that look at the same images; the output is the list of their outputs."""

    def forward(self, images: Tensor) -> list[Any]:
        """Map ``[N, C, H, W]`` to one output for each discriminator."""
        return [discriminator(images) for discriminator in self]


def build_method(
    manager: PluginManager,
    config: RunConfig,
    channels: Mapping[str, int],
    buffer_seed: int,
    device: torch.device,
    values: StepValues | None = None,
    augmenting: Augmenting | None = None,
) -> Method:
    """Build the method with all its networks, losses and buffers.

    Args:
        manager: the plugins.
        config: what was chosen.
        channels: channels of domains ``"A"`` and ``"B"``.
        buffer_seed: seeds the buffers' random generators; each buffer gets a stream of its own.
        device: where a loss that is a module, such as one that compares features, is moved to.
        values: takes the value of each of several pixel losses in each step, and says which step begins.
        augmenting: the chosen augmentations, which whoever trains lets adapt; without it none does.

    Raises:
        ConfigError: the parts do not go together.
        PluginError: one of them cannot be built.
    """
    augmenting = augmenting or Augmenting(manager, config.augmentations)
    values = StepValues() if values is None else values
    seeds = _seeds(buffer_seed)
    discriminator_taps = _taps_of_all(manager, config.discriminators)

    def make_discriminator(in_channels: int) -> nn.Module:
        networks: list[nn.Module] = [
            build(manager, "discriminator", choice, in_channels=in_channels) for choice in config.discriminators
        ]
        if len(networks) > 1:
            networks = [DiscriminatorGroup(networks)]
            name_taps(networks[0], discriminator_taps)
        return networks[0]

    def make_generator(in_channels: int, out_channels: int) -> Any:
        return build(manager, "generator", config.generator, in_channels=in_channels, out_channels=out_channels)

    def make_buffer() -> Any:
        return build(manager, "buffer", config.buffer, generator=torch.Generator().manual_seed(next(seeds)))

    def make_loss(choice: Choice) -> Any:
        loss = build(manager, "loss", choice)
        return loss.to(device) if isinstance(loss, nn.Module) else loss

    def make_pixel_loss() -> Any:
        choices = config.pixel_losses
        if len(choices) == 1 and choices[0].weight == 1:
            return make_loss(choices[0])
        names = logged_names(choices)
        weights = {name: choice.weight for name, choice in zip(names, choices, strict=True)}
        losses = {name: make_loss(choice) for name, choice in zip(names, choices, strict=True)}
        return PixelLossSum(losses, weights, values)

    adversarial = make_loss(config.loss)
    if isinstance(adversarial, SteppedLoss):
        values.begun.append(adversarial.begin_step)
    parts = Parts(
        channels=channels,
        make_generator=make_generator,
        make_discriminator=make_discriminator,
        make_buffer=make_buffer,
        adversarial=augmenting.heard(adversarial),
        pixel=make_pixel_loss(),
        taps={
            "generator": tuple(taps_in_spec(manager, "generator", config.generator)),
            "discriminator": tuple(discriminator_taps),
        },
        size_multiple=size_multiple(manager, config.generator),
        smallest_size=_smallest_of_all(manager, config),
        make_augmentation=augmenting.make,
    )
    method: Method = build(manager, "method", config.method, parts=parts)
    mark(method, replace(manager.find("method", config.method.name).called, parts=_called_parts(manager, config)))
    with calling(method, f"asking method {config.method.name} for its networks"):
        for group in NETWORK_GROUPS:
            for name, network in networks_of(method, group).items():
                if not isinstance(network, nn.Module):
                    raise TypeError(f"network {name} must be a torch.nn.Module; got {type(network).__name__}")
        others = method.generators.keys() | method.discriminators.keys()
        if taken := sorted(networks_of(method, "helpers").keys() & others):
            raise ValueError(f"helpers must have names of their own; {', '.join(taken)} is another network's, too")
        dict(method.buffers), [method.generators[name] for name in method.directions.values()]
    augmenting.require_used(config.method.name, config.loss, adversarial, device)
    return method


def build_optimizers(
    manager: PluginManager, choice: OptimizerChoice, method: Method, frozen: Collection[nn.Parameter] = ()
) -> dict[str, Optimizer]:
    """Build an optimiser for each group of networks that the method has, unless all its parameters are frozen.

    Args:
        manager: the plugins.
        choice: the optimiser, with its options.
        method: its networks.
        frozen: parameters that none trains.

    Raises:
        PluginError: naming the package, when what is built is no optimiser of all the parameters.
    """
    optimizers: dict[str, Optimizer] = {}
    left_out = {id(parameter) for parameter in frozen}
    for group in NETWORK_GROUPS:
        networks = networks_of(method, group)
        all_of_them = [parameter for network in networks.values() for parameter in network.parameters()]
        parameters = [parameter for parameter in all_of_them if id(parameter) not in left_out]
        if not networks or (all_of_them and not parameters):
            continue
        built = build(manager, "optimizer", choice.of(group), parameters=list(parameters))
        owner = manager.find("optimizer", choice.name).called
        if not isinstance(built, Optimizer):
            raise PluginError(f"{owner}: build must return a torch.optim.Optimizer; got {type(built).__name__}")
        trained = {id(parameter) for part in built.param_groups for parameter in part["params"]}
        if missing := sum(id(parameter) not in trained for parameter in parameters):
            raise PluginError(
                f"{owner}: {missing} of the {len(parameters)} parameters of the {group} are in none of its "
                "parameter groups; it must train all that build is given"
            )
        optimizers[group] = built
    return optimizers


def _called_parts(manager: PluginManager, config: RunConfig) -> tuple[Called, ...]:
    """What a method is given, as messages name it."""
    given = ("generator", "discriminator", "loss", "buffer", "augmentation")
    return tuple(manager.find(kind, choice.name).called for kind, choice in config.chosen if kind in given)


def _taps_of_all(manager: PluginManager, choices: Sequence[Choice]) -> Mapping[str, str]:
    """The taps of one discriminator, or those of several under their numbers: ``"0.layer1"``."""
    found = [taps_in_spec(manager, "discriminator", choice) for choice in choices]
    if len(found) == 1:
        return found[0]
    return {f"{number}.{name}": f"{number}.{path}" for number, taps in enumerate(found) for name, path in taps.items()}


def _smallest_of_all(manager: PluginManager, config: RunConfig) -> int:
    """The least H and W, a multiple of the generator's, that it and all discriminators take."""
    least = [smallest_size(manager, config.generator)]
    least += [
        int(manager.ask("discriminator", choice.name, "smallest_size", choice.options))
        for choice in config.discriminators
    ]
    multiple = size_multiple(manager, config.generator)
    return -(-max(least) // multiple) * multiple


def _seeds(first: int) -> Iterator[int]:
    random = torch.Generator().manual_seed(first)
    while True:
        yield int(torch.randint(2**62, (), generator=random))
