"""What scores without any network, fitted to training images alone: one colour, and a map from colours to colours.

=============  ======================================================================================================
name           what it makes of an image
=============  ======================================================================================================
constant       the median colour of the target domain, everywhere
colour fit     each pixel's colour mapped to one of the target domain. Of true pairs: least squares from the channels,
               their squares and their products. Without pairs: each channel's histogram is made that of the target
               domain (histogram transfer), where the domains differ in channels from the mean of the input's.
=============  ======================================================================================================

A network that loses against one of them has learnt less than that. Looked at are at most :data:`MOST_IMAGES` training
images, evenly spaced, and :data:`MOST_PIXELS` pixels of each: always the same ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from i2i.files.atomic import write_whole
from i2i.files.texts import read_json
from i2i.models.scores import COLOUR_FIT, CONSTANT
from i2i.plugins.calls import calling
from i2i.plugins.directions import Direction, Domain
from i2i.plugins.protocols import Dataset, Sample
from i2i.progress import counted
from i2i.tensors.pixels import to_uint8

MOST_IMAGES = 64
MOST_PIXELS = 4096
MOST_MULTIPLIED = 8
"""Channels up to which the least squares take products as well."""
BASELINES_FILE = "baselines.json"
"""Where a run keeps what was fitted, so that it is fitted once."""

_LEVELS = 256
_GOLDEN = 0.6180339887498949
_LEAST_SQUARES, _HISTOGRAM_TRANSFER = "least squares", "histogram transfer"


@dataclass(frozen=True)
class Baselines:
    """What was fitted for one direction.

    Attributes:
        constant: the median of each channel of the target domain, 0 to 255.
        kind: of the colour fit: least squares, or histogram transfer.
        numbers: of the colour fit: for each term (see :func:`_terms`) its share in each channel of the target; or for
            each channel of the target the level that each of the 256 levels becomes.
    """

    constant: tuple[float, ...]
    kind: str
    numbers: tuple[tuple[float, ...], ...]

    def of(self, images: Tensor) -> dict[str, Tensor]:
        """What each baseline makes of images ``[N, C, H, W]`` in [-1, 1], by its prefix: ``[N, C', H, W]``."""
        levels = to_uint8(images).cpu()
        size = (len(levels), len(self.constant), *levels.shape[2:])
        constant = (torch.tensor(self.constant) / 127.5 - 1).view(1, -1, 1, 1).expand(size)
        numbers = torch.tensor(self.numbers)
        if self.kind == _LEAST_SQUARES:
            fit = torch.zeros(size)
            for term, shares in zip(_terms(_scaled(levels)), numbers, strict=True):
                fit += shares.view(1, -1, 1, 1) * term.unsqueeze(1)
        else:
            columns = _columns(levels, len(self.constant)).long()
            fit = torch.stack([of[columns[:, channel]] for channel, of in enumerate(numbers)], dim=1) / 127.5 - 1
        return {CONSTANT.prefix: constant, COLOUR_FIT.prefix: fit.clamp(-1, 1)}


class _Sums:
    """What one direction is fitted to, gathered image by image.

    Args:
        direction: from which domain to which.
    """

    def __init__(self, direction: Direction) -> None:
        self.direction = direction
        self.images = self.pairs = 0
        self._source: Tensor | None = None  # how often each column has each level, [C', 256]
        self._target: Tensor | None = None  # [C', 256]
        self._terms: Tensor | None = None  # [F, F]
        self._shares: Tensor | None = None  # [F, C']

    def add(self, sample: Sample) -> None:
        """Take in a training sample."""
        source, target = _drawn(sample[self.direction.source]), _drawn(sample[self.direction.target])
        self.images += 1
        self._source = _added(self._source, _histogram(_columns(source, target.shape[1])))
        self._target = _added(self._target, _histogram(target))
        pair = _pair(sample)
        if pair is not None:
            self.pairs += 1
            source, target = _drawn(pair[self.direction.source]), _drawn(pair[self.direction.target])
            terms = torch.stack([term.flatten() for term in _terms(_scaled(source).double())])
            truth = _scaled(target).double()[0, :, 0]
            self._terms = _added(self._terms, terms @ terms.T)
            self._shares = _added(self._shares, terms @ truth.T)

    def fitted(self) -> Baselines:
        """What fits best."""
        assert self._source is not None
        assert self._target is not None
        constant = tuple(float(np.searchsorted(each, 0.5)) for each in _cumulated(self._target))
        if 2 * self.pairs > self.images:
            assert self._terms is not None
            assert self._shares is not None
            shares = torch.linalg.pinv(self._terms, rtol=1e-10, hermitian=True) @ self._shares
            return Baselines(constant, _LEAST_SQUARES, _plain(shares))
        both = zip(_cumulated(self._source), _cumulated(self._target), strict=True)
        moved = [np.searchsorted(target, (source + np.insert(source, 0, 0)[:-1]) / 2) for source, target in both]
        return Baselines(constant, _HISTOGRAM_TRANSFER, _plain(np.stack(moved).clip(max=_LEVELS - 1)))


def fit_baselines(dataset: Dataset, directions: Iterable[Direction]) -> dict[Direction, Baselines]:
    """Fit the baselines of each direction to training images.

    Args:
        dataset: the training split.
        directions: those that are measured.

    Returns:
        By direction; none without training images.
    """
    sums = [_Sums(direction) for direction in directions]
    count = min(len(dataset), MOST_IMAGES)
    for place in counted(range(count), "fitting what needs no network"):
        index = place * len(dataset) // count
        with calling(dataset, f"reading training sample {index}"):
            sample = dataset[0, index]
        for each in sums:
            each.add(sample)
    return {each.direction: each.fitted() for each in sums if each.images}


def write_baselines(folder: Path, baselines: Mapping[Direction, Baselines]) -> None:
    """Keep what was fitted in a run folder.

    Raises:
        RunFolderError: it cannot be written.
    """
    kept = {direction.value: vars(found) for direction, found in baselines.items()}
    write_whole(folder / BASELINES_FILE, (json.dumps(kept) + "\n").encode())


def read_baselines(folder: Path) -> dict[Direction, Baselines]:
    """What :func:`write_baselines` kept, by direction; nothing where there is none, or it is damaged: fit it again."""
    try:
        kept = read_json(folder / BASELINES_FILE)
        return {Direction(direction): _from_json(found) for direction, found in kept.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _from_json(found: Mapping[str, Any]) -> Baselines:
    numbers = tuple(tuple(float(number) for number in row) for row in found["numbers"])
    if found["kind"] not in (_LEAST_SQUARES, _HISTOGRAM_TRANSFER):
        raise ValueError(found["kind"])
    return Baselines(tuple(float(level) for level in found["constant"]), found["kind"], numbers)


def _pair(sample: Sample) -> dict[Domain, Tensor] | None:
    """A sample's image of A with its true translation, where it has one."""
    if not sample.get("A_has_partner", False):
        return None
    pair: dict[Domain, Tensor] = {"A": sample["A"], "B": sample.get("A_partner", sample["B"])}
    return pair if pair["A"].shape[1:] == pair["B"].shape[1:] else None


def _drawn(image: Tensor) -> Tensor:
    """Pixels of ``[C, H, W]`` in [-1, 1], spread evenly over it: levels ``[1, C, 1, n]`` of uint8."""
    pixels = image.flatten(1)
    count = pixels.shape[1]
    if count > MOST_PIXELS:
        # Multiples of the golden ratio fall on no grid of rows and columns.
        places = (torch.arange(MOST_PIXELS, dtype=torch.float64) * _GOLDEN % 1 * count).long()
        pixels = pixels[:, places]
    return to_uint8(pixels)[None, :, None]


def _scaled(levels: Tensor) -> Tensor:
    return levels.float() / 127.5 - 1


def _terms(images: Tensor) -> list[Tensor]:
    """What least squares adds up of ``[N, C, H, W]``, each ``[N, H, W]``: 1, the channels and their products."""
    channels = list(images.unbind(1))
    multiplied = channels if len(channels) <= MOST_MULTIPLIED else []
    products = [one * other for one, other in combinations_with_replacement(multiplied, 2)]
    return [torch.ones_like(channels[0]), *channels, *products]


def _columns(levels: Tensor, count: int) -> Tensor:
    """The channels of ``[N, C, H, W]`` that ``count`` channels are made of: the same, or the mean for each."""
    if levels.shape[1] == count:
        return levels
    mean = levels.float().mean(dim=1, keepdim=True).round().to(torch.uint8)
    return mean.expand(-1, count, -1, -1)


def _histogram(levels: Tensor) -> Tensor:
    return torch.stack([torch.bincount(channel.flatten(), minlength=_LEVELS) for channel in levels[0].long()])


def _cumulated(histogram: Tensor) -> list[np.ndarray[Any, np.dtype[np.float64]]]:
    """Which share of the pixels has at most each level, by channel."""
    return [np.cumsum(counts) / counts.sum() for counts in histogram.double().numpy()]


def _added(sums: Tensor | None, more: Tensor) -> Tensor:
    return more if sums is None else sums + more


def _plain(numbers: Any) -> tuple[tuple[float, ...], ...]:
    rows: Sequence[Sequence[float]] = numbers.tolist()
    return tuple(tuple(map(float, row)) for row in rows)
