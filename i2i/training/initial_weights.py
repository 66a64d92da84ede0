"""Networks that start from the weights of other models, as far as these fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor, nn

from i2i.config.layers import Layer, layer_from_mapping
from i2i.config.sections import DEFAULT_METHOD
from i2i.errors import ConfigError
from i2i.models.trained_networks import TrainedNetworks, trained_networks
from i2i.plugins.directions import Direction
from i2i.plugins.method_members import all_networks_of
from i2i.plugins.protocols import Method

MOST_SHOWN = 6
"""Tensors that do not fit which are named in a line; the run's record has all."""


@dataclass(frozen=True)
class NetworkStart:
    """What one network started from.

    Attributes:
        network: its name.
        model: where the weights are from; ``None`` for initial weights.
        source: the name of the network there.
        taken: how many tensors were taken.
        of: how many the network has.
        not_fitting: what was not taken, each with the reason.
        other_settings: settings of a generator that were others there, though its weights fit.
    """

    network: str
    model: str | None = None
    source: str | None = None
    taken: int = 0
    of: int = 0
    not_fitting: tuple[str, ...] = ()
    other_settings: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        """What a person should know, each in a line."""
        if self.model is None:
            yield f"{self.network} starts anew: no model has weights for it"
            return
        share = "all" if self.taken == self.of and not self.not_fitting else f"{self.taken} of {self.of}"
        yield f"{self.network} starts from {self.source} of {self.model} ({share} tensors)"
        if self.not_fitting:
            more = len(self.not_fitting) - MOST_SHOWN
            listed = "; ".join(self.not_fitting[:MOST_SHOWN]) + (f"; and {more} more (start.json)" if more > 0 else "")
            yield f"{self.network}: {listed}"
        if self.other_settings:
            yield f"{self.network} was trained with other settings: {'; '.join(self.other_settings)}"


@dataclass(frozen=True)
class Start:
    """What a method's networks started from.

    Attributes:
        networks: each of them.
        unused: by model, its networks that nothing started from.
    """

    networks: tuple[NetworkStart, ...]
    unused: Mapping[str, tuple[str, ...]]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """What a person should know, each in a line."""
        for start in self.networks:
            yield from start.lines()
        for model, names in self.unused.items():
            if names:
                yield f"not used: {', '.join(names)} of {model}"


def settings_of(models: Sequence[str], given: Layer, *, generators_only: bool) -> tuple[Layer, list[str]]:
    """The settings that make the networks those of the models, where a person chose no others.

    Args:
        models: what the networks will start from.
        given: what a person gave.
        generators_only: whether the discriminators are left out.

    Returns:
        A layer to put below what was given, and what to tell the person.

    Raises:
        CheckpointError: there is no such model, or it is damaged.
        ConfigError: it is an exported file.
    """
    layer: Layer = {}
    notes = []
    for model in models:
        trained = trained_networks(model)
        for generator in trained.generators.values():
            wanted = given.get("generator", {}).get("name", generator.component["name"])
            if "generator" not in layer and wanted == generator.component["name"]:
                layer |= layer_from_mapping({"generator": dict(generator.component)}, model)
                notes.append(f"the generator has the settings of {model}, unless others are given")
        method = given.get("method", {}).get("name", DEFAULT_METHOD)
        own = trained.config.get("discriminator")
        chosen = {"name", "copies"} & given.get("discriminator", {}).keys()
        if trained.others and own and not (chosen or generators_only) and trained.config["method"]["name"] == method:
            layer |= layer_from_mapping({"discriminator": own}, model)
    return layer, notes


def with_settings_of_models(given: Layer) -> tuple[Layer, list[str]]:
    """What :func:`settings_of` returns for the models that ``given`` names; nothing where it names none."""
    training = given.get("training", {})
    models = training.get("init_from") or ()
    models = [models] if isinstance(models, str) else list(models)
    return settings_of(models, given, generators_only=bool(training.get("init_generators_only")))


def start_networks(
    method: Method, models: Sequence[str], component: Mapping[str, Any], *, generators_only: bool = False
) -> Start:
    """Load the weights of models into a method's networks, tensor by tensor, where name and shape are the same.

    Generators take those of the generator that translates in the same direction, whatever its name; all other networks
    those of the network of their name.

    Args:
        method: its networks, with initial weights.
        models: see :mod:`i2i.models.find`.
        component: the method's generator, its name and options; those of a model that differ are noted.
        generators_only: whether discriminators and helpers start anew.

    Returns:
        What each network started from, and what nothing did.

    Raises:
        CheckpointError: there is no such model, or it is damaged.
        ConfigError: nothing of a model fits, or two give weights to one network.
    """
    networks = all_networks_of(method)
    starts: dict[str, NetworkStart] = {}
    unused = {}
    for model in models:
        trained = trained_networks(model)
        offered = _offered(method, trained, generators_only=generators_only)
        found = [_load(networks[each.network], each, trained.source, component) for each in offered]
        if not any(start.taken for start in found):
            raise ConfigError(f"--init-from {model}: {_nothing_fits(method, trained, found)}")
        for start in found:
            if start.network in starts:
                raise ConfigError(
                    f"--init-from {model} and {starts[start.network].model} both have weights for {start.network}; "
                    "leave one out"
                )
            starts[start.network] = start
        names = [*(each.name for each in trained.generators.values()), *trained.others]
        used = {start.source for start in found}
        unused[trained.source] = tuple(name for name in names if name not in used)
    each = (starts.get(name, NetworkStart(name, of=len(network.state_dict()))) for name, network in networks.items())
    return Start(tuple(each), unused)


@dataclass(frozen=True)
class _Offer:
    """Weights for a network.

    Attributes:
        network: its name.
        source: the name of the network that the weights are of.
        component: that network's, where it is a generator.
    """

    network: str
    source: str
    weights: Mapping[str, Tensor]
    component: Mapping[str, Any] | None = None


def _offered(method: Method, trained: TrainedNetworks, *, generators_only: bool) -> list[_Offer]:
    """What a model has for the networks of a method."""
    offered = [
        _Offer(name, found.name, found.weights, found.component)
        for way, name in method.directions.items()
        if (found := trained.generators.get(Direction(way))) is not None
    ]
    translating = set(method.directions.values())
    others = [name for name in all_networks_of(method) if name in trained.others and name not in translating]
    return offered if generators_only else [*offered, *(_Offer(name, name, trained.others[name]) for name in others)]


def _load(network: nn.Module, offer: _Offer, model: str, component: Mapping[str, Any]) -> NetworkStart:
    """Copy the tensors that fit into a network."""
    own, weights = network.state_dict(), offer.weights
    fitting = {key: value for key, value in weights.items() if key in own and own[key].shape == value.shape}
    network.load_state_dict({**own, **fitting})
    return NetworkStart(
        offer.network,
        model,
        offer.source,
        taken=len(fitting),
        of=len(own),
        not_fitting=(
            *(
                f"{key} is {list(weights[key].shape)} there and {list(value.shape)} here"
                for key, value in own.items()
                if key in weights and key not in fitting
            ),
            *(f"{key} is not there" for key in own if key not in weights),
            *(f"{key} is not here" for key in weights if key not in own),
        ),
        other_settings=_other_settings(offer.component or component, component),
    )


def _other_settings(there: Mapping[str, Any], here: Mapping[str, Any]) -> tuple[str, ...]:
    """The settings of a generator that its weights were trained with and that are others here, one a text."""
    both = [key for key in here if key in there and key not in ("init", "init_gain", "kernels")]
    return tuple(f"{key} is {there[key]} there and {here[key]} here" for key in both if there[key] != here[key])


def _nothing_fits(method: Method, trained: TrainedNetworks, found: Sequence[NetworkStart]) -> str:
    if found:
        reasons = "; ".join(f"{start.network}: {start.not_fitting[0]}" for start in found if start.not_fitting)
        return f"none of its weights fits ({reasons}); leave out the settings of the generator to have the model's"
    has = [*(f"a generator {way}" for way in trained.generators), *trained.others]
    return (
        f"it has {', '.join(has)}, of which this run needs none (it trains {', '.join(all_networks_of(method))}; "
        f"generators translate {', '.join(map(str, method.directions))})"
    )
