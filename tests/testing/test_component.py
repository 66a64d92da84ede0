"""What the checks of all kinds have in common."""

import random

import pytest
import torch

from i2i.testing import check_component, check_dataset, check_generator, check_loss

from .examples import GoodDataset, GoodGenerator, dataset_spec, generator_spec


def test_random_states_are_left_alone():
    torch.manual_seed(3)
    random.seed(3)
    expected = torch.rand(3), random.random()
    torch.manual_seed(3)
    random.seed(3)
    check_dataset(dataset_spec(GoodDataset))
    check_generator(generator_spec(GoodGenerator))

    assert torch.equal(torch.rand(3), expected[0])
    assert random.random() == expected[1]


def test_wrong_kind_of_argument_is_refused():
    with pytest.raises(TypeError, match="spec must be a LossSpec; got GeneratorSpec"):
        check_loss(generator_spec(GoodGenerator))
    with pytest.raises(TypeError, match="component must be a Component or one of GeneratorSpec"):
        check_component(GoodGenerator)
