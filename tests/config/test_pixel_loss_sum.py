"""Several pixel losses are one: the weighted sum, with the value of each kept for the log."""

import pytest
import torch
from torch.nn import functional as F

from i2i.config.pixel_loss_sum import PixelLossSum, StepValues, logged_names
from i2i.config.run_config import PixelLossChoice
from i2i.plugins import Options


def test_it_is_the_weighted_sum_with_its_gradient():
    values = StepValues()
    loss = PixelLossSum({"pixel_l1": F.l1_loss, "pixel_l2": F.mse_loss}, {"pixel_l1": 2.0, "pixel_l2": 0.5}, values)
    image = torch.tensor([[[[0.0, 1.0]]]], requires_grad=True)
    target = torch.tensor([[[[0.5, 0.5]]]])

    total = loss(image, target)
    total.backward()

    assert total.item() == pytest.approx(2 * 0.5 + 0.5 * 0.25)
    assert image.grad.flatten().tolist() == pytest.approx([-1.25, 1.25])
    taken = values.take()
    assert {name: value.item() for name, value in taken.items()} == {"pixel_l1": 0.5, "pixel_l2": 0.25}
    assert not any(value.requires_grad for value in taken.values())


def test_values_are_means_until_they_are_taken():
    values = StepValues()
    for number in (1.0, 2.0, 6.0):
        values.add("pixel_l1", torch.tensor(number))

    assert values.take() == {"pixel_l1": torch.tensor(3.0)}
    assert values.take() == {}


def test_each_is_logged_under_a_name_of_its_own():
    choices = [PixelLossChoice(name, Options()) for name in ("l1", "huber", "huber")]
    assert logged_names(choices) == ["pixel_l1", "pixel_huber_1", "pixel_huber_2"]
