"""The built-in optimisers are PyTorch's, with the papers' settings, and keep their contract."""

import pytest
import torch

import i2i
from i2i.builtin.optimizers import SPECS
from i2i.testing import check_optimizer


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_contract(spec):
    check_optimizer(spec)


def test_adam_is_that_of_both_papers():
    weight = torch.nn.Parameter(torch.zeros(2))
    built = i2i.create("optimizer", "adam", parameters=[weight])

    assert type(built) is torch.optim.Adam
    assert built.param_groups[0]["params"] == [weight]
    assert built.defaults == torch.optim.Adam([weight], lr=2e-4, betas=(0.5, 0.999)).defaults


def test_adamw_decays_weights_by_the_learning_rate():
    weight = torch.nn.Parameter(torch.ones(1))
    built = i2i.create("optimizer", "adamw", parameters=[weight], learning_rate=0.1, weight_decay=0.5)
    weight.grad = torch.zeros(1)
    built.step()

    assert type(built) is torch.optim.AdamW
    assert weight.item() == pytest.approx(1 - 0.1 * 0.5)
