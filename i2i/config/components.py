"""Building components from their specs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from i2i.config.dataset_choice import accepting
from i2i.config.pixel_loss_sum import PixelLossSum, StepValues, logged_names
from i2i.config.run_config import Choice, OptimizerChoice, RunConfig
from i2i.errors import ConfigError, DataError, PluginError
from i2i.images.readers import Readers
from i2i.plugins.calls import Called, calling, mark
from i2i.plugins.component_options import parse_options
from i2i.plugins.dataset_members import notes_of, settled_options_of
from i2i.plugins.features import name_taps
from i2i.plugins.manager import PluginManager
from i2i.plugins.method_members import networks_of
from i2i.plugins.protocols import Dataset, Method, Parts
from i2i.plugins.specs import NETWORK_GROUPS, SPECS, DatasetSpec

if TYPE_CHECKING:
    from i2i.config.augmenting import Augmenting


class DiscriminatorGroup(nn.ModuleList):
    """Several discriminators that look at the same images; the output is the list of their outputs."""

    def forward(self, images: Tensor) -> list[Any]:
        """Map ``[N, C, H, W]`` to one output for each discriminator."""
        return [discriminator(images) for discriminator in self]


def build(manager: PluginManager, kind: str, choice: Choice, **context: Any) -> Any:
    """Build the chosen component.

    Raises:
        PluginError: naming the package, when its ``build`` fails or returns the wrong thing.
    """
    component = manager.find(kind, choice.name)
    owner = component.called
    if isinstance(component.spec, DatasetSpec) and component.spec.reads_images:
        context.setdefault("readers", Readers(manager))
    with calling(owner, f"building {owner.kind} {owner.name}"):
        built = component.spec.build(choice.options, **context)
    if kind in ("generator", "discriminator") and not isinstance(built, nn.Module):
        raise PluginError(f"{owner}: build must return a torch.nn.Module; got {type(built).__name__}")
    if built is None:
        raise PluginError(f"{owner}: build returned None")
    mark(built, owner)
    if kind in ("generator", "discriminator") and (taps := _taps(manager, kind, choice)):
        with calling(owner, f"naming the taps of {owner.kind} {owner.name}"):
            name_taps(built, taps)
    return built


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
        values: takes the value of each of several pixel losses in each step.
        augmenting: the chosen augmentations, which whoever trains lets adapt; without it none does.

    Raises:
        ConfigError: the parts do not go together.
        PluginError: one of them cannot be built.
    """
    from i2i.config.augmenting import Augmenting  # which builds augmentations

    augmenting = augmenting or Augmenting(manager, config.augmentations)
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
        return PixelLossSum(losses, weights, StepValues() if values is None else values)

    adversarial = make_loss(config.loss)
    parts = Parts(
        channels=channels,
        make_generator=make_generator,
        make_discriminator=make_discriminator,
        make_buffer=make_buffer,
        adversarial=augmenting.heard(adversarial),
        pixel=make_pixel_loss(),
        taps={
            "generator": tuple(_taps(manager, "generator", config.generator)),
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


def build_datasets(manager: PluginManager, config: RunConfig) -> tuple[Dataset, Dataset, RunConfig]:
    """Build the training split of the data set, and the held-out one as the training images decide.

    Returns:
        Both, and the configuration with what the images decided: options that were left open, and the formats of
        packages that they have.
    """
    readers = Readers(manager, [choice.to_dict() for choice in config.readers])
    root, seed = config.data_root, config.training.seed
    train_set = open_dataset(manager, config.data, root, "train", seed, readers)
    if settled := settled_options_of(train_set):
        options = type(config.data.options)(**{**config.data.options.model_dump(), **settled})
        config = replace(config, data=Choice(config.data.name, options))
    test_set = open_dataset(manager, config.data, root, "test", seed, readers)
    known = {choice.name for choice in config.readers}
    used = [Choice(name, options) for name, options in readers.used.items() if name not in known]
    return train_set, test_set, replace(config, readers=(*config.readers, *used)) if used else config


def open_splits(manager: PluginManager, config: RunConfig) -> tuple[Dataset, Dataset, list[str]]:
    """Open both splits, and check that there are images to train on, of sizes that the networks take.

    Returns:
        The training split, the held-out split, and what a person should know about them.

    Raises:
        DataError: the data cannot be used.
        ConfigError: the networks do not take images of these sizes.
    """
    from i2i.config.sizes import check_sizes  # which builds a loss, to see what it is

    train_set, test_set, config = build_datasets(manager, config)
    if len(train_set) == 0:
        raise DataError(f"{config.data_root}: there is no training image")
    check_sizes(manager, config, train_set, test_set)
    return train_set, test_set, notes_of(train_set, test_set)


def open_dataset(manager: PluginManager, choice: Choice, root: str, split: str, seed: int, readers: Readers) -> Dataset:
    """Build a split of a data set, and check that it declares what each must.

    Args:
        manager: the plugins.
        choice: the data set.
        root: a folder, or ``sample:NAME``.
        split: ``"train"`` or ``"test"``.
        seed: of whatever the data set draws.
        readers: the formats of image files, where it reads those.

    Raises:
        PluginError: it does not.
        DataError: the data cannot be used.
    """
    context: dict[str, Any] = {"root": root, "split": split, "seed": seed}
    if manager.spec(DatasetSpec, choice.name).reads_images:
        context["readers"] = readers
    try:
        dataset: Dataset = build(manager, "dataset", choice, **context)
    except DataError as error:
        if others := accepting(manager, root, without=choice.name):
            named = " or ".join(f"{each.called} (--set data.name={each.spec.name})" for each in others)
            raise DataError(f"{error}\nIt can be read by {named}.") from error
        raise
    with calling(manager.find("dataset", choice.name).called, f"opening the {split} split of {root}"):
        len(dataset), bool(dataset.truth)
        for domain in ("A", "B"):
            int(dataset.channels[domain]), str(dataset.domains[domain])
    return dataset


def create(manager: PluginManager, kind: str, name: str, context: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
    """Build one component by name; see :func:`i2i.create`."""
    if kind not in SPECS:
        raise PluginError(f"there is no kind of component called {kind!r} (kinds: {', '.join(SPECS)})")
    parsed, problems = parse_options(manager.find(kind, name).spec.options, options, where=name)
    if parsed is None:
        raise ConfigError("\n".join(map(str, problems)))
    return build(manager, kind, Choice(name, parsed), **context)


def size_multiple(manager: PluginManager, choice: Choice) -> int:
    """The number that the generator wants H and W to be multiples of."""
    return int(manager.ask("generator", choice.name, "size_multiple", choice.options))


def smallest_size(manager: PluginManager, choice: Choice) -> int:
    """The least H and W that the generator translates."""
    return int(manager.ask("generator", choice.name, "smallest_size", choice.options))


def _taps(manager: PluginManager, kind: str, choice: Choice) -> Mapping[str, str]:
    """The taps of a network: each name with the layer's path."""
    taps: Mapping[str, str] = manager.ask(kind, choice.name, "taps", choice.options)
    return taps


def _taps_of_all(manager: PluginManager, choices: Sequence[Choice]) -> Mapping[str, str]:
    """The taps of one discriminator, or those of several under their numbers: ``"0.layer1"``."""
    found = [_taps(manager, "discriminator", choice) for choice in choices]
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
