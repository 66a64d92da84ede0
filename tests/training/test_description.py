"""What a checkpoint says about itself."""

import json
from typing import ClassVar

import torch
from torch import nn

from i2i.config.resolver import resolve
from i2i.plugins.manager import PluginManager
from i2i.training.description import describe_checkpoint
from i2i.training.position import Position


class Images:
    channels: ClassVar = {"A": 1, "B": 3}
    domains: ClassVar = {"A": "line", "B": "3d"}


class WithHelper:
    """A method with a generator that is in no direction: only the method knows what goes into it."""

    generators: ClassVar = {"G": nn.Conv2d(1, 3, 1), "encoder": nn.Conv2d(3, 8, 1)}
    directions: ClassVar = {"AtoB": "G"}


def test_a_generator_without_a_direction_claims_no_channels():
    manager = PluginManager()
    config, _ = resolve(manager, [{"data": {"root": "sample:line-3d"}}])
    description = describe_checkpoint(
        manager, config, Images(), WithHelper(), Position(step=3), data={}, averaged={"G"}, world_size=1
    )
    told = json.loads(json.dumps(description))
    ours, helper = told["generators"]["G"], told["generators"]["encoder"]
    assert (ours["direction"], ours["in_channels"], ours["out_channels"]) == ("AtoB", 1, 3)
    assert (helper["direction"], helper["in_channels"], helper["out_channels"]) == (None, None, None)
    assert (ours["moving_average"], helper["moving_average"]) == (True, False)
    assert [told[key] for key in ("step", "score", "metrics", "images")] == [3, None, None, None]
    assert told["versions"]["torch"] == torch.__version__
