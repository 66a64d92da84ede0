"""The learning-rate schedules by their formulas and against torch's own."""

from __future__ import annotations

import itertools
import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from i2i.config.run_config import ScheduleOptions
from i2i.models.state import pack, unpack
from i2i.training.schedule import EpochPlan, EpochSchedule, linear_factor, plan_epochs

RATE = 2e-4


def make(name="linear", plan=None, **options):
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=RATE)
    return optimizer, EpochSchedule(optimizer, ScheduleOptions(name=name, **options), plan or EpochPlan(100, 100))


def rates(optimizer, step, epochs):
    """The rate during each epoch, the first included."""
    seen = []
    for epoch in range(epochs):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        step(epoch)
    return seen


def losses_that_stall(epoch):
    return 10 - epoch if epoch < 5 else 5.0


def test_the_papers_rate_of_epochs_100_101_and_200():
    optimizer, schedule = make()

    seen = rates(optimizer, lambda _: schedule.end_epoch(0.0), 203)

    assert seen[:100] == [RATE] * 100
    assert seen[100] == pytest.approx(RATE * (1 - 1 / 101), rel=1e-12)
    assert seen[199] == pytest.approx(RATE / 101, rel=1e-12)
    assert seen[200:] == pytest.approx([0.0] * 3, abs=1e-15)  # past the plan, never below zero
    assert min(seen) >= 0


@given(flat=st.integers(0, 20), decay=st.integers(0, 20))
def test_linear_equals_its_formula(flat, decay):
    plan = EpochPlan(flat, decay)
    optimizer, schedule = make(plan=plan)

    seen = rates(optimizer, lambda _: schedule.end_epoch(0.0), flat + decay)

    for e, rate in enumerate(seen):
        factor = 1 - max(0, e + 1 - flat) / (decay + 1)
        assert linear_factor(e, plan) == factor
        assert rate == pytest.approx(RATE * factor, rel=1e-9)
    if seen and decay:
        assert seen[-1] == pytest.approx(RATE / (decay + 1), rel=1e-9)
    assert all(earlier >= later for earlier, later in itertools.pairwise(seen))


@pytest.mark.parametrize(
    ("name", "options", "reference"),
    [
        ("cosine", {}, lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=10, eta_min=0)),
        ("step", {}, lambda o: torch.optim.lr_scheduler.StepLR(o, step_size=50, gamma=0.1)),
        ("step", {"step_epochs": 4}, lambda o: torch.optim.lr_scheduler.StepLR(o, step_size=4, gamma=0.1)),
        (
            "plateau",
            {},
            lambda o: torch.optim.lr_scheduler.ReduceLROnPlateau(o, mode="min", factor=0.2, threshold=0.01, patience=5),
        ),
        ("constant", {}, lambda o: torch.optim.lr_scheduler.ConstantLR(o, factor=1)),
    ],
)
def test_the_others_equal_torchs(name, options, reference):
    ours, schedule = make(name, plan=EpochPlan(10, 5), **options)
    theirs, _ = make()
    scheduler = reference(theirs)

    def step(epoch):
        return scheduler.step(losses_that_stall(epoch)) if name == "plateau" else scheduler.step()

    seen = rates(ours, lambda epoch: schedule.end_epoch(losses_that_stall(epoch)), 60)

    assert seen == rates(theirs, step, 60)
    assert (len(set(seen)) > 1) == (name != "constant")


def test_cosine_by_its_formula():
    optimizer, schedule = make("cosine", plan=EpochPlan(8, 0))

    seen = rates(optimizer, lambda _: schedule.end_epoch(0.0), 9)

    assert seen == pytest.approx([RATE * (1 + math.cos(math.pi * e / 8)) / 2 for e in range(9)], abs=1e-12)


@pytest.mark.parametrize("name", ["linear", "cosine", "step", "plateau", "constant"])
@pytest.mark.parametrize("epochs", [0, 3, 12])
def test_a_restored_schedule_goes_on_the_same(name, epochs):
    plan = EpochPlan(5, 10)
    whole, schedule = make(name, plan, step_epochs=4)
    expected = rates(whole, lambda e: schedule.end_epoch(losses_that_stall(e)), 25)

    first, schedule = make(name, plan, step_epochs=4)
    seen = rates(first, lambda e: schedule.end_epoch(losses_that_stall(e)), epochs)
    tensors = {}
    saved = json.dumps(pack([first.state_dict(), schedule.state_dict()], "state", tensors))
    second, schedule = make(name, plan, step_epochs=4)
    optimizer_state, schedule_state = unpack(json.loads(saved), tensors)
    second.load_state_dict(optimizer_state)
    schedule.load_state_dict(schedule_state)
    seen += rates(second, lambda e: schedule.end_epoch(losses_that_stall(e + epochs)), 25 - epochs)

    assert seen == expected


@pytest.mark.parametrize(
    ("options", "budget", "plan"),
    [
        ({}, None, (100, 100)),
        ({}, 200, (100, 100)),
        ({}, 7, (4, 3)),
        ({}, 6.3, (4, 3)),
        ({}, 1, (1, 0)),
        ({}, 0.2, (1, 0)),
        ({}, 0.0, (1, 0)),
        ({"flat_epochs": 5}, 20, (5, 15)),
        ({"decay_epochs": 5}, 20, (15, 5)),
        ({"flat_epochs": 30}, 20, (30, 0)),
        ({"decay_epochs": 30}, 20, (0, 30)),
        ({"flat_epochs": 3, "decay_epochs": 4}, 20, (3, 4)),
        ({"flat_epochs": 3}, None, (3, 100)),
        ({"decay_epochs": 0}, None, (100, 0)),
    ],
)
def test_plans(options, budget, plan):
    assert plan_epochs(ScheduleOptions(**options), budget) == EpochPlan(*plan)


@given(budget=st.floats(0.01, 1000))
def test_the_parts_of_a_plan_make_up_the_budget(budget):
    plan = plan_epochs(ScheduleOptions(), budget)

    assert plan.flat + plan.decay == math.ceil(budget)
    assert 0 <= plan.flat - plan.decay <= 1


@pytest.mark.parametrize("name", ["linear", "cosine", "step", "constant"])
@pytest.mark.parametrize("longer", [EpochPlan(20, 20), EpochPlan(4, 1)])
def test_another_plan_sets_the_rate_of_the_epoch(name, longer):
    """A run that used up its budget continues with a larger one as if that had been the plan."""
    expected = rates(*_stepping(make(name, longer, step_epochs=4)), 15)
    first, schedule = make(name, EpochPlan(3, 3), step_epochs=4)
    rates(first, lambda _: schedule.end_epoch(0.0), 6)
    second, longer_schedule = make(name, longer, step_epochs=4)
    second.load_state_dict(first.state_dict())
    longer_schedule.load_state_dict(schedule.state_dict())

    assert rates(*_stepping((second, longer_schedule)), 9) == expected[6:]


def _stepping(made):
    optimizer, schedule = made
    return optimizer, lambda _: schedule.end_epoch(0.0)
