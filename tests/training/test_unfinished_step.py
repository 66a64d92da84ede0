"""A step that fails half way leaves random numbers and gradients as they were before it."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from i2i.training.unfinished_step import UnfinishedStep
from i2i.training.update import NetworkUpdate

from ..helpers.networks import adams


class FailingMethod:
    """Draws every kind of random number, updates the groups named and fails."""

    def __init__(self, applies, norm=False, buffers=(), state=False):
        self.generators = {"G": nn.Sequential(nn.Linear(2, 2), *([nn.BatchNorm1d(2)] if norm else []))}
        self.discriminators, self.directions = {"D": nn.Linear(2, 1)}, {"AtoB": "G"}
        self.buffers, self.applies = dict.fromkeys(buffers), applies
        if state:
            self.state_dict = dict

    def step(self, batches, update):
        draw(update)
        update.backward(self.generators["G"](batches[0]).sum() + self.discriminators["D"](batches[0]).sum())
        for group in self.applies:
            update.apply(group)
        raise RuntimeError("odd shapes")


def draw(update):
    numbers = torch.rand(2).tolist(), torch.rand(2, generator=update.random).tolist()
    return [*numbers, np.random.rand(2).tolist(), random.random()]


def fail(method):
    """Fail in a step, and return the update and the parts that could not be taken back."""
    update = NetworkUpdate(method, adams(method), torch.device("cpu"), torch.Generator().manual_seed(3))
    step = UnfinishedStep(update)
    with pytest.raises(RuntimeError, match="odd shapes") as raised:
        update.train([torch.ones(4, 2)])
    return update, step.take_back(raised.value)


def test_random_numbers_are_those_from_before_the_step():
    method = FailingMethod([])
    update = NetworkUpdate(method, adams(method), torch.device("cpu"), torch.Generator().manual_seed(3))
    step = UnfinishedStep(update)
    drawn = draw(update)

    step.take_back(RuntimeError())

    assert draw(update) == drawn


def test_gradients_are_discarded():
    method = FailingMethod(["generators"])
    fail(method)
    assert all(parameter.grad is None for parameter in method.discriminators["D"].parameters())


@pytest.mark.parametrize(
    ("method", "kept"),
    [
        (FailingMethod([]), ""),
        (FailingMethod(["generators"]), "the generators"),
        (FailingMethod(["generators", "discriminators"]), "the generators and the discriminators"),
        (FailingMethod([], norm=True), "running statistics"),
        (FailingMethod(["generators"], buffers=["A"]), "the generators and buffers of earlier images"),
        (FailingMethod([], state=True), "the method's own state"),
    ],
)
def test_what_may_hold_a_part_of_the_step_is_named(method, kept):
    assert fail(method)[1] == kept


def test_what_filled_the_memory_is_let_go():
    method = FailingMethod([])
    update = NetworkUpdate(method, adams(method), torch.device("cpu"), torch.Generator())
    step = UnfinishedStep(update)

    def fill():
        images = [torch.zeros(3)]
        raise MemoryError(len(images))

    try:
        try:
            fill()
        except MemoryError as error:
            raise ValueError from error
    except ValueError as failure:
        step.take_back(failure)
        frame = failure.__cause__.__traceback__.tb_next.tb_frame
        assert "images" not in frame.f_locals
