"""The update that training and the benchmark share is the step of the papers, written out."""

import copy
from itertools import chain

import pytest
import torch
from torch import nn

from i2i.config.dataset_opening import build_datasets
from i2i.config.layers import layer_from_mapping
from i2i.config.method_building import build_method, build_optimizers
from i2i.config.resolver import resolve
from i2i.models.checkpoint import CheckpointFolder
from i2i.models.state import derive_seed, seed_everything
from i2i.plugins.manager import PluginManager
from i2i.tensors.collate import collate
from i2i.training.batches import SampleStream
from i2i.training.update import NetworkUpdate, make_averages

from ..helpers.networks import adams
from ..helpers.running import PAIRED, UNPAIRED, run_here

pytestmark = pytest.mark.usefixtures("no_page")

CPU = torch.device("cpu")


class TwoLines:
    """A method of two linear layers; each group is updated once."""

    def __init__(self):
        torch.manual_seed(0)
        self.generators, self.discriminators = {"G": nn.Linear(3, 3)}, {"D": nn.Linear(3, 1)}
        self.buffers, self.directions = {}, {"AtoB": "G"}

    def step(self, batches, update):
        terms = {}
        for group, network in (("generators", self.generators["G"]), ("discriminators", self.discriminators["D"])):
            for batch in batches:
                loss = network(batch["A"] + torch.rand(3, generator=update.random)).square().mean()
                update.backward(loss)
            update.apply(group)
            terms[group[0].upper()] = loss.detach()
        return terms


def batch():
    return {"A": torch.arange(6.0).reshape(2, 3)}


class WrittenOut:
    """The update as its three lines of PyTorch."""

    def __init__(self, method, options):
        self.random = torch.Generator().manual_seed(0)
        self.optimizers = {
            group: torch.optim.Adam(
                chain.from_iterable(network.parameters() for network in getattr(method, group).values()),
                lr=options.learning_rate,
                betas=(options.beta1, options.beta2),
            )
            for group in ("generators", "discriminators")
        }

    def backward(self, loss):
        loss.backward()

    def apply(self, group):
        self.optimizers[group].step()
        self.optimizers[group].zero_grad()


def parameters_of(method):
    networks = (*method.generators.values(), *method.discriminators.values())
    return [parameter for network in networks for parameter in network.parameters()]


@pytest.mark.parametrize("settings", [UNPAIRED, PAIRED], ids=["cyclegan", "pix2pix"])
def test_it_is_the_step_written_out_to_the_bit(settings):
    sections = {}
    for name, value in settings.items():
        section, _, key = name.partition(".")
        sections.setdefault(section, {})[key] = value
    manager = PluginManager()
    config, _ = resolve(manager, [layer_from_mapping(sections, "test")])
    torch.manual_seed(0)
    method = build_method(manager, config, {"A": 3, "B": 3}, buffer_seed=0, device=CPU)
    reference = copy.deepcopy(method)
    update = NetworkUpdate(
        method, build_optimizers(manager, config.optimizer, method), CPU, torch.Generator().manual_seed(0)
    )
    written_out = WrittenOut(reference, config.optimizer.options)
    images = torch.rand((3, 2, 2, 3, 16, 16), generator=torch.Generator().manual_seed(1)) * 2 - 1

    for number, (a, b) in enumerate(images):
        torch.manual_seed(number)  # dropout
        ours = update.train([{"A": a, "B": b}])
        torch.manual_seed(number)
        theirs = reference.step([{"A": a, "B": b}], written_out)
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)

    pairs = zip(parameters_of(method), parameters_of(reference), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_a_run_trains_by_it_to_the_bit(images, tmp_path, one_thread):
    manager = PluginManager()
    result = run_here(images, tmp_path / "run", steps=2)
    kept = CheckpointFolder(result.folder / "checkpoints", 1).latest()
    config, _ = resolve(manager, [layer_from_mapping(kept.description["config"], "test")])
    dataset, _, config = build_datasets(manager, config)
    seed_everything(0)
    method = build_method(manager, config, dataset.channels, derive_seed(0, 2, 0), CPU)
    seed_everything(derive_seed(0, 0, 0))
    optimizers = build_optimizers(manager, config.optimizer, method)
    update = NetworkUpdate(method, optimizers, CPU, torch.Generator().manual_seed(derive_seed(0, 1, 0)))

    for keys, _ in zip(SampleStream(len(dataset), seed=0, batch_size=1), range(2), strict=False):
        update.train([collate([dataset[key] for key in keys])])

    for name, network in method.generators.items():
        trained = kept.generator_weights(name)
        assert all(torch.equal(trained[key], value) for key, value in network.state_dict().items()), name


def test_each_group_is_stepped_by_an_optimiser_of_its_own():
    method = TwoLines()
    update = NetworkUpdate(method, adams(method, 1e-3), CPU, torch.Generator())
    before = [parameter.detach().clone() for parameter in parameters_of(method)]

    update.train([batch()])

    assert update.applied == ["generators", "discriminators"]
    assert {group: type(each).__name__ for group, each in update.optimizers.items()} == {
        "generators": "Adam",
        "discriminators": "Adam",
    }
    assert not any(torch.equal(one, other) for one, other in zip(before, parameters_of(method), strict=True))
    assert all(parameter.grad is None for parameter in parameters_of(method)), "gradients are cleared"


def test_a_method_without_discriminators_may_apply_them():
    method = TwoLines()
    method.discriminators = {}
    update = NetworkUpdate(method, adams(method, 1e-3), CPU, torch.Generator())

    update.apply("discriminators")

    assert (list(update.optimizers), update.applied) == (["generators"], [])


def test_helpers_have_an_optimiser_and_no_average():
    method = TwoLines()
    method.helpers = {"F": nn.Linear(3, 1)}
    before = method.helpers["F"].weight.detach().clone()
    update = NetworkUpdate(method, adams(method, 1e-3), CPU, torch.Generator(), ema_decay=0.5)

    update.backward(method.helpers["F"](batch()["A"]).sum())
    update.apply("helpers")

    assert list(update.networks) == ["G", "D", "F"]
    assert (list(update.optimizers), list(update.averages)) == (["generators", "discriminators", "helpers"], ["G"])
    assert not torch.equal(method.helpers["F"].weight, before)
    assert method.helpers["F"].weight.grad is None


def test_gradients_are_averaged_before_each_step():
    method, asked = TwoLines(), []

    def halve(optimizer):
        asked.append(optimizer)
        for parameter in optimizer.param_groups[0]["params"]:
            parameter.grad *= 0

    update = NetworkUpdate(method, adams(method, 1e-3), CPU, torch.Generator(), average_gradients=halve)
    before = [parameter.detach().clone() for parameter in parameters_of(method)]
    update.train([batch()])

    assert asked == list(update.optimizers.values())
    assert all(torch.equal(one, other) for one, other in zip(before, parameters_of(method), strict=True))


def test_half_precision_is_of_the_forward_pass_alone():
    method, seen = TwoLines(), []
    for network in (method.generators["G"], method.discriminators["D"]):
        network.register_forward_hook(lambda _, __, out: seen.append(out.dtype))
    update = NetworkUpdate(method, adams(method, 1e-3), CPU, torch.Generator(), precision="bf16")

    update.train([batch()])

    assert seen == [torch.bfloat16, torch.bfloat16]
    assert {parameter.dtype for parameter in parameters_of(method)} == {torch.float32}


def test_averages_follow_the_generators_after_their_step():
    method = TwoLines()
    update = NetworkUpdate(method, adams(method, 1e-3), CPU, torch.Generator().manual_seed(0), ema_decay=0.75)
    update.train([batch()])
    first = method.generators["G"].weight.detach().clone()
    assert torch.equal(update.averages["G"].module.weight, first), "the first step begins the average"

    update.train([batch()])

    expected = 0.75 * first + 0.25 * method.generators["G"].weight
    torch.testing.assert_close(update.averages["G"].module.weight, expected)


def test_a_ramp_up_is_that_of_the_paper():
    """As Karras et al. state it, in images: a half-life, at most a share of the images that were seen before."""
    batch_size, half_life, share = 4, 20.0, 0.5
    decay = 0.5 ** (batch_size / half_life)
    weights = torch.randn(40, generator=torch.Generator().manual_seed(0)).tolist()
    generator = nn.Linear(1, 1, bias=False)
    average = make_averages({"G": generator}, decay, share)["G"]
    expected, seen, decays = 0.0, 0, []
    for weight in weights:
        nn.init.constant_(generator.weight, weight)
        average.update_parameters(generator)

        at_most = min(half_life, share * seen)
        beta = 0.5 ** (batch_size / max(at_most, 1e-8))
        expected = weight + (expected - weight) * beta
        seen += batch_size
        decays.append(beta)
        assert average.module.weight.item() == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert decays[1] < 0.3
    assert decays[-1] == pytest.approx(decay)


def test_no_decay_is_no_average():
    assert make_averages({"G": nn.Linear(1, 1)}, 0.0) == {}
