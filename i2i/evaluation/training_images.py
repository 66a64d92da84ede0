"""The training images of a model, for metrics that learn from them: those of its run, or those that somebody names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from i2i.config.dataset_opening import open_dataset
from i2i.errors import I2IError, reason_of
from i2i.evaluation.evaluated_data import choose_data
from i2i.images.readers import Readers
from i2i.models.find import CheckpointModel, Opened
from i2i.plugins.manager import PluginManager
from i2i.plugins.protocols import Dataset, TrainingImages

LEARNT = "metrics"
"""The folder of a run that holds what its metrics have learnt."""


def find_training_images(
    manager: PluginManager, model: Opened, readers: Readers, root: str | Path | None = None
) -> TrainingImages:
    """Find the images that a metric learns from, and what the run has learnt already.

    Args:
        manager: the plugins.
        model: what is measured.
        readers: the formats of image files.
        root: a folder or ``sample:NAME`` with the training images; without, those of the model's run.

    Raises:
        DataError: ``root`` cannot be read.
        ConfigError: nothing reads it.
    """
    if root is not None:
        return TrainingImages(open_training_split(manager, model, readers, root))
    if not isinstance(model, CheckpointModel) or not (model.data_settings or {}).get("root"):
        return TrainingImages(None, "the model does not say which they are; name them with --training-data FOLDER")
    folder = model.checkpoint.path.parent.parent / LEARNT
    try:
        return TrainingImages(open_training_split(manager, model, readers), folder=folder)
    except I2IError as error:
        return TrainingImages(None, f"{reason_of(error)}; name them with --training-data FOLDER", folder)


def open_training_split(
    manager: PluginManager, model: Opened, readers: Readers, root: str | Path | None = None
) -> Dataset:
    """Open training images as the model's run read them, with its crops and flips.

    Args:
        manager: the plugins.
        model: what was trained.
        readers: the formats of image files.
        root: other images than those of the run.

    Raises:
        DataError: they cannot be read.
        ConfigError: nothing reads them.
    """
    data = choose_data(manager, model.data_settings, root, {}, "test", model.components)
    training: dict[str, Any] = {}
    if isinstance(model, CheckpointModel):
        training = model.checkpoint.description["config"].get("training") or {}
    return open_dataset(manager, data.dataset, data.root, "train", int(training.get("seed", 0)), readers)
