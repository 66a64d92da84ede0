"""Where training stands counts what a step took, and comes back from a checkpoint as it was."""

import json
import math

import pytest

from i2i.training.position import Position


def test_a_step_moves_the_count_of_steps_samples_and_seconds():
    position = Position(step=3, samples=6, seconds=1.5)

    position.advance(2, 2.25)

    assert (position.step, position.samples, position.seconds) == (4, 8, 2.25)


@pytest.mark.parametrize(
    ("samples", "taken", "ended"), [(7, 1, 0), (8, 1, 1), (9, 2, 1), (8, 8, 1), (24, 20, 3), (40, 20, 3)]
)
def test_epochs_end_with_their_last_sample(samples, taken, ended):
    assert Position(samples=samples).epochs_ended(8, taken) == ended


def test_means_are_of_the_steps_that_had_the_term():
    position = Position()
    position.add({"G": 1.0, "D": 4.0}, 1.0)
    position.add({"G": 3.0}, 3.0)

    assert position.means() == {"G": 2.0, "D": 4.0}
    assert (position.epoch_loss, position.epoch_steps) == (4.0, 2)

    position.forget_terms()
    position.begin_epoch()

    assert (position.means(), position.epoch_loss, position.epoch_steps) == ({}, 0.0, 0)


def test_what_is_used_is_given_in_the_units_of_each_limit():
    position = Position(step=5, samples=20, seconds=90.0)

    assert position.used(8) == {"steps": 5, "epochs": 2.5, "minutes": 1.5}


def test_it_comes_back_from_json_to_the_bit_and_counts_on():
    position = Position(step=2, samples=4, seconds=0.1)
    position.add({"G": 0.1}, 0.1)

    again = Position.from_state(json.loads(json.dumps(position.state_dict())))
    assert again == position
    again.add({"new": 1.0}, 1.0)
    assert again.means() == {"G": 0.1, "new": 1.0}


@pytest.mark.parametrize(
    ("name", "value"),
    [("step", -1), ("step", 1.0), ("samples", True), ("epoch_steps", "3"), ("seconds", math.inf), ("seconds", "1")],
)
def test_a_count_or_a_time_that_is_not_one_is_refused(name, value):
    with pytest.raises(ValueError, match=rf"position\.{name} must be a "):
        Position.from_state({**Position().state_dict(), name: value})
