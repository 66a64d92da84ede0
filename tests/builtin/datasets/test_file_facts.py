"""What is known of a file survives being written down."""

from __future__ import annotations

import json

import numpy as np
import pytest

from i2i.builtin.datasets.file_facts import FileFacts, look_at

from ...helpers.images import READERS


@pytest.mark.parametrize("kind", ["picture", "samples"])
def test_what_was_found_can_be_written_down_and_read_back(tmp_path, draw, kind):
    path = draw("a.png", mode="L")
    if kind == "samples":
        path = tmp_path / "a.npy"
        np.save(path, np.arange(24, dtype=np.float32).reshape(2, 3, 4))

    found = look_at(path, READERS, 10**6, as_samples=False, with_opacity=False, by_halves=True, keep_some=True)
    again = FileFacts.from_json(json.loads(json.dumps(found.to_json())))

    assert again.to_json() == found.to_json()
    assert (again.size, again.grey, again.levels) == (found.size, found.grey, found.levels)
    assert again.is_decoded
    if kind == "samples":
        assert again.samples.some.tolist() == list(range(24))
        assert (again.samples.channels, again.samples.type) == (4, "float32")
