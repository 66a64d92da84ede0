"""The data set ``folder``: every sample a pure function of (seed, epoch, index)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import PIL
import torch
from PIL import Image
from torch import Tensor

from i2i._version import __version__
from i2i.builtin.datasets import FolderOptions
from i2i.builtin.datasets.caching import KeptImage, choose_cache
from i2i.builtin.datasets.check import (
    BadFile,
    Inspection,
    describe_colours,
    describe_resizes,
    inspect,
    require_equal_sizes,
    require_no_bad_files,
    require_room_for_crop,
)
from i2i.builtin.datasets.domain_values import DomainValues, Wanted, settled, written_as_read
from i2i.builtin.datasets.first_look import first_look
from i2i.builtin.datasets.folder_notes import describe_files, describe_levels, describe_test, describe_training
from i2i.builtin.datasets.holding_out import settled_names
from i2i.builtin.datasets.image_cache import ImageCache
from i2i.builtin.datasets.late_finds import LateFinds
from i2i.builtin.datasets.layout import Layout, Picture, Split, find_layout
from i2i.builtin.datasets.pairs import pairs_of, truths_of, without_bad
from i2i.builtin.datasets.preprocess import Geometry, take_half, take_half_of_samples
from i2i.builtin.datasets.sampling import CENTRE, Placement, draw_choice, draw_placement
from i2i.errors import DataError
from i2i.images.opacity import premultiplied
from i2i.images.readers import Readers
from i2i.images.reading import to_array
from i2i.plugins import Box
from i2i.plugins.directions import Direction, Domain
from i2i.plugins.protocols import Sample


class FolderDataset:
    """Images of two domains. Made by :func:`build`; can be sent to worker processes.

    What ``dataset[epoch, index]`` holds, besides ``A``, ``B`` (float32 ``[C, H, W]`` in [-1, 1]), ``A_name`` and
    ``B_name`` (the file's path below its domain, without suffix):

    ==========  =========  ========================================================================================
    split       pairing    sample
    ==========  =========  ========================================================================================
    train       unpaired   A by index (modulo), B drawn uniformly with replacement, or by index with ``serial``;
                           as many samples as the larger domain has images; own crop and flip for each
    train       partners   the same, with ``A_partner`` (the B named like A, under A's crop and flip), ``B_partner``
                           (the A named like B, under B's) and the flags ``A_has_partner``, ``B_has_partner``
    train       paired     A and the B of that name, under one crop and flip; the flags are true
    test        any        each A once, by name, with its true B where there is one (the flags say so, and the
                           partners are B and A again), else with B by index; no flip, the crop in the centre
    ==========  =========  ========================================================================================

    Attributes:
        channels: of ``"A"`` and ``"B"``, after ``direction``.
        domains: readable names of ``"A"`` and ``"B"``, after ``direction``.
        truth: whether ``B`` is the true translation of ``A`` for at least one held-out image.
        skipped: files left out by ``skip_bad``: of both splits in the train split, as all are checked there.
        ignored: how many files in the domains' folders have a suffix that is not that of an image.
        notes: what a person should know: how images were split, what is stretched, ignored, or taken as pairs. What
            concerns the folder as a whole is reported by the train split alone.
        names: by ``"A"`` and ``"B"``, the path of every image below its domain, without suffix; a resumed run
            looks at them to find out whether its images changed.
        values: of ``"A"`` and ``"B"``, after ``direction``: the ``range`` that is -1 to 1 and the ``type``, in units of
            the files; ``None`` for pictures.
        held_out_by: what decided which images are held out, to stand beside what is measured with them.
        leaks: of the notes those which say that training images give held-out ones away.
        pictures: by ``"A"`` and ``"B"``, name, path and half of every image.
        paired_names: the names that mean a true pair.
        settled: the options that the files decided, by name: a run keeps them in place of those that it was given.
        sizes: every ``(height, width)`` that a sample may have; more than one only fits batches of one.
    """

    channels: Mapping[str, int]
    domains: Mapping[str, str]
    truth: bool

    def __init__(
        self,
        options: FolderOptions,
        layout: Layout,
        inspection: Inspection,
        values: Mapping[Domain, DomainValues],
        readers: Readers,
        *,
        split: Literal["train", "test"],
        seed: int,
    ) -> None:
        self.options = options
        self._readers = readers
        self.split = split
        self.seed = seed
        self.skipped: tuple[BadFile, ...] = inspection.bad
        self.ignored = len(layout.ignored)
        self._values = values
        self.settled = {**settled(options, values), **settled_names(layout.root, options)}
        self.held_out_by, self.leaks = layout.held_out_by, layout.leaks
        self.domains = dict(zip("AB", layout.domains, strict=True))
        train, test = (without_bad(part, inspection, options) for part in (layout.train, layout.test))
        if split == "train":
            _require_images(layout, train)
            _require_partners(layout, train, options)
        chosen = train if split == "train" else test
        self._geometry = Geometry.of(options, split)
        sizes = {picture: inspection.sizes[picture] for picture in (*chosen.first, *chosen.second)}
        self._sizes = sizes
        require_room_for_crop(sizes, self._geometry)
        if options.pairing != "unpaired":
            require_equal_sizes(pairs_of(chosen, options), sizes, self._geometry)
        self.sizes = tuple(sorted({self._geometry.output(size)[::-1] for size in sizes.values()}))
        self._late = LateFinds(skip=options.skip_bad)
        self.truth = bool(truths_of(test, inspection, options))
        about_split = (
            [
                *layout.notes,
                *describe_files(layout, inspection),
                *describe_levels(layout, train, inspection),
                *describe_colours(layout.domains, (train.first, train.second), inspection, options.color),
                *values["A"].notes,
                *values["B"].notes,
                *describe_training(layout, train, options),
                *first_look(layout, train, test, sizes, options),
            ]
            if split == "train"
            else describe_test(test, inspection, options)
        )
        self.notes = (*about_split, *describe_resizes(sizes, self._geometry))
        self._pictures: dict[Domain, tuple[Picture, ...]] = {"A": chosen.first, "B": chosen.second}
        if Direction(options.direction) is Direction.B_TO_A:
            self._pictures = {"A": chosen.second, "B": chosen.first}
            self._values = {"A": values["B"], "B": values["A"]}
            self.domains = {"A": layout.domains[1], "B": layout.domains[0]}
        self.channels = {domain: found.channels for domain, found in self._values.items()}
        self.values = {domain: found.to_json() for domain, found in self._values.items()}
        self.names = {domain: [picture.stem for picture in pictures] for domain, pictures in self._pictures.items()}
        self.pictures = {
            domain: [(picture.stem, picture.path, picture.half) for picture in pictures]
            for domain, pictures in self._pictures.items()
        }
        self.paired_names = frozenset(first.stem for first, _ in pairs_of(chosen, options))
        self._cache, told = self._chosen_cache(layout.root)
        if told and split == "train":
            self.notes = (*self.notes, told)
        self._truths = truths_of(test, inspection, options)
        self._by_stem = {
            domain: {picture.stem: picture for picture in pictures} for domain, pictures in self._pictures.items()
        }

    def __len__(self) -> int:
        """Samples in one epoch: see the table above; 0 in a test split without images."""
        count = {domain: len(pictures) for domain, pictures in self._pictures.items()}
        if self.split == "test":
            return count["A"] if count["B"] else 0
        return max(count.values())

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        """Return the sample at ``(epoch, index)``.

        Raises:
            IndexError: when the index is outside the data set.
            DataError: when a file became unreadable since the check, or turns out to be; with ``skip_bad`` another
                training sample takes the place of those that need it.
        """
        epoch, index = key
        if not 0 <= index < len(self):
            raise IndexError(f"index {index} is outside a data set of {len(self)} samples")
        if self.split == "test":
            return self._test_sample(index)
        train = self._paired_sample if self.options.pairing == "paired" else self._unpaired_sample
        return self._late.sample(train, epoch, index, len(self))

    def take_news(self) -> list[str]:
        """What reading showed of files since the last time, in sentences."""
        return self._late.take_news()

    def _unpaired_sample(self, epoch: int, index: int) -> Sample:
        many_b = len(self._pictures["B"])
        choice = index % many_b if self.options.serial else draw_choice(self.seed, epoch, index, many_b)
        a = self._pictures["A"][index % len(self._pictures["A"])]
        b = self._pictures["B"][choice]
        place_a = draw_placement(self.seed, epoch, index, "A", flip=self.options.flip)
        place_b = draw_placement(self.seed, epoch, index, "B", flip=self.options.flip)
        sample: Sample = {
            "A": self._read(a, "A", place_a),
            "B": self._read(b, "B", place_b),
            "A_name": a.stem,
            "B_name": b.stem,
        }
        if self.options.pairing == "partners":
            a_partner, b_partner = self._by_stem["B"].get(a.stem), self._by_stem["A"].get(b.stem)
            sample["A_has_partner"] = a_partner is not None
            sample["B_has_partner"] = b_partner is not None
            sample["A_partner"] = self._read_or_zeros(a_partner, "B", place_a, sample["A"])
            sample["B_partner"] = self._read_or_zeros(b_partner, "A", place_b, sample["B"])
        return sample

    def _paired_sample(self, epoch: int, index: int) -> Sample:
        a, b = self._pictures["A"][index], self._pictures["B"][index]
        place = draw_placement(self.seed, epoch, index, "A", flip=self.options.flip)
        return {
            "A": self._read(a, "A", place),
            "B": self._read(b, "B", place),
            "A_name": a.stem,
            "B_name": b.stem,
            "A_has_partner": True,
            "B_has_partner": True,
        }

    def _test_sample(self, index: int) -> Sample:
        a = self._pictures["A"][index]
        partner = self._by_stem["B"][a.stem] if a.stem in self._truths else None
        b = partner or self._pictures["B"][index % len(self._pictures["B"])]
        image_a, image_b = self._read(a, "A", CENTRE), self._read(b, "B", CENTRE)
        return {
            "A": image_a,
            "B": image_b,
            "A_name": a.stem,
            "B_name": b.stem,
            "A_has_partner": partner is not None,
            "B_has_partner": partner is not None,
            "A_partner": image_b if partner else self._read_or_zeros(None, "B", CENTRE, image_a),
            "B_partner": image_a if partner else self._read_or_zeros(None, "A", CENTRE, image_b),
        }

    def _chosen_cache(self, root: str) -> tuple[ImageCache | None, str]:
        """Where resized images are kept, and a sentence on it."""
        options, geometry = self.options, self._geometry
        if not geometry.resizes:
            told = f"mode {options.mode} resizes nothing, so data.cache keeps nothing"
            return None, told if options.cache in ("memory", "disk") else ""
        images = []
        for domain, pictures in self._pictures.items():
            channels, is_picture = self.channels[domain], self._values[domain].range is None
            for picture in pictures:
                (width, height), (new_width, new_height) = self._sizes[picture], geometry.resized(self._sizes[picture])
                kept = new_width * new_height
                bytes_of = (channels, max(channels, 4)) if is_picture else (4 * channels, 4 * channels)
                name = self._name(picture, domain)
                images.append(KeptImage(name, (width * height, kept), kept * bytes_of[0], kept * bytes_of[1]))
        values = {
            domain: (self.channels[domain], str(each.range), each.opacity) for domain, each in self._values.items()
        }
        settings = [__version__, PIL.__version__, self._readers.identity, self._readers.color, options.background]
        settings += [str(Path(root).absolute()), str(geometry), str(values)]
        return choose_cache(options.cache, images, settings, may_write=self.split == "train")

    @staticmethod
    def _name(picture: Picture, domain: Domain) -> str:
        return f"{domain} {picture.half} {picture.stem}"

    def _read(self, picture: Picture, domain: Domain, placement: Placement) -> Tensor:
        if self.split == "test":
            return self._read_file(picture, domain, placement)
        with self._late.reading(picture.path):
            return self._read_file(picture, domain, placement)

    def _read_file(self, picture: Picture, domain: Domain, placement: Placement) -> Tensor:
        if self._values[domain].range is not None and (box := self._window(picture, placement)):
            planes = self._planes(picture, domain, box)
            return torch.from_numpy(
                np.concatenate([to_array(self._geometry.apply(each, placement), 1) for each in planes])
            )
        name = self._name(picture, domain)
        resized = self._cache.load(name, picture.path) if self._cache is not None else None
        if resized is None:
            resized = self._resized(picture, domain)
            if self._cache is not None:
                self._cache.keep(name, picture.path, resized)
        if self._values[domain].range is None:
            image = self._geometry.placed(Image.fromarray(resized), placement)
            return torch.from_numpy(to_array(image, self.channels[domain]))
        images = [self._geometry.placed(Image.fromarray(plane), placement) for plane in resized]
        return torch.from_numpy(np.concatenate([to_array(image, 1) for image in images]))

    def _resized(self, picture: Picture, domain: Domain) -> npt.NDArray[Any]:
        """What a sample is cropped from: of a picture ``[H, W]`` or ``[H, W, 3]``, of values ``[C, H, W]``."""
        if self._values[domain].range is not None:
            return np.stack([np.asarray(self._geometry.resize(plane)) for plane in self._planes(picture, domain, None)])
        image = self._readers.read_opaque(
            picture.path,
            channels=self.channels[domain],
            background=self.options.background,
            max_pixels=self.options.max_pixels,
        )
        return np.asarray(self._geometry.resize(take_half(image, picture.half)))

    def _planes(self, picture: Picture, domain: Domain, box: Box | None) -> list[Image.Image]:
        """The channels of values, or of a part of them, each from 0 to 1."""
        channels, values = self.channels[domain], self._values[domain]
        assert values.range is not None
        samples = self._readers.read_samples(
            picture.path, channels=channels, max_pixels=self.options.max_pixels, box=box, opacity=values.opacity
        )
        unit = values.range.scaled(samples if box else take_half_of_samples(samples, picture.half))
        if values.opacity:
            unit = premultiplied(unit)
        return [Image.fromarray(unit[:, :, place]) for place in range(channels)]

    def _window(self, picture: Picture, placement: Placement) -> Box | None:
        """What of a file is wanted, where a reader may leave the rest of it."""
        width, _ = size = self._sizes[picture]
        box = self._geometry.window(size, placement)
        if box is None or picture.half != "right":
            return box
        left, top, right, bottom = box
        return left + width, top, right + width, bottom

    def _read_or_zeros(self, picture: Picture | None, domain: Domain, placement: Placement, like: Tensor) -> Tensor:
        if picture is None:
            return torch.zeros(self.channels[domain], *like.shape[1:], dtype=like.dtype)
        return self._read(picture, domain, placement)


def build(
    options: FolderOptions, *, root: str, split: Literal["train", "test"], seed: int, readers: Readers
) -> FolderDataset:
    """Recognise the folder, look at every file, and return one split.

    Args:
        options: see :class:`~i2i.builtin.datasets.FolderOptions`.
        root: a folder, or ``sample:flat-3d`` and the like.
        split: ``"train"`` looks at the test images too, so that everything wrong is reported at once, before training.
        seed: at least 0; the source of every random choice.
        readers: the formats of image files.

    Raises:
        ConfigError: when there is no such sample.
        DataError: when the layout is wrong, images cannot be used, a crop does not fit, or names do not pair.
    """
    layout = find_layout(root, options, readers.suffixes)
    return open_layout(options, layout, split=split, seed=seed, readers=readers)


def open_layout(
    options: FolderOptions, layout: Layout, *, split: Literal["train", "test"], seed: int, readers: Readers
) -> FolderDataset:
    """Look at every file, and return one split: of pictures that a folder holds, or that something else lists.

    Args:
        options: see :class:`~i2i.builtin.datasets.FolderOptions`.
        layout: the pictures of both splits.
        split: ``"train"`` looks at the test images too.
        seed: at least 0; the source of every random choice.
        readers: the formats of image files.

    Raises:
        DataError: images cannot be used, a crop does not fit, or there are none.
    """
    readers = readers.with_color(options.color)
    names = (options.name_A or layout.domains[0], options.name_B or layout.domains[1])
    layout = dataclasses.replace(layout, domains=names)
    pictures = [*layout.test.first, *layout.test.second]
    if split == "train":
        pictures += [*layout.train.first, *layout.train.second]
    first = ([picture.path for picture in layout.train.first], [picture.path for picture in layout.test.first])
    second = ([picture.path for picture in layout.train.second], [picture.path for picture in layout.test.second])
    if split == "test":
        first, second = ([], first[1]), ([], second[1])
    domains = (Wanted.of(options, "A", *first), Wanted.of(options, "B", *second))
    inspection = inspect(layout, pictures, domains, readers, options.max_pixels)
    for each in domains:
        inspection = inspection.without(each.odd_ones(inspection.grey, inspection.samples, inspection.transparent))
    if not options.skip_bad:
        require_no_bad_files(inspection.bad, len({picture.path for picture in pictures}))
    values = {
        each.domain: each.decided(inspection.grey, inspection.samples, inspection.transparent) for each in domains
    }
    if split == "train":
        target = Direction(options.direction).target
        for each in domains:
            found = values[each.domain]
            values[each.domain] = written_as_read(each, found, readers, is_target=each.domain == target)
    return FolderDataset(options, layout, inspection, values, readers, split=split, seed=seed)


def _require_images(layout: Layout, train: Split) -> None:
    for name, pictures in zip(layout.domains, (train.first, train.second), strict=True):
        if not pictures:
            raise DataError(
                f"{layout.root}: no usable image is left to train on in domain {name}; add images, or repair the "
                "ones that were skipped"
            )


def _require_partners(layout: Layout, train: Split, options: FolderOptions) -> None:
    if options.pairing == "partners" and not pairs_of(train, options):
        why = "no training image of A shares its name with one of B" if options.match_names else "match_names is false"
        raise DataError(
            f"{layout.root}: semi-paired training needs true pairs, but {why}; give the two files of a pair one name, "
            "or set method.lambda_paired=0"
        )
