"""Finding out before training whether images and networks fit each other."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from i2i.config.components import build, size_multiple, smallest_size
from i2i.config.run_config import RunConfig
from i2i.config.sections import CYCLE
from i2i.errors import ConfigError, I2IError
from i2i.plugins.calls import calling
from i2i.plugins.dataset_members import sizes_of
from i2i.plugins.manager import PluginManager
from i2i.plugins.protocols import Dataset, PenalisedLoss
from i2i.plugins.specs import MetricSpec

PLAIN_CHOICE = "resnet9"
"""What to take where no relative of the chosen generator fits."""


def check_sizes(manager: PluginManager, config: RunConfig, train_set: Dataset, test_set: Dataset) -> None:
    """Check the sizes of images against what the networks ask for.

    A data set that knows them has ``sizes``, every ``(height, width)`` of its samples; otherwise the first sample is
    looked at.

    Raises:
        ConfigError: naming the network, the size that was given and a size that fits.
    """
    check_metrics(manager, config, test_set)
    multiple = size_multiple(manager, config.generator)
    for dataset in (train_set, test_set):
        sizes = sorted(set(known_or_first_size(dataset)))
        for height, width in sizes:
            if height % multiple or width % multiple:
                near = max(multiple, round(min(height, width) / multiple) * multiple)
                other = _generator_for(manager, config.generator.name, sizes)
                raise ConfigError(
                    f"generator {config.generator.name} needs heights and widths that are multiples of {multiple}; "
                    f"images come out at {width}x{height}; use --image-size {near}"
                    + (f", or --generator {other}, which takes them" if other else "")
                )
            least = smallest_size(manager, config.generator)
            if min(height, width) < least:
                raise ConfigError(
                    f"generator {config.generator.name} needs images of at least {least} pixels a side; images come "
                    f"out at {width}x{height}; use a larger --image-size"
                )
            for choice in config.discriminators:
                smallest = manager.ask("discriminator", choice.name, "smallest_size", choice.options)
                if min(height, width) < smallest:
                    raise ConfigError(
                        f"discriminator {choice.name} needs images of at least {smallest} pixels a side; images come "
                        f"out at {width}x{height}; use a larger --image-size or fewer layers"
                    )
            if dataset is train_set:
                _check_losses(manager, config, (height, width), multiple)
        if dataset is train_set and len(sizes) > 1:
            _check_penalty(manager, config, sizes)
        if dataset is train_set and len(sizes) > 1 and config.training.batch_size > 1:
            (height, width), (other_height, other_width) = sizes[0], sizes[-1]
            raise ConfigError(
                f"--batch-size must be 1 for images of different sizes, and got {config.training.batch_size}; images "
                f"come out at {len(sizes)} sizes, from {width}x{height} to {other_width}x{other_height}; use "
                "--batch-size 1 --accumulate N, or a data.mode that crops"
            )


def check_metrics(manager: PluginManager, config: RunConfig, test_set: Dataset) -> None:
    """Check that held-out images can be measured as somebody asked.

    Raises:
        ConfigError: naming the metric, and what it lacks.
    """
    pairs: list[str] = []
    sets: list[str] = []
    for choice in config.metrics:
        of_pairs = manager.spec(MetricSpec, choice.name).family == "pairs"
        (pairs if of_pairs else sets).append(choice.name)
        smallest = int(manager.ask("metric", choice.name, "smallest_size", choice.options))
        for height, width in known_or_first_size(test_set):
            if min(height, width) < smallest:
                raise ConfigError(too_small(choice.name, smallest, width, height))
    if pairs and not test_set.truth:
        raise ConfigError(
            f"metric {pairs[0]} compares with true translations, and of the {len(test_set)} held-out images of "
            f"{config.data_root} none has one; give --data that has pairs, or leave the metric out of --metric and of "
            "training.best"
        )
    images = min(len(test_set), config.training.evaluation_images)
    if sets and images < 2:
        raise ConfigError(
            f"metric {sets[0]} compares sets of at least 2 held-out images; {images} would be measured; hold out more "
            "images, or raise training.evaluation_images"
        )


def check_best(config: RunConfig, directions: Collection[str]) -> None:
    """Check that the best checkpoint can be chosen as somebody asked; ``directions`` are those of the method.

    Raises:
        ConfigError: there is no way back, by which it is chosen.
    """
    if config.training.best == CYCLE and len(directions) < 2:
        raise ConfigError(
            f"training.best={CYCLE} needs generators of both directions, and method {config.method.name} trains one; "
            "choose by another metric, such as training.best=l1"
        )


def too_small(name: str, smallest: int, width: int, height: int) -> str:
    """What to say of images that a metric cannot measure."""
    return (
        f"metric {name} needs images of at least {smallest} pixels a side; images come out at {width}x{height}; "
        "measure larger ones (--image-size, or --set data.image_size=...), or leave the metric out"
    )


def _generator_for(manager: PluginManager, refused: str, sizes: Sequence[tuple[int, int]]) -> str | None:
    """The generator nearest in name to the chosen one that takes all these sizes with its defaults, if one does."""
    found = []
    for component in manager.components("generator"):
        name = component.spec.name
        try:
            multiple = manager.ask("generator", name, "size_multiple", component.spec.options())
            least = manager.ask("generator", name, "smallest_size", component.spec.options())
        except (I2IError, ValueError):  # a third-party one that is broken, or has options without a default
            continue
        if all(side % multiple == 0 and side >= least for size in sizes for side in size):
            related = name.rstrip("0123456789") == refused.rstrip("0123456789")
            found.append((related, name == PLAIN_CHOICE, multiple, name))
    return max(found)[-1] if found else None


def _check_losses(manager: PluginManager, config: RunConfig, size: tuple[int, int], multiple: int) -> None:
    """Refuse training images that are smaller than what a loss compares."""
    height, width = size
    for option, choice in (("loss", config.loss), *(("pixel-loss", choice) for choice in config.pixel_losses)):
        smallest = manager.ask("loss", choice.name, "smallest_size", choice.options)
        if min(height, width) < smallest:
            raise ConfigError(
                f"loss {choice.name} needs images of at least {smallest} pixels a side; training images come out at "
                f"{width}x{height}; use --image-size {-(-smallest // multiple) * multiple} or more, or another "
                f"--{option}"
            )


def _check_penalty(manager: PluginManager, config: RunConfig, sizes: Sequence[tuple[int, int]]) -> None:
    """Refuse a gradient penalty between a real and a translated image of different sizes, as unpaired data have."""
    pairing = manager.ask("method", config.method.name, "pairing", config.method.options)
    loss = build(manager, "loss", config.loss)
    if pairing == "paired" or not isinstance(loss, PenalisedLoss) or not getattr(loss, "mixes_images", True):
        return
    (height, width), (other_height, other_width) = sizes[0], sizes[-1]
    raise ConfigError(
        f"loss {config.loss.name} looks at mixtures of real and translated images, which must have one size; images "
        f"come out at {len(sizes)} sizes, from {width}x{height} to {other_width}x{other_height}; use a data.mode that "
        "crops, or another loss (such as --loss lsgan)"
    )


def known_or_first_size(dataset: Dataset) -> Iterable[tuple[int, int]]:
    """Every ``(height, width)`` of a data set that knows them, else that of its first sample."""
    if (known := sizes_of(dataset)) is not None:
        return known
    if len(dataset) == 0:
        return ()
    with calling(dataset, "reading its first sample"):
        sample = dataset[0, 0]
        return [(sample[domain].shape[-2], sample[domain].shape[-1]) for domain in ("A", "B")]
