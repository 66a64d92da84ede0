"""What a checkpoint says about itself: enough for a stranger to rebuild the generators and feed them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from i2i.config.components import smallest_size
from i2i.config.run_config import Choice, RunConfig
from i2i.models.recorded_components import components_of, components_to_json
from i2i.plugins.dataset_members import values_of
from i2i.plugins.directions import Direction
from i2i.plugins.manager import PluginManager
from i2i.plugins.protocols import Dataset, Method
from i2i.training.position import Position
from i2i.training.records.run_folder import environment


def describe_checkpoint(
    manager: PluginManager,
    config: RunConfig,
    dataset: Dataset,
    method: Method,
    position: Position,
    *,
    data: Mapping[str, Any],
    averaged: Collection[str],
    world_size: int,
) -> dict[str, Any]:
    """Describe a checkpoint as plain JSON values; ``score``, ``metrics`` and ``images`` are null until it is measured.

    Args:
        manager: the plugins, to name the package of each component.
        config: the resolved configuration.
        dataset: the training images, for channels and domains.
        method: the generators and their directions.
        position: where training stands.
        data: the fingerprint of the images.
        averaged: the generators whose file holds a moving average.
        world_size: the number of processes.
    """
    return {
        "step": position.step,
        "seconds": position.seconds,
        "samples": position.samples,
        "world_size": world_size,
        "score": None,
        "metrics": None,
        "images": None,
        "generators": {
            name: _describe_generator(name, manager, config, dataset, method, moving_average=name in averaged)
            for name in method.generators
        },
        "data": data,
        "domains": dict(dataset.domains),
        "value_range": [-1.0, 1.0],
        "values": values_of(dataset),
        "preprocessing": config.data.options.model_dump(mode="json"),
        "inference": config.training.inference,
        "versions": environment(),
        "components": components_to_json(components_of(manager, config)),
        "config": config.to_dict(),
    }


def _describe_generator(
    name: str, manager: PluginManager, config: RunConfig, dataset: Dataset, method: Method, *, moving_average: bool
) -> dict[str, Any]:
    """Describe one generator; one that is in no direction has channels that only its method knows."""
    direction = {generator: direction for direction, generator in method.directions.items()}.get(name)
    return {
        "file": f"{name}.safetensors",
        "direction": direction,
        "component": config.generator.to_dict(),
        "in_channels": None if direction is None else dataset.channels[Direction(direction).source],
        "out_channels": None if direction is None else dataset.channels[Direction(direction).target],
        "smallest_size": smallest_size(manager, config.generator),
        "package": _package_of(manager, "generator", config.generator),
        "moving_average": moving_average,
    }


def _package_of(manager: PluginManager, kind: str, choice: Choice) -> str:
    plugin = manager.find(kind, choice.name).plugin
    return f"{plugin.package} {plugin.version}"
