"""The comparison: every contender measured on the same images, and how sure the differences are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from i2i.comparing.contenders import Contender
from i2i.comparing.differing_settings import differing
from i2i.comparing.unseen_images import names_seen
from i2i.errors import DataError
from i2i.evaluation.baselines import Baselines
from i2i.evaluation.evaluated_data import ChosenData, DomainImages, EvaluatedImage, EvaluatedImages
from i2i.evaluation.measurement import Evaluation, MeasuringOptions, measure_translations, training_images
from i2i.evaluation.per_image import interval
from i2i.evaluation.run_baselines import find_baselines
from i2i.evaluation.sheets import drawable, over_white, stack_images
from i2i.images.readers import Readers
from i2i.plugins.dataset_members import image_names_of, values_of
from i2i.plugins.manager import PluginManager
from i2i.progress import counted, working
from i2i.tensors.inference import torchs_own_settings

RANKED_BY = "l1"
"""By what images are found on which contenders differ most."""


@dataclass(frozen=True)
class Difference:
    """What a contender scores more than the first, image by image.

    Attributes:
        value: its mean over images; of a metric of sets, the difference of the distances.
        interval: where the mean lies with 95 % confidence (see :func:`~i2i.evaluation.per_image.interval`); ``None``
            of metrics of sets, and of fewer than five images.
    """

    value: float
    interval: tuple[float, float] | None = None

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out 0; never without one."""
        return self.interval is not None and not self.interval[0] <= 0 <= self.interval[1]


@dataclass(frozen=True)
class Compared:
    """A contender, and what it scored.

    Attributes:
        contender: it.
        evaluation: its numbers.
        differences: from the first contender, by metric; none of the first itself.
    """

    contender: Contender
    evaluation: Evaluation
    differences: Mapping[str, Difference]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON."""
        differences = {
            name: {"value": each.value, "interval": None if each.interval is None else list(each.interval)}
            for name, each in self.differences.items()
        }
        per_image = {
            name: [value if math.isfinite(value) else None for value in values]
            for name, values in self.evaluation.per_image.values.items()
        }
        return {
            "label": self.contender.label,
            **self.evaluation.to_dict(),
            "differences": differences,
            "per_image": per_image,
        }


@dataclass(frozen=True)
class Comparison:
    """Contenders side by side.

    Attributes:
        compared: each of them; the first is what others are compared with.
        data: what they were measured on.
        left_out: how many of its images were left out, since a contender was trained on them.
        names: of the images with a true translation that were measured, in their order.
        settings: those that differ; see :func:`~i2i.comparing.differing_settings.differing`.
        rows: names of the images of ``columns``.
        columns: the same images of each: title to ``[N, C, H, W]`` in [-1, 1].
        notes: what a person should know before quoting a number.
        page: the page that was written, where one was.
    """

    compared: tuple[Compared, ...]
    data: ChosenData
    left_out: int
    names: tuple[str, ...]
    settings: Mapping[str, Sequence[Any]]
    rows: tuple[str, ...]
    columns: Mapping[str, Tensor]
    notes: tuple[str, ...]
    page: Path | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON; the pictures are not among them."""
        return {
            "data": self.data.to_dict(),
            "left_out": self.left_out,
            "images": list(self.names),
            "compared": [each.to_dict() for each in self.compared],
            "settings": {name: list(values) for name, values in self.settings.items()},
            "notes": list(self.notes),
            "page": None if self.page is None else str(self.page),
        }


@torch.no_grad()
@torchs_own_settings()
def compare_contenders(
    manager: PluginManager,
    contenders: Sequence[Contender],
    images: EvaluatedImages,
    data: ChosenData,
    options: MeasuringOptions,
    readers: Readers,
    shown: int,
) -> Comparison:
    """Measure each contender on the images that none was trained on.

    Args:
        manager: the plugins.
        contenders: what is compared; the first is a model.
        images: what is translated, as the first one reads it.
        data: where the images are from.
        options: what is measured.
        readers: the formats of image files.
        shown: of how many images translations are kept to be looked at.

    Raises:
        DataError: no image is left, or what :func:`~i2i.evaluation.measurement.measure` raises.
        ConfigError: as there.
        PluginError: as there.
    """
    sources, targets, notes = names_seen(contenders, data)
    before = _names(images.sources)
    unseen = images.without(sources, targets)
    if not set(before) - sources:
        raise DataError(
            f"{data.root}: every image of split {data.split} was trained on by one of the runs, so there is none to "
            "compare them on; name others with --data"
        )
    first = contenders[0]

    def baselines() -> tuple[Baselines | None, list[str]]:
        assert first.opened is not None
        return find_baselines(manager, first.opened, first.direction, readers)

    assert first.opened is not None
    training = training_images(manager, first.opened, readers, options)  # one classifier judges all
    evaluations = [
        measure_translations(
            manager,
            each.translations,
            unseen,
            data,
            options,
            first.direction,
            baselines if each is first else lambda: (None, []),
            training,
        )
        for each in contenders
    ]
    compared = tuple(
        Compared(each, evaluation, {} if each is first else _differences(evaluation, evaluations[0]))
        for each, evaluation in zip(contenders, evaluations, strict=True)
    )
    rows, columns = _look(contenders, unseen, _rows(evaluations, [n for n in before if n not in sources], shown))
    return Comparison(
        compared,
        data,
        len(set(before) & sources),
        tuple(evaluations[0].per_image.names),
        differing([each.config for each in contenders]),
        rows,
        columns,
        (*notes, *_notes(compared)),
    )


def _names(images: DomainImages) -> list[str]:
    """The names of all images, without reading any where the data set tells its names."""
    known = image_names_of(images.dataset).get(images.domain)
    return [name for name, _, _ in counted(images, "looking at images", len(images))] if known is None else list(known)


def _differences(evaluation: Evaluation, first: Evaluation) -> dict[str, Difference]:
    """Means of what finite values of one image differ by: two equal images of infinite PSNR say nothing."""
    found = {}
    for name, values in evaluation.per_image.values.items():
        if name in evaluation.pairs and name in first.per_image.values:
            pairs = zip(values, first.per_image.values[name], strict=True)
            differences = [value - other for value, other in pairs if math.isfinite(value) and math.isfinite(other)]
            mean = sum(differences) / max(1, len(differences))
            found[name] = Difference(mean, interval(differences))
    for name, distance in evaluation.sets.items():
        if name in first.sets and not name.endswith("_std"):
            found[name] = Difference(distance - first.sets[name])
    return {name: each for name, each in found.items() if not name.startswith(("identity_", "colour_fit_"))}


def _rows(evaluations: Sequence[Evaluation], names: Sequence[str], shown: int) -> list[str]:
    """Images to look at: half of them evenly spread, then those on which the contenders differ most."""
    values = [found.per_image.values[RANKED_BY] for found in evaluations if RANKED_BY in found.per_image.values]
    by_spread: list[str] = []
    if len(values) > 1:
        measured = evaluations[0].per_image.names
        spread = {name: max(each) - min(each) for name, *each in zip(measured, *values, strict=True)}
        by_spread = sorted(spread, key=lambda name: -spread[name])
    wanted = min(shown, len(names))
    spread_out = wanted - wanted // 2 if by_spread else wanted
    chosen = [names[(2 * place + 1) * len(names) // (2 * spread_out)] for place in range(spread_out)]
    return list(dict.fromkeys([*chosen, *by_spread, *names]))[:wanted]


def _look(
    contenders: Sequence[Contender], images: EvaluatedImages, rows: Sequence[str]
) -> tuple[tuple[str, ...], dict[str, Tensor]]:
    """The columns of a sheet: input, each contender's translation, truth where all have one."""
    if not rows:
        return (), {}
    found: dict[str, EvaluatedImage] = {}
    for image in images.sources:
        if image.name in rows:
            found[image.name] = image
            if len(found) == len(rows):
                break
    chosen = [found[name] for name in rows]
    columns = {"input": [image[None] for _, image, _ in chosen]}
    with working("translating the images to look at"):
        for each in contenders:
            outputs = (each.translations.of([image])[0] for image in chosen)
            columns[each.label] = [output.cpu() for output in outputs]
    truths = [truth[None] for _, _, truth in chosen if truth is not None]
    if len(truths) == len(chosen):
        columns["truth"] = truths
    stacked = {title: stack_images(column) for title, column in columns.items()}
    for title in stacked:
        domain = images.sources if title == "input" else images.targets
        if (values_of(domain.dataset)[domain.domain] or {}).get("opacity"):
            stacked[title] = over_white(stacked[title])
    return tuple(rows), dict(drawable(title, column) for title, column in stacked.items())


def _notes(compared: Sequence[Compared]) -> Iterable[str]:
    """What each contender and its evaluation say, once where all say it."""
    said = [(each.contender.label, dict.fromkeys(each.evaluation.notes)) for each in compared]
    for each in compared:
        yield from each.contender.notes
    for note in dict.fromkeys(note for _, notes in said for note in notes):
        who = [label for label, notes in said if note in notes]
        yield note if len(who) == len(said) else f"{', '.join(who)}: {note}"
