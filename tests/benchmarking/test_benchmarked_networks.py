"""The measured training step is the one that users train with."""

from __future__ import annotations

import pytest
import torch

from i2i.benchmarking import benchmarked_networks, training_step
from i2i.benchmarking.case import Setting

CPU = Setting(torch.device("cpu"), threads=1, rivals=False)


@pytest.fixture
def small_networks(monkeypatch):
    """Four small networks in place of 28 million weights."""
    resolve = benchmarked_networks.layer_from_settings
    small = ["generator.name=resnet", "generator.blocks=1", "generator.base_channels=4"]
    small += ["discriminator.name=patch", "discriminator.layers=1", "discriminator.base_channels=4"]
    monkeypatch.setattr(
        benchmarked_networks,
        "layer_from_settings",
        lambda chosen: resolve([each for each in chosen if "r.name" not in each] + small),
    )


def test_a_step_changes_all_four_networks(small_networks):
    step = benchmarked_networks.TrainingStep(CPU, "reference", 32)
    method = step.update.method
    before = {
        name: network.state_dict()["model.1.weight" if name.startswith("G") else "model.0.weight"].clone()
        for name, network in {**method.generators, **method.discriminators}.items()
    }

    step()

    for name, network in {**method.generators, **method.discriminators}.items():
        key = "model.1.weight" if name.startswith("G") else "model.0.weight"
        assert not torch.equal(network.state_dict()[key], before[name]), name


def test_a_step_of_another_method_trains_its_helpers_too(small_networks):
    step = benchmarked_networks.TrainingStep(CPU, "reference", 32, method="cut")
    _, gradients = step.recorded()
    assert list(gradients) == ["discriminators", "generators", "helpers"]
    assert all(vector.any() for vector in gradients.values())


def test_two_steps_start_from_the_same_weights_and_images(small_networks):
    (terms, gradients), (others, their_gradients) = (
        benchmarked_networks.TrainingStep(CPU, "reference", 32).recorded() for _ in range(2)
    )

    assert terms.keys() == others.keys()
    assert all(torch.equal(terms[name], others[name]) for name in terms)
    assert gradients.keys() == {"generators", "discriminators"}
    assert all(torch.equal(gradients[group], their_gradients[group]) for group in gradients)


def test_recording_gradients_leaves_the_step_as_it_was(small_networks):
    recorded, plain = (benchmarked_networks.TrainingStep(CPU, "reference", 32) for _ in range(2))
    recorded.recorded(), plain()

    _, gradients = recorded.recorded()
    before = {group: vector.clone() for group, vector in gradients.items()}
    plain()
    ours, theirs = recorded(), plain()

    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert all(torch.equal(gradients[group], vector) for group, vector in before.items()), "a later step was recorded"


def test_the_training_case_compares_losses_and_gradients_with_eager(small_networks):
    prepared = training_step.prepare(CPU, size=32)

    deviations = {candidate.name: candidate.check() for candidate in prepared.candidates}

    assert deviations["eager"] == []
    assert prepared.direct_flops > 0
    for found in deviations.values():
        assert all(each.passes for each in found)
    if "fused" in deviations:
        assert [each.what for each in deviations["fused"]] == [
            "losses",
            "gradients of the discriminators",
            "gradients of the generators",
        ]


def test_kernels_that_spoil_training_are_found(small_networks, monkeypatch):
    class Spoilt(benchmarked_networks.TrainingStep):
        def __init__(self, setting, kernels, size, *, half=False, **more):
            super().__init__(setting, "reference", size, half=half, **more)
            if kernels != "reference" and not half:
                backward = self.update.backward
                self.update.backward = lambda loss: backward(loss * 1.05)

    monkeypatch.setattr(training_step, "TrainingStep", Spoilt)
    monkeypatch.setattr(training_step, "reason_against_fused_generator", lambda _: None)

    prepared = training_step.prepare(CPU, size=32)
    fused = next(candidate for candidate in prepared.candidates if candidate.name == "fused")

    assert [each.passes for each in fused.check()] == [True, False, False]
