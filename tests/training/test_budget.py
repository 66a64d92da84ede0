"""Which limit comes first, and how much of it is used."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2i.config.run_config import ScheduleOptions, TrainingOptions
from i2i.training.budget import Budget, limits_as_options
from i2i.training.schedule import EpochPlan, plan_epochs


def budget(length=100, samples=1, **options):
    return Budget.of(TrainingOptions(**options), epoch_length=length, samples_per_step=samples)


@pytest.mark.parametrize(
    ("given", "steps", "seconds", "epochs"),
    [
        ({}, 20_000, None, 200),
        ({"steps": 50}, 50, None, 0.5),
        ({"epochs": 2}, 200, None, 2),
        ({"epochs": 2.5}, 250, None, 2.5),
        ({"minutes": 1.5}, None, 90, None),
        ({"steps": 150, "epochs": 2}, 150, None, 1.5),
        ({"steps": 250, "epochs": 2}, 200, None, 2),
        ({"steps": 250, "minutes": 1}, 250, 60, 2.5),
        ({"epochs": 2, "samples": 3}, 67, None, 2),
        ({"steps": 10, "samples": 8}, 10, None, 0.8),
        ({"steps": 0}, 0, None, 0),
    ],
)
def test_limits(given, steps, seconds, epochs):
    assert budget(**given) == Budget(steps, seconds, epochs)


@given(length=st.integers(1, 1000), samples=st.integers(1, 64))
def test_the_papers_plan_holds_for_every_batch_size(length, samples):
    settled = budget(length, samples)

    assert settled.steps == math.ceil(200 * length / samples)
    assert plan_epochs(ScheduleOptions(), settled.epochs) == EpochPlan(100, 100)


@given(epochs=st.integers(1, 50), length=st.integers(1, 500), samples=st.integers(1, 16))
def test_so_many_epochs_show_every_image_so_many_times(epochs, length, samples):
    steps = budget(length, samples, epochs=epochs).steps

    assert steps * samples >= epochs * length
    assert (steps - 1) * samples < epochs * length


def test_the_larger_share_counts():
    settled = budget(steps=100, minutes=1)

    assert settled.fraction(50, 6) == 0.5
    assert settled.fraction(50, 45) == 0.75
    assert settled.fraction(100, 1) == 1
    assert settled.fraction(3, 61) > 1


def test_no_steps_are_over_at_once():
    assert budget(steps=0).fraction(0, 0.0) == 1


def test_time_alone_limits_no_steps():
    settled = budget(minutes=10)

    assert settled.fraction(10**9, 300) == 0.5


@pytest.mark.parametrize(
    ("given", "used", "limits", "longer"),
    [
        ({}, {}, "--epochs 200", "--epochs 400"),
        ({"steps": 20}, {"steps": 20}, "--steps 20", "--steps 40"),
        ({"steps": 3}, {"steps": 6}, "--steps 3", "--steps 12"),
        ({"steps": 0}, {"steps": 0}, "--steps 0", "--steps 1"),
        (
            {"steps": 10, "minutes": 2.5},
            {"steps": 4, "minutes": 2.51},
            "--steps 10 --minutes 2.5",
            "--steps 20 --minutes 6",
        ),
        ({"epochs": 0.5}, {"steps": 9, "epochs": 1.2, "minutes": 1}, "--epochs 0.5", "--epochs 3"),
    ],
)
def test_going_on_for_as_long_again_is_past_what_is_done(given, used, limits, longer):
    assert limits_as_options(TrainingOptions(**given), used) == (limits, longer)
