"""Each check of optimisers fails for one that breaks just that promise, and passes for one that keeps it."""

import pytest
import torch
from torch.optim import SGD, Optimizer

from i2i.plugins import OptimizerSpec
from i2i.testing import check_optimizer

from .examples import failed_names


class Good(Optimizer):
    """Plain momentum."""

    def __init__(self, parameters):
        super().__init__(parameters, {"lr": 0.01})

    def rate(self, group):
        return group["lr"]

    def direction(self, parameter):
        mean = self.state[parameter].setdefault("mean", torch.zeros_like(parameter))
        return mean.mul_(0.9).add_(parameter.grad)

    def gradient_of(self, parameter):
        return parameter.grad

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for parameter in group["params"]:
                if self.gradient_of(parameter) is not None:
                    parameter.sub_(self.direction(parameter), alpha=self.rate(group))


class SomeParameters(Good):
    def __init__(self, parameters):
        super().__init__(parameters[:-1])


class Upwards(Good):
    def direction(self, parameter):
        return -super().direction(parameter)


class OwnRate(Good):
    def rate(self, group):
        return 0.01


class MovesWithoutGradient(Good):
    def gradient_of(self, parameter):
        if parameter.grad is None:
            parameter.grad = torch.ones_like(parameter)
        return parameter.grad


class Noisy(Good):
    def direction(self, parameter):
        return super().direction(parameter) + 0.01 * torch.rand_like(parameter)


class OwnState(Good):
    def __init__(self, parameters):
        super().__init__(parameters)
        self.means = {}

    def direction(self, parameter):
        mean = self.means.setdefault(parameter, torch.zeros_like(parameter))
        return mean.mul_(0.9).add_(parameter.grad)


class StrangeState(Good):
    def direction(self, parameter):
        self.state[parameter]["seen"] = {1, 2}
        return super().direction(parameter)


class WantsAClosure(Good):
    def step(self, closure):
        closure()


def optimizer_spec(optimizer):
    return OptimizerSpec(
        name="example", summary="an optimiser", build=lambda options, *, parameters: optimizer(parameters)
    )


@pytest.mark.parametrize("optimizer", [Good, lambda parameters: SGD(parameters, 0.1, momentum=0.9)])
def test_a_good_one_passes(optimizer):
    check_optimizer(optimizer_spec(optimizer))


@pytest.mark.parametrize(
    ("optimizer", "failed"),
    [
        (lambda parameters: parameters, {"builds an optimiser"}),
        (SomeParameters, {"all parameters", "step"}),
        (Upwards, {"aim"}),
        (OwnRate, {"learning rate"}),
        (MovesWithoutGradient, {"parameters without a gradient"}),
        (Noisy, {"determinism", "state round trip"}),
        (OwnState, {"state round trip"}),
        (StrangeState, {"state", "state round trip"}),
        (WantsAClosure, {"step", "aim", "parameters without a gradient", "learning rate", "determinism", "state"}),
    ],
)
def test_a_broken_promise_is_found(optimizer, failed):
    assert failed <= set(failed_names(optimizer_spec(optimizer))) <= failed | {"state round trip"}


def test_the_message_says_what_to_do():
    with pytest.raises(AssertionError, match="learning rate: step\\(\\) must read lr from its parameter groups"):
        check_optimizer(optimizer_spec(OwnRate))
