"""What every data set must do: well-formed samples that depend on ``(seed, epoch, index)`` and nothing else."""

from __future__ import annotations

import pickle
import random
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from i2i.errors import I2IError
from i2i.images.readers import Readers
from i2i.plugins import DatasetSpec, Options
from i2i.plugins.protocols import Dataset
from i2i.testing.results import BrokenPromiseError, Checklist, expect

SPLITS = ("train", "test")
PICTURES = 4
SIDE = 96
INSPECTED = 4
"""Samples looked at in each split."""


def dataset_checks(checks: Checklist, spec: DatasetSpec, options: Options, root: str | Path | None) -> None:
    """Check one data set on ``root``, else on its own example, else on the first made-up folder that it reads."""
    with tempfile.TemporaryDirectory(prefix="i2i-check-") as folder:
        found: list[str] = []

        def builds() -> str | None:
            if root is not None:
                chosen, remark = str(root), None
            elif spec.example is not None:
                chosen, remark = _example_root(spec, options, Path(folder)), None
            else:
                chosen, remark = _accepted_root(spec, options, Path(folder))
            for split in SPLITS:
                _structure_check(_build(spec, options, chosen, split), split)
            found.append(chosen)
            return remark

        if not checks.run("builds a data set", builds):
            return
        if spec.accepts is not None:
            checks.run("accepts", lambda: _accepts_check(spec, found[0]))
        for split in SPLITS:
            _split_checks(checks, spec, options, found[0], split)


def _split_checks(checks: Checklist, spec: DatasetSpec, options: Options, root: str, split: str) -> None:
    def make() -> Dataset:
        return _build(spec, options, root, split)

    checks.run(f"samples ({split})", lambda: _samples_check(make()))
    checks.run(f"purity ({split})", lambda: _purity_check(make(), make()))
    checks.run(f"picklable ({split})", lambda: _pickle_check(make()))


def _build(spec: DatasetSpec, options: Options, root: str, split: str) -> Dataset:
    readers = {"readers": Readers()} if spec.reads_images else {}
    built: Dataset = spec.build(options, root=root, split=split, seed=0, **readers)
    return built


def _structure_check(dataset: Dataset, split: str) -> None:
    missing = [
        name for name in ("channels", "domains", "truth", "__len__", "__getitem__") if not hasattr(dataset, name)
    ]
    expect(not missing, f"{type(dataset).__name__} has no {', '.join(missing)}")
    expect(len(dataset) >= 1, f"the {split} split is empty")
    expect(isinstance(dataset.truth, bool), f"truth must be a bool; got {dataset.truth!r}")
    for name, kind in (("channels", int), ("domains", str)):
        values = getattr(dataset, name)
        fits = isinstance(values, Mapping) and all(isinstance(values.get(domain), kind) for domain in "AB")
        expect(fits, f"{name} must give a {kind.__name__} for 'A' and for 'B'; got {values!r}")


def _samples_check(dataset: Dataset) -> None:
    keys: set[str] | None = None
    for index in range(min(len(dataset), INSPECTED)):
        sample: Mapping[str, Any] = dataset[(0, index)]
        expect(isinstance(sample, Mapping), f"dataset[(epoch, index)] must be a dict; got {type(sample).__name__}")
        keys = set(sample) if keys is None else keys
        expect(set(sample) == keys, f"samples must have the same keys; got {sorted(sample)} and {sorted(keys)}")
        for domain, other in (("A", "B"), ("B", "A")):
            _image_check(sample, domain, dataset.channels[domain])
            _text_check(sample, f"{domain}_name")
            if f"{domain}_partner" in sample:
                _image_check(sample, f"{domain}_partner", dataset.channels[other])
                flag = sample.get(f"{domain}_has_partner")
                expect(isinstance(flag, bool), f"{domain}_has_partner must be a bool; got {flag!r}")
    expect(keys is not None and {"A", "B"} <= keys, f"a sample must have 'A' and 'B'; got {sorted(keys or ())}")


def _image_check(sample: Mapping[str, Any], key: str, channels: int) -> None:
    image = sample.get(key)
    expect(isinstance(image, Tensor), f"sample[{key!r}] must be a tensor; got {type(image).__name__}")
    assert isinstance(image, Tensor)
    expect(
        image.ndim == 3 and image.shape[0] == channels and image.dtype == torch.float32,
        f"sample[{key!r}] must be float32 [{channels}, H, W]; got {image.dtype} {list(image.shape)}",
    )
    low, high = image.min().item(), image.max().item()
    expect(low >= -1.0 and high <= 1.0, f"sample[{key!r}] must lie in [-1, 1]; got {low:.3g} to {high:.3g}")


def _text_check(sample: Mapping[str, Any], key: str) -> None:
    expect(isinstance(sample.get(key), str), f"sample[{key!r}] must be a string; got {sample.get(key)!r}")


def _purity_check(first: Dataset, second: Dataset) -> None:
    """The second data set is read backwards, between other random numbers, as another worker would read it."""
    wanted = [(epoch, index) for epoch in (0, 1, 7) for index in range(min(len(first), INSPECTED))]
    _disturb_random_states(0)
    samples = {key: first[key] for key in wanted}
    for number, key in enumerate(reversed(wanted)):
        _disturb_random_states(number + 1)
        different = _different_key(samples[key], second[key])
        expect(
            different is None,
            f"sample (epoch, index) = {key} came out twice with another {different!r}; "
            "derive every random choice from seed, epoch and index alone",
        )


def _pickle_check(dataset: Dataset) -> None:
    copy: Dataset = pickle.loads(pickle.dumps(dataset))
    different = _different_key(dataset[(1, 0)], copy[(1, 0)])
    expect(different is None, f"a pickled copy, as loader processes use it, gives another {different!r}")


def _different_key(first: Mapping[str, Any], second: Mapping[str, Any]) -> str | None:
    for key in sorted(set(first) | set(second)):
        if key not in first or key not in second:
            return key
        one, other = first[key], second[key]
        same = torch.equal(one, other) if isinstance(one, Tensor) and isinstance(other, Tensor) else one == other
        if not same:
            return key
    return None


def _disturb_random_states(seed: int) -> None:
    """Set the global random states, which a pure data set does not read."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def _example_root(spec: DatasetSpec, options: Options, folder: Path) -> str:
    assert spec.example is not None
    root = spec.example(options, folder=folder)
    expect(
        isinstance(root, str | Path),
        f"example must return what to give to --data, a path or a text; got {type(root).__name__}",
    )
    return str(root)


def _accepts_check(spec: DatasetSpec, root: str) -> None:
    """It takes what it reads, and says no, rather than raising, to what is not there."""
    assert spec.accepts is not None
    for given, expected in ((root, True), ("there/is/no.such-suffix", False), ("sample:no-such-thing", None)):
        answer = spec.accepts(given)
        expect(isinstance(answer, bool), f"accepts({given!r}) must be True or False; got {answer!r}")
        told = "what it has just read" if expected else "what it cannot read"
        expect(expected in (None, answer), f"accepts must be {expected} for {told}, {given!r}")


def _accepted_root(spec: DatasetSpec, options: Options, folder: Path) -> tuple[str, str]:
    refusals = []
    for name, layout in (("separate", _separate_folders(folder)), ("side-by-side", _side_by_side(folder))):
        try:
            for split in SPLITS:
                _build(spec, options, str(layout), split)
        except I2IError as refusal:
            refusals.append(f"{name}: {' '.join(str(refusal).split())}")
            continue
        return str(layout), f"checked on a made-up folder of {name} images; name one of your own to check that"
    raise BrokenPromiseError(
        "none of the made-up folders is accepted, so name a folder that it reads "
        f"(i2i plugins check --data, or root=): {'; '.join(refusals)}"
    )


def _separate_folders(folder: Path) -> Path:
    root = folder / "separate"
    for number, part in enumerate(("trainA", "trainB", "testA", "testB")):
        (root / part).mkdir(parents=True)
        for picture in range(PICTURES):
            _picture(number * PICTURES + picture, SIDE).save(root / part / f"{picture:03d}.png")
    return root


def _side_by_side(folder: Path) -> Path:
    root = folder / "side-by-side"
    for number, part in enumerate(SPLITS):
        (root / part).mkdir(parents=True)
        for picture in range(PICTURES):
            _picture(number * PICTURES + picture, 2 * SIDE).save(root / part / f"{picture:03d}.png")
    return root


def _picture(seed: int, width: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (SIDE, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)
