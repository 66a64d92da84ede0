"""The R1 penalty is the paper's, comes when it is due, and a resumed run has it in the same steps."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import i2i
from i2i.errors import ConfigError
from i2i.plugins.protocols import PenalisedLoss, SteppedLoss
from i2i.plugins.terms import discriminator_term

from ...helpers.running import assert_same_end, run_here

pytestmark = pytest.mark.usefixtures("one_thread", "no_page")


def judge(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(2, 4, 3, stride=2), nn.Softplus(), nn.Conv2d(4, 1, 2)).double()


def batch_of(seed):
    return torch.rand(3, 2, 9, 11, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def transcript(network, real, gamma):
    """Image by image: half of gamma times the squared length of the gradient of what its patches add up to."""
    slopes = []
    for image in real:
        image = image[None].clone().requires_grad_()
        (gradient,) = torch.autograd.grad(network(image).sum(), image, create_graph=True)
        slopes.append((gradient**2).sum())
    return gamma / 2 * sum(slopes) / len(slopes)


@pytest.mark.parametrize("name", ["gan", "lsgan", "hinge"])
def test_the_discriminators_term_and_its_gradients_equal_a_transcript(name):
    real, fake, random = batch_of(1), batch_of(2), torch.Generator()
    loss, plain = i2i.create("loss", name, r1=3.0, r1_every=4), i2i.create("loss", name)
    assert isinstance(loss, PenalisedLoss) and isinstance(loss, SteppedLoss)  # noqa: PT018
    network, other = judge(), judge()
    term = discriminator_term(loss, network, real, fake, random)
    expected = plain.discriminator(other(real), other(fake)) + 4 * transcript(other, real, 3.0)
    term.backward()
    expected.backward()
    assert term.item() == pytest.approx(expected.item(), rel=1e-12)
    for ours, theirs in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.allclose(ours.grad, theirs.grad, rtol=1e-9, atol=0)
    assert torch.equal(loss.generator(fake), plain.generator(fake))
    assert not real.requires_grad


def test_it_is_due_in_the_first_step_and_every_so_many_after():
    loss, network, due = i2i.create("loss", "lsgan", r1=1.0, r1_every=3), judge(), []
    for step in range(7):
        loss.begin_step(step)
        due.append(bool(loss.penalty(network, batch_of(1), batch_of(2), torch.Generator()) > 0))
    assert due == [True, False, False, True, False, False, True]


def test_several_discriminators_weigh_the_same_however_many_scales_each_has():
    loss, real = i2i.create("loss", "hinge", r1=2.0, r1_every=1), batch_of(1)
    one, two, three = (judge(seed) for seed in range(3))
    alone = [transcript(network, real, 2.0).item() for network in (one, two, three)]
    together = loss.penalty(lambda x: [one(x), [two(x), three(x)]], real, batch_of(2), torch.Generator())
    assert together.item() == pytest.approx((alone[0] + (alone[1] + alone[2]) / 2) / 2)


def test_an_interval_without_a_penalty_is_refused():
    with pytest.raises(ConfigError, match="r1_every is for r1 above 0 only"):
        i2i.create("loss", "gan", r1_every=4)


def test_a_resumed_run_has_it_in_the_same_steps(images, tmp_path):
    given = {"more": {"loss.r1": 50.0, "loss.r1_every": 2, "schedule.name": "constant"}}
    straight = run_here(images, tmp_path / "straight", steps=3, **given)
    part = run_here(images, tmp_path / "part", steps=1, **given)
    assert_same_end(i2i.run(resume=part.folder, steps=3).folder, straight.folder)
