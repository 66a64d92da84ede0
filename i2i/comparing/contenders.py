"""What is compared: trained models, each with its run where it has one, and folders of results made elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from i2i.errors import ConfigError
from i2i.evaluation.translations import OfTranslator, Translations
from i2i.models.find import CheckpointModel, Opened
from i2i.models.info import TranslatorInfo
from i2i.plugins.directions import Direction, Domain
from i2i.plugins.manager import PluginManager
from i2i.training.records.run_folder import RunFolder
from i2i.training.records.run_log import RunLog, read_log
from i2i.translation.model_loading import LoadingOptions, load_translator
from i2i.translation.translator import Translator


@dataclass(frozen=True)
class Contender:
    """One of what is compared.

    Attributes:
        label: what it is called.
        translations: what it makes of images.
        opened: the model; none for a folder of results.
        direction: which way it translates, as its run named the domains.
        config: the configuration of its run; empty where the model does not say.
        log: the curves of its run; empty where it has none.
        trained_on: names of the images that its run trained on, by domain; none where that is not known.
        notes: what a person should know of it.
    """

    label: str
    translations: Translations
    opened: Opened | None = None
    direction: Direction = Direction.A_TO_B
    config: Mapping[str, Any] = field(default_factory=dict)
    log: RunLog = field(default_factory=RunLog)
    trained_on: Mapping[str, Sequence[str]] | None = None
    notes: tuple[str, ...] = ()

    @property
    def data_root(self) -> str | None:
        """What it was trained on, where it says that."""
        root = (self.config.get("data") or {}).get("root")
        return None if root is None else str(root)

    def seen(self, domain: Domain) -> frozenset[str]:
        """Names of the images of a domain, of its run, that were trained on."""
        return frozenset((self.trained_on or {}).get(domain, ()))


def labels_of(paths: Sequence[str]) -> list[str]:
    """What to call things by their paths: the last parts of each, as many as tell it from all others.

    Raises:
        ConfigError: one is named twice.
    """
    if twice := {path for path in paths if paths.count(path) > 1}:
        raise ConfigError(
            f"{min(twice)} is named twice; compare different runs, or checkpoints of one by their folders"
        )
    parts = [Path(path).parts for path in paths]
    labels = []
    for own in parts:
        length = 1
        while length < len(own) and sum(other[-length:] == own[-length:] for other in parts) > 1:
            length += 1
        labels.append(str(Path(*own[-length:])))
    return labels


def contender_of(
    manager: PluginManager, label: str, opened: Opened, options: LoadingOptions, first: TranslatorInfo | None
) -> tuple[Contender, Translator]:
    """Load a model, in the direction in which it can be compared.

    Args:
        manager: the plugins.
        label: what it is called.
        opened: the model.
        options: how it is loaded.
        first: the model that others are compared with; none for itself.

    Raises:
        CheckpointError: the model is damaged.
        ConfigError: it translates other domains, or images of another kind.
    """
    notes: list[str] = []
    translator = load_translator(manager, opened, options)
    if first is not None:
        if translator.info.domains != first.domains:
            translator = _the_way_of(manager, opened, options, translator, first)
        _require_same_kind(label, translator.info, first)
        if translator.info.domains != first.domains:
            notes.append(
                f"{label} translates {' to '.join(translator.info.domains)}, the first model "
                f"{' to '.join(first.domains)}: it is compared as if these were the same"
            )
    config: Mapping[str, Any] = {}
    run: RunFolder | None = None
    if isinstance(opened, CheckpointModel):
        config = opened.checkpoint.description.get("config") or {}
        place = opened.checkpoint.path.parent
        run = RunFolder(place.parent) if place.name == "checkpoints" else None
    contender = Contender(
        label,
        OfTranslator(translator),
        opened,
        Direction(translator.info.direction),
        config,
        RunLog() if run is None else _log_of(run, notes),
        None if run is None else run.names().get("train"),
        tuple(notes),
    )
    return contender, translator


def _the_way_of(
    manager: PluginManager, opened: Opened, options: LoadingOptions, found: Translator, first: TranslatorInfo
) -> Translator:
    """The translator of a model between the domains of the first one, where that is its other way."""
    back = Direction(found.info.direction).reversed
    if found.info.domains[::-1] == first.domains and back in found.info.directions:
        return load_translator(manager, opened, replace(options, direction=back))
    return found


def _require_same_kind(label: str, info: TranslatorInfo, first: TranslatorInfo) -> None:
    def kind(of: TranslatorInfo) -> tuple[Any, ...]:
        return of.in_channels, of.out_channels, of.in_range, of.out_range

    if kind(info) != kind(first):
        raise ConfigError(
            f"{label} takes images of {info.in_channels} channels (range {info.in_range or 'of pictures'}) and makes "
            f"such of {info.out_channels} ({info.out_range or 'of pictures'}); the first model {first.in_channels} "
            f"({first.in_range or 'of pictures'}) and {first.out_channels} ({first.out_range or 'of pictures'}): what "
            "is compared takes and makes images of one kind"
        )


def _log_of(run: RunFolder, notes: list[str]) -> RunLog:
    try:
        return read_log(run.metrics_file)
    except FileNotFoundError:
        return RunLog()
    except OSError as error:
        reason = error.strerror or error
        notes.append(f"{run.metrics_file} could not be read, so its curves are left out: {reason}")
        return RunLog()
