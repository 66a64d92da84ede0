"""A translator from a MODEL that was opened: a network with its weights, or an exported file."""

from __future__ import annotations

from dataclasses import dataclass, replace

from i2i.errors import ConfigError
from i2i.images.readers import Readers
from i2i.models.find import CheckpointModel, ExportedModel, Opened
from i2i.models.generator import load_generator
from i2i.models.info import Inference
from i2i.plugins.manager import PluginManager
from i2i.translation.network_runner import NetworkRunner, Precision
from i2i.translation.tiles.tile_settings import TileSettings
from i2i.translation.translator import Translator


@dataclass(frozen=True, kw_only=True)
class LoadingOptions:
    """How a model is loaded; see :func:`i2i.load`, whose ``tile_...`` are ``tiles`` here."""

    direction: str | None = None
    device: str = "auto"
    precision: Precision = "fp32"
    inference: Inference | None = None
    max_pixels: int | None = None
    tiles: TileSettings | None = None
    trust: bool = False


def load_translator(manager: PluginManager, opened: Opened, options: LoadingOptions) -> Translator:
    """Load a translator.

    Args:
        manager: the plugins.
        opened: from :func:`~i2i.models.find.open_model`.
        options: how it is loaded.

    Raises:
        CheckpointError: the model is damaged, or made by another version of the generator.
        PluginError: the package that brought the generator is missing.
        ConfigError: an option does not fit the model or this machine.
    """
    if isinstance(opened, ExportedModel):
        return _load_exported(manager, opened, options)
    network, info = load_generator(
        manager,
        opened.checkpoint,
        direction=options.direction,
        inference=options.inference,
        max_pixels=options.max_pixels,
    )
    runner = NetworkRunner(network, info, device=options.device, precision=options.precision)
    readers = Readers(manager, info.readers, color=info.color)
    if options.tiles is None:
        return Translator(runner, readers=readers)
    from i2i.translation.tiles.tiling import Tiling  # only where images are divided: it brings torch's tracer

    return Translator(runner, Tiling(options.tiles, runner), readers)


def load_directions(manager: PluginManager, opened: Opened, options: LoadingOptions) -> dict[str, Translator]:
    """Load a translator for every direction of a model, that of ``options`` first; an exported file holds one.

    Args and errors are those of :func:`load_translator`.
    """
    first = load_translator(manager, opened, options)
    translators: dict[str, Translator] = {first.info.direction: first}
    if isinstance(opened, CheckpointModel):
        for other in first.info.directions:
            if other != first.info.direction:
                translators[other] = load_translator(manager, opened, replace(options, direction=other))
    return translators


def _load_exported(manager: PluginManager, opened: ExportedModel, options: LoadingOptions) -> Translator:
    if options.tiles is not None:
        raise ConfigError(
            f"--tile is for run folders, checkpoints and official files: {opened.path} is an exported file, which "
            "computes an image as a whole; leave it out, or translate with what the file was exported from"
        )
    from i2i.translation.exported import open_exported

    runner = open_exported(
        manager,
        opened.path,
        opened.exporter,
        direction=options.direction,
        device=options.device,
        precision=options.precision,
        inference=options.inference,
        max_pixels=options.max_pixels,
        trust=options.trust,
    )
    return Translator(runner, readers=Readers(manager, runner.info.readers, color=runner.info.color))
