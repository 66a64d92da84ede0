"""Both splits of a data set are opened."""

from __future__ import annotations

from i2i.api import resolve
from i2i.config.dataset_opening import build_datasets


def test_data_of_both_splits(manager):
    config = resolve(settings={"generator.base_channels": 2})

    train, test, _ = build_datasets(manager, config)

    assert len(train) > len(test) > 0
    assert train[0, 0]["A"].shape == (3, 64, 64)
