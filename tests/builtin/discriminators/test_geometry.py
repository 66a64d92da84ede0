"""The field of one logit, and how many logits there are."""

import pytest
import torch
from torch import nn

from i2i.builtin.discriminators.geometry import receptive_field
from i2i.builtin.discriminators.patch import PatchDiscriminator

from .building import build


@pytest.mark.parametrize(("layers", "field"), [(1, 16), (2, 34), (3, 70), (4, 142), (5, 286), (6, 574)])
def test_receptive_field_is_what_the_gradient_of_one_logit_covers(layers, field):
    assert receptive_field(layers) == field
    network = PatchDiscriminator(1, layers=layers, base_channels=1, norm="none").double()
    for parameter in network.parameters():
        nn.init.constant_(parameter, 0.5)
    size = field + 2 ** (layers + 2)
    images = torch.ones(1, 1, size, size, dtype=torch.float64, requires_grad=True)
    logits = network(images)
    middle = logits.shape[-1] // 2
    (gradient,) = torch.autograd.grad(logits[0, 0, middle, middle], images)
    rows = gradient[0, 0].abs().sum(1).nonzero().flatten()
    assert rows[0] > 0
    assert rows[-1] < size - 1
    assert len(rows) == rows[-1] - rows[0] + 1 == field


def test_a_256_pixel_image_gets_30_by_30_logits():
    assert build("patch70", base_channels=1)(torch.zeros(1, 3, 256, 256)).shape == (1, 1, 30, 30)
