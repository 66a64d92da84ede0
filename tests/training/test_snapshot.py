"""All that changes while training comes back from a checkpoint to the bit, and into nothing else."""

import copy

import pytest
import torch
from torch import nn

from i2i.config.run_config import ScheduleOptions
from i2i.errors import CheckpointError, PluginError
from i2i.models.checkpoint import CheckpointFolder
from i2i.models.state import random_state, seed_everything
from i2i.training.position import Position
from i2i.training.schedule import EpochSchedule, plan_epochs
from i2i.training.snapshot import Snapshot
from i2i.training.update import NetworkUpdate

from ..helpers.networks import adams


class Counter:
    """A buffer that holds a number."""

    def __init__(self):
        self.count = 0

    def state_dict(self):
        return {"count": self.count}

    def load_state_dict(self, state):
        self.count = state["count"]


class Method:
    """A generator with dropout, a discriminator, a helper, a buffer and a method that count steps."""

    def __init__(self, width=3):
        self.helpers, self.steps = {"F": nn.Linear(2, 1)}, 0
        self.generators = {"G": nn.Sequential(nn.Linear(2, width), nn.Dropout(), nn.Linear(width, 2))}
        self.discriminators, self.directions = {"D": nn.Linear(2, 1)}, {"AtoB": "G"}
        self.buffers = {"A": Counter()}

    def step(self, batches, update):
        fake = self.generators["G"](batches[0]) + torch.rand(2, generator=update.random)
        helped = self.helpers["F"](fake).mean() * self.steps
        update.backward(self.discriminators["D"](fake).square().mean() + helped)
        update.apply("generators")
        update.apply("helpers")
        update.backward((self.discriminators["D"](fake.detach()) - 1).square().mean())
        update.apply("discriminators")
        self.buffers["A"].count += 1
        self.steps += 1
        return {}

    def state_dict(self):
        return {"steps": self.steps}

    def load_state_dict(self, state):
        self.steps = state["steps"]


def new(seed=0, ema_decay=0.5, **method):
    seed_everything(seed)
    options = ScheduleOptions(name="step", step_epochs=1)
    random = torch.Generator().manual_seed(seed)
    made = Method(**method)
    update = NetworkUpdate(made, adams(made), torch.device("cpu"), random, ema_decay=ema_decay)
    plan = plan_epochs(options, 4)
    schedules = {group: EpochSchedule(each, options, plan) for group, each in update.optimizers.items()}
    return Snapshot(update, schedules)


def train(snapshot, steps):
    for number in range(steps):
        snapshot.update.train([torch.full((4, 2), float(number))])
        for schedule in snapshot.schedules.values():
            schedule.end_epoch(0.0)


def save(snapshot, folder, position):
    checkpoints = CheckpointFolder(folder, keep=1)
    checkpoints.write_rank(position.step, 0, snapshot.of_this_process())
    weights, shared = snapshot.generator_weights(), snapshot.shared(position)
    checkpoints.write(position.step, {"step": position.step, "world_size": 1}, weights, shared, 1)
    return checkpoints.latest()


def state_of(snapshot):
    """Everything that a step changes, by name."""
    update = snapshot.update
    networks = {name: network.state_dict() for name, network in update.networks.items()}
    averages = {name: average.state_dict() for name, average in update.averages.items()}
    optimizers = {name: each.state_dict()["state"] for name, each in update.optimizers.items()}
    rates = [each.param_groups[0]["lr"] for each in update.optimizers.values()]
    count = update.method.buffers["A"].count, update.method.steps
    return copy.deepcopy((networks, averages, optimizers, rates, count, update.random.get_state(), random_state()))


def same(one, other):
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if hasattr(one, "tolist"):
        return one.tolist() == other.tolist()
    return one == other


@pytest.mark.parametrize("ema_decay", [0.0, 0.5])
def test_what_comes_back_trains_on_to_the_bit(tmp_path, ema_decay):
    straight = new(ema_decay=ema_decay)
    train(straight, 2)
    checkpoint = save(straight, tmp_path, Position(step=2, samples=8))
    before = state_of(straight)

    resumed = new(seed=7, ema_decay=ema_decay)
    position, has_own = resumed.restore(checkpoint, rank=0)

    assert (position.step, position.samples, has_own) == (2, 8, True)
    assert same(state_of(resumed), before)
    train(resumed, 2)
    ended = state_of(resumed)
    straight.restore(checkpoint, rank=0)
    train(straight, 2)
    assert same(state_of(straight), ended)


def test_the_average_is_what_makes_outputs():
    snapshot = new()
    train(snapshot, 3)

    assert snapshot.outputs_of("G") is snapshot.update.averages["G"].module
    kept, trained = snapshot.generator_weights()["G"], snapshot.method.generators["G"].state_dict()
    assert not any(torch.equal(kept[name], trained[name]) for name in trained)
    plain = new(ema_decay=0.0)
    assert plain.outputs_of("G") is plain.method.generators["G"]


def test_helpers_are_trained_and_not_averaged():
    snapshot = new()
    before = copy.deepcopy(snapshot.method.helpers["F"].state_dict())
    train(snapshot, 2)

    assert not same(snapshot.method.helpers["F"].state_dict(), before)
    assert (list(snapshot.averages), list(snapshot.generator_weights())) == (["G"], ["G"])


def test_another_process_takes_over_the_main_ones_state_of_the_method(tmp_path):
    snapshot = new()
    train(snapshot, 2)
    checkpoint = save(snapshot, tmp_path, Position(step=2, samples=8))
    resumed = new(seed=7)
    resumed.restore(checkpoint, rank=1)

    assert resumed.method.steps == 2
    assert resumed.method.buffers["A"].count == 0


def test_another_process_has_nothing_of_its_own_to_resume_with(tmp_path):
    snapshot = new()
    train(snapshot, 1)
    checkpoint = save(snapshot, tmp_path, Position(step=1, samples=4))
    random = snapshot.update.random.get_state()

    assert new(seed=7).restore(checkpoint, rank=1)[1] is False
    assert torch.equal(snapshot.update.random.get_state(), random)


def test_a_checkpoint_of_other_networks_is_refused(tmp_path):
    snapshot = new()
    checkpoint = save(snapshot, tmp_path, Position(step=1, samples=4))

    with pytest.raises(CheckpointError, match=r"(?s)does not fit this run's config\.yaml: .*was config\.yaml changed"):
        new(width=5).restore(checkpoint, rank=0)


def test_a_buffer_that_fails_on_resuming_is_explained(tmp_path, monkeypatch):
    snapshot = new()
    checkpoint = save(snapshot, tmp_path, Position(step=1, samples=4))

    def fail(_):
        raise AssertionError("no number")

    resumed = new()
    monkeypatch.setattr(resumed.method.buffers["A"], "load_state_dict", fail)
    with pytest.raises(PluginError, match=r"resuming from .* failed: .* raised AssertionError: no number"):
        resumed.restore(checkpoint, rank=0)


def test_more_epochs_than_the_samples_could_fill_are_refused(tmp_path):
    snapshot = new()
    train(snapshot, 3)
    checkpoint = save(snapshot, tmp_path, Position(step=1, samples=2))

    with pytest.raises(CheckpointError, match="more epochs than 2 samples could fill"):
        new().restore(checkpoint, rank=0)
