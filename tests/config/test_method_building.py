"""A method gets all that was chosen, and whose fault it is when that fails is said."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from i2i.api import resolve
from i2i.config.method_building import DiscriminatorGroup, build_method, build_optimizers
from i2i.config.run_config import Choice
from i2i.errors import PluginError
from i2i.plugins import OptimizerSpec, Options
from i2i.plugins.calls import calling
from i2i.plugins.features import taps_of

from ..helpers.specs import spec_of

SMALL = {"generator.base_channels": 2, "discriminator.base_channels": 2}


def make(manager, config, channels, buffer_seed=0):
    return build_method(manager, config, channels, buffer_seed, torch.device("cpu"))


def test_a_method_gets_everything_that_was_chosen(manager):
    config = resolve(loss="hinge", pixel_loss="l2", settings=SMALL)

    method = make(manager, config, {"A": 3, "B": 3}, buffer_seed=1)

    assert set(method.generators) == {"G_A", "G_B"}
    assert set(method.discriminators) == {"D_A", "D_B"}
    assert type(method.adversarial).__name__ == "HingeLoss"
    assert isinstance(method.pixel, nn.MSELoss)
    weights = [next(network.parameters()) for network in (*method.generators.values(), *method.discriminators.values())]
    assert not torch.equal(weights[0], weights[1])  # each network is drawn for itself
    assert not torch.equal(weights[2], weights[3])


def test_a_loss_that_is_a_function_is_blamed_for_what_it_raises(manager, add):
    theirs = {"__name__": "i2i_oak.distance"}
    exec("def distance(image, target):\n    raise AssertionError('too near')", theirs)
    add(dataclasses.replace(spec_of("loss", lambda _: theirs["distance"]), family="pixel"))
    method = make(manager, resolve(pixel_loss="oak", settings=SMALL, manager=manager), {"A": 3, "B": 3})

    told = r"step 1 failed: loss 'oak' of package i2i-oak 1\.2 raised AssertionError: too near"
    with pytest.raises(PluginError, match=told), calling(method, "step 1"):
        method.pixel(torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4))


def test_several_pixel_losses_are_one_sum_and_one_is_itself(manager):
    settings = {**SMALL, "pixel_loss.1.weight": 0.5}
    method = make(manager, resolve(pixel_loss=["l1", "l2"], settings=settings), {"A": 3, "B": 3})

    assert [type(loss) for loss in method.pixel.losses.values()] == [nn.L1Loss, nn.MSELoss]
    assert method.pixel(torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 2.0)).item() == 2 + 0.5 * 4


def test_a_loss_that_is_a_module_moves_to_the_device(manager, add):
    class Oak(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("rings", torch.zeros(3))

    add(spec_of("loss", lambda _: Oak()))
    config = resolve(settings=SMALL)
    config = dataclasses.replace(config, loss=Choice("oak", Options()))

    method = build_method(manager, config, {"A": 3, "B": 3}, 0, torch.device("meta"))

    assert method.adversarial.rings.device.type == "meta"


def test_the_channels_of_each_domain_reach_the_networks(manager):
    config = resolve(settings={**SMALL, "method.lambda_identity": 0})

    method = make(manager, config, {"A": 1, "B": 3}, buffer_seed=1)

    grey, colour = torch.zeros(1, 1, 32, 32), torch.zeros(1, 3, 32, 32)
    assert method.generators["G_A"](grey).shape[1] == 3
    assert method.generators["G_B"](colour).shape[1] == 1
    assert method.discriminators["D_A"](colour).shape[1] == 1
    assert method.discriminators["D_B"](grey).shape[1] == 1


def test_buffers_draw_numbers_of_their_own_fixed_by_the_seed(manager):
    config = resolve(settings=SMALL)

    def draws(seed):
        method = make(manager, config, {"A": 3, "B": 3}, buffer_seed=seed)
        return [torch.rand(2, generator=buffer.generator).tolist() for buffer in method.buffers.values()]

    assert draws(1) == draws(1)
    assert draws(1)[0] != draws(1)[1]
    assert draws(1) != draws(2)


def test_one_discriminator_stands_alone_and_several_make_a_group(manager):
    one = make(manager, resolve(settings=SMALL), {"A": 3, "B": 3}).discriminators["D_A"]
    several = make(
        manager, resolve(discriminator=["pixel", "multiscale"], settings=SMALL), {"A": 3, "B": 3}
    ).discriminators["D_A"]

    assert not isinstance(one, DiscriminatorGroup)
    assert isinstance(several, DiscriminatorGroup)
    pixel, scales = several(torch.zeros(2, 3, 128, 128))
    assert pixel.shape == (2, 1, 128, 128)
    assert len(scales) == 3
    assert {name.partition(".")[0] for name in several.state_dict()} == {"0", "1"}


def test_copies_have_weights_of_their_own(manager):
    config = resolve(settings={**SMALL, "discriminator.copies": 3})

    group = make(manager, config, {"A": 3, "B": 3}).discriminators["D_A"]

    first, second, third = (next(network.parameters()) for network in group)
    assert len(group) == 3
    assert not torch.equal(first, second)
    assert not torch.equal(second, third)


def test_a_group_asks_each_about_the_same_images():
    group = DiscriminatorGroup([nn.Identity(), nn.Flatten()])
    images = torch.rand(2, 3, 4, 4)

    first, second = group(images)

    assert first is images
    assert torch.equal(second, images.flatten(1))
    assert DiscriminatorGroup([])(images) == []


def test_a_group_passes_gradients_to_each():
    group = DiscriminatorGroup([nn.Conv2d(3, 1, 1), nn.Conv2d(3, 1, 3)])

    sum(logits.sum() for logits in group(torch.rand(1, 3, 8, 8))).backward()

    assert all(parameter.grad is not None for parameter in group.parameters())


def test_a_method_gets_the_taps_of_its_networks(manager, add):
    told = []

    def build(options, *, parts):
        network = parts.make_discriminator(3)
        told.append((parts.taps, dict(taps_of(network))))
        return SimpleNamespace(generators={"G": network}, discriminators={}, buffers={}, directions={"AtoB": "G"})

    add(spec_of("method", build))
    chosen = {"generator": "unet", "settings": {**SMALL, "generator.downs": 3}, "manager": manager}
    for discriminator in ("pixel", ["pixel", "pixel"]):
        make(manager, resolve("photos", method="oak", discriminator=discriminator, **chosen), {"A": 3, "B": 3})

    (one, of_one), (several, of_several) = told
    assert one == {"generator": ("down1", "down2"), "discriminator": ("layer1", "layer2")}
    assert of_one == {"layer1": "net.1", "layer2": "net.4"}
    assert several["discriminator"] == ("0.layer1", "0.layer2", "1.layer1", "1.layer2")
    assert of_several["1.layer2"] == "1.net.4"


def test_each_group_of_networks_has_an_optimiser_with_its_options(manager):
    settings = {**SMALL, "optimizer.beta2": 0.9, "optimizer.discriminators.learning_rate": 4e-4}
    config = resolve("photos", settings=settings, optimizer="adamw")
    method = make(manager, config, {"A": 3, "B": 3})

    built = build_optimizers(manager, config.optimizer, method)

    assert {group: type(each) for group, each in built.items()} == dict.fromkeys(built, torch.optim.AdamW)
    found = {group: (each.defaults["lr"], each.defaults["betas"]) for group, each in built.items()}
    assert found == {"generators": (2e-4, (0.5, 0.9)), "discriminators": (4e-4, (0.5, 0.9))}
    networks = method.generators.values()
    trained = [parameter for network in networks for parameter in network.parameters()]
    assert all(one is other for one, other in zip(built["generators"].param_groups[0]["params"], trained, strict=True))

    method.discriminators, method.helpers = {}, {"F": nn.Linear(1, 1)}
    assert list(build_optimizers(manager, config.optimizer, method)) == ["generators", "helpers"]


def test_helpers_have_names_of_their_own(manager, add):
    def build(options, *, parts):
        line = nn.Linear(1, 1)
        return SimpleNamespace(
            generators={"G": line}, discriminators={}, buffers={}, directions={"AtoB": "G"}, helpers={"G": line}
        )

    add(spec_of("method", build))
    config = resolve("photos", settings=SMALL, method="oak", manager=manager)
    with pytest.raises(PluginError, match="helpers must have names of their own; G is another network's, too"):
        make(manager, config, {"A": 3, "B": 3})


def test_a_method_gets_the_sizes_that_all_networks_take(manager, add):
    told = []

    def build(options, *, parts):
        told.append((parts.size_multiple, parts.smallest_size))
        line = nn.Linear(1, 1)
        return SimpleNamespace(generators={"G": line}, discriminators={}, buffers={}, directions={"AtoB": "G"})

    add(spec_of("method", build))
    for generator, discriminator in (("resnet9", "patch70"), ("unet128", "pixel"), ("resnet9", "multiscale")):
        chosen = {"generator": generator, "discriminator": discriminator}
        make(manager, resolve("photos", method="oak", manager=manager, **chosen), {"A": 3, "B": 3})

    assert told == [(4, 24), (128, 128), (4, 96)]


@pytest.mark.parametrize(
    ("build_it", "told"),
    [
        (lambda _, parameters: parameters, r"build must return a torch\.optim\.Optimizer; got list"),
        (lambda _, parameters: torch.optim.SGD(parameters[:1], 0.1), r"of the \d+ parameters of the generators are in"),
        (lambda _, parameters: 1 / 0, "building optimizer oak failed: .* raised ZeroDivisionError"),
    ],
)
def test_an_optimiser_that_is_none_names_the_package(manager, add, build_it, told):
    add(OptimizerSpec(name="oak", summary="A tree.", build=build_it))
    config = resolve(settings=SMALL, optimizer="oak", manager=manager)

    with pytest.raises(PluginError, match=told) as raised:
        build_optimizers(manager, config.optimizer, make(manager, config, {"A": 3, "B": 3}))
    assert "optimizer 'oak' of package i2i-oak 1.2" in str(raised.value)
