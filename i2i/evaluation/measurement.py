"""Measuring a translator on a data set: against true pairs, and as a set against the set of the target domain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import torch
import torchmetrics

from i2i._version import __version__
from i2i.config.run_config import Choice
from i2i.config.sizes import known_or_first_size, too_small
from i2i.errors import ConfigError, DataError
from i2i.evaluation.baselines import Baselines
from i2i.evaluation.chosen_metrics import ChosenMetric, build_metrics, of_family, usual_metrics
from i2i.evaluation.evaluated_data import ChosenData, DomainImages, EvaluatedImage, EvaluatedImages, open_images
from i2i.evaluation.pairs import PairMetrics
from i2i.evaluation.per_image import PerImage
from i2i.evaluation.run_baselines import find_baselines
from i2i.evaluation.sets import FEWEST, SetMetrics
from i2i.evaluation.training_images import find_training_images
from i2i.evaluation.translations import OfTranslator, Translations
from i2i.images.readers import Readers
from i2i.models.find import Opened
from i2i.models.scores import blindness, values_to_json
from i2i.plugins.dataset_members import held_out_by
from i2i.plugins.directions import Direction
from i2i.plugins.manager import PluginManager
from i2i.plugins.protocols import TrainingImages
from i2i.plugins.specs import MetricSpec
from i2i.progress import counted, working
from i2i.tensors.inference import torchs_own_settings
from i2i.translation.translator import Translator

TRAINED_ON = "these images are of the training split: numbers on images that the model has seen flatter it"

Which = Literal["auto", "pairs", "sets", "all"]


@dataclass(frozen=True)
class Evaluation:
    """Numbers, with everything that is needed to reproduce them.

    Attributes:
        model: what was measured: file or folder, step, generator, direction, domains.
        data: what it was measured on: root, split, the data set's name and options, and what images are ``held_out_by``
            (empty where the data set does not say).
        counts: images of the source and of the target domain, and true pairs among them.
        sizes: how many source images have each ``"HEIGHTxWIDTH"``, after the data set's resize.
        pairs: see :class:`~i2i.evaluation.pairs.PairMetrics`; empty when there are none or they were not wanted.
        sets: see :class:`~i2i.evaluation.sets.SetMetrics`, and the same with ``identity_`` for the inputs in place
            of the translations and ``colour_fit_`` for their colour fit; empty when they were not wanted.
        protocol: rounding, feature network and its resize, subsets, seed, precision, inference and versions; of metrics
            that were asked for by name, package and options.
        notes: what a person should know before quoting a number.
        per_image: the values of each image with a true translation, which ``pairs`` averages; not in :meth:`to_dict`.
    """

    model: Mapping[str, Any]
    data: Mapping[str, Any]
    counts: Mapping[str, int]
    sizes: Mapping[str, int]
    pairs: Mapping[str, float]
    sets: Mapping[str, float]
    protocol: Mapping[str, Any]
    notes: tuple[str, ...] = field(default=())
    per_image: PerImage = field(default_factory=PerImage)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON; see :func:`~i2i.models.scores.values_to_json`."""
        numbers = {"pairs": values_to_json(self.pairs), "sets": values_to_json(self.sets)}
        kept = {name: dict(getattr(self, name)) for name in ("model", "data", "counts", "sizes", "protocol")}
        return {**kept, **numbers, "notes": list(self.notes)}


@dataclass(frozen=True)
class MeasuringOptions:
    """What is measured, and how.

    Attributes:
        sets: the metrics of sets that ``which`` means.
        which: ``"pairs"``, ``"sets"``, ``"all"``; or ``"auto"``: pairs where the data have any, else sets.
        asked: further metrics.
        batch_size: images computed at once, at most.
        seed: of whatever the data set draws.
        per_image: whether the values of single images are wanted, which only pairs have.
        training_data: images that a metric learns from, in place of those of the run.
    """

    sets: Sequence[Choice]
    which: Which = "auto"
    asked: Sequence[Choice] = ()
    batch_size: int = 1
    seed: int = 0
    per_image: bool = False
    training_data: str | Path | None = None


@dataclass(frozen=True)
class _Metrics:
    """The metrics that are measured, of pairs and of sets."""

    pairs: Sequence[ChosenMetric]
    sets: Sequence[ChosenMetric]


@torch.no_grad()
@torchs_own_settings()
def measure(
    manager: PluginManager, model: Opened, translator: Translator, data: ChosenData, options: MeasuringOptions
) -> Evaluation:
    """Translate every source image once and measure.

    Args:
        manager: the plugins.
        model: what is measured.
        translator: what translates, loaded from it.
        data: what it is measured on.
        options: what is measured.

    Raises:
        DataError: there are no images, no pairs although they were asked for, or channels that do not fit.
        ConfigError: the feature network cannot be used, or a metric cannot measure images of this size.
        PluginError: a metric fails.
    """
    direction, readers = translator.info.direction, translator.readers
    images = open_images(manager, data, readers, direction, options.seed)

    def baselines() -> tuple[Baselines | None, list[str]]:
        return find_baselines(manager, model, direction, readers)

    training = training_images(manager, model, readers, options)
    translations = OfTranslator(translator)
    return measure_translations(manager, translations, images, data, options, direction, baselines, training)


def training_images(
    manager: PluginManager, model: Opened, readers: Readers, options: MeasuringOptions
) -> TrainingImages | None:
    """What metrics learn from, or ``None`` where none of those that are measured learns: then nothing is opened."""
    if any(manager.spec(MetricSpec, choice.name).learns for choice in (*options.asked, *options.sets)):
        return find_training_images(manager, model, readers, options.training_data)
    return None


@torch.no_grad()
@torchs_own_settings()
def measure_translations(
    manager: PluginManager,
    translations: Translations,
    images: EvaluatedImages,
    data: ChosenData,
    options: MeasuringOptions,
    direction: Direction,
    find: Callable[[], tuple[Baselines | None, list[str]]],
    training: TrainingImages | None = None,
) -> Evaluation:
    """Measure the translations of every source image once; :func:`measure` of what need not be a translator.

    Args:
        manager: the plugins.
        translations: what is measured.
        images: what they are translations of.
        data: where those are from.
        options: what is measured.
        direction: which way is translated, as the data name the domains.
        find: finds the baselines that are measured beside, or a note that says why there are none.
        training: what a metric learns from that learns.
    """
    translations.require(images.sources)
    with working("preparing the metrics"):
        metrics = _choose(manager, translations.device, images, data, options, training)
    if options.per_image and not metrics.pairs:
        raise DataError(
            f"{data.root}: images have values of their own where pairs are measured, and here sets are: give --data "
            "that has pairs, and --metrics pairs or all, or leave out --per-image"
        )
    baselines, left_out = find()
    pairs, sizes = PairMetrics(metrics.pairs, baselines), Counter[str]()
    sets = SetMetrics(metrics.sets, baselines, direction) if metrics.sets else None
    for batch in _batches(counted(images.sources, "measuring images", len(images.sources)), options.batch_size):
        sizes.update("x".join(map(str, image.shape[1:])) for _, image, _ in batch)
        _measure_batch(translations, batch, pairs if metrics.pairs else None, sets)
    against_truth = pairs.compute()
    pair_count = int(against_truth["images"])
    if pair_count == 0 and (options.which in ("pairs", "all") or any(metric.asked for metric in metrics.pairs)):
        raise DataError(
            f"{data.root}: split {data.split} has no true pairs to measure against; measure sets, with --metrics sets"
        )
    if sets is not None:
        _add_targets(sets, images.targets, options.batch_size)
        _require_enough(sets, data)
    return Evaluation(
        model=translations.about(),
        data={**data.to_dict(), "held_out_by": held_out_by(images.sources.dataset)},
        counts={"sources": sizes.total(), "pairs": pair_count, **({"targets": sets.targets} if sets else {})},
        sizes=dict(sizes),
        pairs=against_truth if pair_count else {},
        sets=sets.compute() if sets else {},
        protocol={
            **_protocol(translations, options.seed),
            **(sets.protocol() if sets else {}),
            **_asked([*metrics.pairs, *metrics.sets]),
        },
        notes=(
            *translations.notes,
            *images.notes,
            *left_out,
            *([TRAINED_ON] if data.split == "train" else []),
            *([blind] if (blind := blindness(against_truth)) else []),
            *(sets.notes() if sets else []),
        ),
        per_image=pairs.per_image() if pair_count else PerImage(),
    )


def _choose(
    manager: PluginManager,
    device: torch.device,
    images: EvaluatedImages,
    data: ChosenData,
    options: MeasuringOptions,
    training: TrainingImages | None,
) -> _Metrics:
    """Build what is measured, and find out before anything is translated what cannot be."""
    asked = build_metrics(manager, options.asked, device, asked=True, training=training)
    asked_pairs, asked_sets = (of_family(asked, family) for family in ("pairs", "sets"))
    have_pairs = bool(asked_pairs) or options.which == "auto"
    have_pairs = have_pairs and images.have_pairs(data.split)
    if asked_pairs and not have_pairs:
        names = ", ".join(metric.name for metric in asked_pairs)
        raise DataError(
            f"{data.root}: split {data.split} has no true pairs, which --metric {names} compares with; measure sets, "
            "with --metrics sets, or give --data that has pairs"
        )
    want_pairs = have_pairs if options.which == "auto" else options.which != "sets"
    usual = usual_metrics(manager, device) if want_pairs else []
    want_sets = options.which in ("sets", "all") or (options.which == "auto" and not want_pairs and not asked_sets)
    known = {metric.name for metric in asked}
    choices = [choice for choice in options.sets if choice.name not in known] if want_sets else []
    sets = build_metrics(manager, choices, device, asked=False)
    metrics = _Metrics([*(each for each in usual if each.name not in known), *asked_pairs], [*sets, *asked_sets])
    for metric in asked:
        for height, width in known_or_first_size(images.sources.dataset):
            if min(height, width) < metric.smallest:
                raise ConfigError(too_small(metric.name, metric.smallest, width, height))
    return metrics


def _asked(metrics: Sequence[ChosenMetric]) -> dict[str, Any]:
    """Of metrics that were asked for by name, package and options."""
    asked = {
        metric.name: {"package": metric.called.owner, **metric.options.model_dump(mode="json")}
        for metric in metrics
        if metric.asked
    }
    return {"metrics": asked} if asked else {}


def _measure_batch(
    translations: Translations, batch: list[EvaluatedImage], pairs: PairMetrics | None, sets: SetMetrics | None
) -> None:
    inputs = [image[None] for _, image, _ in batch]
    outputs = translations.of(batch)
    if pairs is not None:
        for (name, image, truth), output in zip(batch, outputs, strict=True):
            if truth is not None:
                pairs.update(output.cpu(), truth[None], image[None], [name])
    if sets is not None:
        sets.add_translations(outputs, inputs)


def _add_targets(sets: SetMetrics, images: DomainImages, batch_size: int) -> None:
    for batch in _batches(counted(images, "looking at the images they are compared with"), batch_size):
        sets.add_targets([image[None] for _, image, _ in batch])


def _batches(items: Iterable[EvaluatedImage], size: int) -> Iterator[list[EvaluatedImage]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _require_enough(sets: SetMetrics, data: ChosenData) -> None:
    if min(sets.targets, sets.translations) < FEWEST:
        raise DataError(
            f"{data.root}: a distance needs {FEWEST} images of each domain; split {data.split} has "
            f"{sets.translations} and {sets.targets}: measure on more, with another --split or --data, or against the "
            "truth, with --metrics pairs"
        )


def _protocol(translations: Translations, seed: int) -> dict[str, Any]:
    return {
        "pixels": "8 bits, rounded",
        **translations.protocol(),
        "device": str(translations.device),
        "seed": seed,
        "versions": {"i2i": __version__, "torch": torch.__version__, "torchmetrics": torchmetrics.__version__},
    }
