"""Measuring a translator on a data set: against true pairs, and as a set against the set of the target domain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import torch
import torchmetrics
from torch import Tensor

from i2i._version import __version__
from i2i.config.components import open_dataset
from i2i.config.run_config import Choice
from i2i.errors import ConfigError, DataError
from i2i.evaluation.features import Features
from i2i.evaluation.pairs import PairMetrics
from i2i.evaluation.sets import FEWEST, KID_SUBSETS, kid_subset_size, set_distances
from i2i.models.scores import BASELINE, values_to_json
from i2i.plugins.calls import calling
from i2i.plugins.component_options import parse_options
from i2i.plugins.manager import PluginManager
from i2i.plugins.protocols import Dataset, Sample
from i2i.plugins.specs import DatasetSpec
from i2i.progress import counted, working
from i2i.tensors.inference import torchs_own_settings
from i2i.tensors.pixels import to_uint8
from i2i.translation.translator import Translator

Which = Literal["auto", "pairs", "sets", "all"]
Domain = Literal["A", "B"]

AS_THEY_ARE: Mapping[str, Any] = {"name": "folder", "mode": "none", "round_to": 0}
"""How images are read for a model that does not say how it was trained: none is resized."""
WITHOUT_CHANCE = ("flip", "load_size")
"""Options of data sets that exist for training: mirroring, and a resize that leaves room for random crops."""
FLIPPED = {"AtoB": "BtoA", "BtoA": "AtoB"}


@dataclass(frozen=True)
class Evaluation:
    """Numbers, with everything that has to be known to get them again.

    Attributes:
        model: what was measured: file or folder, step, generator, direction, domains.
        data: what it was measured on: root, split, the data set's name and options.
        counts: images of the source and of the target domain, and true pairs among them.
        sizes: how many source images have each ``"HEIGHTxWIDTH"``, after the data set's resize.
        pairs: see :class:`~i2i.evaluation.pairs.PairMetrics`; empty when there are none or they were not wanted.
        sets: see :func:`~i2i.evaluation.sets.set_distances`, and the same with ``identity_`` for the inputs in place
            of the translations; empty when they were not wanted.
        protocol: rounding, feature network and its resize, subsets, seed, precision, inference and versions.
        notes: what a person should know before quoting a number.
    """

    model: Mapping[str, Any]
    data: Mapping[str, Any]
    counts: Mapping[str, int]
    sizes: Mapping[str, int]
    pairs: Mapping[str, float]
    sets: Mapping[str, float]
    protocol: Mapping[str, Any]
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON; see :func:`~i2i.models.scores.values_to_json`."""
        numbers = {"pairs": values_to_json(self.pairs), "sets": values_to_json(self.sets)}
        kept = {name: dict(getattr(self, name)) for name in ("model", "data", "counts", "sizes", "protocol")}
        return {**kept, **numbers, "notes": list(self.notes)}


def choose_data(
    manager: PluginManager, kept: Mapping[str, Any] | None, root: str | Path | None, given: Mapping[str, Any]
) -> tuple[str, Choice]:
    """Which data set to read, and how: as the run did, unless told otherwise.

    Args:
        manager: the plugins.
        kept: the section ``data`` of the run's configuration, or ``None`` where the model has none.
        root: a folder or ``sample:NAME``; without, the run's.
        given: options of the data set, over the run's.

    Raises:
        ConfigError: there is no root, or an option is wrong.
    """
    values = {**(kept or AS_THEY_ARE)}
    if given.get("name", values["name"]) != values["name"]:
        values = {}
    values = {**values, **given}
    own_root, name = values.pop("root", None), str(values.pop("name"))
    chosen = root if root is not None else own_root
    if chosen is None:
        raise ConfigError("the model does not say which data it was trained on: name some with --data")
    options, problems = parse_options(manager.spec(DatasetSpec, name).options, values, where="data")
    if options is None:
        raise ConfigError("\n".join(map(str, problems)))
    return str(chosen), Choice(name, options)


@torchs_own_settings()
def measure(
    manager: PluginManager,
    translator: Translator,
    root: str,
    data: Choice,
    *,
    split: Literal["train", "test"] = "test",
    which: Which = "auto",
    load_features: Callable[[], Features],
    batch_size: int = 1,
    seed: int = 0,
) -> Evaluation:
    """Translate every source image once and measure.

    Args:
        manager: the plugins.
        translator: what translates.
        root: of the data set.
        data: the data set.
        split: ``"train"`` is read without mirroring and without the resize that random crops need.
        which: ``"pairs"``, ``"sets"``, ``"all"``; or ``"auto"``: pairs where the data have any, else sets.
        load_features: loads the feature network, called only when sets are measured.
        batch_size: images computed at once, at most.
        seed: of KID's subsets, and of whatever the data set draws.

    Raises:
        DataError: there are no images, no pairs although they were asked for, or channels that do not fit.
        ConfigError: the feature network cannot be used.
    """
    data = _without_chance(data) if split == "train" else data

    def read(choice: Choice) -> Dataset:
        return open_dataset(manager, choice, root, split, seed)

    way = translator.info.direction
    forward = read(data)
    source, target = _side(forward, data, read, "A"), _side(forward, data, read, "B")
    if way == "BtoA":
        source, target = target, source
    sources = len(source[0])
    if sources == 0:
        raise DataError(
            f"{root}: no image to translate in split {split} of data set {data.name}; choose another --split"
        )
    _require_channels(translator, source)
    has_pairs = _has_pairs(forward, split) if which == "auto" else which != "sets"
    want_sets = which in ("sets", "all") or not has_pairs
    with working("loading the feature network"):
        features = load_features() if want_sets else None

    metrics, pairs, done = PairMetrics(), 0, 0
    sizes: Counter[str] = Counter()
    of_outputs: list[Tensor] = []
    of_inputs: list[Tensor] = []
    for batch in _batches(counted(_items(*source), "measuring images", sources), batch_size):
        outputs = translator.translate([image[None] for image, _ in batch])
        for (image, truth), output in zip(batch, outputs, strict=True):
            sizes["x".join(str(side) for side in image.shape[1:])] += 1
            if truth is not None and has_pairs:
                metrics.update(output.cpu(), truth[None], image[None])
                pairs += 1
        if features is not None:
            of_outputs.append(_features_of(features, outputs))
            of_inputs.append(_features_of(features, [image[None] for image, _ in batch]))
        done += len(batch)
    if which in ("pairs", "all") and pairs == 0:
        raise DataError(
            f"{root}: split {split} has no true pairs to measure against; measure sets, with --metrics sets"
        )

    distances: dict[str, float] = {}
    targets = 0
    notes = [*translator.info.notes, *getattr(forward, "notes", ())]
    if split == "train":
        notes.append("these images are of the training split: numbers on images that the model has seen flatter it")
    if features is not None:
        of_targets = [
            _features_of(features, [image[None] for image, _ in batch])
            for batch in _batches(counted(_items(*target), "looking at the images they are compared with"), batch_size)
        ]
        targets = sum(map(len, of_targets))
        if min(targets, done) < FEWEST:
            raise DataError(
                f"{root}: a distance needs {FEWEST} images of each domain; split {split} has {done} and {targets}: "
                "measure on more, with another --split or --data, or against the truth, with --metrics pairs"
            )
        distances = _distances(of_outputs, of_inputs, of_targets, features, seed)
        dimensions = of_targets[0].shape[1]
        notes += _notes_on_sets(done, targets, dimensions, features)
    return Evaluation(
        model=_about_model(translator),
        data={"root": root, "split": split, **data.to_dict()},
        counts={"sources": done, "pairs": pairs, **({"targets": targets} if features else {})},
        sizes=dict(sizes),
        pairs=metrics.compute() if pairs else {},
        sets=distances,
        protocol=_protocol(translator, features, done, targets, seed),
        notes=tuple(notes),
    )


def _has_pairs(dataset: Dataset, split: str) -> bool:
    if split == "test":
        return dataset.truth
    return any(truth is not None for _, truth in counted(_items(dataset, "A"), "looking for pairs", len(dataset)))


def _without_chance(data: Choice) -> Choice:
    """The data set without what only training wants, as far as it has such options."""
    values = data.options.model_dump()
    if "flip" in values:
        values["flip"] = False
    if "load_size" in values and "image_size" in values:
        values["load_size"] = values["image_size"]
    return Choice(data.name, type(data.options)(**values))


def _side(dataset: Dataset, data: Choice, read: Callable[[Choice], Dataset], domain: Domain) -> tuple[Dataset, Domain]:
    """A data set and a domain of it, which together give every image of ``domain``.

    A sample names its A, and some B: all images of B come from the data set with its two domains swapped, where it can.
    """
    direction = data.options.model_dump().get("direction")
    if domain == "A" or direction not in FLIPPED:
        return dataset, domain
    swapped = type(data.options)(**{**data.options.model_dump(), "direction": FLIPPED[direction]})
    return read(Choice(data.name, swapped)), "A"


def _items(dataset: Dataset, domain: Domain) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Each image of a domain once, ``[C, H, W]``, with its true translation where there is one."""
    seen = set()
    for index in range(len(dataset)):
        with calling(dataset, f"reading sample {index}"):
            image, truth, name = _take(dataset[0, index], domain)
        if name is None or name not in seen:
            seen.add(name)
            yield image, truth


def _take(sample: Sample, domain: Domain) -> tuple[Tensor, Tensor | None, str | None]:
    partner = sample.get("A_partner", sample["B"]) if sample.get("A_has_partner", False) else None
    if domain == "A":
        return sample["A"], partner, sample.get("A_name")
    if partner is not None:
        return partner, sample["A"], sample.get("B_name")
    return sample["B"], None, sample.get("B_name")


def _batches(items: Iterator[tuple[Tensor, Tensor | None]], size: int) -> Iterator[list[tuple[Tensor, Tensor | None]]]:
    batch: list[tuple[Tensor, Tensor | None]] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _require_channels(translator: Translator, source: tuple[Dataset, Domain]) -> None:
    dataset, domain = source
    found, wanted = dataset.channels[domain], translator.info.in_channels
    if found != wanted:
        raise ConfigError(
            f"the model takes images of {wanted} channels, but the data set gives {found}; read them as the model "
            f"wants, with --set data.channels_A={wanted} (or channels_B)"
        )


def _features_of(features: Features, images: list[Tensor]) -> Tensor:
    """The features ``[N, D]`` of images ``[1, C, H, W]``; those that follow each other in one size go together."""
    groups = [torch.cat(list(group)) for _, group in groupby(images, key=lambda image: image.shape)]
    return torch.cat([features.of(to_uint8(group)) for group in groups])


def _distances(
    outputs: list[Tensor], inputs: list[Tensor], targets: list[Tensor], features: Features, seed: int
) -> dict[str, float]:
    goal = torch.cat(targets)
    distances: dict[str, float] = {}
    for prefix, found in (("", outputs), (BASELINE, inputs)):
        distances |= set_distances(torch.cat(found), goal, standard=features.standard, seed=seed, prefix=prefix)
    return distances


def _notes_on_sets(sources: int, targets: int, dimensions: int, features: Features) -> list[str]:
    notes = []
    frechet = "FID" if features.standard else "the Frechet distance"
    if min(sources, targets) <= dimensions:
        notes.append(
            f"{min(sources, targets)} images cannot fill {dimensions} features: {frechet} is far above what more "
            "images would give, and only compares with the same counts; the kernel distance is without that bias"
        )
    if not features.standard:
        notes.append(f"distances under {features.name} do not compare with FID and KID, which stand on Inception v3")
    return notes


def _about_model(translator: Translator) -> dict[str, Any]:
    info = translator.info
    return {
        "checkpoint": str(info.checkpoint),
        "chosen": info.chosen,
        "step": info.step,
        "generator": info.generator,
        "direction": info.direction,
        "domains": list(info.domains),
    }


def _protocol(
    translator: Translator, features: Features | None, sources: int, targets: int, seed: int
) -> dict[str, Any]:
    protocol: dict[str, Any] = {
        "pixels": "8 bits, rounded",
        "inference": translator.info.inference,
        "precision": translator.precision,
        "device": str(translator.device),
        "seed": seed,
        "versions": {"i2i": __version__, "torch": torch.__version__, "torchmetrics": torchmetrics.__version__},
    }
    if features is not None:
        size = kid_subset_size(sources, targets)
        protocol["features"] = features.name
        protocol["features_resize"] = features.resize
        protocol["kid_subset_size"] = size
        protocol["kid_subsets"] = KID_SUBSETS if size < max(sources, targets) else 1
    return protocol
