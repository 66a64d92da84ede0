"""The images that a translator is measured on: which data set, how it is read, and each image of a domain once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from torch import Tensor

from i2i.config.dataset_choice import choose_dataset
from i2i.config.dataset_opening import open_dataset
from i2i.config.run_config import Choice
from i2i.errors import ConfigError, DataError
from i2i.images.readers import Readers
from i2i.models.recorded_components import RecordedComponent, require_components
from i2i.plugins.calls import calling
from i2i.plugins.component_options import parse_options
from i2i.plugins.dataset_members import notes_of
from i2i.plugins.directions import Direction, Domain
from i2i.plugins.manager import PluginManager
from i2i.plugins.protocols import Dataset, Sample
from i2i.plugins.specs import DatasetSpec, ReaderSpec
from i2i.progress import counted

MeasuredSplit = Literal["train", "test"]

AS_THEY_ARE: Mapping[str, Any] = {"name": "folder", "mode": "none", "round_to": 0}
"""How images are read for a model that does not say how it was trained: none is resized."""


@dataclass(frozen=True)
class ChosenData:
    """A data set to read, and how.

    Attributes:
        root: a folder or ``sample:NAME``.
        dataset: the data set and its options.
        split: ``"test"`` or ``"train"``.
        notes: what a person should know about the choice.
    """

    root: str
    dataset: Choice
    split: MeasuredSplit
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON."""
        return {"root": self.root, "split": self.split, **self.dataset.to_dict()}


def choose_data(
    manager: PluginManager,
    trained_on: Mapping[str, Any] | None,
    root: str | Path | None,
    given: Mapping[str, Any],
    split: MeasuredSplit,
    recorded: Sequence[RecordedComponent] = (),
) -> ChosenData:
    """Which data set to read, and how: as the run did, unless told otherwise.

    Args:
        manager: the plugins.
        trained_on: the section ``data`` of the run's configuration, or ``None`` where the model has none.
        root: a folder or ``sample:NAME``; without, the run's. Where the run's data set does not accept it, the only one
            that does is taken.
        given: options of the data set, over the run's.
        split: ``"train"`` is read without mirroring and without the resize that random crops need.
        recorded: the components that the run was made with, as far as that is known.

    Raises:
        ConfigError: there is no root, or an option is wrong.
        PluginError: the data set's plugin is missing or broken.
    """
    values = {**(trained_on or AS_THEY_ARE)}
    if given.get("name", values["name"]) != values["name"]:
        values = {}
    values = {**values, **given}
    own_root, name = values.pop("root", None), str(values.pop("name"))
    chosen = root if root is not None else own_root
    if chosen is None:
        raise ConfigError("the model does not say which data it was trained on: name some with --data")
    formats = (ReaderSpec.kind,) if root is None else ()  # other images may be of other formats
    used = [each for each in recorded if (each.kind, each.name) == (DatasetSpec.kind, name) or each.kind in formats]
    require_components(manager, used, "reading the images as the run did")
    notes: list[str] = []
    if root is not None and "name" not in given:
        read_by, notes = choose_dataset(manager, str(root), name)
        if read_by != name:  # what it has in common with the run's is as in the run
            name, known = read_by, manager.spec(DatasetSpec, read_by).options.model_fields
            values = {key: value for key, value in values.items() if key in known or key in given}
    options, problems = parse_options(manager.spec(DatasetSpec, name).options, values, where="data")
    if options is None:
        raise ConfigError("\n".join(map(str, problems)))
    dataset = Choice(name, options)
    return ChosenData(str(chosen), _without_chance(dataset) if split == "train" else dataset, split, tuple(notes))


def _without_chance(dataset: Choice) -> Choice:
    """The data set without what only training wants, as far as it has such options."""
    values = dataset.options.model_dump()
    if "flip" in values:
        values["flip"] = False
    if "load_size" in values and "image_size" in values:
        values["load_size"] = values["image_size"]
    return Choice(dataset.name, type(dataset.options)(**values))


class EvaluatedImage(NamedTuple):
    """An image of the source domain, ``[C, H, W]`` in [-1, 1], and its true translation, where there is one."""

    name: str
    image: Tensor
    truth: Tensor | None


@dataclass(frozen=True)
class DomainImages:
    """Every image of one domain.

    Attributes:
        dataset: names each image of the domain, perhaps several times.
        domain: which of the two domains of ``dataset`` it is.
        without: names of images that are passed over.
    """

    dataset: Dataset
    domain: Domain
    without: Collection[str] = frozenset()

    @property
    def channels(self) -> int:
        """Channels of its images."""
        return self.dataset.channels[self.domain]

    def __len__(self) -> int:
        """At most how many images there are."""
        return len(self.dataset)

    def __iter__(self) -> Iterator[EvaluatedImage]:
        """Each image once."""
        seen = set()
        for index in range(len(self.dataset)):
            with calling(self.dataset, f"reading sample {index}"):
                image, truth, name = _take(self.dataset[0, index], self.domain)
            if name is None or name not in seen:
                seen.add(name)
                if name in self.without:
                    continue
                yield EvaluatedImage(str(index) if name is None else name, image, truth)


def _take(sample: Sample, domain: Domain) -> tuple[Tensor, Tensor | None, str | None]:
    partner = sample.get("A_partner", sample["B"]) if sample.get("A_has_partner", False) else None
    if domain == "A":
        return sample["A"], partner, sample.get("A_name")
    if partner is not None:
        return partner, sample["A"], sample.get("B_name")
    return sample["B"], None, sample.get("B_name")


@dataclass(frozen=True)
class EvaluatedImages:
    """What is translated, and what the translations are compared with.

    Attributes:
        sources: the images of the source domain.
        targets: the images of the target domain.
        notes: what the data set says about itself.
    """

    sources: DomainImages
    targets: DomainImages
    notes: tuple[str, ...]

    def without(self, sources: Collection[str], targets: Collection[str]) -> EvaluatedImages:
        """These but for images of either domain, by their names."""
        return replace(
            self, sources=replace(self.sources, without=sources), targets=replace(self.targets, without=targets)
        )

    def have_pairs(self, split: MeasuredSplit) -> bool:
        """Whether the true translation of any image is known."""
        if split == "test":
            return self.sources.dataset.truth
        pairs = counted(self.sources, "looking for pairs", len(self.sources))
        return any(each.truth is not None for each in pairs)


def open_images(
    manager: PluginManager, data: ChosenData, readers: Readers, direction: Direction, seed: int
) -> EvaluatedImages:
    """Open the data set, once for each domain where that is needed to see all images of both.

    Args:
        manager: the plugins.
        data: the data set.
        readers: the formats of image files.
        direction: which domain's images are translated.
        seed: of whatever the data set draws.

    Raises:
        DataError: the data cannot be used, or there is no image to translate.
    """
    dataset = open_dataset(manager, data.dataset, data.root, data.split, seed, readers)
    # A sample names its A, and some B: all images of B come from the data set with its domains swapped, where it can.
    swapped = _swapped(data.dataset)
    a = DomainImages(dataset, "A")
    b = (
        DomainImages(dataset, "B")
        if swapped is None
        else DomainImages(open_dataset(manager, swapped, data.root, data.split, seed, readers), "A")
    )
    sources, targets = (a, b) if direction.source == "A" else (b, a)
    if len(sources) == 0:
        raise DataError(
            f"{data.root}: no image to translate in split {data.split} of data set {data.dataset.name}; choose another "
            "--split"
        )
    return EvaluatedImages(sources, targets, (*data.notes, *notes_of(dataset)))


def _swapped(dataset: Choice) -> Choice | None:
    """The data set with its two domains swapped, or ``None`` where it has no such option."""
    values = dataset.options.model_dump()
    if values.get("direction") not in list(Direction):
        return None
    options = type(dataset.options)(**{**values, "direction": Direction(values["direction"]).reversed.value})
    return Choice(dataset.name, options)
