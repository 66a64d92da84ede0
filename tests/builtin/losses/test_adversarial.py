"""Adversarial losses and their penalty are what the papers write."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import i2i
from i2i.plugins.protocols import AdversarialLoss, PenalisedLoss
from i2i.plugins.terms import discriminator_term

pytestmark = pytest.mark.usefixtures("one_thread")


ADVERSARIAL = ["gan", "lsgan", "hinge", "wgan-gp"]


logits_strategy = st.lists(st.floats(-8, 8), min_size=1, max_size=12)


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def cross_entropy(logit, label):
    probability = 1 / (1 + math.exp(-logit))
    return -(label * math.log(probability) + (1 - label) * math.log(1 - probability))


def square(logit, label):
    return (logit - label) ** 2


def tensor(values):
    return torch.tensor(values, dtype=torch.float64).view(1, 1, 1, -1)


@given(real=logits_strategy, fake=logits_strategy, labels=st.sampled_from([(1.0, 0.0), (0.9, 0.1), (0.7, 0.0)]))
@pytest.mark.parametrize(("name", "distance"), [("gan", cross_entropy), ("lsgan", square)])
def test_losses_with_labels_equal_their_formula(name, distance, real, fake, labels):
    for_real, for_fake = labels
    loss = i2i.create("loss", name, real_label=for_real, fake_label=for_fake)

    judged = loss.discriminator(tensor(real), tensor(fake))
    fooled = loss.generator(tensor(fake))

    half = 0.5 * (mean(distance(x, for_real) for x in real) + mean(distance(x, for_fake) for x in fake))
    assert judged.item() == pytest.approx(half, rel=1e-9, abs=1e-12)
    assert fooled.item() == pytest.approx(mean(distance(x, for_real) for x in fake), rel=1e-9, abs=1e-12)


@given(real=logits_strategy, fake=logits_strategy)
def test_hinge_equals_its_formula(real, fake):
    loss = i2i.create("loss", "hinge")

    expected = mean(max(0, 1 - x) for x in real) + mean(max(0, 1 + x) for x in fake)
    assert loss.discriminator(tensor(real), tensor(fake)).item() == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert loss.generator(tensor(fake)).item() == pytest.approx(-mean(fake), rel=1e-9, abs=1e-12)


@given(real=logits_strategy, fake=logits_strategy)
def test_wasserstein_equals_its_formula(real, fake):
    loss = i2i.create("loss", "wgan-gp")

    assert loss.discriminator(tensor(real), tensor(fake)).item() == pytest.approx(mean(fake) - mean(real), abs=1e-9)
    assert loss.generator(tensor(fake)).item() == pytest.approx(-mean(fake), abs=1e-9)


def test_labels_are_one_and_zero_unless_asked():
    logits = tensor([0.0])

    assert i2i.create("loss", "lsgan").discriminator(logits, logits).item() == 0.5
    assert i2i.create("loss", "gan").generator(logits).item() == pytest.approx(math.log(2))


def test_cross_entropy_survives_extreme_logits():
    loss = i2i.create("loss", "gan")
    logits = torch.tensor([[1e4]], requires_grad=True)

    value = loss.discriminator(-logits, logits)
    value.backward()

    assert value.item() == pytest.approx(1e4)
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_gradients_point_the_right_way(name):
    loss = i2i.create("loss", name)
    assert isinstance(loss, AdversarialLoss)
    real, fake = torch.full((2, 1, 3, 3), 0.2, requires_grad=True), torch.full((2, 1, 3, 3), 0.2, requires_grad=True)

    loss.discriminator(real, fake).backward()
    assert (real.grad < 0).all()  # descending raises the logits of real images
    assert (fake.grad > 0).all()  # and lowers those of fakes

    fake.grad = None
    loss.generator(fake).backward()
    assert (fake.grad < 0).all()  # the generator raises them


@pytest.mark.parametrize("name", ADVERSARIAL)
@pytest.mark.parametrize("shape", [(2, 1, 5, 7), (3, 1), (4,), (1, 1, 1, 1)])
def test_logits_of_any_shape_give_a_scalar(name, shape):
    loss = i2i.create("loss", name)

    assert loss.discriminator(torch.randn(shape), torch.randn(shape)).shape == ()
    assert loss.generator(torch.randn(shape)).shape == ()


def test_only_wasserstein_has_a_penalty():
    penalised = [name for name in ADVERSARIAL if isinstance(i2i.create("loss", name), PenalisedLoss)]

    assert penalised == ["wgan-gp"]


class LinearCritic(nn.Module):
    """Logits that are a linear map of all pixels: the gradient is the same everywhere."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight)  # [patches, C, H, W]

    def forward(self, images):
        return torch.einsum("nchw,pchw->np", images, self.weight)


def images(count=3, size=4, seed=0):
    random = torch.Generator().manual_seed(seed)
    return [torch.rand(count, 2, size, size, generator=random, dtype=torch.float64) for _ in range(2)]


@pytest.mark.parametrize("patches", [1, 6])
@pytest.mark.parametrize("weight", [10.0, 0.3])
def test_the_penalty_of_a_linear_critic_is_known(patches, weight):
    w = torch.randn(patches, 2, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(patches))
    real, fake = images()

    penalty = i2i.create("loss", "wgan-gp", penalty_weight=weight).penalty(
        LinearCritic(w), real, fake, torch.Generator()
    )

    # The mean over patches w_p . x has the gradient (sum of w_p) / patches.
    norm = (w.sum(0) / patches).norm().item()
    assert penalty.item() == pytest.approx(weight * (norm - 1) ** 2, rel=1e-9)


def test_each_image_counts_by_its_own_gradient():
    # |x|^2 / 2 has the gradient x: the norm of the image itself, halfway as the draw says.
    real, fake = images(count=2)
    random = torch.Generator().manual_seed(4)
    share = torch.rand(2, 1, 1, 1, generator=torch.Generator().manual_seed(4)).double()

    penalty = i2i.create("loss", "wgan-gp", penalty_weight=1).penalty(
        lambda x: x.pow(2).sum((1, 2, 3)).view(-1, 1) / 2, real, fake, random
    )

    between = share * real + (1 - share) * fake
    expected = mean((between[n].norm().item() - 1) ** 2 for n in range(2))
    assert penalty.item() == pytest.approx(expected, rel=1e-9)
    assert share[0] != share[1]


def test_the_penalty_is_differentiated_a_second_time():
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Tanh(), nn.Conv2d(3, 1, 2)).double()
    loss = i2i.create("loss", "wgan-gp")
    real, fake = images()

    def penalty():
        return loss.penalty(critic, real, fake, torch.Generator().manual_seed(1))

    penalty().backward()

    step = 1e-6
    for parameter in (critic[0].weight, critic[0].bias, critic[2].weight):
        place = (0,) * parameter.ndim
        parameter.data[place] += step
        above = penalty().item()
        parameter.data[place] -= 2 * step
        below = penalty().item()
        parameter.data[place] += step
        assert parameter.grad[place].item() == pytest.approx((above - below) / (2 * step), rel=1e-5, abs=1e-7)
        assert parameter.grad.abs().max() > 0
    assert critic[2].bias.grad is None or critic[2].bias.grad.abs().max() == 0  # a shift has no slope


def test_the_penalty_leaves_images_alone():
    real, fake = images()
    fake.requires_grad_()

    i2i.create("loss", "wgan-gp").penalty(
        LinearCritic(torch.ones(1, 2, 4, 4).double()), real, fake, torch.Generator()
    ).backward()

    assert fake.grad is None
    assert not real.requires_grad


def test_the_penalty_of_several_discriminators_is_the_mean_however_many_scales_each_has():
    real, fake = images()
    one, two, three = (LinearCritic(factor * torch.ones(1, 2, 4, 4).double()) for factor in (0.1, 0.7, 2.0))
    loss = i2i.create("loss", "wgan-gp")
    alone = [loss.penalty(critic, real, fake, torch.Generator()).item() for critic in (one, two, three)]

    flat = loss.penalty(lambda x: [one(x), two(x)], real, fake, torch.Generator())
    nested = loss.penalty(lambda x: [one(x), [two(x), three(x)]], real, fake, torch.Generator())

    assert flat.item() == pytest.approx(mean(alone[:2]))
    assert nested.item() == pytest.approx(mean([alone[0], mean(alone[1:])]))


def test_images_of_two_sizes_have_no_between():
    with pytest.raises(ValueError, match=r"fake must have the shape of real.*\[1, 3, 8, 8\] and \[1, 3, 4, 4\]"):
        i2i.create("loss", "wgan-gp").penalty(
            lambda x: x, torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 8, 8), torch.Generator()
        )


def test_a_penalty_trains_the_discriminator_towards_slope_one():
    real, fake = images()
    critic = LinearCritic(torch.full((1, 2, 4, 4), 0.5, dtype=torch.float64))
    loss = i2i.create("loss", "wgan-gp", penalty_weight=1000)
    optimizer = torch.optim.SGD(critic.parameters(), lr=1e-4)
    assert critic.weight.norm() > 2

    for _ in range(100):
        optimizer.zero_grad()
        discriminator_term(loss, critic, real, fake, torch.Generator()).backward()
        optimizer.step()

    assert critic.weight.norm().item() == pytest.approx(1, abs=0.05)
