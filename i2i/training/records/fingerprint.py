"""Recognising the images of a run, so that it does not resume with others unnoticed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from i2i.errors import DataError
from i2i.plugins.dataset_members import image_names_of
from i2i.plugins.protocols import Dataset

Names = Mapping[str, Mapping[str, Sequence[str]]]
"""Names by split and domain."""

SHOWN = 3


def names_of(train_set: Dataset, test_set: Dataset) -> Names:
    """The sorted names of all images, by split and domain; a data set without ``names`` has none."""
    return {split: image_names_of(dataset) for split, dataset in (("train", train_set), ("test", test_set))}


def fingerprint(train_set: Dataset, test_set: Dataset) -> dict[str, Any]:
    """What a checkpoint keeps of the data: their SHA-256, and how many samples and images there are."""
    names = names_of(train_set, test_set)
    lengths = {"train": len(train_set), "test": len(test_set)}
    images = {split: {domain: len(found) for domain, found in domains.items()} for split, domains in names.items()}
    text = json.dumps([lengths, names], sort_keys=True)
    return {"sha256": hashlib.sha256(text.encode()).hexdigest(), "samples": lengths, "images": images}


def require_same_data(
    kept: Mapping[str, Any], kept_names: Names, train_set: Dataset, test_set: Dataset, root: str
) -> None:
    """Compare the data of a checkpoint with those that are there now.

    Args:
        kept: what :func:`fingerprint` returned when the checkpoint was written.
        kept_names: what :func:`names_of` returned when the run began; empty where that is lost.
        train_set: the training images now.
        test_set: the held-out images now.
        root: where they were found.

    Raises:
        DataError: they differ; the message says how many and shows the first names.
    """
    now = fingerprint(train_set, test_set)
    if now["sha256"] == kept["sha256"]:
        return
    differences = []
    names = names_of(train_set, test_set)
    for split in ("train", "test"):
        for domain in names[split].keys() | kept_names.get(split, {}).keys():
            before, after = (set(found.get(split, {}).get(domain, ())) for found in (kept_names, names))
            if kept_names:
                differences += _describe(f"{split} {domain}", "missing", before - after)
                differences += _describe(f"{split} {domain}", "new", after - before)
        before_count, after_count = kept["samples"][split], now["samples"][split]
        if before_count != after_count:
            differences.append(f"{split}: {before_count} samples before, {after_count} now")
    listed = "\n".join(f"  {difference}" for difference in sorted(differences)) or "  other names than before"
    raise DataError(
        f"{root} holds other images than those the run was trained on:\n{listed}\n"
        "A run resumes with its own images only: put them back, name their folder with --data, or start a new run"
    )


def _describe(where: str, what: str, names: set[str]) -> list[str]:
    if not names:
        return []
    shown = ", ".join(islice(sorted(names), SHOWN)) + (", ..." if len(names) > SHOWN else "")
    return [f"{where}: {len(names)} {what} ({shown})"]
