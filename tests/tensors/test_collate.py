"""Samples become a batch that a method can take."""

import pytest
import torch

from i2i.tensors.collate import collate


def sample(side=4, name="a", truth=True):
    return {"A": torch.full((3, side, side), float(side)), "A_name": name, "B_is_truth": truth}


def test_images_are_stacked_flags_become_a_tensor_and_names_a_list():
    batch = collate([sample(name="a"), sample(name="b", truth=False)])

    assert batch["A"].shape == (2, 3, 4, 4)
    assert batch["A_name"] == ["a", "b"]
    assert torch.equal(batch["B_is_truth"], torch.tensor([True, False]))


def test_images_of_two_sizes_are_refused_with_what_helps():
    message = r"must have one size; got \(3, 4, 4\), \(3, 5, 5\) \(use --batch-size 1, or a data.mode that crops\)"
    with pytest.raises(ValueError, match=message):
        collate([sample(5), sample(4)])
