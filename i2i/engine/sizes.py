"""Finding out before training that images and networks do not go together."""

from __future__ import annotations

from i2i.engine.config import RunConfig
from i2i.engine.parts import size_multiple
from i2i.errors import ConfigError
from i2i.plugins.manager import PluginManager
from i2i.plugins.protocols import Dataset
from i2i.plugins.specs import DiscriminatorSpec


def check_sizes(manager: PluginManager, config: RunConfig, train_set: Dataset, test_set: Dataset) -> None:
    """Check the first image of each split against what the networks ask for.

    Raises:
        ConfigError: naming the network, the size that came and a size that fits.
    """
    multiple = size_multiple(manager, config.generator)
    for dataset in (train_set, test_set):
        if len(dataset) == 0:
            continue
        sample = dataset[0, 0]
        for domain in ("A", "B"):
            height, width = sample[domain].shape[-2:]
            if height % multiple or width % multiple:
                near = max(multiple, round(min(height, width) / multiple) * multiple)
                raise ConfigError(
                    f"generator {config.generator.name} needs heights and widths that are multiples of {multiple}; "
                    f"the images of {domain} come out at {width}x{height}; use --image-size {near}, "
                    "or a generator with fewer scales (such as --generator resnet9)"
                )
            for choice in config.discriminators:
                smallest = manager.spec(DiscriminatorSpec, choice.name).smallest_size(choice.options)
                if min(height, width) < smallest:
                    raise ConfigError(
                        f"discriminator {choice.name} needs images of at least {smallest} pixels a side; the images "
                        f"of {domain} come out at {width}x{height}; use a larger --image-size or fewer layers"
                    )
