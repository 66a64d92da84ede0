"""Opening the data set of a run, both splits, and checking that it can be trained on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from i2i.config.components import build
from i2i.config.dataset_choice import accepting
from i2i.config.run_config import Choice, RunConfig
from i2i.config.sizes import check_sizes
from i2i.errors import DataError
from i2i.images.readers import Readers
from i2i.plugins.calls import calling
from i2i.plugins.dataset_members import notes_of, settled_options_of
from i2i.plugins.manager import PluginManager
from i2i.plugins.protocols import Dataset
from i2i.plugins.specs import DatasetSpec


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
