"""What a forward pass keeps is counted once a storage."""

from __future__ import annotations

import math

import torch

from i2i.benchmarking.memory import activation_bytes

from . import small


def test_fused_block_keeps_less_than_eager_and_recompute_keeps_x_alone():
    (memory,) = small.run(small.MEMORY).memory
    image = 4 * math.prod(small.SHAPE)

    assert memory.bytes["eager"] > 4 * image  # x, two padded images, two convolutions' outputs, an activation
    if "fused" in memory.bytes:
        assert memory.bytes["fused"] < 0.6 * memory.bytes["eager"]
        assert memory.bytes["fused, recompute"] == image


def test_a_storage_that_is_kept_twice_counts_once_and_parameters_do_not():
    weight = torch.ones(10, requires_grad=True)

    def forward(x):
        return (x * weight) + (x.view(2, 5) * weight.view(2, 5)).flatten()  # keeps x and weight, twice each

    assert activation_bytes(forward, torch.ones(10), [weight]) == 40
    assert activation_bytes(forward, torch.ones(10), []) == 80
    assert activation_bytes(lambda x: x + 1, torch.ones(10), []) == 40, "x is always counted"
