"""Folders are recognised by their names, and pictures side by side by their folder."""

from __future__ import annotations

import pytest
import torch
from PIL import Image


def test_direction_swaps_domains_channels_and_pictures(draw, build):
    draw("trainA/1.png")
    draw("trainB/1.png")
    options = {"pairing": "paired", "channels_A": 1, "test_fraction": 0, "flip": False, "load_size": 16}
    forward, back = build(**options), build(direction="BtoA", **options)
    assert forward.channels == {"A": 1, "B": 3}
    assert back.channels == {"A": 3, "B": 1}
    assert (forward.domains, back.domains) == ({"A": "A", "B": "B"}, {"A": "B", "B": "A"})
    assert torch.equal(forward[0, 0]["A"], back[0, 0]["B"])
    assert torch.equal(forward[0, 0]["B"], back[0, 0]["A"])
    assert forward[0, 0]["A"].shape == (1, 16, 16)


@pytest.mark.parametrize("folder", ["train/", ""])
def test_side_by_side_pictures_are_split_at_half_width(tmp_path, build, folder):
    (tmp_path / folder).mkdir(exist_ok=True)
    for number in range(5):
        picture = Image.new("RGB", (32, 16), "black")
        picture.paste("white", (16, 0, 32, 16))
        picture.save(tmp_path / folder / f"{number}.png")
    train, test = build(pairing="paired"), build(pairing="paired", split="test")
    assert len(train) + len(test) == 5
    assert len(test) >= 1
    for dataset in (train, test):
        assert dataset[0, 0]["A"].max() == -1
        assert dataset[0, 0]["B"].min() == 1
