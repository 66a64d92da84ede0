"""Every check ends in a result, whatever a component does."""

import pytest
import torch

from i2i.testing import CheckResult, check_generator
from i2i.testing.results import Checklist, expect, gradient_of

from .examples import GoodGenerator, generator_spec


def test_assertion_lists_every_broken_promise():
    class Several(GoodGenerator):
        def __init__(self, in_channels, out_channels):
            super().__init__(3, 3)

        def forward(self, image):
            return self.last(torch.relu(self.first(image)))

    with pytest.raises(AssertionError, match="generator 'example' breaks its contract") as raised:
        check_generator(generator_spec(Several))
    assert "other channels: raised RuntimeError" in str(raised.value)
    assert "value range: must stay in [-1, 1]" in str(raised.value)


def test_an_exception_of_a_stranger_is_a_failed_check_and_the_list_goes_on():
    checks = Checklist()

    assert checks.run("kept", lambda: "a remark")
    assert not checks.run("broken", lambda: expect(False, "must be 1; got 2"))
    assert not checks.run("raises", lambda: {}["a\nname"])
    assert not checks.run("silent", lambda: next(iter(())))

    assert checks.results == [
        CheckResult("kept", True, "a remark"),
        CheckResult("broken", False, "must be 1; got 2"),
        CheckResult("raises", False, "raised KeyError: 'a\\nname'"),
        CheckResult("silent", False, "raised StopIteration: no message"),
    ]


def test_a_missing_gradient_names_its_tensor():
    tensor = torch.ones(2, requires_grad=True)
    with pytest.raises(AssertionError, match="no gradient reaches the image"):
        gradient_of(tensor, "no gradient reaches the image")

    tensor.sum().backward()

    assert torch.equal(gradient_of(tensor, "none"), torch.ones(2))
