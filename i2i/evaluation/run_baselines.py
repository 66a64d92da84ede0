"""The baselines of a model's run: as the run kept them, or fitted anew to its training images where those are found."""

from __future__ import annotations

from i2i.errors import I2IError, reason_of
from i2i.evaluation.baselines import Baselines, fit_baselines, read_baselines
from i2i.evaluation.training_images import open_training_split
from i2i.images.readers import Readers
from i2i.models.find import CheckpointModel, Opened
from i2i.plugins.directions import Direction
from i2i.plugins.manager import PluginManager

_NOT_MEASURED = "one colour and the colour fit are not measured beside the translations"


def find_baselines(
    manager: PluginManager, model: Opened, direction: Direction, readers: Readers
) -> tuple[Baselines | None, list[str]]:
    """Find what was fitted to the training images of a model, whatever images it is measured on now.

    Args:
        manager: the plugins.
        model: what is measured.
        direction: which way.
        readers: the formats of image files.

    Returns:
        The baselines, or ``None`` with a note that says why there are none.
    """
    if not isinstance(model, CheckpointModel) or not (model.data_settings or {}).get("root"):
        return None, [f"{_NOT_MEASURED}: the model does not say which images it was trained on"]
    kept = read_baselines(model.checkpoint.path.parent.parent)
    if direction in kept:
        return kept[direction], []
    try:
        return fit_baselines(open_training_split(manager, model, readers), [direction])[direction], []
    except I2IError as error:
        return None, [f"{_NOT_MEASURED}: the images that the model was trained on cannot be read: {reason_of(error)}"]
